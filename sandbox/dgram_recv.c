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
 * What stands beside a datagram (relay/nametag.h), all zero if nothing does.
 * The other end of the pair may be anybody's, and so the fd be anything: only a
 * memfd is read, which never makes us wait.
 */
static void read_tag(struct msghdr *msg, struct fdnet_node_tag *ret_tag)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	uint8_t bytes[FDNET_NODE_TAG_LEN + 1];
	ssize_t len;
	int fd;

	memset(ret_tag, 0, sizeof(*ret_tag));
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	len = fcntl(fd, F_GET_SEALS) < 0 ? -1 :
					   pread(fd, bytes, sizeof(bytes), 0);
	if (len > 0)
		fdnet_node_tag_decode(bytes, (size_t)len, ret_tag);
	close(fd);
}

/* A message on the caller's socket, whole, and what stands beside it. */
static ssize_t receive(const struct call *call, uint8_t *room, size_t size,
		       int flags, struct fdnet_node_tag *ret_tag)
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
	read_tag(&msg, ret_tag);
	if (!ret_tag->from.ip.family)
		ret_tag->from = call->name;
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
		    const struct fdnet_node_tag *tag, const uint8_t *data,
		    size_t len)
{
	uint8_t room[MESSAGE_CONTROL_MAX] __attribute__((aligned(8)));
	struct fdnet_node_cmsg control;
	struct sockaddr_storage sa;
	socklen_t sa_len = sender(call, &tag->from, &sa);
	ssize_t given, told;
	int rc;

	given = message_scatter(call, message, data, len);
	if (given < 0)
		return given;
	message_begin_control(message, room, &control);
	fdnet_node_cmsg_tag(&control, call->kind.family, tag);
	rc = message_set_from(call, message, &sa, sa_len, &control,
			      (size_t)given < len ? MSG_TRUNC : 0);
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
	struct fdnet_node_tag tag;
	struct message message;
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
	rc = receive(call, room, sizeof(room), message.flags & MSG_PEEK, &tag);
	return rc < 0 ? rc : give(call, &message, &tag, room, (size_t)rc);
}

/* ---- the error queue ---- */

static ssize_t give_error(struct call *call, const uint8_t *value, size_t len)
{
	uint8_t room[MESSAGE_CONTROL_MAX] __attribute__((aligned(8)));
	struct sockaddr_storage offender, about;
	struct fdnet_node_cmsg control;
	struct fdnet_sock_error err;
	struct message message;
	socklen_t name_len;
	ssize_t rc, given;

	if (fdnet_node_error_decode(value, len, &err) < 0)
		return -EAGAIN;
	rc = message_read(call, 0, &message);
	if (rc < 0)
		return rc;
	value += FDNET_NODE_ERROR_LEN;
	len -= FDNET_NODE_ERROR_LEN;
	given = message_scatter(call, &message, value, len);
	if (given < 0)
		return given;
	message_begin_control(&message, room, &control);
	name_len = sockaddr_from_name(&offender, call->kind.family,
				      &err.offender);
	fdnet_node_cmsg_error(&control, call->kind.family, &err, &offender,
			      name_len);
	rc = message_set_from(call, &message, &about,
			      sockaddr_from_name(&about, call->kind.family,
						 &err.about),
			      &control,
			      MSG_ERRQUEUE |
				      ((size_t)given < len ? MSG_TRUNC : 0));
	if (rc == 0)
		rc = message_set_count(call, 0, (size_t)given);
	if (rc == 0 && call->nr == SYS_recvmmsg)
		return 1;
	return rc < 0 ? rc : given;
}

static void error_got(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error)
		call_reply(call, -(int)ans->error);
	else
		call_reply(call, give_error(call, ans->value, ans->len));
}

static bool wants_error(const struct call *call)
{
	int flags = (int)call->args[call->nr == SYS_recvmsg ? 2 : 3];

	return flags & MSG_ERRQUEUE && message_limit(call) &&
	       !netlink_find(call->sup, call->cookie);
}

void dgram_receive(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_ERRQUEUE};
	unsigned int limit = message_limit(call);
	struct timespec limits;
	ssize_t rc = 0;

	/* a datagram taken for a caller that has gone would be lost */
	if (!call_is_valid(call)) {
		call_reply(call, -ESRCH);
		return;
	}
	if (!call->index && call->nr == SYS_recvmmsg && call->args[4]) {
		rc = call_read(call, call->args[4], &limits, sizeof(limits));
		if (rc == 0 && (limits.tv_sec < 0 || limits.tv_nsec < 0 ||
				limits.tv_nsec >= 1000000000))
			rc = -EINVAL;
		if (rc < 0) {
			call_reply(call, rc);
			return;
		}
	}
	if (wants_error(call)) {
		call_ask(call, &req, -1, error_got);
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
