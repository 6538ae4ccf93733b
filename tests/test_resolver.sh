#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The resolver's calls on a machine made for it, which has the sandbox's
# addresses, a name server, /etc/hosts and resolv.conf of ours: libc's answers,
# those of a program in the sandbox on that machine, and of one with the preload
# alone are the same.

if [ -z "${IN_NETNS:-}" ]; then
	export IN_NETNS=1
	if [ "$(id -u)" = 0 ]; then
		around=(unshare -mnu)
	else
		around=(unshare -rmnu)
	fi
	if ! "${around[@]}" true 2>/dev/null; then
		echo "no namespace to be had"
		exit 77
	fi
	exec "${around[@]}" "$0" "$@"
fi

# shellcheck source=tests/lib.sh
. "${top_srcdir:-$(dirname "$0")/..}/tests/lib.sh"

client=$top_build/tests/resolver_client
run=$top_build/fdnet-run
shim=$top_build/.libs/libfdnet.so
python=/usr/bin/python3
export LC_ALL=C.UTF-8
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
unset RES_OPTIONS LOCALDOMAIN HOSTALIASES

# ---- the machine ----

# the addresses and routes that the sandbox has
make_machine() {
	local file
	ip link set lo up &&
		ip link add eth0 type veth peer name other &&
		ip link set eth0 up && ip link set other up &&
		ip addr add 10.0.2.15/24 dev eth0 &&
		ip addr add fd00::15/64 dev eth0 nodad &&
		ip route add default via 10.0.2.2 &&
		ip -6 route add default via fd00::2 || return 1
	: >"$work/resolv.conf"
	: >"$work/gai.conf"
	printf 'hosts: files dns\nservices: files\nnetworks: files\n' \
		>"$work/nsswitch.conf"
	for file in hosts resolv.conf nsswitch.conf host.conf gai.conf; do
		[ -e "$work/$file" ] || cp "/etc/$file" "$work/$file" || continue
		[ -e "/etc/$file" ] || continue
		mount --bind "$work/$file" "/etc/$file" || return 1
	done
}

printf '127.0.0.1\tlocalhost here\n::1\tlocalhost ip6-localhost
93.184.216.50 filehost.test filehost fh\t# and more
93.184.216.51 multi.file.test multi
93.184.216.52 multi.file.test multi2
2606:2800:220:1::50 multi.file.test
2606:2800:220:1::51 six.file.test sixfile
93.184.216.53 UPPER.file.test
\t93.184.216.54   tab.file.test\t\ttabbed\n#93.184.216.55 comment.test
93.184.216.50 filehost.test again
::ffff:93.184.216.56 mapped.file.test
not.an.address broken.file.test
93.184.216.57
93.184.216.58 one.test.file shadow.test' >"$work/hosts"
echo "multi on" >"$work/host.conf"
if ! make_machine 2>"$work/machine.err"; then
	skip "a machine for it" "$(head -n 1 "$work/machine.err")"
	finish
fi
log=$work/asked
: >"$log"
chmod a+rx "$work"
$python -S "$top_src/tests/resolver_server.py" "$log" &
kill_at_end+=("$!")
wait_port 53

# The forwarder answers from /etc/hosts as well, where libc's name servers do
# not know what stands there: for the comparison it does not.
cat >"$work/relay" <<-RELAY
	#!/bin/sh
	exec "$top_build/fdnet-relay" --hosts '' "\$@"
RELAY
chmod a+rx "$work/relay"
export FDNET_RELAY_BIN=$work/relay

# ---- the comparison ----

# how MODE: the client with what stands in $work/in
how() {
	case $1 in
	native) timeout 120 "$client" ;;
	sandbox) timeout 120 "$run" -q --dns 127.0.0.1:53 --allow any \
		-- "$client" ;;
	preload) LD_PRELOAD=$shim FDNET_ALLOW=any timeout 120 "$client" ;;
	esac <"$work/in" 2>"$work/$1.err"
}

