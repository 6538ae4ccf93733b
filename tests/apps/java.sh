# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# A Java HTTP server inside with clients outside and inside, and a Java client
# inside of a Java server outside.
needs="java javac curl"
modes="native sandbox"
limit=90

app_setup() {
	port=$(free_port)
	outside=$(free_port)
	publish=("$port:$port")
	allow=("host:$outside")
	javac -d "$scratch" "$here/HttpPair.java" >javac.log 2>&1
	background java java -cp "$scratch" HttpPair serve 127.0.0.1 "$outside"
}

app() {
	local url=http://127.0.0.1:$port/
	# shellcheck disable=SC2016
	inside_background server bash -c 'java -cp "$0" HttpPair serve "$1" "$2" &
		until [ -e "$0/go" ]; do sleep 0.1; done
		java -cp "$0" HttpPair get "http://127.0.0.1:$2/" >"$0/beside"
		java -cp "$0" HttpPair get "$3" >"$0/out"
		: >"$0/done"
		wait' "$scratch" "$any" "$port" "http://$host:$outside/"
	wait_port "$port"
	answers "$url"
	is "page" "hello from java" "$(curl -sS "$url")"
	is "100 requests, 20 at once" 100 "$(curl -sS -Z --parallel-max 20 \
		"$url?[1-100]" | grep -c 'hello from java')"
	wait_port "$outside"
	: >go
	wait_until 60 test -e "done"
	is "client beside it" "5000000 bytes came back" "$(cat beside)"
	is "client of a server outside" "5000000 bytes came back" "$(cat out)"
}
