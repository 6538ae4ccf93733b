/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's system calls: a negative errno instead of -1, EINTR repeated. */
#ifndef RELAY_SYS_H
#define RELAY_SYS_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <fdnet/stack.h>

#define SYS_RETRY(expr)                                                        \
	({                                                                     \
		long sys_rc_;                                                  \
		do                                                             \
			sys_rc_ = (long)(expr);                                \
		while (sys_rc_ < 0 && errno == EINTR);                         \
		sys_rc_ < 0 ? -(long)errno : sys_rc_;                          \
	})

static inline int sys_socket(int family, int type)
{
	return (int)SYS_RETRY(socket(
		family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static inline ssize_t sys_sendmsg(int fd, const struct msghdr *msg)
{
	return SYS_RETRY(sendmsg(fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static inline ssize_t sys_readv(int fd, const struct iovec *iov, int iovcnt)
{
	return SYS_RETRY(readv(fd, iov, iovcnt));
}

static inline int sys_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return (int)SYS_RETRY(
		accept4(fd, sa, len, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

static inline int sys_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	/* EINTR must not be repeated here, but cannot happen: O_NONBLOCK */
	return connect(fd, sa, len) < 0 ? -errno : 0;
}

static inline int sys_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	return bind(fd, sa, len) < 0 ? -errno : 0;
}

static inline int sys_setopt(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno :
									0;
}

/* A socket's pending error, which this fetches: positive errno or 0. */
static inline int sys_so_error(int fd)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

static inline int sys_get_int(int fd, int name, int *ret_value)
{
	socklen_t len = sizeof(*ret_value);

	return getsockopt(fd, SOL_SOCKET, name, ret_value, &len) < 0 ? -errno :
								       0;
}

static inline uint64_t sys_now_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/** sys_from_name - @name as a socket address; returns its length */
socklen_t sys_from_name(const struct fdnet_name *name,
			struct sockaddr_storage *ret_sa);
/** sys_to_name - the name in a socket address; v4-mapped becomes IPv4.
 * Returns 0, -EAFNOSUPPORT. */
int sys_to_name(const struct sockaddr_storage *sa,
		struct fdnet_name *ret_name);
/** sys_set_buffers - SO_SNDBUF and SO_RCVBUF, as far as allowed */
void sys_set_buffers(int fd, int size);
/** sys_close_reset - close a TCP socket with a RST */
void sys_close_reset(int fd);

#endif
