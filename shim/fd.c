/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on fds as such: close, duplicate, flags, ioctls. */
#include "config.h"

#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/close_range.h>
#include <linux/sockios.h>

#include "shim/call.h"
#include "shim/direct.h"
#include "shim/eset.h"
#include "shim/frame.h"
#include "shim/helper.h"
#include "shim/highfd.h"
#include "shim/ifaces.h"
#include "shim/mirror.h"
#include "shim/node.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/shared.h"
#include "shim/uaccess.h"

/* Before they are closed: another thread may get the number at once. */
static void forget_sets(unsigned int first, unsigned int last)
{
	struct shim_guard guard;

	if (shim_is_borrowed())
		return;
	shim_enter(&guard);
	shim_eset_forget(first, last);
	shim_leave(&guard);
}

/* The kernel is about to close @fd: what its file needs before that. */
static void before_close(int fd)
{
	struct shim_file *file = shim_file_peek(fd);

	if (!file || !file->so || file->fds != 1)
		return;
	/* what has come, but was not looked at, is unread data */
	if (file->is_stream && file->joined)
		shim_net_drive();
	/* A is to carry data for those who hold it still, and nothing else */
	if (file->shared)
		shim_mirror_undo(file);
}

int shim_close(int fd)
{
	struct shim_file *file;
	struct shim_guard guard;
	bool waits;
	int rc;

	if (shim_fd_is_ours(fd))
		return (int)shim_ret(-EBADF); /* never EINTR: loops retry */
	shim_cancel_point(fd);
	if (shim_eset_maybe(fd))
		forget_sets((unsigned int)fd, (unsigned int)fd);
	if (!shim_file_maybe(fd) || shim_is_borrowed())
		return LIBC(close)(fd);
	shim_enter(&guard);
	file = shim_file_peek(fd);
	waits = file && !file->nonblock;
	before_close(fd);
	rc = raw_close(fd);
	shim_file_forget(fd);
	shim_net_flush(); /* FIN or RST */
	if (waits)
		shim_helper_want();
	shim_leave(&guard);
	shim_helper_start();
	return (int)shim_ret(rc);
}
SHIM_EXPORT(close);
SHIM_EXPORT_AS(__close, close);

static void before_close_range(unsigned int first, unsigned int last,
			       int flags)
{
	struct shim_guard guard;
	int fd = shim_file_next_fd((int)(first > INT32_MAX ? INT32_MAX : first));

	if (fd < 0 || flags & CLOSE_RANGE_CLOEXEC || shim_is_borrowed())
		return;
	shim_enter(&guard);
	for (; fd >= 0 && (unsigned int)fd <= last;
	     fd = shim_file_next_fd(fd + 1))
		before_close(fd);
	shim_leave(&guard);
}

/* Closes first..last but for our own fds among them. */
static int close_around(unsigned int first, unsigned int last, int flags)
{
	unsigned int from = first;
	int ours, rc;

	for (;;) {
		ours = from > INT32_MAX ? -1 : shim_fd_next_ours((int)from);
		if (ours < 0 || (unsigned int)ours > last)
			break;
		if ((unsigned int)ours > from) {
			rc = LIBC(close_range)(from, (unsigned int)ours - 1,
					       flags);
			if (rc < 0)
				return rc;
		}
		from = (unsigned int)ours + 1;
	}
	return from > last ? 0 : LIBC(close_range)(from, last, flags);
}

int shim_close_range(unsigned int first, unsigned int last, int flags)
{
	struct shim_guard guard;
	int rc;

	if (first > last)
		return LIBC(close_range)(first, last, flags);
	if (flags & CLOSE_RANGE_UNSHARE) {
		/* the rest is done on this thread's own table */
		rc = LIBC(close_range)(~0u, ~0u, CLOSE_RANGE_UNSHARE);
		if (rc < 0)
			return rc;
		flags &= ~CLOSE_RANGE_UNSHARE;
	}
	if (!(flags & CLOSE_RANGE_CLOEXEC) && shim_eset_between(first, last))
		forget_sets(first, last);
	before_close_range(first, last, flags);
	rc = close_around(first, last, flags);
	if (rc < 0 || (flags & CLOSE_RANGE_CLOEXEC))
		return rc;
	if (shim_file_next_fd((int)(first > INT32_MAX ? INT32_MAX : first)) <
		    0 ||
	    shim_is_borrowed())
		return rc;
	shim_enter(&guard);
	shim_file_forget_range(first, last);
	shim_net_flush();
	shim_leave(&guard);
	return rc;
}
SHIM_EXPORT(close_range);

