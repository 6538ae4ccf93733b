# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# The relay killed in the middle: clear errors at once, and no hang.
modes="sandbox"

app_setup() {
	port=$(free_port)
	allow=("host:$port")
	background peer "$netpeer" serve 127.0.0.1 "$port"
	wait_port "$port"
}

app() {
	local relay
	inside_background hold "$netpeer" hold "$host" "$port"
	wait_until 15 grep -q holding hold.log
	is "it is running" 0 $?
	for relay in $(family "$background_pid"); do
		grep -q relay "/proc/$relay/comm" && break
	done
	kill -9 "$relay"
	wait_until 10 grep -q 'new ' hold.log
	is "no hang" 0 $?
	is "the connection" "ended: ECONNRESET" "$(grep '^ended' hold.log)"
	is "a new one" "ENETDOWN" "$(sed -n 's/^new [a-z]*: //p' hold.log)"
}
