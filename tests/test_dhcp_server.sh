#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The stack's DHCP client against dnsmasq, over a TAP device in a network
# namespace of its own.

if [ -z "${IN_NETNS:-}" ]; then
	if [ "$(id -u)" = 0 ]; then
		exec env IN_NETNS=1 unshare -n "$0" "$@"
	fi
	if unshare -rn true 2>/dev/null; then
		exec env IN_NETNS=1 unshare -rn "$0" "$@"
	fi
fi

# shellcheck source=tests/lib.sh
. "${top_srcdir:-$(dirname "$0")/..}/tests/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

client=$top_build/doc/examples/dhcp

if [ -z "${IN_NETNS:-}" ]; then
	skip "a lease of dnsmasq" "no network namespace can be made here"
	finish
fi
if ! [ -w /dev/net/tun ]; then
	skip "a lease of dnsmasq" "no access to /dev/net/tun"
	finish
fi
if ! command -v dnsmasq >/dev/null; then
	skip "a lease of dnsmasq" "dnsmasq is not installed"
	finish
fi

# wait_for COMMAND...: until it is true, a minute at most
wait_for() {
	local i

	for ((i = 0; i < 600; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

# The device stays when the client goes: the server does not look at what came
# over one that is gone.
ip tuntap add dev tap0 mode tap
"$client" tap0 >"$work/lease" 2>"$work/client.log" &
pid=$!
kill_at_end+=("$pid")
wait_for ip link show tap0
ip addr add 10.9.8.1/24 dev tap0
ip link set tap0 up
ip link set lo up
dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --user=root \
	--interface=tap0 --bind-interfaces --log-facility="$work/server.log" \
	--log-dhcp --dhcp-leasefile="$work/leases" \
	--dhcp-range=10.9.8.50,10.9.8.60,255.255.255.0,120 \
	--dhcp-option=3,10.9.8.1 --dhcp-option=6,10.9.8.3 \
	--dhcp-option=26,1400 >"$work/dnsmasq.log" 2>&1 &
kill_at_end+=($!)

what="dnsmasq: an address is given and taken"
if wait_for test -s "$work/lease"; then
	read -r address <"$work/lease"
	ok "$what"
else
	not_ok "$what"
	cat "$work"/*.log
fi
case ${address:-} in
10.9.8.5[0-9]/24" via 10.9.8.1 dns 10.9.8.3 mtu 1400" | \
	10.9.8.60/24" via 10.9.8.1 dns 10.9.8.3 mtu 1400")
	ok "dnsmasq: mask, router, name server and MTU" ;;
*) not_ok "dnsmasq: mask, router, name server and MTU: ${address:-nothing}" ;;
esac
host=${address%%/*}
if [ "$(cut -d' ' -f3 "$work/leases" 2>/dev/null)" = "${host:-?}" ]; then
	ok "dnsmasq: the server has the lease in its book"
else
	not_ok "dnsmasq: the server has the lease in its book"
fi
if wait_for ping -c 1 -W 5 "${host:-127.0.0.2}"; then
	ok "dnsmasq: the address answers"
else
	not_ok "dnsmasq: the address answers"
fi
kill -TERM $pid
wait $pid
what="dnsmasq: the lease is given back"
if wait_for grep -q "DHCPRELEASE" "$work/server.log"; then
	ok "$what"
else
	not_ok "$what"
	cat "$work/server.log"
fi
finish