# compare TITLE, its lines on standard input: in all three ways the same
compare() {
	local mode line want title=$1
	cat >"$work/in"
	how native >"$work/native"
	for mode in ${MODES:-sandbox preload}; do
		how "$mode" >"$work/$mode"
		exec 3<"$work/$mode"
		while IFS= read -r want; do
			IFS= read -r line <&3 || line="nothing: $(head -n 3 \
				"$work/$mode.err")"
			same "$title, $mode: ${want%%: *}" "$want" "$line"
		done <"$work/native"
		exec 3<&-
	done
	[ -s "$work/native" ] || not_ok "$title: libc answers"
}

conf() {
	printf '%s\n' "$@" >"$work/resolv.conf"
}

# a busy machine is no silent name server
conf "nameserver 127.0.0.1" "options timeout:10 attempts:3"
compare "plain" <<-'CASES'
	gai one.test 80 v4 SOCK_STREAM 0
	gai one.test http v4 SOCK_STREAM 0
	gai one.test 80 any SOCK_STREAM 0
	gai one.test 80 any 0 0
	gai one.test 80 any none 0
	gai one.test http any 0 0
	gai one.test domain any 0 0
	gai one.test - any 0 0
	gai one.test - any SOCK_DGRAM 0
	gai one.test - any SOCK_RAW 0
	gai one.test 80 any SOCK_RAW 0
	gai one.test http any SOCK_RAW 0
	gai one.test ssh any SOCK_DGRAM 0
	gai one.test http any SOCK_STREAM AI_NUMERICSERV
	gai one.test no-such-service any SOCK_STREAM 0
	gai one.test 65536 any SOCK_STREAM 0
	gai one.test 99999 any SOCK_STREAM 0
	gai one.test -1 any SOCK_STREAM 0
	gai one.test +80 any SOCK_STREAM 0
	gai one.test empty any SOCK_STREAM 0
	gai * 80 any SOCK_STREAM 0
	gai one.test 80 unix SOCK_STREAM 0
	gai one.test 80 99 SOCK_STREAM 0
	gai one.test 80 any 77 0
	gai one.test 80 any SOCK_STREAM 0x8000000
	gai - - any SOCK_STREAM 0
	gai - 80 any SOCK_STREAM 0
	gai - 80 any SOCK_STREAM AI_PASSIVE
	gai - 80 any SOCK_STREAM AI_PASSIVE|AI_ADDRCONFIG
	gai - 80 any SOCK_STREAM AI_ADDRCONFIG
	gai - 80 any SOCK_STREAM AI_CANONNAME
	gai - 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai empty 80 any SOCK_STREAM 0
	gai empty 80 any SOCK_STREAM AI_CANONNAME
	gai two.test 80 any SOCK_STREAM 0
	gai six.test 80 any SOCK_STREAM 0
	gai six.test 80 v4 SOCK_STREAM 0
	gai six.test 80 v6 SOCK_STREAM 0
	gai sixes.test 80 any SOCK_STREAM 0
	gai both.test 80 any SOCK_STREAM 0
	gai both.test 80 v4 SOCK_STREAM 0
	gai both.test 80 v6 SOCK_STREAM 0
	gai many.test 80 any SOCK_STREAM 0
	gai many.test 80 any 0 0
	gai one.test. 80 any SOCK_STREAM 0
	gai ONE.Test 80 any SOCK_STREAM AI_CANONNAME
	gai under_score.test 80 any SOCK_STREAM AI_CANONNAME
	gai -one.test 80 any SOCK_STREAM 0
	gai one..test 80 any SOCK_STREAM 0
	gai .one.test 80 any SOCK_STREAM 0
	gai none.test 80 any SOCK_STREAM 0
	gai none.test 80 v4 SOCK_STREAM 0
	gai none.test 80 v6 SOCK_STREAM 0
	gai nodata.test 80 any SOCK_STREAM 0
	gai nodata.test 80 v4 SOCK_STREAM 0
	gai text.test 80 v6 SOCK_STREAM 0
	gai fail.test 80 any SOCK_STREAM 0
	gai fail.test 80 v4 SOCK_STREAM 0
	gai fail6.test 80 any SOCK_STREAM 0
	gai fail6.test 80 v6 SOCK_STREAM 0
	gai nx6.test 80 any SOCK_STREAM 0
	gai nx6.test 80 v6 SOCK_STREAM 0
	gai notimp.test 80 v4 SOCK_STREAM 0
	gai cut.test 80 v4 SOCK_STREAM 0
	gai cut.test 80 any SOCK_STREAM 0
	gai long.test 80 v4 SOCK_STREAM 0
	gai 93.184.216.1 80 any SOCK_STREAM 0
	gai 93.184.55553 80 any SOCK_STREAM AI_CANONNAME
	gai 93.184.216.256 80 any SOCK_STREAM 0
	gai 93.184.216.1. 80 any SOCK_STREAM 0
	gai 0x5d.0xb8.0xd8.1 80 any SOCK_STREAM 0
	gai 2606:2800:220:1::6 80 any SOCK_STREAM 0
	gai 2606:2800:220:1::6 80 v4 SOCK_STREAM 0
	gai ::ffff:93.184.216.1 80 any SOCK_STREAM 0
	gai ::ffff:93.184.216.1 80 v4 SOCK_STREAM 0
	gai 2606:2800:220:1::6%lo 80 any SOCK_STREAM 0
	gai fe80::1%eth0 80 any SOCK_STREAM AI_NUMERICHOST|AI_CANONNAME
	gai fe80::1%nowhere 80 any SOCK_STREAM 0
	gai fe80::1%1 80 any SOCK_STREAM 0
	gai 2606:2800:220:1::zz 80 any SOCK_STREAM 0
