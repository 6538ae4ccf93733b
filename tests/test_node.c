/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that the relay holds, by requests on a node channel. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/ask.h"
#include "stack/wire/node.h"
#include "tests/relay_case.h"
#include "tests/suite_main.h"

static int chan;
static uint32_t last_id;
static struct fdnet_node_ans ans;
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

static const struct fdnet_ask_calls calls = { call_sendmsg, call_recvmsg };

static void open_node(const char *options)
{
	start(options);
	chan = rg_node(&relay);
}

/* ---- requests ---- */

static uint32_t tell(struct fdnet_node_req req, int fd)
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
static int told(void)
{
	ssize_t len;

	ck_assert(rg_until(&relay, 5000, has_answer, NULL));
	len = fdnet_msg_recv(&calls, chan, answer, sizeof(answer), NULL, 0);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(fdnet_node_ans_decode(answer, (size_t)len, &ans), 0);
	return -(int)ans.error;
}

static int ask(struct fdnet_node_req req)
{
	uint32_t id = tell(req, -1);
	int rc = told();

	ck_assert_uint_eq(ans.id, id);
	ck_assert_uint_eq(ans.cookie, req.cookie);
	ck_assert_uint_eq(ans.op, req.op);
	return rc;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	return cookie;
}

/* NEW; returns A, non-blocking and filled. */
static int node_socket(uint8_t type, uint32_t flags)
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

static int node_bind(int fd, const char *ip, uint16_t to_port)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_BIND,
					    .cookie = cookie_of(fd),
					    .name = rg_name(ip, to_port) });
}

static int node_listen(int fd)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_LISTEN,
					    .cookie = cookie_of(fd),
					    .arg = 16 });
}

static int node_connect(int fd, const char *ip, uint16_t to_port,
			uint8_t flags)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_CONNECT,
					    .flags = flags,
					    .cookie = cookie_of(fd),
					    .name = rg_name(ip, to_port) });
}

/* A connection to the host's listener at @port; returns the host's end. */
static int node_pair(int listener, int fd)
{
	int large = 256 * 1024;

	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	/* it was small so that little would fill it */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	return rg_host_accept(&relay, listener);
}

static int node_names(int fd)
{
	return ask((struct fdnet_node_req){ .op = FDNET_NODE_NAMES,
					    .cookie = cookie_of(fd) });
}

static int node_error(int fd)
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

static ssize_t take(int fd, void *data, size_t len)
{
	return rg_host_recv(&relay, fd, data, len);
}

static struct pollfd watched;

static bool is_ready(void *arg)
{
	return poll(&watched, 1, 0) == 1;
}

static short wait_ready(int fd, short events)
{
	watched = (struct pollfd){ .fd = fd, .events = events };
	ck_assert(rg_until(&relay, 5000, is_ready, NULL));
	return watched.revents;
}

/* accept() of a pumped listener: the new A, names in text. */
static int node_accept(int fd)
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

/* ---- streams ---- */

START_TEST(a_socket_reaches_the_host)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, host;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 0), 0);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	ck_assert_uint_ge(ans.local.port, 10240);
	host = rg_host_accept(&relay, listener);
	ck_assert_int_eq(wait_ready(fd, POLLOUT), POLLOUT);
	ck_assert_int_eq(send(fd, "hello", 5, 0), 5);
	ck_assert_int_eq(take(host, text, 16), 5);
	ck_assert_mem_eq(text, "hello", 5);
	ck_assert_int_eq(send(host, "answer", 6, 0), 6);
	ck_assert_int_eq(take(fd, text, 16), 6);
	ck_assert_int_eq(node_names(fd), 0);
	ck_assert_uint_eq(ans.state, FDNET_NODE_CONNECTED);
	ck_assert_uint_eq(ans.peer.port, port);
	ck_assert_uint_eq(ans.proto, 6);
	/* half-close both ways */
	shutdown(fd, SHUT_WR);
	ck_assert_int_eq(take(host, text, 16), 0);
	ck_assert_int_eq(send(host, "more", 4, 0), 4);
	ck_assert_int_eq(take(fd, text, 16), 4);
	close(host);
	ck_assert_int_eq(take(fd, text, 16), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(refusals_are_told)
{
	int fd;

	open_node("");
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	/* nobody listens; told at once, and the socket may try again */
	ck_assert_int_eq(node_connect(fd, "127.0.0.1", 9, 0), -ECONNREFUSED);
	ck_assert_int_eq(node_connect(fd, GATEWAY, 9, 0), -EHOSTUNREACH);
	/* told by SO_ERROR, once, and shown as an error */
	ck_assert_int_eq(node_connect(fd, "127.0.0.1", 9,
				      FDNET_NODE_NONBLOCK),
			 -EINPROGRESS);
	ck_assert_int_eq(wait_ready(fd, POLLOUT) & (POLLERR | POLLHUP),
			 POLLERR | POLLHUP);
	ck_assert_int_eq(node_error(fd), ECONNREFUSED);
	ck_assert_int_eq(node_error(fd), 0);
	close(fd);
	ck_assert_int_eq(ask((struct fdnet_node_req){
				 .op = FDNET_NODE_NAMES, .cookie = 12345 }),
			 -ENOENT);
	rg_stop(&relay);
}
END_TEST

START_TEST(listeners_pass_connections)
{
	int fd, conn;
	struct fdnet_sock *client;
	struct fdnet_name name;
	struct rg *g;

	open_node("");
	g = rg_attach(&relay);
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_bind(fd, "0.0.0.0", 8080), 0);
	ck_assert_uint_eq(ans.local.port, 8080);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_BIND, 6, 8080), -EADDRINUSE);
	ck_assert_int_eq(node_listen(fd), 0);
	ck_assert_int_eq(rg_connect(g, "127.0.0.1", 8080, &client), 0);
	conn = node_accept(fd);
	ck_assert_int_eq(fdnet_node_name_decode((uint8_t *)text, &name), 0);
	ck_assert_uint_eq(name.port, 8080);
	ck_assert_int_eq(fdnet_node_name_decode((uint8_t *)text +
							FDNET_NODE_NAME_LEN,
						&name),
			 0);
	ck_assert_uint_eq(name.ip.bytes[0], 127);
	ck_assert_int_eq(rg_send(g, client, "to node", 7), 0);
	ck_assert_int_eq(take(conn, text, 16), 7);
	ck_assert_int_eq(send(conn, "to guest", 8, 0), 8);
	ck_assert_int_eq(rg_recv(g, client, text, 16), 8);
	/* the listener's last close frees the port only with the connection */
	close(fd);
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_BIND, 6, 8080), -EADDRINUSE);
	send(conn, "bye", 3, 0);
	close(conn);
	ck_assert_int_eq(rg_recv(g, client, text, 16), 3);
	ck_assert_int_eq(rg_recv(g, client, text, 16), 0);
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_BIND, 6, 8080), 0);
	rg_stop(&relay);
}
END_TEST

