#!/usr/bin/env bash
# Echo requests to the outside, in a network namespace of the test's own,
# since ping sockets are a matter of net.ipv4.ping_group_range.
if [ -z "${FDNET_TEST_NETNS:-}" ]; then
	if ! unshare -n true 2>/dev/null; then
		echo "0 passed, 0 failed, 1 skipped: no namespace of our own"
		exit 77
	fi
	FDNET_TEST_NETNS=1 exec unshare -n "$0" "$@"
fi
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
range=/proc/sys/net/ipv4/ping_group_range

# the namespace is ours: what fails from here on is an error
ip link set lo up || exit 99
ip addr add 203.0.113.5/32 dev lo || exit 99
ip -6 addr add 2001:db8::5/128 dev lo 2>/dev/null
echo "0 2147483647" >$range || exit 99

# ping.py ADDRESS SIZE TTL: what comes of one echo request
cat >"$work/ping.py" <<'EOF'
import errno, socket, struct, sys
to, size, ttl = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
v6 = ":" in to
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM,
                  58 if v6 else 1)
s.settimeout(5)
if v6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
else:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
data = bytes(i & 255 for i in range(size))
try:
    s.connect((to, 0))
    for seq in (1, 2):
        s.send(struct.pack(">BBHHH", 128 if v6 else 8, 0, 0, 0, seq) + data)
        got = s.recv(70000)
        kind, code, _, _, n = struct.unpack(">BBHHH", got[:8])
        print(kind, n, "same" if got[8:] == data else "other", end=" ")
    print()
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
EOF
# run_it ARGS...: sets out, err
run_it() {
	timeout 60 "$run" "$@" >"$work/out" 2>"$work/err" </dev/null
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}
ping() { run_it "${@:4}" -- /usr/bin/python3 -S "$work/ping.py" "$1" "$2" "$3"; }
good="0 1 same 0 2 same "

ping 203.0.113.5 56 64 --allow icmp:203.0.113.5 --record "$work/record"
same "an echo request is answered" "$good" "$out"
matches "the record has its flow" '"event":"open","flow":1,.*"proto":"icmp"' \
	"$(cat "$work/record")"
matches "and its packets" '"packets_out":2,"packets_in":2' "$(cat "$work/record")"
ping 203.0.113.5 0 64 -q --allow icmp:203.0.113.5
same "an empty one" "$good" "$out"
ping 203.0.113.5 20000 64 -q --allow icmp:203.0.113.5
same "one of 20000 bytes" "$good" "$out"
ping 2001:db8::5 56 64 -q --allow "icmp:[2001:db8::5]"
same "over IPv6" "129 1 same 129 2 same " "$out"
ping 203.0.113.5 56 64
same "without a rule it is refused" EHOSTUNREACH "$out"
matches "the summary names the option" "allow with --allow icmp:203.0.113.5\$" \
	"$err"
ping 203.0.113.5 56 64 -q --allow tcp:203.0.113.5:80
same "a rule for TCP is none for echo requests" EHOSTUNREACH "$out"
ping 203.0.113.5 56 64 -q --allow "icmp:203.0.113.5 new=1/m" --deny any
same "its limits count flows, not packets" "$good" "$out"
if [ -x /usr/bin/ping ]; then
	run_it -q --allow icmp:203.0.113.5 -- ping -c 2 -i 0.2 -W 3 203.0.113.5
	matches "ping(8) works" "2 packets transmitted, 2 received" "$out"
else
	skip "ping(8)" "it is not installed"
fi
echo "1 0" >$range
ping 203.0.113.5 56 64 --allow icmp:203.0.113.5
same "where the kernel gives no ping sockets it is refused" EHOSTUNREACH \
	"$out"
matches "and told why" "net.ipv4.ping_group_range" "$err"

finish