CASES
compare "flags" <<-'CASES'
	gai one.test 80 any SOCK_STREAM AI_CANONNAME
	gai alias.test 80 any SOCK_STREAM AI_CANONNAME
	gai alias.test 80 v4 SOCK_STREAM AI_CANONNAME
	gai chain.test 80 any SOCK_STREAM AI_CANONNAME
	gai chain.test 80 v4 SOCK_STREAM AI_CANONNAME
	gai chain.test 80 v6 SOCK_STREAM AI_CANONNAME
	gai chain.test 80 any 0 AI_CANONNAME
	gai hanging.test 80 any SOCK_STREAM AI_CANONNAME
	gai tonodata.test 80 any SOCK_STREAM AI_CANONNAME
	gai hanging.test 80 v4 SOCK_STREAM 0
	gai tonodata.test 80 v4 SOCK_STREAM 0
	gai both.test 80 any SOCK_STREAM AI_ADDRCONFIG
	gai both.test 80 v6 SOCK_STREAM AI_ADDRCONFIG
	gai six.test 80 any SOCK_STREAM AI_ADDRCONFIG
	gai one.test 80 any SOCK_STREAM AI_ADDRCONFIG
	gai one.test 80 v6 SOCK_STREAM AI_ADDRCONFIG
	gai one.test 80 v6 SOCK_STREAM AI_ADDRCONFIG|AI_V4MAPPED
	gai 93.184.216.1 80 any SOCK_STREAM AI_ADDRCONFIG
	gai 93.184.216.1 80 v6 SOCK_STREAM AI_ADDRCONFIG
	gai 2606:2800:220:1::6 80 any SOCK_STREAM AI_ADDRCONFIG
	gai one.test 80 v6 SOCK_STREAM AI_V4MAPPED
	gai one.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai one.test 80 v6 SOCK_STREAM AI_ALL
	gai one.test 80 v4 SOCK_STREAM AI_V4MAPPED
	gai one.test 80 any SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai six.test 80 v6 SOCK_STREAM AI_V4MAPPED
	gai six.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai both.test 80 v6 SOCK_STREAM AI_V4MAPPED
	gai both.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai both.test 80 any SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai many.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai chain.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL|AI_CANONNAME
	gai none.test 80 v6 SOCK_STREAM AI_V4MAPPED
	gai none.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai nodata.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai fail6.test 80 v6 SOCK_STREAM AI_V4MAPPED
	gai 93.184.216.1 80 v6 SOCK_STREAM 0
	gai 93.184.216.1 80 v6 SOCK_STREAM AI_V4MAPPED
	gai 93.184.216.1 80 v6 SOCK_STREAM AI_V4MAPPED|AI_CANONNAME
	gai 2606:2800:220:1::6 80 any SOCK_STREAM AI_CANONNAME
	gai one.test 80 any SOCK_STREAM AI_NUMERICHOST
	gai 93.184.216.1 80 any SOCK_STREAM AI_NUMERICHOST
	gai one.test 80 any SOCK_STREAM AI_PASSIVE
	gai one.test 80 any SOCK_STREAM AI_IDN
	gai bücher.test 80 any SOCK_STREAM AI_IDN
	gai bücher.test 80 any SOCK_STREAM AI_IDN|AI_CANONNAME
	gai bücher.test 80 any SOCK_STREAM AI_IDN|AI_CANONNAME|AI_CANONIDN
	gai BÜCHER.test 80 any SOCK_STREAM AI_IDN
	gai bücher.test 80 any SOCK_STREAM 0
	gai xn--bcher-kva.test 80 any SOCK_STREAM AI_CANONNAME|AI_CANONIDN
	gai xn--bcher-kva.test 80 any SOCK_STREAM AI_CANONNAME
	gai one.test 80 any SOCK_STREAM AI_CANONIDN
	gai one.test 80 any SOCK_STREAM AI_CANONNAME|AI_CANONIDN