START_TEST(connections_that_nobody_accepted_are_reset)
{
	struct fdnet_sock *first, *second;
	struct rg *g;
	int fd, conn;

	open_node("");
	g = rg_attach(&relay);
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_bind(fd, "0.0.0.0", 8080), 0);
	ck_assert_int_eq(node_listen(fd), 0);
	ck_assert_int_eq(rg_connect(g, "127.0.0.1", 8080, &first), 0);
	ck_assert_int_eq(rg_connect(g, "127.0.0.1", 8080, &second), 0);
	conn = node_accept(fd);
	wait_ready(fd, POLLIN);
	close(fd);
	ck_assert_int_eq(rg_recv(g, second, text, 16), -ECONNRESET);
	close(conn);
	ck_assert_int_eq(rg_recv(g, first, text, 16), 0);
	rg_stop(&relay);
}
END_TEST

START_TEST(node_sockets_reach_each_other)
{
	int fd, conn, client;

	open_node("");
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_listen(fd), 0);
	ck_assert_int_eq(node_names(fd), 0);
	ck_assert_uint_eq(ans.state, FDNET_NODE_LISTENING);
	port = ans.local.port;
	client = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_connect(client, "127.0.0.1", port, 0), 0);
	conn = node_accept(fd);
	ck_assert_int_eq(send(client, "one", 3, 0), 3);
	ck_assert_int_eq(take(conn, text, 16), 3);
	/* closed with unread data: a reset */
	ck_assert_int_eq(send(conn, "unread", 6, 0), 6);
	wait_ready(client, POLLIN);
	close(client);
	ck_assert_int_eq(take(conn, text, 16), 0);
	ck_assert_int_eq(node_error(conn), ECONNRESET);
	close(conn);
	close(fd);
	rg_stop(&relay);
}
END_TEST

/* Much data through a slow reader: nothing is lost, and the relay does not
 * keep what it cannot pass on. */
START_TEST(a_slow_reader_stops_the_sender)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, host;
	size_t sent = 0, got = 0, wrong = 0;
	static char block[65536];
	uint8_t out = 0, in = 0;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	host = node_pair(listener, fd);
	for (;;) {
		ssize_t n;

		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (char)(out + i);
		n = send(fd, block, sizeof(block), 0);
		for (int i = 0; n < 0 && i < 20; i++) {
			rg_drive(&relay, 5);
			n = send(fd, block, sizeof(block), 0);
		}
		if (n < 0)
			break;
		out = (uint8_t)(out + n);
		sent += (size_t)n;
		ck_assert_uint_lt(sent, 64u << 20);
	}
	close(fd); /* what was written before still arrives */
	for (;;) {
		ssize_t n = take(host, block, sizeof(block));

		if (!n)
			break;
		ck_assert_int_gt(n, 0);
		/* not an assertion for each byte: they are slow */
		for (ssize_t i = 0; i < n; i++)
			wrong += (uint8_t)block[i] != in++;
		got += (size_t)n;
	}
	ck_assert_uint_eq(got, sent);
	ck_assert_uint_eq(wrong, 0);
	close(host);
	rg_stop(&relay);
}
END_TEST

START_TEST(a_channels_end_leaves_its_sockets)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, host;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	host = node_pair(listener, fd);
	/* one that waits for its answer meanwhile */
	close(chan);
	rg_drive(&relay, 10);
	chan = rg_node(&relay);
	ck_assert_int_eq(node_names(fd), 0);
	ck_assert_int_eq(send(fd, "hello", 5, 0), 5);
	ck_assert_int_eq(take(host, text, 16), 5);
	close(host);
	close(fd); /* the relay stays as long as somebody holds one */
	rg_stop(&relay);
}
END_TEST

START_TEST(shutdown_sends_what_is_held_first)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, host;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	host = node_pair(listener, fd);
	ck_assert_int_eq(send(fd, "last", 4, 0), 4);
	ck_assert_int_eq(ask((struct fdnet_node_req){
				 .op = FDNET_NODE_SHUTDOWN,
				 .cookie = cookie_of(fd),
				 .arg = SHUT_WR }),
			 0);
	ck_assert_int_eq(take(host, text, 16), 4);
	ck_assert_int_eq(take(host, text, 16), 0);
	ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(send(host, "back", 4, 0), 4);
	ck_assert_int_eq(take(fd, text, 16), 4);
	close(host);
	close(fd);
	rg_stop(&relay);
}
END_TEST

