/* SPDX-License-Identifier: Apache-2.0 */
/* TCP between two stacks: calls, data, closing, errors. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/object.h"
#include "stack/tcp_internal.h"
#include "tests/tcp_net.h"

#define SEC 1000000ull

static struct tnet net;
static struct fdnet_sock *so[2];

static void start(void)
{
	tnet_init(&net, NULL);
}

static void start_pair(void)
{
	start();
	tnet_pair(&net, so);
}

static void stop(void)
{
	tnet_done(&net);
}

/* ---- tests ---- */

START_TEST(connect_accept_and_names)
{
	struct fdnet_name name;

	start_pair();
	ck_assert_int_eq(fdnet_sock_peer(so[1], &name), 0);
	ck_assert_int_eq(name.ip.bytes[3], 1);
	ck_assert_int_eq(fdnet_sock_name(so[1], &name), 0);
	ck_assert_int_eq(name.port, TNET_PORT);
	fdnet_sock_close(so[0]);
	fdnet_sock_close(so[1]);
	tnet_run_for(&net, SEC);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[0]), 0);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	ck_assert_uint_eq(fdnet_stack_expiry(net.s[0]), FDNET_NEVER);
	ck_assert_uint_eq(fdnet_stack_expiry(net.s[1]), FDNET_NEVER);
	stop();
}
END_TEST

START_TEST(ipv6_connects)
{
	struct fdnet_name any = {.ip = {.family = 6}, .port = TNET_PORT};
	struct fdnet_name dst = tnet_name6(1, TNET_PORT);
	struct fdnet_sock *l, *c;
	char buf[8];

	start();
	ck_assert_int_eq(fdnet_sock_open(net.s[1], 6, 1, 6, &l), 0);
	ck_assert_int_eq(fdnet_sock_bind(l, &any), 0);
	ck_assert_int_eq(fdnet_sock_listen(l, 1), 0);
	ck_assert_int_eq(fdnet_sock_open(net.s[0], 6, 1, 6, &c), 0);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -EINPROGRESS);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_accept(l, &so[1]), 0);
	ck_assert_int_eq(tnet_send(so[1], "hello", 5), 5);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(c, buf, 8), 5);
	stop();
}
END_TEST

START_TEST(request_and_response_cost_one_packet_each)
{
	char buf[8];
	unsigned int before[2];

	start_pair();
	tnet_run_for(&net, SEC);
	for (int i = 0; i < 5; i++) {
		memcpy(before, net.pkts, sizeof(before));
		ck_assert_int_eq(tnet_send(so[0], "q", 1), 1);
		tnet_idle(&net);
		ck_assert_int_eq(tnet_recv(so[1], buf, 8), 1);
		ck_assert_int_eq(tnet_send(so[1], "a", 1), 1);
		tnet_idle(&net);
		ck_assert_int_eq(tnet_recv(so[0], buf, 8), 1);
		ck_assert_uint_eq(net.pkts[0], before[0] + 1);
		ck_assert_uint_eq(net.pkts[1], before[1] + 1);
	}
	/* once acknowledged, an idle connection arms no timer */
	tnet_run_for(&net, SEC);
	ck_assert_uint_eq(fdnet_stack_expiry(net.s[0]), FDNET_NEVER);
	ck_assert_uint_eq(fdnet_stack_expiry(net.s[1]), FDNET_NEVER);
	ck_assert(!fdnet_stack_has_work(net.s[0]));
	stop();
}
END_TEST

START_TEST(short_connection_is_seven_packets)
{
	struct fdnet_sock *l, *c, *a;
	char buf[8];

	start();
	l = tnet_listener(&net, 1, 8);
	c = tnet_connect(&net, 0, 1);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_accept(l, &a), 0);
	tnet_send(c, "q", 1);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(a, buf, 8), 1);
	tnet_send(a, "a", 1);
	fdnet_sock_close(a);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(c, buf, 8), 1);
	ck_assert_int_eq(tnet_recv(c, buf, 8), 0);
	fdnet_sock_close(c);
	tnet_idle(&net);
	ck_assert_uint_le(net.pkts[0] + net.pkts[1], 7);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[0]), 0);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 1);
	stop();
}
END_TEST

