/* SPDX-License-Identifier: Apache-2.0 */
/* Network sockets: made, named, connected, by requests to the relay. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/notify.h"
#include "sandbox/udgram.h"

/* What a stream's A takes at most in one go while it is filled. */
#define FILLING 32768
/* Of SO_SNDBUF: with less A is not writable while the relay keeps a byte
 * (relay/pumped_lag.c). The kernel doubles what it is told. */
#define SNDBUF_MIN 212992
/* Likewise: the kernel takes messages of 32 bytes less, which is the largest
 * datagram with its name; what is larger gets EMSGSIZE by any call. */
#define SNDBUF_DGRAM (65527 + FDNET_NODE_NAME_LEN + 33)

bool inet_take_socket(struct call *call)
{
	int rc = call_take_fd(call, (int)call->args[0]);

	if (rc == 0)
		return true;
	call_reply(call, rc == -ESOCKTNOSUPPORT ? -EPERM : rc);
	return false;
}

/* ---- socket() ---- */

static void socket_made(struct call *call, const struct fdnet_node_ans *ans)
{
	int fd = call->fd;

	if (ans->error) {
		call_reply(call, -(int)ans->error);
		return;
	}
	kind_put(call->sup, &call->kind);
	call->fd = -1;
	call_reply_fd(call, fd, call->args[1] & SOCK_CLOEXEC);
}

