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

static size_t frame_len(const struct pumped *sock)
{
	return sock->framed ? FDNET_NODE_NAME_LEN : 0;
}

/* ---- from the stack to A ---- */

/* False: B is full, the datagram is kept. */
static bool give(struct pumped *sock, const uint8_t *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t rc = sys_sendmsg(sock->src.fd, &msg);

	if (rc == -EAGAIN)
		return false;
	if (rc < 0)
		count(&sock->node->relay->counters, C_UDP_DROP);
	return true;
}

static void keep(struct pumped *sock, const uint8_t *data, size_t len)
{
	sock->in_full = true;
	sock->held = malloc(len ? len : 1);
	if (!sock->held) {
		count(&sock->node->relay->counters, C_NOMEM);
		return;
	}
	memcpy(sock->held, data, len);
	sock->held_len = len;
}

static bool give_held(struct pumped *sock)
{
	if (!sock->held)
		return true;
	if (!give(sock, sock->held, sock->held_len)) {
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
	size_t head = frame_len(sock);

	if (sock->in_full || sock->hup || !give_held(sock))
		return PUMPED_WAIT;
	for (int i = 0; i < BUDGET; i++) {
		struct iovec iov = { buf + head, PUMPED_DGRAM_MAX - head };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t n = fdnet_sock_recv(sock->so, &msg);

		if (n == -EAGAIN)
			return PUMPED_WAIT;
		if (n < 0) { /* told to who asks for SO_ERROR */
			sock->error = (int)-n;
			continue;
		}
		if (head)
			fdnet_node_name_encode(buf, &msg.to_from);
		if (!give(sock, buf, head + (size_t)n)) {
			keep(sock, buf, head + (size_t)n);
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
	size_t head = frame_len(sock);
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
