# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# node's http client inside.
needs="node"

app_setup() {
	web_start
	closed=$(free_port)
	allow=("host:$web" "host:$closed")
}

app() {
	is "http client" "page ok
by name ok
404 ok
refused ECONNREFUSED
upload ok
100 at once ok
big ok" "$(inside node "$here/node_client.js" "$host" "$hostname" "$web" \
		"$closed" "$big_sum")"
}
