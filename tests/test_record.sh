#!/usr/bin/env bash
# The record and its rotation, and the counters for Prometheus.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
peer=$top_build/tests/apps/netpeer
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0:verify_asan_link_order=0
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

# run_it ARGS...: sets out, err, rc
run_it() {
	timeout 60 "$run" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

# events FILE... -- EXPRESSION: of all lines, as e
events() {
	/usr/bin/python3 -S -c 'import json, sys
at = sys.argv.index("--")
e = [json.loads(line) for f in sys.argv[1:at] for line in open(f)]
print(eval(sys.argv[at + 1]))' "$@"
}

port=$(free_port)
"$peer" serve 127.0.0.1 "$port" >"$work/peer.log" 2>&1 &
kill_at_end+=("$!")
wait_port "$port"

# ---- one connection ----
run_it -q --allow "host:$port" --record "$work/r" -- "$peer" bulk 10.0.2.2 \
	"$port" 1
same "a connection is opened and closed" "['attach', 'close', 'detach', 'open']" \
	"$(events "$work/r" -- 'sorted(x["event"] for x in e)')"
same "with all its bytes" "True" "$(events "$work/r" -- \
	'[x["bytes_out"] > 1 << 20 and x["bytes_in"] == 1 << 20
		and x["packets_in"] > 0 and x["packets_out"] > 0
		and x["duration_us"] > 0 and x["claimed_command"] == "netpeer"
		and x["rule"] == "host:'"$port"'" for x in e
		if x["event"] == "close"][0]' 2>&1 | tr -d '\n\t')"

# ---- rotation ----
run_it -q --allow "host:$port" --record "$work/s" --record-size 4 \
	--record-keep 2 -- "$peer" many 10.0.2.2 "$port" 60
same "the program does not notice a rotation" \
	"60 of 60 connections answered" "$out"
same "two old records are kept" "$work/s $work/s.1 $work/s.2" \
	"$(echo "$work"/s*)"
for file in "$work"/s*; do
	if [ "$(stat -c %s "$file")" -lt 5120 ]; then
		ok "$(basename "$file") is no larger than it may be"
	else
		not_ok "$(basename "$file") is no larger than it may be"
	fi
done
same "no line is cut" "0" "$(events "$work"/s* -- '0' 2>&1)"
run_it -q --allow "host:$port" --record "$work/t" --record-size 4 -- "$peer" \
	many 10.0.2.2 "$port" 60
same "without rotation it ends" full \
	"$(events "$work/t" -- 'e[-1]["event"]')"
same "and only there" "$work/t" "$(echo "$work"/t*)"

# ---- metrics ----
fetch='import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
data = b""
while True:
    got = s.recv(65536)
    if not got: break
    data += got
print(data.decode())'
timeout 60 "$run" -q --allow "host:$port" --metrics "$work/m" \
	--control "$work/c" -- bash -c '"$0" many 10.0.2.2 "$1" 5
	until [ -e "$2" ]; do sleep 0.1; done' "$peer" "$port" "$work/enough" \
	>"$work/out" 2>&1 </dev/null &
sandbox=$!
kill_at_end+=("$sandbox")
answered() { grep -q answered "$work/out"; }
wait_until 15 answered
text=$(/usr/bin/python3 -S -c "$fetch" "$work/m")
matches "metrics come by HTTP" "^HTTP/1.0 200 OK" "$text"
matches "as text" "^Content-Type: text/plain; version=0.0.4" "$text"
matches "with counters" "^fdnet_tcp_open_total 5\$" "$text"
matches "and gauges" '^fdnet_flows\{proto="tcp"\} [0-9]+$' "$text"
matches "and bytes" \
	'^fdnet_bytes_total\{proto="tcp",direction="out"\} [1-9]' "$text"
matches "and rules" \
	"^fdnet_rule_hits_total\\{number=\"1\",rule=\"allow host:$port\"\\} 5\$" \
	"$text"
same "every line is a comment or a number" "" "$(sed '1,/^\r*$/d' <<<"$text" |
	grep -Ev '^(# TYPE [a-z_]+ (gauge|counter)|[a-z_]+(\{[^}]*\})? [0-9]+)?$')"
same "the socket is its user's only" 600 "$(stat -c %a "$work/m")"
matches "fdnet-ctl has them too" "^fdnet_tcp_open_total 5\$" \
	"$("$ctl" -c "$work/c" metrics)"
touch "$work/enough"
wait "$sandbox"
where=127.0.0.1:$(free_port)
run_it -q --metrics "$where" --allow "host:${where#*:}" -- /usr/bin/python3 -S \
	-c 'import socket, sys
s = socket.create_connection(("10.0.2.2", int(sys.argv[1])))
s.sendall(b"GET / HTTP/1.0\r\n\r\n"); print(s.recv(15))' "${where#*:}"
same "an address and port serve too" "b'HTTP/1.0 200 OK'" "$out"
run_it --metrics nonsense -- true
same "a bad --metrics gives 125" 125 "$rc"

finish
