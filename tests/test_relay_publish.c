/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of the host that lead into the sandbox. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

START_TEST(published_port_reaches_the_guest_that_listens)
{
	struct fdnet_sock *listener, *so;
	struct fdnet_name peer;
	struct rg *a, *b;
	int fd = rg_host_listen("127.0.0.1", &port);

	close(fd);
	start("--publish %u:80 --publish 203.0.113.5:%u:81");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	/* nobody listens yet: a reset, no silence */
	if (!rg_host_connect(&relay, "127.0.0.1", port, &fd)) {
		ck_assert_int_eq(rg_host_recv(&relay, fd, text, 1),
				 -ECONNRESET);
		close(fd);
	}
	listener = rg_listen(b, "0.0.0.0", 80);
	ck_assert_int_eq(rg_host_connect(&relay, "127.0.0.1", port, &fd), 0);
	so = rg_accept(b, listener);
	ck_assert_int_eq(fdnet_sock_peer(so, &peer), 0);
	ck_assert_mem_eq(peer.ip.bytes, "\x0a\x00\x02\x02", 4);
	ck_assert_int_eq(send(fd, "in", 2, 0), 2);
	ck_assert_int_eq(rg_recv(b, so, text, 16), 2);
	ck_assert_int_eq(rg_send(b, so, "out", 3), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 16), 3);
	close(fd);
	ck_assert_int_eq(rg_recv(b, so, text, 16), 0);
	fdnet_sock_close(so);
	/* another address: the client's own is seen */
	listener = rg_listen(a, "0.0.0.0", 81);
	ck_assert_int_eq(rg_host_connect(&relay, "203.0.113.5", port, &fd), 0);
	so = rg_accept(a, listener);
	ck_assert_int_eq(fdnet_sock_peer(so, &peer), 0);
	ck_assert_mem_eq(peer.ip.bytes, "\xcb\x00\x71\x05", 4);
	/* its guest dies */
	rg_kill(a);
	ck_assert_int_le(rg_host_recv(&relay, fd, text, 1), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(published_port_zero_is_reported_and_taken_ones_told)
{
	int fd = rg_host_listen("127.0.0.1", &port);
	char args[128];
	const char *said, *arrow;

	snprintf(args, sizeof(args), "--attach-fd 0 --publish %u:80", port);
	ck_assert_int_eq(run_relay(args), 1);
	ck_assert_msg(strstr(text, "Address already in use") != NULL, "%s",
		      text);
	close(fd);
	rg_start(&relay, "--publish 0:80");
	said = rg_finish(&relay);
	arrow = strstr(said, "published 127.0.0.1:");
	ck_assert_msg(arrow && strstr(arrow, "-> 80/tcp"), "%s", said);
	rg_stop(&relay);
}
END_TEST

START_TEST(published_datagrams_cross_both_ways)
{
	int fd = rg_host_udp("127.0.0.1", &port);
	uint16_t client_port;
	struct fdnet_sock *so;
	struct fdnet_name from, name = rg_name("0.0.0.0", 53);
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct rg *g;

	getsockname(fd, (struct sockaddr *)&sa, &len);
	close(fd);
	fd = rg_host_udp("127.0.0.1", &client_port);
	start("--publish %u:53/udp");
	g = rg_attach(&relay);
	ck_assert_int_eq(fdnet_sock_open(g->stack, 4, FDNET_SOCK_DGRAM, 17,
					 &so),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_BIND, 17, 53), 0);
	ck_assert_int_eq(sendto(fd, "q", 1, 0, (struct sockaddr *)&sa, len),
			 1);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 16, &from), 1);
	ck_assert_int_eq(from.port, client_port);
	ck_assert_int_eq(rg_sendto(g, so, GATEWAY, from.port, "answer", 6), 6);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 16), 6);
	rg_stop(&relay);
	close(fd);
}
END_TEST

static Suite *relay_publish_suite(void)
{
	Suite *s = suite_create("relay_publish");
	TCase *tc = tcase_create("relay_publish");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, published_port_reaches_the_guest_that_listens);
	tcase_add_test(tc, published_port_zero_is_reported_and_taken_ones_told);
	tcase_add_test(tc, published_datagrams_cross_both_ways);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_publish_suite());
}
