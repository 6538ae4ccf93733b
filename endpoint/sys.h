/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of the endpoint folder: negative errno instead of errno. */
#ifndef ENDPOINT_SYS_H
#define ENDPOINT_SYS_H

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The program's errno stays as it is: the shim works inside calls of its that
 * succeed, and those leave errno alone. */
#define sys_rc(call)                               \
	({                                         \
		int saved_errno = errno;           \
		ssize_t sys_ret = (call);          \
                                                   \
		if (sys_ret < 0) {                 \
			sys_ret = -errno;          \
			errno = saved_errno;       \
		}                                  \
		sys_ret;                           \
	})

static inline ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t rc;

	do {
		rc = sys_rc(sendmsg(fd, msg, flags));
	} while (rc == -EINTR);
	return rc;
}

static inline ssize_t sys_writev(int fd, const struct iovec *iov, int n)
{
	ssize_t rc;

	do {
		rc = sys_rc(writev(fd, iov, n));
	} while (rc == -EINTR);
	return rc;
}

static inline ssize_t sys_readv(int fd, const struct iovec *iov, int n)
{
	ssize_t rc;

	do {
		rc = sys_rc(readv(fd, iov, n));
	} while (rc == -EINTR);
	return rc;
}

static inline ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc;

	do {
		rc = sys_rc(recvmsg(fd, msg, flags));
	} while (rc == -EINTR);
	return rc;
}

static inline int sys_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n,
			       int flags)
{
	int rc;

	do {
		rc = (int)sys_rc(recvmmsg(fd, msgs, n, flags, NULL));
	} while (rc == -EINTR);
	return rc;
}

static inline int sys_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n,
			       int flags)
{
	int rc;

	do {
		rc = (int)sys_rc(sendmmsg(fd, msgs, n, flags));
	} while (rc == -EINTR);
	return rc;
}

static inline int sys_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return (int)sys_rc(poll(fds, n, timeout_ms));
}

static inline int sys_getsockopt_int(int fd, int level, int name, int *ret_val)
{
	socklen_t len = sizeof(*ret_val);

	return (int)sys_rc(getsockopt(fd, level, name, ret_val, &len));
}

static inline int sys_setsockopt_int(int fd, int level, int name, int val)
{
	return (int)sys_rc(setsockopt(fd, level, name, &val, sizeof(val)));
}

/**
 * sys_socket_at_end - will a read that gave nothing give nothing for ever?
 *
 * A zero-length read is either an empty message or the end. It is the end
 * when the peer hung up and no byte is queued behind it.
 */
static inline int sys_socket_at_end(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLRDHUP};
	int queued = 0;

	if (sys_poll(&pfd, 1, 0) < 0)
		return 0;
	if (!(pfd.revents & (POLLHUP | POLLRDHUP | POLLNVAL)))
		return 0;
	return sys_rc(ioctl(fd, FIONREAD, &queued)) < 0 || queued == 0;
}

#endif
