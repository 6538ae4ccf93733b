# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# netcat: as a client inside, and as a server inside.
needs="nc socat"

app_setup() {
	port=$(free_port)
	closed=$(free_port)
	head -c 4M /dev/urandom >data
	background echo socat -t 20 \
		"TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" EXEC:cat
	wait_port "$port"
	allow=("host:$port" "host:$closed")
}

app() {
	is "echo of 4 MiB" "$(sum_of <data)" \
		"$(inside nc -N "$host" "$port" <data | sum_of)"
	inside nc -z "$host" "$port"
	is "an open port" 0 $?
	inside nc -z "$host" "$closed"
	is "a closed port" 1 $?
	# without a launcher each program has a sandbox of its own
	[ "$mode" != preload ] || return
	is "both sides inside" "over loopback" "$(inside bash -c '
		nc -l 127.0.0.1 "$0" >got & sleep 0.5
		echo "over loopback" | nc -N 127.0.0.1 "$0"
		wait; cat got' "$closed")"
}
