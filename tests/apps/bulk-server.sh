# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# The same with the server inside: both ways at once, and 200 connections.
modes="native sandbox"
limit=120

app_setup() {
	port=$(free_port)
	publish=("$port:$port" "$port:$port/udp")
}

app() {
	inside_background peer "$netpeer" serve "$any" "$port"
	wait_port "$port"
	sleep 0.3
	is "256 MiB both ways" \
		"sent 256 MiB, received 256 MiB, all bytes as they should be" \
		"$(timeout 100 "$netpeer" bulk 127.0.0.1 "$port" 256)"
	is "200 connections" "200 of 200 connections answered" \
		"$(timeout 60 "$netpeer" many 127.0.0.1 "$port" 200)"
	is "UDP" ", 10 MiB, 0 lost" "$(timeout 100 "$netpeer" udp 127.0.0.1 \
		"$port" | sed 's/^[0-9]* datagrams echoed//')"
}
