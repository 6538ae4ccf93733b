# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# A node http server inside; curl outside.
needs="node curl"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
}

app() {
	local url=http://127.0.0.1:$port data=$scratch/data
	inside_background server node "$here/node_server.js" "$port" "$any"
	wait_port "$port"
	is "page" "hello from node" "$(curl -sS --retry 10 --retry-all-errors \
		"$url/")"
	head -c 16M /dev/urandom >"$data"
	is "16 MiB there and back" "$(sum_of <"$data")" \
		"$(curl -sS -T "$data" "$url/echo" | sum_of)"
	is "100 at once" 100 "$(curl -sS -Z --parallel-max 100 "$url/?[1-100]" |
		grep -c 'hello from node')"
	is "stop" "bye" "$(curl -sS "$url/stop")"
	wait "$background_pid"
	is "exit status" 0 $?
}
