#!/usr/bin/env bash
# fdnet-ctl top in a real terminal (script(1)): flows come and go in it, "q"
# ends it, and the terminal is as it was.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
peer=$top_build/tests/apps/netpeer
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
export FDNET_CONTROL=$work/control TERM=xterm LINES=24 COLUMNS=100

if ! have script; then
	skip "top" "there is no script(1)"
	finish
fi

port=$(free_port)
"$peer" serve 127.0.0.1 "$port" >/dev/null 2>&1 &
kill_at_end+=("$!")
wait_port "$port"
# shellcheck disable=SC2016 # for the shell inside
timeout 120 "$run" -q --control "$FDNET_CONTROL" --allow "host:$port" -- \
	bash -c '"$0" hold 10.0.2.2 "$1" & wait_for=$!
	until [ -e "$2" ]; do sleep 0.1; done; kill $wait_for' \
	"$peer" "$port" "$work/enough" >/dev/null 2>"$work/run.err" </dev/null &
kill_at_end+=("$!")
has_flow() {
	"$ctl" -j flows </dev/null | grep -q "10.0.2.2:$port"
}
wait_until 30 has_flow

# ---- in a terminal ----
mkfifo "$work/keys"
# shellcheck disable=SC2094 # the terminal is a file of its own
timeout 60 script -qefc "stty rows 24 cols 100; '$ctl' -n 1 top; \
	echo status \$?; stty -a" "$work/screen" <"$work/keys" \
	>/dev/null 2>&1 &
top=$!
kill_at_end+=("$top")
exec 7>"$work/keys"
shows() {
	grep -aq "$1" "$work/screen"
}
wait_until 30 shows "10.0.2.2:$port"
if shows "10.0.2.2:$port"; then
	ok "the flow is there"
else
	not_ok "the flow is there"
fi
if shows netpeer; then
	ok "with its program"
else
	not_ok "with its program"
fi
printf q >&7
wait_until 30 shows "status 0"
exec 7>&-
wait "$top"
same "q ends it" 0 $?
matches "with status 0" "status 0" "$(tr -d '\r' <"$work/screen")"
matches "and the terminal echoes again" "(^| )echo( |;|\$)" \
	"$(sed -n '/status 0/,$p' "$work/screen" | tr -d '\r')"
matches "line by line" "(^| )icanon( |;|\$)" \
	"$(sed -n '/status 0/,$p' "$work/screen" | tr -d '\r')"

# ---- without one ----
timeout 20 "$ctl" top >"$work/out" 2>"$work/err" </dev/null
same "without a terminal it is refused" 1 $?
matches "and why" "terminal" "$(cat "$work/err")"
timeout 20 "$ctl" -n 0.2 top >"$work/out" 2>"$work/err" </dev/null
same "an interval that is none is refused" 2 $?
matches "with what may stand there" "1 to 3600" "$(cat "$work/err")"
touch "$work/enough"
finish
