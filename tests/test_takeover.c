/* SPDX-License-Identifier: Apache-2.0 */
/* A new relay takes over from the running one: what goes on. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stack/wire/node.h"
#include "tests/relay_case.h"
#include "tests/suite_main.h"
#include "tests/takeover_case.h"

#define BULK (3u << 20)

static uint8_t sent[BULK], got[BULK];

static void fill(unsigned int salt)
{
	for (unsigned int i = 0; i < BULK; i++)
		sent[i] = (uint8_t)(i * 7 + i / 4096 + salt);
}

static void echo(struct rg *g, struct fdnet_sock *so, int fd)
{
	char buf[16];

	ck_assert_int_eq(rg_send(g, so, "ping", 4), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, buf, sizeof(buf)), 4);
	ck_assert_int_eq(send(fd, "pong", 4, MSG_NOSIGNAL), 4);
	ck_assert_int_eq(rg_recv(g, so, buf, sizeof(buf)), 4);
	ck_assert_int_eq(memcmp(buf, "pong", 4), 0);
}

/* ---- connections ---- */

static void drain_guest(struct rg *g, struct fdnet_sock *so)
{
	size_t n = 0;

	while (n < BULK) {
		ssize_t rc = rg_recv(g, so, got + n, BULK - n);

		ck_assert_int_gt(rc, 0);
		n += (size_t)rc;
	}
	ck_assert_int_eq(memcmp(sent, got, BULK), 0);
}


/* As much as all buffers on the way take. */
static size_t stuff_host(int fd)
{
	size_t n = 0;

	while (n < BULK) {
		ssize_t rc = send(fd, sent + n, BULK - n,
				  MSG_DONTWAIT | MSG_NOSIGNAL);

		if (rc < 0)
			break;
		n += (size_t)rc;
		rg_drive(&relay, 20);
	}
	return n;
}

static void send_rest(int fd, size_t n)
{
	fcntl(fd, F_SETFL, 0);
	if (n == BULK)
		return;
	if (!fork()) {
		while (n < BULK) {
			ssize_t rc = send(fd, sent + n, BULK - n,
					  MSG_NOSIGNAL);

			if (rc <= 0)
				_exit(1);
			n += (size_t)rc;
		}
		_exit(0);
	}
}

START_TEST(data_on_their_way_to_the_guest_arrive)
{
	struct fdnet_sock *so;
	struct rg *g;
	int listener, fd;
	size_t n;

	relay_area = _i;
	listener = rg_host_listen("127.0.0.1", &port);
	takeover_start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	fill(1);
	n = stuff_host(fd);
	ck_assert_uint_gt(n, 0);
	takeover_now();
	send_rest(fd, n);
	drain_guest(g, so);
	takeover_now();
	close(fd);
	ck_assert_int_eq(rg_recv(g, so, got, 1), 0);
	close(listener);
	takeover_end();
}
END_TEST

START_TEST(data_on_their_way_to_the_host_arrive)
{
	struct fdnet_sock *so;
	struct rg *g;
	int listener, fd;

	relay_area = _i;
	listener = rg_host_listen("127.0.0.1", &port);
	takeover_start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	fill(2);
	/* the first half fits into buffers, nobody reads it yet */
	ck_assert_int_eq(rg_send(g, so, sent, BULK / 6), 0);
	rg_drive(&relay, 50);
	takeover_now();
	ck_assert_int_eq(rg_send(g, so, sent + BULK / 6, BULK / 6), 0);
	takeover_now();
	ck_assert_int_eq(fdnet_sock_shutdown(so, FDNET_SHUT_WR), 0);
	for (size_t n = 0; n < 2 * (BULK / 6);) {
		ssize_t rc = rg_host_recv(&relay, fd, got + n, BULK - n);

		ck_assert_int_gt(rc, 0);
		n += (size_t)rc;
	}
	ck_assert_int_eq(memcmp(sent, got, 2 * (BULK / 6)), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, got, 1), 0);
	/* half closed, and the other half is alive */
	takeover_now();
	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	ck_assert_int_eq(rg_recv(g, so, got, 1), 1);
	close(fd);
	ck_assert_int_eq(rg_recv(g, so, got, 1), 0);
	close(listener);
	takeover_end();
}
END_TEST