/* ---- streams of who does not ask why they end ---- */

static void set_linger(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* What recv() gives once something is there. */
static ssize_t ends_with(int fd)
{
	wait_ready(fd, POLLIN);
	return recv(fd, text, 16, 0) < 0 ? -errno : 0;
}

static const struct {
	const char *label;
	bool plain, asks, resets;
	ssize_t rc;
} ends[] = {
	{ "a reset after a question", true, true, true, -ECONNRESET },
	{ "an end after a question", true, true, false, 0 },
	{ "an end", true, false, false, 0 },
	{ "a reset, nothing asked", true, false, true, -ECONNRESET },
	{ "a reset, but somebody asks", false, true, true, 0 },
};

START_TEST(a_plain_stream_shows_a_reset)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, host;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM,
			 ends[_i].plain ? FDNET_NODE_PLAIN : 0);
	host = node_pair(listener, fd);
	for (int i = 0; ends[_i].asks && i < 3; i++) {
		ck_assert_int_eq(send(fd, "what", 4, 0), 4);
		ck_assert_int_eq(take(host, text, 16), 4);
		ck_assert_mem_eq(text, "what", 4);
	}
	ck_assert_int_eq(send(host, "this", 4, 0), 4);
	ck_assert_int_eq(take(fd, text, 16), 4);
	if (ends[_i].resets)
		set_linger(host);
	close(host);
	ck_assert_msg(ends_with(fd) == ends[_i].rc, "%s", ends[_i].label);
	if (!ends[_i].resets) { /* the other way is open */
		ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	}
	close(fd);
	rg_stop(&relay);
}
END_TEST

static char sent_out[70000], arrived[sizeof(sent_out)];

/* Every byte, once, at once, whatever the sizes; then the end. */
START_TEST(a_plain_stream_keeps_nothing_back)
{
	static const size_t sizes[] = { 1,    2,    3,	  2047,	 2048, 2049,
					1,    4096, 5000, 30000, 1,    1,
					2050, 100,  20000 };
	int listener = rg_host_listen("127.0.0.1", &port), fd, host, pair[2];
	size_t at = 0;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM, FDNET_NODE_PLAIN);
	host = node_pair(listener, fd);
	for (size_t i = 0; i < sizeof(sent_out); i++)
		sent_out[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < N_ROWS(sizes); i++) {
		for (size_t done = 0; done < sizes[i];) {
			ssize_t n = send(fd, sent_out + at + done,
					 sizes[i] - done, 0);

			if (n > 0)
				done += (size_t)n;
			else
				rg_drive(&relay, 1);
		}
		for (size_t got = 0; got < sizes[i];)
			got += (size_t)take(host, arrived + at + got,
					    sizes[i] - got);
		at += sizes[i];
		ck_assert_mem_eq(arrived, sent_out, at);
	}
	/* fds go nowhere, the bytes with them do */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(fdnet_msg_send(&calls, fd, "fd", 2, pair,
						i & 1, 0),
				 0);
		if (i != 1)
			rg_drive(&relay, 2);
	}
	for (size_t got = 0; got < 8;)
		got += (size_t)take(host, text + got, 8 - got);
	ck_assert_mem_eq(text, "fdfdfdfd", 8);
	close(pair[0]);
	close(pair[1]);
	ck_assert_int_eq(send(fd, "last", 4, 0), 4);
	shutdown(fd, SHUT_WR);
	ck_assert_int_eq(take(host, text, 16), 4);
	ck_assert_int_eq(take(host, text, 16), 0);
	ck_assert_int_eq(send(host, "back", 4, 0), 4);
	ck_assert_int_eq(take(fd, text, 16), 4);
	close(host);
	ck_assert_int_eq(take(fd, text, 16), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

/* What its program has not read when it closes is a reset to the other. */
START_TEST(a_plain_stream_resets_too)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, host;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM, FDNET_NODE_PLAIN);
	host = node_pair(listener, fd);
	ck_assert_int_eq(send(fd, "what", 4, 0), 4);
	ck_assert_int_eq(take(host, text, 16), 4);
	ck_assert_int_eq(send(host, "this", 4, 0), 4);
	wait_ready(fd, POLLIN);
	close(fd);
	ck_assert_int_eq(ends_with(host), -ECONNRESET);
	close(host);
	rg_stop(&relay);
}
END_TEST

/* ---- connecting once more ---- */

static int node_renew(int fd, int *ret_a)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_RENEW,
		.cookie = cookie_of(fd),
	};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair),
			 0);
	req.renewed = cookie_of(pair[0]);
	*ret_a = pair[0];
	tell(req, pair[1]);
	close(pair[1]);
	return told();
}

static int option_of(int fd, int name, int *ret_value)
{
	int rc = ask((struct fdnet_node_req){ .op = FDNET_NODE_GETOPT,
					      .cookie = cookie_of(fd),
					      .level = SOL_SOCKET,
					      .optname = name,
					      .optlen = sizeof(int) });

	if (rc == 0)
		memcpy(ret_value, ans.value, sizeof(int));
	return rc;
}

/* A failed non-blocking connect() as Linux has it: why, then anew; options and
 * the port of a bind() stay. */
