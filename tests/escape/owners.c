/* SPDX-License-Identifier: Apache-2.0 */
/* By way of what the kernel does for a descriptor's owner, and by handles and
 * files of /proc that stand for processes, descriptors and settings. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

/* linux/pidfd.h, Linux 6.11 */
#define PIDFD_GET_NET_NAMESPACE_NR _IO(0xFF, 4)

/* ---- signals that the kernel sends to the owner of a descriptor ---- */

static void path_of(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", target.dir, name);
}

/* The victim leaves a file when SIGUSR2 has come. */
static int is_signalled(void)
{
	char path[128];
	int i;

	path_of(path, sizeof(path), "signalled");
	for (i = 0; i < 20; i++) {
		if (unlink(path) == 0)
			return OUT;
		usleep(50000);
	}
	return HELD;
}

static int sigio_victim(void)
{
	int ends[2];

	if (pipe(ends) < 0 ||
	    raw(SYS_fcntl, ends[0], F_SETOWN, target.victim) < 0 ||
	    raw(SYS_fcntl, ends[0], F_SETSIG, SIGUSR2) < 0 ||
	    raw(SYS_fcntl, ends[0], F_SETFL, O_ASYNC) < 0 ||
	    raw(SYS_write, ends[1], "x", 1) < 0)
		return failed();
	return is_signalled();
}

static int siocspgrp_victim(void)
{
	int ends[2], pid = target.victim;

	if (raw(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ends) < 0 ||
	    raw(SYS_ioctl, ends[0], FIOSETOWN, &pid) < 0 ||
	    raw(SYS_fcntl, ends[0], F_SETSIG, SIGUSR2) < 0 ||
	    raw(SYS_fcntl, ends[0], F_SETFL, O_ASYNC) < 0 ||
	    raw(SYS_write, ends[1], "x", 1) < 0)
		return failed();
	return is_signalled();
}

static int dnotify_victim(void)
{
	char path[128];
	int fd = open(target.dir, O_RDONLY | O_DIRECTORY);

	path_of(path, sizeof(path), "noticed");
	if (fd < 0 || raw(SYS_fcntl, fd, F_SETOWN, target.victim) < 0 ||
	    raw(SYS_fcntl, fd, F_SETSIG, SIGUSR2) < 0)
		return failed();
	if (raw(SYS_fcntl, fd, F_NOTIFY, DN_CREATE) < 0)
		return errno == EINVAL ? NOT_HERE : failed();
	close(open(path, O_CREAT | O_WRONLY, 0600));
	unlink(path);
	return is_signalled();
}

static int tgsigqueue_victim(void)
{
	siginfo_t info = {.si_signo = SIGUSR2, .si_code = SI_QUEUE};

	if (raw(SYS_rt_tgsigqueueinfo, target.victim, target.victim, SIGUSR2,
		&info) < 0)
		return failed();
	return is_signalled();
}

/* ---- handles ---- */

static int pidfd_netns(void)
{
	int fd = raw(SYS_pidfd_open, target.victim, 0);

	if (fd < 0)
		return failed();
	if (raw(SYS_ioctl, fd, PIDFD_GET_NET_NAMESPACE_NR, 0) < 0)
		return errno == EINVAL || errno == ENOTTY ? NOT_HERE : failed();
	return OUT;
}

static int proc_task_mem(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", target.victim,
		 target.victim);
	return open(path, O_RDWR) < 0 ? failed() : OUT;
}

/* By the descriptor's name, in place of its own. */
static int unix_procfd(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char path[128];
	int at, fd;

	path_of(path, sizeof(path), "stream");
	at = open(path, O_PATH);
	fd = (int)raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	if (at < 0 || fd < 0)
		return failed();
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d", at);
	if (raw(SYS_connect, fd, &sun, sizeof(sun)) < 0)
		return failed();
	return greeted(fd);
}

/* ---- settings of the kernel, which starts, stops or ends by them what is
 * outside; they are opened, nothing is written ---- */

static int opened(const char *path)
{
	return open(path, O_WRONLY) < 0 ? failed() : OUT;
}

static int core_pattern(void)
{
	return opened("/proc/sys/kernel/core_pattern");
}

static int sysrq_trigger(void)
{
	return opened("/proc/sysrq-trigger");
}

static int irq_affinity(void)
{
	return opened("/proc/irq/default_smp_affinity");
}

static int sysfs_setting(void)
{
	return opened("/sys/kernel/mm/transparent_hugepage/enabled");
}

/* The group that tests/escape/common.sh has made for this user. */
static int cgroup_kill(void)
{
	const char *group = getenv("ESCAPE_CGROUP");

	return group ? opened(group) : NOT_HERE;
}

/* /proc once more, where a chroot's builder left it. */
static int proc_elsewhere(void)
{
	const char *proc = getenv("ESCAPE_PROC");

	return proc ? opened(proc) : NOT_HERE;
}

const struct attempt owner_attempts[] = {
	{"sigio_victim", sigio_victim},
	{"siocspgrp_victim", siocspgrp_victim},
	{"dnotify_victim", dnotify_victim},
	{"tgsigqueue_victim", tgsigqueue_victim},
	{"pidfd_netns", pidfd_netns},
	{"proc_task_mem", proc_task_mem},
	{"unix_procfd", unix_procfd},
	{"core_pattern", core_pattern},
	{"sysrq_trigger", sysrq_trigger},
	{"irq_affinity", irq_affinity},
	{"sysfs_setting", sysfs_setting},
	{"cgroup_kill", cgroup_kill},
	{"proc_elsewhere", proc_elsewhere},
	{NULL, NULL},
};