CASES
compare "getnameinfo" <<-'CASES'
	gni 93.184.216.10 80 0
	gni 93.184.216.10 80 NI_NAMEREQD
	gni 93.184.216.10 80 NI_NUMERICHOST
	gni 93.184.216.10 80 NI_NUMERICSERV
	gni 93.184.216.10 80 NI_NUMERICHOST|NI_NUMERICSERV
	gni 93.184.216.10 80 NI_NUMERICHOST|NI_NAMEREQD
	gni 93.184.216.10 80 NI_NOFQDN
	gni 93.184.216.10 512 NI_NUMERICHOST
	gni 93.184.216.10 512 NI_NUMERICHOST|NI_DGRAM
	gni 93.184.216.10 53 NI_DGRAM
	gni 93.184.216.10 61234 0
	gni 93.184.216.10 80 0x1000
	gni 93.184.216.10 80 0 4
	gni 93.184.216.10 80 0 8
	gni 93.184.216.10 80 0 9
	gni 93.184.216.10 80 0 100 3
	gni 93.184.216.10 80 0 100 4
	gni 93.184.216.10 80 0 100 5
	gni 93.184.216.10 80 NI_NUMERICHOST 13
	gni 93.184.216.10 80 NI_NUMERICHOST 14
	gni 93.184.216.10 80 0 0 10
	gni 93.184.216.10 80 0 100 0
	gni 93.184.216.10 80 0 0 0
	gni 93.184.216.10 80 NI_NAMEREQD 0 0
	gni 93.184.216.2 80 0
	gni 93.184.216.3 80 0
	gni 93.184.216.4 80 0
	gni 93.184.216.4 80 NI_IDN
	gni 93.184.216.5 80 NI_NOFQDN
	gni 93.184.216.6 80 0
	gni 93.184.216.6 80 NI_NAMEREQD
	gni 93.184.216.7 80 0
	gni 93.184.216.7 80 NI_NAMEREQD
	gni 93.184.216.99 80 0
	gni 93.184.216.99 80 NI_NAMEREQD
	gni 93.184.216.50 80 0
	gni 93.184.216.51 80 0
	gni 127.0.0.1 80 0
	gni 127.0.0.1 80 NI_NOFQDN
	gni ::1 80 0
	gni 2606:2800:220:1::6 80 0
	gni 2606:2800:220:1::7 80 0
	gni 2606:2800:220:1::51 80 NI_NAMEREQD
	gni ::ffff:93.184.216.10 80 0
	gni ::ffff:93.184.216.50 80 0
	gni fe80::1%1 80 NI_NUMERICHOST
	gni fe80::1%1 80 NI_NUMERICHOST|NI_NUMERICSERV
	gni fe80::1%77 80 NI_NUMERICHOST
	gni fe80::1%1 80 0
	gni ff02::1%1 80 NI_NUMERICHOST
	gni 2606:2800:220:1::6%1 80 NI_NUMERICHOST
