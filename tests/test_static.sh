#!/usr/bin/env bash
# What the supervisor answers: programs that the preload cannot reach (static
# ones, Go's, Rust's, tools of busybox), and AF_UNIX sockets with names.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
peer=$top_build/tests/apps/netpeer
static=$top_build/tests/apps/netpeer-static
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

run_it() {
	timeout 60 "$run" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	# the shell would complain of the page's zeros
	out=$(tr -d '\0' <"$work/out")
	err=$(cat "$work/err")
}

if "$run" --check | grep -q '^supervisor *no'; then
	skip "programs without the preload" "this kernel has no supervisor"
	finish
fi

port=$(free_port)
closed=$(free_port)
"$peer" serve 127.0.0.1 "$port" >"$work/peer.log" 2>&1 &
kill_at_end+=("$!")
wait_port "$port"
web=$(free_port)
mkdir "$work/www"
head -c 100000 /dev/zero >"$work/www/page"
(cd "$work/www" && exec /usr/bin/python3 -S -m http.server --bind 127.0.0.1 \
	"$web" >/dev/null 2>&1) &
kill_at_end+=("$!")
wait_port "$web"

# static NAME [LIBRARY...]: $work/NAME from tests/apps/NAME.c, without sanitizers
static() {
	local name=$1
	shift
	# shellcheck disable=SC2086 # it may be "ccache gcc"
	${CC:-cc} -std=gnu11 -w -O1 -static -o "$work/$name" \
		"$top_src/tests/apps/$name.c" "$@" -pthread \
		2>"$work/$name.err"
}