START_TEST(idle_connections_and_ends_of_guests_are_seen)
{
	struct fdnet_sock *so[3];
	struct rg *g, *other;
	int listener, fd[3];

	listener = rg_host_listen("127.0.0.1", &port);
	takeover_start("--allow host:%u");
	g = rg_attach(&relay);
	other = rg_attach(&relay);
	fd[0] = connected_pair(g, listener, &so[0]);
	fd[1] = connected_pair(g, listener, &so[1]);
	fd[2] = connected_pair(other, listener, &so[2]);
	takeover_now();
	echo(g, so[0], fd[0]);
	echo(g, so[1], fd[1]);
	echo(other, so[2], fd[2]);
	/* a guest that dies now, a reset from the host */
	rg_kill(other);
	ck_assert_int_le(rg_host_recv(&relay, fd[2], got, 1), 0);
	ck_assert_int_eq(setsockopt(fd[1], SOL_SOCKET, SO_LINGER,
				    &(struct linger){ 1, 0 },
				    sizeof(struct linger)),
			 0);
	close(fd[1]);
	ck_assert_int_eq(rg_recv(g, so[1], got, 1), -ECONNRESET);
	/* new ones, processes too */
	other = rg_attach(&relay);
	fd[1] = connected_pair(other, listener, &so[1]);
	echo(other, so[1], fd[1]);
	echo(g, so[0], fd[0]);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	close(listener);
	takeover_end();
}
END_TEST

/* ---- the inside ---- */

START_TEST(connections_between_programs_go_on)
{
	struct fdnet_sock *listener, *so, *child;
	struct rg *a, *b;
	char buf[8];

	takeover_start("--quiet");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	listener = rg_listen(a, "0.0.0.0", 80);
	ck_assert_int_eq(rg_connect(b, SANDBOX, 80, &so), 0);
	child = rg_accept(a, listener);
	takeover_now();
	ck_assert_int_eq(rg_send(b, so, "in", 2), 0);
	ck_assert_int_eq(rg_recv(a, child, buf, sizeof(buf)), 2);
	/* ports are whose they were */
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_LISTEN, 6, 80), -EADDRINUSE);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 80, &so), 0);
	child = rg_accept(a, listener);
	/* and a death is seen as before */
	rg_kill(b);
	ck_assert_int_eq(rg_recv(a, child, buf, sizeof(buf)), 0);
	takeover_end();
}
END_TEST

START_TEST(leases_of_new_programs_are_others)
{
	struct rg *a, *b;

	takeover_start("--quiet");
	a = rg_attach(&relay);
	takeover_now();
	b = rg_attach(&relay);
	ck_assert(b->welcome.lease_lo > a->welcome.lease_hi ||
		  b->welcome.lease_hi < a->welcome.lease_lo);
	takeover_end();
}
END_TEST

/* ---- datagrams, published ports ---- */

START_TEST(datagram_flows_keep_their_port)
{
	struct sockaddr_in from[2];
	socklen_t len = sizeof(from[0]);
	struct fdnet_sock *so;
	struct fdnet_name name;
	struct rg *g;
	int fd = rg_host_udp("127.0.0.1", &port);

	takeover_start("--allow host:%u/udp");
	g = rg_attach(&relay);
	so = rg_udp(g);
	for (int i = 0; i < 2; i++) {
		if (i)
			takeover_now();
		memset(&from[i], 0, sizeof(from[i]));
		ck_assert_int_eq(rg_sendto(g, so, GATEWAY, port, "q", 1), 1);
		for (int k = 0; k < 500 && !from[i].sin_port; k++) {
			rg_drive(&relay, 10);
			recvfrom(fd, got, 8, MSG_DONTWAIT,
				 (struct sockaddr *)&from[i], &len);
		}
	}
	ck_assert_uint_ne(from[0].sin_port, 0);
	ck_assert_uint_eq(from[0].sin_port, from[1].sin_port);
	takeover_now();
	ck_assert_int_eq(sendto(fd, "me", 2, 0, (struct sockaddr *)&from[0],
				len),
			 2);
	ck_assert_int_eq(rg_recvfrom(g, so, got, 8, &name), 2);
	ck_assert_uint_eq(name.port, port);
	close(fd);
	takeover_end();
}
END_TEST

