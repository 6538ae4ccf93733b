/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners that several processes accept from. */
#include "config.h"

#include <string.h>

#include "relay/guest.h"
#include "relay/pumped_internal.h"
#include "relay/sys.h"

/* Connections passed in one turn. */
#define BUDGET 64
/* What A may hold while its peer, or the relay, is slow. */
#define SOCKBUF (256 * 1024)
/* Connections that wait in B stand before the backlog: a few of them. */
#define LISTEN_SOCKBUF 8192

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
		return 0;
	return cookie;
}

static int take_next(struct pumped *listener)
{
	struct node *node = listener->node;
	struct fdnet_sock *so;
	struct pumped *sock;
	int rc, sv[2];

	/* what stays in the backlog is not lost */
	if (node->count >= LIMIT_NODE_SOCKS)
		return -ENFILE;
	rc = fdnet_sock_accept(listener->so, &so);
	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
		count(&node->relay->counters, C_NODE_LIMIT);
		rc = -errno;
		fdnet_sock_abort(so);
		return rc;
	}
	rc = pumped_new(node, so, sv[1], cookie_of(sv[0]),
			listener->plain ? FDNET_NODE_PLAIN : 0, listener->pid,
			&sock);
	if (rc) {
		close(sv[0]);
		close(sv[1]);
		fdnet_sock_abort(so);
		return rc;
	}
	sys_setopt(sv[0], SOL_SOCKET, SO_SNDBUF, SOCKBUF);
	send(sv[1], "", FDNET_NODE_TOKEN_LEN, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sock->plain && send(sv[0], "x", 1, MSG_DONTWAIT) == 1)
		pumped_lag_begin(sock);
	sock->joined = true;
	sock->claim = listener->claim;
	if (sock->claim)
		sock->claim->refs++;
	memset(listener->passing_names, 0, sizeof(listener->passing_names));
	fdnet_sock_name(so, &listener->passing_names[0]);
	fdnet_sock_peer(so, &listener->passing_names[1]);
	listener->passing = sv[0];
	return 0;
}

static int pass(struct pumped *listener)
{
	uint8_t body[FDNET_NODE_ACCEPTED_LEN];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { body, sizeof(body) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	fdnet_node_name_encode(body, &listener->passing_names[0]);
	fdnet_node_name_encode(body + FDNET_NODE_NAME_LEN,
			       &listener->passing_names[1]);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &listener->passing, sizeof(int));
	return (int)sys_sendmsg(listener->src.fd, &msg);
}

enum pumped_turn pumped_run_listener(struct pumped *listener)
{
	int rc;

	if (listener->hup) {
		pumped_close(listener);
		return PUMPED_GONE;
	}
	for (int i = 0; i < BUDGET; i++) {
		if (listener->in_full)
			return PUMPED_WAIT;
		if (listener->passing < 0 && take_next(listener))
			return PUMPED_WAIT;
		rc = pass(listener);
		if (rc == -EAGAIN) {
			listener->in_full = true;
			return PUMPED_WAIT;
		}
		/* not passed for another reason: its end is what it sees */
		close(listener->passing);
		listener->passing = -1;
	}
	return PUMPED_MORE;
}

void pumped_set_listening(struct pumped *sock)
{
	/* A stays filled: a listener is never writable */
	sock->listening = true;
	sys_setopt(sock->src.fd, SOL_SOCKET, SO_SNDBUF, LISTEN_SOCKBUF);
	pumped_wake(sock);
}
