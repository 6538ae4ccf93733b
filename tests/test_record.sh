#!/usr/bin/env bash
# The record and its rotation, and the counters for Prometheus.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
peer=$top_build/tests/apps/netpeer
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

# ---- a connection and datagrams that several processes use ----
run_it -q --allow "host:$port" --record "$work/own" -- /usr/bin/python3 -S \
	-c 'import os, socket, sys
where = ("10.0.2.2", int(sys.argv[1]))
s = socket.create_connection(where)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
pid = os.fork()
if not pid:
    u.sendto(b"x", where)
    t = socket.socket()
    t.connect_ex(("10.0.2.2", 9))
    os._exit(s.send(b"x") != 1)
print(os.getpid(), os.waitpid(pid, 0)[1])
late = socket.socket()
if not os.fork():
    late.connect(where)
    os._exit(0)
os.wait()' "$port"
# shellcheck disable=SC2086 # two words
same "a flow says who began it, whoever has its socket now" "True True True" \
	"$(events "$work/own" -- '" ".join(str(all(
		x["claimed_command"] == "python3" for x in e
		if x["event"] == kind)) for kind in ("open", "close", "deny"))' \
		2>&1 | tr -d '\n\t')"
same "by its number" "True" "$(events "$work/own" -- \
	'all(x["claimed_pid"] > 1 for x in e
		if x["event"] in ("open", "close", "deny"))' 2>&1 |
	tr -d '\n\t')"

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

# ---- captures ----
# packets FILE [IP:PORT]: "PACKETS BYTES" of a capture, those of the port only
packets() {
	/usr/bin/python3 -S -c 'import struct, sys
data = open(sys.argv[1], "rb").read()
magic, _, _, _, _, snap, link = struct.unpack("=IHHiIII", data[:24])
assert magic == 0xa1b2c3d4 and link in (12, 101), (magic, link)
at, n = 24, 0
while at < len(data):
    _, _, cap, size = struct.unpack("=IIII", data[at:at + 16])
    ip = data[at + 16:at + 16 + cap]
    assert ip[0] >> 4 in (4, 6) and cap <= size
    at += 16 + cap; n += 1
assert at == len(data)
print(n)' "$@" 2>&1
}
run_it -q --allow "host:$port" --pcap "$work/all.pcap" -- "$peer" many \
	10.0.2.2 "$port" 3
same "a capture does not disturb" "3 of 3 connections answered" "$out"
closed_pcap() { [ "$(packets "$1")" -gt 0 ]; }
wait_until 10 closed_pcap "$work/all.pcap"
all=$(packets "$work/all.pcap")
# at least SYN, data and FIN both ways
if [ "$all" -ge 15 ] 2>/dev/null; then
	ok "--pcap has both directions ($all packets)"
else
	not_ok "--pcap has both directions ($all packets)"
fi
run_it -q --allow "host:$port" --pcap "$work/syn.pcap" --pcap-filter \
	"tcp[tcpflags] & tcp-syn != 0 and host 10.0.2.2" -- "$peer" many \
	10.0.2.2 "$port" 3
wait_until 10 closed_pcap "$work/syn.pcap"
same "a filter picks" 6 "$(packets "$work/syn.pcap")"
run_it --pcap "$work/no.pcap" --pcap-filter "host or" -- echo ran
same "a filter that is wrong gives 125" 125 "$rc"
matches "and is told" \
	'the filter "host or" is none: .*; pcap-filter.7. has the words' "$err"
# written FILE: its writer has ended
written() {
	! pgrep -f "fdnet-pcap $1 " >/dev/null
}
# complete FILE...: each is a whole capture
complete() {
	local file
	for file in "$@"; do
		packets "$file" | grep -qE '^[1-9][0-9]*$' || return 1
	done
}
run_it -q --allow "host:$port" --pcap "$work/part.pcap" --pcap-size 4 \
	--pcap-keep 2 -- "$peer" many 10.0.2.2 "$port" 60
same "the program does not notice that captures are full" \
	"60 of 60 connections answered" "$out"
wait_until 20 written "$work/part.pcap"
same "a full capture makes room for the next, two are kept" \
	"$work/part.pcap $work/part.pcap.1 $work/part.pcap.2" \
	"$(echo "$work"/part.pcap*)"
complete "$work"/part.pcap*
same "each is whole" 0 $?
for file in "$work"/part.pcap.?; do
	# its last packet may end behind the limit
	size=$(stat -c %s "$file")
	if [ "$size" -ge 4096 ] && [ "$size" -lt 8192 ]; then
		ok "$(basename "$file") ends where it is full"
	else
		not_ok "$(basename "$file") ends where it is full ($size)"
	fi
done
run_it --verbose --allow "host:$port" --pcap "$work/one.pcap" --pcap-size 4 \
	--record "$work/one.r" -- "$peer" many 10.0.2.2 "$port" 60
matches "without --pcap-keep the capture ends, and nothing else" \
	"60 of 60 connections answered" "$out"
same "at its size" "$work/one.pcap" "$(echo "$work"/one.pcap*)"
matches "which is said" "the capture has ended" "$err"
matches "and is an event" '"capture","reason":"the file is full' \
	"$(cat "$work/one.r")"
run_it --pcap-size 1 -- echo ran
same "a size that is none gives 125" 125 "$rc"
run_it --pcap /nonexistent/x.pcap -- echo ran
same "so does a file that cannot be written" 125 "$rc"
matches "and is named" "/nonexistent/x.pcap" "$err"

