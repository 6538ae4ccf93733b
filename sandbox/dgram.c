/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data calls that name an address. On framed datagram sockets the address is
 * in front of the data that is sent, and beside that which is received
 * (doc/handover.md), so these are made for the caller; on all others, and
 * without an address, they are the kernel's.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/message.h"
#include "sandbox/udgram.h"

#define HEAD FDNET_NODE_NAME_LEN

static bool is_send(const struct call *call)
{
	return call->nr == SYS_sendto || call->nr == SYS_sendmsg ||
	       call->nr == SYS_sendmmsg;
}

/* ---- one message: its name and its bytes, with a frame ---- */

static int read_name(struct call *call, const struct message *message)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int rc;

	if (!message->name)
		return -EDESTADDRREQ;
	rc = sockaddr_read(call, message->name, message->name_len, &sa, &len);
	if (rc == 0)
		rc = sockaddr_to_name(&sa, len, &call->name);
	if (rc == 0 && !call->name.ip.family)
		rc = -EDESTADDRREQ;
	if (rc == 0 && !call->name.port && call->kind.type == SOCK_DGRAM)
		rc = -EINVAL;
	return rc;
}

static int gather(struct call *call, const struct message *message)
{
	int family = call->name.ip.family ? call->name.ip.family :
					    call->kind.family;
	ssize_t len = message_len(message);

	if (len < 0)
		return (int)len;
	/* what fits behind the largest IP and UDP headers */
	if (len > (family == 4 ? 65507 : 65527))
		return -EMSGSIZE;
	call->len = HEAD + (size_t)len;
	call->data = malloc(call->len);
	if (!call->data)
		return -ENOMEM;
	fdnet_node_name_encode(call->data, &call->name);
	return message_gather(call, message, call->data + HEAD);
}

static int read_control(struct call *call, const struct message *message)
{
	struct fdnet_msg msg = {.ttl = -1, .tos = -1};
	int rc = message_read_control(call, message, &msg);

	call->from = msg.local;
	call->ttl1 = (uint16_t)(msg.ttl + 1);
	call->tos1 = (uint16_t)(msg.tos + 1);
	call->gso = msg.gso_size;
	return rc;
}

/* Does it ask for something that its frame has no room for? */
static bool asks(const struct call *call)
{
	return call->from.ip.family || call->ttl1 || call->tos1 || call->gso;
}

static int prepare(struct call *call, const struct message *message)
{
	int rc;

	call->flags = message->flags;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	rc = read_name(call, message);
	if (rc == 0)
		rc = read_control(call, message);
	return rc < 0 ? rc : gather(call, message);
}

/* ---- to where the socket is not connected ---- */

static void sent(struct call *call, const struct fdnet_node_ans *ans)
{
	long len = (long)(call->len - HEAD);
	int rc = ans->error == ENOENT ? -ENETDOWN : -(int)ans->error;

	/* of several messages the first is a valid answer */
	if (rc == 0 && call->nr == SYS_sendmmsg) {
		rc = message_set_count(call, 0, (size_t)len);
		len = 1;
	}
	call_reply(call, rc < 0 ? rc : len);
}

/*
 * By the relay's own call, with an answer: A carries what goes to the peer,
 * and leave to broadcast is asked for there.
 */
static void send_elsewhere(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_SEND,
		.name = call->name,
		.from = call->from,
		.ttl1 = call->ttl1,
		.tos1 = call->tos1,
		.gso = call->gso,
		.bytes = (uint32_t)(call->len - HEAD),
	};
	int fd = memfd_create("datagram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0) {
		call_reply(call, -ENOBUFS);
		return;
	}
	if (pwrite(fd, call->data + HEAD, req.bytes, 0) != (ssize_t)req.bytes)
		call_reply(call, -ENOBUFS);
	else
		call_ask(call, &req, fd, sent);
	close(fd);
}

static bool is_broadcast(const struct fdnet_name *name)
{
	static const uint8_t all[4] = {255, 255, 255, 255};

	return name->ip.family == 4 && !memcmp(name->ip.bytes, all, 4);
}

/* ---- send ---- */

static void try_send(struct call *call);

