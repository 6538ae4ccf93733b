/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls without libc: no errno, no cancellation point, no way back
 * into our own wrappers. Each returns what the kernel does: a result, or a
 * negative errno.
 */
#ifndef SHIM_RAW_H
#define SHIM_RAW_H

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "base/unasked.h"

#if defined(__x86_64__)
static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}
#elif defined(__aarch64__)
static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "fdnet's shim knows the system call convention of x86-64 and aarch64"
#endif

#define RAW(nr, a, b, c, d, e, f)                                            \
	raw6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e),      \
	     (long)(f))

static inline int raw_close(int fd)
{
	return (int)RAW(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline ssize_t raw_read(int fd, void *buf, size_t len)
{
	return RAW(SYS_read, fd, buf, len, 0, 0, 0);
}

static inline ssize_t raw_write(int fd, const void *buf, size_t len)
{
	return RAW(SYS_write, fd, buf, len, 0, 0, 0);
}

static inline ssize_t raw_send(int fd, const void *buf, size_t len, int flags)
{
	return RAW(SYS_sendto, fd, buf, len, flags, 0, 0);
}

static inline ssize_t raw_recv(int fd, void *buf, size_t len, int flags)
{
	return RAW(SYS_recvfrom, fd, buf, len, flags, 0, 0);
}

static inline ssize_t raw_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return RAW(SYS_sendmsg, fd, msg, flags, 0, 0, FDNET_UNASKED);
}

static inline ssize_t raw_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return RAW(SYS_recvmsg, fd, msg, flags, 0, 0, FDNET_UNASKED);
}

static inline int raw_fcntl(int fd, int cmd, long arg)
{
	return (int)RAW(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

static inline int raw_socketpair(int domain, int type, int proto, int *sv)
{
	return (int)RAW(SYS_socketpair, domain, type, proto, sv, 0, 0);
}

static inline int raw_getsockopt(int fd, int level, int name, void *val,
				 socklen_t *len)
{
	return (int)RAW(SYS_getsockopt, fd, level, name, val, len,
			FDNET_UNASKED);
}

static inline int raw_setsockopt(int fd, int level, int name, const void *val,
				 socklen_t len)
{
	return (int)RAW(SYS_setsockopt, fd, level, name, val, len,
			FDNET_UNASKED);
}

static inline int raw_shutdown(int fd, int how)
{
	return (int)RAW(SYS_shutdown, fd, how, 0, 0, 0, FDNET_UNASKED);
}

/* @mask: a kernel sigset (64 bits), or NULL */
static inline int raw_ppoll(struct pollfd *fds, unsigned int n,
			    const struct timespec *timeout,
			    const uint64_t *mask)
{
	struct timespec ts;

	if (timeout)
		ts = *timeout; /* the kernel writes the rest back */
	return (int)RAW(SYS_ppoll, fds, n, timeout ? &ts : NULL, mask,
			sizeof(*mask), 0);
}

static inline int raw_sigmask(int how, const uint64_t *set, uint64_t *old)
{
	return (int)RAW(SYS_rt_sigprocmask, how, set, old, sizeof(*set), 0, 0);
}

static inline int raw_futex(uint32_t *word, int op, uint32_t val,
			    const struct timespec *timeout)
{
	return (int)RAW(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, val, timeout,
			0, 0);
}

/* A moment in a loop that waits for another core. */
static inline void raw_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

#endif