# ---- a static C program ----
one="1 of 1 connections answered"
if [ -x "$static" ] && static crowd; then
	run_it -q --allow "host:$port" -- "$static" many 10.0.2.2 "$port" 1
	same "static: an allowed service is reached" "$one" "$out"
	run_it -q --allow "host:$port" -- "$static" many 10.0.2.2 "$port" 50
	same "static: 50 at once" "50 of 50 connections answered" "$out"
	run_it -q -- "$static" many 10.0.2.2 "$port" 1
	same "static: without a rule it is unreachable" "connect: EHOSTUNREACH" \
		"$out"
	run_it -- "$static" many 10.0.2.2 "$port" 1
	matches "static: the summary names the option" "--allow host:$port" \
		"$err"
	run_it -q --allow "host:$closed" -- "$static" many 10.0.2.2 "$closed" 1
	same "static: nobody there refuses" "connect: ECONNREFUSED" "$out"
	run_it -q --allow "host:$port" -- "$static" bulk 10.0.2.2 "$port" 8
	matches "static: 8 MiB both ways" "all bytes as they should be" "$out"
	run_it -q --no-namespaces --allow "host:$port" -- "$static" many \
		10.0.2.2 "$port" 5
	same "static: without namespaces too" "5 of 5 connections answered" \
		"$out"
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$work"
		cp "$static" "$run" "$top_build/fdnet-relay" \
			"$top_build/.libs/libfdnet.so" "$work/"
		chmod 755 "$work"/*
		out=$(FDNET_RELAY_BIN=$work/fdnet-relay \
			FDNET_LIB=$work/libfdnet.so timeout 60 setpriv \
			--reuid 65534 --regid 65534 --clear-groups \
			"$work/fdnet-run" -q --allow "host:$port" -- \
			"$work/netpeer-static" many 10.0.2.2 "$port" 5 \
			</dev/null 2>&1)
		same "static: as an ordinary user" \
			"5 of 5 connections answered" "$out"
	fi

	# ---- both kinds in one sandbox ----
	# shellcheck disable=SC2016
	meet='"$0" serve 127.0.0.1 7000 >/dev/null & for i in 1 2 3 4 5 6 7 8 9; do
		sleep 0.2; "$1" many 127.0.0.1 7000 3 2>/dev/null |
		grep answered && break; done; kill $!'
	three="3 of 3 connections answered"
	run_it -q -- bash -c "$meet" "$static" "$static"
	same "static serves static" "$three" "$out"
	run_it -q -- bash -c "$meet" "$static" "$peer"
	same "static serves one with the preload" "$three" "$out"
	run_it -q -- bash -c "$meet" "$peer" "$static"
	same "one with the preload serves static" "$three" "$out"

	# ---- 64 threads at once, interrupted 500 times a second ----
	run_it -q -- "$work/crowd" 64 5
	same "static: 64 threads" "320 streams, 320 datagrams" "$out$err"
	run_it -q --no-namespaces -- "$work/crowd" 64 5
	same "static: 64 threads, without namespaces" \
		"320 streams, 320 datagrams" "$out$err"

	# ---- calls that wait, are interrupted, or lose their caller ----
	/usr/bin/python3 -S -c '
import socket, time
queue = socket.socket()
queue.bind(("127.0.0.1", 0))
queue.listen(0)
full = [socket.socket() for i in range(4)]
for client in full:
    client.setblocking(False)
    client.connect_ex(queue.getsockname())
print(queue.getsockname()[1], flush=True)
time.sleep(600)' >"$work/hole" &
	kill_at_end+=("$!")
	wait_until 10 test -s "$work/hole"
	hole=$(cat "$work/hole")
	if static inflight; then
		mkfifo "$work/hold"
		exec 7<>"$work/hold"
		"$run" -q --allow "host:$hole" -- "$work/inflight" "$hole" \
			>"$work/waits" 2>&1 <"$work/hold" 7>&- &
		waits=$!
		kill_at_end+=("$waits")
		wait_until 60 grep -q killed "$work/waits"
		same "static: calls that wait hold up nobody" \
			"others are served: 5 of 5 still wait
connect interrupted: EINTR
recvmsg interrupted: EINTR
accept restarted: done
recvfrom restarted: done
40 of 40 killed" "$(cat "$work/waits")"
		few_fds() { [ "$(find "/proc/$waits/fd" | wc -l)" -lt 30 ]; }
		if wait_until 15 few_fds; then
			ok "static: nothing is kept for callers that are gone"
		else
			not_ok "static: nothing is kept for callers that are gone"
		fi
		exec 7>&-
	fi

	# ---- the relay's end: no network, but AF_UNIX goes on ----
	if static relayless; then
		mkfifo "$work/dead"
		exec 7<>"$work/dead"
		mkdir "$work/named"
		"$run" -q -- "$work/relayless" "$work/named" >"$work/ends" \
			2>"$work/ends.err" <"$work/dead" 7>&- &
		ends=$!
		kill_at_end+=("$ends")
		wait_until 60 grep -q socket "$work/ends"
		read -ra children <"/proc/$ends/task/$ends/children"
		for pid in "${children[@]}"; do
			grep -qx fdnet-relay "/proc/$pid/comm" &&
				kill -9 "$pid"
		done
		echo >&7
		wait "$ends"
		alive="pair ok type ok is 1 size ok name ok shutdown ok
bind ok listen ok connect ok accept ok byte x"
		same "static: AF_UNIX without a relay" "$alive
socket ok option ok
$alive
socket ENETDOWN option ENETDOWN" "$(cat "$work/ends")"
		matches "static: the relay's end is said" \
			"ended by signal 9" "$(cat "$work/ends.err")"
		exec 7>&-
	fi

	# ---- published ----
	inner=$(free_port)
	timeout 60 "$run" -q --publish "$inner:8080" -- "$static" serve \
		0.0.0.0 8080 >"$work/inner.log" 2>&1 &
	kill_at_end+=("$!")
	wait_port "$inner"
	answers() { [ "$("$peer" many 127.0.0.1 "$inner" 1)" = "$one" ]; }
	if wait_until 15 answers; then
		ok "a published port reaches a static server"
	else
		not_ok "a published port reaches a static server"
	fi
else
	skip "static" "it cannot be built here"
fi

# load NAME COMMAND...: a server on port 8080, published, to which ab speaks
# with a connection for each request, and with few that are kept
load() {
	local name=$1 outer kept answered=
	shift
	have ab || { skip "$name" "ab is not here"; return; }
	outer=$(free_port)
	timeout 120 "$run" -q --publish "$outer:8080" -- "$@" \
		>/dev/null 2>&1 &
	kill_at_end+=("$!")
	wait_until 15 timeout 5 curl -s -o "$work/load" \
		"http://127.0.0.1:$outer/page"
	for kept in "" -k; do
		# shellcheck disable=SC2086
		answered+=$(timeout 100 ab -q $kept -n 1500 -c 50 \
			"http://127.0.0.1:$outer/page" 2>&1 |
			sed -n 's/^Complete requests: *//p
				s/^Failed requests: */ failed /p' | tr -d '\n')
		answered+="; "
	done
	same "$name" "1500 failed 0; 1500 failed 0; " "$answered"
}

