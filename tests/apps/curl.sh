# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# curl: downloads and uploads by checksum, and what goes wrong in a clear way.
needs="curl"

app_setup() {
	web_start
	closed=$(free_port)
	allow=("host:$web" "host:$closed")
}

app() {
	local url=http://$host:$web
	is "page" "a small page" "$(inside curl -sS "$url/small.txt")"
	is "page by name" "a small page" \
		"$(inside curl -sS "http://$hostname:$web/small.txt")"
	is "64 MiB down" "$big_sum" "$(inside curl -sS "$url/big.bin" | sum_of)"
	is "64 MiB up" "67108864 $big_sum" \
		"$(inside curl -sS -T "$scratch/www/big.bin" "$url/up")"
	is "chunked upload from a pipe" "67108864 $big_sum" \
		"$(inside curl -sS -T - "$url/up" <"$scratch/www/big.bin")"
	is "not found" "404" \
		"$(inside curl -sS -o /dev/null -w '%{http_code}' "$url/none")"
	is "redirect" "a small page" "$(inside curl -sSL "$url/redirect")"
	is "several on one connection" "200 200 200 1" \
		"$(inside curl -sS -o /dev/null -o /dev/null -o /dev/null \
			-w '%{http_code} ' "$url/small.txt" "$url/small.txt" \
			"$url/small.txt")$(inside curl -sS -o /dev/null \
			-w '%{num_connects}' "$url/small.txt")"
	is "a late answer" "late" "$(inside curl -sS "$url/stall/1")"
	inside curl -sS "http://$host:$closed/" >"$scratch/refused.log" 2>&1
	is "refused gives status 7" 7 $?
	is "and says so" 1 "$(grep -ciE "refused|couldn't connect|Failed to connect" "$scratch/refused.log")"
	inside curl -sS "$url/reset" >"$scratch/reset.log" 2>&1
	is "a reset gives status 56 or 52" yes \
		"$(case $? in 56 | 52) echo yes ;; *) echo no ;; esac)"
	inside curl -sS -m 1 "$url/stall/10" >"$scratch/late.log" 2>&1
	is "its own time limit gives status 28" 28 $?
	is "20 at once" 20 \
		"$(inside curl -sS -Z --parallel-max 20 "$url/small.txt?[1-20]" |
			grep -c 'a small page')"
}
