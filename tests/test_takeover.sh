#!/usr/bin/env bash
# A new relay takes over in the middle of 1 GiB, of fdnet-run's and of a
# service with two sandboxes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
relay=$top_build/fdnet-relay
ctl=$top_build/fdnet-ctl
bulk=$top_src/tests/bulk.py
mib=${TAKEOVER_MIB:-1024}
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

if ! have python3; then
	skip "all" "there is no python3"
	finish
fi

python() {
	/usr/bin/python3 -S "$@"
}

# moved SOCKET: MiB of the flow that has moved most, 0: none
moved() {
	"$ctl" -c "$1" -j flows 2>/dev/null </dev/null | python -c '
import json, sys
try:
    flows = json.load(sys.stdin)
except ValueError:
    flows = []
flows = flows if isinstance(flows, list) else flows.get("flows", [])
print(max([(f["bytes_in"] + f["bytes_out"]) >> 20 for f in flows] or [0]))'
}

has_moved() {
	[ "$(moved "$1")" -gt "$2" ]
}

# serve NAME send|recv: sets port
serve() {
	port=$(free_port)
	python "$bulk" serve "$port" "$2" "$mib" "$work/$1" \
		>"$work/$1.host" 2>&1 &
	kill_at_end+=("$!")
	servers+=("$!")
	wait_port "$port"
}

# take_over NAME SOCKET
take_over() {
	timeout 60 "$relay" --takeover "$2" >"$work/takeover" 2>&1 </dev/null
	same "$1: the command says that it is done" 0 $?
	same "$1: and nothing else" "" "$(cat "$work/takeover")"
}

# in_the_middle NAME ASK SOCKET GATE...: of the flows at these sockets, which
# wait at their gates, or are on their way there
in_the_middle() {
	local name=$1 ask=$2 now gates=()
	shift 2

	while [ $# -gt 0 ]; do
		wait_until 60 has_moved "$1" 0
		gates+=("$1" "$2")
		shift 2
	done
	take_over "$name" "$ask"
	set -- "${gates[@]}"
	while [ $# -gt 0 ]; do
		now=$(moved "$1")
		# its server has not said that it has done
		if [ "$now" -gt 0 ] && [ ! -s "${2%.*}.host" ]; then
			ok "$name: in the middle ($now of $mib MiB)"
		else
			not_ok "$name: in the middle ($now of $mib MiB)"
		fi
		touch "$2"
		shift 2
	done
}

# whole NAME: both ends have the same
whole() {
	matches "$1: all of it has come" "^[0-9a-f]{64} $mib MiB\$" \
		"$(cat "$work/$1.guest")"
	same "$1: and nothing else" "$(cat "$work/$1.host")" \
		"$(cat "$work/$1.guest")"
}

# other send|recv
other() {
	if [ "$1" = send ]; then echo recv; else echo send; fi
}

# ---- fdnet-run ----
for how in send recv; do
	servers=()
	serve "run-$how" "$(other "$how")"
	"$run" --control "$work/ctl" --allow "host:$port" -- \
		/usr/bin/python3 -S "$bulk" ask 10.0.2.2 "$port" "$how" "$mib" \
		>"$work/run-$how.guest" 2>"$work/run-$how.err" </dev/null &
	program=$!
	kill_at_end+=("$program")
	for gate in 1 2; do
		in_the_middle "run-$how, $gate" "$work/ctl" \
			"$work/ctl" "$work/run-$how.$gate"
	done
	wait "$program"
	same "run-$how: fdnet-run ends well" 0 $?
	wait "${servers[@]}"
	whole "run-$how"
	same "run-$how: nobody complains" "" "$(cat "$work/run-$how.err")"
	wait_until 20 test ! -e "$work/ctl"
	if [ -e "$work/ctl" ]; then
		not_ok "run-$how: the control socket is gone"
	else
		ok "run-$how: the control socket is gone"
	fi
done

# ---- the one that took over crashes: said at once, and known inside ----
mkfifo "$work/go"
"$run" --control "$work/crash.ctl" --allow "host:$port" -- \
	/usr/bin/python3 -S -c '
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.0.2.2", int(sys.argv[1])))
print("ready", flush=True)
open(sys.argv[2]).read()
try:
    socket.create_connection(("10.0.2.2", int(sys.argv[1])))
except OSError as e:
    print(e.errno)
' "$port" "$work/go" >"$work/crash.out" 2>"$work/crash.err" </dev/null &
program=$!
kill_at_end+=("$program")
wait_until 60 grep -q ready "$work/crash.out"
take_over "crash" "$work/crash.ctl"
pid=$("$ctl" -c "$work/crash.ctl" -j status </dev/null | python -c '
import json, sys
print(json.load(sys.stdin)["pid"])')
kill -KILL "$pid"
wait_until 20 grep -q . "$work/crash.err"
matches "the end of the relay that took over is said at once" \
	"had taken over has ended: the program has no network" \
	"$(cat "$work/crash.err")"
echo >"$work/go"
wait "$program"
same "and the program ends as it likes" 0 $?
same "a new connection says that the network is down" "ready
100" "$(cat "$work/crash.out")"

# ---- a service ----
servers=() programs=()
serve svc-send recv
send_port=$port
serve svc-recv send
recv_port=$port
"$relay" --listen "$work/sock" --control "$work/%s.ctl" --quiet \
	--allow "host:$send_port" --allow "host:$recv_port" \
	2>"$work/svc.err" </dev/null &
service=$!
kill_at_end+=("$service")
wait_until 20 test -S "$work/sock"
start() {
	FDNET_RELAY=$work/sock "$run" -- /usr/bin/python3 -S "$bulk" ask \
		10.0.2.2 "$2" "$1" "$mib" >"$work/svc-$1.guest" \
		2>"$work/svc-$1.err" </dev/null &
	programs+=("$!")
	kill_at_end+=("$!")
}
start send "$send_port"
wait_until 60 has_moved "$work/1.ctl" 0
start recv "$recv_port"
wait_until 60 has_moved "$work/2.ctl" 0
in_the_middle "service, 1" "$work/service.ctl" \
	"$work/1.ctl" "$work/svc-send.1" "$work/2.ctl" "$work/svc-recv.1"
wait "$service"
same "the old service has ended" 0 $?
# who comes now comes to the new one
FDNET_RELAY=$work/sock timeout 60 "$run" -- /bin/true </dev/null \
	2>"$work/new.err"
same "a new sandbox starts" 0 $?
in_the_middle "service, 2" "$work/service.ctl" \
	"$work/1.ctl" "$work/svc-send.2" "$work/2.ctl" "$work/svc-recv.2"
wait "${programs[@]}"
wait "${servers[@]}"
whole svc-send
whole svc-recv
same "the sandboxes have not noticed" "" \
	"$(cat "$work/svc-send.err" "$work/svc-recv.err" "$work/new.err")"
same "nor has anybody complained" "" "$(cat "$work/svc.err")"
# it is nobody's child: its end is its socket's
last=$("$ctl" -c "$work/service.ctl" status 2>&1 </dev/null)
matches "the service says what it is not" "not supported" "$last"
for pid in /proc/[0-9]*; do
	if tr '\0' ' ' <"$pid/cmdline" 2>/dev/null |
		grep -q -- "--takeover $work/service.ctl"; then
		kill "${pid#/proc/}"
	fi
done 2>/dev/null
wait_until 20 test ! -e "$work/service.ctl"
if [ -e "$work/service.ctl" ]; then
	not_ok "SIGTERM ends the service that took over"
else
	ok "SIGTERM ends the service that took over"
fi
finish
