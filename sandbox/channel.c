/* SPDX-License-Identifier: Apache-2.0 */
/* The channel to the relay: questions about sockets, and their answers. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utlist.h>

#include "endpoint/link.h"
#include "sandbox/notify.h"
#include "stack/wire/control.h"

/* A relay that does not answer is as good as none. */
#define PATIENCE_MS 10000

static void on_node(struct watch *watch, uint32_t events);

static int send_fd(int channel, const void *data, size_t len, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	return sendmsg(channel, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno
								       : 0;
}

static int attach(struct supervisor *sup, int fd)
{
	uint8_t msg[FDNET_LINK_HDR_LEN + FDNET_ATTACH_LEN];
	struct fdnet_link_hdr hdr = {
		.type = FDNET_LINK_ATTACH,
		.hdr_len = FDNET_ATTACH_LEN,
	};
	struct fdnet_attach body = {
		.version = FDNET_CTL_VERSION,
		.flags = FDNET_ATTACH_NODE,
		.pid = (uint32_t)getpid(),
	};

	fdnet_link_hdr_encode(msg, &hdr);
	fdnet_attach_encode(msg + FDNET_LINK_HDR_LEN, &body);
	return send_fd(sup->setup.attach_fd, msg, sizeof(msg), fd);
}

/* With the first socket: most programs have none that comes here. */
static int open_node(struct supervisor *sup)
{
	int pair[2], size = 1 << 20, rc;

	if (sup->node.fd >= 0)
		return 0;
	if (sup->node_failed)
		return -ENETDOWN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* many questions may be under way, and their answers: the relay ends
	 * a channel that does not take them */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	rc = attach(sup, pair[1]);
	close(pair[1]);
	sup->node = (struct watch){pair[0], on_node};
	if (rc == 0)
		rc = watch_add(sup->loop, &sup->node, EPOLLIN);
	if (rc < 0) {
		close(pair[0]);
		sup->node.fd = -1;
		sup->node_failed = true;
	}
	return rc < 0 ? -ENETDOWN : 0;
}

static bool is_of_network(const struct call *call)
{
	return call->nr == SYS_socket || call->nr == SYS_connect ||
	       call->nr == SYS_bind || kind_find(call->sup, call->cookie);
}

/*
 * Without a relay there is no network any more, but AF_UNIX sockets go on:
 * those that no relay would know. One of its own that we have forgotten
 * passes for such a socket: a pair's end whose other end has gone.
 */
static void unanswered(struct call *call)
{
	static const struct fdnet_node_ans unknown = {.error = ENOENT};

	call->ask_id = 0;
	if (is_of_network(call))
		call_reply(call, -ENETDOWN);
	else
		call->answered(call, &unknown);
}

void call_ask(struct call *call, struct fdnet_node_req *req, int fd,
	      call_answered_fn *answered)
{
	struct supervisor *sup = call->sup;
	uint8_t msg[FDNET_NODE_MAX_LEN];
	int rc;

	rc = open_node(sup);
	if (rc == 0) {
		if (!++sup->next_ask)
			sup->next_ask = 1;
		req->id = sup->next_ask;
		req->cookie = call->cookie;
		rc = send_fd(sup->node.fd, msg,
			     fdnet_node_req_encode(msg, req), fd);
	}
	call->answered = answered;
	if (rc == -EAGAIN) {
		call_reply(call, -ENOBUFS);
	} else if (rc < 0) {
		unanswered(call);
	} else {
		call->ask_id = req->id;
		call->ask_deadline_ms = supervise_now_ms() + PATIENCE_MS;
	}
}

static struct call *asked(struct supervisor *sup, uint32_t id)
{
	struct call *call;

	DL_FOREACH(sup->calls, call)
		if (call->ask_id == id)
			return call;
	return NULL;
}

static void node_lost(struct supervisor *sup)
{
	struct call *call, *next;
	int fd = sup->node.fd;

	watch_remove(sup->loop, &sup->node);
	close(fd);
	sup->node_failed = true;
	DL_FOREACH_SAFE(sup->calls, call, next)
		if (call->ask_id)
			unanswered(call);
}

static void on_node(struct watch *watch, uint32_t events)
{
	struct supervisor *sup =
		(struct supervisor *)((char *)watch -
				      offsetof(struct supervisor, node));
	uint8_t msg[FDNET_NODE_MAX_LEN];
	struct fdnet_node_ans ans;
	struct call *call;
	ssize_t len;

	/* one at a time: mostly there is no other, and the loop says so */
	len = recv(watch->fd, msg, sizeof(msg), MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		node_lost(sup);
		return;
	}
	if (fdnet_node_ans_decode(msg, len, &ans) < 0)
		return;
	call = asked(sup, ans.id);
	if (!call)
		return; /* its caller has gone */
	call->ask_id = 0;
	call->answered(call, &ans);
}
