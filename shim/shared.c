/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/shared.h"

#include <fcntl.h>
#include <linux/sockios.h>

#include "shim/call.h"
#include "shim/io.h"
#include "shim/node.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

/* Bytes thrown away at once. */
#define JUNK 16384
/* The smallest send buffer, and what fills it. */
#define SNDBUF_MIN  1
#define FILLERS_MAX 64

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
	*ret_rc = discard(fd, shim_msg_len(hdr), flags);
	return true;
}

/* ---- connect() once more ---- */

void shim_shared_narrow(int fd)
{
	int size = SNDBUF_MIN;

	raw_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (int i = 0; i < FILLERS_MAX; i++)
		if (raw_send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
			break;
}

/* What calls on the descriptor itself have left on A. */
static void copy_settings(int from, int to)
{
	static const int names[] = { SO_RCVTIMEO, SO_SNDTIMEO, SO_OOBINLINE };
	struct timeval value;
	socklen_t len;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		len = sizeof(value);
		if (raw_getsockopt(from, SOL_SOCKET, names[i], &value, &len) ==
		    0)
			raw_setsockopt(to, SOL_SOCKET, names[i], &value, len);
	}
	raw_fcntl(to, F_SETFL, raw_fcntl(from, F_GETFL, 0));
}

/* Wherever the old A was. */
static void replace_all(const struct shim_file *file, int fd)
{
	for (int at = shim_file_next_fd(0); at >= 0;
	     at = shim_file_next_fd(at + 1)) {
		if (shim_file_peek(at) != file)
			continue;
		RAW(SYS_dup3, fd, at,
		    raw_fcntl(at, F_GETFD, 0) & FD_CLOEXEC ? O_CLOEXEC : 0, 0,
		    0, 0);
	}
}

int shim_shared_renew(struct shim_file *file, int fd)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_RENEW,
				      .cookie = file->cookie };
	socklen_t len = sizeof(req.renewed);
	int sv[2], rc;

	rc = raw_socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv);
	if (rc < 0)
		return rc;
	copy_settings(fd, sv[0]);
	shim_shared_narrow(sv[0]);
	rc = raw_getsockopt(sv[0], SOL_SOCKET, SO_COOKIE, &req.renewed, &len);
	if (rc == 0)
		rc = shim_node_ask(&req, &sv[1], 1, NULL);
	if (rc == 0) {
		replace_all(file, sv[0]);
		file->cookie = req.renewed;
		file->narrow = true;
		file->joined = false;
	}
	raw_close(sv[0]);
	raw_close(sv[1]);
	return rc;
}
