#!/usr/bin/env bash
# A program that root started changes its root, as OpenSSH's server does for
# its children: sockets, their names and the network stay as they are natively.
# From a root that fdnet-run was put into there is no way out.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
program=$top_src/tests/chroot.py
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
have /usr/bin/python3 || { skip "chroot" "no python3"; finish; }
[ "$(id -u)" = 0 ] || { skip "chroot" "only root may"; finish; }

# lines COMMAND...: what the program says, in a folder of its own
lines() {
	local folder
	folder=$(mktemp -d "$work/root.XXXXXX")
	timeout 60 "$@" /usr/bin/python3 "$program" "$folder" 2>&1 </dev/null |
		sed "s,$folder,FOLDER,"
}

native=$(lines env)
if grep -q "^chroot:" <<<"$native"; then
	skip "chroot" "not for this root: $(grep "^chroot:" <<<"$native")"
	finish
fi
if "$run" --show-filter | grep -q "^chroot .*EPERM"; then
	skip "chroot" "there is something above this root"
	finish
fi
same "natively: there is a new root" \
	"in the new root: ['outer', 'stream']" \
	"$(grep "^in the" <<<"$native")"
for mode in -q --no-namespaces; do
	same "$mode: as natively" "$native" "$(lines "$run" -q "$mode" --)"
done

# what the preload cannot reach, since its library is not there
if have busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
	jail=$work/jail
	mkdir -p "$jail/dev"
	: >"$jail/dev/null"
	cp "$(command -v busybox)" "$jail/busybox"
	cat >"$jail/script" <<-'EOS'
		/busybox nc -l -p 4000 -e /busybox echo from the new root &
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			answer=$(/busybox nc 127.0.0.1 4000 2>/dev/null)
			[ -z "$answer" ] || break
			/busybox sleep 0.2
		done
		echo "static: $answer"
	EOS
	matches "a static program in the new root has the network" \
		"static: from the new root" "$(timeout 60 "$run" -q -- \
			/usr/bin/python3 "$program" "$jail" 2>&1 </dev/null)"
else
	skip "a static program in the new root" "no static busybox"
fi

# a service of the machine, and one that is allowed: another file by the
# allowed one's name is not allowed
for name in secret allowed; do
	/usr/bin/python3 -c '
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(8)
while True:
    server.accept()[0].close()' "$work/$name" &
	kill_at_end+=($!)
done
wait_until 20 test -S "$work/secret"
wait_until 20 test -S "$work/allowed"
# reached NAME AS OPTION...: the socket, as the new root has it
reached() {
	local folder name=$1 as=$2
	shift 2
	folder=$(mktemp -d "$work/hard.XXXXXX")
	mkdir -p "$folder${as%/*}"
	ln "$work/$name" "$folder$as"
	timeout 60 "$@" /usr/bin/python3 "$program" "$folder" "$as" 2>&1 \
		</dev/null | sed -n 's/^asked for: //p'
}
for mode in -q --no-namespaces; do
	allow=("$run" -q "$mode" --unix "$work/allowed" --)
	same "$mode: an allowed one, from the new root" reached \
		"$(reached allowed /x "${allow[@]}")"
	same "$mode: another by the name of the allowed one" \
		"Permission denied" \
		"$(reached secret "$work/allowed" "${allow[@]}")"
done
same "which natively is reached" reached "$(reached secret /x env)"

# fdnet-run in somebody's root: the way out of it is not given to the program
mkdir "$work/under"
if have unshare && unshare -m true 2>/dev/null; then
	said=$(timeout 60 unshare -m sh -c "mount --rbind / '$work/under' &&
		cd / && exec chroot '$work/under' '$run' -q -- \
		/usr/bin/python3 '$program' '$work'" 2>&1 </dev/null)
	matches "in a root of somebody's there is no chroot()" \
		"^chroot: Operation not permitted" "$said"
	bounding=$(timeout 60 unshare -m sh -c "mount --rbind / '$work/under' &&
		cd / && exec chroot '$work/under' '$run' -q -- \
		sed -n 's/^CapBnd:.//p' /proc/self/status" 2>&1 </dev/null)
	same "nor the capability for it" 0 $((0x${bounding:-40000} >> 18 & 1))
else
	skip "in a root of somebody's" "no mount namespace"
fi
finish
