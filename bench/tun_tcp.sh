#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The stack's TCP against the kernel's (cubic) over a bad way, in both roles,
# beside kernel to kernel over the same way.
#
#   tun_tcp.sh PROGRAM [SECONDS]
#
# PROGRAM is bench/tun_tcp. Where tc has netem, netem makes the way: two
# devices of a router in between, one for each direction, for all three alike.
# Where it has not, or with EMULATE=1, PROGRAM makes it (bench/path.c): the
# n-th packet of a direction meets the same in all three. The first line says
# which.
#
# DELAYS (one way, us), LOSSES (per million), RATE (Mbit/s), SEEDS (how many
# runs of each) choose the rows, JOBS how many run at the same time. A transfer
# has the size that should take about SECONDS, and 300 round trips: shorter ones
# tell of the first loss only. Prints a table: the medians in
# Mbit/s as the receiver sees it, the least and the most behind them, and the
# stack's share of the kernel's. With CAPTURE=DIR, the emulated way keeps what
# it carried there: two files each. Needs root, or a user namespace; each run
# is in network namespaces of its own. FIFO=1 runs it all with real-time
# priority, for machines that others use too.
set -u
here=$(cd "$(dirname "$0")" && pwd)
prog=$(readlink -f "$1")
secs=${2:-8}
export TUN_TCP_RATE=${RATE:-100} TUN_TCP_QUEUE=1000
if [ -z "${FDNET_IN_NS:-}" ]; then
	[ "$(id -u)" = 0 ] || exec env FDNET_IN_NS=1 unshare -rnm "$0" "$@"
	exec env FDNET_IN_NS=1 unshare -nm "$0" "$@"
fi
# before the ends, which set theirs when they have started (tun_tcp.py)
first=(${FIFO:+chrt -f 10})
port=5100
kernel=$here/tun_tcp.py


# ---- one run, in a namespace of its own ----

# A namespace that lives as long as this run; its process in $ret.
new_ns() {
	unshare -n sleep 1000 >/dev/null 2>&1 &
	ret=$!
	until [ "$(readlink /proc/$ret/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.02
	done
}
in_ns() { # process command...
	local of=$1
	shift
	nsenter -t "$of" -n -- "$@"
}
dev() { # name own peer
	ip tuntap add "$1" mode tun 2>/dev/null
	ip addr add "$2" peer "$3" dev "$1"
	ip link set "$1" mtu 1500 txqueuelen 20000 up
}
mbit() { sed -n 's/^received.* \([0-9.]*\) Mbit.*/\1/p'; }

emulated() { # what delay loss seed bytes
	local line=("$2" "$3" "$4")
	case $1 in
	kernel)
		new_ns
		far=$ret
		"${first[@]}" "$prog" wire tun2 "${line[@]}" "$far" tun1 >"$tmp/wire" &
		until grep -qs ready "$tmp/wire"; do sleep 0.05; done
		dev tun2 10.8.0.1 10.8.0.2
		in_ns "$far" ip addr add 10.8.0.2 peer 10.8.0.1 dev tun1
		in_ns "$far" ip link set tun1 mtu 1500 txqueuelen 20000 up
		in_ns "$far" python3 "$kernel" send 10.8.0.1 $port "$5" >/dev/null &
		python3 "$kernel" recv 10.8.0.1 $port | mbit
		;;
	sends)
		dev tun0 10.9.0.1 10.9.0.2
		"${first[@]}" "$prog" send tun0 "${line[@]}" 10.9.0.2 10.9.0.1 $port "$5" \
			>"$tmp/send" &
		python3 "$kernel" recv 10.9.0.1 $port | mbit
		;;
	reads)
		dev tun0 10.9.0.1 10.9.0.2
		python3 "$kernel" send 10.9.0.2 $port "$5" >/dev/null &
		"${first[@]}" "$prog" recv tun0 "${line[@]}" 10.9.0.2 $port | mbit
		;;
	esac
}