/* False: the call has ended, or waits. */
static bool send_one(struct call *call)
{
	ssize_t rc;

	rc = send(call->fd, call->data, call->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (rc >= 0)
		return true;
	if (call->index) /* some are sent: that is the answer */
		call_reply(call, call->index);
	else if (errno == EAGAIN && !call->timed_out &&
		 !call_is_nonblocking(call, call->flags))
		call_wait(call, EPOLLOUT, 0, try_send);
	else
		call_reply(call, errno == EPIPE ? -ENETDOWN : -errno);
	return false;
}

/* The next message, unless it is one that waited. */
static int prepare_next(struct call *call)
{
	struct message message;
	int rc;

	if (call->data)
		return 0;
	rc = message_read(call, call->index, &message);
	return rc < 0 ? rc : prepare(call, &message);
}

static void try_send(struct call *call)
{
	unsigned int limit = message_limit(call);
	size_t len = 0;
	int rc = 0;

	while (rc == 0 && call->index < limit) {
		rc = prepare_next(call);
		if (rc < 0)
			break;
		/* one at a time: fewer than all is a valid answer */
		if (call->index && asks(call))
			break;
		if (!call->index && (is_broadcast(&call->name) || asks(call))) {
			send_elsewhere(call);
			return;
		}
		if (!send_one(call))
			return;
		len = call->len - HEAD;
		free(call->data);
		call->data = NULL;
		rc = message_set_count(call, call->index++, len);
	}
	if (call->index && call->nr == SYS_sendmmsg)
		call_reply(call, call->index);
	else
		call_reply(call, rc < 0 ? rc : (long)len);
}

/* On a socket that is connected, or is not ours to frame. */
static void send_bare(struct call *call)
{
	struct message message;
	int rc;

	rc = message_limit(call) ? message_read(call, 0, &message) : -EAGAIN;
	if (rc == -EAGAIN) {
		call_reply(call, 0);
		return;
	}
	if (rc == 0 && !message.name) {
		rc = read_control(call, &message);
		if (rc == 0 && !asks(call)) {
			call_continue(call, "a datagram moves on a pair's end, "
					    "which takes no address");
			return;
		}
		memset(&call->name, 0, sizeof(call->name));
		if (rc == 0)
			rc = gather(call, &message);
	} else if (rc == 0) {
		rc = prepare(call, &message);
	}
	if (rc < 0)
		call_reply(call, rc);
	else
		send_elsewhere(call);
}

/* ---- which of them ---- */

static void learned(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error == ENOENT && call->nr == SYS_sendto) {
		call_reply(call, -EISCONN);
		return;
	}
	if (ans->error == ENOENT) {
		call_continue(call, "data moves on an AF_UNIX stream or "
				    "SEQPACKET socket, which takes no address");
		return;
	}
	if (ans->error) {
		call_reply(call, -(int)ans->error);
		return;
	}
	kind_learn(call, ans);
	call->name = ans->peer;
	if (call->kind.type == SOCK_STREAM)
		call_continue(call, "bytes move on a pair's end");
	else if (!is_send(call))
		dgram_receive(call);
	else if (call->kind.framed)
		try_send(call);
	else
		send_bare(call);
}

static void handle_netlink(struct call *call)
{
	if (is_send(call))
		call_continue(call, "a request moves on a SEQPACKET end, which "
				    "ignores names");
	else
		dgram_receive(call);
}

static void handle_data(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	struct udgram *udgram;
	struct kind *kind;
	int rc;

	rc = call_take_fd(call, (int)call->args[0]);
	if (rc == -ESOCKTNOSUPPORT) {
		/* its address may not be chosen anew */
		if (call->nr == SYS_sendto)
			call_reply(call, -EPERM);
		else
			call_continue(call, "data moves on what --inherit gave");
		return;
	}
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	if (netlink_find(call->sup, call->cookie)) {
		handle_netlink(call);
		return;
	}
	udgram = udgram_find(call->sup, call->cookie);
	if (udgram) {
		if (is_send(call))
			udgram_send(call, udgram);
		else
			udgram_receive(call, udgram);
		return;
	}
	kind = kind_find(call->sup, call->cookie);
	if (kind && kind->type == SOCK_STREAM && call->nr != SYS_sendto) {
		call_continue(call, "bytes move on a pair's end");
		return;
	}
	if (kind && kind->framed) {
		call->kind = *kind;
		if (is_send(call))
			try_send(call);
		else
			dgram_receive(call);
		return;
	}
	/* its peer's name is needed, or what it is */
	call_ask(call, &req, -1, learned);
}

void handle_send(struct call *call)
{
	handle_data(call);
}

void handle_recv(struct call *call)
{
	handle_data(call);
}
