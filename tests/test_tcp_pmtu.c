/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways that swallow large packets without a word: what TCP makes of them, both
 * versions, bytes equal (RFC 4821). tests/tcp/probe.tcp has the rules one by
 * one.
 */
#include "config.h"

#include <check.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "tests/suite_main.h"
#include "tests/tcp_net.h"

#define SEC   1000000ull
#define LINK  1500u
#define NARROW 1400u
#define BYTES (4u << 20)

static struct tnet net;
static uint32_t passes; /* the way's MTU */

static bool swallow(struct tnet *n, int from, struct fdnet_pkt *pkt)
{
	/* IPv6 is not to be cut by TCP's sender */
	ck_assert(pkt->data[0] >> 4 != 6 || pkt->data[6] == 6);
	return fdnet_pkt_total(pkt) > passes;
}

/* Side 0 connects and is to send. */
static void connect_pair(int family, enum fdnet_tcp_mtu_probing mode,
			 struct fdnet_sock *so[2])
{
	struct fdnet_tcp_settings tcp = { .mtu_probing = mode };
	struct fdnet_name name = family == 4 ? tnet_name(1, TNET_PORT) :
					       tnet_name6(1, TNET_PORT);
	struct fdnet_sock *listener;

	fdnet_stack_set_tcp(net.s[0], &tcp);
	ck_assert_int_eq(fdnet_sock_open(net.s[1], family, FDNET_SOCK_STREAM, 6,
					 &listener),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(listener, &name), 0);
	ck_assert_int_eq(fdnet_sock_listen(listener, 1), 0);
	ck_assert_int_eq(fdnet_sock_open(net.s[0], family, FDNET_SOCK_STREAM, 6,
					 &so[0]),
			 0);
	fdnet_sock_connect(so[0], &name);
	tnet_run_for(&net, SEC);
	ck_assert_int_eq(fdnet_sock_accept(listener, &so[1]), 0);
	fdnet_sock_close(listener);
}

static struct tcp_info info_of(struct fdnet_sock *so)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);

	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_TCP, TCP_INFO, &info,
					   &len),
			 0);
	return info;
}

/* Sends some more and looks at what is known of the way then. */
static struct tcp_info transfer(struct fdnet_sock *so[2])
{
	static uint8_t data[16384], got[16384];
	uint64_t until = net.now_us + 600 * SEC, sent = 0, read = 0;
	ssize_t n;

	while (read < BYTES) {
		while (sent < BYTES &&
		       (n = tnet_send(so[0], data, sizeof(data))) > 0)
			sent += (uint64_t)n;
		while ((n = tnet_recv(so[1], got, sizeof(got))) > 0)
			read += (uint64_t)n;
		ck_assert_msg(tnet_step(&net, until), "stalled");
	}
	tnet_run_for(&net, SEC);
	return info_of(so[0]);
}

static const struct {
	const char *label;
	enum fdnet_tcp_mtu_probing mode;
	uint32_t least, most; /* MTU that is found */
	bool timeouts;	      /* are needed */
} modes[] = {
	{ "black hole", FDNET_TCP_PROBE_BLACK_HOLE, NARROW - 8, NARROW, true },
	{ "always", FDNET_TCP_PROBE_ALWAYS, NARROW - 8, NARROW, false },
	{ "never", FDNET_TCP_PROBE_NEVER, 1280, 1280, true },
};

START_TEST(a_narrow_way_is_measured_without_icmp)
{
	const struct tnet_cfg cfg = { .delay_us = 5000, .mtu = LINK };
	int family = _i & 1 ? 6 : 4, row = _i / 2;
	struct fdnet_sock *so[2];
	struct tcp_info info;
	uint64_t lost;

	passes = NARROW;
	tnet_init(&net, &cfg);
	net.filter = swallow;
	connect_pair(family, modes[row].mode, so);
	info = transfer(so);
	ck_assert_msg(info.tcpi_pmtu >= modes[row].least &&
			      info.tcpi_pmtu <= modes[row].most,
		      "%s: %u", modes[row].label, info.tcpi_pmtu);
	ck_assert_int_eq(fdnet_stack_counter(net.s[0], FDNET_C_TCP_RTO) > 0,
			 modes[row].timeouts);
	lost = fdnet_stack_counter(net.s[0], FDNET_C_TCP_MTU_PROBE_LOST);
	ck_assert_uint_le(lost, 7);
	ck_assert_int_eq(lost > 0, modes[row].mode != FDNET_TCP_PROBE_NEVER);
	/* nothing else is lost on this way: no reduction for a probe */
	if (!modes[row].timeouts)
		ck_assert_uint_eq(info.tcpi_snd_ssthresh, 0x7fffffff);
	fdnet_sock_close(so[0]);
	fdnet_sock_close(so[1]);
	tnet_run_for(&net, 100 * SEC);
	tnet_done(&net);
}
END_TEST

START_TEST(a_way_that_widens_is_used_after_ten_minutes)
{
	const struct tnet_cfg cfg = { .delay_us = 5000, .mtu = LINK };
	int family = _i & 1 ? 6 : 4;
	struct fdnet_sock *so[2];

	passes = NARROW;
	tnet_init(&net, &cfg);
	net.filter = swallow;
	connect_pair(family, modes[_i / 2].mode, so);
	transfer(so);
	passes = LINK;
	tnet_run_for(&net, 601 * SEC);
	ck_assert_uint_eq(transfer(so).tcpi_pmtu, LINK);
	/* and is noticed when it narrows again */
	passes = NARROW;
	ck_assert_uint_le(transfer(so).tcpi_pmtu, NARROW);
	fdnet_sock_close(so[0]);
	fdnet_sock_close(so[1]);
	tnet_run_for(&net, 100 * SEC);
	tnet_done(&net);
}
END_TEST

/* Losses beside, where no single one is sure to be the probe's. */
START_TEST(probes_on_a_lossy_way_do_no_harm)
{
	const struct tnet_cfg cfg = { .delay_us = 5000,
				      .mtu = LINK,
				      .loss_ppm = 10000,
				      .jitter_us = 2000,
				      .seed = (uint64_t)_i };
	struct fdnet_sock *so[2];

	passes = NARROW;
	tnet_init(&net, &cfg);
	net.filter = swallow;
	connect_pair(_i & 1 ? 6 : 4, FDNET_TCP_PROBE_ALWAYS, so);
	ck_assert_uint_le(transfer(so).tcpi_pmtu, NARROW);
	fdnet_sock_close(so[0]);
	fdnet_sock_close(so[1]);
	tnet_run_for(&net, 100 * SEC);
	tnet_done(&net);
}
END_TEST

static Suite *tcp_pmtu_suite(void)
{
	Suite *s = suite_create("tcp_pmtu");
	TCase *tc = tcase_create("tcp_pmtu");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_narrow_way_is_measured_without_icmp, 0,
			    2 * N_ROWS(modes));
	tcase_add_loop_test(tc, a_way_that_widens_is_used_after_ten_minutes, 0,
			    2 * N_ROWS(modes));
	tcase_add_loop_test(tc, probes_on_a_lossy_way_do_no_harm, 0, 8);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(tcp_pmtu_suite)