static const struct {
	const char *name;
	struct tnet_cfg cfg;
	uint64_t total;
} bulk_rows[] = {
	{"lossless, bursts",
	 {.lossless = true, .mtu = 65520, .gso_max = 65536, .delay_us = 5},
	 20000000},
	{"lossless, large bursts",
	 {.lossless = true, .mtu = 65520, .gso_max = 262144, .delay_us = 5},
	 20000000},
	{"lossless, no bursts",
	 {.lossless = true, .mtu = 1500, .delay_us = 5},
	 3000000},
	{"plain, MTU 1500", {.mtu = 1500, .delay_us = 1000}, 3000000},
	{"plain, tiny buffers",
	 {.mtu = 1500, .delay_us = 1000, .sndbuf = 4608, .rcvbuf = 4608},
	 200000},
	{"lossless, tiny buffers",
	 {.lossless = true,
	  .mtu = 65520,
	  .gso_max = 65536,
	  .delay_us = 5,
	  .sndbuf = 4608,
	  .rcvbuf = 4608},
	 200000},
	{"loss 1 %", {.delay_us = 5000, .loss_ppm = 10000, .seed = 1}, 2000000},
	{"loss 10 %", {.delay_us = 2000, .loss_ppm = 100000, .seed = 2}, 300000},
	{"reordering",
	 {.delay_us = 5000, .reorder_ppm = 100000, .seed = 3},
	 2000000},
	{"jitter", {.delay_us = 5000, .jitter_us = 5000, .seed = 4}, 2000000},
	{"duplicates", {.delay_us = 5000, .dup_ppm = 100000, .seed = 5}, 2000000},
	{"corruption", {.delay_us = 5000, .corrupt_ppm = 20000, .seed = 6}, 1000000},
	{"everything",
	 {.delay_us = 5000,
	  .jitter_us = 3000,
	  .loss_ppm = 20000,
	  .dup_ppm = 20000,
	  .corrupt_ppm = 10000,
	  .reorder_ppm = 20000,
	  .seed = 7},
	 1000000},
	{"lossless link that loses",
	 {.lossless = true,
	  .mtu = 65520,
	  .gso_max = 65536,
	  .delay_us = 5,
	  .loss_ppm = 20000,
	  .seed = 8},
	 5000000},
};

START_TEST(bulk_bytes_are_equal)
{
	struct tnet_flow f = {.total = bulk_rows[_i].total};

	tnet_init(&net, &bulk_rows[_i].cfg);
	tnet_pair(&net, so);
	f.from = so[0];
	f.to = so[1];
	tnet_flow_run(&net, &f, 3000 * SEC);
	if (getenv("TCP_TEST_VERBOSE"))
		printf("%-28s %llu ms, %u + %u packets\n", bulk_rows[_i].name,
		       (unsigned long long)(net.now_us / 1000 - 1000),
		       net.pkts[0], net.pkts[1]);
	fdnet_sock_close(so[0]);
	fdnet_sock_close(so[1]);
	tnet_run_for(&net, 400 * SEC);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[0]), 0);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	stop();
}
END_TEST

START_TEST(reader_that_stops_closes_the_window)
{
	struct tnet_flow f = {.total = 8000000};
	uint64_t stop_at;

	start_pair();
	f.from = so[0];
	f.to = so[1];
	tnet_flow_send(&f);
	tnet_run_for(&net, SEC);
	tnet_flow_send(&f);
	stop_at = net.now_us + 300 * SEC;
	tnet_run(&net, stop_at);
	tnet_flow_send(&f); /* the buffer may have grown once more */
	ck_assert_uint_lt(f.sent, f.total);
	ck_assert_uint_gt(fdnet_sock_inq(so[1]), 65536);
	ck_assert_uint_eq(fdnet_sock_poll(so[0]) & FDNET_EV_OUT, 0);
	tnet_flow_run(&net, &f, 10 * SEC);
	stop();
}
END_TEST