# ---- a dynamic program that was given no environment ----
if have curl; then
	run_it -q --allow "host:$web" -- "${bare[@]}" "$(command -v curl)" -s -S \
		"http://host.fdnet:$web/page"
	same "curl without an environment" 100000 "$(wc -c <"$work/out")"
fi

# ---- busybox ----
if have busybox && busybox wget --help 2>&1 | grep -q Usage; then
	run_it -q --allow "host:$web" -- busybox wget -q -O - \
		"http://10.0.2.2:$web/page"
	same "busybox wget" 100000 "$(wc -c <"$work/out")"
	run_it -q --allow "host:$web" -- busybox wget -q -O - \
		"http://host.fdnet:$web/page"
	same "busybox wget by name" 100000 "$(wc -c <"$work/out")"
	run_it -q --no-namespaces --allow "host:$web" -- busybox wget -q -O - \
		"http://host.fdnet:$web/page"
	same "busybox wget by name, without namespaces" 100000 \
		"$(wc -c <"$work/out")"
	run_it -q -- busybox ifconfig
	same "busybox ifconfig: the sandbox's interfaces" \
		"inet addr:10.0.2.15 Mask:255.255.255.0 inet addr:127.0.0.1 Mask:255.0.0.0" \
		"$(grep -o 'inet addr:[^ ]*\|Mask:[0-9.]*' <<<"$out" | tr '\n' ' ' |
			sed 's/ $//')"
	run_it -q --no-namespaces -- busybox ifconfig host9
	matches "busybox ifconfig: others are not there" "Device not found" "$err"
	# a daemon outlives the program: fdnet-run returns, and serves it on
	mkfifo "$work/go" "$work/got"
	run_it -q --allow "host:$web" -- sh -c 'exec >/dev/null 2>&1
		busybox sh -c "read -r go <$0/go
			busybox wget -q -O - $1 >$0/got" & exit 3' \
		"$work" "http://10.0.2.2:$web/page"
	same "a daemon is left behind: the status" 3 "$rc"
	timeout 20 sh -c 'echo go >"$0/go"; cat "$0/got"' "$work" >"$work/out"
	same "a daemon is left behind: its network" 100000 \
		"$(wc -c <"$work/out")"
	# a listener whose input has ended ends the connection, and the client
	# goes with it before it has read its own
	mkfifo "$work/nc.in"
	run_it -q -- bash -c 'busybox nc -l -p 7001 <>"$1" >"$0" & sleep 2
		echo across | busybox nc -w 10 127.0.0.1 7001; wait' \
		"$work/nc" "$work/nc.in"
	same "busybox nc" across "$(cat "$work/nc")"
	busybox httpd --help 2>&1 | grep -q Usage &&
		load "busybox httpd under load" busybox httpd -f -p 8080 \
			-h "$work/www"
else
	skip "busybox" "it is not here"
fi

