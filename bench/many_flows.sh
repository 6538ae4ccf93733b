#!/usr/bin/env bash
# What does one event cost when many flows are open? N connections through the
# relay, then round trips that go from one connection to the next: for each N
# how long opening took, the time of a round trip, what the relay spent on it,
# and its memory.
#
#	bench/many_flows.sh [N...]		(100 1000 10000)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../tests/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
trips=${TRIPS:-20000}
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
ulimit -n "$(ulimit -Hn)"

cat >"$work/serve.py" <<'END'
import select, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
s.setblocking(False)
poll = select.epoll()
poll.register(s, select.EPOLLIN)
conns = {}
while True:
    for fd, _ in poll.poll():
        if fd == s.fileno():
            try:
                while True:
                    c = s.accept()[0]
                    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    conns[c.fileno()] = c
                    poll.register(c, select.EPOLLIN)
            except BlockingIOError:
                continue
        data = conns[fd].recv(100)
        if data:
            conns[fd].send(data)
        else:
            poll.unregister(fd)
            conns.pop(fd).close()
END
cat >"$work/ask.py" <<'END'
import os, signal, socket, sys, time
os.setpgid(0, 0)
port, n, trips = map(int, sys.argv[1:4])
# so many that the descriptors of one process need not be enough
EACH = 4000
begin = time.monotonic()
def connect(n):
    conns = []
    for _ in range(n):
        conns.append(socket.create_connection(("10.0.2.2", port)))
        conns[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return conns
left = n
while left > EACH:
    r, w = os.pipe()
    if not os.fork():
        mine = connect(EACH)
        os.write(w, b"x")
        while True:
            time.sleep(1000)
    os.read(r, 1)
    left -= EACH
conns = connect(left)
opened = time.monotonic() - begin
print("opened %.2f" % opened, flush=True)
sys.stdin.readline()
begin = time.monotonic()
for i in range(trips):
    c = conns[i % left]
    c.send(b"x")
    c.recv(1)
print("trip %.1f" % ((time.monotonic() - begin) / trips * 1e6), flush=True)
sys.stdin.readline()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.killpg(0, signal.SIGTERM)
END

port=$(free_port)
/usr/bin/python3 -S "$work/serve.py" "$port" &
kill_at_end+=("$!")
wait_port "$port"

printf '%8s %10s %14s %14s %10s\n' flows "opened, s" "round trip, us" \
	"relay, us" "RSS, KiB"
[ $# -gt 0 ] || set -- 100 1000 10000
for n in "$@"; do
	rm -f "$work/keys"
	mkfifo "$work/keys"
	"$run" -q --control "$work/ctl" --allow "host:$port" \
		--limit tcp-flows=20000 --limit tcp-pending=4096 -- \
		/usr/bin/python3 -S "$work/ask.py" "$port" "$n" "$trips" \
		<"$work/keys" >"$work/out" &
	sandbox=$!
	kill_at_end+=("$sandbox")
	exec 7>"$work/keys"
	wait_until 100 grep -q opened "$work/out"
	relay=$("$ctl" -c "$work/ctl" -j status </dev/null |
		sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' | head -1)
	before=$(cut -d' ' -f1 "/proc/$relay/schedstat")
	echo >&7
	wait_until 100 grep -q trip "$work/out"
	after=$(cut -d' ' -f1 "/proc/$relay/schedstat")
	printf '%8s %10s %14s %14s %10s\n' "$n" \
		"$(sed -n 's/^opened //p' "$work/out")" \
		"$(sed -n 's/^trip //p' "$work/out")" \
		"$(((after - before) / trips / 1000)).$(((after - before) / trips / 100 % 10))" \
		"$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' \
			"/proc/$relay/status")"
	echo >&7
	exec 7>&-
	wait "$sandbox"
done
