#!/usr/bin/env bash
# The launcher by itself: options, descriptors, environment, signals, exit
# status, the fence. The relay is a stand-in, and the preload library an empty
# one, so that what fails here is the launcher's.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
export FDNET_RELAY_BIN=$top_build/tests/fake_relay
export FDNET_LIB=$work/empty.so
${CC:-cc} -shared -fPIC -x c /dev/null -o "$FDNET_LIB" || exit 99

# run_it ARGS...: sets out, err, rc
run_it() {
	timeout 30 "$run" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

# ---- exit status ----
run_it -q -- sh -c 'exit 7'
same "the program's exit status is passed on" 7 "$rc"
# shellcheck disable=SC2016
run_it -q -- sh -c 'kill -KILL $$'
same "a program killed by signal 9 gives 137" 137 "$rc"
run_it -q -- /nonexistent/program
same "a program that is not there gives 127" 127 "$rc"
matches "and is named" "/nonexistent/program: No such file" "$err"
run_it -q -- /dev
same "a program that cannot be run gives 126" 126 "$rc"
run_it -q -- sh -c 'echo "a  b"; echo c >&2'
same "output is the program's own" "a  b" "$out"
matches "so is standard error" "^c$" "$err"
matches "the relay's summary is there when we exit" "summary" "$err"

# ---- options ----
run_it --frobnicate -- true
same "an unknown option gives 125" 125 "$rc"
matches "it says which, where and what is accepted" \
	"unknown option '--frobnicate' \(argument 1\); accepted are --allow.*--" \
	"$err"
run_it --mtu
matches "a missing value is named" "--mtu \(argument 1\) needs a BYTES" "$err"
run_it --allow -- true
matches "-- is no value" "--allow \(argument 1\) needs a RULE" "$err"
run_it --quiet=yes -- true
matches "a value too many is named" "--quiet \(argument 1\) takes no value" \
	"$err"
run_it
same "no program gives 125" 125 "$rc"
matches "and a usage line" "no program given; usage:" "$err"
run_it --inherit x -- true
matches "a bad descriptor is named" "--inherit 'x' \(argument 1\)" "$err"
run_it --inherit 77 -- true
matches "a closed descriptor is named" "--inherit 77: .* not open" "$err"
run_it --help
same "--help exits 0" 0 "$rc"
same "--help is one screen" yes \
	"$([ "$(wc -l <"$work/out")" -le 44 ] && echo yes)"
run_it --version
matches "--version tells it" "^fdnet [0-9]+\.[0-9]+" "$out"
run_it --show-filter
matches "--show-filter gives reasons" "^socket .*EAFNOSUPPORT" "$out"
FAKE_RELAY_ARGS=$work/args run_it -a host:80 --deny=any -q --publish 1:2 -- true
same "rules reach the relay as they are, in order" \
	"--allow host:80 --deny any --quiet --publish 1:2 --attach-fd 3 --status-fd 4" \
	"$(tr '\n' ' ' <"$work/args" | sed 's/ $//')"
run_it -q -- sh -c 'echo "$@"' sh --allow x -- y
same "what follows the program is the program's" "--allow x -- y" "$out"

# ---- the relay's start ----
FAKE_RELAY=exit run_it -- echo ran
same "a relay that refuses its rules gives 125" 125 "$rc"
same "the program is not run then" "" "$out"
same "and only the relay has spoken" "fdnet-relay: bad rule 'x'" "$err"
FAKE_RELAY=kill run_it -- echo ran
matches "a relay killed at start is told" "ended by signal 9" "$err"
FAKE_RELAY=wrong run_it -- echo ran
matches "a relay of another kind is told" "said 'hello'" "$err"
FDNET_RELAY_BIN=/nonexistent run_it -- echo ran
matches "a missing relay is told" "FDNET_RELAY_BIN=/nonexistent: no such file" \
	"$err"
FAKE_RELAY=early run_it -- sh -c 'sleep 0.3; echo ran'
same "a relay that ends early does not end the program" ran "$out"
matches "but it is said" "relay ended early: the program has no network" "$err"
SECONDS=0
FAKE_RELAY=slow run_it -q -- true
same "a relay that does not answer holds us up for 2 s at most" yes \
	"$([ $SECONDS -lt 25 ] && echo yes)"

# ---- descriptors and environment ----
probe=$top_build/tests/fence_probe
exec 5</dev/null 8</dev/null
run_it -q --no-supervisor -- "$probe"
matches "inherited descriptors are closed" "^open: 0 1 2 channel$" "$out"
matches "the channel is high and survives exec" \
	"channel high: yes, over exec: yes" "$out"
run_it -q --inherit 8 --no-supervisor -- "$probe"
matches "--inherit keeps one" "^open: 0 1 2 8 channel$" "$out"
exec 5<&- 8<&-
out=$( (
	ulimit -n 256
	timeout 30 "$run" -q --no-supervisor -- "$probe" 2>/dev/null </dev/null
))
matches "a low descriptor limit is no trouble" "channel high: yes" "$out"
out=$(timeout 30 "$run" -q --no-supervisor -- "$probe" 2>/dev/null <&- | grep open)
matches "a closed standard input is opened first" "open: 0 1 2 channel" "$out"
# shellcheck disable=SC2016
LD_PRELOAD=$FDNET_LIB:$FDNET_LIB run_it -q -- sh -c 'echo $LD_PRELOAD'
same "an LD_PRELOAD that was there stays behind ours" \
	"$FDNET_LIB:$FDNET_LIB:$FDNET_LIB" "$out"
# shellcheck disable=SC2016
FDNET_FD=3 FDNET_ALLOW=any FOO=bar run_it -q -- \
	sh -c 'echo "${FDNET_FD-no} ${FDNET_ALLOW-no} $FOO"'
same "the environment stays, but for what would mislead the shim" "no no bar" \
	"$out"
# inetd's way: the socket stays outside, the program gets pipes
for kind in tcp unix; do
	out=$(timeout 20 /usr/bin/python3 -S -c '
import socket, subprocess, sys
if sys.argv[2] == "tcp":
    a = socket.create_server(("127.0.0.1", 0))
    b = socket.create_connection(a.getsockname())
    c = a.accept()[0]
else:
    b, c = socket.socketpair()
p = subprocess.Popen([sys.argv[1], "-q", "--", "sh", "-c",
    "test -S /dev/stdin || test -S /dev/stdout || echo pipes; cat; exit 5"],
    stdin=c, stdout=c)
c.close()
b.sendall(b"x" * 300000 + b"end")
b.shutdown(socket.SHUT_WR)
got = b""
while True:
    part = b.recv(65536)
    if not part: break
    got += part
print(got[:5].decode(), len(got), got[-3:].decode(), p.wait())' "$run" $kind \
		2>"$work/err")
	same "$kind sockets as standard input and output become pipes" \
		"pipes 300009 end 5" "$out"
done
export SSH_AUTH_SOCK=/nonexistent/agent NOTIFY_SOCKET=/nonexistent/notify
# shellcheck disable=SC2016
run_it -q -- sh -c 'echo "${SSH_AUTH_SOCK-no} ${NOTIFY_SOCKET-no}"'
same "pointers to services of the session are taken away" "no no" "$out"
# shellcheck disable=SC2016
run_it -q --env SSH_AUTH_SOCK -- sh -c 'echo "${SSH_AUTH_SOCK-no} ${NOTIFY_SOCKET-no}"'
same "but what --env names stays" "/nonexistent/agent no" "$out"
unset SSH_AUTH_SOCK NOTIFY_SOCKET

# ---- layers ----
run_it --check
same "--check exits 0" 0 "$rc"
matches "--check names the layers" "^landlock " "$out"
spaces=$(sed -n 's/^pid *\(yes\|no\) .*/\1/p' <<<"$out")
# shellcheck disable=SC2016
pids='echo $(ls /proc | grep -c "^[0-9]") $(ls /proc | grep -c "^'$$'$")'
if [ "$spaces" = yes ]; then
	run_it -v -- true
	matches "--verbose names a layer that is up" "fence: pid: on" "$err"
	run_it -q -- sh -c "$pids"
	matches "processes outside are not seen" "^[2-5] 0$" "$out"
	run_it -q -- cat /proc/net/dev
	same "nor interfaces" 0 "$(grep -vcE 'lo:|Inter|face' <<<"$out")"
	run_it -q -- ls /sys/class/net
	same "nor in /sys" "" "$out"
	run_it -q -- grep ^nameserver /etc/resolv.conf
	same "resolv.conf names the sandbox's server" "nameserver 10.0.2.3" \
		"$out"
	run_it -q --addr 10.9.8.7/16 -- grep ^nameserver /etc/resolv.conf
	same "also when --addr is given" "nameserver 10.9.0.3" "$out"
	run_it -q --strict -- echo ran
	same "--strict runs it" ran "$out"
	run_it -q -- sh -c 'sleep 60 & exit 4'
	same "the program's end does not wait for its children" 4 "$rc"
	if [ "$(id -u)" = 0 ]; then
		run_it -q -- sh -c 'echo x > /proc/sys/kernel/core_pattern'
		same "root inside does not change the kernel's settings" 2 \
			"$rc"
		run_it -q --no-namespaces -- \
			sh -c 'echo x > /proc/sys/kernel/core_pattern'
		same "nor without namespaces" 2 "$rc"
		run_it -q --no-namespaces -- \
			sh -c 'echo 0 > /proc/self/oom_score_adj'
		same "its own it does" 0 "$rc"
	fi
else
	skip "layers" "this machine permits no pid namespace"
fi
run_it -v --no-namespaces -- true
matches "--verbose says what is weaker" "fence: pid: off: processes" "$err"
run_it -q --no-namespaces -- sh -c "$pids"
matches "--no-namespaces: processes are seen" " 1$" "$out"
run_it --no-namespaces --strict -- echo ran
same "--strict without namespaces gives 125" 125 "$rc"
same "and does not run it" "" "$out"
matches "it names what is missing" "required layer pid cannot be had" "$err"
run_it --no-namespaces --require net,pid -- echo ran
same "so does --require" 125 "$rc"
run_it --require bogus -- echo ran
matches "an unknown layer is named" "--require 'bogus'.*accepted are net" "$err"

# ---- the fence ----
run_it -q --no-supervisor -- "$probe"
matches "no socket of any family" "^socket 2 EAFNOSUPPORT$" "$out"
same "not of seven families" 7 "$(grep -c '^socket .* EAFNOSUPPORT$' <<<"$out")"
matches "stream pairs can be made" "^pair stream ok$" "$out"
matches "seqpacket pairs can be made" "^pair seqpacket ok$" "$out"
matches "datagram pairs cannot" "^pair dgram ESOCKTNOSUPPORT$" "$out"
matches "interfaces of the host are not shown" "^SIOCGIFCONF EPERM$" "$out"
matches "no rings" "^io_uring_setup ENOSYS$" "$out"
matches "no user namespace" "^unshare user EPERM$" "$out"
matches "no tracing" "^ptrace EPERM$" "$out"
matches "no taking of descriptors" "^pidfd_getfd EPERM$" "$out"
matches "no_new_privs is set" "^no_new_privs ok$" "$out"
matches "the launcher's memory is closed" "^parent memory E" "$out"
run_it -v -- true
if grep -q "landlock: on.*signals to" <<<"$err"; then
	# in a pid namespace there would be no launcher to send to
	run_it -q --no-namespaces --no-supervisor -- "$probe"
	matches "no signals to the launcher" "^kill parent EPERM$" "$out"
else
	skip "no signals to the launcher" "this kernel's Landlock has no scopes"
fi
run_it -q --no-supervisor -- sh -c '(unset LD_PRELOAD; exec "$0") | grep "socket 2 "' "$probe"
same "dropping the preload gives nothing" "socket 2 EAFNOSUPPORT" "$out"
if [ "$(id -u)" = 0 ]; then
	run_it -q -- grep CapEff /proc/self/status
	cap=$((0x${out##*[[:space:]]}))
	same "root inside has no CAP_NET_ADMIN, SYS_ADMIN, SYS_PTRACE" \
		0 $((cap & (1 << 12 | 1 << 21 | 1 << 19)))
	if have setpriv; then
		chmod 755 "$work"
		out=$(timeout 30 setpriv --reuid 65534 --regid 65534 \
			--clear-groups "$run" -q --no-supervisor -- "$probe" 2>&1 </dev/null)
		matches "it works as an ordinary user" "^socket 2 EAFNOSUPPORT" \
			"$out"
	fi
fi
mkdir "$work/a" "$work/b"
run_it -q -- sh -c 'echo x > "$0/a/f" && ln "$0/a/f" "$0/b/g" && mv "$0/a/f" "$0/b/f"' "$work"
same "files can be linked and moved between folders" 0 "$rc"

# ---- fdnet-run itself, while the program runs and while a daemon of it does ----
# confinement PID: no_new_privs, filter, capabilities by which it may reach more
confinement() {
	local caps
	caps=$((0x$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$1/status")))
	# DAC_OVERRIDE, KILL, SETGID, SETUID, NET_ADMIN, SYS_PTRACE may be there
	printf '%s %s %s %s' \
		"$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "/proc/$1/status")" \
		"$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$1/status")" \
		"$((caps & ~(1 << 1 | 1 << 5 | 3 << 6 | 1 << 12 | 3 << 18)))" \
		"$(find "/proc/$1/fd" -lname '*kept-open*' | wc -l)"
}

# its_state NAME COMMAND...: when the program writes to "$work/up"
its_state() {
	local name=$1 pid
	shift
	rm -f "$work/up"
	timeout 60 "$run" -q --inherit 7 -- "$@" 7>"$work/kept-open" \
		8>"$work/kept-open" 2>/dev/null </dev/null &
	wait_until 20 test -s "$work/up"
	pid=$(cut -d' ' -f1 "/proc/$!/task/$!/children")
	if ldd "$run" 2>/dev/null | grep -q libasan; then
		skip "$name" "the sanitizer goes without the filter"
	elif [ -z "$pid" ]; then
		not_ok "$name: it is not there"
	else
		wait_until 10 test "$(confinement "$pid")" = "1 2 0 0"
		same "$name: no_new_privs, a filter, few capabilities, no descriptor" \
			"1 2 0 0" "$(confinement "$pid")"
	fi
	echo >"$work/down"
	wait
	rm -f "$work/down"
}
# shellcheck disable=SC2016
until_down='echo up >"$0/up"; n=0; until [ -e "$0/down" ] || [ $n = 300 ]; do n=$((n + 1)); sleep 0.1; done'
its_state "fdnet-run itself" sh -c "$until_down" "$work"

# Somebody who started a child, and then became fdnet-run: the child hears of
# its end.
timeout 60 /usr/bin/python3 -c '
import ctypes, os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, lambda *a: os._exit(
        open(sys.argv[1], "w").write("heard\n") and 0))
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    open(sys.argv[1] + ".up", "w").close()
    for _ in range(300):
        time.sleep(0.1)
    os._exit(0)
while not os.path.exists(sys.argv[1] + ".up"):
    time.sleep(0.01)
os.execv(sys.argv[2], [sys.argv[2], "-q", "--", "true"])' \
	"$work/parent" "$run" </dev/null >/dev/null 2>&1
wait_until 20 test -s "$work/parent"
same "the end of fdnet-run is told to children it had before" heard \
	"$(cat "$work/parent" 2>/dev/null)"

# ---- signals ----
# shellcheck disable=SC2016
prog='trap "echo got $0; exit 3" "$0"; echo up; n=0; while [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done'
for sig in TERM INT HUP QUIT USR1 USR2 WINCH; do
	# a script's background jobs ignore INT and QUIT, a nohup'ed one HUP
	/usr/bin/python3 -S -c '
import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(s, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' \
		"$run" -q -- sh -c "$prog" "$sig" >"$work/$sig" 2>/dev/null &
	pid=$!
	kill_at_end+=("$pid")
	wait_until 10 grep -q up "$work/$sig"
	kill -s "$sig" "$pid"
	wait "$pid"
	same "SIG$sig sent to the launcher reaches the program" "3 got $sig" \
		"$? $(tail -1 "$work/$sig")"
done
# by its argument: in a pid namespace it does not know its number outside
timeout 30 "$run" -q -- sh -c "echo up; exec sleep 60.$$" >"$work/pid" &
pid=$!
wait_until 10 test -s "$work/pid"
# the launcher is timeout's child
kill -9 "$(cut -d' ' -f1 "/proc/$pid/task/$pid/children")"
wait "$pid" 2>/dev/null
gone() { ! pgrep -fx "sleep 60.$$"; }
if wait_until 5 gone; then
	ok "a killed launcher takes the program with it"
else
	not_ok "a killed launcher takes the program with it"
fi

finish
