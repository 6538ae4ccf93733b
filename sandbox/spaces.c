/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces; see spaces.h. */
#include "config.h"

#include "sandbox/spaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/settings.h"

#define SYS_NET		"/sys/class/net"
#define SYS_VIRTUAL_NET "/sys/devices/virtual/net"
#define RESOLV_CONF	"/etc/resolv.conf"
#define RESOLV_TEMP	SYS_NET "/resolv.conf"

static bool have_sys_admin(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &header, data) == 0 &&
	       data[0].effective & 1u << CAP_SYS_ADMIN;
}

struct spaces spaces_first(void)
{
	struct spaces spaces = {.set = LAYERS_SPACES};

	spaces.user = !have_sys_admin();
	/*
	 * Root without CAP_SYS_ADMIN, as in a container, would get a user
	 * namespace in which it is the only user: servers that give up root
	 * could not. It goes without.
	 */
	if (spaces.user && geteuid() == 0)
		spaces.set = 0;
	return spaces;
}

bool spaces_next(struct spaces *spaces)
{
	/* The usual obstacle: /proc may not be mounted. */
	if (spaces->set & LAYER_BIT(LAYER_PID)) {
		spaces->set &= ~LAYER_BIT(LAYER_PID);
		return true;
	}
	if (!spaces->set)
		return false;
	spaces->set = 0;
	return true;
}

pid_t spaces_fork(const struct spaces *spaces)
{
	static const int flags[] = {
		[LAYER_NET] = CLONE_NEWNET,
		[LAYER_PID] = CLONE_NEWPID,
		[LAYER_IPC] = CLONE_NEWIPC,
		[LAYER_MOUNT] = CLONE_NEWNS,
	};
	unsigned long wanted = SIGCHLD;
	size_t i;
	long pid;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (spaces->set & LAYER_BIT(i))
			wanted |= flags[i];
	if (spaces->set && spaces->user)
		wanted |= CLONE_NEWUSER;
	/* No memory is shared, so this is a fork; nobody asks libc for the
	 * thread's number in the child. */
#ifdef __s390x__
	pid = syscall(SYS_clone, NULL, wanted, NULL, NULL, 0);
#else
	pid = syscall(SYS_clone, wanted, NULL, NULL, NULL, 0);
#endif
	return pid < 0 ? -errno : (pid_t)pid;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* We are who we were: the only user and group that exist inside. */
static int map_ids(uid_t uid, gid_t gid)
{
	char text[64];
	int rc;

	rc = write_text("/proc/self/setgroups", "deny");
	if (rc < 0 && rc != -ENOENT)
		return rc;
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	rc = write_text("/proc/self/gid_map", text);
	if (rc < 0)
		return rc;
	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	return write_text("/proc/self/uid_map", text);
}

static bool is_covered(const char *dir, const char *path)
{
	struct statx x, y;

	if (statx(AT_FDCWD, dir, AT_NO_AUTOMOUNT, STATX_MNT_ID, &x) < 0)
		return true;
	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &y) < 0)
		return errno != ENOENT;
	return x.stx_mnt_id != y.stx_mnt_id;
}

/*
 * Processes by their numbers inside. Where somebody covered parts of /proc,
 * as container engines do, a new one would uncover them: the kernel refuses
 * that to users, and we to root.
 */
static int mount_proc(void)
{
	if (is_covered("/proc", "/proc/sys") ||
	    is_covered("/proc", "/proc/kcore"))
		return -EPERM;
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) < 0)
		return -errno;
	return 0;
}

/* Copies what resolv.conf says besides the name servers: where names are
 * searched, and how. */
static void copy_search(FILE *to)
{
	FILE *from = fopen(RESOLV_CONF, "re");
	char line[1024];
	bool start = true, wanted = false;

	while (from && fgets(line, sizeof(line), from)) {
		if (start)
			wanted = !strncmp(line, "search", 6) ||
				 !strncmp(line, "domain", 6) ||
				 !strncmp(line, "options", 7) ||
				 !strncmp(line, "sortlist", 8);
		start = strchr(line, '\n');
		if (wanted)
			fputs(line, to);
	}
	if (from)
		fclose(from);
}

static int write_resolv_conf(const char *name_server)
{
	FILE *file;
	int fd;

	fd = open(RESOLV_TEMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	fprintf(file, "nameserver %s\n", name_server);
	copy_search(file);
	return fclose(file) ? -errno : 0;
}

/*
 * One empty file system serves all three: it hides the interfaces twice, and
 * holds resolv.conf, whose name goes as soon as it is bound in its place.
 */
static int mount_views(const char *name_server)
{
	int rc;

	if (mount("fdnet", SYS_NET, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=16k,mode=755") < 0)
		return errno == ENOENT ? 0 : -errno;
	if (mount(SYS_NET, SYS_VIRTUAL_NET, NULL, MS_BIND, NULL) < 0 &&
	    errno != ENOENT)
		return -errno;
	rc = write_resolv_conf(name_server);
	if (rc == 0 && mount(RESOLV_TEMP, RESOLV_CONF, NULL, MS_BIND, NULL) < 0)
		rc = errno == ENOENT ? 0 : -errno;
	unlink(RESOLV_TEMP);
	return rc;
}

int spaces_enter(const struct spaces *spaces, const char *name_server,
		 uid_t uid, gid_t gid)
{
	int rc = 0;

	if (!spaces->set)
		return 0;
	if (spaces->user)
		rc = map_ids(uid, gid);
	/* What is mounted outside later appears inside, not the reverse. */
	if (rc == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		rc = -errno;
	if (rc == 0 && spaces->set & LAYER_BIT(LAYER_PID))
		rc = mount_proc();
	if (rc == 0)
		rc = settings_protect(!spaces->user);
	return rc == 0 ? mount_views(name_server) : rc;
}

layer_set spaces_probe(void)
{
	struct spaces spaces = spaces_first();
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int status;
	pid_t pid;

	do {
		pid = spaces_fork(&spaces);
		if (pid == 0)
			_exit(spaces_enter(&spaces, "10.0.2.3", uid, gid) < 0);
		if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
			return spaces.set;
	} while (spaces_next(&spaces));
	return 0;
}
