#!/usr/bin/env bash
# System calls of the relay fail now and then (tests/faults.c) while a real
# sandbox does everything: what fails is one call of a program's, the relay goes
# on, and when the failures are over all works. tests/test_relay_faults.c has
# the calls that scripted guests reach; here are those for names, for sockets
# that several processes see, for users of the control socket, and of the start.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
relay=$top_build/fdnet-relay
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0:verify_asan_link_order=0
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

# under ASan its runtime must be the first to wrap what the injector wraps
asan=$(ldd "$relay" "$top_build/.libs/fdnet-relay" 2>/dev/null |
	sed -n 's/.*=> *\(.*libasan[^ ]*\).*/\1/p' | head -1)
cat >"$work/relay" <<END
#!/bin/sh
LD_PRELOAD="${asan:+$asan }$top_build/tests/.libs/libfaults.so" exec "$relay" "\$@"
END
chmod +x "$work/relay"
export FDNET_RELAY_BIN=$work/relay

/usr/bin/python3 -S "$top_src/tests/faults_outside.py" >"$work/ports" &
kill_at_end+=("$!")
wait_until 15 test -s "$work/ports"
read -r port names <"$work/ports"
cat >"$work/policy" <<END
allow host:$port
allow host:$port/udp
allow tcp:*.test:80
END

# with_fault CALL ERRNO EVERY TIMES: sets rc, out, err
with_fault() {
	FDNET_FAULT=$1:$2:$3:$4 timeout 240 "$run" --policy "$work/policy" \
		--dns "127.0.0.1:$names" --control "$work/ctl" \
		--record "$work/record" --record-size 4 --record-keep 2 \
		--metrics-file "$work/metrics" -- \
		/usr/bin/python3 -S "$top_src/tests/faults_inside.py" "$port" \
		>"$work/out" 2>"$work/err" </dev/null &
	local pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		# the relay is the one child of its wrapper's name
		kill -HUP "$(timeout 10 "$ctl" -c "$work/ctl" --json status |
			sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' | head -1)"
		timeout 10 "$ctl" -c "$work/ctl" reload
		timeout 10 "$ctl" -c "$work/ctl" flows
		sleep 0.05
	done >/dev/null 2>&1
	wait "$pid"
	rc=$?
	# the relay says it at its very end, which nobody waits for
	wait_until 20 grep -q "^faults: " "$work/err"
	out=$(cat "$work/out")
	err=$(cat "$work/err")
	rm -f "$work"/record*
}

# errno's numbers
EINTR=4 EIO=5 EAGAIN=11 ENOMEM=12 EMFILE=24 ENOSPC=28 ENOBUFS=105
while read -r call name every times; do
	[ -n "$call" ] || continue
	[ -z "$asan" ] || [ "$call" != malloc ] || continue
	with_fault "$call" "${!name}" "$every" "$times"
	if [ "$rc" = 0 ] && grep -q "^faults: $call [1-9]" <<<"$err"; then
		ok "$call gives $name: $(sed -n "s/^faults: $call //p" \
			<<<"$err") times"
	elif [ "$rc" = 0 ]; then
		# what the machine's libraries call is their business
		skip "$call gives $name" "it was not called"
	else
		not_ok "$call gives $name"
		printf '%s\n' "exit $rc" "$out" "$err" | tail -20 | sed 's/^/#   /'
	fi
done <<END
recvfrom ENOMEM 3 4
recvmsg ENOBUFS 7 3
send ENOBUFS 3 6
write ENOSPC 1 3
writev ENOBUFS 1 2
socket EMFILE 3 8
socketpair ENOMEM 1 2
pread EINTR 2 8
fcntl EIO 1 4
ioctl EIO 1 4
close EINTR 2 100
waitpid EINTR 1 3
malloc ENOMEM 13 10
END

# a hand-over that fails is a reset to all who hold the socket, or talk to it
with_fault pread "$EIO" 1 2
same "pread gives EIO" "0 2" "$rc $(sed -n "s/^faults: pread //p" <<<"$err")"
same "and nobody waits for what was to be handed over" "" \
	"$(grep "timed out" <<<"$out")"

# ---- at the start: a clear line, and nothing runs ----
while read -r call name options; do
	[ -n "$call" ] || continue
	# shellcheck disable=SC2086 # several words
	FDNET_FAULT=$call:${!name}:1:1000 FDNET_FAULT_AT_START=1 timeout 60 \
		"$run" --control "$work/ctl" $options -- echo ran \
		>"$work/out" 2>"$work/err" </dev/null
	rc=$?
	same "no start: $call gives $name" "125 " "$rc $(cat "$work/out")"
	matches "and it is said" "fdnet-relay: " "$(cat "$work/err")"
done <<END
epoll_create1 EMFILE
signalfd EMFILE
socketpair EMFILE
fork EAGAIN
socket EMFILE
listen ENOBUFS
getrandom EIO
epoll_ctl ENOSPC
END

# ---- the service cannot start a sandbox's relay for a while ----
FDNET_FAULT=fork:$EAGAIN:1:3 FDNET_FAULT_AT_START=1 "$work/relay" \
	--listen "$work/service" --allow "host:$port" 2>"$work/err" </dev/null &
service=$!
kill_at_end+=("$service")
wait_until 15 test -S "$work/service"
tries=0
until FDNET_RELAY=$work/service timeout 60 "$run" -q -- /usr/bin/python3 -S -c \
	'import socket, sys
socket.create_connection(("10.0.2.2", int(sys.argv[1])))' "$port" \
	>/dev/null 2>&1 </dev/null || [ $((tries += 1)) = 10 ]; do
	:
done
same "the service goes on after fork failed three times" 3 "$tries"
kill "$service"
wait "$service"

finish
