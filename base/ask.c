/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/ask.h"

#include <errno.h>
#include <string.h>

#define ID_AT 4
#define ID_LEN 4

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(FDNET_ASK_FDS * sizeof(int))];
};

int fdnet_msg_send(const struct fdnet_ask_calls *calls, int fd,
		   const void *data, size_t len, const int *fds,
		   unsigned int nfds, int flags)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *cmsg;
	ssize_t rc;

	if (nfds > FDNET_ASK_FDS)
		return -EINVAL;
	if (nfds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
	}
	do
		rc = calls->sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
	while (rc == -EINTR);
	return rc < 0 ? (int)rc : 0;
}

/* The fds that came, -1 in the other places. */
static void take_fds(struct msghdr *msg, int *ret_fds)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t len;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return;
	len = cmsg->cmsg_len - CMSG_LEN(0);
	if (len > FDNET_ASK_FDS * sizeof(int))
		len = FDNET_ASK_FDS * sizeof(int);
	memcpy(ret_fds, CMSG_DATA(cmsg), len);
}

ssize_t fdnet_msg_recv(const struct fdnet_ask_calls *calls, int fd,
		       void *data, size_t size, int *ret_fds, int flags)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t rc;

	for (int i = 0; ret_fds && i < FDNET_ASK_FDS; i++)
		ret_fds[i] = -1;
	if (ret_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.buf);
	}
	do
		rc = calls->recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	while (rc == -EINTR);
	if (rc < 0)
		return rc;
	if (ret_fds)
		take_fds(&msg, ret_fds);
	/* too long, or more fds than fit: the caller closes those it got */
	if (msg.msg_flags & MSG_TRUNC ||
	    (ret_fds && msg.msg_flags & MSG_CTRUNC))
		return -EBADMSG;
	return rc;
}

ssize_t fdnet_ask(const struct fdnet_ask_calls *calls, int fd, const void *req,
		  size_t len, const int *fds, unsigned int nfds, void *ans,
		  size_t size)
{
	ssize_t rc = fdnet_msg_send(calls, fd, req, len, fds, nfds, 0);

	if (rc < 0)
		return rc;
	for (;;) {
		rc = fdnet_msg_recv(calls, fd, ans, size, NULL, 0);
		if (rc <= 0)
			return rc ? rc : -EPIPE;
		if (rc >= ID_AT + ID_LEN &&
		    !memcmp((const char *)ans + ID_AT,
			    (const char *)req + ID_AT, ID_LEN))
			return rc;
	}
}
