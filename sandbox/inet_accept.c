/* SPDX-License-Identifier: Apache-2.0 */
/* accept(): what a listener's pair carries is a connection each. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <utlist.h>

#include "sandbox/notify.h"

static void try_accept(struct call *call);

static void accept_learned(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error) {
		call_reply(call, ans->error == ENOENT ? -EINVAL :
							-(int)ans->error);
		return;
	}
	kind_learn(call, ans);
	if (call->kind.type != SOCK_STREAM)
		call_reply(call, -EOPNOTSUPP);
	else if (!call->kind.listening)
		call_reply(call, -EINVAL);
	else
		try_accept(call);
}

/* Returns the new A, or a negative errno. */
static int receive_accepted(struct call *call, struct fdnet_name *ret_peer)
{
	uint8_t frame[FDNET_NODE_ACCEPTED_LEN], token[FDNET_NODE_TOKEN_LEN];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {frame, sizeof(frame)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *cmsg;
	ssize_t len;
	int fd = -1;

	len = recvmsg(call->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	/* a listener that was shut down has its end closed, with what filled it */
	if (len < 0)
		return errno == ECONNRESET ? -EINVAL : -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	if (len != sizeof(frame) || fd < 0 ||
	    fdnet_node_name_decode(frame + FDNET_NODE_NAME_LEN, ret_peer) < 0) {
		if (fd >= 0)
			close(fd);
		/* the end: it was shut down, or the relay has gone */
		return -EINVAL;
	}
	recv(fd, token, sizeof(token), MSG_DONTWAIT);
	return fd;
}

static uint64_t receive_timeout_ms(const struct call *call)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	getsockopt(call->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

/* Whoever has waited longest is first, as with the kernel: it is not the
 * same process again and again that has just come back. */
static void accept_in_turn(struct call *call)
{
	struct call *first;

	DL_FOREACH(call->sup->calls, first)
		if (first->ready == accept_in_turn && first->watch.fd >= 0 &&
		    first->cookie == call->cookie && call_is_valid(first))
			break;
	if (first && !call->timed_out) {
		watch_remove(call->sup->loop, &first->watch);
		try_accept(first);
		call_wait(call, EPOLLIN, 0, accept_in_turn);
	} else {
		try_accept(call);
	}
}

static void try_accept(struct call *call)
{
	int flags = call->nr == SYS_accept4 ? (int)call->args[3] : 0;
	struct kind kind = {.type = SOCK_STREAM,
			    .family = call->kind.family,
			    .begun = true};
	socklen_t len = sizeof(kind.cookie), sa_len;
	struct sockaddr_storage sa;
	struct fdnet_name peer;
	int fd, rc;

	/* a connection taken for a caller that has gone would be lost */
	if (!call_is_valid(call)) {
		call_reply(call, -ESRCH);
		return;
	}
	fd = receive_accepted(call, &peer);
	if (fd == -EAGAIN && !call_is_nonblocking(call, 0) && !call->timed_out) {
		call_wait(call, EPOLLIN, receive_timeout_ms(call),
			  accept_in_turn);
		return;
	}
	if (fd < 0) {
		call_reply(call, fd);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &kind.cookie, &len) == 0)
		kind_put(call->sup, &kind);
	if (flags & SOCK_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	sa_len = sockaddr_from_name(&sa, call->kind.family, &peer);
	rc = call->args[1] ? sockaddr_write(call, call->args[1], call->args[2],
					    &sa, sa_len) :
			     0;
	if (rc < 0) {
		close(fd);
		call_reply(call, rc);
		return;
	}
	call_reply_fd(call, fd, flags & SOCK_CLOEXEC);
}

void handle_accept(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	int flags = call->nr == SYS_accept4 ? (int)call->args[3] : 0;
	int listens = 0;
	socklen_t len = sizeof(listens);
	struct kind *kind;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		call_reply(call, -EINVAL);
		return;
	}
	if (!inet_take_socket(call))
		return;
	/* no end of a pair listens */
	getsockopt(call->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	if (listens) {
		unix_accept(call);
		return;
	}
	kind = kind_find(call->sup, call->cookie);
	if (kind && kind->listening) {
		call->kind = *kind;
		try_accept(call);
		return;
	}
	call_ask(call, &req, -1, accept_learned);
}