CASES
compare "hosts file" <<-'CASES'
	gai localhost 80 any SOCK_STREAM 0
	gai localhost 80 v4 SOCK_STREAM AI_CANONNAME
	gai localhost 80 v6 SOCK_STREAM AI_CANONNAME
	gai ip6-localhost 80 any SOCK_STREAM AI_CANONNAME
	gai ip6-localhost 80 v4 SOCK_STREAM 0
	gai here 80 any SOCK_STREAM AI_CANONNAME
	gai filehost.test 80 any SOCK_STREAM AI_CANONNAME
	gai filehost 80 any SOCK_STREAM AI_CANONNAME
	gai fh 80 v4 SOCK_STREAM AI_CANONNAME
	gai fh 80 v6 SOCK_STREAM AI_CANONNAME
	gai fh 80 v6 SOCK_STREAM AI_V4MAPPED
	gai again 80 any SOCK_STREAM AI_CANONNAME
	gai multi.file.test 80 any SOCK_STREAM AI_CANONNAME
	gai multi.file.test 80 v4 SOCK_STREAM AI_CANONNAME
	gai multi.file.test 80 v6 SOCK_STREAM AI_CANONNAME
	gai multi.file.test 80 v6 SOCK_STREAM AI_V4MAPPED|AI_ALL
	gai multi2 80 any SOCK_STREAM AI_CANONNAME
	gai sixfile 80 any SOCK_STREAM AI_CANONNAME
	gai upper.FILE.test 80 any SOCK_STREAM AI_CANONNAME
	gai tabbed 80 any SOCK_STREAM AI_CANONNAME
	gai tab.file.test. 80 any SOCK_STREAM 0
	gai comment.test 80 any SOCK_STREAM 0
	gai broken.file.test 80 any SOCK_STREAM 0
	gai mapped.file.test 80 any SOCK_STREAM 0
	gai mapped.file.test 80 v4 SOCK_STREAM 0
	gai mapped.file.test 80 v6 SOCK_STREAM 0
	gai shadow.test 80 any SOCK_STREAM 0
	host localhost
	host filehost
	host fh
	host multi.file.test
	host multi2
	host sixfile
	host upper.file.test
	host2 localhost v6
	host2 multi.file.test v6
	host2 sixfile v6
	addr 127.0.0.1
	addr ::1
	addr 93.184.216.50
	addr 93.184.216.52
	addr 2606:2800:220:1::50
	ent
