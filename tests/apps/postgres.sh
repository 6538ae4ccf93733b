# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# A postgres server inside, a process for each connection; pgbench outside, and
# inside beside it.
needs="pgbench setpriv"
modes="native sandbox"

app_setup() {
	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
	[ -x "$bin/postgres" ] || return
	port=$(free_port)
	publish=("$port:$port")
	drop=()
	mkdir data
	if [ "$(id -u)" = 0 ]; then
		# it refuses to run as root
		chown nobody data
		chmod 755 .. .
		drop=(setpriv --reuid nobody --regid nogroup --clear-groups)
	fi
	"${drop[@]}" "$bin/initdb" -N -A trust -U tester -D "$scratch/data" \
		--no-locale -E UTF8 >initdb.log 2>&1
	echo "host all all all trust" >>data/pg_hba.conf
}

# processed COMMAND...: pgbench's count of transactions
processed() {
	"$@" 2>&1 | sed -n 's/^number of transactions actually processed: //p'
}

app() {
	local to=(-h 127.0.0.1 -p "$port" -U tester postgres)
	# shellcheck disable=SC2016
	inside_background postgres "${drop[@]}" bash -c '"$0/postgres" -D "$1" \
		-c listen_addresses="$3" -c port="$2" -c fsync=off \
		-c unix_socket_directories= -c shared_buffers=16MB &
		pid=$!
		until [ -e "$1/go" ] && pgbench -n -c 4 -t 50 -h 127.0.0.1 \
			-p "$2" -U tester postgres >"$1/inside.log" 2>&1; do
			kill -0 $pid || exit
			sleep 0.1
		done
		: >"$1/done"
		wait' \
		"$bin" "$scratch/data" "$port" "$any"
	wait_until 30 pgbench -q -i -s 1 "${to[@]}"
	is "8 clients" 400/400 "$(processed pgbench -n -c 8 -j 2 -t 50 \
		"${to[@]}")"
	is "a connection for each" 100/100 "$(processed pgbench -n -C -c 4 \
		-t 25 "${to[@]}")"
	"${drop[@]}" touch data/go
	wait_until 30 test -e data/done
	is "4 clients inside" 200/200 "$(processed cat data/inside.log)"
}
