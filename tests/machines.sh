# What test_machines.sh and test_podman.sh share: what is expected of fdnet-run
# on a machine that permits less. Sourced, after tests/escape/common.sh, by
# scripts that have a function
#   on KIND USER COMMAND...   runs it there, its standard error in $work/err
# shellcheck shell=bash disable=SC2154

cp "$top_build/tests/apps/netpeer" "$work/bin/"
[ ! -x "$top_build/tests/apps/netpeer-static" ] ||
	cp "$top_build/tests/apps/netpeer-static" "$work/bin/"
chmod a+rx "$work/bin"/*

port=$(free_port)
"$work/bin/netpeer" serve 127.0.0.1 "$port" >"$work/peer.log" 2>&1 &
kill_at_end+=("$!")
wait_port "$port"
many="1 of 1 connections answered"

# layer NAME: as --check saw it
layer() {
	sed -n "s/^$1 *\(yes\|no\) .*/\1/p" "$work/check"
}

# what must not get out, whatever is missing
held="raw_tcp raw_tcp6 raw_udp asm_hi32 empty_env vfork_exec orphan_tcp \
	int80_tcp uring_tcp packet_raw inherit_any inherit_unspec stdin_unspec \
	unix_stream unix_seq unix_abs unix_dgram unix_pair_path siocgifindex \
	sysv_shm env_leak own_listener setuid_program"

# in_machine KIND USER LAYERS-THAT-ARE-MISSING
in_machine() {
	local kind=$1 user=$2 missing=$3 name=$1/$2 row out
	if ! on "$kind" "$user" true; then
		skip "$name" "such a machine cannot be made here"
		return
	fi
	on "$kind" "$user" "$work/bin/fdnet-run" --check >"$work/check"
	same "$name: --check" 0 $?
	for row in net pid ipc mount landlock supervisor; do
		case " $missing " in
		*" $row "*)
			same "$name: $row cannot be had" no "$(layer $row)"
			;;
		*" ?$row "*) ;; # depends on the kernel
		*) same "$name: $row can be had" yes "$(layer $row)" ;;
		esac
	done
	on "$kind" "$user" "$work/bin/fdnet-run" -v -- true >/dev/null
	for row in $missing; do
		[[ $row = \?* ]] || matches "$name: --verbose says it of $row" \
			"fence: $row: off" "$(cat "$work/err")"
	done
	if [[ " $missing " = *" net "* ]]; then
		on "$kind" "$user" "$work/bin/fdnet-run" --strict -- echo ran \
			>"$work/out"
		same "$name: --strict does not run it" "125 " \
			"$? $(cat "$work/out")"
	fi
	same "$name: an allowed service is reached" "$many" "$(on "$kind" \
		"$user" "$work/bin/fdnet-run" -q --allow "host:$port" -- \
		"$work/bin/netpeer" many 10.0.2.2 "$port" 1)"
	same "$name: another is not" "connect: EHOSTUNREACH" "$(on "$kind" \
		"$user" "$work/bin/fdnet-run" -q -- \
		"$work/bin/netpeer" many 10.0.2.2 "$port" 1)"
	if [ -x "$work/bin/netpeer-static" ]; then
		out=$(on "$kind" "$user" "$work/bin/fdnet-run" -q --allow \
			"host:$port" -- "$work/bin/netpeer-static" many \
			10.0.2.2 "$port" 1)
		if [ "$(layer supervisor)" = yes ]; then
			same "$name: so is it for a static program" "$many" \
				"$out"
		else
			matches "$name: a static program has no network" \
				"EAFNOSUPPORT" "$out"
		fi
	fi
	escapes "$kind" "$user"
}

# escapes KIND USER: natively in that machine, and inside
escapes() {
	local kind=$1 user=$2 name before after probe=probe-static dir
	[ -x "$work/bin/$probe" ] || probe=probe
	for name in native inside; do
		dir=$(mktemp -d "$work/host.XXXXXX")
		[ "$user" = root ] || chown "$user" "$dir"
		set --
		[ $name = native ] || set -- "$work/bin/fdnet-run" -q --
		# shellcheck disable=SC2086
		on "$kind" "$user" "$work/bin/host" --stdin "$dir" "$@" \
			"$work/bin/$probe" $held >"$work/$name"
		rm -rf "$dir"
	done
	[ -s "$work/native" ] || not_ok "$kind/$user: nothing was tried"
	while read -r name before _; do
		after=$(sed -n "s/^$name //p" "$work/inside")
		case $before/$after in
		*/OUT*) not_ok "$kind/$user: $name gets out" ;;
		*/) not_ok "$kind/$user: $name was not tried" ;;
		OUT/*) ok "$kind/$user: $name ($after)" ;;
		*) skip "$kind/$user: $name" "natively $before" ;;
		esac
	done <"$work/native"
}
