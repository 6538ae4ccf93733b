#!/usr/bin/env bash
# Launcher, relay and shim together: rules and what is said about them, names,
# the record, published ports, and programs that use no network.
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

# one connection that sends a line and reads it back
many="1 of 1 connections answered"

# ---- rules ----
run_it --allow "host:$port" -- "$peer" many 10.0.2.2 "$port" 1
same "an allowed service is reached" "$many" "$out"
same "and there is nothing to say" "" "$err"
run_it -- "$peer" many 10.0.2.2 "$port" 1
same "without a rule it is unreachable" "connect: EHOSTUNREACH" "$out"
matches "the summary names the option" "--allow host:$port" "$err"
run_it -q -- "$peer" many 10.0.2.2 "$port" 1
same "--quiet says nothing" "" "$err"
run_it --deny "host:$port" --allow "host:$port" -- "$peer" many 10.0.2.2 \
	"$port" 1
same "the first rule that covers it decides" "connect: EHOSTUNREACH" "$out"
run_it --allow "host:$closed" -- "$peer" many 10.0.2.2 "$closed" 1
same "an allowed port where nobody listens refuses" "connect: ECONNREFUSED" \
	"$out"
run_it --allow any -- "$peer" many 10.0.2.2 "$port" 1
same "any does not mean this machine" "connect: EHOSTUNREACH" "$out"
run_it --allow "host:$port" -- "$peer" many 127.0.0.1 "$port" 1
same "loopback is the sandbox's own" "connect: ECONNREFUSED" "$out"
run_it --allow "host:$port" -- "$peer" many host.fdnet "$port" 1
same "the host has a name" "$many" "$out"
run_it --allow "host:$port/udp" -- "$peer" many 10.0.2.2 "$port" 1
same "a rule for datagrams is none for streams" "connect: EHOSTUNREACH" "$out"
run_it -- "$peer" many 192.0.2.1 80 1
same "an address elsewhere is unreachable" "connect: EHOSTUNREACH" "$out"
matches "and named" "192.0.2.1:80" "$err"

# ---- bad words ----
run_it --allow bogus -- echo ran
same "a bad rule gives 125" 125 "$rc"
same "the program is not run" "" "$out"
matches "it says which, where and what is accepted" \
	"--allow bogus: column 1: .*accepted:" "$err"
run_it --publish nonsense -- echo ran
same "a bad --publish gives 125" 125 "$rc"
matches "and is named" "--publish nonsense" "$err"
run_it --addr 300.1.1.1/24 -- echo ran
same "a bad --addr gives 125" 125 "$rc"
run_it --mtu 12 -- echo ran
same "a bad --mtu gives 125" 125 "$rc"
run_it --publish "$port:80" -- echo ran
same "a host port that is taken gives 125" 125 "$rc"
matches "and says so" "(in use|EADDRINUSE)" "$err"

# ---- policy file, record ----
printf '# ours\nallow host:%s\ndeny any\n' "$port" >"$work/policy"
run_it --policy "$work/policy" --record "$work/record" -- "$peer" many \
	10.0.2.2 "$port" 1
same "a policy file allows" "$many" "$out"
same "the record is JSON, one event a line" 0 "$(/usr/bin/python3 -S -c '
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
print(0 if events else "empty")' "$work/record" 2>&1)"
printf 'allow host:%s\nfrobnicate\n' "$port" >"$work/policy"
run_it --policy "$work/policy" -- echo ran
same "a bad policy file gives 125" 125 "$rc"
matches "it names file and line" "policy.*2" "$err"
run_it --policy "$work/none" -- echo ran
same "a missing policy file gives 125" 125 "$rc"

# ---- addresses ----
name='import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.9.0.1", 9)); print(s.getsockname()[0])'
run_it -q --addr 10.9.0.7/24 -- /usr/bin/python3 -S -c "$name"
same "--addr is the program's address" 10.9.0.7 "$out"
run_it -q --mtu 1500 --allow "host:$port" -- "$peer" bulk 10.0.2.2 "$port" 8
matches "--mtu 1500 carries 8 MiB both ways" "all bytes as they should be" "$out"

