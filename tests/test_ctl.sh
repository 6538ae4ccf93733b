#!/usr/bin/env bash
# fdnet-ctl against a running relay: what it shows, closing, new rules.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
peer=$top_build/tests/apps/netpeer
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
export FDNET_CONTROL=$work/control

# ask ARGS...: sets out, err, rc
ask() {
	timeout 20 "$ctl" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

# json EXPRESSION: of the last answer, as j
json() {
	/usr/bin/python3 -S -c 'import json, sys
j = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$work/out" "$1"
}

# flows N: until fdnet-ctl sees so many
flows_are() {
	ask -j flows
	[ "$(json 'len(j)')" = "$1" ]
}

# ---- no relay ----
ask status
same "without a relay it fails" 1 "$rc"
matches "and says so" "No such file" "$err"
ask frobnicate
same "a command that there is not gives 2" 2 "$rc"
ask close x
same "without a relay close fails too" 1 "$rc"

# ---- a relay with two connections ----
port=$(free_port)
other=$(free_port)
"$peer" serve 127.0.0.1 "$port" >/dev/null 2>&1 &
kill_at_end+=("$!")
"$peer" serve 127.0.0.1 "$other" >/dev/null 2>&1 &
kill_at_end+=("$!")
wait_port "$port"
wait_port "$other"
# to read as a policy file: one rule a line
printf 'allow host:%s\n' "$port" "$other" >"$work/policy"
timeout 120 "$run" -q --control "$FDNET_CONTROL" --policy "$work/policy" \
	--record "$work/record" --publish 0:80 -- bash -c '
	"$0" hold 10.0.2.2 "$1" & "$0" hold 10.0.2.2 "$2" & wait
	until [ -e "$3" ]; do sleep 0.1; done' \
	"$peer" "$port" "$other" "$work/enough" >"$work/held" 2>"$work/run.err" </dev/null &
sandbox=$!
kill_at_end+=("$sandbox")
wait_until 15 flows_are 2

ask -j status
same "status is JSON" 0 "$rc"
same "with the flows" 2 "$(json 'j["tcp_flows"]')"
same "and the rules" 2 "$(json 'j["rules"]')"
matches "and the published ports, as they were chosen" \
	"127.0.0.1:[1-9].* 80 tcp" "$(json '" ".join(str(j["published"][0][k])
	for k in ("host", "port", "proto"))')"
relay=$(json 'j["pid"]')
ask status
matches "status as text" "2 TCP" "$out"
ask flows
matches "flows as text" "tcp +open +10.0.2.2:$port" "$out"
ask -j flows
same "each with its rule" "['host:$port', 'host:$other']" \
	"$(json 'sorted((f["rule"] for f in j), key=lambda r: r != "host:'"$port"'")')"
ask rules
matches "rules with their hits" "1  allow host:$port" "$out"
same "the socket is its user's only" 600 "$(stat -c %a "$FDNET_CONTROL")"

# ---- reload ----
printf 'allow host:%s\n' "$other" >"$work/policy"
ask reload
same "reload works" 0 "$rc"
matches "and tells what was closed" "1 rules; 1 flows closed" "$out"
ask -j flows
same "what is still allowed goes on" "['host:$other']" \
	"$(json '[f["rule"] for f in j]')"
matches "the program's other connection was reset" "ECONNRESET" \
	"$(cat "$work/held")"
printf 'allow host:%s\nallow nonsense\n' "$port" >"$work/policy"
ask reload
same "a mistake is refused" 1 "$rc"
matches "with its line and column" "2:7: " "$err"
ask -j flows
same "and changes nothing" 1 "$(json 'len(j)')"
printf 'deny udp:*:25\nallow host:%s\n' "$other" >"$work/policy.new"
mv "$work/policy.new" "$work/policy"
kill -HUP "$relay"
reloaded() {
	ask -j rules
	[ "$(json 'j[0]["rule"]')" = "udp:*:25" ]
}
wait_until 10 reloaded
ask -j rules
same "SIGHUP reads a file that was replaced, too" "udp:*:25" \
	"$(json 'j[0]["rule"]')"
printf 'allow host:%s\n' "$other" >"$work/third"
ask reload "$work/third"
same "another file can be given" "1 rules; 0 flows closed" "$out"

# ---- close ----
ask -j flows
flow=$(json 'j[0]["flow"]')
ask close "$flow"
same "close works" 0 "$rc"
wait_until 10 flows_are 0
same "the flow is gone" 0 "$(json 'len(j)')"
ask close "$flow"
same "closing it again fails" 1 "$rc"
matches "and says why" "no flow" "$err"
touch "$work/enough"
wait "$sandbox"
matches "the record tells who closed it" "closed by fdnet-ctl" \
	"$(cat "$work/record")"
matches "and that the rules changed" '"event":"reload"' \
	"$(cat "$work/record")"
matches "with the packets" '"packets_out":[1-9]' "$(cat "$work/record")"
ask status
matches "the relay has ended, and its socket with it" "No such file" "$err"
same "so has its helper" "" "$(pgrep -P "$relay" fdnet-files)"

finish
