#!/usr/bin/env bash
# A relay between a socket pair and TCP by copying and by splice(), beside the
# kernel alone; then fdnet with the same program, whose sockets are pumped as
# it is static. Columns: native, copy, splice, fdnet; Gbit/s for up and down,
# thousands of messages a second for rr; medians.
#
# usage: bench/pump.sh [seconds of a run [rounds]]
set -eu
build=${FDNET_BUILD:-$(cd "$(dirname "$0")/.." && pwd)/build}
pump=$build/bench/pump
port=$((20000 + $$ % 10000))
"$pump" -s "$port" </dev/null &
server=$!
trap 'kill "$server"' EXIT
sleep 0.2
opts=(-t "${1:-0.15}" -r "${2:-5}")
# one after the other: they would share the cores
outside=$("$pump" "${opts[@]}")
inside=$("$build/fdnet-run" -q -a "host:$port" -- \
	"$pump" -c 10.0.2.2 "$port" "${opts[@]}")
paste -d' ' <(echo "$outside") <(echo "$inside" |
	awk 'NR == 1 { $NF = "fdnet" } { printf "%9s\n", $NF }')
