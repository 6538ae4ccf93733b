/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into fdnet-relay by tests/test_relay_faults.c: one system call
 * fails now and then. FDNET_FAULT is "CALL:ERRNO:EVERY:TIMES", numbers in
 * decimal: each EVERY-th call gives ERRNO, TIMES times in all; errno 0 lets
 * the call through with a socket buffer so small that real short writes
 * follow. It begins when the relay waits for the first time, and what was done
 * is said at the end. Of epoll_ctl() only additions fail, as in the kernel.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
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
FAULTY(sendmsg, ssize_t, -1, (int fd, const struct msghdr *msg, int flags),
       (fd, msg, flags))
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

/* dlsym() itself allocates */
extern void *__libc_calloc(size_t n, size_t size);

void *calloc(size_t n, size_t size)
{
	return hits("calloc") ? NULL : __libc_calloc(n, size);
}
