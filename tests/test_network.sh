#!/usr/bin/env bash
# Networks that sandboxes share: members reach each other by address and by
# name, nobody else does, and another service takes over in the middle.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
relay=$top_build/fdnet-relay
member=$top_src/tests/network_member.py
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

mkdir "$work/policies"
printf '%s\n' "network lab" "name web" >"$work/policies/web.policy"
printf '%s\n' "network lab" "name db" >"$work/policies/db.policy"
printf '%s\n' "network office" "name db" >"$work/policies/office.policy"
: >"$work/policies/alone.policy"
"$relay" --policy-dir "$work/policies" --control "$work/%s.ctl" \
	--listen "web=$work/web" --listen "db=$work/db" \
	--listen "office=$work/office" --listen "alone=$work/alone" \
	--quiet 2>"$work/service.err" </dev/null &
service=$!
kill_at_end+=("$service")
wait_until 20 test -S "$work/alone"

# in_box PATH WORDS...: the member's program in a sandbox of that path
in_box() {
	local path=$1
	shift
	# what ends when the shell closes it must not be held by others
	FDNET_RELAY=$work/$path timeout 200 "$run" -q -- \
		/usr/bin/python3 -S "$member" "$@" 2>&1 7>&- 8>&-
}

mkfifo "$work/db.in"
in_box db serve <"$work/db.in" >"$work/db.out" &
kill_at_end+=("$!")
exec 7>"$work/db.in"
wait_until 60 grep -q ready "$work/db.out"

# ---- by address and by name ----
out=$(in_box web dial db db.lab 10.0.2.15 fd00::15 </dev/null)
same "a member is reached by its name, with the network's, and by address" \
	"10.0.2.15 hello
10.0.2.15 hello
10.0.2.15 hello
fd00::15 hello" "$out"
same "datagrams, too" "datagram" "$(in_box web udp 10.0.2.15 </dev/null)"
same "by name" "datagram" "$(in_box web udp db </dev/null)"
same "echo requests by address" "10.0.2.15 0 ping" \
	"$(in_box web ping 10.0.2.15 </dev/null)"
same "over IPv6" "fd00::15 129 ping" \
	"$(in_box web ping fd00::15 </dev/null)"
same "and by name" "10.0.2.15 0 ping" "$(in_box web ping db </dev/null)"

# ---- isolation ----
same "who names no network knows no name of a member" "no name" \
	"$(in_box alone dial db </dev/null)"
same "nor does who names another, where the same name is that network's own" \
	"no name
ECONNREFUSED " "$(in_box office dial web db </dev/null)"
same "an address of a member is nobody's there" "EHOSTUNREACH " \
	"$(in_box alone dial 10.0.2.16 </dev/null)"
same "nor is it pinged" "EHOSTUNREACH" \
	"$(in_box alone ping 10.0.2.16 </dev/null)"
same "in a network an address that nobody has is refused" "EHOSTUNREACH " \
	"$(in_box web dial 10.0.2.99 </dev/null)"
same "and the machine is as far as ever" "EHOSTUNREACH " \
	"$(in_box web dial 10.0.2.2 </dev/null)"

# ---- takeover ----
mkfifo "$work/web.in"
in_box web keep db <"$work/web.in" >"$work/web.out" 7>&- &
kill_at_end+=("$!")
exec 8>"$work/web.in"
wait_until 60 grep -q open "$work/web.out"
in_box web hash db 16 "$work/gate" >"$work/hash.out" </dev/null &
hash=$!
kill_at_end+=("$hash")
wait_until 100 grep -q half "$work/hash.out"
# as long as one is joining the answer is to try again
taken() {
	timeout 60 "$relay" --takeover "$work/service.ctl" \
		>"$work/takeover.out" 2>&1 </dev/null 7>&- 8>&-
}
wait_until 60 taken
same "another service takes over" "" "$(cat "$work/takeover.out")"
wait "$service"
same "and the old one ends" 0 $?
touch "$work/gate"
wait "$hash"
same "a transfer between members goes on" "half
16 same" "$(cat "$work/hash.out")"
echo still >&8
wait_until 60 grep -q still "$work/web.out"
same "so does a connection that was idle" "open
still" "$(cat "$work/web.out")"
out=$(in_box web dial db db.lab 10.0.2.15 </dev/null)
same "a sandbox that comes now finds the members" "10.0.2.15 hello
10.0.2.15 hello
10.0.2.15 hello" "$out"
same "and pings them" "10.0.2.15 0 ping" \
	"$(in_box web ping 10.0.2.15 </dev/null)"
same "others are as isolated as before" "no name" \
	"$(in_box alone dial db </dev/null)"

# ---- one leaves ----
exec 7>&-
# ended: the other says, to what is sent now
ended() {
	echo after >&8
	grep -qE "^(end|E[A-Z]+)$" "$work/web.out"
}
wait_until 60 ended
matches "the end of a member is seen by the other" "^(end|ECONNRESET|EPIPE)$" \
	"$(grep -m1 -E "^(end|E[A-Z]+)$" "$work/web.out")"
exec 8>&-
for pid in /proc/[0-9]*; do
	if tr '\0' ' ' <"$pid/cmdline" 2>/dev/null |
		grep -q -- "--takeover $work/service.ctl"; then
		kill "${pid#/proc/}"
	fi
done 2>/dev/null
same "nobody has complained" "" "$(cat "$work/service.err")"

finish
