# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# A peer that reads nothing for 10 s, then everything.

app_setup() {
	port=$(free_port)
	allow=("host:$port")
	background peer "$netpeer" serve 127.0.0.1 "$port"
	wait_port "$port"
}

app() {
	is "8 MiB past a stall of 10 s" "after the stall: ok" \
		"$(inside "$netpeer" stall "$host" "$port" 10)"
}
