/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into fdnet-relay by tests/test_relay_faults.c and .sh: one system
 * call fails now and then. FDNET_FAULT is "CALL:ERRNO:EVERY:TIMES", numbers in
 * decimal: each EVERY-th call gives ERRNO, TIMES times in all; errno 0 lets
 * the call through with a socket buffer so small that real short writes
 * follow, and lets sendmsg() on a stream send one byte. It begins when the relay
 * waits for the first time (with FDNET_FAULT_AT_START at once), and what was
 * done is said at the end. Of epoll_ctl() only additions fail, as in the kernel;
 * close() closes and fails then, likewise.
 *
 * Under ASan its runtime stands before this, and malloc() is its own.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC visibility push(default)

static char call[32];
static int error, every, times, calls, done, armed;

static void __attribute__((constructor)) init(void)
{
	const char *fault = getenv("FDNET_FAULT");

	if (fault)
		sscanf(fault, "%31[^:]:%d:%d:%d", call, &error, &every,
		       &times);
	armed = fault && getenv("FDNET_FAULT_AT_START");
}

static void __attribute__((destructor)) report(void)
{
	if (armed)
		fprintf(stderr, "faults: %s %d\n", call, done);
}

static int hits(const char *name)
{
	if (!armed || done >= times || strcmp(name, call) ||
	    ++calls % every)
		return 0;
	done++;
	errno = error;
	return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* name, type of the result, what a failure gives, parameters, arguments */
#define FAULTY(name, type, failure, params, args)                              \
	type name params                                                       \
	{                                                                      \
		static __typeof__(&name) next;                                 \
                                                                               \
		if (!next)                                                     \
			next = NEXT(name);                                     \
		return hits(#name) ? (failure) : next args;                    \
	}

FAULTY(connect, int, -1, (int fd, const struct sockaddr *sa, socklen_t len),
       (fd, sa, len))
FAULTY(bind, int, -1, (int fd, const struct sockaddr *sa, socklen_t len),
       (fd, sa, len))
FAULTY(accept4, int, -1, (int fd, struct sockaddr *sa, socklen_t *len, int f),
       (fd, sa, len, f))
FAULTY(shutdown, int, -1, (int fd, int how), (fd, how))
FAULTY(getsockname, int, -1, (int fd, struct sockaddr *sa, socklen_t *len),
       (fd, sa, len))
FAULTY(setsockopt, int, -1,
       (int fd, int level, int name, const void *val, socklen_t len),
       (fd, level, name, val, len))
FAULTY(getsockopt, int, -1,
       (int fd, int level, int name, void *val, socklen_t *len),
       (fd, level, name, val, len))
FAULTY(recv, ssize_t, -1, (int fd, void *dst, size_t len, int flags),
       (fd, dst, len, flags))
FAULTY(recvfrom, ssize_t, -1,
       (int fd, void *dst, size_t len, int flags, struct sockaddr *sa,
	socklen_t *salen),
       (fd, dst, len, flags, sa, salen))
FAULTY(send, ssize_t, -1, (int fd, const void *src, size_t len, int flags),
       (fd, src, len, flags))
FAULTY(sendto, ssize_t, -1,
       (int fd, const void *src, size_t len, int flags,
	const struct sockaddr *sa, socklen_t salen),
       (fd, src, len, flags, sa, salen))
FAULTY(read, ssize_t, -1, (int fd, void *dst, size_t len), (fd, dst, len))
FAULTY(write, ssize_t, -1, (int fd, const void *src, size_t len),
       (fd, src, len))
FAULTY(writev, ssize_t, -1, (int fd, const struct iovec *iov, int n),
       (fd, iov, n))
FAULTY(pread, ssize_t, -1, (int fd, void *dst, size_t len, off_t at),
       (fd, dst, len, at))
FAULTY(socketpair, int, -1, (int family, int type, int proto, int pair[2]),
       (family, type, proto, pair))
FAULTY(fstat, int, -1, (int fd, struct stat *st), (fd, st))
FAULTY(poll, int, -1, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms))
FAULTY(ftruncate, int, -1, (int fd, off_t size), (fd, size))
FAULTY(waitpid, pid_t, -1, (pid_t pid, int *status, int flags),
       (pid, status, flags))
FAULTY(fork, pid_t, -1, (void), ())
FAULTY(execv, int, -1, (const char *path, char *const *argv), (path, argv))
FAULTY(epoll_create1, int, -1, (int flags), (flags))
FAULTY(signalfd, int, -1, (int fd, const sigset_t *set, int flags),
       (fd, set, flags))
FAULTY(listen, int, -1, (int fd, int backlog), (fd, backlog))

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static __typeof__(&sendmsg) next;
	struct msghdr part = *msg;
	socklen_t len = sizeof(int);
	struct iovec one;
	int type = 0;

	if (!next)
		next = NEXT(sendmsg);
	/* the helper for files may not ask */
	if (!error && !strcmp(call, "sendmsg"))
		NEXT(getsockopt)(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	if ((error || type == SOCK_STREAM) && hits("sendmsg")) {
		if (error)
			return -1;
		one = (struct iovec){ msg->msg_iov->iov_base, 1 };
		part.msg_iov = &one;
		part.msg_iovlen = 1;
	}
	return next(fd, &part, flags);
}

int close(int fd)
{
	int rc = NEXT(close)(fd);

	return hits("close") ? -1 : rc;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return hits("ioctl") ? -1 : NEXT(ioctl)(fd, request, arg);
}

int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return hits("fcntl") ? -1 : NEXT(fcntl)(fd, cmd, arg);
}

