#!/usr/bin/env bash
# What the fence costs: one call of each kind natively, in the sandbox, and in
# the sandbox without supervisor; then the start of a program that does
# nothing. Nanoseconds; a table a script can read.
#
# usage: bench/fence.sh [build folder]
set -eu
build=${1:-$(cd "$(dirname "$0")/.." && pwd)/build}
bench=$build/bench/fence
run=$build/fdnet-run

column() {
	"$@" | awk '{ print $2 }'
}
paste -d' ' <("$bench") <(column "$run" -q -- "$bench") \
	<(column "$run" -q --no-supervisor -- "$bench") |
	awk 'BEGIN { printf "%-24s %10s %10s %14s\n", "call", "native",
		"sandbox", "no-supervisor" }
		{ printf "%-24s %10s %10s %14s\n", $1, $2, $3, $4 }'

# start NAME COMMAND...: the median of 40
start() {
	local name=$1 from i
	shift
	for ((i = 0; i < 40; i++)); do
		from=$(date +%s%N)
		"$@"
		echo $(($(date +%s%N) - from))
	done | sort -n | awk -v name="start,$name" 'NR == 20 {
		printf "%-24s %10d\n", name, $1 }'
}
start true /bin/true
start fdnet-run "$run" -q -- /bin/true
start no-namespaces "$run" -q --no-namespaces -- /bin/true
start no-supervisor "$run" -q --no-supervisor -- /bin/true
! command -v bwrap >/dev/null ||
	start bwrap bwrap --ro-bind / / --unshare-all /bin/true
