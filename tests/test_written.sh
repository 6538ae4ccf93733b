#!/usr/bin/env bash
# What libfdnet(7) and fdnet-run(1) guarantee of data that were written before
# a program ended: each sentence, with the preload, in the sandbox, and of a
# program that no preload reaches.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
shim=$top_build/.libs/libfdnet.so
python=/usr/bin/python3
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

inside() {
	case $mode in
	sandbox) timeout 60 "$run" -q --allow "host:$port" -- "$@" ;;
	preload) LD_PRELOAD=$shim FDNET_ALLOW="host:$port" timeout 60 "$@" ;;
	esac
}

# written CASE: sets wrote, unsent, child (what the writer said), got and how
# (what the host's server saw). Who exits waits for its reader, so that one
# reads soon then, and else only when the program is gone.
written() {
	port=$(free_port)
	mkfifo "$work/go"
	"$python" -S "$top_src/tests/written.py" serve "$port" <"$work/go" \
		>"$work/server" 2>&1 &
	local server=$!
	kill_at_end+=("$server")
	exec 8>"$work/go"
	wait_port "$port"
	case $1 in
	exit | _exit | exec | unread) (sleep 1 && echo >&8) & ;;
	esac
	inside "$python" -S "$top_src/tests/written.py" write 10.0.2.2 \
		"$port" "$1" >"$work/writer" 2>"$work/err" </dev/null
	rc=$?
	case $1 in
	exit | _exit | exec | unread) ;;
	untouched)
		wait_until 30 grep -q child "$work/writer"
		echo >&8
		;;
	*) echo >&8 ;;
	esac
	exec 8>&-
	wait_until 30 grep -q . "$work/server"
	read -r got how <"$work/server"
	read -r wrote unsent <<<"$(head -n 1 "$work/writer")"
	child=$(sed -n 's/^child //p' "$work/writer")
	rm "$work/go"
}

# all CASE NAME: everything arrives, and then the end
all() {
	written "$1"
	same "$mode: $2: all of it arrives" "$wrote eof" "$got $how"
}

for mode in sandbox preload; do
	all exit "exit() with a full buffer"
	all _exit "_exit()"
	all exec "execve()"
	all little "SIGKILL after a write that the window took"
	written full
	if [ "$got" -ge $((wrote - unsent)) ] && [ "$got" -le "$wrote" ] &&
		[ "$unsent" -gt 0 ]; then
		ok "$mode: SIGKILL with a full window: $got of $wrote," \
			"$unsent had not left"
	else
		not_ok "$mode: SIGKILL with a full window: $got of $wrote," \
			"$unsent had not left"
		tail -n 3 "$work/err" | sed 's/^/#   /'
	fi
	# who reads nothing is waited for, but not for ever
	if [ "$mode" = sandbox ]; then
		written stuck
		same "$mode: exit() with a reader that does not read" 0 "$rc"
	fi
	all shared "SIGKILL of one of two that share it"
	all both "SIGKILL of both"
	written untouched
	matches "$mode: SIGKILL before a child's first use: it sees the end" \
		'^(eof|reset)$' "$child"
	same "$mode: and the peer has what was written" "$wrote eof" \
		"$got $how"
	written unread
	same "$mode: exit() with unread data: a reset" reset "$how"
done

finish
