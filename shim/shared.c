/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/shared.h"

#include <linux/sockios.h>

#include "shim/call.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

/* Bytes thrown away at once. */
#define JUNK 16384

int shim_shared_at_mark(const struct shim_file *file, int fd)
{
	int at_mark = 0, rc;

	if (!file->is_stream || !file->pumped)
		return file->pumped ? -ENOTTY : -ENOTCONN;
	if (file->listens)
		return 0;
	rc = (int)RAW(SYS_ioctl, fd, SIOCATMARK, &at_mark, 0, 0, 0);
	return rc < 0 ? rc : at_mark;
}

bool shim_shared_ended(const struct shim_file *file, int fd)
{
	struct pollfd p = { .fd = fd };
	struct timespec now = { 0 };

	return file->is_stream && raw_ppoll(&p, 1, &now, NULL) == 1 &&
	       p.revents & POLLHUP;
}

static bool is_stream(int fd)
{
	const struct shim_file *file = shim_file_peek(fd);

	return file && file->pumped && file->is_stream;
}

static size_t total(const struct msghdr *hdr)
{
	size_t sum = 0;

	for (size_t i = 0; i < hdr->msg_iovlen; i++)
		sum += hdr->msg_iov[i].iov_len;
	return sum;
}

/* The first read may wait, the others take what is there. */
static ssize_t discard(int fd, size_t len, int flags)
{
	char junk[JUNK];
	size_t done = 0;
	ssize_t rc = 0;

	flags &= ~MSG_TRUNC;
	while (done < len) {
		rc = LIBC(recv)(fd, junk,
				len - done < JUNK ? len - done : JUNK, flags);
		if (rc <= 0)
			break;
		done += (size_t)rc;
		if (flags & MSG_PEEK)
			break;
		if (!(flags & MSG_WAITALL))
			flags |= MSG_DONTWAIT;
	}
	return done ? (ssize_t)done : rc;
}

bool shim_shared_recv(int fd, const struct msghdr *hdr, int flags,
		      ssize_t *ret_rc)
{
	if (!(flags & (MSG_TRUNC | MSG_ERRQUEUE)) || !is_stream(fd))
		return false;
	if (flags & MSG_ERRQUEUE) {
		*ret_rc = shim_ret(-EAGAIN);
		return true;
	}
	if (!shim_can_read(hdr, sizeof(*hdr)) ||
	    !shim_can_read(hdr->msg_iov,
			   hdr->msg_iovlen * sizeof(*hdr->msg_iov)))
		return false;
	*ret_rc = discard(fd, total(hdr), flags);
	return true;
}