START_TEST(published_ports_stay_open)
{
	struct fdnet_sock *listener, *child, *late;
	struct rg *g;
	uint16_t host_port;
	int fd, waiting;
	char buf[8];

	fd = rg_host_listen("127.0.0.1", &host_port);
	close(fd);
	port = host_port;
	takeover_start("--publish %u:8080");
	g = rg_attach(&relay);
	listener = rg_listen(g, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_host_connect(&relay, "127.0.0.1", host_port, &fd),
			 0);
	child = rg_accept(g, listener);
	waiting = rg_host_connecting("127.0.0.1", host_port);
	takeover_now();
	late = rg_accept(g, listener);
	ck_assert_int_eq(send(fd, "old", 3, 0), 3);
	ck_assert_int_eq(send(waiting, "new", 3, 0), 3);
	ck_assert_int_eq(rg_recv(g, child, buf, 8), 3);
	ck_assert_int_eq(rg_recv(g, late, buf, 8), 3);
	close(fd);
	close(waiting);
	takeover_end();
}
END_TEST

/* ---- sockets that several processes hold ---- */

START_TEST(shared_sockets_go_on)
{
	struct pollfd p = { .events = POLLIN };
	int listener = rg_host_listen("127.0.0.1", &port), chan, a, fd;
	struct fdnet_node_ans ans;
	char buf[8];

	takeover_start("--allow host:%u");
	chan = rg_node(&relay);
	a = takeover_node_new(chan, FDNET_SOCK_STREAM);
	ans = takeover_node_ask(
		chan, (struct fdnet_node_req){
			      .op = FDNET_NODE_CONNECT,
			      .cookie = takeover_cookie(a),
			      .name = rg_name(GATEWAY, port) });
	ck_assert_uint_eq(ans.error, 0);
	fd = rg_host_accept(&relay, listener);
	ck_assert_int_eq(send(fd, "early", 5, 0), 5);
	rg_drive(&relay, 50);
	takeover_now();
	p.fd = a;
	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	ck_assert_int_eq(recv(a, buf, 8, MSG_DONTWAIT), 5);
	ck_assert_int_eq(send(a, "late", 4, MSG_NOSIGNAL), 4);
	ck_assert_int_eq(rg_host_recv(&relay, fd, buf, 8), 4);
	/* what it is called is known still, and others may ask */
	ans = takeover_node_ask(chan, (struct fdnet_node_req){
					      .op = FDNET_NODE_NAMES,
					      .cookie = takeover_cookie(a) });
	ck_assert_uint_eq(ans.error, 0);
	ck_assert_uint_eq(ans.peer.port, port);
	/* the last close is one */
	close(a);
	ck_assert_int_eq(rg_host_recv(&relay, fd, buf, 8), 0);
	close(fd);
	close(chan);
	close(listener);
	takeover_end();
}
END_TEST

START_TEST(shared_listeners_go_on)
{
	int chan, a, conn;
	struct fdnet_node_ans ans;
	struct fdnet_sock *so;
	struct rg *g;
	char buf[64];

	takeover_start("--quiet");
	g = rg_attach(&relay);
	chan = rg_node(&relay);
	a = takeover_node_new(chan, FDNET_SOCK_STREAM);
	ans = takeover_node_ask(chan, (struct fdnet_node_req){
					      .op = FDNET_NODE_BIND,
					      .cookie = takeover_cookie(a),
					      .name = rg_name("0.0.0.0", 81) });
	ck_assert_uint_eq(ans.error, 0);
	ans = takeover_node_ask(chan, (struct fdnet_node_req){
					      .op = FDNET_NODE_LISTEN,
					      .cookie = takeover_cookie(a),
					      .arg = 8 });
	ck_assert_uint_eq(ans.error, 0);
	takeover_now();
	ck_assert_int_eq(rg_connect(g, SANDBOX, 81, &so), 0);
	ck_assert_int_eq(rg_send(g, so, "hi", 2), 0);
	conn = takeover_accepted(a);
	for (int n = 0; n < 2;) {
		ssize_t rc = rg_host_recv(&relay, conn, buf, 8);

		ck_assert_int_gt(rc, 0);
		n += (int)rc;
	}
	takeover_now();
	ck_assert_int_eq(send(conn, "ho", 2, 0), 2);
	ck_assert_int_eq(rg_recv(g, so, buf, 8), 2);
	/* the port is given back with the last of those who share it */
	close(a);
	close(conn);
	close(chan);
	rg_drive(&relay, 100);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_LISTEN, 6, 81), 0);
	takeover_end();
}
END_TEST

/* ---- names ---- */

