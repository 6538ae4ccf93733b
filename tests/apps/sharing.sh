# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# Sockets over fork, exec, SCM_RIGHTS and the deaths of their makers; a daemon
# with workers that is reloaded, socket activation, inetd style.
needs="python3 socat memcached"
modes="native sandbox"
limit=30

app() {
	local want
	want=$(timeout 30 "$python" "$here/sharing.py")
	is "processes share sockets" "$want" \
		"$(inside "$python" "$here/sharing.py")"
	is "a daemon" "VALUE a 0 3 abc" "$(inside bash -c '
		memcached -u root -p "$0" -l 127.0.0.1 -d -P "$PWD/memcached.pid"
		for i in 1 2 3 4 5 6 7 8 9; do
			exec 3<>"/dev/tcp/127.0.0.1/$0" && break
			sleep 0.1
		done 2>/dev/null
		printf "set a 0 0 3\r\nabc\r\nget a\r\nquit\r\n" >&3
		cat <&3 | tr -d "\r" | sed -n 2,3p | paste -sd " "
		kill "$(cat "$PWD/memcached.pid")"' "$(free_port)")"
	is "a program for each connection" "ONE TWO " "$(inside bash -c '
		socat "TCP-LISTEN:$0,bind=127.0.0.1,fork" EXEC:"tr a-z A-Z" &
		sleep 0.3
		for word in one two; do
			echo "$word" | socat -t 2 - "TCP:127.0.0.1:$0"
		done | tr "\n" " "
		kill %1' "$(free_port)")"
}
