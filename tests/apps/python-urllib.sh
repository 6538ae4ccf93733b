# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# python3's urllib, and sockets from its threads.
needs="python3"

app_setup() {
	web_start
	closed=$(free_port)
	allow=("host:$web" "host:$closed")
}

app() {
	is "urllib" "page ok
upload ok
404 ok
refused ECONNREFUSED
16 threads ok
timeout ok
big ok" "$(inside "$python" "$here/urllib_client.py" \
		"http://$host:$web" "http://$host:$closed" "$big_sum")"
}
