/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams for who asks whom they are from; see dgram.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "sandbox/message.h"

/*
 * The name beside a datagram (relay/nametag.h), family 0 if there is none. The
 * other end of the pair may be anybody's, and so the fd be anything: only a
 * memfd is read, which never makes us wait.
 */
static void read_tag(struct msghdr *msg, struct fdnet_name *ret_name)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	uint8_t bytes[FDNET_NODE_NAME_LEN];
	int fd;

	memset(ret_name, 0, sizeof(*ret_name));
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	if (fcntl(fd, F_GET_SEALS) < 0 ||
	    pread(fd, bytes, sizeof(bytes), 0) != sizeof(bytes) ||
	    fdnet_node_name_decode(bytes, ret_name) < 0)
		memset(ret_name, 0, sizeof(*ret_name));
	close(fd);
}

/* A message on the caller's socket, whole, and whom it is from. */
static ssize_t receive(const struct call *call, uint8_t *room, size_t size,
		       int flags, struct fdnet_name *ret_from)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {room, size};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t len;

	len = recvmsg(call->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags);
	if (len < 0)
		return -errno;
	read_tag(&msg, ret_from);
	if (!ret_from->ip.family)
		*ret_from = call->name;
	return len;
}

static socklen_t sender(struct call *call, const struct fdnet_name *from,
			struct sockaddr_storage *sa)
{
	struct netlink *netlink = netlink_find(call->sup, call->cookie);

	memset(sa, 0, sizeof(*sa));
	if (netlink)
		return netlink_name(netlink, true, sa);
	if (!from->ip.family)
		return 0;
	return sockaddr_from_name(sa, call->kind.family, from);
}

/* What the call gives for it, or a negative errno. */
static ssize_t give(struct call *call, const struct message *message,
		    const struct fdnet_name *from, const uint8_t *data,
		    size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sender(call, from, &sa);
	ssize_t given, told;
	int rc;

	given = message_scatter(call, message, data, len);
	if (given < 0)
		return given;
	rc = message_set_from(call, message, &sa, sa_len, (size_t)given < len);
	told = message->flags & MSG_TRUNC ? (ssize_t)len : given;
	if (rc == 0)
		rc = message_set_count(call, call->index, (size_t)told);
	return rc < 0 ? rc : told;
}

static uint64_t timeout_ms(const struct call *call)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	getsockopt(call->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

/* The next message, if it is there. */
static ssize_t receive_one(struct call *call)
{
	/* one thread, and used up before the next call is looked at */
	static uint8_t room[CALL_DATA_MAX];
	struct message message;
	struct fdnet_name from;
	ssize_t rc;

	rc = message_read(call, call->index, &message);
	if (rc < 0)
		return rc;
	call->flags = message.flags;
	if (message.flags & (MSG_OOB | MSG_ERRQUEUE)) {
		/* nothing there is, nor will be */
		call->timed_out = true;
		return -EAGAIN;
	}
	rc = receive(call, room, sizeof(room), message.flags & MSG_PEEK, &from);
	return rc < 0 ? rc : give(call, &message, &from, room, (size_t)rc);
}

void dgram_receive(struct call *call)
{
	unsigned int limit = message_limit(call);
	ssize_t rc = 0;

	/* a datagram taken for a caller that has gone would be lost */
	if (!call_is_valid(call)) {
		call_reply(call, -ESRCH);
		return;
	}
	while (call->index < limit) {
		rc = receive_one(call);
		if (rc < 0)
			break;
		call->index++;
	}
	if (call->index && call->nr == SYS_recvmmsg)
		call_reply(call, call->index);
	else if (rc == -EAGAIN && !call->timed_out &&
		 !call_is_nonblocking(call, call->flags))
		call_wait(call, EPOLLIN, timeout_ms(call), dgram_receive);
	else
		call_reply(call, rc);
}