static void size_buffer(int fd, bool stream)
{
	int size = 0, half = stream ? SNDBUF_MIN / 2 : SNDBUF_DGRAM / 2;
	socklen_t len = sizeof(size);

	if (!stream ||
	    (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 &&
	     size < SNDBUF_MIN))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

int inet_make_pair(bool stream, int flags, int *ret_a, int *ret_b,
		   uint64_t *ret_cookie)
{
	int kind = stream ? SOCK_STREAM : SOCK_SEQPACKET, pair[2], rc;
	socklen_t len = sizeof(*ret_cookie);

	if (socketpair(AF_UNIX, kind | flags | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	size_buffer(pair[0], stream);
	/* by which the relay shows a reset: FDNET_NODE_PLAIN */
	if (stream)
		send(pair[0], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (getsockopt(pair[0], SOL_SOCKET, SO_COOKIE, ret_cookie, &len) < 0) {
		rc = -errno;
		close(pair[0]);
		close(pair[1]);
		return rc;
	}
	*ret_a = pair[0];
	*ret_b = pair[1];
	return 0;
}

void inet_socket(struct call *call)
{
	int type = (int)call->args[1] & 0xf, b = -1, rc;
	struct fdnet_node_req req = {
		.op = FDNET_NODE_NEW,
		.family = (int)call->args[0] == AF_INET6 ? 6 : 4,
		.type = (uint8_t)type,
		.proto = (uint16_t)call->args[2],
		.sock_flags = FDNET_NODE_PLAIN |
			      (type == SOCK_STREAM ? 0 : FDNET_NODE_FRAMED),
	};

	if ((int)call->args[1] & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK) ||
	    type > SOCK_PACKET || !type) {
		call_reply(call, -EINVAL);
		return;
	}
	if (type > SOCK_RAW) {
		call_reply(call, -ESOCKTNOSUPPORT);
		return;
	}
	if ((int)call->args[2] < 0 || (int)call->args[2] >= IPPROTO_MAX) {
		call_reply(call, -EINVAL);
		return;
	}
	if (!req.proto)
		req.proto = type == SOCK_STREAM ? IPPROTO_TCP :
			    type == SOCK_DGRAM	? IPPROTO_UDP :
						  0;
	rc = inet_make_pair(type == SOCK_STREAM,
			    (int)call->args[1] & SOCK_NONBLOCK, &call->fd, &b,
			    &call->cookie);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	call->kind = (struct kind){
		.cookie = call->cookie,
		.family = req.family,
		.type = (uint8_t)type,
		.framed = req.sock_flags & FDNET_NODE_FRAMED,
	};
	call_ask(call, &req, b, socket_made);
	close(b);
}

/*
 * Until it is connected it must not be writable, or whoever polls for the
 * outcome sees one at once. The relay throws this away.
 */
static void fill(int fd)
{
	static const char junk[FILLING];

	while (send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		continue;
}

/* ---- connect() ---- */

static void renew(struct call *call);

static void connected(struct call *call, const struct fdnet_node_ans *ans)
{
	struct kind *kind = kind_find(call->sup, call->cookie);

	/* a socket that the relay does not know is an AF_UNIX one */
	if (ans->error == ENOENT) {
		call_reply(call, call->name.ip.family ? -EAFNOSUPPORT :
							-EINVAL);
		return;
	}
	if (ans->error == ESTALE && !call->replaces) {
		renew(call);
		return;
	}
	if (kind && kind->type != SOCK_STREAM) {
		if (!ans->error)
			kind->framed = !call->name.ip.family;
	} else if (kind && (!ans->error || ans->error == EISCONN)) {
		kind->begun = call->name.ip.family;
	}
	if (call->replaces)
		call_reply_in_place(call, -(int)ans->error);
	else
		call_reply(call, -(int)ans->error);
}

static void ask_connect(struct call *call);

static void connect_learned(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error) {
		connected(call, ans);
		return;
	}
	kind_learn(call, ans);
	ask_connect(call);
}

static void ask_connect(struct call *call)
{
	struct fdnet_node_req names = {.op = FDNET_NODE_NAMES};
	struct fdnet_node_req req = {
		.op = FDNET_NODE_CONNECT,
		.name = call->name,
		.flags = FDNET_NODE_UNFRAME,
	};

	if (call->unix_type != SOCK_STREAM) {
		call_ask(call, &req, -1, connected);
		return;
	}
	req.flags = 0;
	if (call_is_nonblocking(call, 0)) {
		struct kind *kind = kind_find(call->sup, call->cookie);

		if (!kind) { /* so many are there that it was forgotten */
			call_ask(call, &names, -1, connect_learned);
			return;
		}
		/* to one that is connected it would be data */
		if (!kind->listening && !kind->begun)
			fill(call->fd);
		kind->begun = true;
		req.flags = FDNET_NODE_NONBLOCK;
	}
	call_ask(call, &req, -1, connected);
	/* a call that has ended is not freed before the round is over */
	if (!req.flags)
		call->ask_deadline_ms = 0;
}

/*
 * A pair has one life, a socket may connect again after it has failed: it gets
 * a new pair, and the caller a new descriptor in the place of the old one.
 * Copies that it has made of that, and sets that it is in, keep the old.
 */
static void renewed(struct call *call, const struct fdnet_node_ans *ans)
{
	uint64_t cookie = call->cookie;
	struct kind *old = kind_find(call->sup, cookie), kind;
	socklen_t len = sizeof(call->cookie);

	if (ans->error) {
		call_reply(call, -(int)ans->error);
		return;
	}
	close(call->fd);
	call->fd = call->spare_fd;
	call->spare_fd = -1;
	call->replaces = cookie;
	getsockopt(call->fd, SOL_SOCKET, SO_COOKIE, &call->cookie, &len);
	if (old) {
		kind = *old;
		kind.cookie = call->cookie;
		kind.begun = false;
		kind_put(call->sup, &kind);
	}
	ask_connect(call);
}

static void renew(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_RENEW};
	int nonblock = call_is_nonblocking(call, 0) ? SOCK_NONBLOCK : 0;
	int b, rc;

	rc = inet_make_pair(true, nonblock, &call->spare_fd, &b, &req.renewed);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	call_ask(call, &req, b, renewed);
	close(b);
}

/* As the kernel: the state is looked at before the address. */
static void bad_name_learned(struct call *call,
			     const struct fdnet_node_ans *ans)
{
	long rc = call->connect_error;

	if (!ans->error &&
	    ans->state & (FDNET_NODE_LISTENING | FDNET_NODE_CONNECTED))
		rc = -EISCONN;
	else if (!ans->error && ans->state & FDNET_NODE_CONNECTING)
		rc = -EALREADY;
	call_reply(call, rc);
}

void handle_connect(struct call *call)
{
	struct fdnet_node_req names = {.op = FDNET_NODE_NAMES};
	struct sockaddr_storage sa;
	socklen_t len;
	int rc;

	rc = sockaddr_read(call, call->args[1], call->args[2], &sa, &len);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	if (!inet_take_socket(call))
		return;
	if (len >= sizeof(sa.ss_family) &&
	    (sa.ss_family == AF_UNIX || udgram_find(call->sup, call->cookie))) {
		unix_connect(call, &sa, len);
		return;
	}
	if (len >= sizeof(sa.ss_family) && sa.ss_family == AF_NETLINK &&
	    netlink_find(call->sup, call->cookie)) {
		call_reply(call, 0);
		return;
	}
	rc = sockaddr_to_name(&sa, len, &call->name);
	if (rc == 0) {
		ask_connect(call);
	} else if (len < sizeof(sa.ss_family) ||
		   call->unix_type != SOCK_STREAM) {
		call_reply(call, rc);
	} else {
		call->connect_error = rc;
		call_ask(call, &names, -1, bad_name_learned);
	}
}

/* ---- bind(), listen() ---- */

static void bound(struct call *call, const struct fdnet_node_ans *ans)
{
	call_reply(call, ans->error == ENOENT ? -EINVAL : -(int)ans->error);
}

void handle_bind(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_BIND};
	struct sockaddr_storage sa;
	struct kind *kind;
	socklen_t len;
	int rc;

	rc = sockaddr_read(call, call->args[1], call->args[2], &sa, &len);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	if (!inet_take_socket(call))
		return;
	if (len >= sizeof(sa.ss_family) && sa.ss_family == AF_UNIX) {
		unix_bind(call, &sa, len);
		return;
	}
	if (netlink_find(call->sup, call->cookie)) {
		call_reply(call, sa.ss_family == AF_NETLINK ? 0 : -EINVAL);
		return;
	}
	rc = sockaddr_to_name(&sa, len, &req.name);
	kind = kind_find(call->sup, call->cookie);
	/* as the kernel: all zero is any address */
	if (rc == 0 && !req.name.ip.family) {
		req.name.ip.family = kind ? kind->family : 4;
		if (req.name.ip.family == 6)
			rc = -EAFNOSUPPORT;
	}
	if (rc < 0)
		call_reply(call, rc);
	else
		call_ask(call, &req, -1, bound);
}

static void listening(struct call *call, const struct fdnet_node_ans *ans)
{
	struct kind *kind = kind_find(call->sup, call->cookie);

	if (ans->error == ENOENT) {
		unix_listen(call);
		return;
	}
	/* a listener is never writable; the relay does not read it */
	if (!ans->error && kind && !kind->listening) {
		kind->listening = true;
		fill(call->fd);
	}
	call_reply(call, -(int)ans->error);
}

void handle_listen(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_LISTEN,
		.arg = (int)call->args[1] < 0 ? 4096 : (uint32_t)call->args[1],
	};

	if (inet_take_socket(call))
		call_ask(call, &req, -1, listening);
}

