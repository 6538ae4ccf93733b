#!/usr/bin/env bash
# systemd's own programs and the service: its units are in order by
# systemd-analyze, and systemd-socket-activate starts it as systemd would, with
# sockets and a place to notify.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
relay=$top_build/fdnet-relay
peer=$top_build/tests/apps/netpeer
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

# ---- the units ----
# verify: both units as they are in $work/units
verify() {
	SYSTEMD_UNIT_PATH=$work/units: timeout 60 systemd-analyze verify \
		--man=no "$work/units/fdnet-relay.service" \
		"$work/units/fdnet-relay.socket" >"$work/verify" 2>&1 </dev/null
}

# units SED: copies, with the program that was built
units() {
	local unit
	mkdir -p "$work/units"
	for unit in fdnet-relay.service fdnet-relay.socket; do
		sed -e "s|^ExecStart=[^ ]*|ExecStart=$relay|" -e "$1" \
			"$top_src/doc/examples/$unit" >"$work/units/$unit"
	done
}

if have systemd-analyze; then
	units ""
	verify
	same "systemd-analyze verify has no objection" 0 $?
	same "and says nothing about them" "" \
		"$(grep fdnet-relay "$work/verify")"
	units "s/^WatchdogSec=.*/WatchdogSec=soon/; s/^SocketMode/SocketMood/"
	verify
	matches "which it would" "fdnet-relay.*(WatchdogSec|SocketMood)" \
		"$(cat "$work/verify")"
else
	skip "systemd-analyze verify" "there is no systemd"
fi

if ! have systemd-socket-activate || ! have python3; then
	skip "systemd-socket-activate" "there is no systemd"
	finish
fi

# ---- the service, started by a connection ----
port=$(free_port)
other=$(free_port)
"$peer" serve 127.0.0.1 "$port" >/dev/null 2>&1 &
kill_at_end+=("$!")
wait_port "$port"
mkdir "$work/policies"
echo "allow host:$port" >"$work/policies/web.policy"
echo "deny any" >"$work/policies/default.policy"
/usr/bin/python3 -S -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode().replace("\n", " "), flush=True)' \
	"$work/notify" >"$work/notified" 2>&1 </dev/null &
kill_at_end+=("$!")
wait_until 20 test -S "$work/notify"
systemd-socket-activate --seqpacket -l "$work/sock" --fdname=web \
	-E "NOTIFY_SOCKET=$work/notify" -E WATCHDOG_USEC=400000 \
	-E "ASAN_OPTIONS=$ASAN_OPTIONS" \
	"$relay" --policy-dir "$work/policies" >"$work/svc" 2>&1 </dev/null &
service=$!
kill_at_end+=("$service")
wait_until 20 test -S "$work/sock"
same "nothing runs before somebody comes" "" "$(cat "$work/notified")"

# inside PORT: what a sandbox at the socket gets
inside() {
	FDNET_RELAY=$work/sock timeout 60 "$run" -q -- "$peer" many 10.0.2.2 \
		"$1" 1 2>&1 </dev/null
}
same "the first sandbox starts it, with the rules of the socket's name" \
	"1 of 1 connections answered" "$(inside "$port")"
matches "READY=1 was said first" "^READY=1" "$(head -1 "$work/notified")"
same "the next one finds it" "1 of 1 connections answered" \
	"$(inside "$port")"
matches "no other rules than these" "EHOSTUNREACH|No route|0 of 1" \
	"$(inside "$other")"
wait_until 20 grep -q STATUS= "$work/notified"
matches "STATUS= says how many sandboxes there are" "STATUS=[0-9]+ sandboxes" \
	"$(cat "$work/notified")"
wait_until 20 grep -q WATCHDOG=1 "$work/notified"
matches "the watchdog is fed" "WATCHDOG=1" "$(cat "$work/notified")"
kill -TERM "$service"
wait "$service"
same "SIGTERM ends it well" 0 $?
wait_until 20 grep -q STOPPING=1 "$work/notified"
matches "and it said so" "STOPPING=1" "$(cat "$work/notified")"
if [ -S "$work/sock" ]; then
	ok "the socket is systemd's, and stays"
else
	not_ok "the socket is systemd's, and stays"
fi
finish
