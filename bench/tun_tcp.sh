#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The stack's TCP against the kernel's over an emulated path, beside kernel to
# kernel over the same path. usage: tun_tcp.sh PROGRAM [BYTES]; prints a table.
# Runs in network namespaces of its own; needs root or a user namespace.
set -u
n=0
prog=$(readlink -f "$1"); bytes=${2:-20000000}
if [ -z "${FDNET_IN_NS:-}" ]; then
	exec env FDNET_IN_NS=1 unshare -rn "$0" "$@"
fi

server() { # port
	timeout 300 python3 -c '
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(1)
c, _ = s.accept()
while c.recv(1 << 18): pass
c.close()' "$1"
}
client() { # host port bytes
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
far_client() { NS=$far client "$@"; }
ip link set lo up
dev tun0 10.9.0.1 10.9.0.2
# kernel to kernel: the other end in a namespace of its own
unshare -n sleep 3600 & far=$!
trap 'kill $far' EXIT
sleep 0.2
far() { nsenter -t $far -n -- "$@"; }
far ip link set lo up
printf '%8s %8s %12s %12s %12s\n' delay_ms loss_ppm kernel stack_sends stack_recvs
for delay in ${DELAYS:-0 5000 25000 50000}; do
	for loss in ${LOSSES:-0 1000 10000 30000}; do
		n=$((n + 1)); server $((5100 + n)) & sp=$!
		a=$("$prog" send tun0 "$delay" "$loss" 1 10.9.0.2 10.9.0.1 $((5100 + n)) "$bytes" |
			sed -n 's/.* \([0-9.]*\) Mbit.*/\1/p')
		kill $sp 2>/dev/null; wait $sp 2>/dev/null
		"$prog" recv tun0 "$delay" "$loss" 2 10.9.0.2 5002 >/dev/null & rp=$!
		sleep 0.3
		b=$(client 10.9.0.2 5002 "$bytes")
		kill $rp 2>/dev/null; wait $rp 2>/dev/null
		"$prog" wire tun2 "$delay" "$loss" 3 $far tun1 >/dev/null & wp=$!
		sleep 0.3
		dev tun2 10.8.0.1 10.8.0.2
		far ip addr add 10.8.0.2 peer 10.8.0.1 dev tun1
		far ip link set tun1 mtu 1500 txqueuelen 20000 up
		server $((5300 + n)) & sp=$!
		sleep 0.3
		k=$(far_client 10.8.0.1 $((5300 + n)) "$bytes")
		kill $wp $sp 2>/dev/null; wait $wp $sp 2>/dev/null
		printf '%8s %8s %12s %12s %12s\n' "$((delay / 1000))" "$loss" "$k" "$a" "$b"
	done
done