timeout 60 "$run" -q --allow "host:$port" --control "$work/c2" -- bash -c '
	for i in 1 2 3 4 5 6 7 8 9; do
		until [ -e "$2.$i" ] || [ -e "$2.end" ]; do sleep 0.05; done
		[ -e "$2.end" ] && break
		"$0" many 10.0.2.2 "$1" $((i < 4 ? 1 : 8)); touch "$2.$i.done"
	done' "$peer" "$port" "$work/step" >"$work/steps" 2>&1 </dev/null &
sandbox=$!
kill_at_end+=("$sandbox")
step() {
	touch "$work/step.$1"
	wait_until 15 test -e "$work/step.$1.done"
}
wait_until 10 test -S "$work/c2"
step 1
"$ctl" -c "$work/c2" capture on "$work/on.pcap" "port $port" || not_ok "on"
step 2
matches "status shows it" "^capture +[1-9][0-9]* packets" \
	"$("$ctl" -c "$work/c2" status)"
matches "capture off tells how many" "^[1-9][0-9]* packets" \
	"$("$ctl" -c "$work/c2" capture off)"
wait_until 10 closed_pcap "$work/on.pcap"
before=$(packets "$work/on.pcap")
step 3
same "capture on FILE, off: one connection of three" "$before" \
	"$(packets "$work/on.pcap")"
if [ "$before" -ge 5 ] && [ "$before" -lt 10 ]; then
	ok "with its packets only ($before)"
else
	not_ok "with its packets only ($before)"
fi
"$ctl" -c "$work/c2" capture on "$work/bad.pcap" "port nowhere" 2>"$work/err"
same "a filter that is none is refused" 1 $?
matches "and told" 'the filter "port nowhere" is none: ' "$(cat "$work/err")"
"$ctl" -c "$work/c2" -s 4 -k 1 capture on "$work/two.pcap" || not_ok "on"
for i in 4 5 6 7 8; do step $i; done
"$ctl" -c "$work/c2" capture off >/dev/null || not_ok "off"
wait_until 20 written "$work/two.pcap"
same "fdnet-ctl's captures are bounded likewise" \
	"$work/two.pcap $work/two.pcap.1" "$(echo "$work"/two.pcap*)"
"$ctl" -c "$work/c2" -s 1 capture on "$work/x" 2>"$work/err"
same "a size that is none is a mistake" 2 $?
"$ctl" -c "$work/c2" capture off 2>"$work/err"
matches "off twice is told" "no capture" "$(cat "$work/err")"
touch "$work/step.end"
wait "$sandbox"

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
	>"$work/metered" 2>&1 </dev/null &
sandbox=$!
kill_at_end+=("$sandbox")
answered() { grep -q answered "$work/metered"; }
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
run_it -q --metrics-file "$work/m.prom" --allow "host:$port" -- "$peer" many \
	10.0.2.2 "$port" 3
metrics_file() { grep -q "^fdnet_tcp_open_total 3$" "$work/m.prom" &&
	[ ! -e "$work/m.prom.new" ]; }
wait_until 15 metrics_file
matches "a file has them at the end" "^fdnet_tcp_open_total 3\$" \
	"$(cat "$work/m.prom")"
same "and is whole" "m.prom" "$(cd "$work" && echo m.prom*)"
run_it -q --metrics-file /nowhere/m -- true
same "one that cannot be written harms nothing" 0 "$rc"
run_it --metrics nonsense -- true
same "a bad --metrics gives 125" 125 "$rc"

# who reads our pipe does not wait for what outlives the program, unless that
# holds the pipe itself
mkfifo "$work/hold"
# shellcheck disable=SC2016
got=$(timeout 60 "$run" -- sh -c '(exec >/dev/null 2>&1; read -r go <"$0") &
	echo out; echo err >&2' "$work/hold" 2>&1 </dev/null; echo "status $?")
same "a pipe ends with the program" "out err status 0" \
	"$(grep -v '^fdnet\|^relay' <<<"$got" | tr '\n' ' ' | sed 's/ $//')"
timeout 20 sh -c 'echo go >"$0"' "$work/hold"
same "and it had gone on" 0 $?
if "$run" --check | grep -q "^pid *yes"; then
	# shellcheck disable=SC2016
	timeout 60 "$run" -q --kill-rest -- \
		sh -c 'exec 9>"$0"; flock 9; sleep 300 & exit 4' \
		"$work/rest" </dev/null
	same "--kill-rest: the status" 4 $?
	flock -n "$work/rest" true
	same "and nobody is left" 0 $?
else
	skip "--kill-rest" "no pid namespace here"
fi

# what outlives the program: its refusals come when it ends, and only once
cat >"$work/stay" <<-EOS
	"$peer" many 10.0.2.2 4 1
	(
		exec <&- >/dev/null 2>&1
		until [ -e "$work/ended" ]; do sleep 0.1; done
		"$peer" many 10.0.2.2 4 1
		"$peer" many 10.0.2.2 5 1
		"$peer" many 10.0.2.2 5 1
	) &
EOS
timeout 60 "$run" -- sh "$work/stay" 2>"$work/told" >/dev/null </dev/null
same "the program's own refusal is told when it ends" 1 \
	"$(grep -c "^fdnet: denied" "$work/told")"
: >"$work/ended"
both_told() { grep -q "^fdnet: denied.*:5, 2 times:" "$work/told"; }
wait_until 30 both_told
same "those of who outlived it when they end, each once" \
	"$(printf '%s\n' "denied tcp 10.0.2.2:4" "denied tcp 10.0.2.2:4" \
		"denied tcp 10.0.2.2:5, 2 times")" \
	"$(sed -n 's/^fdnet: \(.*\): allow .*/\1/p' "$work/told")"
finish
