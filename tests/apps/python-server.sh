# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# python3's http.server, with threads, inside; curl outside.
needs="python3 curl"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
	mkdir www
	echo "from inside" >www/page.txt
	head -c 16M /dev/urandom >www/big.bin
}

app() {
	local sum
	inside_background server "$python" -m http.server "$port" \
		--bind "$any" --directory www
	wait_port "$port"
	is "up" "from inside" "$(curl -sS --retry 20 --retry-delay 1 \
		--retry-all-errors "http://127.0.0.1:$port/page.txt")"
	sum=$(sum_of <www/big.bin)
	is "16 MiB" "$sum" "$(curl -sS "http://127.0.0.1:$port/big.bin" | sum_of)"
	is "50 at once" 50 "$(curl -sS -Z --parallel-max 50 \
		"http://127.0.0.1:$port/page.txt?[1-50]" | grep -c 'from inside')"
	is "not found" 404 "$(curl -sS -o /dev/null -w '%{http_code}' \
		"http://127.0.0.1:$port/none")"
}
