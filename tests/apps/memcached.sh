# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# memcached with four threads inside, TCP and UDP; clients outside.
needs="memcached python3"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port" "$port:$port/udp")
}

app() {
	inside_background memcached memcached -u root -p "$port" -U "$port" \
		-l "$any" -t 4 -c 1024
	wait_port "$port"
	is "100 connections, UDP" "$(printf '%s\n' "20000 right" "by UDP: yes")" \
		"$(timeout 50 "$python" "$here/memcached_client.py" "$port")"
}
