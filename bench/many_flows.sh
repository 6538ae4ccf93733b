#!/usr/bin/env bash
# What do an event and a byte cost when many flows are open? N connections
# through the relay, then round trips of a byte that go from one connection to
# the next, then of 64 KiB likewise: for each N how long opening took, the time
# of a round trip, what the relay spent on it and on a byte (64 KiB each way),
# and its memory.
#
#	bench/many_flows.sh [N...]		(1 100 10000)
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
        data = conns[fd].recv(65536)
        if data:
            conns[fd].sendall(data)
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
block = b"x" * 65536
begin = time.monotonic()
for i in range(trips // 10):
    c = conns[i % left]
    c.sendall(block)
    got = 0
    while got < len(block):
        got += len(c.recv(len(block)))
print("block %.1f" % ((time.monotonic() - begin) / (trips // 10) * 1e6),
      flush=True)
sys.stdin.readline()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.killpg(0, signal.SIGTERM)
END

port=$(free_port)
/usr/bin/python3 -S "$work/serve.py" "$port" &
kill_at_end+=("$!")
wait_port "$port"

# spent - nanoseconds of a core that the relay has had
spent() {
	cut -d' ' -f1 "/proc/$relay/schedstat"
}

# said WORD - the figure that the program gave
said() {
	sed -n "s/^$1 //p" "$work/out"
}

printf '%8s %10s %14s %10s %12s %14s %10s\n' flows "opened, s" \
	"round trip, us" "relay, us" "64 KiB, us" "relay, ns/byte" "RSS, KiB"
[ $# -gt 0 ] || set -- 1 100 10000
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
	before=$(spent)
	echo >&7
	wait_until 100 grep -q trip "$work/out"
	between=$(spent)
	echo >&7
	wait_until 100 grep -q block "$work/out"
	after=$(spent)
	awk -v n="$n" -v opened="$(said opened)" -v trip="$(said trip)" \
		-v block="$(said block)" -v trips="$trips" \
		-v event=$((between - before)) -v bytes=$((after - between)) \
		-v rss="$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' \
			"/proc/$relay/status")" 'BEGIN {
		printf "%8d %10.2f %14.1f %10.1f %12.1f %14.3f %10d\n", n, \
			opened, trip, event / trips / 1000, block, \
			bytes / int(trips / 10) / 131072, rss }'
	echo >&7
	exec 7>&-
	wait "$sandbox"
done
