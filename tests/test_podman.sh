#!/usr/bin/env bash
# A container engine by its defaults: podman's capabilities, its system call
# filter, its covered parts of /proc. fdnet-run works in such a container, says
# what is weaker, and holds. The container has this machine's /usr, and shares
# its network: natively the attempts must get out.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
# shellcheck source=tests/escape/common.sh
. "$(dirname "$0")/escape/common.sh"
if ! have podman || ! have runc; then
	skip "podman" "podman or runc is not here"
	finish
fi
if [ "$(id -u)" != 0 ]; then
	skip "podman" "without root its storage is a user's own affair"
	finish
fi
# shellcheck source=tests/machines.sh
. "$(dirname "$0")/machines.sh"

# ---- a root folder: of its own, but for the programs ----
root=$work/root
mkdir "$root" "$work/storage" "$work/runroot"
(cd "$root" && mkdir proc sys dev etc tmp usr run var root)
chmod 1777 "$root/tmp"
chmod 755 "$root"
for dir in /bin /sbin /lib /lib32 /lib64; do
	[ ! -L "$dir" ] || ln -s "usr$dir" "$root$dir"
	[ -L "$dir" ] || [ ! -d "$dir" ] || mkdir "$root$dir"
done
grep -E '^(root|nobody):' /etc/passwd >"$root/etc/passwd"
grep -E '^(root|nogroup):' /etc/group >"$root/etc/group"
volumes=(-v "/usr:/usr:ro")
for dir in /bin /sbin /lib /lib32 /lib64; do
	[ -L "$dir" ] || [ ! -d "$dir" ] || volumes+=(-v "$dir:$dir:ro")
done

# No more open files and processes than this machine permits us: an engine
# wants more by itself, and may be refused.
limits=(--ulimit "nofile=$(ulimit -n):$(ulimit -n)" --ulimit nproc=4096:4096)

on() {
	local kind=$1 user=$2 more=()
	shift 2
	[ "$kind" = podman ] ||
		more=(--cap-add NET_RAW --cap-add MKNOD --cap-add AUDIT_WRITE)
	timeout 200 podman --runtime runc --root "$work/storage" \
		--runroot "$work/runroot" --cgroup-manager cgroupfs run --rm \
		"${limits[@]}" "${more[@]}" --network host --user "$user" --pull never \
		--env FDNET_RELAY_BIN --env FDNET_LIB --env ESCAPE_IFACE \
		--env ASAN_OPTIONS "${volumes[@]}" -v "$work:$work" \
		--rootfs "$root" "$@" </dev/null 2>"$work/err"
}

if ! on podman root true; then
	sed 's/^/# /' "$work/err" | tail -3
	skip "podman" "a container cannot be started here"
	finish
fi
same "podman: its filter is there" "Seccomp: 2" \
	"$(on podman root grep -w '^Seccomp' /proc/self/status | tr '\t' ' ')"
spaces="net pid ipc mount"
in_machine podman root "$spaces ?landlock ?supervisor"
# with raw sockets, which docker gives root
in_machine docker-caps root "$spaces ?landlock ?supervisor"
# its filter lets others than root unshare(); their own /proc the kernel refuses
# where parts of it are covered
in_machine podman nobody "pid ?net ?ipc ?mount ?landlock ?supervisor"
finish
