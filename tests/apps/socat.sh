# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# socat: an echo outside for a client inside, TCP and UDP.
needs="socat"

app_setup() {
	port=$(free_port)
	head -c 4M /dev/urandom >data
	background tcp socat -t 20 \
		"TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" EXEC:cat
	background udp socat "UDP-LISTEN:$port,bind=127.0.0.1,fork" EXEC:cat
	wait_port "$port"
	allow=("host:$port" "host:$port/udp")
}

app() {
	is "TCP echo of 4 MiB" "$(sum_of <data)" \
		"$(inside socat -t 20 - "TCP:$host:$port" <data | sum_of)"
	is "UDP echo of a line" "a datagram" \
		"$(echo "a datagram" | inside socat -t 1 - "UDP:$host:$port")"
}
