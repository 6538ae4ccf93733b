#!/usr/bin/env bash
# What may follow a rule, rules about clients, FDNET_ALLOW, and --learn.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
shim=$top_build/.libs/libfdnet.so
peer=$top_build/tests/apps/netpeer
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

# run_it ARGS...: sets out, err, rc
run_it() {
	timeout 60 "$run" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

port=$(free_port)
closed=$(free_port)
"$peer" serve 127.0.0.1 "$port" >"$work/peer.log" 2>&1 &
kill_at_end+=("$!")
wait_port "$port"
one="1 of 1 connections answered"

# ---- urgent data ----
urgent=$(free_port)
/usr/bin/python3 -S "$top_src/tests/urgent.py" serve "$urgent" \
	>"$work/urgent" 2>&1 &
kill_at_end+=("$!")
wait_port "$urgent"
run_it -q --allow "host:$urgent" -- /usr/bin/python3 -S \
	"$top_src/tests/urgent.py" ask 10.0.2.2 "$urgent"
same "urgent data reach the host at their mark" "host: abc ! def" \
	"$(cat "$work/urgent")"
same "and the program" "guest: abc ! def" "$out"

# ---- UDP-Lite: the kernel need not have it ----
# shellcheck disable=SC2016
run_it --allow any -- /usr/bin/python3 -Sc 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)
s.connect(("10.0.2.2", 99))
s.settimeout(20)
s.send(b"x")
try: s.recv(1)
except OSError as e: print(e.errno)'
same "UDP-Lite does not leave: EHOSTUNREACH" 113 "$out"
matches "and the summary says so" \
	"denied udplite 10.0.2.2:99: no rule can allow it" "$err"

# ---- limits ----
run_it --allow "host:$port conns=3" -- "$peer" many 10.0.2.2 "$port" 3
same "conns=3 lets three in" "3 of 3 connections answered" "$out"
run_it --allow "host:$port conns=3" -- "$peer" many 10.0.2.2 "$port" 5
matches "and no more at once" "EHOSTUNREACH" "$out"
matches "the summary says that it was a limit" \
	"by a limit of the rule allow host:$port conns=3" "$err"
# shellcheck disable=SC2016
run_it -q --allow "host:$port new=2/m" -- bash -c '
	for i in 1 2 3; do "$0" many 10.0.2.2 "$1" 1; done' "$peer" "$port"
same "new=2/m is two of three" \
	"$(printf '%s\n%s\nconnect: EHOSTUNREACH' "$one" "$one")" "$out"
# 4 MiB each way at 1 MiB a second, less the burst
start=$(date +%s%N)
run_it --allow "host:$port rate=8388608bit" -- "$peer" bulk 10.0.2.2 "$port" 4
took=$((($(date +%s%N) - start) / 1000000))
matches "a rate loses nothing" "all bytes as they should be" "$out"
if [ "$took" -ge 3000 ]; then
	ok "and is kept ($took ms)"
else
	not_ok "and is kept ($took ms)"
fi
run_it --deny "host:$port conns=3" -- true
same "a limit of a deny rule is a mistake" 125 "$rc"
matches "told with its column" "column $((7 + ${#port})): nothing may follow" "$err"

# ---- clients ----
# serves LABEL RULE...: is the published port reached?
serves() {
	local inner label=$1 got
	inner=$(free_port)
	shift
	timeout 60 "$run" -q --publish "$inner:8080" "$@" -- "$peer" serve \
		0.0.0.0 8080 >"$work/inner.log" 2>&1 </dev/null &
	local sandbox=$!
	kill_at_end+=("$sandbox")
	wait_port "$inner"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		got=$(timeout 10 "$peer" many 127.0.0.1 "$inner" 1)
		[ "$got" != "$one" ] || break
		sleep 0.1
	done
	kill "$sandbox"
	wait "$sandbox" 2>/dev/null
	[ "$got" = "$one" ]
}
serves_() { if serves "$@"; then ok "$1"; else not_ok "$1"; fi; }
refuses_() { if serves "$@"; then not_ok "$1"; else ok "$1"; fi; }
serves_ "clients come without a rule" --deny any
serves_ "in:host lets this machine's in" --allow in:host:8080 --deny in:any
refuses_ "in:ADDR may forbid them" --deny in:127.0.0.0/8:8080
serves_ "a rule for another port does not" --deny "in:*:81" \
	--deny in:udp:*:8080 2>/dev/null

