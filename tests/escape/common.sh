# What run and weak share: the attempts, started beside services of the host.
# Sourced, after tests/lib.sh.
# shellcheck shell=bash disable=SC2154,SC2034

run=$top_build/fdnet-run
bin=$top_build/tests/escape
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

# an interface that the sandbox must not see; eth0 is a name of its own
ESCAPE_IFACE=$(find /sys/devices/virtual/net /sys/class/net -mindepth 1 -maxdepth 1 -printf '%f\n' |
	grep -vx 'lo\|eth0' | head -1)
export ESCAPE_IFACE
[ -n "$ESCAPE_IFACE" ] || unset ESCAPE_IFACE

# An ordinary user reads neither our build folder nor its libraries, perhaps.
chmod 755 "$work"
mkdir "$work/bin"
cp "$bin/host" "$bin/probe" "$run" "$top_build/fdnet-relay" "$work/bin/"
cp "$top_build/.libs/libfdnet.so" "$work/bin/"
if [ -x "$bin/probe-static" ]; then
	cp "$bin/probe-static" "$work/bin/"
fi
export FDNET_RELAY_BIN=$work/bin/fdnet-relay FDNET_LIB=$work/bin/libfdnet.so
chmod -R a+rX "$work"

users=()
if [ "$(id -u)" = 0 ]; then
	users=(root nobody)
else
	users=("$(id -un)")
fi

# as USER COMMAND...
as() {
	local user=$1
	shift
	if [ "$user" = "$(id -un)" ]; then
		"$@"
	else
		setpriv --reuid="$user" --regid="$(id -g "$user")" \
			--clear-groups "$@"
	fi
}

# give_settings USER DIR: files by which what is outside can be changed, a
# control group of the user's and for root one more /proc
with_proc=() group=
give_settings() {
	local user=$1 proc=$2/proc
	with_proc=() group=
	[ "$(id -u)" = 0 ] || return
	group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	group=${group:+$group/fdnet-escape.$$}
	if [ -n "$group" ] && mkdir "$group" 2>/dev/null; then
		export ESCAPE_CGROUP=$group/cgroup.kill
		chown "$user" "$ESCAPE_CGROUP"
	else
		group=
	fi
	mkdir "$proc"
	if [ "$user" = root ] &&
		unshare -m mount -t proc proc "$proc" 2>/dev/null; then
		export ESCAPE_PROC=$proc/sys/kernel/core_pattern
		# shellcheck disable=SC2016
		with_proc=(unshare -m sh -c 'mount -t proc proc "$0" && exec "$@"'
			"$proc")
	fi
}

# attempts USER COMMAND...: the probe's lines
attempts() {
	local user=$1 dir
	shift
	dir=$(mktemp -d "$work/host.XXXXXX")
	chown "$user" "$dir"
	# a set-uid program that a user may run
	if [ "$(id -u)" = 0 ] && [ "$user" != root ]; then
		cp "$bin/probe-static" "$dir/setuid" 2>/dev/null &&
			chmod 4755 "$dir/setuid"
	fi
	give_settings "$user" "$dir"
	# its services are somewhere else each time
	as "$user" "${with_proc[@]}" timeout 400 "$work/bin/host" --stdin "$dir" \
		"${@//@DIR@/$dir}" \
		2>"$dir/err" || sed 's/^/# /' "$dir/err" | head -5
	[ -z "$group" ] || rmdir "$group"
	unset ESCAPE_PROC ESCAPE_CGROUP
	rm -rf --one-file-system "$dir"
}