START_TEST(half_close_lets_the_other_side_send)
{
	char buf[8];

	start_pair();
	ck_assert_int_eq(fdnet_sock_shutdown(so[0], FDNET_SHUT_WR), 0);
	tnet_run_for(&net, SEC);
	ck_assert_int_eq(tnet_recv(so[1], buf, 8), 0);
	ck_assert_int_eq(fdnet_sock_state(so[0]), FDNET_TCP_FIN_WAIT2);
	ck_assert_int_eq(fdnet_sock_state(so[1]), FDNET_TCP_CLOSE_WAIT);
	ck_assert_int_eq(tnet_send(so[0], "x", 1), -EPIPE);
	ck_assert_int_eq(tnet_send(so[1], "late", 4), 4);
	tnet_run_for(&net, SEC);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 4);
	fdnet_sock_close(so[1]);
	tnet_run_for(&net, SEC);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 0);
	ck_assert_int_eq(fdnet_sock_poll(so[0]) & FDNET_EV_HUP, FDNET_EV_HUP);
	stop();
}
END_TEST

START_TEST(refused_connect_tells_once)
{
	struct fdnet_name dst = tnet_name(1, 9);
	struct fdnet_sock *c;
	int error;
	uint32_t len = sizeof(error);

	start();
	ck_assert_int_eq(fdnet_sock_open(net.s[0], 4, 1, 6, &c), 0);
	ck_assert_uint_eq(fdnet_sock_poll(c), FDNET_EV_OUT | FDNET_EV_HUP);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -EINPROGRESS);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -EALREADY);
	ck_assert_uint_eq(fdnet_sock_poll(c), 0);
	tnet_idle(&net);
	ck_assert_uint_eq(fdnet_sock_poll(c),
			  FDNET_EV_IN | FDNET_EV_OUT | FDNET_EV_ERR |
				  FDNET_EV_HUP | FDNET_EV_RDHUP);
	ck_assert_uint_eq(tnet_events(net.s[0], c) & FDNET_EV_ERR, FDNET_EV_ERR);
	ck_assert_int_eq(fdnet_sock_getopt(c, 1, 4, &error, &len), 0);
	ck_assert_int_eq(error, ECONNREFUSED);
	ck_assert_int_eq(fdnet_sock_getopt(c, 1, 4, &error, &len), 0);
	ck_assert_int_eq(error, 0);
	/* the next call reports the failure, the one after tries anew */
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -ECONNABORTED);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -EINPROGRESS);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -ECONNREFUSED);
	fdnet_sock_close(c);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[0]), 0);
	stop();
}
END_TEST

START_TEST(second_connect_after_success)
{
	struct fdnet_name dst = tnet_name(1, TNET_PORT);

	start();
	tnet_listener(&net, 1, 8);
	so[0] = tnet_connect(&net, 0, 1);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_connect(so[0], &dst), 0);
	ck_assert_int_eq(fdnet_sock_connect(so[0], &dst), -EISCONN);
	stop();
}
END_TEST

START_TEST(connect_without_answer_times_out)
{
	struct fdnet_name dst = {.ip = fdnet_ip4(0x0a000063), .port = 1};
	struct fdnet_sock *c;

	start();
	ck_assert_int_eq(fdnet_sock_open(net.s[0], 4, 1, 6, &c), 0);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -EINPROGRESS);
	tnet_run_for(&net, 1000 * SEC);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -ETIMEDOUT);
	stop();
}
END_TEST

START_TEST(close_with_unread_data_resets)
{
	char buf[8];

	start_pair();
	tnet_send(so[0], "unread", 6);
	tnet_idle(&net);
	fdnet_sock_close(so[1]);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), -ECONNRESET);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 0);
	ck_assert_int_eq(tnet_send(so[0], "x", 1), -EPIPE);
	stop();
}
END_TEST

