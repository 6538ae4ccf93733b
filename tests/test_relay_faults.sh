#!/usr/bin/env bash
# System calls of the relay fail now and then (tests/faults.c) while a real
# sandbox does everything: what fails is one call of a program's, the relay goes
# on, and when the failures are over all works. tests/test_relay_faults.c has
# the calls that scripted guests reach; here are those for names, for sockets
# that several processes see, for users of the control socket, and of the start.
# the program tells by its output when to go on; names of calls are words
# shellcheck disable=SC2094,SC2013
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
relay=$top_build/fdnet-relay
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
poll ENOMEM 1 4
close EINTR 2 100
waitpid EINTR 1 3
malloc ENOMEM 13 10
END

# a hand-over that fails is a reset to all who hold the socket, or talk to it
with_fault pread "$EIO" 1 2
same "pread gives EIO" "0 2" "$rc $(sed -n "s/^faults: pread //p" <<<"$err")"
same "and nobody waits for what was to be handed over" "" \
	"$(grep "timed out" <<<"$out")"

# ---- the helper that opens files ----
# with_files CALL ERRNO EVERY TIMES: many connections, with a record that is
# rotated, counters in a file, and reloads
with_files() {
	rm -rf "$work/files"
	mkdir "$work/files"
	FDNET_FAULT=$1:$2:$3:$4 FDNET_FAULT_AT_START=1 timeout 100 "$run" -q \
		--policy "$work/policy" --control "$work/files/ctl" \
		--record "$work/files/record" --record-size 4 --record-keep 2 \
		--metrics-file "$work/files/metrics" -- /usr/bin/python3 -S -c '
import socket, sys
for _ in range(60):
    s = socket.create_connection(("10.0.2.2", int(sys.argv[1])))
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    s.close()
print("all is well", flush=True)
sys.stdin.read()' "$port" >"$work/out" 2>"$work/err" < <(
		wait_until 90 grep -q well "$work/out"
		timeout 10 "$ctl" -c "$work/files/ctl" reload 2>&1 </dev/null \
			>"$work/files/first"
		timeout 10 "$ctl" -c "$work/files/ctl" reload 2>&1 </dev/null \
			>"$work/files/second")
	same "the files' helper: $1 gives errno $2" "all is well" \
		"$(cat "$work/out")"
}

: >"$work/out"
with_files rename "$EIO" 1 1000
same "then the record ends" "record" "$(cd "$work/files" && echo record*)"
matches "with a word about it" '"event":"full"' \
	"$(tail -1 "$work/files/record")"
: >"$work/out"
# the first is the relay's own
with_files open "$EMFILE" 2 1
matches "and what could not be opened is opened the next time" "3 rules" \
	"$(cat "$work/files/second")"
: >"$work/out"
with_files unlink "$EIO" 1 1000

# ---- nothing that the relay may call is left out ----
# these cannot fail, are the libraries' own, or another machine's name for one
# that is there; c-ares and stdio do not call lseek() and writev() by name
never="brk clock_gettime dup3 epoll_pwait exit_group futex getpid gettimeofday
	getuid lseek madvise mremap munmap newfstatat ppoll restart_syscall
	rt_sigreturn renameat renameat2 sched_yield unlinkat"
tried=$(grep -Eo '^[a-z_0-9]+ E[A-Z]+' "$0"
	grep -Eo 'with_(files|fault) [a-z]+' "$0"
	grep -Eo '^	\{ "[a-z_0-9]+"' "$top_src/tests/test_relay_faults.c")
for call in $(grep -Eo 'SCMP_SYS\([a-z_0-9]+\), CHECK' \
	"$top_src/relay/harden.c" | sed 's/SCMP_SYS(//; s/).*//' | sort -u); do
	case $call in
	pread64) name=pread ;;
	sendto) name=send ;;
	wait4) name=waitpid ;;
	openat) name=open ;;
	*) name=$call ;;
	esac
	if ! grep -qw "$name" <<<"$tried" &&
		! grep -qw "$name" <<<"$never"; then
		not_ok "no test lets $call fail"
	fi
done

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
