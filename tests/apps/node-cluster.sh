# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# node's cluster with four workers inside: connections that the primary accepts
# and passes on, and a listener that all share.
needs="node curl ab"
modes="native sandbox"
limit=120

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
}

# workers KIND PORT
workers() {
	local url=http://127.0.0.1:$2
	inside_background "node-$1" node "$here/node_cluster.js" "$2" "$any" "$1"
	wait_port "$2"
	answers "$url/"
	is "page, $1" "hello from one of $1" "$(curl -sS "$url/")"
	is "100 requests, 20 at once, $1" 100 "$(curl -sS -Z --parallel-max 20 \
		"$url/?[1-100]" | grep -c "hello from one of $1")"
	load_start "$url/" 2
	load_end
	is "failed, under load, $1" 0 "$load_failed"
	for n in 1 2 3 4; do
		curl -sS "$url/die" 2>/dev/null
	done
	answers "$url/"
	is "all workers killed, $1" "hello from one of $1" "$(curl -sS \
		--retry 10 --retry-all-errors --retry-delay 1 "$url/")"
	kill "$background_pid"
}

app() {
	workers rr "$port"
	port=$(free_port)
	publish=("$port:$port")
	workers none "$port"
}