START_TEST(a_plain_stream_connects_once_more)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, again, other;
	int one = 1, value = 0;

	open_node("--allow host:%u");
	fd = node_socket(FDNET_SOCK_STREAM, FDNET_NODE_PLAIN);
	ck_assert_int_eq(node_renew(fd, &other), -EINVAL);
	close(other);
	ck_assert_int_eq(ask((struct fdnet_node_req){
				 .op = FDNET_NODE_SETOPT,
				 .cookie = cookie_of(fd),
				 .level = SOL_SOCKET,
				 .optname = SO_KEEPALIVE,
				 .optlen = sizeof(one),
				 .value = &one }),
			 0);
	ck_assert_int_eq(node_bind(fd, "10.0.2.15", 4567), 0);
	ck_assert_int_eq(node_connect(fd, "10.0.2.15", 1, FDNET_NODE_NONBLOCK),
			 -EINPROGRESS);
	wait_ready(fd, POLLERR);
	ck_assert_int_eq(node_renew(fd, &other), -EINVAL);
	close(other);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), -ECONNREFUSED);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), -ESTALE);
	ck_assert_int_eq(option_of(fd, SO_KEEPALIVE, &value), 0);
	ck_assert_int_eq(value, 1);
	ck_assert_int_eq(node_renew(fd, &again), 0);
	close(fd);
	ck_assert_int_eq(option_of(again, SO_KEEPALIVE, &value), 0);
	ck_assert_int_eq(value, 1);
	other = node_pair(listener, again);
	ck_assert_int_eq(node_names(again), 0);
	ck_assert_uint_eq(ans.local.port, 4567);
	ck_assert_int_eq(send(other, "back", 4, 0), 4);
	ck_assert_int_eq(take(again, text, 16), 4);
	close(other);
	close(again);
	rg_stop(&relay);
}
END_TEST

/* Nobody comes back for the port of one that has failed. */
START_TEST(a_dead_streams_port_can_be_had)
{
	int fd, other;

	open_node("");
	fd = node_socket(FDNET_SOCK_STREAM, FDNET_NODE_PLAIN);
	ck_assert_int_eq(node_bind(fd, "10.0.2.15", 4567), 0);
	ck_assert_int_eq(node_connect(fd, "10.0.2.15", 1, FDNET_NODE_NONBLOCK),
			 -EINPROGRESS);
	wait_ready(fd, POLLERR);
	close(fd);
	other = node_socket(FDNET_SOCK_STREAM, FDNET_NODE_PLAIN);
	ck_assert_int_eq(node_bind(other, "10.0.2.15", 4567), 0);
	close(other);
	rg_stop(&relay);
}
END_TEST

/* ---- datagrams ---- */