/* The FIN that shutdown() has queued never gets its turn. */
START_TEST(close_with_unread_data_right_after_shutdown_resets)
{
	char buf[8];

	start_pair();
	tnet_send(so[0], "unread", 6);
	fdnet_sock_shutdown(so[0], FDNET_SHUT_WR);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_shutdown(so[1], FDNET_SHUT_WR), 0);
	fdnet_sock_close(so[1]);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), -ECONNRESET);
	stop();
}
END_TEST

START_TEST(received_data_outlive_a_reset)
{
	char buf[8];

	start_pair();
	tnet_send(so[1], "last", 4);
	tnet_idle(&net);
	fdnet_sock_abort(so[1]);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 4);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), -ECONNRESET);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 0);
	stop();
}
END_TEST

START_TEST(data_after_close_resets)
{
	start_pair();
	fdnet_sock_close(so[1]);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_send(so[0], "x", 1), 1);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_send(so[0], "x", 1), -EPIPE);
	stop();
}
END_TEST

START_TEST(linger_zero_resets)
{
	struct {
		int on, s;
	} linger = {1, 0};
	char buf[8];

	start_pair();
	ck_assert_int_eq(fdnet_sock_setopt(so[1], 1, 13, &linger, 8), 0);
	fdnet_sock_close(so[1]);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), -ECONNRESET);
	stop();
}
END_TEST

START_TEST(fresh_socket_errors)
{
	struct fdnet_sock *s;
	char buf[8];

	start();
	ck_assert_int_eq(fdnet_sock_open(net.s[0], 4, 1, 6, &s), 0);
	ck_assert_int_eq(tnet_send(s, "x", 1), -EPIPE);
	ck_assert_int_eq(tnet_recv(s, buf, 8), -ENOTCONN);
	ck_assert_int_eq(fdnet_sock_shutdown(s, FDNET_SHUT_WR), -ENOTCONN);
	ck_assert_int_eq(fdnet_sock_accept(s, &so[0]), -EINVAL);
	stop();
}
END_TEST

START_TEST(closed_listener_resets_the_unaccepted)
{
	struct fdnet_sock *l;
	char buf[8];

	start();
	l = tnet_listener(&net, 1, 8);
	so[0] = tnet_connect(&net, 0, 1);
	tnet_idle(&net);
	fdnet_sock_close(l);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), -ECONNRESET);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	stop();
}
END_TEST

START_TEST(many_slow_readers_share_a_limit)
{
	static char junk[65536];
	struct fdnet_sock *l, *c[200], *a;
	uint64_t held = 0;

	tnet_init(&net, NULL);
	net.s[1]->cfg.tcp_mem = 10u << 20;
	l = tnet_listener(&net, 1, 500);
	for (int i = 0; i < 200; i++)
		c[i] = tnet_connect(&net, 0, 1);
	tnet_idle(&net);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 200; i++)
			tnet_send(c[i], junk, sizeof(junk));
		tnet_idle(&net);
	}
	while (!fdnet_sock_accept(l, &a))
		held += fdnet_sock_inq(a);
	ck_assert_uint_ge(held, 10u << 20);
	ck_assert_uint_le(held, 200ull * 256 * 1024);
	ck_assert_uint_eq(*fdnet_stack_tcp_bytes(net.s[1]), held);
	stop();
	/* tnet_done() has seen that nothing was left */
}
END_TEST

static bool only_syns(struct tnet *n, int from, struct fdnet_pkt *pkt)
{
	return from == 0 && !(pkt->data[20 + 13] & 2);
}

START_TEST(syn_cookies_work_when_the_queue_is_full)
{
	static const struct tnet_cfg cfg = {.delay_us = 1000};
	struct tnet_flow f = {.total = 100000};
	struct fdnet_sock *l, *c;

	tnet_init(&net, &cfg);
	l = tnet_listener(&net, 1, 50);
	net.filter = only_syns;
	for (int i = 0; i < 200; i++)
		tnet_connect(&net, 0, 1);
	tnet_idle(&net);
	ck_assert_uint_ge(fdnet_stack_counter(net.s[1], FDNET_C_TCP_LIMIT), 70);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 1);
	net.filter = NULL;
	c = tnet_connect(&net, 0, 1);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_state(c), FDNET_TCP_ESTABLISHED);
	ck_assert_int_eq(fdnet_sock_accept(l, &f.to), 0);
	f.from = c;
	tnet_flow_run(&net, &f, 100 * SEC);
	stop();
}
END_TEST

