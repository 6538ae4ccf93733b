# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# haproxy, master and worker, reloaded while it is busy: the new worker gets
# the listening sockets from the old one, over an AF_UNIX socket.
needs="haproxy curl ab"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
	chmod 755 .. .
	configure 0
}

configure() {
	cat >haproxy.cfg <<-CONF
		global
		    maxconn 500
		    stats socket $scratch/haproxy.sock mode 600 level admin expose-fd listeners
		defaults
		    mode http
		    timeout connect 10s
		    timeout client 10s
		    timeout server 10s
		frontend f
		    bind $any:$port
		    http-request return status 200 content-type text/plain string "configured $1"
	CONF
}

app() {
	local url=http://127.0.0.1:$port
	inside_told haproxy haproxy -W -db -f "$scratch/haproxy.cfg"
	wait_port "$port"
	answers "$url/"
	is "page" "configured 0" "$(curl -sS "$url/")"
	load_start "$url/" 4
	for n in 1 2 3; do
		sleep 1
		configure "$n"
		tell haproxy USR2
	done
	load_end
	is "failed, while it reloads" 0 "$load_failed"
	wait_until 20 sh -c "curl -sS '$url/' | grep -q 'configured 3'"
	is "page of the last" "configured 3" "$(curl -sS "$url/")"
}
