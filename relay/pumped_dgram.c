/* SPDX-License-Identifier: Apache-2.0 */
/* Datagram sockets: one message, one datagram. */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "relay/guest.h"
#include "relay/pumped_internal.h"
#include "relay/sys.h"

/* Datagrams moved each way in one turn. */
#define BUDGET 64

/* ---- what is told beside a datagram ---- */

static const struct {
	int level4, name4, level6, name6;
	uint32_t flag;
} wants[] = {
	{ IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6, IPV6_RECVPKTINFO,
	  FDNET_TAG_PKTINFO },
	{ IPPROTO_IP, IP_RECVTTL, IPPROTO_IPV6, IPV6_RECVHOPLIMIT,
	  FDNET_TAG_TTL },
	{ IPPROTO_IP, IP_RECVTOS, IPPROTO_IPV6, IPV6_RECVTCLASS,
	  FDNET_TAG_TOS },
	{ SOL_SOCKET, SO_TIMESTAMP, SOL_SOCKET, SO_TIMESTAMP,
	  FDNET_TAG_TIME },
	{ SOL_SOCKET, SO_TIMESTAMPNS, SOL_SOCKET, SO_TIMESTAMPNS,
	  FDNET_TAG_TIME_NS },
};

void pumped_learn_wants(struct pumped *sock)
{
	bool v6 = sock->family == 6;

	sock->wants = 0;
	if (sock->type == FDNET_SOCK_STREAM)
		return;
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		uint32_t len = sizeof(int);
		int on = 0;

		if (!fdnet_sock_getopt(sock->so,
				       v6 ? wants[i].level6 : wants[i].level4,
				       v6 ? wants[i].name6 : wants[i].name4,
				       &on, &len) &&
		    on)
			sock->wants |= wants[i].flag;
	}
}

static void make_tag(const struct pumped *sock, const struct fdnet_msg *msg,
		     struct fdnet_node_tag *ret_tag)
{
	*ret_tag = (struct fdnet_node_tag){ .from = msg->to_from };
	ret_tag->flags = sock->wants | (msg->gso_size ? FDNET_TAG_GRO : 0);
	if (!ret_tag->flags)
		return;
	ret_tag->local = msg->local;
	ret_tag->ifindex = (uint32_t)msg->ifindex;
	ret_tag->ttl = (uint8_t)msg->ttl;
	ret_tag->tos = (uint8_t)msg->tos;
	ret_tag->gso = msg->gso_size;
}

/* ---- from the stack to A ---- */

static void attach_tag(struct pumped *sock, const struct fdnet_node_tag *tag,
		       struct msghdr *msg)
{
	int fd = nametag_get(sock->node->tags, tag);
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
		 const struct fdnet_node_tag *tag)
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

	if (sock->framed || tag->flags)
		attach_tag(sock, tag, &msg);
	rc = sys_sendmsg(sock->src.fd, &msg);
	if (rc == -EAGAIN)
		return false;
	/* also ETOOMANYREFS: too much of this user's is on its way already */
	if (rc < 0)
		count(&sock->node->relay->counters, C_UDP_DROP);
	return true;
}

static void keep(struct pumped *sock, const uint8_t *data, size_t len,
		 const struct fdnet_node_tag *tag)
{
	sock->in_full = true;
	sock->held = malloc(len ? len : 1);
	if (!sock->held) {
		count(&sock->node->relay->counters, C_NOMEM);
		return;
	}
	memcpy(sock->held, data, len);
	sock->held_len = len;
	sock->held_tag = *tag;
}

static bool give_held(struct pumped *sock)
{
	if (!sock->held)
		return true;
	if (!give(sock, sock->held, sock->held_len, &sock->held_tag)) {
		sock->in_full = true;
		return false;
	}
	free(sock->held);
	sock->held = NULL;
	return true;
}

/* Who waits on A is woken, and asks. Nobody does on a plain socket. */
static void tell_error(struct pumped *sock)
{
	static const struct fdnet_node_tag tag = { .flags = FDNET_TAG_ERROR };

	if (!sock->plain && !sock->told)
		sock->told = give(sock, NULL, 0, &tag);
}

static enum pumped_turn move_in(struct pumped *sock)
{
	uint8_t *buf = sock->node->buf;
	struct fdnet_node_tag tag;

	if (sock->in_full || sock->hup || !give_held(sock))
		return PUMPED_WAIT;
	for (int i = 0; i < BUDGET; i++) {
		struct iovec iov = { buf, PUMPED_DGRAM_MAX };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t n = fdnet_sock_recv(sock->so, &msg);

		if (n == -EAGAIN) {
			/* an error queue is not empty */
			if (fdnet_sock_poll(sock->so) & FDNET_EV_ERR)
				tell_error(sock);
			return PUMPED_WAIT;
		}
		if (n < 0) {
			sock->error = (int)-n;
			tell_error(sock);
			continue;
		}
		make_tag(sock, &msg, &tag);
		if (!give(sock, buf, (size_t)n, &tag)) {
			keep(sock, buf, (size_t)n, &tag);
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
	if (rc >= 0 || rc == -EAGAIN)
		return;
	/* perhaps of an earlier one, and this one was not looked at */
	sock->error = (int)-rc;
	if (!sock->framed)
		tell_error(sock);
	fdnet_sock_send(sock->so, &msg);
}

/* There was nothing to read: an empty datagram, or the end? A may have been
 * shut down, and stays readable for ever then. */
static bool is_end(const struct pumped *sock)
{
	struct pollfd pfd = { .fd = sock->src.fd, .events = POLLRDHUP };
	int left = 0;

	return poll(&pfd, 1, 0) == 1 &&
	       !ioctl(sock->src.fd, FIONREAD, &left) && !left;
}

static enum pumped_turn move_out(struct pumped *sock)
{
	for (int i = 0; i < BUDGET && !sock->out_closed; i++) {
		ssize_t n;

		sock->out_full = !(fdnet_sock_poll(sock->so) & FDNET_EV_OUT);
		if (sock->out_full)
			return PUMPED_WAIT;
		n = SYS_RETRY(recv(sock->src.fd, sock->node->buf,
				   PUMPED_DGRAM_MAX, MSG_DONTWAIT));
		if (n == -EAGAIN)
			return PUMPED_WAIT;
		if (n < 0 || (!n && is_end(sock)))
			sock->out_closed = true;
		else
			take(sock, sock->node->buf, (size_t)n);
	}
	return sock->out_closed ? PUMPED_WAIT : PUMPED_MORE;
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
