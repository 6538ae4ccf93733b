/* SPDX-License-Identifier: Apache-2.0 */
/* TCP fast open: two stacks, one asks and remembers, the other gives. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>

#include "stack/wire/tcp.h"
#include "tests/suite_main.h"
#include "tests/tcp_net.h"

#define LEVEL_TCP 6
#define MS	  1000ull

static struct tnet net;
static struct fdnet_sock *listener;

static void setup(void)
{
	static const struct tnet_cfg cfg = {.delay_us = 5 * MS};
	int qlen = 5;

	tnet_init(&net, &cfg);
	listener = tnet_listener(&net, 1, 10);
	ck_assert_int_eq(fdnet_sock_setopt(listener, LEVEL_TCP, TCP_FASTOPEN,
					   &qlen, sizeof(qlen)),
			 0);
}

static void teardown(void)
{
	tnet_done(&net);
}

static ssize_t open_with(struct fdnet_sock *so, const char *data, size_t len)
{
	struct iovec iov = {(void *)data, len};
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = tnet_name(1, TNET_PORT),
		.flags = FDNET_MSG_FASTOPEN,
		.ttl = -1,
		.tos = -1,
	};

	return fdnet_sock_send(so, &msg);
}

static struct fdnet_sock *fresh(void)
{
	struct fdnet_sock *so;

	ck_assert_int_eq(fdnet_sock_open(net.s[0], 4, FDNET_SOCK_STREAM, 6, &so),
			 0);
	return so;
}

static unsigned int info_options(struct fdnet_sock *so)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);

	ck_assert_int_eq(
		fdnet_sock_getopt(so, LEVEL_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_options;
}

/* The first connection asks for a cookie, and closes. */
static void learn_cookie(void)
{
	struct fdnet_sock *so = fresh(), *child;

	ck_assert_int_eq(open_with(so, "", 0), -EINPROGRESS);
	tnet_run_for(&net, 50 * MS);
	ck_assert_int_eq(fdnet_sock_state(so), FDNET_TCP_ESTABLISHED);
	ck_assert_int_eq(fdnet_sock_accept(listener, &child), 0);
	ck_assert_uint_eq(info_options(so) & TCPI_OPT_SYN_DATA, 0);
	fdnet_sock_close(so);
	fdnet_sock_close(child);
	tnet_run_for(&net, 50 * MS);
}