# ---- published ports ----
inner=$(free_port)
timeout 60 "$run" -q --publish "$inner:8080" -- "$peer" serve 0.0.0.0 8080 \
	>"$work/inner.log" 2>&1 &
kill_at_end+=("$!")
wait_port "$inner"
answers() { [ "$("$peer" many 127.0.0.1 "$inner" 1)" = "$many" ]; }
if wait_until 15 answers; then
	ok "a published port reaches the program"
else
	not_ok "a published port reaches the program"
fi
same "20 at once" "20 of 20 connections answered" \
	"$(timeout 30 "$peer" many 127.0.0.1 "$inner" 20)"

# ---- processes of one sandbox ----
# bash, not sh: dash uses vfork, whose child leaves marks of the address
# sanitizer on the stack of a parent that is not built with it
# shellcheck disable=SC2016
run_it -q -- bash -c '"$0" serve 127.0.0.1 7000 & for i in 1 2 3 4 5 6 7 8 9; do
	sleep 0.2; "$0" many 127.0.0.1 7000 3 2>/dev/null | grep answered && break
done; kill $!' "$peer"
same "two programs meet over loopback" "3 of 3 connections answered" "$out"
sandboxes=$(timeout 60 "$run" -q -- bash -c '"$0" serve 127.0.0.1 7000 &
	sleep 1; echo up; sleep 3; kill $!' "$peer" >"$work/up" & sleep 1.5
	timeout 30 "$run" -q -- "$peer" many 127.0.0.1 7000 1; wait)
same "two sandboxes do not" "connect: ECONNREFUSED" "$sandboxes"

# ---- without a launcher ----
out=$(FDNET_ALLOW="host:$port" LD_PRELOAD=$shim timeout 30 "$peer" many \
	10.0.2.2 "$port" 1 2>&1)
same "the preload alone starts a relay" "$many" "$out"
out=$(LD_PRELOAD=$shim timeout 30 "$peer" many 10.0.2.2 "$port" 1 2>&1)
same "and its rules are none at first" "connect: EHOSTUNREACH" "$out"
# one list entry more would be the preload's
seen='import os, threading
print(sorted(os.listdir("/proc/self/fd")), os.listdir("/proc/self/task") ==
      [str(os.getpid())], open("/proc/self/task/%d/children" % os.getpid()).read())'
same "a program that uses no network is left untouched" \
	"$(/usr/bin/python3 -S -c "$seen" </dev/null)" \
	"$(LD_PRELOAD=$shim /usr/bin/python3 -S -c "$seen" </dev/null)"
out=$(LD_PRELOAD=$shim FDNET_RELAY_BIN=/nonexistent timeout 30 "$peer" many \
	10.0.2.2 "$port" 1 2>"$work/err")
matches "no relay: an error, not the host's network" "E[A-Z]+" "$out"
same "and nothing printed by the shim" "" "$(cat "$work/err")"

# ---- a relay for many sandboxes ----
mkdir "$work/policies"
echo "allow host:$port" >"$work/policies/open.policy"
echo "# nothing" >"$work/policies/default.policy"
"$top_build/fdnet-relay" --policy-dir "$work/policies" \
	--listen "open=$work/open.sock" --listen "$work/other.sock" \
	2>"$work/service.log" &
kill_at_end+=("$!")
wait_until 15 test -S "$work/other.sock"
export FDNET_RELAY=$work/open.sock
run_it -- "$peer" many 10.0.2.2 "$port" 1
same "fdnet-run uses a service" "$many" "$out"
same "and has nothing to say itself" "" "$err"
out=$(LD_PRELOAD=$shim timeout 30 "$peer" many 10.0.2.2 "$port" 1 2>&1)
same "so does the preload alone" "$many" "$out"
# bash, not sh: see above
# shellcheck disable=SC2016
run_it -- bash -c '"$0" serve 127.0.0.1 7000 & for i in 1 2 3 4 5 6 7 8 9; do
	sleep 0.2; "$0" many 127.0.0.1 7000 3 2>/dev/null | grep answered && break
