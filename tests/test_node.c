/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that the relay holds, by requests on a node channel. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/node_case.h"

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

static Suite *node_suite(void)
{
	Suite *s = suite_create("node");
	TCase *tc = tcase_create("streams");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_socket_reaches_the_host);
	tcase_add_test(tc, refusals_are_told);
	tcase_add_test(tc, listeners_pass_connections);
	tcase_add_test(tc, connections_that_nobody_accepted_are_reset);
	tcase_add_test(tc, node_sockets_reach_each_other);
	tcase_add_test(tc, a_slow_reader_stops_the_sender);
	tcase_add_test(tc, a_channels_end_leaves_its_sockets);
	tcase_add_test(tc, shutdown_sends_what_is_held_first);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(node_suite());
}