/* A datagram, as take(), and the name beside it. */
static ssize_t take_named(int fd, void *buf, size_t size,
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

START_TEST(framed_datagrams_have_names_beside_them)
{
	int host = rg_host_udp("127.0.0.1", &port), fd;
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	struct fdnet_name name = rg_name(GATEWAY, port), from;
	uint8_t msg[FDNET_NODE_NAME_LEN + 5];

	open_node("--allow host:%u/udp");
	fd = node_socket(FDNET_SOCK_DGRAM, FDNET_NODE_FRAMED);
	fdnet_node_name_encode(msg, &name);
	memcpy(msg + FDNET_NODE_NAME_LEN, "hello", 5);
	ck_assert_int_eq(send(fd, msg, sizeof(msg), 0), sizeof(msg));
	wait_ready(host, POLLIN);
	ck_assert_int_eq(recvfrom(host, text, 16, 0, (struct sockaddr *)&sin,
				  &len),
			 5);
	ck_assert_int_eq(sendto(host, "", 0, 0, (struct sockaddr *)&sin, len),
			 0);
	ck_assert_int_eq(take_named(fd, text, 99, &from), 0);
	ck_assert_uint_eq(from.port, port);
	ck_assert(fdnet_ip_equal(&from.ip, &name.ip));
	/* who does not ask for the name is not told */
	ck_assert_int_eq(sendto(host, "bare", 4, 0, (struct sockaddr *)&sin,
				len),
			 4);
	ck_assert_int_eq(take(fd, text, 99), 4);
	ck_assert_mem_eq(text, "bare", 4);
	/* too short for a name: dropped, and the socket lives */
	ck_assert_int_eq(send(fd, msg, 5, 0), 5);
	ck_assert_int_eq(send(fd, msg, sizeof(msg), 0), sizeof(msg));
	wait_ready(host, POLLIN);
	close(fd);
	close(host);
	rg_stop(&relay);
}
END_TEST

START_TEST(connected_datagrams_are_bare)
{
	int host = rg_host_udp("127.0.0.1", &port), fd;

	open_node("--allow host:%u/udp");
	fd = node_socket(FDNET_SOCK_DGRAM, 0);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	ck_assert_int_eq(send(fd, "a", 1, 0), 1);
	ck_assert_int_eq(send(fd, "", 0, 0), 0);
	ck_assert_int_eq(send(fd, "bcd", 3, 0), 3);
	wait_ready(host, POLLIN);
	rg_drive(&relay, 20);
	ck_assert_int_eq(recv(host, text, 16, 0), 1);
	ck_assert_int_eq(recv(host, text, 16, 0), 0);
	ck_assert_int_eq(recv(host, text, 16, 0), 3);
	close(fd);
	close(host);
	rg_stop(&relay);
}
END_TEST

/* Request and one fd, to the answer. */
static int ask_with(struct fdnet_node_req req, int fd)
{
	tell(req, fd);
	return told();
}

START_TEST(a_datagram_goes_past_the_connection)
{
	int host = rg_host_udp("127.0.0.1", &port), fd, other, memfd;
	struct fdnet_node_req req = { .op = FDNET_NODE_SEND, .bytes = 3 };
	struct fdnet_name from;

	open_node("--allow host:%u/udp");
	fd = node_socket(FDNET_SOCK_DGRAM, 0);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	other = node_socket(FDNET_SOCK_DGRAM, FDNET_NODE_FRAMED);
	ck_assert_int_eq(node_bind(other, "0.0.0.0", 7000), 0);
	memfd = memfd_create("datagram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(pwrite(memfd, "abc", 3, 0), 3);
	req.cookie = cookie_of(fd);
	req.name = rg_name("10.0.2.15", 7000);
	ck_assert_int_eq(ask_with(req, memfd), 0);
	ck_assert_int_eq(take_named(other, text, 16, &from), 3);
	ck_assert_mem_eq(text, "abc", 3);
	/* the socket stays connected */
	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	wait_ready(host, POLLIN);
	/* it holds less than it says, is none, is not there */
	req.bytes = 4;
	ck_assert_int_eq(ask_with(req, memfd), -EPROTO);
	req.bytes = 1 << 20;
	ck_assert_int_eq(ask_with(req, memfd), -EFBIG);
	req.bytes = 3;
	ck_assert_int_eq(ask_with(req, fd), -EINVAL);
	ck_assert_int_eq(ask(req), -EBADF);
	req.name = rg_name("255.255.255.255", 7000);
	ck_assert_int_eq(ask_with(req, memfd), -EACCES);
	close(memfd);
	close(fd);
	close(other);
	close(host);
	rg_stop(&relay);
}
END_TEST

/* The bind is asked for before anything was told of the close. */
START_TEST(a_port_is_free_as_soon_as_it_is_closed)
{
	int type = _i ? FDNET_SOCK_DGRAM : FDNET_SOCK_STREAM, a, b;

	open_node("");
	for (int i = 0; i < 50; i++) {
		a = node_socket(type, 0);
		b = node_socket(type, 0);
		ck_assert_int_eq(node_bind(a, "127.0.0.1", 7000), 0);
		ck_assert_int_eq(node_bind(b, "127.0.0.1", 7000), -EADDRINUSE);
		close(a);
		ck_assert_int_eq(node_bind(b, "127.0.0.1", 7000), 0);
		close(b);
	}
	rg_stop(&relay);
}
END_TEST

/* More than the relay keeps: each datagram has its own. */
START_TEST(names_of_many_peers)
{
	struct fdnet_name name = { .ip.family = 4 }, from;
	int fd, peers[300];

	open_node("");
	fd = node_socket(FDNET_SOCK_DGRAM, FDNET_NODE_FRAMED);
	ck_assert_int_eq(node_bind(fd, "127.0.0.1", 7000), 0);
	for (int i = 0; i < 300; i++) {
		peers[i] = node_socket(FDNET_SOCK_DGRAM, 0);
		name.port = (uint16_t)(8000 + i);
		ck_assert_int_eq(node_bind(peers[i], "127.0.0.1", name.port),
				 0);
		ck_assert_int_eq(node_connect(peers[i], "127.0.0.1", 7000, 0),
				 0);
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 300; i++) {
			ck_assert_int_eq(send(peers[i], &i, sizeof(i), 0),
					 sizeof(i));
			ck_assert_int_eq(take_named(fd, text, 16, &from),
					 sizeof(i));
			ck_assert_mem_eq(text, &i, sizeof(i));
			ck_assert_uint_eq(from.port, 8000 + i);
		}
	for (int i = 0; i < 300; i++)
		close(peers[i]);
	close(fd);
	rg_stop(&relay);
}
END_TEST

/* ---- hand-over ---- */

static int hold(struct rg *g, struct fdnet_sock *so)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_HOLD, .id = 77 };
	struct fdnet_name name, peer = { 0 };

	ck_assert_int_eq(fdnet_sock_name(so, &name), 0);
	fdnet_sock_peer(so, &peer);
	ctl.proto = (uint8_t)fdnet_sock_proto(so);
	ctl.family = name.ip.family;
	ctl.port = name.port;
	ctl.peer_port = peer.port;
	memcpy(ctl.addr, name.ip.bytes, 16);
	memcpy(ctl.peer, peer.ip.bytes, 16);
	return rg_ask(g, &ctl);
}

/* TAKE of @so, which is forgotten: the answer; *ret_fd is A. */
static int take_over(struct fdnet_sock *so, uint32_t flags, int *ret_fd)
{
	bool stream = fdnet_sock_type(so) == FDNET_SOCK_STREAM;
	static char state[4 << 20];
	ssize_t len = fdnet_sock_save(so, state, sizeof(state));
	int memfd = memfd_create("socket", MFD_CLOEXEC), pair[2], rc;
	struct fdnet_node_req req = { .op = FDNET_NODE_TAKE,
				      .sock_flags = flags,
				      .bytes = (uint32_t)len };
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t size;

	ck_assert_int_gt(len, 0);
	ck_assert_int_le(len, sizeof(state));
	fdnet_sock_forget(so);
	ck_assert_int_eq(write(memfd, state, (size_t)len), len);
	ck_assert_int_eq(socketpair(AF_UNIX, (stream ? SOCK_STREAM :
						       SOCK_SEQPACKET) |
						     SOCK_NONBLOCK,
				    0, pair),
			 0);
	req.cookie = cookie_of(pair[0]);
	size = fdnet_node_req_encode(buf, &req);
	ck_assert_int_eq(fdnet_msg_send(&calls, chan, buf, size,
					(int[]){ pair[1], memfd }, 2, 0),
			 0);
	rc = told();
	close(pair[1]);
	close(memfd);
	*ret_fd = pair[0];
	return rc;
}

