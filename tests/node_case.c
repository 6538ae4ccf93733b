/* SPDX-License-Identifier: Apache-2.0 */
/* What the suites about node channels share (node_case.h). */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/node_case.h"

int chan;
static uint32_t last_id;
struct fdnet_node_ans ans;
static uint8_t answer[FDNET_NODE_MAX_LEN];

static ssize_t call_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t rc = sendmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc = recvmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

const struct fdnet_ask_calls calls = { call_sendmsg, call_recvmsg };

void open_node(const char *options)
{
	start(options);
	chan = rg_node(&relay);
}

/* ---- requests ---- */

uint32_t tell(struct fdnet_node_req req, int fd)
{
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len;

	req.id = ++last_id;
	len = fdnet_node_req_encode(buf, &req);
	ck_assert_int_eq(fdnet_msg_send(&calls, chan, buf, len, &fd, fd >= 0,
					0),
			 0);
	return req.id;
}

static bool has_answer(void *arg)
{
	struct pollfd p = { .fd = chan, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Waits for an answer, any: its -error. */
int told(void)
{
	ssize_t len;

	ck_assert(rg_until(&relay, 5000, has_answer, NULL));
	len = fdnet_msg_recv(&calls, chan, answer, sizeof(answer), NULL, 0);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(fdnet_node_ans_decode(answer, (size_t)len, &ans), 0);
	return -(int)ans.error;
}

int ask(struct fdnet_node_req req)
{
	uint32_t id = tell(req, -1);
	int rc = told();

	ck_assert_uint_eq(ans.id, id);
	ck_assert_uint_eq(ans.cookie, req.cookie);
	ck_assert_uint_eq(ans.op, req.op);
	return rc;
}

uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	return cookie;
}

/* NEW; returns A, non-blocking and filled. */
int node_socket(uint8_t type, uint32_t flags)
{
	int pair[2], small = 1;
	struct fdnet_node_req req = {
		.op = FDNET_NODE_NEW,
		.family = 4,
		.type = type,
		.proto = type == FDNET_SOCK_STREAM ? 6 : 17,
		.sock_flags = flags,
	};

	ck_assert_int_eq(socketpair(AF_UNIX,
				    (type == FDNET_SOCK_STREAM ?
					     SOCK_STREAM :
					     SOCK_SEQPACKET) |
					    SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, pair),
			 0);
	if (flags & FDNET_NODE_PLAIN) {
		ck_assert_int_eq(send(pair[0], "x", 1, 0), 1);
	} else if (type == FDNET_SOCK_STREAM) {
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small,
			   sizeof(small));
		while (send(pair[0], "x", 1, 0) == 1)
			continue;
	}
	req.cookie = cookie_of(pair[0]);
	tell(req, pair[1]);
	ck_assert_int_eq(told(), 0);
	close(pair[1]);
	return pair[0];
}

int node_bind(int fd, const char *ip, uint16_t to_port)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_BIND,
					    .cookie = cookie_of(fd),
					    .name = rg_name(ip, to_port) });
}

int node_listen(int fd)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_LISTEN,
					    .cookie = cookie_of(fd),
					    .arg = 16 });
}

int node_connect(int fd, const char *ip, uint16_t to_port,
			uint8_t flags)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_CONNECT,
					    .flags = flags,
					    .cookie = cookie_of(fd),
					    .name = rg_name(ip, to_port) });
}

/* A connection to the host's listener at @port; returns the host's end. */
int node_pair(int listener, int fd)
{
	int large = 256 * 1024;

	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	/* it was small so that little would fill it */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	return rg_host_accept(&relay, listener);
}

int node_names(int fd)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_NAMES,
					    .cookie = cookie_of(fd) });
}

int node_error(int fd)
{
	int error;
	int rc = ask((struct fdnet_node_req){ .op = FDNET_NODE_GETOPT,
					      .cookie = cookie_of(fd),
					      .level = SOL_SOCKET,
					      .optname = SO_ERROR,
					      .optlen = 4 });

	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(ans.len, sizeof(error));
	memcpy(&error, ans.value, sizeof(error));
	return error;
}

/* ---- data ---- */

ssize_t take(int fd, void *data, size_t len)
{
	return rg_host_recv(&relay, fd, data, len);
}

static struct pollfd watched;

static bool is_ready(void *arg)
{
	return poll(&watched, 1, 0) == 1;
}

short wait_ready(int fd, short events)
{
	watched = (struct pollfd){ .fd = fd, .events = events };
	ck_assert(rg_until(&relay, 5000, is_ready, NULL));
	return watched.revents;
}

/* accept() of a pumped listener: the new A, names in text. */
int node_accept(int fd)
{
	uint8_t token[FDNET_NODE_TOKEN_LEN];
	int fds[FDNET_ASK_FDS];
	ssize_t len;

	wait_ready(fd, POLLIN);
	len = fdnet_msg_recv(&calls, fd, text, sizeof(text), fds,
			     MSG_DONTWAIT);
	ck_assert_int_eq(len, FDNET_NODE_ACCEPTED_LEN);
	ck_assert_int_ge(fds[0], 0);
	ck_assert_int_eq(fds[1], -1);
	ck_assert_int_eq(recv(fds[0], token, sizeof(token), MSG_DONTWAIT),
			 FDNET_NODE_TOKEN_LEN);
	return fds[0];
}

ssize_t take_named(int fd, void *buf, size_t size,
			  struct fdnet_name *ret_from)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { buf, size };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	uint8_t name[FDNET_NODE_NAME_LEN + 1];
	struct cmsghdr *cmsg;
	ssize_t n;
	int tag;

	wait_ready(fd, POLLIN);
	n = recvmsg(fd, &msg, 0);
	ck_assert_int_ge(n, 0);
	cmsg = CMSG_FIRSTHDR(&msg);
	ck_assert(cmsg && cmsg->cmsg_type == SCM_RIGHTS);
	memcpy(&tag, CMSG_DATA(cmsg), sizeof(tag));
	ck_assert_int_eq(pread(tag, name, sizeof(name), 0),
			 FDNET_NODE_NAME_LEN);
	/* others are given the same one */
	ck_assert_int_eq(pwrite(tag, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(tag, 0), -1);
	close(tag);
	ck_assert_int_eq(fdnet_node_name_decode(name, ret_from), 0);
	return n;
}