START_TEST(questions_in_flight_are_asked_again)
{
	static const uint8_t question[] = {
		0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 'h', 'o', 's',
		't',  7,    'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1,
	};
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct fdnet_sock *so;
	uint8_t buf[512];
	struct rg *g;
	ssize_t n;
	int fd = rg_host_udp("127.0.0.1", &port);

	takeover_start("--allow tcp:host.example:80 --dns 127.0.0.1:%u");
	g = rg_attach(&relay);
	so = rg_udp(g);
	ck_assert_int_gt(rg_sendto(g, so, DNS, 53, question, sizeof(question)),
			 0);
	ck_assert_int_gt(rg_host_recv(&relay, fd, buf, sizeof(buf)), 0);
	takeover_now();
	/* whoever answers the old one answers nobody */
	n = -1;
	relay.host_fd = fd;
	for (int i = 0; i < 500 && n < 12; i++) {
		rg_drive(&relay, 20);
		n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len);
	}
	relay.host_fd = -1;
	ck_assert_int_gt(n, 12);
	buf[2] |= 0x80;
	buf[3] = 0x83; /* no such name */
	ck_assert_int_eq(sendto(fd, buf, (size_t)n, 0,
				(struct sockaddr *)&from, len),
			 n);
	n = rg_recvfrom(g, so, buf, sizeof(buf), NULL);
	ck_assert_int_gt(n, 12);
	ck_assert_uint_eq(buf[0], 0x12);
	ck_assert_uint_eq(buf[1], 0x34);
	ck_assert_uint_eq(buf[3] & 15, 3);
	close(fd);
	takeover_end();
}
END_TEST

/* ---- rules and what was counted ---- */

START_TEST(what_was_counted_is_said_at_the_end)
{
	struct fdnet_sock *so, *second;
	struct rg *g;
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	const char *said;
	char name[64], line[128];
	FILE *file;

	snprintf(name, sizeof(name), "/tmp/fdnet-takeover-%d.policy",
		 getpid());
	file = fopen(name, "w");
	fprintf(file, "allow host:%u conns=1\n", port);
	fclose(file);
	snprintf(line, sizeof(line), "--policy %s", name);
	takeover_start(line);
	g = rg_attach(&relay);
	ck_assert_int_ne(rg_connect(g, "203.0.113.9", 99, &so), 0);
	fd = connected_pair(g, listener, &so);
	takeover_now();
	/* the first one counts still */
	ck_assert_int_ne(rg_connect(g, GATEWAY, port, &second), 0);
	echo(g, so, fd);
	unlink(name);
	said = rg_finish(&relay);
	ck_assert_ptr_nonnull(strstr(said, "203.0.113.9"));
	close(fd);
	close(listener);
	takeover_end();
}
END_TEST

/* ---- whoever fails ---- */

START_TEST(who_breaks_off_changes_nothing)
{
	struct fdnet_sock *so;
	struct rg *g;
	int listener = rg_host_listen("127.0.0.1", &port), fd;

	takeover_start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	takeover_break_off(_i);
	echo(g, so, fd);
	close(fd);
	/* the end of a socket that was shown to another is seen */
	ck_assert_int_eq(rg_recv(g, so, got, 1), 0);
	fd = connected_pair(g, listener, &so);
	takeover_now();
	echo(g, so, fd);
	close(fd);
	close(listener);
	takeover_end();
}
END_TEST

START_TEST(a_bad_state_is_refused)
{
	takeover_start("--quiet");
	takeover_fake(_i);
	takeover_end();
}
END_TEST

START_TEST(one_at_a_time)
{
	int first;

	takeover_start("--quiet");
	first = takeover_ask();
	ck_assert_int_ge(first, 0);
	ck_assert_int_eq(takeover_ask(), -EBUSY);
	close(first);
	takeover_now();
	takeover_end();
}
END_TEST

START_TEST(the_command_says_why)
{
	ck_assert_int_eq(run_relay("--takeover /nowhere/at.all"), 1);
	ck_assert_ptr_nonnull(strstr(text, "No such file"));
	ck_assert_int_eq(run_relay("--takeover /x --allow any"), 2);
	ck_assert_ptr_nonnull(strstr(text, "stands alone"));
}
END_TEST

/* ---- the state's bytes ---- */

static void start_poor(void)
{
	relay_area = false;
	takeover_start("--quiet --allow any --deny tcp:192.0.2.0/24:80");
	rg_attach(&relay);
}

