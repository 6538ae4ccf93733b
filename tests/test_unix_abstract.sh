#!/usr/bin/env bash
# Abstract names of AF_UNIX datagram sockets (sd_notify's, for one): the same
# natively and inside, with namespaces and without; and the machine's are not
# to be reached.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
program=$top_src/tests/unix_abstract.py
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
have /usr/bin/python3 || { skip "abstract" "no python3"; finish; }
if "$run" --check | grep -q "^supervisor *no"; then
	skip "abstract" "no supervisor here"
	finish
fi

# lines COMMAND...: what the program says, in a folder of its own
lines() {
	local folder
	folder=$(mktemp -d "$work/names.XXXXXX")
	timeout 120 "$@" /usr/bin/python3 "$program" "$folder" \
		"$$.$RANDOM" 2>&1 </dev/null
}

native=$(lines env)
matches "natively" "^its name is free: b" "$native"
for mode in -q --no-namespaces; do
	lines "$run" -q "$mode" -- >"$work/inside"
	while read -r line; do
		same "$mode: ${line%%:*}" "$line" "$(awk -F: \
			-v what="${line%%:*}" '$1 == what' "$work/inside")"
	done <<<"$native"
done

# a service manager inside, and who reports to it; static ones among them
cat >"$work/manager" <<'EOS'
import os, socket, subprocess, sys, threading
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0fdnet-manager-%d" % os.getpid())
manager.settimeout(60)
where = "@" + manager.getsockname()[1:].decode()
child = subprocess.Popen(sys.argv[1:],
                         env=dict(os.environ, NOTIFY_SOCKET=where))
print(manager.recv(1000).decode().strip())


def receive():
    """what else it says, a descriptor whose end it waits for among it"""
    while True:
        manager.recv(1000)


manager.settimeout(None)
threading.Thread(target=receive, daemon=True).start()
child.wait()
EOS
# manager NAME EXPECTED COMMAND...
manager() {
	local mode name=$1 expected=$2
	shift 2
	for mode in -q --no-namespaces; do
		same "$mode: $name" "$expected" "$(timeout 120 "$run" -q \
			"$mode" -- /usr/bin/python3 "$work/manager" "$@" \
			2>&1 </dev/null)"
	done
}
# (the sanitizers' library does not go with systemd's)
if have systemd-notify && timeout 60 "$run" -q -- systemd-notify --version \
	>/dev/null 2>&1 </dev/null; then
	manager "systemd-notify reports" "STATUS=up and well" \
		systemd-notify --status="up and well"
else
	skip "systemd-notify" "it is not there, or does not run"
fi
if have socat; then
	# shellcheck disable=SC2016
	manager "socat sends" "from socat" sh -c \
		'echo from socat | socat -u - "ABSTRACT-SENDTO:${NOTIFY_SOCKET#@}"'
else
	skip "socat" "it is not there"
fi

# one of the machine's, by the same kind of name
/usr/bin/python3 -c '
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("\0" + sys.argv[1])
print("up", flush=True)
while True:
    print(server.recv(100).decode(), flush=True)' "fdnet-host-$$" \
	>"$work/heard" &
kill_at_end+=($!)
wait_until 20 grep -q up "$work/heard"
for mode in -q --no-namespaces; do
	matches "$mode: the machine's are nobody's" "Connection refused" "$(
		timeout 60 "$run" -q "$mode" -- /usr/bin/python3 -c '
import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(
    b"from inside", "\0" + sys.argv[1])' "fdnet-host-$$" 2>&1 </dev/null)"
done
same "and heard nothing" up "$(cat "$work/heard")"
finish
