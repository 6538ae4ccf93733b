#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The stack's TCP with the kernel's over a TUN device, in both roles, over ways
# that lose, reorder, duplicate and corrupt: every byte arrives, and the
# connection ends. Each row has a network namespace of its own; bench/tun_tcp is
# the stack and the way, bench/tun_tcp.py the kernel's end.

if [ -z "${IN_NETNS:-}" ]; then
	if [ "$(id -u)" = 0 ]; then
		exec env IN_NETNS=1 unshare -n "$0" "$@"
	fi
	exec env IN_NETNS=1 unshare -rn "$0" "$@"
fi

# shellcheck source=tests/lib.sh
. "${top_srcdir:-$(dirname "$0")/..}/tests/lib.sh"

prog=$top_build/bench/tun_tcp
kernel=${top_srcdir:-$(dirname "$0")/..}/bench/tun_tcp.py
port=5100

if ! [ -w /dev/net/tun ]; then
	skip "the kernel's TCP over TUN" "no access to /dev/net/tun"
	finish
fi

# row WHO FAMILY BYTES DELAY_US LOSS_PPM SEED, in its own namespace: what the
# receiver says
row() {
	local own=10.9.0.1 peer=10.9.0.2

	ip link set lo up
	ip tuntap add tun0 mode tun
	if [ "$2" = 6 ]; then
		own=fd77::1 peer=fd77::2
		ip addr add "$own/64" dev tun0 nodad
	else
		ip addr add "$own" peer "$peer" dev tun0
	fi
	ip link set tun0 mtu 1500 txqueuelen 20000 up
	if [ "$1" = sends ]; then
		/usr/bin/python3 -S "$kernel" recv "$own" $port &
		"$prog" send tun0 "$4" "$5" "$6" "$peer" "$own" $port "$3"
		echo "stack: $?"
	else
		/usr/bin/python3 -S "$kernel" send "$peer" $port "$3" &
		"$prog" recv tun0 "$4" "$5" "$6" "$peer" $port
		echo "stack: $?"
	fi
	wait $!
	echo "kernel: $?"
}
if [ -n "${ROW:-}" ]; then
	trap - EXIT
	row "$@"
	exit
fi

# start NAME BYTES DELAY_US LOSS_PPM SEED: the row for both roles and families
names=() bytes=()
start() {
	local who family

	for who in sends receives; do
		for family in 4 6; do
			ROW=1 timeout 300 unshare -n "$0" "$who" $family "$2" \
				"$3" "$4" "$5" >"$work/out.${#names[@]}" 2>&1 &
			kill_at_end+=($!)
			rows+=($!)
			names+=("IPv$family, the stack $who: $1")
			bytes+=("$2")
		done
	done
}

start "nothing is lost" 20000000 100 0 1
TUN_TCP_RATE=50 start "a slow line with a queue" 4000000 5000 0 2
start "1 % lost" 2000000 2000 10000 3
start "3 % lost" 1000000 2000 30000 4
start "10 % lost" 200000 2000 100000 5
TUN_TCP_REORDER=50000 start "5 % out of order" 2000000 2000 0 6
TUN_TCP_DUP=50000 start "5 % twice" 2000000 2000 0 7
TUN_TCP_CORRUPT=20000 start "2 % corrupted" 1000000 2000 0 8
TUN_TCP_REORDER=30000 TUN_TCP_DUP=30000 TUN_TCP_CORRUPT=10000 \
	start "all of that" 1000000 2000 10000 9
start "a second there and back" 200000 500000 2000 10

for i in "${!rows[@]}"; do
	wait "${rows[$i]}"
	out=$(cat "$work/out.$i")
	if grep -q "^received ${bytes[$i]} bytes" <<<"$out" &&
		grep -q '^stack: 0' <<<"$out" && grep -q '^kernel: 0' <<<"$out"; then
		ok "${names[$i]}"
	else
		not_ok "${names[$i]}"
		printf '%s\n' "$out" | sed 's/^/#   /'
	fi
done
finish
