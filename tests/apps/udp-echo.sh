# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# 10 MiB through a UDP echo, in datagrams of 1 to 65507 bytes.
limit=120

app_setup() {
	port=$(free_port)
	allow=("host:$port/udp")
	background peer "$netpeer" serve 127.0.0.1 "$port"
	wait_port "$port"
}

app() {
	is "all sizes" ", 10 MiB, 0 lost" "$(inside "$netpeer" udp "$host" \
		"$port" | sed 's/^[0-9]* datagrams echoed//')"
}