/* ---- gateway ---- */

static struct fdnet_sock *ask_gateway(void)
{
	static const struct tnet_cfg cfg = {
		.lossless = true,
		.forward = true,
		.mtu = 65520,
		.gso_max = 65536,
		.delay_us = 10,
	};
	struct fdnet_name dst = {.ip = fdnet_ip4(0x08080808), .port = 443};

	tnet_init(&net, &cfg);
	ck_assert_int_eq(fdnet_sock_open(net.s[0], 4, 1, 6, &so[0]), 0);
	ck_assert_int_eq(fdnet_sock_connect(so[0], &dst), -EINPROGRESS);
	tnet_run_for(&net, 10000);
	return fdnet_stack_next_request(net.s[1]);
}

START_TEST(admitted_request_carries_data)
{
	struct fdnet_name name;
	char buf[8];

	so[1] = ask_gateway();
	ck_assert_ptr_nonnull(so[1]);
	ck_assert_ptr_null(fdnet_stack_next_request(net.s[1]));
	ck_assert_int_eq(fdnet_sock_name(so[1], &name), 0);
	ck_assert_int_eq(name.ip.bytes[0], 8);
	ck_assert_int_eq(name.port, 443);
	ck_assert_int_eq(fdnet_sock_state(so[0]), FDNET_TCP_SYN_SENT);
	ck_assert_int_eq(fdnet_sock_admit(so[1]), 0);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_state(so[0]), FDNET_TCP_ESTABLISHED);
	tnet_send(so[0], "ping", 4);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[1], buf, 8), 4);
	tnet_send(so[1], "pong!", 5);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 5);
	stop();
}
END_TEST

static const struct {
	int refuse, see;
} refusals[] = {
	{ECONNREFUSED, ECONNREFUSED}, {ENETUNREACH, ENETUNREACH},
	{EHOSTUNREACH, EHOSTUNREACH}, {EACCES, EHOSTUNREACH},
	{ETIMEDOUT, ETIMEDOUT},
};

START_TEST(refused_request)
{
	struct fdnet_name dst = {.ip = fdnet_ip4(0x08080808), .port = 443};

	so[1] = ask_gateway();
	fdnet_sock_refuse(so[1], refusals[_i].refuse);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_connect(so[0], &dst), -refusals[_i].see);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	stop();
}
END_TEST

static const struct {
	int end, see;
} ends[] = {
	{ETIMEDOUT, ETIMEDOUT},	      {EHOSTUNREACH, EHOSTUNREACH},
	{ENETUNREACH, ENETUNREACH},   {ENETDOWN, ENETDOWN},
	{ECONNABORTED, ECONNABORTED}, {EACCES, EACCES},
	{EPROTO, EPROTO},	      {ECONNRESET, ECONNRESET},
	{ENOMEM, ECONNRESET},	      {0, ECONNRESET},
};

/* What came before is read first. */
START_TEST(the_gateway_says_how_a_connection_ended)
{
	char buf[8];

	so[1] = ask_gateway();
	fdnet_sock_admit(so[1]);
	tnet_idle(&net);
	tnet_send(so[0], "out", 3);
	tnet_idle(&net);
	tnet_send(so[1], "in", 2);
	tnet_idle(&net);
	fdnet_sock_fail(so[1], ends[_i].end);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 2);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), -ends[_i].see);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 0);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	stop();
}
END_TEST

START_TEST(request_that_went_away_cannot_be_admitted)
{
	so[1] = ask_gateway();
	fdnet_sock_close(so[0]);
	tnet_idle(&net);
	/* the guest's stack has said so */
	ck_assert_int_eq(fdnet_sock_state(so[1]), FDNET_TCP_CLOSE);
	ck_assert_int_eq(fdnet_sock_admit(so[1]), -ECONNABORTED);
	fdnet_sock_close(so[1]);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	stop();
}
END_TEST