void shim_closefrom(int first)
{
	shim_close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}
SHIM_EXPORT(closefrom);

/* Both may be sets, or either. */
static void note_set(int of, int fd)
{
	struct shim_guard guard;

	if (!shim_eset_maybe(of) && !shim_eset_maybe(fd))
		return;
	if (shim_is_borrowed())
		return;
	shim_enter(&guard);
	shim_eset_dup(of, fd);
	shim_leave(&guard);
}

/* @fd is a new reference to what @of refers to. */
static void note_dup(int of, int fd)
{
	struct shim_guard guard;
	struct shim_file *file;

	note_set(of, fd);
	if (!shim_file_maybe(of) && !shim_file_maybe(fd))
		return;
	if (shim_is_borrowed()) {
		/* a vfork() child: its program shall have it */
		file = shim_file_peek(of);
		if (file)
			file->exposed = true;
		return;
	}
	file = shim_begin(of, &guard);
	if (file) {
		shim_file_install(fd, file);
		if (fd <= STDERR_FILENO) /* for stdio, which is inside libc */
			shim_pump_begin(file);
		shim_net_flush(); /* FIN or RST of what was there */
		shim_end(&guard);
		shim_helper_start();
		return;
	}
	shim_enter(&guard); /* what was there has been closed */
	shim_file_forget(fd);
	shim_net_flush();
	shim_leave(&guard);
}

int shim_dup(int fd)
{
	int rc;

	if (shim_fd_is_ours(fd))
		return (int)shim_ret(-EBADF);
	rc = LIBC(dup)(fd);
	if (rc >= 0)
		note_dup(fd, rc);
	return rc;
}
SHIM_EXPORT(dup);

/* @target will be replaced, if @fd can be duplicated. */
static void before_dup(int fd, int target)
{
	struct shim_guard guard;

	if (fd == target || !shim_file_maybe(target) || shim_is_borrowed() ||
	    raw_fcntl(fd, F_GETFD, 0) < 0)
		return;
	shim_enter(&guard);
	before_close(target);
	shim_leave(&guard);
}

/* Neither is a socket of ours, nor a set that we know. */
static bool are_kernels(int fd, int target)
{
	return !shim_file_maybe(fd) && !shim_file_maybe(target) &&
	       !shim_eset_maybe(fd) && !shim_eset_maybe(target);
}

int shim_dup2(int fd, int target)
{
	int rc;

	if (shim_fd_is_ours(fd) || shim_fd_is_ours(target))
		return (int)shim_ret(-EBADF);
	if (are_kernels(fd, target))
		return LIBC(dup2)(fd, target);
	before_dup(fd, target);
	rc = LIBC(dup2)(fd, target);
	if (rc >= 0 && fd != target)
		note_dup(fd, rc);
	return rc;
}
SHIM_EXPORT(dup2);
SHIM_EXPORT_AS(__dup2, dup2);

int shim_dup3(int fd, int target, int flags)
{
	int rc;

	if (shim_fd_is_ours(fd) || shim_fd_is_ours(target))
		return (int)shim_ret(-EBADF);
	if (are_kernels(fd, target))
		return LIBC(dup3)(fd, target, flags);
	before_dup(fd, target);
	rc = LIBC(dup3)(fd, target, flags);
	if (rc >= 0)
		note_dup(fd, rc);
	return rc;
}
SHIM_EXPORT(dup3);

/* The kernel signals what happens on the placeholder: the data must go there. */
static void note_async(int fd)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);

	if (!file)
		return;
	if (file->remote)
		shim_pump_touch(file);
	else
		shim_pump_begin(file);
	shim_end(&guard);
	shim_helper_start();
}

static void note_nonblock(int fd, bool nonblock)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);

	if (!file)
		return;
	file->nonblock = nonblock;
	shim_end(&guard);
}

static void note_flags(int fd, long flags)
{
	note_nonblock(fd, (flags & O_NONBLOCK) != 0);
	if (flags & O_ASYNC)
		note_async(fd);
}

