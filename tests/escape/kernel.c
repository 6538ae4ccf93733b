/* SPDX-License-Identifier: Apache-2.0 */
/* By kernel interfaces that make, open or watch what the fence keeps shut. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

static int done(long rc)
{
	return rc < 0 ? failed() : OUT;
}

static int unshare_user(void)
{
	return done(unshare(CLONE_NEWUSER));
}

static int unshare_net(void)
{
	return done(unshare(CLONE_NEWUSER | CLONE_NEWNET));
}

static int clone_user(void)
{
	long pid = raw(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return done(pid);
}

/* The kernel looks at the low half only. */
static int clone_hi32(void)
{
	long pid = raw(SYS_clone, 0x700000000 | CLONE_NEWUSER | SIGCHLD, 0,
			   0, 0, 0);

	if (pid == 0)
		_exit(0);
	return done(pid);
}

static int clone3_user(void)
{
	uint64_t args[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
	long pid = raw(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return done(pid);
}

static int mount_tmpfs(void)
{
	if (mount("none", target.dir, "tmpfs", 0, NULL) < 0)
		return failed();
	umount2(target.dir, MNT_DETACH);
	return OUT;
}

static int fsopen_tmpfs(void)
{
	return done(raw(SYS_fsopen, "tmpfs", 0));
}

static int open_tree_clone(void)
{
	return done(raw(SYS_open_tree, AT_FDCWD, "/", 1));
}

static int bpf_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1,
	};

	return done(raw(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int perf_open(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
	};

	return done(raw(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int userfault(void)
{
	return done(raw(SYS_userfaultfd, 1)); /* UFFD_USER_MODE_ONLY */
}

static int keyring(void)
{
	return done(raw(SYS_add_key, "user", "escape", "x", 1, -3));
}

static int keyctl_get(void)
{
	return done(raw(SYS_keyctl, 0, -3, 1));
}

static int handle_open(void)
{
	struct {
		struct file_handle head;
		char room[128];
	} handle = {.head.handle_bytes = 128};
	int mount_id, root = open("/", O_RDONLY | O_DIRECTORY);

	if (name_to_handle_at(AT_FDCWD, "/etc/hostname", &handle.head, &mount_id,
			      0) < 0)
		return NOT_HERE;
	return done(open_by_handle_at(root, &handle.head, O_RDONLY));
}

static int module_load(void)
{
	/* natively the kernel gets as far as looking at the image */
	raw(SYS_init_module, "not a module", 12, "");
	return errno == EPERM ? -EPERM : OUT;
}

static int kernel_log(void)
{
	return done(raw(SYS_syslog, 10, NULL, 0));
}

static int host_name(void)
{
	char name[256];

	if (gethostname(name, sizeof(name)) < 0)
		return failed();
	return done(sethostname(name, strlen(name)));
}

/* Types a byte into the terminal that we share with whoever started us. */
static int tiocsti_with(unsigned long request)
{
	int rc, master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return NOT_HERE;
	setsid();
	slave = open(ptsname(master), O_RDWR);
	if (slave < 0)
		return NOT_HERE;
	ioctl(slave, TIOCSCTTY, 0);
	rc = raw(SYS_ioctl, slave, request, "x");
	/* dev.tty.legacy_tiocsti=0 */
	if (rc < 0 && errno == EIO)
		return NOT_HERE;
	return done(rc);
}

static int tiocsti(void)
{
	return tiocsti_with(TIOCSTI);
}

static int tiocsti_hi(void)
{
	return tiocsti_with(TIOCSTI | 0x100000000);
}

static int tun_device(void)
{
	char request[40] = "";
	int fd = open("/dev/net/tun", O_RDWR);

	if (fd < 0)
		return errno == ENOENT ? NOT_HERE : failed();
	request[16] = 1; /* IFF_TUN */
	return done(ioctl(fd, 0x400454ca, request));
}

static int vhost_vsock(void)
{
	int fd = open("/dev/vhost-vsock", O_RDWR);

	if (fd < 0)
		return errno == ENOENT ? NOT_HERE : failed();
	return done(ioctl(fd, 0xaf01, 0));
}

const struct attempt kernel_attempts[] = {
	{"unshare_user", unshare_user},
	{"unshare_net", unshare_net},
	{"clone_user", clone_user},
	{"clone_hi32", clone_hi32},
	{"clone3_user", clone3_user},
	{"mount_call", mount_tmpfs},
	{"fsopen", fsopen_tmpfs},
	{"open_tree", open_tree_clone},
	{"bpf", bpf_map},
	{"perf", perf_open},
	{"userfaultfd", userfault},
	{"keyring", keyring},
	{"keyctl", keyctl_get},
	{"open_by_handle", handle_open},
	{"init_module", module_load},
	{"kernel_log", kernel_log},
	{"sethostname", host_name},
	{"tiocsti", tiocsti},
	{"tiocsti_hi", tiocsti_hi},
	{"tun_device", tun_device},
	{"vhost_vsock", vhost_vsock},
	{NULL, NULL},
};
