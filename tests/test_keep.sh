#!/usr/bin/env bash
# Keepalive as a program sets it is the host socket's: seen by the kernel's
# timers, of connections that one process has and that several share.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

if [ "$(cat /proc/sys/net/ipv4/tcp_keepalive_time)" -lt 1000 ]; then
	skip "all" "this machine's own times are not told from the program's"
	finish
fi

port=$(free_port)
/usr/bin/python3 -S -c 'import socket, sys
l = socket.create_server(("127.0.0.1", int(sys.argv[1])))
kept = []
while True:
    kept.append(l.accept()[0])' "$port" &
kill_at_end+=("$!")
wait_port "$port"

# timer: what waits at the relay's end of the connection to $port, and for how
# many seconds at most: "02 31" is a keepalive (proc(5))
timer() {
	/usr/bin/python3 -S -c 'import os, sys
to = ":%04X" % int(sys.argv[1])
for line in open("/proc/net/tcp"):
    words = line.split()
    if words[2].endswith(to) and words[3] == "01":
        kind, ticks = words[5].split(":")
        print(kind, -(-int(ticks, 16) // os.sysconf("SC_CLK_TCK")))' "$port"
}

# within LO HI: of seconds of a keepalive timer
within() {
	read -r kind seconds <<<"$(timer)"
	[ "$kind" = 02 ] && [ "$seconds" -ge "$1" ] && [ "$seconds" -le "$2" ]
}

gone() {
	[ -z "$(timer)" ]
}

# case_of NAME LO HI CODE: the program runs CODE with its connection s
case_of() {
	mkfifo "$work/go"
	timeout 100 "$run" -q --allow "host:$port" -- /usr/bin/python3 -S -c '
import os, socket, sys
s = socket.socket()
to = ("10.0.2.2", int(sys.argv[1]))
exec(sys.argv[3])
print("ready", flush=True)
open(sys.argv[2]).read()' "$port" "$work/go" "$4" >"$work/out" 2>&1 </dev/null &
	local program=$!
	kill_at_end+=("$program")
	wait_until 60 grep -q ready "$work/out"
	if wait_until 20 within "$2" "$3"; then
		ok "$1"
	else
		not_ok "$1: $(timer)"
		sed 's/^/#   /' "$work/out"
	fi
	echo >"$work/go"
	wait "$program"
	rm "$work/go"
	wait_until 20 gone
}

idle='s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 500)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)'
case_of "without it the machine's times hold" 600 1000000 's.connect(to)'
case_of "set before the connection" 1 500 "$idle
s.connect(to)"
case_of "set while it is open" 1 500 "s.connect(to)
$idle"
case_of "set by a child, on a connection that it shares" 1 500 "s.connect(to)
if not os.fork():
    $(sed '2s/^/    /' <<<"$idle")
    os._exit(0)
os.wait()"
case_of "set before, and then shared" 1 500 "$idle
s.connect(to)
if not os.fork():
    s.send(b'x')
    os._exit(0)
os.wait()"
case_of "taken back" 600 1000000 "$idle
s.connect(to)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)"

finish
