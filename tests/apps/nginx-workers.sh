# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# nginx with four workers on one listener inside, which is told to reload
# while it is busy; curl and ab outside.
needs="nginx curl ab"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
	mkdir www
	echo "from a worker" >www/page.txt
	head -c 16M /dev/urandom >www/big.bin
	chmod 755 . www
	cat >nginx.conf <<-CONF
		daemon off;
		user root;
		worker_processes 4;
		pid $scratch/nginx.pid;
		error_log $scratch/nginx-error.log;
		events { worker_connections 256; }
		http {
			access_log off;
			sendfile on;
			server { listen $any:$port; root $scratch/www; }
		}
	CONF
}

app() {
	local url=http://127.0.0.1:$port
	inside_told nginx nginx -p "$scratch" -c "$scratch/nginx.conf" \
		-e "$scratch/nginx-start.log"
	wait_port "$port"
	answers "$url/page.txt"
	is "page" "from a worker" "$(curl -sS "$url/page.txt")"
	is "16 MiB" "$(sum_of <www/big.bin)" "$(curl -sS "$url/big.bin" | sum_of)"
	is "100 requests, 20 at once" 100 "$(curl -sS -Z --parallel-max 20 \
		"$url/page.txt?[1-100]" | grep -c 'from a worker')"
	load_start "$url/page.txt" 4
	for n in 1 2 3 4; do
		sleep 0.7
		echo "reloaded $n" >www/page.txt
		tell nginx HUP
	done
	load_end
	is "failed, while it reloads" 0 "$load_failed"
	is "page of the last" "reloaded 4" "$(curl -sS "$url/page.txt")"
}
