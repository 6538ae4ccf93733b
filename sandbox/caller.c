/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's memory and descriptors. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sandbox/notify.h"

#define PIDFD_THREAD_FLAG O_EXCL /* Linux 6.9 */

int call_read(const struct call *call, uint64_t addr, void *dst, size_t len)
{
	struct iovec own = {dst, len};
	struct iovec far = {(void *)(uintptr_t)addr, len};
	ssize_t rc;

	if (!len)
		return 0;
	rc = process_vm_readv(call->tid, &own, 1, &far, 1, 0);
	/* it may be another's memory, if the number has a new owner */
	if (!call_is_valid(call))
		return -ESRCH;
	return rc == (ssize_t)len ? 0 : -EFAULT;
}

/* /proc writes what its owner may not touch; the kernel says EFAULT there. */
static bool can_touch(const struct call *call, uint64_t addr, size_t len)
{
	char byte[2];
	struct iovec own = {byte, 2};
	struct iovec far[] = {
		{(void *)(uintptr_t)addr, 1},
		{(void *)(uintptr_t)(addr + len - 1), 1},
	};

	return process_vm_readv(call->tid, &own, 1, far, 2, 0) == 2;
}

/*
 * By an open file: that pins the memory to which it was opened, and whose it
 * is can be asked before anything is written.
 */
int call_write(const struct call *call, uint64_t addr, const void *src,
	       size_t len)
{
	char path[40];
	ssize_t rc;
	int fd;

	if (!len)
		return 0;
	if ((off_t)addr < 0)
		return -EFAULT;
	snprintf(path, sizeof(path), "/proc/%d/mem", call->tid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	if (!call_is_valid(call)) {
		close(fd);
		return -ESRCH;
	}
	rc = can_touch(call, addr, len) ? pwrite(fd, src, len, (off_t)addr) :
					  -1;
	close(fd);
	return rc == (ssize_t)len ? 0 : -EFAULT;
}

uint64_t caller_born(pid_t tid)
{
	char path[40], text[1024], *at;
	ssize_t len;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	/* its name, which ends with the last bracket, is the second field; the
	 * one we want the 22nd */
	at = strrchr(text, ')');
	for (i = 2; at && i < 22; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) + 1 : 0;
}

/* The process that a thread belongs to, from /proc. */
static pid_t group_of(pid_t tid)
{
	char path[40], text[1024], *line;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -1;
	text[len] = '\0';
	line = strstr(text, "\nTgid:");
	return line ? atoi(line + strlen("\nTgid:")) : -1;
}

static int open_pidfd(const struct call *call)
{
	pid_t group;
	int fd;

	if (call->sup->thread_pidfds) {
		fd = syscall(SYS_pidfd_open, call->tid, PIDFD_THREAD_FLAG);
		if (fd >= 0 || errno != EINVAL)
			return fd < 0 ? -errno : fd;
		call->sup->thread_pidfds = false;
	}
	group = group_of(call->tid);
	if (group <= 0)
		return -ESRCH;
	fd = syscall(SYS_pidfd_open, group, 0);
	return fd < 0 ? -errno : fd;
}

int call_copy_fd(const struct call *call, int number)
{
	int pidfd, fd, rc = 0;

	if (number < 0)
		return -EBADF;
	pidfd = open_pidfd(call);
	if (pidfd < 0)
		return pidfd;
	fd = syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (fd < 0)
		rc = -errno;
	close(pidfd);
	if (fd >= 0 && !call_is_valid(call)) {
		close(fd);
		return -ESRCH;
	}
	return fd < 0 ? rc : fd;
}

int call_take_fd(struct call *call, int number)
{
	socklen_t len = sizeof(int), long_len = sizeof(call->cookie);
	int domain, fd;

	fd = call_copy_fd(call, number);
	if (fd < 0)
		return fd;
	call->fd = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -errno;
	len = sizeof(call->unix_type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &call->unix_type, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &call->cookie, &long_len) < 0)
		return -errno;
	return domain == AF_UNIX ? 0 : -ESOCKTNOSUPPORT;
}

bool call_fd_is(const struct call *call, int number, uint64_t cookie)
{
	int fd = call_copy_fd(call, number);
	socklen_t len = sizeof(cookie);
	uint64_t is = 0;

	if (fd < 0)
		return false;
	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &is, &len);
	close(fd);
	return is == cookie;
}

bool call_fd_closes_on_exec(const struct call *call, int number)
{
	char path[64], text[256], *line;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", call->tid, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	line = strstr(text, "flags:");
	return line && strtol(line + strlen("flags:"), NULL, 8) & O_CLOEXEC;
}

bool call_is_nonblocking(const struct call *call, int flags)
{
	return flags & MSG_DONTWAIT || fcntl(call->fd, F_GETFL) & O_NONBLOCK;
}