done; kill $!' "$peer"
same "processes of one sandbox meet" "3 of 3 connections answered" "$out"
FDNET_RELAY=$work/other.sock run_it -- "$peer" many 10.0.2.2 "$port" 1
same "another path has other rules" "connect: EHOSTUNREACH" "$out"
summed() { grep -q "^sandbox [0-9]*: fdnet: denied tcp 10.0.2.2:$port" \
	"$work/service.log"; }
if wait_until 15 summed; then
	ok "the service's summary names the sandbox"
else
	not_ok "the service's summary names the sandbox"
fi
run_it --allow any -- echo ran
same "rules of one's own are refused" "125 " "$rc $out"
matches "with the reason" "--allow: the relay at FDNET_RELAY=.* own rules" "$err"
FDNET_RELAY=$work/none.sock run_it -- echo ran
same "a service that is not there gives 125" "125 " "$rc $out"
unset FDNET_RELAY

# ---- /proc/net, for those who look at the network ----
# shellcheck disable=SC2016
run_it -q -- bash -c '"$0" serve 127.0.0.1 7000 & for i in 1 2 3 4 5 6 7 8 9; do
	sleep 0.2; "$0" many 127.0.0.1 7000 1 >/dev/null 2>&1 && break
done; cat /proc/net/tcp; exec 5<>/dev/tcp/127.0.0.1/7000
cat /proc/self/net/tcp /proc/net/route; kill $!' "$peer"
matches "another process's listener is listed" \
	" 0100007F:1B58 00000000:0000 0A " "$out"
matches "so are both sides of a connection" \
	" 0100007F:1B58 0100007F:[0-9A-F]{4} 01 " "$out"
matches "the other side is too" " 0100007F:[0-9A-F]{4} 0100007F:1B58 01 " \
	"$out"
matches "routes are the sandbox's" "^eth0.00000000.0202000A.0003" "$out"
out=$(LD_PRELOAD=$shim PATH=$top_build:$PATH timeout 30 cat /proc/net/route)
same "by the preload too" 3 "$(wc -l <<<"$out")"
if command -v ss >/dev/null; then
	# shellcheck disable=SC2016
	run_it -q -- bash -c '"$0" serve 127.0.0.1 7000 & for i in 1 2 3 4 5 6; do
	sleep 0.2; "$0" many 127.0.0.1 7000 1 >/dev/null 2>&1 && break
done; ss -Htln; kill $!' "$peer"
	matches "ss lists it" "^LISTEN +0 +0 +127.0.0.1:7000 " "$out"
	same "without a word of complaint" "" "$err"
else
	skip "ss lists sockets" "no ss here"
fi
run_it -q -- cat /proc/net/snmp
matches "other files there stay the kernel's" "^Tcp:" "$out"

# ---- nothing gets past ----
printf '%s\n' '#include <sys/socket.h>' '#include <stdio.h>' '#include <errno.h>' \
	'int main(void) { int fd = socket(AF_INET, SOCK_STREAM, 0);' \
	'printf("%s\n", fd < 0 ? strerrorname_np(errno) : "a socket"); }' |
	${CC:-cc} -D_GNU_SOURCE -include string.h -static -x c - \
		-o "$work/static" 2>/dev/null
if [ -x "$work/static" ]; then
	same "a static program gets a socket natively" "a socket" \
		"$("$work/static")"
	run_it -q --no-supervisor --allow "host:$port" -- "$work/static"
	same "and none in the sandbox without the supervisor" EAFNOSUPPORT \
		"$out"
else
	skip "a static program" "it cannot be built here"
fi
run_it -q --allow "host:$port" -- env -u LD_PRELOAD "$peer" many 10.0.2.2 \
	"$port" 1
same "a program whose parent dropped the preload gets it back" "$many" "$out"

finish