# Packets: netem counts those that are on their way among those that wait.
queue_for() { # delay
	echo $((TUN_TCP_QUEUE + $1 * TUN_TCP_RATE / 12000))
}
# This namespace is the router: $out leads to the kernel that is always there,
# $in to the other end, and each delays and loses what leaves by it.
impair() { # device delay loss seed
	# shellcheck disable=SC2086
	tc qdisc add dev "$1" root handle 1: ${QDISC:-netem delay "$2us" \
		loss random "$(awk -v l="$3" 'BEGIN { print l / 1e4 }')%" \
		rate "${TUN_TCP_RATE}mbit" limit "$(queue_for "$2")" \
		${SEED_WORD:+seed "$4"}}
}
link() { # device process own peer: a pair, the far end configured
	ip link add "$1" type veth peer name eth0 netns "$2"
	ip addr add "$3" peer "$4" dev "$1"
	ip link set "$1" up
	python3 "$kernel" whole "$1"
	in_ns "$2" ip addr add "$4" peer "$3" dev eth0
	in_ns "$2" ip link set eth0 up
	in_ns "$2" python3 "$kernel" whole eth0
	in_ns "$2" ip route add default via "$3"
}
by_netem() { # what delay loss seed bytes
	local far near
	echo 1 >/proc/sys/net/ipv4/ip_forward
	new_ns
	far=$ret
	link out "$far" 10.7.0.1 10.7.0.2
	impair out "$2" "$3" "$4"
	if [ "$1" = kernel ]; then
		new_ns
		near=$ret
		link in "$near" 10.8.0.1 10.8.0.2
	else
		dev in 10.8.0.1 10.8.0.2
	fi
	impair in "$2" "$3" "$(($4 + 1000))"
	case $1 in
	kernel)
		in_ns "$near" python3 "$kernel" send 10.7.0.2 $port "$5" >/dev/null &
		in_ns "$far" python3 "$kernel" recv 10.7.0.2 $port | mbit
		;;
	sends)
		TUN_TCP_RATE=0 "${first[@]}" "$prog" send in 0 0 "$4" 10.8.0.2 10.7.0.2 $port \
			"$5" >"$tmp/send" &
		in_ns "$far" python3 "$kernel" recv 10.7.0.2 $port | mbit
		;;
	reads)
		in_ns "$far" python3 "$kernel" send 10.8.0.2 $port "$5" >/dev/null &
		TUN_TCP_RATE=0 "${first[@]}" "$prog" recv in 0 0 "$4" 10.8.0.2 $port | mbit
		;;
	esac
}

if [ "${FDNET_RUN:-}" ]; then
	tmp=$(mktemp -d)
	# all that was started is in the group that timeout made
	trap 'rm -rf "$tmp"; trap "" TERM; kill 0' EXIT
	trap 'exit 1' TERM INT
	ip link set lo up
	[ -z "${CAPTURE:-}" ] ||
		export TUN_TCP_PCAP="$CAPTURE/$3-$4-$5-$6"
	"$FDNET_RUN" "$3" "$4" "$5" "$6" "$7"
	exit
fi

# ---- all of them ----

way=emulated
if [ -z "${EMULATE:-}" ] &&
	unshare -n tc qdisc add dev lo root netem delay 1ms 2>/dev/null; then
	way=by_netem
	! unshare -n tc qdisc add dev lo root netem seed 1 2>/dev/null ||
		export SEED_WORD=1
fi
way=${WAY:-$way}

cell() { # what delay loss bytes: median least most
	local seed
	for ((seed = 1; seed <= ${SEEDS:-5}; seed++)); do
		echo "$seed"
	done | xargs -I '{}' -P "${JOBS:-4}" env FDNET_RUN="$way" unshare -n \
		timeout "${LIMIT:-400}" "$0" "$prog" "$secs" "$1" "$2" "$3" \
		'{}' "$4" | sort -n | awk '{ v[NR] = $1 } END {
			if (!NR) print 0, 0, 0
			else print v[int((NR + 1) / 2)], v[1], v[NR] }'
}

# What Mathis's formula, or the rate, lets through in the time.
bytes_for() { # delay loss
	awk -v d="$1" -v l="$2" -v s="$secs" -v r="$TUN_TCP_RATE" 'BEGIN {
		rtt = 2 * d / 1e6 + 0.001
		bps = l ? 1460 * 8 / (rtt * sqrt(l / 1e6)) : r * 1e6
		if (bps > r * 1e6) bps = r * 1e6
		if (s < 300 * rtt) s = 300 * rtt
		printf "%d", bps * s / 8 }'
}

case $way in
by_netem) echo "# netem, ${SEEDS:-5} runs each" ;;
*) echo "# emulated (no netem), ${SEEDS:-5} runs each" ;;
esac
printf '%6s %8s %22s %22s %6s %22s %6s\n' rtt_ms loss_ppm kernel sends share \
	reads share
for delay in ${DELAYS:-5000 25000 50000}; do
	for loss in ${LOSSES:-0 1000 10000 30000}; do
		bytes=$(bytes_for "$delay" "$loss")
		read -r k k0 k1 < <(cell kernel "$delay" "$loss" "$bytes")
		read -r a a0 a1 < <(cell sends "$delay" "$loss" "$bytes")
		read -r b b0 b1 < <(cell reads "$delay" "$loss" "$bytes")
		awk -v d="$delay" -v l="$loss" -v k="$k" -v a="$a" -v b="$b" \
			-v kr="$k0-$k1" -v ar="$a0-$a1" -v br="$b0-$b1" 'BEGIN {
			printf "%6g %8d %8.2f %13s %8.2f %13s %6.2f %8.2f %13s %6.2f\n",
				2 * d / 1000, l, k, kr, a, ar,
				k ? a / k : 0, b, br, k ? b / k : 0 }'
	done
done
