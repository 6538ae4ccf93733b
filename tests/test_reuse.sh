#!/usr/bin/env bash
# A process number that is used again while fdnet-run still has a call of the
# process that had it before. By root only, who alone can choose a number.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
if [ "$(id -u)" != 0 ] || ! have unshare ||
	! unshare --pid --fork --mount-proc true 2>/dev/null; then
	skip "numbers used again" "only root can choose a number"
	finish
fi

# reuse COMMAND...: in a pid namespace where nobody else starts anything
# shellcheck disable=SC2016
reuse() {
	local folder
	folder=$(mktemp -d "$work/reuse.XXXXXX")
	timeout 60 unshare --pid --fork --mount-proc bash -c '
		folder=$1
		shift
		"$@" "$folder" &
		end=$((SECONDS + 30))
		until [ -e "$folder/told" ] || [ $SECONDS -gt $end ]; do
			sleep 0.05
		done
		read -r pid <"$folder/pid"
		: >"$folder/ready"
		until [ -e "$folder/dead" ] || [ $SECONDS -gt $end ]; do
			:
		done
		echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
		: >"$folder/go"
		wait' bash "$folder" "$@" </dev/null 2>&1
	rm -rf "$folder"
}

program=$top_build/tests/reuse
same "natively" "reused two" "$(reuse "$program")"
for _ in 1 2 3; do
	same "its own connection, not that of whom it is numbered after" \
		"reused two" "$(reuse "$run" -q --no-namespaces -- "$program")"
done
finish
