# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# python's multiprocessing: managers, listeners and clients over AF_INET, and
# sockets handed to other processes.
needs="python3"

app() {
	local want
	want=$(timeout 60 "$python" "$here/multiproc.py")
	is "all there" 1 "$(grep -c '^manager: 2424' <<<"$want")"
	is "managers, listeners, passed sockets" "$want" \
		"$(inside "$python" "$here/multiproc.py")"
}
