# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# nginx with four workers on one listener inside; curl outside.
needs="nginx curl"
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
	inside_background nginx nginx -p "$scratch" -c "$scratch/nginx.conf" \
		-e "$scratch/nginx-start.log"
	wait_port "$port"
	is "page" "from a worker" "$(curl -sS --retry 20 --retry-delay 1 \
		--retry-all-errors "$url/page.txt")"
	is "16 MiB" "$(sum_of <www/big.bin)" "$(curl -sS "$url/big.bin" | sum_of)"
	is "100 requests, 20 at once" 100 "$(curl -sS -Z --parallel-max 20 \
		"$url/page.txt?[1-100]" | grep -c 'from a worker')"
}
