# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# nginx as a single process inside; curl outside.
needs="nginx curl"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
	mkdir www
	echo "from nginx" >www/page.txt
	head -c 64M /dev/urandom >www/big.bin
	chmod 755 . www
	cat >nginx.conf <<-CONF
		daemon off;
		master_process off;
		pid $scratch/nginx.pid;
		error_log $scratch/nginx-error.log;
		events { worker_connections 1024; }
		http {
			access_log off;
			sendfile on;
			client_body_temp_path $scratch/body;
			proxy_temp_path $scratch/proxy;
			fastcgi_temp_path $scratch/fastcgi;
			uwsgi_temp_path $scratch/uwsgi;
			scgi_temp_path $scratch/scgi;
			server {
				listen $any:$port;
				root $scratch/www;
				location /up { dav_methods PUT; client_max_body_size 100m; }
			}
		}
	CONF
	nginx -V 2>&1 | grep -q dav_module || sed -i '/dav_methods/d' nginx.conf
}

app() {
	local url=http://127.0.0.1:$port sum
	inside_background nginx nginx -p "$scratch" -c "$scratch/nginx.conf" \
		-e "$scratch/nginx-start.log"
	wait_port "$port"
	is "page" "from nginx" "$(curl -sS --retry 10 --retry-all-errors \
		"$url/page.txt")"
	sum=$(sum_of <www/big.bin)
	is "64 MiB by sendfile" "$sum" "$(curl -sS "$url/big.bin" | sum_of)"
	is "range" 1000 "$(curl -sS -r 5000000-5000999 "$url/big.bin" | wc -c)"
	is "100 at once" 100 "$(curl -sS -Z --parallel-max 100 \
		"$url/page.txt?[1-100]" | grep -c 'from nginx')"
	is "not found" 404 \
		"$(curl -sS -o /dev/null -w '%{http_code}' "$url/none")"
	# nginx.pid has a number of the sandbox's own
	for pid in $(family "$background_pid"); do
		[ "$(cat "/proc/$pid/comm")" != nginx ] || kill -TERM "$pid"
	done
	wait "$background_pid"
	is "exit status" 0 $?
}
