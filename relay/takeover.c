/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between the relay that goes and the one that comes. */
#include "config.h"

#include "relay/takeover.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "relay/state.h"
#include "relay/sys.h"

/* In front of the text; both are processes of one machine. */
struct msg_head {
	uint32_t op, version;
	uint64_t a, b;
};

union control {
	char buf[CMSG_SPACE(TAKEOVER_FDS * sizeof(int))];
	struct cmsghdr align;
};

static int wait_for(int fd, short events, int wait_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	long rc = SYS_RETRY(poll(&pfd, 1, wait_ms));

	if (rc < 0)
		return (int)rc;
	return rc ? 0 : -ETIMEDOUT;
}

int takeover_send(int channel, const struct takeover_msg *msg, const int *fds,
		  unsigned int nfds)
{
	struct msg_head head = { msg->op, STATE_VERSION, msg->a, msg->b };
	struct iovec iov[2] = {
		{ &head, sizeof(head) },
		{ msg->text, msg->len },
	};
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };
	union control control;
	struct cmsghdr *cmsg;
	ssize_t rc;

	if (nfds) {
		memset(&control, 0, sizeof(control));
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
	}
	do {
		int left = wait_for(channel, POLLOUT, TAKEOVER_WAIT_MS);

		if (left)
			return left;
		rc = sys_sendmsg(channel, &hdr);
	} while (rc == -EAGAIN);
	return rc < 0 ? (int)rc : 0;
}

int takeover_say(int channel, enum takeover_op op)
{
	struct takeover_msg msg = { .op = op };

	return takeover_send(channel, &msg, NULL, 0);
}

static void close_all(const int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		close(fds[i]);
}

/* What came along; more than there is room for is closed. */
static unsigned int take_fds(struct msghdr *hdr, int *fds, unsigned int room,
			     bool *ret_lost)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr);
	int all[TAKEOVER_FDS];
	unsigned int n = 0, kept;

	*ret_lost = hdr->msg_flags & (MSG_CTRUNC | MSG_TRUNC);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS)
		n = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) /
				   sizeof(int));
	if (n)
		memcpy(all, CMSG_DATA(cmsg), n * sizeof(int));
	kept = n < room ? n : room;
	if (kept)
		memcpy(fds, all, kept * sizeof(int));
	close_all(all + kept, n - kept);
	*ret_lost |= kept < n;
	return kept;
}

static int recv_into(int channel, char *buf, struct takeover_msg *msg,
		     int *fds, unsigned int room, unsigned int *ret_nfds)
{
	union control control;
	struct msg_head head;
	struct iovec iov[2] = {
		{ &head, sizeof(head) },
		{ buf, TAKEOVER_TEXT_MAX },
	};
	struct msghdr hdr = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control.buf),
	};
	unsigned int n;
	bool lost;
	ssize_t rc = SYS_RETRY(
		recvmsg(channel, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

	if (rc <= 0)
		return rc ? (int)rc : -EPIPE;
	n = take_fds(&hdr, fds, room, &lost);
	if (lost || rc < (ssize_t)sizeof(head) ||
	    head.version != STATE_VERSION) {
		close_all(fds, n);
		return -EPROTO;
	}
	*msg = (struct takeover_msg){
		.op = head.op,
		.version = head.version,
		.a = head.a,
		.b = head.b,
		.text = buf,
		.len = (size_t)rc - sizeof(head),
	};
	buf[msg->len] = '\0';
	*ret_nfds = n;
	return 0;
}

int takeover_recv(int channel, struct takeover_msg *ret_msg, int *fds,
		  unsigned int room, unsigned int *ret_nfds, int wait_ms)
{
	char *buf;
	int rc;

	rc = wait_for(channel, POLLIN, wait_ms);
	if (rc)
		return rc;
	buf = malloc(TAKEOVER_TEXT_MAX + 1);
	if (!buf)
		return -ENOMEM;
	rc = recv_into(channel, buf, ret_msg, fds, room, ret_nfds);
	if (rc)
		free(buf);
	return rc == -ECONNRESET ? -EPIPE : rc;
}

int takeover_expect(int channel, enum takeover_op op)
{
	struct takeover_msg msg;
	unsigned int n;
	int rc = takeover_recv(channel, &msg, NULL, 0, &n, TAKEOVER_WAIT_MS);

	if (rc)
		return rc;
	if (msg.op == TAKEOVER_FAILED)
		rc = -ECANCELED;
	else if (msg.op != op)
		rc = -EPROTO;
	free(msg.text);
	return rc;
}
