# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# redis with 1,000 clients saves in a child (BGSAVE): none of them notices, and
# their connections stay in redis's own stack, by the relay's account.
needs="redis-server python3"
modes="native sandbox"
limit=90

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
	run_opts=(--control "$scratch/ctl")
	mkfifo go
}

# flows_of COMMAND: how many flows the relay says are of it
flows_of() {
	"$top_build/fdnet-ctl" -c "$scratch/ctl" flows | grep -c " $1"
}

app() {
	local account="1000 direct, 0 shared"
	inside_background redis redis-server --port "$port" --bind "$any" \
		--save '' --protected-mode no --dir "$scratch" --maxclients 2000
	wait_port "$port"
	# shellcheck disable=SC2016
	background clients bash -c 'exec "$@" <go' - \
		"$python" "$here/redis_clients.py" "$port"
	exec 8>go
	wait_until 60 grep -q 'have got' clients.log
	if [ "$mode" = sandbox ]; then
		account="$(flows_of 'redis-server\[') direct, "
		account+="$(flows_of '(shared)') shared"
	fi
	is "while a child saves" "1000 direct, 0 shared" "$account"
	echo go >&8
	wait "$background_pid"
	is "1,000 clients" "$(printf '%s\n' "1000 have set" \
		"+Background saving started" "saving: True" \
		"1000 have got; still saving: True" ok "1000 have counted")" \
		"$(cat clients.log)"
}
