/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data calls that name an address. On framed datagram sockets the address is
 * in front of the data (doc/handover.md), so these are made for the caller;
 * on all others they are the kernel's.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sandbox/notify.h"

#define HEAD FDNET_NODE_NAME_LEN

/* One message of the caller's, its pointers read once. */
struct message {
	uint64_t name, name_len_at; /* recv: where the length is written */
	uint32_t name_len;
	struct iovec iov[IOV_MAX];
	size_t iov_count;
	uint64_t header; /* struct msghdr, or 0 */
	uint64_t count;	 /* struct mmsghdr's msg_len, or 0 */
	int flags;
};

/* Bytes of the vector, or -EINVAL, -EMSGSIZE. */
static ssize_t vector_len(const struct message *message)
{
	size_t sum = 0, i;

	for (i = 0; i < message->iov_count; i++) {
		if (message->iov[i].iov_len > SSIZE_MAX - sum)
			return -EINVAL;
		sum += message->iov[i].iov_len;
	}
	return (ssize_t)sum;
}

static int read_header(struct call *call, uint64_t addr,
		       struct message *message)
{
	struct msghdr msg;
	int rc;

	rc = call_read(call, addr, &msg, sizeof(msg));
	if (rc < 0)
		return rc;
	if (msg.msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	message->header = addr;
	message->name = (uintptr_t)msg.msg_name;
	message->name_len = msg.msg_namelen;
	message->name_len_at = addr + offsetof(struct msghdr, msg_namelen);
	message->iov_count = msg.msg_iovlen;
	return call_read(call, (uintptr_t)msg.msg_iov, message->iov,
			 msg.msg_iovlen * sizeof(*message->iov));
}

static int read_message(struct call *call, struct message *message)
{
	int rc;

	memset(message, 0, offsetof(struct message, iov));
	message->header = message->count = 0;
	message->iov_count = 0;
	switch (call->nr) {
	case SYS_sendto:
	case SYS_recvfrom:
		message->iov[0] = (struct iovec){
			(void *)(uintptr_t)call->args[1], call->args[2]};
		message->iov_count = 1;
		message->flags = (int)call->args[3];
		message->name = call->args[4];
		message->name_len = (uint32_t)call->args[5];
		message->name_len_at = call->args[5];
		return 0;
	case SYS_sendmsg:
	case SYS_recvmsg:
		message->flags = (int)call->args[2];
		return read_header(call, call->args[1], message);
	default: /* of several messages the first is a valid answer */
		if (!call->args[2])
			return -EAGAIN;
		message->flags = (int)call->args[3];
		rc = read_header(call, call->args[1], message);
		message->count =
			call->args[1] + offsetof(struct mmsghdr, msg_len);
		return rc;
	}
}

/* The answer for @len bytes: the calls for several messages count them. */
static void reply_count(struct call *call, const struct message *message,
			size_t len)
{
	uint32_t count = (uint32_t)len;
	int rc = 0;

	if (!message->count) {
		call_reply(call, (long)len);
		return;
	}
	rc = call_write(call, message->count, &count, sizeof(count));
	call_reply(call, rc < 0 ? rc : 1);
}

/* ---- send ---- */

static void try_send(struct call *call)
{
	struct message message;
	ssize_t rc;

	rc = send(call->fd, call->data, call->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (rc < 0 && errno == EAGAIN && !call->timed_out &&
	    !call_is_nonblocking(call, (int)call->kind.listening)) {
		call_wait(call, EPOLLOUT, 0, try_send);
		return;
	}
	if (rc < 0) {
		call_reply(call, errno == EPIPE ? -ENETDOWN : -errno);
		return;
	}
	memset(&message, 0, offsetof(struct message, iov));
	message.count = call->nr == SYS_sendmmsg ?
				call->args[1] +
					offsetof(struct mmsghdr, msg_len) :
				0;
	reply_count(call, &message, call->len - HEAD);
}

static int gather(struct call *call, const struct message *message)
{
	ssize_t len = vector_len(message);
	size_t i, at = HEAD;
	int rc = 0;

	if (len < 0)
		return (int)len;
	/* what fits behind the largest IP and UDP headers */
	if (len > (call->name.ip.family == 4 ? 65507 : 65527))
		return -EMSGSIZE;
	call->len = HEAD + (size_t)len;
	call->data = malloc(call->len);
	if (!call->data)
		return -ENOMEM;
	fdnet_node_name_encode(call->data, &call->name);
	for (i = 0; rc == 0 && i < message->iov_count; i++) {
		rc = call_read(call, (uintptr_t)message->iov[i].iov_base,
			       call->data + at, message->iov[i].iov_len);
		at += message->iov[i].iov_len;
	}
	return rc;
}

static void send_framed(struct call *call)
{
	struct sockaddr_storage sa;
	struct message message;
	socklen_t len;
	int rc;

	rc = read_message(call, &message);
	if (rc == 0 && message.flags & MSG_OOB)
		rc = -EOPNOTSUPP;
	if (rc == 0 && !message.name)
		rc = -EDESTADDRREQ;
	if (rc == 0)
		rc = sockaddr_read(call, message.name, message.name_len, &sa,
				   &len);
	if (rc == 0)
		rc = sockaddr_to_name(&sa, len, &call->name);
	if (rc == 0 && !call->name.ip.family)
		rc = -EDESTADDRREQ;
	if (rc == 0)
		rc = gather(call, &message);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	/* only the flag is needed further on */
	call->kind.listening = message.flags & MSG_DONTWAIT;
	try_send(call);
}

/* ---- receive ---- */

static ssize_t scatter(struct call *call, const struct message *message,
		       const uint8_t *data, size_t len)
{
	size_t i, at = 0, part;
	int rc = 0;

	for (i = 0; rc == 0 && at < len && i < message->iov_count; i++) {
		part = message->iov[i].iov_len;
		if (part > len - at)
			part = len - at;
		rc = call_write(call, (uintptr_t)message->iov[i].iov_base,
				data + at, part);
		at += part;
	}
	return rc < 0 ? rc : (ssize_t)at;
}

/* msg_namelen, msg_controllen and msg_flags, of which only the name's is not
 * always nothing. */
static int write_header(struct call *call, const struct message *message,
			const struct sockaddr_storage *sa, socklen_t len,
			bool cut)
{
	size_t zero = 0;
	int flags = cut ? MSG_TRUNC : 0, rc = 0;
	socklen_t room = message->name_len;

	if (!message->header)
		return sockaddr_write(call, message->name,
				      message->name_len_at, sa, len);
	if (message->name) {
		rc = call_write(call, message->name, sa,
				room < len ? room : len);
		if (rc == 0)
			rc = call_write(call, message->name_len_at, &len,
					sizeof(len));
	}
	if (rc == 0)
		rc = call_write(call,
				message->header +
					offsetof(struct msghdr, msg_controllen),
				&zero, sizeof(zero));
	if (rc == 0)
		rc = call_write(call,
				message->header +
					offsetof(struct msghdr, msg_flags),
				&flags, sizeof(flags));
	return rc;
}

static socklen_t sender(struct call *call, const uint8_t **data, size_t *len,
			struct sockaddr_storage *sa)
{
	struct netlink *netlink = netlink_find(call->sup, call->cookie);
	struct fdnet_name name = call->name;

	if (netlink)
		return netlink_name(netlink, true, sa);
	if (call->kind.framed) {
		if (*len < HEAD || fdnet_node_name_decode(*data, &name) < 0)
			return 0;
		*data += HEAD;
		*len -= HEAD;
	}
	return sockaddr_from_name(sa, call->kind.family, &name);
}

static void give_datagram(struct call *call, const struct message *message,
			  const uint8_t *data, size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sender(call, &data, &len, &sa);
	ssize_t given;
	int rc;

	given = scatter(call, message, data, len);
	if (given < 0) {
		call_reply(call, given);
		return;
	}
	rc = write_header(call, message, &sa, sa_len, (size_t)given < len);
	if (rc < 0)
		call_reply(call, rc);
	else
		reply_count(call, message,
			    message->flags & MSG_TRUNC ? len : (size_t)given);
}

static uint64_t timeout_ms(const struct call *call)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	getsockopt(call->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

static void try_receive(struct call *call)
{
	/* one thread, and used up before the next call is looked at */
	static uint8_t room[CALL_DATA_MAX];
	struct message message;
	ssize_t len;
	int rc;

	rc = read_message(call, &message);
	if (rc == 0 && message.flags & (MSG_OOB | MSG_ERRQUEUE))
		rc = -EAGAIN;
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	len = recv(call->fd, room, sizeof(room),
		   MSG_DONTWAIT | (message.flags & MSG_PEEK));
	if (len < 0 && errno == EAGAIN && !call->timed_out &&
	    !call_is_nonblocking(call, message.flags)) {
		call_wait(call, EPOLLIN, timeout_ms(call), try_receive);
		return;
	}
	if (len < 0)
		call_reply(call, -errno);
	else
		give_datagram(call, &message, room, (size_t)len);
}

/* ---- which of them ---- */

static void learned(struct call *call, const struct fdnet_node_ans *ans)
{
	bool sends = call->nr == SYS_sendto || call->nr == SYS_sendmsg ||
		     call->nr == SYS_sendmmsg;

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
	call->kind = (struct kind){
		.cookie = call->cookie,
		.family = ans->family,
		.type = ans->type,
		.framed = ans->state & FDNET_NODE_IS_FRAMED,
		.listening = ans->state & FDNET_NODE_LISTENING,
	};
	kind_put(call->sup, &call->kind);
	call->name = ans->peer;
	if (call->kind.type == SOCK_STREAM)
		call_continue(call, "bytes move on a pair's end");
	else if (!sends)
		try_receive(call);
	else if (call->kind.framed)
		send_framed(call);
	else if (call->nr == SYS_sendto)
		call_reply(call, -EISCONN);
	else
		call_continue(call, "a datagram moves on a pair's end, which "
				    "takes no address");
}

static void handle_data(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	bool sends = call->nr == SYS_sendto || call->nr == SYS_sendmsg ||
		     call->nr == SYS_sendmmsg;
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
		if (!sends)
			try_receive(call);
		else
			call_continue(call, "a request moves on a SEQPACKET "
					    "end, which ignores names");
		return;
	}
	kind = kind_find(call->sup, call->cookie);
	if (kind && kind->type == SOCK_STREAM && call->nr != SYS_sendto) {
		call_continue(call, "bytes move on a pair's end");
		return;
	}
	if (kind && kind->framed) {
		call->kind = *kind;
		if (sends)
			send_framed(call);
		else
			try_receive(call);
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