CASES
compare "gethostby" <<-'CASES'
	host one.test
	host ONE.test
	host two.test
	host many.test
	host six.test
	host alias.test
	host chain.test
	host hanging.test
	host tonodata.test
	host2 tonodata.test v6
	host none.test
	host nodata.test
	host fail.test
	host long.test
	host under_score.test
	host 93.184.216.1
	host 0x5d.184.216.1
	host 93.184.216.1.
	host ::1
	host empty
	host one.test.
	host2 six.test v6
	host2 sixes.test v6
	host2 chain.test v6
	host2 one.test v6
	host2 none.test v6
	host2 ::1 v6
	host2 93.184.216.1 v6
	host2 one.test unix
	addr 93.184.216.10
	addr 93.184.216.2
	addr 93.184.216.3
	addr 93.184.216.4
	addr 93.184.216.6
	addr 93.184.216.7
	addr 93.184.216.99
	addr 2606:2800:220:1::6
	addr 2606:2800:220:1::7
	addr ::ffff:93.184.216.10
	room one.test 0 400
	room chain.test 0 600
	room filehost.test 0 600
CASES
compare "res_" <<-'CASES'
	query one.test A
	query one.test. A
	query six.test AAAA
	query chain.test A
	query none.test A
	query nodata.test A
	query fail.test A
	query text.test TXT
	query both.test ANY
	query 10.216.184.93.in-addr.arpa PTR
	query long.test A
	query cut.test A
	query empty A
	query one..test A
	search one.test A
	search host A
	search none A
	domain one test A
	domain one.test - A
	domain host sub.test A
	domain none test A
	make one.test A
	make none.test A
	make cut.test A
	make one..test A
	option RES_USEVC
	query one.test A
	option -RES_USEVC
	option RES_USE_DNSSEC
	query one.test A
	option -RES_USE_DNSSEC
	option RES_USE_EDNS0
	query long.test A
	option RES_STAYOPEN
	query one.test A
	query two.test A
	option init
	query one.test A
	option __init
	query one.test A
CASES
conf "nameserver 127.0.0.1" "search sub.test other.test" \
	"options ndots:2 timeout:10 attempts:3"
search_cases() {
	cat <<-'CASES'
		gai host 80 any SOCK_STREAM AI_CANONNAME
		gai onlysub 80 any SOCK_STREAM AI_CANONNAME
		gai single 80 any SOCK_STREAM AI_CANONNAME
		gai single. 80 any SOCK_STREAM AI_CANONNAME
		gai x.y 80 any SOCK_STREAM AI_CANONNAME
		gai one.test 80 any SOCK_STREAM AI_CANONNAME
		gai deep.a.b.test 80 any SOCK_STREAM AI_CANONNAME
		gai nodata 80 any SOCK_STREAM 0
		gai none 80 any SOCK_STREAM 0
		gai fail 80 any SOCK_STREAM 0
		gai refuse 80 any SOCK_STREAM 0
		gai both 80 any SOCK_STREAM AI_CANONNAME
		gai both 80 v6 SOCK_STREAM AI_CANONNAME
		gai filehost 80 any SOCK_STREAM AI_CANONNAME
		host host
		host onlysub
		host x.y
		host none
		host nodata
		host fail
		host2 both v6
		query host A
		search host A
		search onlysub A
		search x.y A
		search one.test A
		search none A
		search nodata A
		search fail A
		search single A
		search single. A
		domain host sub.test A
	CASES
}
compare "search list" < <(search_cases)
conf "nameserver 127.0.0.1" "domain sub.test" "options ndots:0 timeout:10 attempts:3"
compare "domain" < <(search_cases)
conf "nameserver 127.0.0.1" "search other.test" "search sub.test" \
	"options no-tld-query timeout:10 attempts:3"
compare "the last search line" < <(search_cases)
LOCALDOMAIN="other.test sub.test" RES_OPTIONS="ndots:3 timeout:10" export LOCALDOMAIN RES_OPTIONS
compare "LOCALDOMAIN, RES_OPTIONS" < <(search_cases)
unset LOCALDOMAIN RES_OPTIONS
printf 'al one.test\nb.b two.test\n' >"$work/aliases"
export HOSTALIASES=$work/aliases
compare "HOSTALIASES" <<-'CASES'
	gai al 80 any SOCK_STREAM AI_CANONNAME
	gai b.b 80 any SOCK_STREAM 0
	host al
	search al A
	query al A
