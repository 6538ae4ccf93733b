# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# iperf3, the client inside and the server inside, both directions, and UDP.
needs="iperf3"
modes="native sandbox"
limit=30

app_setup() {
	port=$(free_port)
	inner=$(free_port)
	allow=("host:$port")
	publish=("$inner:$inner")
	background server iperf3 -s -B 127.0.0.1 -p "$port"
	wait_port "$port"
}

# bytes over 1 MB: whether something flowed, not how fast
flowed() {
	$python -S -c '
import json, sys
end = json.load(sys.stdin)["end"]
got = end.get("sum_received", end.get("sum", {}))
print("yes" if got.get("bytes", 0) > 1000000 else end)'
}

# The port of a sandbox is there before its listener.
to_inner() {
	for _ in $(seq 50); do
		timeout 30 iperf3 -J -c 127.0.0.1 -p "$inner" -n 64M "$@" \
			>answer && break
		sleep 0.2
	done
	flowed <answer
}

app() {
	is "up" yes "$(inside iperf3 -J -c "$host" -p "$port" -n 64M | flowed)"
	is "down" yes \
		"$(inside iperf3 -J -c "$host" -p "$port" -n 64M -R | flowed)"
	is "four at once" yes \
		"$(inside iperf3 -J -c "$host" -p "$port" -n 32M -P 4 | flowed)"
	inside_background inner iperf3 -s -p "$inner"
	wait_port "$inner"
	is "into the sandbox" yes "$(to_inner)"
	is "out of the sandbox" yes "$(to_inner -R)"
}
