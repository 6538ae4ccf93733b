# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# Sockets that several processes see: fork, prefork, exec, inetd style.
needs="python3 socat"

app_setup() {
	port=$(free_port)
	head -c 4M /dev/urandom >data
	background echo socat -t 20 \
		"TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" EXEC:cat
	wait_port "$port"
	allow=("host:$port")
}

app() {
	local want
	want=$(for n in 0 1 2 3 4 5 6 7 8 9; do
		echo "CLIENT $n... from 127.0.0.1"
	done; echo "done")
	is "prefork and fork per connection" "$want" \
		"$(inside "$python" "$here/forking_server.py")"
	is "a child writes, another reads" "through children" \
		"$(inside bash -c 'exec 3<>/dev/tcp/$0/$1
			(echo "through children" >&3)
			head -n 1 <&3; :' "$host" "$port")"
	is "programs on an inherited socket" "$(sum_of <data)" \
		"$(inside bash -c 'exec 3<>/dev/tcp/$0/$1
			head -c 4M data >&3 & head -c 4M <&3; wait' \
			"$host" "$port" | sum_of)"
}
