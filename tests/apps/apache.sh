# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# apache with processes that accept from one listener (prefork), restarted
# gracefully while it is busy.
needs="apache2 curl ab"
modes="native sandbox"

app_setup() {
	local modules=/usr/lib/apache2/modules
	port=$(free_port)
	publish=("$port:$port")
	mkdir www
	echo "from a child" >www/page.txt
	head -c 4M /dev/urandom >www/big.bin
	chmod 755 .. . www
	cat >apache.conf <<-CONF
		ServerRoot $scratch
		ServerName localhost
		LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		Listen $any:$port
		PidFile $scratch/apache.pid
		ErrorLog $scratch/apache-error.log
		DefaultRuntimeDir $scratch
		DocumentRoot $scratch/www
		StartServers 6
		MinSpareServers 4
		MaxSpareServers 8
		MaxRequestWorkers 20
		MaxConnectionsPerChild 200
	CONF
	[ "$(id -u)" != 0 ] || printf '%s\n' "User nobody" "Group nogroup" \
		>>apache.conf
}

app() {
	local url=http://127.0.0.1:$port
	inside_told apache apache2 -f "$scratch/apache.conf" -DFOREGROUND
	wait_port "$port"
	answers "$url/page.txt"
	is "page" "from a child" "$(curl -sS "$url/page.txt")"
	is "4 MiB" "$(sum_of <www/big.bin)" "$(curl -sS "$url/big.bin" | sum_of)"
	is "200 requests, 20 at once" 200 "$(curl -sS -Z --parallel-max 20 \
		"$url/page.txt?[1-200]" | grep -c 'from a child')"
	load_start "$url/page.txt" 4
	for n in 1 2 3; do
		sleep 1
		tell apache USR1
	done
	load_end
	is "failed, while it restarts" 0 "$load_failed"
	is "page again" "from a child" "$(curl -sS "$url/page.txt")"
}
