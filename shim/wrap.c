/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the endpoint library calls when it is part of the shim: the linker
 * sends its sendmsg() and so on here (--wrap), because libc's are
 * cancellation points and the exported ones are our own wrappers, while the
 * library runs under the shim's lock. Under fdnet-run's filter libc's are asked
 * about besides, which a signal interrupts.
 */
#include "config.h"

#include "shim/call.h"
#include "shim/raw.h"

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags,
		    struct timespec *timeout);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int cnt);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int cnt);
int __wrap_getsockopt(int fd, int level, int name, void *val, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *val,
		      socklen_t len);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return shim_ret(raw_sendmsg(fd, msg, flags));
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return shim_ret(raw_recvmsg(fd, msg, flags));
}

int __wrap_sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags)
{
	return (int)shim_ret(
		RAW(SYS_sendmmsg, fd, vec, n, flags, 0, FDNET_UNASKED));
}

int __wrap_recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags,
		    struct timespec *timeout)
{
	return (int)shim_ret(RAW(SYS_recvmmsg, fd, vec, n, flags, timeout,
				 FDNET_UNASKED));
}

ssize_t __wrap_readv(int fd, const struct iovec *iov, int cnt)
{
	return shim_ret(RAW(SYS_readv, fd, iov, cnt, 0, 0, 0));
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int cnt)
{
	return shim_ret(RAW(SYS_writev, fd, iov, cnt, 0, 0, 0));
}

int __wrap_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return (int)shim_ret(raw_getsockopt(fd, level, name, val, len));
}

int __wrap_setsockopt(int fd, int level, int name, const void *val,
		      socklen_t len)
{
	return (int)shim_ret(raw_setsockopt(fd, level, name, val, len));
}