START_TEST(peer_gone_ends_every_connection)
{
	char buf[8];

	start_pair();
	tnet_send(so[1], "tail", 4);
	tnet_idle(&net);
	fdnet_stack_peer_gone(net.s[0], _i);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 4);
	if (_i)
		ck_assert_int_eq(tnet_recv(so[0], buf, 8), -ECONNRESET);
	ck_assert_int_eq(tnet_recv(so[0], buf, 8), 0);
	ck_assert_int_eq(tnet_send(so[0], "x", 1), -EPIPE);
	if (_i) {
		struct fdnet_name name = {.ip = fdnet_ip4(0x0a000002),
					  .port = TNET_PORT};
		struct fdnet_sock *late;

		ck_assert_int_eq(fdnet_sock_open(net.s[0], 4,
						 FDNET_SOCK_STREAM, 6, &late),
				 0);
		/* nothing would ever answer */
		ck_assert_int_eq(fdnet_sock_connect(late, &name), -ENETDOWN);
		fdnet_sock_close(late);
	}
	stop();
}
END_TEST

START_TEST(cut_gives_what_is_left)
{
	struct fdnet_cut cut;
	struct fdnet_pkt *unread, *unsent;
	uint8_t buf[8];

	start_pair();
	tnet_send(so[0], "unread", 6);
	tnet_idle(&net);
	tnet_send(so[1], "unsent", 6);
	ck_assert_int_eq(fdnet_sock_cut(so[1], &cut, &unread, &unsent), 0);
	ck_assert_uint_eq(fdnet_pkt_total(unread), 6);
	ck_assert_uint_eq(fdnet_pkt_total(unsent), 6);
	fdnet_pkt_copy_out(unread, 0, buf, 6);
	ck_assert_mem_eq(buf, "unread", 6);
	fdnet_pkt_copy_out(unsent, 0, buf, 6);
	ck_assert_mem_eq(buf, "unsent", 6);
	fdnet_pkt_free_list(unread);
	fdnet_pkt_free_list(unsent);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	stop();
}
END_TEST

START_TEST(reserve_commit_peek_consume)
{
	struct iovec iov[8];
	int n;

	start_pair();
	n = fdnet_sock_send_reserve(so[0], iov, 8);
	ck_assert_int_gt(n, 1);
	memset(iov[0].iov_base, 'a', iov[0].iov_len);
	memset(iov[1].iov_base, 'b', 10);
	ck_assert_int_eq(fdnet_sock_send_commit(so[0], iov[0].iov_len + 10), 0);
	tnet_run_for(&net, SEC);
	ck_assert_uint_eq(fdnet_sock_inq(so[1]), iov[0].iov_len + 10);
	n = fdnet_sock_recv_peek(so[1], iov, 8);
	ck_assert_int_ge(n, 1);
	ck_assert_int_eq(*(char *)iov[0].iov_base, 'a');
	fdnet_sock_recv_consume(so[1], fdnet_sock_inq(so[1]) - 1);
	n = fdnet_sock_recv_peek(so[1], iov, 8);
	ck_assert_int_eq(n, 1);
	ck_assert_uint_eq(iov[0].iov_len, 1);
	ck_assert_int_eq(*(char *)iov[0].iov_base, 'b');
	fdnet_sock_recv_consume(so[1], 1);
	ck_assert_int_eq(fdnet_sock_recv_peek(so[1], iov, 8), -EAGAIN);
	fdnet_sock_close(so[0]);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_recv_peek(so[1], iov, 8), 0);
	stop();
}
END_TEST

