#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The example web server on a TUN device, with the kernel's TCP as its client,
# in a network namespace of its own.

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

httpd=$top_build/doc/examples/httpd
line="fdnet: hello from user space"

if [ -z "${IN_NETNS:-}" ]; then
	skip "the example web server" "no network namespace can be made here"
	finish
fi

if ! [ -w /dev/net/tun ]; then
	skip "the example web server" "no access to /dev/net/tun"
	finish
fi

# fetch PATH: what curl prints
fetch() {
	timeout 60 curl -sS --max-time 50 "http://$host$1" 2>&1
}

# serve DEVICE ADDRESS KERNELS-ADDRESS
serve() {
	"$httpd" "$1" "$2" 2>"$work/log" &
	kill_at_end+=($!)
	for _ in {1..50}; do
		ip link show "$1" >/dev/null 2>&1 && break
		sleep 0.1
	done
	case $2 in
	*:*) ip addr add "$3/64" dev "$1" nodad ;;
	*) ip addr add "$3" peer "$2" dev "$1" ;;
	esac
	ip link set "$1" up
}

check() {
	local name=$1 sum n i

	if [ "$(fetch /)" = "$line" ]; then
		ok "$name: a page"
	else
		not_ok "$name: a page"
	fi
	sum=$(yes "$line" | head -c 30000000 | md5sum)
	if [ "$(fetch /bytes/30000000 | md5sum)" = "$sum" ]; then
		ok "$name: 30 MB, every byte right"
	else
		not_ok "$name: 30 MB, every byte right"
	fi
	for i in {1..30}; do
		fetch /bytes/200000 >"$work/part.$i" &
		parts+=($!)
	done
	wait "${parts[@]}"
	n=$(cat "$work"/part.* | wc -c)
	if [ "$n" = 6000000 ]; then
		ok "$name: 30 at once"
	else
		not_ok "$name: 30 at once ($n bytes)"
	fi
}

parts=()
host=10.9.0.2
serve tun0 10.9.0.2 10.9.0.1
check IPv4
host='[fd09::2]'
serve tun1 fd09::2 fd09::1
check IPv6

lines=$(wc -l <"$top_src/doc/examples/httpd.c")
if [ "$lines" -lt 200 ]; then
	ok "it has $lines lines, less than 200"
else
	not_ok "it has $lines lines, less than 200"
fi
finish