START_TEST(a_connection_is_taken_over)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, host;
	struct fdnet_sock *so;
	struct rg *g;

	open_node("--allow host:%u");
	g = rg_attach(&relay);
	host = connected_pair(g, listener, &so);
	ck_assert_int_eq(rg_send(g, so, "before ", 7), 0);
	ck_assert_int_eq(send(host, "unread ", 7, 0), 7);
	rg_drive(&relay, 20);
	ck_assert_int_eq(hold(g, so), 0);
	/* what comes meanwhile is kept for it */
	ck_assert_int_eq(send(host, "kept", 4, 0), 4);
	rg_drive(&relay, 20);
	ck_assert_int_eq(take_over(so, FDNET_NODE_HELD | FDNET_NODE_CLAIM,
				   &fd),
			 0);
	/* the owner's end does not matter any more */
	rg_kill(g);
	ck_assert_int_eq(send(fd, "after", 5, 0), 5);
	rg_drive(&relay, 20);
	ck_assert_int_eq(take(host, text, 64), 12);
	ck_assert_mem_eq(text, "before after", 12);
	ck_assert_int_eq(take(fd, text, 64), 11);
	ck_assert_mem_eq(text, "unread kept", 11);
	ck_assert_int_eq(node_names(fd), 0);
	ck_assert_uint_eq(ans.peer.port, port);
	shutdown(fd, SHUT_WR);
	ck_assert_int_eq(take(host, text, 64), 0);
	close(host);
	ck_assert_int_eq(take(fd, text, 64), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(a_listener_is_taken_over_with_its_queue)
{
	struct fdnet_sock *listener, *client, *late;
	struct rg *a, *b;
	int fd, conn;

	open_node("");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	listener = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client), 0);
	ck_assert_int_eq(rg_send(b, client, "early", 5), 0);
	rg_drive(&relay, 20);
	ck_assert_int_eq(hold(a, listener), 0);
	ck_assert_int_eq(take_over(listener, FDNET_NODE_HELD |
						     FDNET_NODE_CLAIM,
				   &fd),
			 0);
	rg_kill(a);
	conn = node_accept(fd);
	ck_assert_int_eq(take(conn, text, 16), 5);
	ck_assert_int_eq(rg_connect(b, SANDBOX, 8080, &late), 0);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 6, 8080), -EADDRINUSE);
	close(fd);
	close(conn);
	ck_assert_int_eq(rg_recv(b, client, text, 16), 0);
	rg_stop(&relay);
}
END_TEST

START_TEST(both_ends_of_a_loop_are_taken_over)
{
	struct fdnet_sock *listener, *client, *server;
	int fds[2];
	struct rg *g;

	open_node("");
	g = rg_attach(&relay);
	listener = rg_listen(g, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(g, "127.0.0.1", 8080, &client), 0);
	server = rg_accept(g, listener);
	ck_assert_int_eq(rg_send(g, client, "one", 3), 0);
	ck_assert_int_eq(hold(g, server), 0);
	ck_assert_int_eq(take_over(server, FDNET_NODE_HELD, &fds[0]), 0);
	ck_assert_int_eq(take(fds[0], text, 16), 3);
	/* between the node and the guest */
	ck_assert_int_eq(rg_send(g, client, "two", 3), 0);
	ck_assert_int_eq(take(fds[0], text, 16), 3);
	ck_assert_int_eq(send(fds[0], "three", 5, 0), 5);
	ck_assert_int_eq(rg_recv(g, client, text, 16), 5);
	ck_assert_int_eq(hold(g, client), 0);
	ck_assert_int_eq(send(fds[0], "four", 4, 0), 4);
	rg_drive(&relay, 20);
	ck_assert_int_eq(take_over(client, FDNET_NODE_HELD, &fds[1]), 0);
	ck_assert_int_eq(take(fds[1], text, 16), 4);
	ck_assert_int_eq(send(fds[1], "fives", 5, 0), 5);
	ck_assert_int_eq(take(fds[0], text, 16), 5);
	close(fds[0]);
	ck_assert_int_eq(take(fds[1], text, 16), 0);
	close(fds[1]);
	rg_stop(&relay);
}
END_TEST

/* In the queue waits a connection of the guest's own, which no packet on a
 * link has told of. */
START_TEST(a_queued_loop_is_taken_over)
{
	struct fdnet_sock *listener, *client;
	struct rg *g;
	int fd, conn;

	open_node("");
	g = rg_attach(&relay);
	listener = rg_listen(g, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(g, "127.0.0.1", 8080, &client), 0);
	ck_assert_int_eq(rg_send(g, client, "early", 5), 0);
	ck_assert_int_eq(hold(g, listener), 0);
	ck_assert_int_eq(take_over(listener, FDNET_NODE_HELD |
						     FDNET_NODE_CLAIM,
				   &fd),
			 0);
	ck_assert_int_eq(rg_send(g, client, "late", 4), 0);
	conn = node_accept(fd);
	rg_drive(&relay, 20);
	ck_assert_int_eq(take(conn, text, 16), 9);
	ck_assert_int_eq(send(conn, "answer", 6, 0), 6);
	ck_assert_int_eq(rg_recv(g, client, text, 16), 6);
	close(fd);
	close(conn);
	ck_assert_int_eq(rg_recv(g, client, text, 16), 0);
	rg_stop(&relay);
}
END_TEST

/* The node has the listener and the client's end; what was accepted from the
 * one stays with the guest: the other must not be answered by the listener. */
