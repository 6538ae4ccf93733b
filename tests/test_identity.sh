#!/usr/bin/env bash
# AF_UNIX names are made and reached with the rights of whoever asks, also of
# one that root started and that gave up root; and the peer that is seen is the
# peer: the same natively and inside. (tests/escape has the ways out.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
program=$top_src/tests/unix_identity.py
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
have /usr/bin/python3 || { skip "identity" "no python3"; finish; }

# an ordinary user reads neither our build folder nor its libraries, perhaps
chmod 755 "$work"
cp "$run" "$top_build/fdnet-relay" "$top_build/.libs/libfdnet.so" \
	"$program" "$work/"
chmod a+rX "$work"/*
export FDNET_RELAY_BIN=$work/fdnet-relay FDNET_LIB=$work/libfdnet.so

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

# lines USER ABSTRACT COMMAND...: what the program prints
lines() {
	local user=$1 abstract=$2 folder
	shift 2
	folder=$(mktemp -d "$work/names.XXXXXX")
	chown "$user" "$folder"
	chmod 755 "$folder"
	as "$user" timeout 120 "$@" /usr/bin/python3 \
		"$work/unix_identity.py" "$folder" "$abstract" \
		</dev/null 2>&1
	rm -rf "$folder"
}

users=$(id -un)
[ "$users" != root ] || users="root nobody"
for user in $users; do
	for mode in "" --no-namespaces; do
		# abstract names want a network namespace
		abstract=abstract
		# shellcheck disable=SC2086
		as "$user" "$work/fdnet-run" -v $mode -- true 2>&1 </dev/null |
			grep -q "fence: net: on" || abstract=none
		lines "$user" $abstract >"$work/native"
		# shellcheck disable=SC2086
		lines "$user" $abstract "$work/fdnet-run" -q $mode -- \
			>"$work/inside"
		while read -r line; do
			name="$user${mode:+ $mode}: ${line%%:*}"
			if grep -qxF -- "$line" "$work/inside"; then
				ok "$name"
			else
				same "$name" "$line" \
					"$(grep -F -- "${line%%:*}:" "$work/inside")"
			fi
		done <"$work/native"
		same "$user${mode:+ $mode}: nothing else" "$(wc -l <"$work/native")" \
			"$(wc -l <"$work/inside")"
		[ -s "$work/native" ] || not_ok "$user: natively nothing was tried"
	done
done

# meet_host COMMAND...: what the program is told by services of the machine,
# and then what these saw
meet_host() {
	local folder host
	folder=$(mktemp -d "$work/names.XXXXXX")
	chmod 755 "$folder"
	timeout 120 /usr/bin/python3 "$work/unix_identity.py" "$folder" host \
		>"$folder/seen" 2>&1 </dev/null &
	host=$!
	kill_at_end+=("$host")
	wait_until 60 test -e "$folder/ready"
	timeout 120 "${@//@DIR@/$folder}" /usr/bin/python3 \
		"$work/unix_identity.py" "$folder" guest 2>&1 </dev/null
	wait_until 60 test "$(wc -l <"$folder/seen")" = 3
	kill "$host"
	wait "$host" 2>/dev/null
	cat "$folder/seen"
}

named=()
for name in h600 h666 hd600 hd666; do
	named+=(--unix "@DIR@/$name")
done
if [ "$(id -un)" = root ]; then
	native=$(meet_host env)
	for mode in -q --no-namespaces; do
		same "$mode: services of the machine see who asks" "$native" \
			"$(meet_host "$work/fdnet-run" -q $mode "${named[@]}" --)"
	done
	# would it be seen, if fdnet-run did it all as itself?
	cp "$top_build/tests/escape/weak-run" "$work/" 2>/dev/null
	chmod a+rx "$work/weak-run"
	if FDNET_WEAKEN=identity lines root none "$work/weak-run" -q -- |
		grep -qx "0600 by nobody: connected"; then
		ok "a launcher that forgets whose call it is is seen"
	else
		not_ok "a launcher that forgets whose call it is is seen"
	fi
else
	skip "services of the machine" "only root can become others"
fi
finish
