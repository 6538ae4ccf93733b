# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# socat listening inside, for a client outside.
needs="socat"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
	head -c 4M /dev/urandom >data
}

app() {
	inside_background server socat -t 20 \
		"TCP-LISTEN:$port,bind=$any,reuseaddr" EXEC:cat
	wait_port "$port"
	is "TCP echo of 4 MiB" "$(sum_of <data)" \
		"$(timeout 30 socat -t 20 - "TCP:127.0.0.1:$port" <data | sum_of)"
	wait "$background_pid"
	is "exit status" 0 $?
}