START_TEST(a_listeners_connection_may_stay)
{
	struct fdnet_sock *listener, *client, *server;
	int fds[2];
	struct rg *g;

	open_node("");
	g = rg_attach(&relay);
	listener = rg_listen(g, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(g, "127.0.0.1", 8080, &client), 0);
	server = rg_accept(g, listener);
	ck_assert_int_eq(hold(g, listener), 0);
	ck_assert_int_eq(take_over(listener, FDNET_NODE_HELD |
						     FDNET_NODE_CLAIM,
				   &fds[0]),
			 0);
	ck_assert_int_eq(hold(g, client), 0);
	ck_assert_int_eq(take_over(client, FDNET_NODE_HELD, &fds[1]), 0);
	ck_assert_int_eq(send(fds[1], "one", 3, 0), 3);
	ck_assert_int_eq(rg_recv(g, server, text, 16), 3);
	ck_assert_int_eq(rg_send(g, server, "two", 3), 0);
	ck_assert_int_eq(take(fds[1], text, 16), 3);
	close(fds[1]);
	ck_assert_int_eq(rg_recv(g, server, text, 16), 0);
	close(fds[0]);
	rg_stop(&relay);
}
END_TEST

/* The guest ends before a packet of the connection has been on its link. */
START_TEST(a_loops_other_end_may_die)
{
	struct fdnet_sock *listener, *client;
	struct rg *g;
	int fd;

	open_node("");
	g = rg_attach(&relay);
	listener = rg_listen(g, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(g, "127.0.0.1", 8080, &client), 0);
	rg_accept(g, listener);
	ck_assert_int_eq(rg_send(g, client, "loop", 4), 0);
	ck_assert_int_eq(hold(g, client), 0);
	ck_assert_int_eq(take_over(client, FDNET_NODE_HELD, &fd), 0);
	rg_kill(g);
	ck_assert_int_eq(take(fd, text, 16), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(a_datagram_socket_is_taken_over)
{
	struct fdnet_name name = rg_name("0.0.0.0", 5000);
	uint8_t frame[FDNET_NODE_NAME_LEN + 3];
	struct fdnet_sock *so, *other;
	struct rg *a, *b;
	int fd;

	open_node("");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	ck_assert_int_eq(rg_claim(a, FDNET_CTL_BIND, 17, 5000), 0);
	ck_assert_int_eq(fdnet_sock_open(a->stack, 4, 2, 17, &so), 0);
	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	other = rg_udp(b);
	ck_assert_int_eq(rg_sendto(b, other, "127.0.0.1", 5000, "one", 3), 3);
	rg_drive(&relay, 20);
	ck_assert_int_eq(hold(a, so), 0);
	ck_assert_int_eq(rg_sendto(b, other, "127.0.0.1", 5000, "two", 3), 3);
	rg_drive(&relay, 20);
	ck_assert_int_eq(take_over(so,
				   FDNET_NODE_HELD | FDNET_NODE_CLAIM |
					   FDNET_NODE_FRAMED,
				   &fd),
			 0);
	ck_assert_int_eq(take_named(fd, text, 99, &name), 3);
	ck_assert_int_eq(take_named(fd, text, 99, &name), 3);
	ck_assert_mem_eq(text, "two", 3);
	/* back to where it came from */
	fdnet_node_name_encode(frame, &name);
	memcpy(frame + FDNET_NODE_NAME_LEN, "two", 3);
	ck_assert_int_eq(send(fd, frame, sizeof(frame), 0), sizeof(frame));
	ck_assert_int_eq(rg_recvfrom(b, other, text, 16, &name), 3);
	ck_assert_uint_eq(name.port, 5000);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(a_fresh_socket_needs_no_hold)
{
	struct fdnet_sock *so;
	struct rg *g;
	int fd;

	open_node("");
	g = rg_attach(&relay);
	ck_assert_int_eq(fdnet_sock_open(g->stack, 4, 1, 6, &so), 0);
	ck_assert_int_eq(take_over(so, 0, &fd), 0);
	ck_assert_int_eq(node_bind(fd, "0.0.0.0", 8080), 0);
	ck_assert_int_eq(node_listen(fd), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

/* ---- enemies ---- */

START_TEST(nobody_takes_what_was_not_held)
{
	struct fdnet_sock *listener, *client, *server;
	struct rg *a, *b;
	int fd;

	open_node("");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	listener = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client), 0);
	server = rg_accept(a, listener);
	ck_assert_int_eq(take_over(server, 0, &fd), -ESTALE);
	ck_assert_int_eq(take_over(client, FDNET_NODE_HELD, &fd), -ESTALE);
	/* another's port, held by who does not have it */
	ck_assert_int_eq(fdnet_sock_open(b->stack, 4, 1, 6, &client), 0);
	ck_assert_int_eq(fdnet_sock_bind(client,
					 &(struct fdnet_name){
						 .ip.family = 4,
						 .port = 8080 }),
			 0);
	ck_assert_int_eq(fdnet_sock_listen(client, 1), 0);
	ck_assert_int_eq(hold(b, client), 0);
	ck_assert_int_eq(take_over(client, FDNET_NODE_HELD | FDNET_NODE_CLAIM,
				   &fd),
			 -EPERM);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client), 0);
	rg_stop(&relay);
}
END_TEST

/* TAKE with a state of these bytes. */
static const struct {
	const char *label;
	bool memfd;
	uint32_t bytes;
	int rc;
} bad_states[] = {
	{ "zeros", true, 4096, -EPROTO },
	{ "less than said", true, 8192, -EPROTO },
	{ "nothing", true, 0, -EPROTO },
	{ "far too much", true, 1u << 30, -EFBIG },
	{ "a pipe", false, 16, -EINVAL },
};

START_TEST(bad_states_are_refused)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_TAKE, .cookie = 5 };
	int state = memfd_create("socket", MFD_CLOEXEC), pair[2], fds[2];
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len;

	open_node("");
	ck_assert_int_eq(ftruncate(state, 4096), 0);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	req.bytes = bad_states[_i].bytes;
	len = fdnet_node_req_encode(buf, &req);
	fdnet_msg_send(&calls, chan, buf, len,
		       (int[]){ pair[1],
				bad_states[_i].memfd ? state : fds[0] },
		       2, 0);
	ck_assert_msg(told() == bad_states[_i].rc, "%s: %d",
		      bad_states[_i].label, ans.error);
	rg_stop(&relay);
}
END_TEST