# ---- Go ----
# its library is compiled once: the cache stays
go_program=$work/gonet
if have go && CGO_ENABLED=0 GO111MODULE=off GOFLAGS="" \
	GOCACHE=$top_build/tests/gocache \
	timeout 300 go build -o "$go_program" "$top_src/tests/apps/gonet.go" \
	>"$work/go.log" 2>&1; then
	run_it -q --allow "host:$web" -- "$go_program" get \
		"http://10.0.2.2:$web/page" "http://10.0.2.2:$web/page"
	same "Go: net/http client" "200 100000 200 100000" "${out//$'\n'/ }"
	run_it -q --allow "host:$web" -- "$go_program" get \
		"http://host.fdnet:$web/page"
	same "Go: by name" "200 100000" "$out"
	run_it -q -- "$go_program" names host.fdnet
	matches "Go: its resolver asks the relay" "10\.0\.2\.2" "$out"
	run_it -q --no-namespaces -- "$go_program" names host.fdnet
	matches "Go: also without namespaces" "10\.0\.2\.2" "$out"
	run_it -q -- "$go_program" interfaces
	same "Go: interfaces are the sandbox's" \
		"lo [127.0.0.1/8 ::1/128] eth0 [10.0.2.15/24 fd00::15/64]" \
		"${out//$'\n'/ }"
	inner=$(free_port)
	timeout 60 "$run" -q --publish "$inner:8080" -- "$go_program" serve \
		:8080 2 >"$work/go.out" 2>&1 &
	kill_at_end+=("$!")
	wait_until 15 grep -q listening "$work/go.out"
	same "Go: net/http server, published" "hello /a" \
		"$(timeout 10 curl -s "http://127.0.0.1:$inner/a")"
	# shellcheck disable=SC2016
	run_it -q -- sh -c '"$0" echo 127.0.0.1:7002 & sleep 0.5
		"$0" udp 127.0.0.1:7002; wait' "$go_program"
	same "Go: datagrams" "listening hello" "${out//$'\n'/ }"
	# shellcheck disable=SC2016
	run_it -q -- sh -c '"$0" echo [::1]:7002 & sleep 0.5
		"$0" udp [::1]:7002; wait' "$go_program"
	same "Go: datagrams, IPv6" "listening hello" "${out//$'\n'/ }"
	# shellcheck disable=SC2016
	run_it -q -- sh -c '"$0" serve [::1]:7003 1 & sleep 0.5
		"$0" get http://[::1]:7003/; wait' "$go_program"
	same "Go: streams, IPv6" "listening 200 8" "${out//$'\n'/ }"
	# shellcheck disable=SC2016
	run_it -q -- sh -c '"$0" serve :7004 4 & sleep 0.5
		"$0" get http://127.0.0.1:7004/ "http://[::1]:7004/" \
		http://localhost:7004/ http://10.0.2.15:7004/; wait' "$go_program"
	same "Go: a listener of both families" \
		"listening 200 8 200 8 200 8 200 8" "${out//$'\n'/ }"
	load "Go: net/http under load" "$go_program" serve :8080 4000
	run_it -q --allow "host:$port" -- "$go_program" many \
		"10.0.2.2:$port" 1000
	same "Go: 1000 connections while signals interrupt calls" \
		"1000 answered" "$out"
else
	skip "Go" "golang-go is not here"
fi

# ---- Rust ----
if have rustc && rustc -O -C target-feature=+crt-static -o "$work/rustnet" \
	"$top_src/tests/apps/rustnet.rs" >"$work/rust.log" 2>&1; then
	run_it -q --allow "host:$web" -- "$work/rustnet" "10.0.2.2:$web" \
		"host.fdnet:$web"
	same "Rust: a client, by name too, a server, datagrams" \
		"100000 100000 OVER from b OVER from b" "${out//$'\n'/ }"
	run_it -q --no-namespaces -- "$work/rustnet"
	same "Rust: without namespaces" "OVER from b OVER from b" \
		"${out//$'\n'/ }"
else
	skip "Rust" "rustc is not here"