CASES
unset HOSTALIASES

conf "nameserver 127.0.0.1" "options timeout:1 attempts:1"
compare "a server that is silent" <<-'CASES'
	gai drop.test 80 v4 SOCK_STREAM 0
	gai drop.test 80 any SOCK_STREAM 0
	host drop.test
	query drop.test A
CASES
conf "nameserver 127.0.0.1" "nameserver ::1" \
	"options use-vc rotate edns0 single-request-reopen trust-ad timeout:10"
compare "by streams" <<-'CASES'
	gai both.test 80 any SOCK_STREAM AI_CANONNAME
	gai long.test 80 v4 SOCK_STREAM 0
	gai none.test 80 any SOCK_STREAM 0
	host chain.test
	addr 93.184.216.10
	search one.test A
CASES
conf "nameserver 127.0.0.1" "options single-request no-aaaa timeout:10" "sortlist 10.0.0.0"
compare "no-aaaa" <<-'CASES'
	gai both.test 80 any SOCK_STREAM AI_CANONNAME
	gai both.test 80 v6 SOCK_STREAM AI_CANONNAME
	gai six.test 80 any SOCK_STREAM AI_CANONNAME
	gai six.test 80 v6 SOCK_STREAM AI_V4MAPPED
	gai none.test 80 v6 SOCK_STREAM 0
	gai multi.file.test 80 v6 SOCK_STREAM 0
	host2 six.test v6
	search six.test AAAA
	query six.test AAAA
CASES
conf "nameserver 127.0.0.1"
echo "multi off" >"$work/host.conf"
compare "multi off" <<-'CASES'
	gai both.test 80 any SOCK_STREAM AI_CANONNAME
	gai localhost 80 any SOCK_STREAM 0
	gai multi.file.test 80 any SOCK_STREAM AI_CANONNAME
	gai multi.file.test 80 v4 SOCK_STREAM AI_CANONNAME
	gai multi.file.test 80 v6 SOCK_STREAM AI_CANONNAME
	host localhost
	host multi.file.test
	host filehost.test
CASES
echo "multi on" >"$work/host.conf"
hostname box.sub.test
compare "a machine with a domain" <<-'CASES'
	gni 93.184.216.11 80 NI_NOFQDN
	gni 93.184.216.5 80 NI_NOFQDN
	gni 93.184.216.10 80 NI_NOFQDN
	gni 127.0.0.1 80 NI_NOFQDN
	gai host 80 any SOCK_STREAM 0
CASES
hostname box
printf '\n10.0.2.15 box.other.test box\n' >>"$work/hosts"
compare "a machine whose domain is in /etc/hosts" <<-'CASES'
	gni 10.0.2.15 80 NI_NOFQDN
	gni 10.0.2.15 80 0
	gni 93.184.216.10 80 NI_NOFQDN
	gai box 80 any SOCK_STREAM AI_CANONNAME
CASES
: >"$work/hosts"
conf
compare "nothing configured" <<-'CASES'
	gai one.test 80 any SOCK_STREAM 0
	gai filehost.test 80 any SOCK_STREAM 0
	gai 93.184.216.1 80 any SOCK_STREAM 0
	gni 93.184.216.10 80 0
CASES

# ---- not as libc ----
# expect TITLE WANT, lines on standard input
expect() {
	cat >"$work/in"
	how sandbox >"$work/sandbox"
	same "$1" "$2" "$(cat "$work/sandbox")"
}
unset FDNET_RELAY_BIN
expect "names below localhost are this machine (RFC 6761 6.3)" \
	"gai foo.localhost 80 v4 SOCK_STREAM 0: 127.0.0.1/80,2,1,6,0" <<-'CASE'
	gai foo.localhost 80 v4 SOCK_STREAM 0
CASE
finish