int shim_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (shim_fd_is_ours(fd))
		return (int)shim_ret(-EBADF);
	rc = LIBC(fcntl)(fd, cmd, arg);
	if (rc < 0 || (!shim_file_maybe(fd) && !shim_eset_maybe(fd)))
		return rc;
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		note_dup(fd, rc);
	else if (cmd == F_SETFL)
		note_flags(fd, (long)arg);
	return rc;
}
SHIM_EXPORT(fcntl);
SHIM_EXPORT_AS(fcntl64, fcntl);
SHIM_EXPORT_AS(__fcntl, fcntl);

/* What A holds, and what the relay has besides. */
static int node_ioctl(struct shim_file *file, int fd, unsigned long request,
		      int *ret)
{
	int theirs = 0, ours = 0, rc;
	uint32_t len = sizeof(theirs);

	if (request == SIOCATMARK) {
		rc = shim_shared_at_mark(file, fd);
		if (rc >= 0)
			*ret = rc;
		return rc < 0 ? rc : 0;
	}
	if (file->listens)
		return -EINVAL;
	if (request == FIONREAD && !file->is_stream) {
		*ret = shim_frame_inq(fd);
		return 0;
	}
	/* what has not left is not told from what was not acknowledged */
	if (request == SIOCOUTQNSD)
		request = SIOCOUTQ;
	shim_node_getopt(file, FDNET_NODE_SOL_IOCTL, (int)request, &theirs,
			 &len);
	RAW(SYS_ioctl, fd, request, &ours, 0, 0, 0);
	*ret = ours + (request == FIONREAD && ours ? 0 : theirs);
	return 0;
}

/* What this process's engine knows. */
static int own_ioctl(struct shim_file *file, unsigned long request, int *ret)
{
	if (!file->so)
		return -ENOTCONN;
	shim_net_drive();
	shim_direct_settle(file);
	if (request == SIOCATMARK) {
		*ret = fdnet_sock_at_mark(file->so);
		return 0;
	}
	if (file->is_stream &&
	    fdnet_sock_state(file->so) == FDNET_TCP_LISTEN)
		return -EINVAL;
	*ret = (int)(request == FIONREAD   ? fdnet_sock_inq(file->so)
		     : request == SIOCOUTQ ? fdnet_sock_outq(file->so)
					   : fdnet_sock_unsent(file->so));
	return 0;
}

/* Requests on a socket; -ENOTTY: not one of them. */
static int socket_ioctl(struct shim_file *file, int fd, unsigned long request,
			void *arg)
{
	int value = 0, rc;

	if (request != FIONREAD && request != SIOCOUTQ &&
	    request != SIOCOUTQNSD && request != SIOCATMARK)
		return shim_iface_ioctl(request, arg);
	if (file->netlink || (request == SIOCOUTQNSD && !file->is_stream))
		return -ENOTTY;
	if (!shim_can_write(arg, sizeof(value)))
		return -EFAULT;
	rc = file->in_node ? node_ioctl(file, fd, request, &value)
			   : own_ioctl(file, request, &value);
	if (rc == 0)
		memcpy(arg, &value, sizeof(value)); /* it need not be aligned */
	return rc;
}

static int int_at(const void *arg)
{
	int value;

	memcpy(&value, arg, sizeof(value));
	return value;
}

int shim_ioctl(int fd, unsigned long request, ...)
{
	struct shim_guard guard;
	struct shim_file *file;
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!shim_file_maybe(fd))
		return LIBC(ioctl)(fd, request, arg);
	if (request == FIONBIO || request == FIOASYNC) {
		rc = LIBC(ioctl)(fd, request, arg);
		if (rc == 0 && request == FIONBIO)
			note_nonblock(fd, int_at(arg) != 0);
		else if (rc == 0 && int_at(arg))
			note_async(fd);
		return rc;
	}
	file = shim_begin(fd, &guard);
	if (!file)
		return LIBC(ioctl)(fd, request, arg);
	if (file->remote)
		shim_pump_touch(file);
	if (file->pumped && !file->in_node &&
	    (request == FIONREAD || request == SIOCOUTQ)) {
		shim_end(&guard);
		return LIBC(ioctl)(fd, request, arg);
	}
	rc = socket_ioctl(file, fd, request, arg);
	shim_end(&guard);
	/* FIOCLEX and the like belong to the kernel */
	if (rc == -ENOTTY && request != SIOCOUTQNSD)
		return LIBC(ioctl)(fd, request, arg);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(ioctl);