fi

# ---- HTTPS, by a static program with OpenSSL in it ----
if have openssl && static tlsget -lssl -lcrypto; then
	tls=$(free_port)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$work/key" -out "$work/cert" -subj /CN=host.fdnet \
		-addext subjectAltName=DNS:host.fdnet -days 2 2>/dev/null
	(cd "$work/www" && exec openssl s_server -accept "127.0.0.1:$tls" \
		-cert ../cert -key ../key -WWW >"$work/tls.log" 2>&1 \
		</dev/null) &
	kill_at_end+=("$!")
	wait_port "$tls"
	run_it -q --allow "host:$tls" -- "$work/tlsget" host.fdnet "$tls" \
		/page "$work/cert"
	same "HTTPS: a page, by name" "TLSv1.3 100000" "$out"
	[ "$rc" = 0 ] || sed "s/^/# /" "$work/err" "$work/tls.log"
	run_it -q -- "$work/tlsget" host.fdnet "$tls" /page "$work/cert"
	matches "HTTPS: without a rule" "No route to host" "$err"
else
	skip "HTTPS" "openssl or libssl.a is not here"
fi

# ---- AF_UNIX sockets with names ----
/usr/bin/python3 -S -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
s.listen(5)
while True:
    s.accept()[0].sendall(b"of the host")' "$work/service" &
kill_at_end+=("$!")
wait_until 10 test -S "$work/service"
names=$top_src/tests/unix_names.py
own="path HI same name
seqpacket HI same name
relative HI same name"
same "named sockets, natively" "$own
abstract HI same name
another's of the host" "$(/usr/bin/python3 "$names" "$work/service")"
abstract="HI same name"
"$run" --check | grep -q '^net *no' && abstract=PermissionError
run_it -q -- /usr/bin/python3 "$names" "$work/service"
same "inside: its own, but not the host's" "$own
abstract $abstract
another's PermissionError" "$out"
run_it -q --no-namespaces -- /usr/bin/python3 "$names" "$work/service"
same "without namespaces: no abstract ones" "$own
abstract PermissionError
another's PermissionError" "$out"
run_it -q --unix "$work/service" -- /usr/bin/python3 "$names" "$work/service"
same "--unix lets one be reached" "another's of the host" \
	"$(tail -1 <<<"$out")"

# ---- musl ----
cat >"$work/names.c" <<'END'
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	char buf[6] = "";
	int fd;

	if (getaddrinfo(argv[1], argv[2], &hints, &list))
		return puts("no such name"), 1;
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (connect(fd, list->ai_addr, list->ai_addrlen) ||
	    dprintf(fd, "%-32shello", "echo 0") < 0)
		return perror("connect"), 1;
	return read(fd, buf, 5) == 5 ? puts(buf), 0 : 1;
}
END
if have musl-gcc && musl-gcc -static -o "$work/names" "$work/names.c" \
	2>/dev/null; then
	run_it -q --allow "host:$port" -- "$work/names" host.fdnet "$port"
	same "musl: a name, and a connection" hello "$out"
	run_it -q --no-namespaces --allow "host:$port" -- "$work/names" \
		host.fdnet "$port"
	same "musl: without namespaces" hello "$out"
else
	skip "musl" "musl-tools is not here"
fi

# ---- hostile arguments, threads, signals, dying callers ----
hostile=$top_build/tests/escape/hostile
if [ -x "$hostile" ] && [ -x "$static" ]; then
	for mode in "" --no-namespaces; do
		# shellcheck disable=SC2016,SC2086
		run_it -q $mode --allow "host:$port" -- sh -c \
			'"$0" 2 $$; "$1" many 10.0.2.2 "$2" 5' "$hostile" \
			"$static" "$port"
		same "hostile calls${mode:+, $mode}: others are served" \
			"over 5 of 5 connections answered" "${out//$'\n'/ }"
	done
else
	skip "hostile calls" "they cannot be built here"
fi
finish
