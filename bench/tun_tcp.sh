#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The stack's TCP against the kernel's (cubic) over an emulated path, in both
# roles, beside kernel to kernel over the same path.
#
#   tun_tcp.sh PROGRAM [SECONDS]
#
# PROGRAM is bench/tun_tcp; it emulates the path itself, for all three the
# same way, because tc's netem is not in every kernel. DELAYS (one way, us),
# LOSSES (per million), RATE (Mbit/s, 0: none) and SEEDS choose the rows; each
# figure is the median over the seeds, of a transfer whose size is chosen so
# that it takes about SECONDS. Prints a table: Mbit/s, and the stack's share of
# the kernel's. Runs in network namespaces of its own; needs root or a user
# namespace.
set -u
prog=$(readlink -f "$1"); secs=${2:-6}
if [ -z "${FDNET_IN_NS:-}" ]; then
	exec env FDNET_IN_NS=1 unshare -rn "$0" "$@"
fi
export TUN_TCP_RATE=${RATE:-100}
n=0

server() { # port: reads to the end
	timeout 300 python3 -c '
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(1)
c, _ = s.accept()
while c.recv(1 << 18): pass
c.close()' "$1"
}
client() { # host port bytes: Mbit/s
	timeout 300 ${NS:+nsenter -t $NS -n --} python3 -c '
import socket, sys, time
c = socket.socket(); c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
for i in range(100):
    try:
        c.connect((sys.argv[1], int(sys.argv[2]))); break
    except ConnectionRefusedError: time.sleep(0.1)
t = time.monotonic(); n = int(sys.argv[3]); b = bytes(1 << 16)
while n > 0: n -= c.send(b[:n])
c.shutdown(socket.SHUT_WR); c.recv(1)
t = time.monotonic() - t
print("%.2f" % (int(sys.argv[3]) * 8 / t / 1e6))' "$1" "$2" "$3"
}
dev() { # name own peer
	ip tuntap add "$1" mode tun 2>/dev/null
	ip addr add "$2" peer "$3" dev "$1" 2>/dev/null
	ip link set "$1" mtu 1500 txqueuelen 20000 up
}
far() { nsenter -t $far -n -- "$@"; }
ip link set lo up
dev tun0 10.9.0.1 10.9.0.2
# kernel to kernel: the other end in a namespace of its own
unshare -n sleep 3600 & far=$!
trap 'kill $far' EXIT
sleep 0.2
far ip link set lo up

stack_sends() { # delay loss seed bytes
	n=$((n + 1)); server $((5100 + n)) & sp=$!
	timeout 300 "$prog" send tun0 "$1" "$2" "$3" 10.9.0.2 10.9.0.1 $((5100 + n)) "$4" |
		sed -n 's/.* \([0-9.]*\) Mbit.*/\1/p'
	kill $sp 2>/dev/null; wait $sp 2>/dev/null
}
stack_reads() {
	timeout 300 "$prog" recv tun0 "$1" "$2" "$3" 10.9.0.2 5002 >/dev/null & rp=$!
	sleep 0.3
	client 10.9.0.2 5002 "$4"
	kill $rp 2>/dev/null; wait $rp 2>/dev/null
}
kernels() {
	n=$((n + 1))
	timeout 300 "$prog" wire tun2 "$1" "$2" "$3" $far tun1 >/dev/null & wp=$!
	sleep 0.3
	dev tun2 10.8.0.1 10.8.0.2
	far ip addr add 10.8.0.2 peer 10.8.0.1 dev tun1
	far ip link set tun1 mtu 1500 txqueuelen 20000 up
	server $((5300 + n)) & sp=$!
	sleep 0.3
	NS=$far client 10.8.0.1 $((5300 + n)) "$4"
	kill $wp $sp 2>/dev/null; wait $wp $sp 2>/dev/null
}
median() { # function delay loss bytes
	for seed in ${SEEDS:-1 2 3}; do
		"$1" "$2" "$3" "$seed" "$4"
	done | sort -n | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : 0 }'
}

# What Mathis's formula, or the rate, lets through in the time.
bytes_for() { # delay loss
	awk -v d="$1" -v l="$2" -v s="$secs" -v r="$TUN_TCP_RATE" 'BEGIN {
		rtt = 2 * d / 1e6 + 0.001
		bps = l ? 1.3 * 1460 * 8 / (rtt * sqrt(l / 1e6)) : r * 1e6
		if (r && bps > r * 1e6) bps = r * 1e6
		if (bps > 1e9) bps = 1e9
		printf "%d", bps * s / 8 }'
}

printf '%8s %8s %10s %10s %6s %10s %6s\n' rtt_ms loss_ppm kernel sends share reads share
for delay in ${DELAYS:-5000 25000 50000}; do
	for loss in ${LOSSES:-0 1000 10000 30000}; do
		bytes=$(bytes_for "$delay" "$loss")
		k=$(median kernels "$delay" "$loss" "$bytes")
		a=$(median stack_sends "$delay" "$loss" "$bytes")
		b=$(median stack_reads "$delay" "$loss" "$bytes")
		awk -v d="$delay" -v l="$loss" -v k="$k" -v a="$a" -v b="$b" 'BEGIN {
			printf "%8g %8d %10.2f %10.2f %6.2f %10.2f %6.2f\n",
				2 * d / 1000, l, k, a, k ? a / k : 0, b, k ? b / k : 0 }'
	done
done
