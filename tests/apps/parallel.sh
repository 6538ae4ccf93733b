# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# 200 connections of one program, open at the same time.

app_setup() {
	port=$(free_port)
	allow=("host:$port")
	background peer "$netpeer" serve 127.0.0.1 "$port"
	wait_port "$port"
}

app() {
	is "200 connections" "200 of 200 connections answered" \
		"$(inside "$netpeer" many "$host" "$port" 200)"
}
