# shellcheck shell=bash disable=SC2034,SC2154,SC2317,SC2016
# bash's /dev/tcp and /dev/udp: redirections of a shell are sockets.
needs="bash socat"

app_setup() {
	port=$(free_port)
	closed=$(free_port)
	background tcp socat -t 20 \
		"TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" EXEC:cat
	background udp socat "UDP-LISTEN:$port,bind=127.0.0.1,fork" PIPE
	wait_port "$port"
	allow=("host:$port" "host:$closed" "host:$port/udp")
}

app() {
	is "echo over /dev/tcp" "a line" "$(inside bash -c '
		exec 3<>/dev/tcp/$0/$1; echo "a line" >&3; read -r x <&3
		echo "$x"' "$host" "$port")"
	is "refused" "Connection refused" "$(inside bash -c \
		'exec 3<>/dev/tcp/$0/$1' "$host" "$closed" 2>&1 |
		grep -o -m 1 'Connection refused')"
	is "echo over /dev/udp" "a line" "$(inside bash -c '
		exec 3<>/dev/udp/$0/$1; echo "a line" >&3
		timeout 5 dd bs=100 count=1 <&3 2>/dev/null' "$host" "$port")"
}