/* ---- shutdown() ---- */

static void shut(struct call *call, const struct fdnet_node_ans *ans)
{
	call_reply(call, -(int)ans->error);
}

static void shutdown_learned(struct call *call,
			     const struct fdnet_node_ans *ans)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_SHUTDOWN,
		.arg = (uint32_t)call->args[1],
	};

	if (ans->error == ENOENT) {
		call_continue(call, "an AF_UNIX socket is shut down");
	} else if (ans->error) {
		call_reply(call, -(int)ans->error);
	} else if (ans->state & FDNET_NODE_CONNECTED) {
		call_continue(call, "a pair's end is shut down");
	} else if (ans->type == SOCK_STREAM) {
		call_ask(call, &req, -1, shut);
	} else {
		/* as the kernel: it is done, and yet an error */
		shutdown(call->fd, (int)call->args[1]);
		call_reply(call, -ENOTCONN);
	}
}

void handle_shutdown(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	int rc = call_take_fd(call, (int)call->args[0]);

	if (rc == 0 && (int)call->args[1] >> 2)
		rc = -EINVAL;
	if (rc == 0 && (call->args[1] & 3) == 3)
		rc = -EINVAL;
	if (rc == -ESOCKTNOSUPPORT)
		call_continue(call, "what --inherit gave is shut down");
	else if (rc < 0)
		call_reply(call, rc);
	else if (netlink_find(call->sup, call->cookie))
		call_reply(call, -EOPNOTSUPP);
	else
		call_ask(call, &req, -1, shutdown_learned);
}
