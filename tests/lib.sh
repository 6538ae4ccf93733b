# Shared by the shell tests: counting, bounded waiting, clean-up. Sourced.
# shellcheck shell=bash
#
# A test script says ok, not_ok or skip for each case and ends with finish,
# which prints "N passed, N failed, N skipped" and sets the exit status.

set -u
passed=0 failed=0 skipped=0
top_src=${top_srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
top_build=${top_builddir:-$top_src/build}
top_src=$(cd "$top_src" && pwd)
top_build=$(cd "$top_build" && pwd)

# A program that is preloaded loads the sanitizer late, and the launcher makes
# itself untraceable, which the leak checker cannot bear.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0:verify_asan_link_order=0
# What starts a program without an environment: nothing but what the sanitizer's
# build cannot do without. A script says "${bare[@]}", never env -i itself.
bare=(env -i)
if grep -q -- --enable-asan "$top_build/config.log" 2>/dev/null; then
	bare+=(ASAN_OPTIONS="$ASAN_OPTIONS")
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/fdnet-test.XXXXXX")
kill_at_end=()
cleaner=$BASHPID

# family PID...: these and all that they started and that still runs
family() {
	local pid
	for pid in "$@"; do
		echo "$pid"
		# shellcheck disable=SC2046
		family $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
	done
}

cleanup() {
	local pid all
	# a background job that a signal ends before it is a program comes here
	[ "$BASHPID" = "$cleaner" ] || return
	all=$(family "${kill_at_end[@]}")
	# shellcheck disable=SC2086
	[ -z "$all" ] || kill $all 2>/dev/null
	for pid in $all; do
		# a stubborn one gets a second to end, then no choice
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -9 "$pid" 2>/dev/null
	done
	[ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

ok() {
	passed=$((passed + 1))
	printf 'ok - %s\n' "$*"
}

not_ok() {
	failed=$((failed + 1))
	printf 'not ok - %s\n' "$*"
}

# skip NAME REASON
skip() {
	skipped=$((skipped + 1))
	printf 'ok - %s # SKIP %s\n' "$1" "$2"
}

# same NAME EXPECTED GOT
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf '# expected: %s\n# got:      %s\n' "$2" "$3" |
			sed '2,$s/^\([^#]\)/#   \1/'
	fi
}

# matches NAME PATTERN TEXT: an extended regular expression
matches() {
	if grep -Eq -- "$2" <<<"$3"; then
		ok "$1"
	else
		not_ok "$1"
		printf '# pattern: %s\n' "$2"
		printf '%s\n' "$3" | head -20 | sed 's/^/#   /'
	fi
}

finish() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" \
		"$skipped"
	[ "$failed" = 0 ] || exit 1
	[ "$passed" != 0 ] || exit 77
	exit 0
}

# free_port: a TCP and UDP port of 127.0.0.1 that nobody uses now. Not one that
# the kernel gives to a client on its own account meanwhile.
free_port() {
	/usr/bin/python3 -S -c '
import random, socket
for _ in range(50):
    p = random.randrange(20000, 32000)
    t = socket.socket()
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try: t.bind(("127.0.0.1", p)); u.bind(("127.0.0.1", p))
    except OSError: continue
    print(p); break'
}

# wait_port PORT [SECONDS]: until somebody listens on 127.0.0.1:PORT
wait_port() {
	local end=$((SECONDS + ${2:-15}))
	local hex
	hex=$(printf ':%04X' "$1")
	# /proc tells without making a connection that a server would count
	until awk -v p="$hex" '$4 == "0A" && $2 ~ p"$" {f=1} END {exit !f}' \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# wait_until SECONDS COMMAND...: until the command succeeds
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

have() {
	command -v "$1" >/dev/null 2>&1
}