FAULTY(recvmsg, ssize_t, -1, (int fd, struct msghdr *msg, int flags),
       (fd, msg, flags))
FAULTY(sendmmsg, int, -1,
       (int fd, struct mmsghdr *msgs, unsigned int n, int flags),
       (fd, msgs, n, flags))
FAULTY(recvmmsg, int, -1,
       (int fd, struct mmsghdr *msgs, unsigned int n, int flags,
	struct timespec *timeout),
       (fd, msgs, n, flags, timeout))
FAULTY(readv, ssize_t, -1, (int fd, const struct iovec *iov, int n),
       (fd, iov, n))

int epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	if (op == EPOLL_CTL_ADD && hits("epoll_ctl"))
		return -1;
	return NEXT(epoll_ctl)(ep, op, fd, ev);
}

int epoll_wait(int ep, struct epoll_event *events, int n, int timeout)
{
	armed = 1;
	return hits("epoll_wait") ? -1 :
				    NEXT(epoll_wait)(ep, events, n, timeout);
}

FAULTY(rename, int, -1, (const char *from, const char *to), (from, to))
FAULTY(unlink, int, -1, (const char *path), (path))
FAULTY(lseek, off_t, -1, (int fd, off_t at, int whence), (fd, at, whence))

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return hits("open") ? -1 : NEXT(open)(path, flags, mode);
}

FAULTY(memfd_create, int, -1, (const char *name, unsigned int flags),
       (name, flags))
FAULTY(getrandom, ssize_t, -1, (void *dst, size_t len, unsigned int flags),
       (dst, len, flags))
FAULTY(mmap, void *, MAP_FAILED,
       (void *at, size_t len, int prot, int flags, int fd, off_t offset),
       (at, len, prot, flags, fd, offset))

int socket(int family, int type, int proto)
{
	int size = 1, fd, hit = hits("socket");

	if (hit && error)
		return -1;
	fd = NEXT(socket)(family, type, proto);
	if (hit && fd >= 0)
		NEXT(setsockopt)(fd, SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size));
	return fd;
}

#ifndef __SANITIZE_ADDRESS__
/* dlsym() itself allocates */
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	return hits("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return hits("calloc") ? NULL : __libc_calloc(n, size);
}
#endif