# ---- ranges of ports ----
# three in a row that are free, one after the other
base=$(free_port)
run_it -q --publish "$base-$((base + 2)):7000-7002" --record "$work/ports" \
	--publish 0:7003/udp -- "$peer" many 127.0.0.1 7000 1
same "a range of ports is published" \
	"127.0.0.1:$base 127.0.0.1:$((base + 1)) 127.0.0.1:$((base + 2))" \
	"$(sed -n 's/.*"publish".*"tcp".*"dst":"\([^"]*\)".*/\1/p' \
		"$work/ports" | tr '\n' ' ' | sed 's/ $//')"
matches "a port that was chosen is in the record" \
	'"publish","proto":"udp","src":"10.0.2.15:7003","dst":"127.0.0.1:[1-9]' \
	"$(cat "$work/ports")"
run_it --publish "$((port - 1))-$((port + 1)):7000-7002" -- true
same "a range with a port that is taken gives 125" 125 "$rc"
matches "and names it" "port $port of 127.0.0.1 cannot be taken: .*in use" \
	"$err"

# ---- FDNET_ALLOW ----
try_list() {
	FDNET_ALLOW=$1 LD_PRELOAD=$shim timeout 30 "$peer" many 10.0.2.2 \
		"$port" 1 2>&1
}
same "FDNET_ALLOW takes a list of ports" "$one" "$(try_list "host:1,$port")"
same "and several rules" "$one" "$(try_list "tcp:a.example:1,host:$port")"
same "and deny" "connect: EHOSTUNREACH" \
	"$(try_list "deny host:$port any host:$port")"
same "and limits" "$one" "$(try_list "udp:*:53 host:$port conns=1")"

# ---- --learn ----
# shellcheck disable=SC2016
run_it -q --allow "host:$port" --learn -- bash -c '
	"$0" many 10.0.2.2 "$1" 1
	"$0" many 192.0.2.1 80 1; "$0" many 192.0.2.1 81 1
	"$0" many 192.0.2.1 443 1; "$0" many www.example.com 443 1' \
	"$peer" "$port"
matches "--learn names what was used" "^allow host:$port\$" "$err"
matches "and what was refused, ports together" \
	"^allow tcp:192.0.2.1:80-81,443\$" "$err"
matches "a name that was only asked for is a question" \
	"^# allow tcp:www.example.com:PORT" "$err"
run_it -q --learn="$work/learned" --allow "host:$port" -- "$peer" many \
	10.0.2.2 "$port" 1
same "--learn=FILE writes a file, and nothing else" "" "$err"
run_it -q --policy "$work/learned" -- "$peer" many 10.0.2.2 "$port" 1
same "which is a policy file for that run" "$one" "$out"
run_it -q --learn --allow "host:$closed" -- "$peer" many 10.0.2.2 "$closed" 1
matches "what failed was needed too" "^allow host:$closed\$" "$err"

# the learned policy is enough, and nothing in it is too much
udp=$(free_port)
/usr/bin/python3 -S -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
print("bound", flush=True)
while True:
    s.sendto(b"answer", s.recvfrom(99)[1])' "$udp" >"$work/udp" &
kill_at_end+=("$!")
wait_until 20 grep -q bound "$work/udp"
needs='import socket, sys
port, udp = map(int, sys.argv[1:3])
socket.create_connection(("10.0.2.2", port)).close()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(("10.0.2.2", udp))
s.send(b"x")
assert s.recv(99) == b"answer"
print("all of it", flush=True)'
run_needs() {
	run_it -q "$@" -- /usr/bin/python3 -S -c "$needs" "$port" "$udp"
}
run_needs --allow "host:$port" --allow "host:$udp/udp" --allow "host:9" \
	--allow "tcp:*.test:80" --allow "tcp:192.0.2.0/24:*" --learn="$work/whole"
same "a run that needs much" "all of it" "$out"
grep '^[^#]' "$work/whole" >"$work/lines"
run_needs --policy "$work/whole"
same "runs with what was learned" "all of it" "$out"
same "which is two rules of five" 2 "$(wc -l <"$work/lines")"
while read -r line; do
	grep -vxF "$line" "$work/whole" >"$work/less"
	run_needs --policy "$work/less"
	if [ "$rc" != 0 ]; then
		ok "but not without '$line'"
	else
		not_ok "but not without '$line'"
	fi
done <"$work/lines"

finish
