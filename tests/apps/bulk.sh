# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# 1 GiB in each direction at once over one connection, every byte compared.
modes="native sandbox preload"
limit=180

app_setup() {
	port=$(free_port)
	allow=("host:$port")
	background peer "$netpeer" serve 127.0.0.1 "$port"
	wait_port "$port"
}

app() {
	local mib=${BULK_MIB:-1024}
	is "both ways" \
		"sent $mib MiB, received $mib MiB, all bytes as they should be" \
		"$(inside "$netpeer" bulk "$host" "$port" "$mib")"
}
