# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# redis-server inside, redis-cli and redis-benchmark outside.
needs="redis-server redis-cli redis-benchmark"
modes="native sandbox"
limit=90

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
}

app() {
	local cli="redis-cli -h 127.0.0.1 -p $port" out
	inside_background redis redis-server --port "$port" --bind "$any" \
		--save '' --appendonly no --protected-mode no --daemonize no
	wait_port "$port"
	wait_until 15 sh -c "$cli ping | grep -q PONG"
	is "ping" PONG "$($cli ping)"
	is "set" OK "$($cli set key "a value")"
	is "get" "a value" "$($cli get key)"
	is "1 MiB value" 1048576 "$(head -c 1048576 /dev/zero | tr '\0' x |
		$cli -x set big >/dev/null && $cli strlen big)"
	is "10,000 in a pipe" "errors: 0, replies: 10000" \
		"$(for i in $(seq 10000); do echo "set k$i $i"; done |
			$cli --pipe | tail -1)"
	out=$(timeout 60 redis-benchmark -h 127.0.0.1 -p "$port" -q -n 20000 \
		-c 50 -t set,get,incr 2>&1 | tr '\r' '\n' | grep -c 'requests per second')
	is "benchmark, 50 clients" 3 "$out"
	out=$(timeout 60 redis-benchmark -h 127.0.0.1 -p "$port" -q -n 50000 \
		-P 16 -t set,get 2>&1 | tr '\r' '\n' | grep -c 'requests per second')
	is "benchmark, pipelined" 2 "$out"
	is "shut down" "" "$($cli shutdown nosave 2>&1)"
	wait "$background_pid"
	is "exit status" 0 $?
}