START_TEST(data_arrive_with_the_syn)
{
	struct fdnet_sock *so, *child;
	char buf[16];

	learn_cookie();
	so = fresh();
	ck_assert_int_eq(open_with(so, "hello", 5), 5);
	tnet_run_for(&net, 6 * MS); /* one way */
	ck_assert_int_eq(fdnet_sock_state(so), FDNET_TCP_SYN_SENT);
	ck_assert_int_eq(fdnet_sock_accept(listener, &child), 0);
	ck_assert_int_eq(fdnet_sock_state(child), FDNET_TCP_SYN_RECV);
	ck_assert_int_eq(tnet_recv(child, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, "hello", 5);
	/* the answer comes behind the SYN-ACK */
	ck_assert_int_eq(tnet_send(child, "world", 5), 5);
	tnet_run_for(&net, 6 * MS);
	ck_assert_int_eq(tnet_recv(so, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, "world", 5);
	tnet_run_for(&net, 50 * MS);
	ck_assert_int_eq(fdnet_sock_state(child), FDNET_TCP_ESTABLISHED);
	ck_assert_uint_ne(info_options(so) & TCPI_OPT_SYN_DATA, 0);
	ck_assert_uint_ne(info_options(child) & TCPI_OPT_SYN_DATA, 0);
	fdnet_sock_close(child);
	fdnet_sock_close(so);
}
END_TEST

START_TEST(connect_waits_for_the_first_write)
{
	struct fdnet_name name = tnet_name(1, TNET_PORT);
	struct fdnet_sock *so, *child;
	char buf[16];
	int on = 1;

	learn_cookie();
	so = fresh();
	ck_assert_int_eq(fdnet_sock_setopt(so, LEVEL_TCP, TCP_FASTOPEN_CONNECT,
					   &on, sizeof(on)),
			 0);
	ck_assert_int_eq(fdnet_sock_connect(so, &name), 0);
	ck_assert_uint_ne(fdnet_sock_poll(so) & FDNET_EV_OUT, 0);
	tnet_run_for(&net, 5000 * MS);
	ck_assert_int_eq(fdnet_sock_accept(listener, &child), -EAGAIN);
	ck_assert_int_eq(tnet_send(so, "later", 5), 5);
	tnet_run_for(&net, 6 * MS);
	ck_assert_int_eq(fdnet_sock_accept(listener, &child), 0);
	ck_assert_int_eq(tnet_recv(child, buf, sizeof(buf)), 5);
	fdnet_sock_close(child);
	fdnet_sock_close(so);
}
END_TEST

/* One byte of a SYN's cookie changes on its way, the checksum follows. */
static bool spoil_cookie(struct tnet *n, int from, struct fdnet_pkt *pkt)
{
	uint8_t *tcp = pkt->data + 20;

	(void)n;
	if (from == 0 && tcp[13] & FDNET_TH_SYN) {
		for (uint8_t *p = tcp + 20; p + 10 < pkt->data + pkt->len; p++) {
			if (p[0] == 34 && p[1] == 10) {
				p[2] ^= 0xff;
				pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
				break;
			}
		}
	}
	return false;
}

START_TEST(a_wrong_cookie_costs_only_the_time)
{
	struct fdnet_sock *so, *child;
	char buf[16];

	learn_cookie();
	net.filter = spoil_cookie;
	so = fresh();
	ck_assert_int_eq(open_with(so, "again", 5), 5);
	tnet_run_for(&net, 6 * MS);
	ck_assert_int_eq(fdnet_sock_accept(listener, &child), -EAGAIN);
	tnet_run_for(&net, 50 * MS);
	ck_assert_int_eq(fdnet_sock_accept(listener, &child), 0);
	ck_assert_int_eq(tnet_recv(child, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, "again", 5);
	ck_assert_uint_eq(info_options(so) & TCPI_OPT_SYN_DATA, 0);
	fdnet_sock_close(child);
	fdnet_sock_close(so);
}
END_TEST

static bool drop_syns(struct tnet *n, int from, struct fdnet_pkt *pkt)
{
	(void)n;
	return from == 0 && pkt->data[33] & FDNET_TH_SYN;
}

START_TEST(a_lost_syn_goes_again_without_data)
{
	struct fdnet_sock *so, *child;
	char buf[16];

	learn_cookie();
	net.filter = drop_syns;
	so = fresh();
	ck_assert_int_eq(open_with(so, "third", 5), 5);
	tnet_run_for(&net, 500 * MS);
	net.filter = NULL;
	tnet_run_for(&net, 2000 * MS);
	ck_assert_int_eq(fdnet_sock_accept(listener, &child), 0);
	ck_assert_int_eq(tnet_recv(child, buf, sizeof(buf)), 5);
	ck_assert_uint_eq(info_options(so) & TCPI_OPT_SYN_DATA, 0);
	fdnet_sock_close(child);
	fdnet_sock_close(so);
}
END_TEST

START_TEST(the_queue_of_unconfirmed_ones_has_an_end)
{
	struct fdnet_sock *so[8], *child;
	int n = 0;

	learn_cookie();
	for (int i = 0; i < 8; i++) {
		so[i] = fresh();
		ck_assert_int_eq(open_with(so[i], "x", 1), 1);
	}
	tnet_run_for(&net, 6 * MS);
	while (!fdnet_sock_accept(listener, &child)) {
		fdnet_sock_close(child);
		n++;
	}
	ck_assert_int_eq(n, 5);
	for (int i = 0; i < 8; i++)
		fdnet_sock_close(so[i]);
}
END_TEST

START_TEST(refused_calls_say_why)
{
	struct fdnet_tcp_settings off = {.fastopen = FDNET_TFO_OFF};
	struct fdnet_sock *so = fresh();
	int on = 1;

	ck_assert_int_eq(open_with(so, "x", 1), -EINPROGRESS);
	ck_assert_int_eq(open_with(so, "x", 1), -EALREADY);
	fdnet_sock_close(so);
	fdnet_stack_set_tcp(net.s[0], &off);
	so = fresh();
	ck_assert_int_eq(open_with(so, "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(fdnet_sock_setopt(so, LEVEL_TCP, TCP_FASTOPEN_CONNECT,
					   &on, sizeof(on)),
			 -EOPNOTSUPP);
	ck_assert_int_eq(fdnet_sock_setopt(so, LEVEL_TCP, TCP_FASTOPEN_KEY,
					   &on, sizeof(on)),
			 -EINVAL);
	fdnet_sock_close(so);
}
END_TEST

static Suite *fastopen_suite(void)
{
	Suite *s = suite_create("tcp_fastopen");
	TCase *tc = tcase_create("both_sides");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, data_arrive_with_the_syn);
	tcase_add_test(tc, connect_waits_for_the_first_write);
	tcase_add_test(tc, a_wrong_cookie_costs_only_the_time);
	tcase_add_test(tc, a_lost_syn_goes_again_without_data);
	tcase_add_test(tc, the_queue_of_unconfirmed_ones_has_an_end);
	tcase_add_test(tc, refused_calls_say_why);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(fastopen_suite)
