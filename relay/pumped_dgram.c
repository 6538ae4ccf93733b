/* SPDX-License-Identifier: Apache-2.0 */
/* Datagram sockets: one message, one datagram. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "relay/guest.h"
#include "relay/pumped_internal.h"
#include "relay/sys.h"

/* Datagrams moved each way in one turn. */
#define BUDGET 64

/* ---- from the stack to A ---- */

/* Sends @from along, if there is one. */
static void attach_name(struct pumped *sock, const struct fdnet_name *from,
			struct msghdr *msg)
{
	int fd = nametag_get(sock->node->tags, from);
	struct cmsghdr *cmsg = msg->msg_control;

	/* without: it comes from nobody known, as good as one that is lost */
	if (fd < 0)
		return;
	msg->msg_controllen = CMSG_SPACE(sizeof(int));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
}

/* False: B is full, the datagram is to be kept. */
static bool give(struct pumped *sock, const uint8_t *data, size_t len,
		 const struct fdnet_name *from)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
	};
	ssize_t rc;

	if (sock->framed)
		attach_name(sock, from, &msg);
	rc = sys_sendmsg(sock->src.fd, &msg);
	if (rc == -EAGAIN)
		return false;
	/* also ETOOMANYREFS: too much of this user's is on its way already */
	if (rc < 0)
		count(&sock->node->relay->counters, C_UDP_DROP);
	return true;
}

static void keep(struct pumped *sock, const uint8_t *data, size_t len,
		 const struct fdnet_name *from)
{
	sock->in_full = true;
	sock->held = malloc(len ? len : 1);
	if (!sock->held) {
		count(&sock->node->relay->counters, C_NOMEM);
		return;
	}
	memcpy(sock->held, data, len);
	sock->held_len = len;
	sock->held_from = *from;
}

static bool give_held(struct pumped *sock)
{
	if (!sock->held)
		return true;
	if (!give(sock, sock->held, sock->held_len, &sock->held_from)) {
		sock->in_full = true;
		return false;
	}
	free(sock->held);
	sock->held = NULL;
	return true;
}

static enum pumped_turn move_in(struct pumped *sock)
{
	uint8_t *buf = sock->node->buf;

	if (sock->in_full || sock->hup || !give_held(sock))
		return PUMPED_WAIT;
	for (int i = 0; i < BUDGET; i++) {
		struct iovec iov = { buf, PUMPED_DGRAM_MAX };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t n = fdnet_sock_recv(sock->so, &msg);

		if (n == -EAGAIN)
			return PUMPED_WAIT;
		if (n < 0) { /* told to who asks for SO_ERROR */
			sock->error = (int)-n;
			continue;
		}
		if (!give(sock, buf, (size_t)n, &msg.to_from)) {
			keep(sock, buf, (size_t)n, &msg.to_from);
			return PUMPED_WAIT;
		}
	}
	return PUMPED_MORE;
}

/* ---- from A to the stack ---- */

static void take(struct pumped *sock, const uint8_t *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.ttl = -1,
		.tos = -1,
	};
	size_t head = sock->framed ? FDNET_NODE_NAME_LEN : 0;
	ssize_t rc;

	if (len < head ||
	    (head && fdnet_node_name_decode(data, &msg.to_from))) {
		count(&sock->node->relay->counters, C_NODE_BAD);
		return;
	}
	iov.iov_base = (void *)(data + head);
	iov.iov_len = len - head;
	rc = fdnet_sock_send(sock->so, &msg);
	if (rc == -EADDRNOTAVAIL &&
	    !node_lease(sock->node, (uint8_t)sock->proto))
		rc = fdnet_sock_send(sock->so, &msg);
	if (rc < 0)
		sock->error = (int)-rc;
}

static enum pumped_turn move_out(struct pumped *sock)
{
	for (int i = 0; i < BUDGET; i++) {
		ssize_t n;

		sock->out_full = !(fdnet_sock_poll(sock->so) & FDNET_EV_OUT);
		if (sock->out_full)
			return PUMPED_WAIT;
		n = SYS_RETRY(recv(sock->src.fd, sock->node->buf,
				   PUMPED_DGRAM_MAX, MSG_DONTWAIT));
		if (n == -EAGAIN)
			return PUMPED_WAIT;
		/* nothing: an empty datagram, or the end */
		if (n < 0 || (!n && sock->hup)) {
			sock->out_closed = true;
			return PUMPED_WAIT;
		}
		take(sock, sock->node->buf, (size_t)n);
	}
	return PUMPED_MORE;
}

enum pumped_turn pumped_run_datagrams(struct pumped *sock)
{
	enum pumped_turn in = move_in(sock), out = move_out(sock);

	if (sock->hup && sock->out_closed) {
		pumped_close(sock);
		return PUMPED_GONE;
	}
	return in == PUMPED_MORE || out == PUMPED_MORE ? PUMPED_MORE :
							 PUMPED_WAIT;
}