START_TEST(loopback_inside_one_stack)
{
	struct fdnet_name any = {.ip = {.family = 4}, .port = TNET_PORT};
	struct fdnet_name dst = {.ip = fdnet_ip4(0x7f000001), .port = TNET_PORT};
	struct fdnet_sock *l, *c;
	struct tnet_flow f = {.total = 5000000};

	start();
	ck_assert_int_eq(fdnet_sock_open(net.s[0], 4, 1, 6, &l), 0);
	ck_assert_int_eq(fdnet_sock_bind(l, &any), 0);
	ck_assert_int_eq(fdnet_sock_listen(l, 8), 0);
	ck_assert_int_eq(fdnet_sock_open(net.s[0], 4, 1, 6, &c), 0);
	ck_assert_int_eq(fdnet_sock_connect(c, &dst), -EINPROGRESS);
	tnet_idle(&net);
	ck_assert_int_eq(fdnet_sock_accept(l, &f.to), 0);
	f.from = c;
	tnet_flow_run(&net, &f, 100 * SEC);
	ck_assert_uint_eq(net.pkts[0] + net.pkts[1], 0);
	stop();
}
END_TEST

START_TEST(urgent_byte_stands_apart)
{
	char text[] = "ab!";
	struct iovec iov = {text, 3};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1, .flags = FDNET_MSG_OOB};
	char buf[8];

	start_pair();
	ck_assert_int_eq(fdnet_sock_send(so[0], &msg), 3);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_send(so[0], "cd", 2), 2);
	tnet_run_for(&net, SEC);
	ck_assert_uint_eq(fdnet_sock_poll(so[1]) & FDNET_EV_PRI, FDNET_EV_PRI);
	ck_assert(!fdnet_sock_at_mark(so[1]));
	ck_assert_int_eq(tnet_recv(so[1], buf, 8), 2);
	ck_assert(fdnet_sock_at_mark(so[1]));
	iov = (struct iovec){buf, 8};
	msg.flags = FDNET_MSG_OOB;
	ck_assert_int_eq(fdnet_sock_recv(so[1], &msg), 1);
	ck_assert_int_eq(buf[0], '!');
	msg.flags = FDNET_MSG_OOB;
	ck_assert_int_eq(fdnet_sock_recv(so[1], &msg), -EINVAL);
	ck_assert_int_eq(tnet_recv(so[1], buf, 8), 2);
	ck_assert_mem_eq(buf, "cd", 2);
	ck_assert(!fdnet_sock_at_mark(so[1]));
	stop();
}
END_TEST

/* RFC 6528: a clock of 4 us and what the names hide; another stack's secret
 * gives other numbers. */
START_TEST(initial_numbers_follow_clock_and_secret)
{
	struct fdnet_name a = tnet_name(0, 1000), b = tnet_name(1, TNET_PORT);
	uint32_t first, other;

	start();
	first = fdnet_tcp_isn(net.s[0], &a, &b);
	ck_assert_uint_eq(fdnet_tcp_isn(net.s[0], &a, &b), first);
	ck_assert_uint_ne(fdnet_tcp_isn(net.s[1], &a, &b), first);
	a.port++;
	other = fdnet_tcp_isn(net.s[0], &a, &b);
	ck_assert_uint_gt(other - first, 1000);
	a.port--;
	tnet_run_for(&net, SEC);
	ck_assert_uint_eq(fdnet_tcp_isn(net.s[0], &a, &b),
			  first + SEC / 4);
	stop();
}
END_TEST

START_TEST(info_and_options)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);
	char cc[16];
	int v = 1;

	start_pair();
	ck_assert_int_eq(fdnet_sock_getopt(so[0], 6, TCP_INFO, &info, &len), 0);
	ck_assert_int_eq(info.tcpi_state, FDNET_TCP_ESTABLISHED);
	ck_assert_uint_eq(info.tcpi_snd_mss, 65520 - 40);
	len = sizeof(cc);
	ck_assert_int_eq(fdnet_sock_setopt(so[0], 6, TCP_CONGESTION, "cubic", 5),
			 0);
	ck_assert_int_eq(fdnet_sock_getopt(so[0], 6, TCP_CONGESTION, cc, &len),
			 0);
	ck_assert_str_eq(cc, "cubic");
	ck_assert_int_eq(fdnet_sock_setopt(so[0], 6, TCP_CONGESTION, "x", 1),
			 -ENOENT);
	ck_assert_int_eq(fdnet_sock_setopt(so[0], 6, TCP_NODELAY, &v, 4), 0);
	len = sizeof(v);
	v = 0;
	ck_assert_int_eq(fdnet_sock_getopt(so[0], 6, TCP_NODELAY, &v, &len), 0);
	ck_assert_int_eq(v, 1);
	ck_assert_int_eq(fdnet_sock_setopt(so[0], 6, TCP_NODELAY, &v, 3),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so[0], 6, 99, &v, 4), -ENOPROTOOPT);
	stop();
}
END_TEST

