# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# php-fpm with four children behind nginx with two workers, in one sandbox.
needs="php-fpm8.2 nginx curl ab"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	fpm=$(free_port)
	publish=("$port:$port")
	mkdir www
	printf '%s\n' '<?php echo "php says " . strtoupper($_GET["w"]), PHP_EOL;' \
		>www/say.php
	echo '<?php echo hash("sha256", file_get_contents("php://input"));' \
		>www/sum.php
	chmod 755 .. . www
	cat >fpm.conf <<-CONF
		[global]
		error_log = $scratch/fpm-error.log
		daemonize = no
		[www]
		listen = 127.0.0.1:$fpm
		pm = static
		pm.max_children = 4
		pm.max_requests = 100
	CONF
	[ "$(id -u)" != 0 ] || printf '%s\n' "user = nobody" "group = nogroup" \
		>>fpm.conf
	cat >nginx.conf <<-CONF
		daemon off;
		user root;
		worker_processes 2;
		pid $scratch/nginx.pid;
		error_log $scratch/nginx-error.log;
		events { worker_connections 256; }
		http {
			access_log off;
			client_max_body_size 8m;
			client_body_temp_path $scratch/body;
			fastcgi_temp_path $scratch/fcgi;
			server {
				listen $any:$port;
				root $scratch/www;
				location ~ \\.php\$ {
					fastcgi_pass 127.0.0.1:$fpm;
					fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
					fastcgi_param QUERY_STRING \$query_string;
					fastcgi_param REQUEST_METHOD \$request_method;
					fastcgi_param CONTENT_TYPE \$content_type;
					fastcgi_param CONTENT_LENGTH \$content_length;
				}
			}
		}
	CONF
}

app() {
	local url=http://127.0.0.1:$port
	# shellcheck disable=SC2016
	inside_background server bash -c 'php-fpm8.2 -n -F -y "$0/fpm.conf" &
		exec nginx -p "$0" -c "$0/nginx.conf" -e "$0/nginx-start.log"' \
		"$scratch"
	wait_port "$port"
	answers "$url/say.php?w=x"
	is "page" "php says HELLO" "$(curl -sS "$url/say.php?w=hello")"
	head -c 4M /dev/urandom >data
	is "4 MiB posted" "$(sum_of <data)" \
		"$(curl -sS -H "Content-Type: text/plain" \
		--data-binary @data "$url/sum.php")"
	is "300 requests, 20 at once" 300 "$(curl -sS -Z --parallel-max 20 \
		"$url/say.php?w=[1-300]" | grep -c 'php says')"
	load_start "$url/say.php?w=x" 2
	load_end
	is "failed, under load" 0 "$load_failed"
}
