#!/usr/bin/env bash
# Impairment: what a program notices of delay, loss and rate. The lines
# themselves are tested on virtual time by test_limits.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
peer=$top_build/tests/apps/netpeer
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

# run_it ARGS...: sets out, err, rc
run_it() {
	timeout 100 "$run" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

port=$(free_port)
"$peer" serve 127.0.0.1 "$port" >"$work/peer.log" 2>&1 &
kill_at_end+=("$!")
wait_port "$port"

# at_least NAME MILLISECONDS GOT
at_least() {
	if [ "$3" -ge "$2" ] 2>/dev/null; then
		ok "$1 ($3 ms)"
	else
		not_ok "$1 ($3 ms)"
	fi
}

connect='import socket, sys, time
t = time.monotonic()
socket.create_connection(("10.0.2.2", int(sys.argv[1])))
print(int((time.monotonic() - t) * 1000))'
run_it -q --allow "host:$port impair=delay=100ms" -- /usr/bin/python3 -S \
	-c "$connect" "$port"
at_least "a connection takes the way there and back" 199 "$out"
run_it -q --impair delay=100ms --allow "host:$port" -- /usr/bin/python3 -S \
	-c "$connect" "$port"
at_least "--impair is about all rules" 199 "$out"
run_it -q --allow "host:$port" --allow "any impair=delay=5s" -- timeout 4 \
	/usr/bin/python3 -S -c "$connect" "$port"
at_least "another rule's impairment is none of its business" 0 "$out"
run_it -q --allow "host:$port impair=loss=3%,delay=2ms,seed=5" -- "$peer" \
	bulk 10.0.2.2 "$port" 1
matches "what is lost is sent again" "all bytes as they should be" "$out"
start=$(date +%s%N)
run_it -q --allow "host:$port impair=rate=8mbit" -- "$peer" bulk 10.0.2.2 \
	"$port" 1
matches "a slow line carries all" "all bytes as they should be" "$out"
at_least "in its time" 1000 $((($(date +%s%N) - start) / 1000000))

# ---- sockets that several processes share ----
# connected in a child, so that it is the relay's; timed there
shared='import os, socket, sys, time
s = socket.socket()
if os.fork(): sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
t = time.monotonic()
s.connect(("10.0.2.2", int(sys.argv[1])))
print(int((time.monotonic() - t) * 1000))'
run_it -q --allow "host:$port impair=delay=100ms" -- /usr/bin/python3 -S \
	-c "$shared" "$port"
at_least "a shared socket's connection takes the way there and back" 199 "$out"
run_it -q --impair delay=100ms --allow "host:$port" -- /usr/bin/python3 -S \
	-c "$shared" "$port"
at_least "by --impair too" 199 "$out"
# moved while it is open: what follows goes the same way
moved='import hashlib, os, socket, sys
s = socket.create_connection(("10.0.2.2", int(sys.argv[1])))
data = os.urandom(300000)
s.sendall(data[:1000])
if os.fork():
    s.close()
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
s.sendall(data[1000:])
s.shutdown(socket.SHUT_WR)
got = b""
while True:
    more = s.recv(65536)
    if not more: break
    got += more
print(got == data, len(got))'
echo_port=$(free_port)
/usr/bin/python3 -S -c 'import socket, sys, threading
def echo(s):
    while True:
        data = s.recv(65536)
        if not data: break
        s.sendall(data)
    s.close()
l = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=echo, args=(l.accept()[0],), daemon=True).start()' \
	"$echo_port" &
kill_at_end+=("$!")
wait_port "$echo_port"
run_it -q --allow "host:$echo_port impair=loss=3%,delay=2ms,jitter=1ms,seed=3" \
	-- /usr/bin/python3 -S -c "$moved" "$echo_port"
same "what is lost on a shared connection is sent again" "True 300000" "$out"
start=$(date +%s%N)
run_it -q --allow "host:$echo_port impair=rate=8mbit" -- /usr/bin/python3 -S \
	-c "$moved" "$echo_port"
same "a slow line carries all of it" "True 300000" "$out"
at_least "in its time" 300 $((($(date +%s%N) - start) / 1000000))
if have busybox; then
	start=$(date +%s%N)
	run_it -q --allow "host:$echo_port impair=delay=100ms" -- busybox sh -c \
		"echo hi | busybox nc 10.0.2.2 $echo_port"
	at_least "programs without the preload are impaired, too" 199 \
		$((($(date +%s%N) - start) / 1000000))
	same "and have their answer" hi "$out"
else
	skip "programs without the preload" "there is no busybox"
fi

# ---- names ----
lookup='import socket, time
t = time.monotonic()
name = socket.gethostbyname("host.fdnet")
print(name, int((time.monotonic() - t) * 1000))'
for how in "--impair delay=100ms" "--allow udp:10.0.2.3:53 impair=delay=100ms"; do
	# shellcheck disable=SC2086 # an option and its words
	run_it -q ${how%% *} "${how#* }" -- /usr/bin/python3 -S -c "$lookup"
	same "a name is answered: $how" 10.0.2.2 "${out%% *}"
	at_least "after the way there and back" 199 "${out##* }"
done
run_it -q --allow "host:1 impair=delay=100ms" -- /usr/bin/python3 -S -c \
	"$lookup" "$port"
same "a rule for something else leaves names alone" 10.0.2.2 "${out%% *}"
run_it -q --impair loss=20%,seed=2 -- /usr/bin/python3 -S -c "$lookup"
same "a question that is lost is asked again" 10.0.2.2 "${out%% *}"

# 200 datagrams through an echo: which come back?
echo='import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    data, who = s.recvfrom(2000)
    s.sendto(data, who)'
ask='import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.0.2.2", int(sys.argv[1])))
s.settimeout(1)
for i in range(200): s.send(b"%d" % i)
got = []
try:
    while True: got.append(s.recv(2000).decode())
except TimeoutError: pass
print(len(got), hash(tuple(map(int, got))))'
uport=$(free_port)
/usr/bin/python3 -S -c "$echo" "$uport" &
kill_at_end+=("$!")
sleep 0.5
lossy="impair=loss=20%,seed=42"
run_it -q --allow "host:$uport/udp $lossy" -- /usr/bin/python3 -S -c "$ask" \
	"$uport"
first=$out
n=${first%% *}
if [ "$n" -gt 80 ] && [ "$n" -lt 170 ]; then
	ok "of 200 datagrams with 20% loss each way come back $n"
else
	not_ok "of 200 datagrams with 20% loss each way come back $n"
fi
run_it -q --allow "host:$uport/udp $lossy" -- /usr/bin/python3 -S -c "$ask" \
	"$uport"
same "the same ones for the same seed" "$first" "$out"
run_it --impair delay=5 --allow any -- true
same "a wrong --impair gives 125" 125 "$rc"

finish