START_TEST(cork_holds_until_it_is_pulled)
{
	int v = 1;
	char buf[8];

	start_pair();
	tnet_idle(&net);
	fdnet_sock_setopt(so[0], 6, TCP_CORK, &v, 4);
	tnet_send(so[0], "a", 1);
	tnet_send(so[0], "b", 1);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[1], buf, 8), -EAGAIN);
	v = 0;
	fdnet_sock_setopt(so[0], 6, TCP_CORK, &v, 4);
	tnet_idle(&net);
	ck_assert_int_eq(tnet_recv(so[1], buf, 8), 2);
	/* and not for ever: 200 ms */
	v = 1;
	fdnet_sock_setopt(so[0], 6, TCP_CORK, &v, 4);
	tnet_send(so[0], "c", 1);
	tnet_run_for(&net, 250000);
	ck_assert_int_eq(tnet_recv(so[1], buf, 8), 1);
	stop();
}
END_TEST

static Suite *tcp_suite(void)
{
	Suite *suite = suite_create("tcp");
	TCase *tc = tcase_create("calls");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	tcase_add_test(tc, connect_accept_and_names);
	tcase_add_test(tc, ipv6_connects);
	tcase_add_test(tc, request_and_response_cost_one_packet_each);
	tcase_add_test(tc, short_connection_is_seven_packets);
	tcase_add_loop_test(tc, bulk_bytes_are_equal, 0,
			    sizeof(bulk_rows) / sizeof(*bulk_rows));
	tcase_add_test(tc, reader_that_stops_closes_the_window);
	tcase_add_test(tc, half_close_lets_the_other_side_send);
	tcase_add_test(tc, refused_connect_tells_once);
	tcase_add_test(tc, second_connect_after_success);
	tcase_add_test(tc, connect_without_answer_times_out);
	tcase_add_test(tc, close_with_unread_data_resets);
	tcase_add_test(tc, close_with_unread_data_right_after_shutdown_resets);
	tcase_add_test(tc, received_data_outlive_a_reset);
	tcase_add_test(tc, data_after_close_resets);
	tcase_add_test(tc, linger_zero_resets);
	tcase_add_test(tc, fresh_socket_errors);
	tcase_add_test(tc, closed_listener_resets_the_unaccepted);
	tcase_add_test(tc, many_slow_readers_share_a_limit);
	tcase_add_test(tc, syn_cookies_work_when_the_queue_is_full);
	tcase_add_test(tc, admitted_request_carries_data);
	tcase_add_loop_test(tc, refused_request, 0,
			    sizeof(refusals) / sizeof(*refusals));
	tcase_add_loop_test(tc, the_gateway_says_how_a_connection_ended, 0,
			    sizeof(ends) / sizeof(*ends));
	tcase_add_test(tc, request_that_went_away_cannot_be_admitted);
	tcase_add_loop_test(tc, peer_gone_ends_every_connection, 0, 2);
	tcase_add_test(tc, cut_gives_what_is_left);
	tcase_add_test(tc, reserve_commit_peek_consume);
	tcase_add_test(tc, loopback_inside_one_stack);
	tcase_add_test(tc, urgent_byte_stands_apart);
	tcase_add_test(tc, initial_numbers_follow_clock_and_secret);
	tcase_add_test(tc, info_and_options);
	tcase_add_test(tc, cork_holds_until_it_is_pulled);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(tcp_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
