/* SPDX-License-Identifier: Apache-2.0 */
/* preadv2() and pwritev2(): with offset -1 they are readv() and writev() with
 * flags, and work on sockets; with any other the kernel says ESPIPE. */
#include "config.h"

#include <sys/uio.h>

#include "shim/call.h"

/* Flags that mean something to files only and do no harm to sockets. */
#define IDLE_FLAGS (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND)

/* Is the call to be answered as readv()? *ret_flags: MSG_* or -E. */
static bool is_stream_call(int fd, int iovcnt, off_t offset, int flags,
			   int *ret_flags)
{
	if (offset != -1 || shim_is_kernels(fd))
		return false;
	if (flags & ~(IDLE_FLAGS | RWF_NOWAIT))
		*ret_flags = -EOPNOTSUPP;
	else if (iovcnt < 0 || iovcnt > 1024)
		*ret_flags = -EINVAL;
	else
		*ret_flags = flags & RWF_NOWAIT ? MSG_DONTWAIT : 0;
	return true;
}

ssize_t shim_preadv2(int fd, const struct iovec *iov, int iovcnt,
		     off_t offset, int flags)
{
	struct msghdr hdr = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)iovcnt,
	};
	int msg_flags;

	if (!is_stream_call(fd, iovcnt, offset, flags, &msg_flags))
		return LIBC(preadv2)(fd, iov, iovcnt, offset, flags);
	if (msg_flags < 0)
		return shim_ret(msg_flags);
	return shim_recvmsg(fd, &hdr, msg_flags);
}
SHIM_EXPORT(preadv2);
SHIM_EXPORT_AS(preadv64v2, preadv2);

ssize_t shim_pwritev2(int fd, const struct iovec *iov, int iovcnt,
		      off_t offset, int flags)
{
	struct msghdr hdr = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)iovcnt,
	};
	int msg_flags;

	if (!is_stream_call(fd, iovcnt, offset, flags, &msg_flags))
		return LIBC(pwritev2)(fd, iov, iovcnt, offset, flags);
	if (msg_flags < 0)
		return shim_ret(msg_flags);
	return shim_sendmsg(fd, &hdr, msg_flags);
}
SHIM_EXPORT(pwritev2);
SHIM_EXPORT_AS(pwritev64v2, pwritev2);
