# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# wget: downloads, upload, not found, refused.
needs="wget"

app_setup() {
	web_start
	closed=$(free_port)
	allow=("host:$web" "host:$closed")
}

app() {
	local url=http://$host:$web
	is "page" "a small page" "$(inside wget -qO- "$url/small.txt")"
	is "page by name" "a small page" \
		"$(inside wget -qO- "http://$hostname:$web/small.txt")"
	is "64 MiB down" "$big_sum" "$(inside wget -qO- "$url/big.bin" | sum_of)"
	is "64 MiB up" "67108864 $big_sum" \
		"$(inside wget -qO- --post-file="$scratch/www/big.bin" "$url/up")"
	inside wget -qO- "$url/none"
	is "not found gives status 8" 8 $?
	inside wget -O- --tries=1 "http://$host:$closed/" >refused.log 2>&1
	is "refused gives status 4" 4 $?
	is "and says so" 1 "$(grep -c 'Connection refused' refused.log)"
}
