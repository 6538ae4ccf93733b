/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of a guest's stack that the relay takes over: HOLD, then TAKE. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/node_case.h"

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

/* Those that a full listener has not answered yet come along, in order. */
START_TEST(a_full_listener_is_taken_over_with_whom_it_holds)
{
	struct fdnet_sock *listener;
	int fd, conn, hosts[6];
	struct rg *g;

	close(rg_host_listen("127.0.0.1", &port));
	open_node("--publish %u:8080");
	g = rg_attach(&relay);
	listener = rg_listen(g, "0.0.0.0", 8080);
	ck_assert_int_eq(fdnet_sock_listen(listener, 1), 0);
	for (int i = 0; i < 6; i++) {
		char c = (char)('a' + i);

		ck_assert_int_eq(rg_host_connect(&relay, "127.0.0.1", port,
						 &hosts[i]),
				 0);
		ck_assert_int_eq(send(hosts[i], &c, 1, 0), 1);
		rg_drive(&relay, 20);
	}
	ck_assert_int_eq(hold(g, listener), 0);
	ck_assert_int_eq(take_over(listener, FDNET_NODE_HELD |
						     FDNET_NODE_CLAIM,
				   &fd),
			 0);
	for (int i = 0; i < 6; i++) {
		conn = node_accept(fd);
		ck_assert_int_eq(take(conn, text, 16), 1);
		ck_assert_int_eq(text[0], 'a' + i);
		ck_assert_int_eq(send(conn, text, 1, 0), 1);
		ck_assert_int_eq(rg_host_recv(&relay, hosts[i], text, 16), 1);
		close(conn);
		close(hosts[i]);
	}
	close(fd);
	rg_stop(&relay);
}
END_TEST

static int host_connect_from(const struct sockaddr_in *from)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct linger linger = { 1, 0 }; /* the port is free at once */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)from, sizeof(*from)),
			 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static bool has_client(void *arg)
{
	return fdnet_sock_poll(arg) & FDNET_EV_IN;
}

/* A client's port is used again soon after its connection moved and ended. */
START_TEST(names_of_what_was_taken_over_serve_again)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	socklen_t len = sizeof(from);
	struct fdnet_sock *listener, *so;
	int fd, host;
	struct rg *g;

	close(rg_host_listen("127.0.0.1", &port));
	open_node("--publish %u:8080");
	g = rg_attach(&relay);
	listener = rg_listen(g, "0.0.0.0", 8080);
	host = host_connect_from(&from);
	ck_assert_int_eq(getsockname(host, (struct sockaddr *)&from, &len), 0);
	so = rg_accept(g, listener);
	ck_assert_int_eq(hold(g, so), 0);
	ck_assert_int_eq(take_over(so, FDNET_NODE_HELD, &fd), 0);
	ck_assert_int_eq(send(fd, "one", 3, 0), 3);
	ck_assert_int_eq(rg_host_recv(&relay, host, text, 16), 3);
	close(host);
	ck_assert_int_le(take(fd, text, 16), 0);
	close(fd);
	rg_drive(&relay, 20);
	host = host_connect_from(&from);
	/* as long as all that waits for an answer here: not until the relay
	 * has forgotten the first */
	ck_assert(rg_until(&relay, 4500, has_client, listener));
	so = rg_accept(g, listener);
	ck_assert_int_eq(send(host, "two", 3, 0), 3);
	ck_assert_int_eq(rg_recv(g, so, text, 16), 3);
	ck_assert_int_eq(rg_send(g, so, "three", 5), 0);
	ck_assert_int_eq(rg_host_recv(&relay, host, text, 16), 5);
	close(host);
	rg_stop(&relay);
}
END_TEST

/* A port that was given away, and whose socket has ended, is the guest's. */
START_TEST(a_port_of_what_was_taken_over_serves_again)
{
	struct fdnet_name name = rg_name("0.0.0.0", 5000);
	struct fdnet_sock *so, *other, *client;
	struct rg *a, *b;
	int fd;

	open_node("");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	other = rg_udp(b);
	/* a listener, a datagram socket, and one that is connected */
	so = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(hold(a, so), 0);
	ck_assert_int_eq(take_over(so, FDNET_NODE_HELD | FDNET_NODE_CLAIM,
				   &fd),
			 0);
	close(fd);
	rg_drive(&relay, 20);
	so = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client), 0);
	rg_accept(a, so);
	for (int i = 0; i < 4; i++) {
		uint16_t own = (uint16_t)(5000 + i / 2);

		ck_assert_int_eq(rg_claim(a, FDNET_CTL_BIND, 17, own), 0);
		ck_assert_int_eq(fdnet_sock_open(a->stack, 4, 2, 17, &so), 0);
		name = rg_name("127.0.0.1", own);
		ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
		fdnet_sock_name(other, &name);
		name.ip = rg_name("127.0.0.1", 0).ip;
		if (i / 2)
			ck_assert_int_eq(fdnet_sock_connect(so, &name), 0);
		ck_assert_int_eq(rg_sendto(b, other, "127.0.0.1", own, "one",
					   3),
				 3);
		ck_assert_int_eq(rg_recvfrom(a, so, text, 16, &name), 3);
		if (i % 2)
			continue;
		ck_assert_int_eq(hold(a, so), 0);
		ck_assert_int_eq(take_over(so, FDNET_NODE_HELD |
						       FDNET_NODE_CLAIM,
					   &fd),
				 0);
		close(fd);
		rg_drive(&relay, 20);
	}
	rg_stop(&relay);
}
END_TEST

/* More than may be on the way at a time, one by one. */
START_TEST(any_number_is_taken_over_in_a_short_time)
{
	struct fdnet_sock *listener, *client, *server;
	struct rg *a, *b;
	int fd;

	open_node("");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	listener = rg_listen(a, "0.0.0.0", 8080);
	for (int i = 0; i < 1100; i++) {
		ck_assert_int_eq(rg_connect(b, SANDBOX, 8080, &client), 0);
		server = rg_accept(a, listener);
		ck_assert_int_eq(hold(a, server), 0);
		ck_assert_int_eq(take_over(server, FDNET_NODE_HELD, &fd), 0);
		close(fd);
		fdnet_sock_abort(client);
	}
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

static Suite *node_suite(void)
{
	Suite *s = suite_create("node_take");
	TCase *tc = tcase_create("hand-over");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_connection_is_taken_over);
	tcase_add_test(tc, a_listener_is_taken_over_with_its_queue);
	tcase_add_test(tc, a_full_listener_is_taken_over_with_whom_it_holds);
	tcase_add_test(tc, names_of_what_was_taken_over_serve_again);
	tcase_add_test(tc, a_port_of_what_was_taken_over_serves_again);
	tcase_add_test(tc, any_number_is_taken_over_in_a_short_time);
	tcase_add_test(tc, both_ends_of_a_loop_are_taken_over);
	tcase_add_test(tc, a_queued_loop_is_taken_over);
	tcase_add_test(tc, a_listeners_connection_may_stay);
	tcase_add_test(tc, a_loops_other_end_may_die);
	tcase_add_test(tc, a_datagram_socket_is_taken_over);
	tcase_add_test(tc, a_fresh_socket_needs_no_hold);
	tcase_add_test(tc, nobody_takes_what_was_not_held);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(node_suite());
}
