/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP both ways at once over wires that lose, reorder, duplicate, corrupt and
 * delay, each seed another wire: bytes equal, no stall, nothing left behind.
 * FDNET_SEEDS says how many (default 60).
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tcp_net.h"

#define SEC 1000000ull

static struct tnet net;

static unsigned int seed_count(void)
{
	const char *text = getenv("FDNET_SEEDS");
	int n = text ? atoi(text) : 60;

	return n > 0 ? (unsigned int)n : 1;
}

/* 1 ms to 1 s, each power of ten as likely. */
static uint64_t some_delay(struct tnet *r)
{
	static const uint64_t from[] = {1000, 10000, 100000};
	uint64_t least = from[tnet_rand(r) % 3];

	return least + tnet_rand(r) % (9 * least + 1);
}

static struct tnet_cfg cfg_of(unsigned int seed)
{
	struct tnet r = {.rng = seed * 2654435761u + 1};
	struct tnet_cfg cfg = {.seed = seed};

	tnet_rand(&r);
	cfg.delay_us = some_delay(&r);
	cfg.loss_ppm = tnet_rand(&r) % 6 ? tnet_rand(&r) % 100001 : 0;
	cfg.dup_ppm = tnet_rand(&r) % 2 ? tnet_rand(&r) % 100000 : 0;
	cfg.corrupt_ppm = tnet_rand(&r) % 2 ? tnet_rand(&r) % 30000 : 0;
	cfg.reorder_ppm = tnet_rand(&r) % 2 ? tnet_rand(&r) % 200000 : 0;
	cfg.jitter_us =
		tnet_rand(&r) % 2 ? tnet_rand(&r) % (cfg.delay_us * 2) : 0;
	cfg.mtu = tnet_rand(&r) % 2 ? 1500 : 576 + tnet_rand(&r) % 9000;
	if (cfg.mtu < 1280)
		cfg.mtu = 1280;
	if (!cfg.corrupt_ppm && tnet_rand(&r) % 3 == 0)
		cfg.gso_max = 65535;
	if (tnet_rand(&r) % 4 == 0)
		cfg.sndbuf = 4096 + tnet_rand(&r) % 100000;
	if (tnet_rand(&r) % 4 == 0)
		cfg.rcvbuf = 4096 + tnet_rand(&r) % 100000;
	return cfg;
}

static void flows(const struct tnet_cfg *cfg, struct tnet_flow f[2],
		  struct fdnet_sock *so[2])
{
	struct tnet r = {.rng = cfg->seed + 99};
	uint64_t total = cfg->delay_us > 50000 ? 60000 : 300000;

	for (int i = 0; i < 2; i++) {
		f[i] = (struct tnet_flow){
			.from = so[i],
			.to = so[!i],
			.total = 1 + tnet_rand(&r) % total,
			.write_max =
				tnet_rand(&r) % 2 ? 1 + tnet_rand(&r) % 5000 : 0,
			.read_max = tnet_rand(&r) % 2 ? 1 + tnet_rand(&r) % 5000
						      : 0,
		};
	}
}

/* What was asked for at @ppm happened @times, if there was occasion. */
static void happened(const char *what, unsigned int ppm, unsigned int times)
{
	uint64_t expected = (uint64_t)(net.pkts[0] + net.pkts[1]) * ppm;

	ck_assert_msg(ppm ? times || expected < 20000000 : !times,
		      "%s: %u of %u+%u packets at %u ppm", what, times,
		      net.pkts[0], net.pkts[1], ppm);
}

static void it_was_bad(const struct tnet_cfg *cfg)
{
	happened("lost", cfg->loss_ppm, net.lost);
	happened("duplicated", cfg->dup_ppm, net.duplicated);
	happened("corrupted", cfg->corrupt_ppm, net.corrupted);
	happened("reordered", cfg->reorder_ppm, net.reordered);
}

/* The thousand wires together cover what they shall. */
START_TEST(the_wires_are_of_all_kinds)
{
	struct tnet_cfg most = {0}, least = {.delay_us = UINT64_MAX};
	unsigned int all = 0;

	for (unsigned int seed = 0; seed < 1000; seed++) {
		struct tnet_cfg c = cfg_of(seed);

#define MOST(field)                                                            \
	do {                                                                   \
		if (c.field > most.field)                                      \
			most.field = c.field;                                  \
	} while (0)
		MOST(delay_us);
		MOST(loss_ppm);
		MOST(dup_ppm);
		MOST(corrupt_ppm);
		MOST(reorder_ppm);
		MOST(jitter_us);
		if (c.delay_us < least.delay_us)
			least.delay_us = c.delay_us;
		all += c.loss_ppm && c.dup_ppm && c.corrupt_ppm &&
		       c.reorder_ppm && c.jitter_us;
	}
	ck_assert_uint_ge(least.delay_us, 1000);
	ck_assert_uint_lt(least.delay_us, 1500);
	ck_assert_uint_le(most.delay_us, 1000000);
	ck_assert_uint_gt(most.delay_us, 950000);
	ck_assert_uint_le(most.loss_ppm, 100000);
	ck_assert_uint_gt(most.loss_ppm, 99000);
	ck_assert_uint_gt(most.dup_ppm, 90000);
	ck_assert_uint_gt(most.corrupt_ppm, 25000);
	ck_assert_uint_gt(most.reorder_ppm, 180000);
	ck_assert_uint_gt(most.jitter_us, 1000000);
	ck_assert_uint_gt(all, 20);
}
END_TEST

START_TEST(any_wire_carries_every_byte)
{
	struct tnet_cfg cfg = cfg_of((unsigned int)_i);
	struct tnet_flow f[2];
	struct fdnet_sock *so[2];
	uint64_t until;

	tnet_init(&net, &cfg);
	tnet_pair(&net, so);
	flows(&cfg, f, so);
	until = net.now_us + 4000 * SEC;
	while (!f[0].eof || !f[1].eof) {
		for (int i = 0; i < 2; i++) {
			tnet_flow_send(&f[i]);
			if (!f[i].eof)
				tnet_flow_recv(&f[i]);
		}
		if ((!f[0].eof || !f[1].eof) && !tnet_step(&net, until))
			ck_abort_msg("seed %d stalled: %llu+%llu of %llu+%llu",
				     _i, (unsigned long long)f[0].got,
				     (unsigned long long)f[1].got,
				     (unsigned long long)f[0].total,
				     (unsigned long long)f[1].total);
	}
	ck_assert_uint_eq(f[0].got, f[0].total);
	ck_assert_uint_eq(f[1].got, f[1].total);
	it_was_bad(&cfg);
	if (getenv("TCP_TEST_VERBOSE"))
		printf("seed %d: %llu ms\n", _i,
		       (unsigned long long)(net.now_us / 1000));
	fdnet_sock_close(so[0]);
	fdnet_sock_close(so[1]);
	tnet_run_for(&net, 2000 * SEC);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[0]), 0);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	tnet_done(&net);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_seeds");
	TCase *tc = tcase_create("seeds");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, the_wires_are_of_all_kinds);
	tcase_add_loop_test(tc, any_wire_carries_every_byte, 0,
			    (int)seed_count());
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