/* Some of everything. */
static void start_rich(void)
{
	struct fdnet_sock *so;
	struct rg *g;
	int listener, chan, a;

	relay_area = true;
	listener = rg_host_listen("127.0.0.1", &port);
	takeover_start("--allow host:%u --allow host:53/udp");
	g = rg_attach(&relay);
	connected_pair(g, listener, &so);
	ck_assert_int_eq(rg_send(g, so, "unread", 6), 0);
	so = rg_udp(g);
	ck_assert_int_eq(rg_sendto(g, so, GATEWAY, 53, "q", 1), 1);
	rg_listen(g, "0.0.0.0", 80);
	ck_assert_int_ne(rg_connect(g, "203.0.113.9", 99, &so), 0);
	chan = rg_node(&relay);
	a = takeover_node_new(chan, FDNET_SOCK_STREAM);
	takeover_node_ask(chan, (struct fdnet_node_req){
					.op = FDNET_NODE_BIND,
					.cookie = takeover_cookie(a),
					.name = rg_name("0.0.0.0", 81) });
	takeover_node_ask(chan, (struct fdnet_node_req){
					.op = FDNET_NODE_LISTEN,
					.cookie = takeover_cookie(a),
					.arg = 8 });
	rg_drive(&relay, 50);
}

START_TEST(what_was_written_can_be_read)
{
	unsigned int nfds;
	int fds[1024];
	size_t len;
	uint8_t *data;

	_i ? start_rich() : start_poor();
	data = takeover_state(&len, fds, &nfds);
	takeover_seed(data, len, fds, nfds);
	ck_assert_int_eq(takeover_read(data, len, fds, nfds), 0);
	/* one more descriptor, one less */
	ck_assert_int_eq(takeover_read(data, len, fds, nfds - 1), -EPROTO);
	fds[nfds] = fds[0];
	ck_assert_int_eq(takeover_read(data, len, fds, nfds + 1), -EPROTO);
	free(data);
}
END_TEST

#define PARTS 200

START_TEST(no_shorter_state_can_be_read)
{
	unsigned int nfds;
	int fds[1024];
	size_t len;
	uint8_t *data;

	start_rich();
	data = takeover_state(&len, fds, &nfds);
	for (size_t n = 0; n < len; n += 1 + len / PARTS)
		ck_assert_int_eq(takeover_read(data, n, fds, nfds), -EPROTO);
	ck_assert_int_eq(takeover_read(data, len - 1, fds, nfds), -EPROTO);
	free(data);
}
END_TEST

/* Most are refused; what is not is a state too. */
START_TEST(changed_bytes_do_no_harm)
{
	unsigned int nfds;
	int fds[1024];
	size_t len;
	uint8_t *data;

	start_rich();
	data = takeover_state(&len, fds, &nfds);
	for (size_t at = (size_t)_i; at < len; at += 1 + len / PARTS) {
		uint8_t was = data[at];

		data[at] = _i ? (uint8_t)~was : was ^ 1;
		takeover_read(data, len, fds, nfds);
		data[at] = was;
	}
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("takeover");
	TCase *tcase = tcase_create("flows");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, data_on_their_way_to_the_guest_arrive, 0, 2);
	tcase_add_loop_test(tcase, data_on_their_way_to_the_host_arrive, 0, 2);
	tcase_add_test(tcase, idle_connections_and_ends_of_guests_are_seen);
	tcase_add_test(tcase, connections_between_programs_go_on);
	tcase_add_test(tcase, leases_of_new_programs_are_others);
	tcase_add_test(tcase, datagram_flows_keep_their_port);
	tcase_add_test(tcase, published_ports_stay_open);
	tcase_add_test(tcase, shared_sockets_go_on);
	tcase_add_test(tcase, shared_listeners_go_on);
	tcase_add_test(tcase, questions_in_flight_are_asked_again);
	tcase_add_test(tcase, what_was_counted_is_said_at_the_end);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("failures");
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, who_breaks_off_changes_nothing, 0,
			    TAKEOVER_BREAKS);
	tcase_add_loop_test(tcase, a_bad_state_is_refused, 0, TAKEOVER_FAKES);
	tcase_add_test(tcase, one_at_a_time);
	tcase_add_test(tcase, the_command_says_why);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("bytes");
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, what_was_written_can_be_read, 0, 2);
	tcase_add_test(tcase, no_shorter_state_can_be_read);
	tcase_add_loop_test(tcase, changed_bytes_do_no_harm, 0, 2);
	suite_add_tcase(suite, tcase);
	return relay_case_main(suite);
}