static const struct {
	const char *label;
	int domain, kind;
	int rc;
} wrong_fds[] = {
	{ "a packet socket for a stream", AF_UNIX, SOCK_SEQPACKET, -EINVAL },
	{ "a datagram pair", AF_UNIX, SOCK_DGRAM, -EINVAL },
	{ "no socket", -1, 0, -ENOTSOCK },
	{ "no fd", -2, 0, -EBADF },
};

START_TEST(unfit_fds_are_refused)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_NEW, .cookie = 5,
				      .family = 4, .type = 1, .proto = 6 };
	int fds[2] = { -1, -1 };

	open_node("");
	if (wrong_fds[_i].domain == AF_UNIX)
		ck_assert_int_eq(socketpair(AF_UNIX, wrong_fds[_i].kind, 0,
					    fds),
				 0);
	else if (wrong_fds[_i].domain == -1)
		ck_assert_int_eq(pipe(fds), 0);
	tell(req, fds[1]);
	ck_assert_msg(told() == wrong_fds[_i].rc, "%s: %d",
		      wrong_fds[_i].label, ans.error);
	rg_stop(&relay);
}
END_TEST

START_TEST(nonsense_is_counted_and_dropped)
{
	int fd;

	open_node("");
	ck_assert_int_eq(send(chan, "nonsense", 8, 0), 8);
	memset(text, 0xff, sizeof(text));
	ck_assert_int_eq(send(chan, text, 4096, 0), 4096);
	ck_assert_int_eq(send(chan, text, 0, 0), 0);
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_names(fd), 0);
	/* the same cookie twice */
	tell((struct fdnet_node_req){ .op = FDNET_NODE_NEW,
				      .cookie = cookie_of(fd), .family = 4,
				      .type = 1, .proto = 6 },
	     fd);
	ck_assert_int_eq(told(), -EEXIST);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(who_reads_no_answers_loses_the_channel)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_NAMES };
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len = fdnet_node_req_encode(buf, &req);
	int fd;

	open_node("");
	for (int i = 0; i < 20000; i++) {
		if (send(chan, buf, len, MSG_NOSIGNAL) < 0) {
			if (errno == EPIPE)
				break;
			rg_drive(&relay, 1);
		}
	}
	rg_drive(&relay, 20);
	ck_assert_int_lt(send(chan, buf, len, MSG_NOSIGNAL), 0);
	ck_assert(errno == EPIPE || errno == ECONNRESET);
	close(chan);
	chan = rg_node(&relay);
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_names(fd), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

static Suite *node_suite(void)
{
	Suite *s = suite_create("node");
	TCase *tc = tcase_create("streams");

	tcase_add_test(tc, a_socket_reaches_the_host);
	tcase_add_test(tc, refusals_are_told);
	tcase_add_test(tc, listeners_pass_connections);
	tcase_add_test(tc, connections_that_nobody_accepted_are_reset);
	tcase_add_test(tc, node_sockets_reach_each_other);
	tcase_add_test(tc, a_slow_reader_stops_the_sender);
	tcase_add_test(tc, a_channels_end_leaves_its_sockets);
	tcase_add_test(tc, shutdown_sends_what_is_held_first);
	suite_add_tcase(s, tc);
	tc = tcase_create("plain");
	tcase_add_loop_test(tc, a_plain_stream_shows_a_reset, 0, N_ROWS(ends));
	tcase_add_test(tc, a_plain_stream_keeps_nothing_back);
	tcase_add_test(tc, a_plain_stream_resets_too);
	tcase_add_test(tc, a_plain_stream_connects_once_more);
	tcase_add_test(tc, a_dead_streams_port_can_be_had);
	suite_add_tcase(s, tc);
	tc = tcase_create("datagrams");
	tcase_add_test(tc, framed_datagrams_have_names_beside_them);
	tcase_add_test(tc, a_datagram_goes_past_the_connection);
	tcase_add_loop_test(tc, a_port_is_free_as_soon_as_it_is_closed, 0, 2);
	tcase_add_test(tc, names_of_many_peers);
	tcase_add_test(tc, connected_datagrams_are_bare);
	suite_add_tcase(s, tc);
	tc = tcase_create("hand-over");
	tcase_add_test(tc, a_connection_is_taken_over);
	tcase_add_test(tc, a_listener_is_taken_over_with_its_queue);
	tcase_add_test(tc, both_ends_of_a_loop_are_taken_over);
	tcase_add_test(tc, a_queued_loop_is_taken_over);
	tcase_add_test(tc, a_listeners_connection_may_stay);
	tcase_add_test(tc, a_loops_other_end_may_die);
	tcase_add_test(tc, a_datagram_socket_is_taken_over);
	tcase_add_test(tc, a_fresh_socket_needs_no_hold);
	suite_add_tcase(s, tc);
	tc = tcase_create("enemies");
	tcase_add_test(tc, nobody_takes_what_was_not_held);
	tcase_add_loop_test(tc, bad_states_are_refused, 0, N_ROWS(bad_states));
	tcase_add_loop_test(tc, unfit_fds_are_refused, 0, N_ROWS(wrong_fds));
	tcase_add_test(tc, nonsense_is_counted_and_dropped);
	tcase_add_test(tc, who_reads_no_answers_loses_the_channel);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(node_suite());
}
