/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/stack_pair.h"
#include "tests/suite_main.h"

static struct stack_pair *pair;

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static struct fdnet_sock *udp(int side, const char *ip, uint16_t port)
{
	struct fdnet_sock *so = sock_open(pair->s[side],
					  strchr(ip, ':') ? 6 : 4,
					  FDNET_SOCK_DGRAM, 17);

	if (port)
		sock_bind(so, ip, port);
	return so;
}

static uint32_t events_of(struct fdnet_stack *stack, struct fdnet_sock *want)
{
	struct fdnet_sock *so;
	uint32_t ev, sum = 0;

	while ((so = fdnet_stack_next_event(stack, &ev)))
		if (so == want)
			sum |= ev;
	return sum;
}

/* ---- plain exchange ---- */

static const struct {
	const char *label, *from, *to;
	size_t len;
} exchanges[] = {
	{ "v4 small", "10.0.0.1", "10.0.0.2", 5 },
	{ "v4 empty", "10.0.0.1", "10.0.0.2", 0 },
	{ "v4 mtu", "10.0.0.1", "10.0.0.2", 1472 },
	{ "v4 two fragments", "10.0.0.1", "10.0.0.2", 1473 },
	{ "v4 largest", "10.0.0.1", "10.0.0.2", 65507 },
	{ "v6 small", "fd00::1", "fd00::2", 5 },
	{ "v6 fragments", "fd00::1", "fd00::2", 5000 },
	{ "v6 largest", "fd00::1", "fd00::2", 65527 },
	{ "loop v4", "127.0.0.1", "127.0.0.1", 100 },
	{ "loop v4 largest", "127.0.0.1", "127.0.0.1", 65507 },
	{ "loop v6", "::1", "::1", 100 },
	{ "own address", "10.0.0.1", "10.0.0.1", 100 },
};

START_TEST(datagrams_go_and_come_back)
{
	const char *label = exchanges[_i].label;
	bool loop = !strcmp(exchanges[_i].from, exchanges[_i].to);
	struct fdnet_sock *a = udp(0, exchanges[_i].from, 1111);
	struct fdnet_sock *b = udp(loop ? 0 : 1, exchanges[_i].to, 2222);
	struct fdnet_name to = name_of(exchanges[_i].to, 2222), from;
	size_t len = exchanges[_i].len, i;
	uint8_t *out = malloc(70000), *in = malloc(70000);

	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	ck_assert_msg(sock_send(a, out, len, &to) == (ssize_t)len, "%s",
		      label);
	stack_pair_run(pair);
	ck_assert_msg(events_of(pair->s[loop ? 0 : 1], b) & FDNET_EV_IN, "%s",
		      label);
	ck_assert_msg(sock_recv(b, in, 70000, &from) == (ssize_t)len, "%s",
		      label);
	ck_assert_msg(!memcmp(in, out, len), "%s", label);
	ck_assert_int_eq(from.port, 1111);
	/* and back */
	ck_assert_int_eq(sock_send(b, out, len, &from), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(a, in, 70000, &from), (ssize_t)len);
	ck_assert_msg(!memcmp(in, out, len), "%s", label);
	ck_assert_int_eq(sock_recv(a, in, 70000, NULL), -EAGAIN);
	free(out);
	free(in);
}
END_TEST

START_TEST(fresh_socket_is_writable_only)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);

	ck_assert_uint_eq(fdnet_sock_poll(so), FDNET_EV_OUT);
}
END_TEST

START_TEST(closed_port_is_refused)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_name to = name_of("10.0.0.2", 9);
	char c;

	ck_assert_int_eq(fdnet_sock_connect(a, &to), 0);
	ck_assert_int_eq(sock_send(a, "x", 1, NULL), 1);
	stack_pair_run(pair);
	ck_assert_uint_eq(fdnet_sock_poll(a), FDNET_EV_OUT | FDNET_EV_ERR);
	ck_assert_int_eq(sock_recv(a, &c, 1, NULL), -ECONNREFUSED);
	ck_assert_int_eq(sock_recv(a, &c, 1, NULL), -EAGAIN);
}
END_TEST

static Suite *udp_suite(void)
{
	Suite *s = suite_create("udp");
	TCase *tc = tcase_create("udp");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, datagrams_go_and_come_back, 0,
			    N_ROWS(exchanges));
	tcase_add_test(tc, fresh_socket_is_writable_only);
	tcase_add_test(tc, closed_port_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(udp_suite)
