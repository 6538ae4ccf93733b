#!/usr/bin/env bash
# AF_UNIX between the sandbox and the host: what --unix lets through, what
# comes over it, and listeners of the program that the host connects to. What
# may not come in is tests/escape's (scm_...).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
program=$top_src/tests/unix_outside.py
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
have /usr/bin/python3 || { skip "AF_UNIX" "no python3"; finish; }

# is_over PID PATH: is there the socket, or does nobody make it any more?
is_over() {
	test -S "$2" || ! kill -0 "$1"
}

# converse OPTION...: the program's lines, with a caller from the host
converse() {
	local folder host guest
	folder=$(mktemp -d "$work/unix.XXXXXX")
	/usr/bin/python3 "$program" host "$folder" \
		>"$work/host" &
	host=$!
	kill_at_end+=("$host")
	wait_until 60 test -e "$folder/ready"
	timeout 200 "$run" -q "$@" --unix "$folder/stream" \
		--unix "$folder/packets" --unix "$folder/log" -- /usr/bin/python3 "$program" \
		guest "$folder" >"$work/guest" 2>"$work/err" </dev/null &
	guest=$!
	wait_until 120 is_over "$guest" "$folder/called"
	timeout 60 /usr/bin/python3 "$program" call "$folder/called" \
		>"$work/call" 2>&1 </dev/null
	wait "$guest"
	kill "$host"
	wait "$host" 2>/dev/null
	cat "$work/guest"
}

uid=$(id -u)
expected="who $uid
bulk True True
packets True True
pipe from a pipe
file from a file
pair BY A PAIR
behind 1
take the host wrote this
inside True True True True
nobody True
other True
many 50
end True
called a call by $uid"

for mode in "" --no-namespaces; do
	# shellcheck disable=SC2086
	got=$(converse $mode)
	while read -r word rest; do
		same "${mode:+$mode: }$word" "$rest" \
			"$(sed -n "s/^$word //p" <<<"$got")"
	done <<<"$expected"
	same "${mode:+$mode: }the caller is answered" answer "$(cat "$work/call")"
	same "${mode:+$mode: }datagrams to the host" "by connect by name" \
		"$(paste -sd' ' "$work/host")"
	same "${mode:+$mode: }what was refused is said, once" \
		"fdnet-run: refused what a process of the machine passed to the program over a local socket: a network socket" \
		"$(cat "$work/err")"
done
finish
