# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# Rust's standard library on musl, linked statically: a client by name and by
# address, a server and datagrams of its own. The library is made from Debian's
# sources of it (tests/apps/rust-musl).
needs="/usr/bin/rustc musl-gcc"
compgen -G "/usr/src/rustc-*/library/std" >/dev/null || needs=rust-src
modes="native sandbox"

app_setup() {
	web=$(free_port)
	mkdir www
	head -c 100000 /dev/zero >www/page
	background web "$python" -S -m http.server --bind 127.0.0.1 \
		--directory www "$web"
	timeout 600 "$here/rust-musl" "$top_build/tests/rust-musl" \
		"$here/rustnet.rs" "$scratch/rustnet" >rustc.log 2>&1
	wait_port "$web"
	allow=("host:$web")
}

app() {
	is "linked statically" 0 "$(ldd rustnet 2>&1 | grep -c '=>')"
	is "a client, by name too, a server, datagrams" \
		"100000 100000 OVER from b OVER from b" \
		"$(inside ./rustnet "$host:$web" "$hostname:$web" |
			tr '\n' ' ' | sed 's/ $//')"
	[ "$mode" = native ] || run_opts=(--no-namespaces)
	is "the same, without namespaces" "OVER from b OVER from b" \
		"$(inside ./rustnet | tr '\n' ' ' | sed 's/ $//')"
}
