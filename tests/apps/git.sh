# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# git clone over http: a plain file server's way, and the smart protocol.
needs="git curl"

app_setup() {
	local i
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com
	export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
	export GIT_TERMINAL_PROMPT=0
	web=$(free_port)
	smart=$(free_port)
	allow=("host:$web" "host:$smart")
	git init -q source
	for i in 1 2 3 4 5; do
		head -c 300K /dev/urandom >"source/file$i"
		git -C source add . && git -C source commit -qm "commit $i"
	done
	mkdir www
	git clone -q --bare source www/repo.git
	git -C www/repo.git update-server-info
	background web "$python" -m http.server "$web" --bind 127.0.0.1 \
		--directory www
	wait_port "$web"
	background smart "$python" "$here/webhost.py" 127.0.0.1 "$smart" \
		"$scratch/www"
	wait_port "$smart"
}

app() {
	local head
	head=$(git -C source rev-parse HEAD)
	inside git clone -q "http://$host:$web/repo.git" dumb
	is "clone, plain" 0 $?
	is "its head" "$head" "$(git -C dumb rev-parse HEAD)"
	is "its files" "$(cat source/file* | sum_of)" "$(cat dumb/file* | sum_of)"
	inside git clone -q "http://$host:$smart/git/repo.git" smart
	is "clone, smart" 0 $?
	is "its head too" "$head" "$(git -C smart rev-parse HEAD)"
	is "ls-remote" "$head" "$(inside git ls-remote \
		"http://$host:$web/repo.git" HEAD | cut -f1)"
}
