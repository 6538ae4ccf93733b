/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of who does not ask why they end: static programs. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/node_case.h"
#include "tests/suite_main.h"

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

static Suite *node_suite(void)
{
	Suite *s = suite_create("node_plain");
	TCase *tc = tcase_create("plain");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_plain_stream_shows_a_reset, 0, N_ROWS(ends));
	tcase_add_test(tc, a_plain_stream_keeps_nothing_back);
	tcase_add_test(tc, a_plain_stream_resets_too);
	tcase_add_test(tc, a_plain_stream_connects_once_more);
	tcase_add_test(tc, a_dead_streams_port_can_be_had);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(node_suite());
}
