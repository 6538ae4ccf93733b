#!/usr/bin/env bash
# The name forwarder between a program and a name server of the test's own:
# what is asked, what is kept, what is refused.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
python=/usr/bin/python3

port=$(free_port)
log=$work/asked
$python -S "$top_src/tests/name_server.py" "$port" "$log" &
kill_at_end+=("$!")
wait_port "$port"

# ask RULE HOW TYPE NAME...: sets out; the server's log is of this run
ask() {
	local rule=$1
	shift
	: >"$log"
	out=$(timeout 60 "$run" -q --dns "127.0.0.1:$port" --allow "$rule" -- \
		$python -S "$top_src/tests/name_client.py" "$@" 2>&1 </dev/null)
}

ask "*.test:443" udp A plain.test
same "a name is looked up" "0 1 whole plain 93.184.216.34" "$out"
ask "*.test:443" udp AAAA plain.test
same "its IPv6 address too" "0 1 whole plain 2606:2800:220:1::1" "$out"

# RFC 6724: the sandbox's IPv6 address is a local one, which has not the label
# of a global one; so IPv4 comes first, as libc has it
out=$(timeout 60 "$run" -q --dns "127.0.0.1:$port" --allow "*.test:443" -- \
	$python -S -c 'import socket
for a in socket.getaddrinfo("plain.test", 443, type=socket.SOCK_STREAM):
	print(a[4][0])' 2>&1 </dev/null)
same "IPv4 is tried before IPv6 from a local address" \
	"93.184.216.34
2606:2800:220:1::1" "$out"
ask "*.test:443" tcp A plain.test
same "over TCP" "0 1 whole plain 93.184.216.34" "$out"
ask "*.test:443" edns A plain.test
same "with EDNS, which is answered in kind" "0 1 whole opt 93.184.216.34" \
	"$out"
ask "*.test:443" udp A chain.test
same "through a chain of aliases" \
	"0 3 whole plain middle.test end.other 93.184.216.36" "$out"
ask "*.test:443" udp A missing.test
same "a name that does not exist" "3 0 whole plain" "$out"
ask "93.184.216.0/24:443" udp PTR 34.216.184.93.in-addr.arpa
same "an address's name" "0 1 whole plain plain.test" "$out"

ask "*.test:443" udp AAAA chain.test
same "a chain to an IPv6 address" \
	"0 2 whole plain end.other 2606:2800:220:1::2" "$out"
ptr6=1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.2.2.0.0.0.8.2.6.0.6.2.ip6.arpa
ask "[2606:2800:220:1::]/64:443" udp PTR $ptr6
same "an IPv6 address's name" "0 1 whole plain plain.test" "$out"
ask "93.184.216.0/24:443" udp PTR $ptr6
same "only of an address that a rule allows" "5 0 whole plain" "$out"
ask "*.test:443" udp AAAA missing.test
same "a name that does not exist has no IPv6 address" "3 0 whole plain" "$out"
ask "*.test:443" udp AAAA short.test
same "nor has one with IPv4 only: that is no error" "0 0 whole plain" "$out"

# ---- kept ----
ask "*.test:443" udp A plain.test plain.test PLAIN.test
same "asked three times, answered three times" "3 0 1 whole plain 93.184.216.34" \
	"$(sort <<<"$out" | uniq -c | sed 's/^ *//')"
same "but once by the server" "udp 1 plain.test" "$(cat "$log")"
ask "*.test:443" udp A missing.test missing.test
same "no is kept too" "udp 1 missing.test" "$(cat "$log")"
: >"$log"
timeout 60 "$run" -q --dns "127.0.0.1:$port" --allow "*.test:443" -- bash -c '
	"$0" -S "$1" udp A short.test; sleep 1.5; "$0" -S "$1" udp A short.test' \
	$python "$top_src/tests/name_client.py" >/dev/null 2>&1 </dev/null
same "until its time is over" "2" "$(grep -c short.test "$log")"

# ---- large ----
ask "*.test:443" udp A long.test
same "a long answer is cut for a datagram" "0 0 cut plain" "$out"
ask "*.test:443" tcp A long.test
matches "and whole over TCP" "^0 100 whole plain 93.184.0.0 " "$out"
matches "which the server was asked over, too" "^tcp 1 long.test" \
	"$(cat "$log")"
ask "*.test:443" edns A long.test
same "with EDNS it is cut when it is longer than was offered" "0 0 cut opt" \
	"$out"
ask "*.test:443" tcp TXT long.test
same "texts of 8 KiB" "0 30 whole plain" "$out"

# ---- refused ----
ask "other.example:443" udp A plain.test
same "a name that no rule allows is refused" "5 0 whole plain" "$out"
same "and nobody else hears of it" "" "$(cat "$log")"
ask "plain.test:443" udp A www.plain.test
same "below an exact name nothing is allowed" "5 0 whole plain" "$out"
ask "*.plain.test:443" udp A plain.test
same "nor is the name of a suffix itself" "5 0 whole plain" "$out"
ask "10.0.0.0/8:443" udp A plain.test
same "a rule for a network allows no names" "5 0 whole plain" "$out"
ask "any" udp A rebind.test loop.test meta.test
same "answers that lead inside are refused" "3 5 0 whole plain" \
	"$(uniq -c <<<"$out" | sed 's/^ *//')"
ask "127.0.0.1:1" udp PTR 34.216.184.93.in-addr.arpa
same "the name of an address that no rule allows" "5 0 whole plain" "$out"
ask "any" udp AAAA ula.test link.test mapped.test nat64.test self.test
same "IPv6 addresses that lead inside likewise, IPv4 ones in them too" \
	"5 5 0 whole plain" "$(uniq -c <<<"$out" | sed 's/^ *//')"
ask "any" udp A alias.test mixed.test
same "behind an alias, and among public ones" "2 5 0 whole plain" \
	"$(uniq -c <<<"$out" | sed 's/^ *//')"
ask "any" tcp A rebind.test
same "over TCP" "5 0 whole plain" "$out"
ask "any" udp A rebind.test rebind.test
same "and each time it is asked" "2 5 0 whole plain" \
	"$(uniq -c <<<"$out" | sed 's/^ *//')"
out=$(timeout 60 "$run" --dns "127.0.0.1:$port" --allow any -- $python -S \
	"$top_src/tests/name_client.py" udp A rebind.test 2>&1 </dev/null)
matches "the summary says why" "rebind.test at 10.1.2.3, not a public" "$out"
out=$(timeout 60 "$run" -q --dns "127.0.0.1:$port" --allow any --allow \
	10.1.2.3:443 -- $python -S "$top_src/tests/name_client.py" udp A \
	rebind.test 2>&1 </dev/null)
same "unless a rule names the address" "0 1 whole plain 10.1.2.3" "$out"

finish
