# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# Names: the sandbox's own, and ones that do not exist.
needs="python3"

app() {
	is "names" "localhost 127.0.0.1
literal 192.0.2.7
none gaierror
service 80
reverse localhost" "$(inside "$python" "$here/names_client.py")"
}
