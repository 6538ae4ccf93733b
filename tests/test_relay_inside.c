/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of one sandbox among each other. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

START_TEST(guests_reach_each_other_over_loopback)
{
	static const char *const addresses[] = { "127.0.0.1", SANDBOX };
	struct fdnet_sock *listener, *client, *server;
	struct rg *a, *b;

	rg_start(&relay, "");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(b, addresses[_i], 8080, &client),
			 -ECONNREFUSED);
	listener = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 6, 8080), -EADDRINUSE);
	ck_assert_int_eq(rg_connect(b, addresses[_i], 8080, &client), 0);
	server = rg_accept(a, listener);
	ck_assert_int_eq(rg_send(b, client, "to a", 4), 0);
	ck_assert_int_eq(rg_recv(a, server, text, 16), 4);
	memset(text, 'z', sizeof(text));
	ck_assert_int_eq(rg_send(a, server, text, sizeof(text)), 0);
	for (size_t got = 0; got < sizeof(text);)
		got += (size_t)rg_recv(b, client, text, sizeof(text));
	fdnet_sock_close(client);
	ck_assert_int_eq(rg_recv(a, server, text, 16), 0);
	fdnet_sock_close(server);
	rg_drive(&relay, 10);
	rg_stop(&relay);
}
END_TEST

START_TEST(a_dead_guests_peers_see_the_end)
{
	struct fdnet_sock *listener, *client, *server;
	struct rg *a, *b;

	rg_start(&relay, "");
	/* what it said before is read, then the end */
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	listener = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client), 0);
	server = rg_accept(a, listener);
	ck_assert_int_eq(rg_send(a, server, "goodbye", 7), 0);
	rg_drive(&relay, 20);
	rg_kill(a);
	ck_assert_int_eq(rg_recv(b, client, text, 16), 7);
	ck_assert_int_eq(rg_recv(b, client, text, 16), 0);
	/* and who talks to the dead is told */
	ck_assert_int_eq(rg_send(b, client, "hello?", 6), 0);
	rg_drive(&relay, 20);
	ck_assert_int_lt(rg_send(b, client, "hello?", 6), 0);
	fdnet_sock_close(client);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client),
			 -ECONNREFUSED);
	/* data that it had not read: a reset */
	a = rg_attach(&relay);
	listener = rg_listen(b, "0.0.0.0", 8081);
	ck_assert_int_eq(rg_connect(a, "127.0.0.1", 8081, &client), 0);
	server = rg_accept(b, listener);
	rg_drive(&relay, 20);
	relay.guests[0] = relay.guests[0] == a ? NULL : relay.guests[0];
	relay.guests[1] = relay.guests[1] == a ? NULL : relay.guests[1];
	ck_assert_int_eq(rg_send(b, server, "unread", 6), 0);
	rg_drive(&relay, 20);
	rg_kill(a);
	ck_assert_int_eq(rg_recv(b, server, text, 16), -ECONNRESET);
	rg_stop(&relay);
}
END_TEST

START_TEST(guests_exchange_datagrams)
{
	struct fdnet_sock *so, *server;
	struct fdnet_name from, name = rg_name("0.0.0.0", 5000);
	static const size_t sizes[] = { 1, 9000, 65507 };
	struct rg *a, *b;

	rg_start(&relay, "");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	so = rg_udp(b);
	ck_assert_int_eq(rg_sendto(b, so, "127.0.0.1", 5000, "x", 1), 1);
	ck_assert_int_eq(rg_recvfrom(b, so, text, 1, NULL), -ECONNREFUSED);
	ck_assert_int_eq(fdnet_sock_open(a->stack, 4, FDNET_SOCK_DGRAM, 17,
					 &server),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(server, &name), 0);
	ck_assert_int_eq(rg_claim(a, FDNET_CTL_BIND, 17, 5000), 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(rg_sendto(b, so, "127.0.0.1", 5000, text,
					   sizes[i]),
				 (int)sizes[i]);
		ck_assert_int_eq(rg_recvfrom(a, server, text, sizeof(text),
					     &from),
				 (int)sizes[i]);
		ck_assert_int_eq(rg_sendto(a, server, "127.0.0.1", from.port,
					   text, sizes[i]),
				 (int)sizes[i]);
		ck_assert_int_eq(rg_recvfrom(b, so, text, sizeof(text), NULL),
				 (int)sizes[i]);
	}
	rg_stop(&relay);
}
END_TEST

static Suite *relay_inside_suite(void)
{
	Suite *s = suite_create("relay_inside");
	TCase *tc = tcase_create("relay_inside");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, guests_reach_each_other_over_loopback, 0, 2);
	tcase_add_test(tc, a_dead_guests_peers_see_the_end);
	tcase_add_test(tc, guests_exchange_datagrams);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_inside_suite());
}
