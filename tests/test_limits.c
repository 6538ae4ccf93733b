/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts, token buckets and impaired lines, on virtual time. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fdnet/mem.h>
#include <fdnet/stack.h>

#include "base/mem.h"
#include "relay/bucket.h"
#include "relay/impair.h"
#include "relay/measure.h"

#define SECOND 1000000ull

/* ---- amounts ---- */

static const struct {
	const char *text;
	size_t used;
	uint32_t us;
} times[] = {
	{ "50ms", 4, 50000 },	   { "1s", 2, 1000000 },
	{ "1.5s", 4, 1500000 },	   { "0us", 3, 0 },
	{ "0.25ms,", 6, 250 },	   { "3600s", 5, 3600000000u },
	{ "3601s", 0, 0 },	   { "50", 0, 0 },
	{ "", 0, 0 },		   { ".5s", 0, 0 },
	{ "5.s", 0, 0 },	   { "5sec", 0, 0 },
	{ "-5s", 0, 0 },	   { "99999999999999999999s", 0, 0 },
	{ "99999999999s", 0, 0 },
};

START_TEST(times_are_read)
{
	uint32_t us = 0;

	ck_assert_msg(measure_time(times[_i].text, &us) == times[_i].used,
		      "%s", times[_i].text);
	ck_assert_uint_eq(us, times[_i].us);
}
END_TEST

START_TEST(rates_shares_and_numbers_are_read)
{
	uint64_t rate = 0;
	uint32_t ppm = 0, n = 0, s = 0;

	ck_assert_uint_eq(measure_rate("10mbit", &rate), 6);
	ck_assert_uint_eq(rate, 1250000);
	ck_assert_uint_eq(measure_rate("8bit", &rate), 4);
	ck_assert_uint_eq(rate, 1);
	ck_assert_uint_eq(measure_rate("7bit", &rate), 0);
	ck_assert_uint_eq(measure_rate("1gbit ", &rate), 5);
	ck_assert_uint_eq(measure_rate("10MB", &rate), 0);
	ck_assert_uint_eq(measure_share("0.0001%", &ppm), 7);
	ck_assert_uint_eq(ppm, 1);
	ck_assert_uint_eq(measure_share("100%", &ppm), 4);
	ck_assert_uint_eq(ppm, 1000000);
	ck_assert_uint_eq(measure_share("100.1%", &ppm), 0);
	ck_assert_uint_eq(measure_often("30/m", &n, &s), 4);
	ck_assert_uint_eq(n, 30);
	ck_assert_uint_eq(s, 60);
	ck_assert_uint_eq(measure_often("30/h", &n, &s), 0);
}
END_TEST

/* ---- buckets ---- */

START_TEST(a_bucket_gives_its_burst_and_then_its_rate)
{
	struct bucket bucket;
	unsigned int got = 0;

	bucket_init(&bucket, 10, 20, 0);
	while (bucket_take(&bucket, 1, 0))
		got++;
	ck_assert_uint_eq(got, 20);
	/* ten seconds, looked at each millisecond */
	for (uint64_t t = 0; t <= 10 * SECOND; t += 1000)
		got += bucket_take(&bucket, 1, t);
	ck_assert_uint_eq(got, 120);
	/* a year later it is full, not more */
	got = 0;
	while (bucket_take(&bucket, 1, 365 * 86400 * SECOND))
		got++;
	ck_assert_uint_eq(got, 20);
}
END_TEST

START_TEST(a_debt_is_paid_at_the_rate)
{
	struct bucket bucket;

	bucket_init(&bucket, 1000, 500, SECOND);
	ck_assert_uint_eq(bucket_wait_us(&bucket, SECOND), 0);
	bucket_spend(&bucket, 2500, SECOND);
	ck_assert_uint_eq(bucket_wait_us(&bucket, SECOND), 2 * SECOND + 1);
	ck_assert_uint_gt(bucket_wait_us(&bucket, 3 * SECOND), 0);
	ck_assert_uint_eq(bucket_wait_us(&bucket, 3 * SECOND + 1), 0);
}
END_TEST

START_TEST(the_largest_rate_and_debt_do_not_overflow)
{
	struct bucket bucket;

	bucket_init(&bucket, BUCKET_MAX_RATE, BUCKET_MAX_RATE / 8, 0);
	for (int i = 0; i < 100; i++)
		bucket_spend(&bucket, 1ull << 40, SECOND);
	ck_assert_uint_le(bucket_wait_us(&bucket, SECOND), 60 * SECOND + 1);
	ck_assert_uint_eq(bucket_wait_us(&bucket, 3600 * SECOND), 0);
	/* without a rate there is no limit */
	bucket_init(&bucket, 0, 0, 0);
	ck_assert(bucket_take(&bucket, 1 << 30, 0));
	ck_assert_uint_eq(bucket_wait_us(&bucket, 0), 0);
}
END_TEST

/* ---- impaired lines ---- */

static struct fdnet_pkt_pool *pool;

static void setup(void)
{
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 16, 0);
}

static void teardown(void)
{
	fdnet_pkt_pool_free(pool);
}

static struct fdnet_pkt *packet(uint32_t number, size_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);

	memset(fdnet_pkt_put(pkt, (uint32_t)len), 0, len);
	pkt->user[3].u64 = number;
	return pkt;
}

/* What came of @n packets of 1000 bytes, one each @gap_us: "number@ms ". */
static void run_line(const struct impair *how, uint32_t n, uint64_t gap_us,
		     char *dst, size_t size)
{
	struct impair_line line;
	struct fdnet_pkt *pkt;
	uint64_t now_us = 0;
	size_t at = 0;

	impair_line_init(&line, how, 1);
	for (uint32_t i = 0; i < n || line.n;) {
		uint64_t put_us = i < n ? i * gap_us : FDNET_NEVER;
		uint64_t due_us = impair_expiry(&line);

		now_us = put_us < due_us ? put_us : due_us;
		while ((pkt = impair_get(&line, now_us))) {
			at += (size_t)snprintf(dst + at, size - at,
					       "%u@%u ",
					       (unsigned int)pkt->user[3].u64,
					       (unsigned int)(now_us / 1000));
			fdnet_pkt_free(pkt);
		}
		if (put_us == now_us)
			impair_put(&line, packet(i++, 1000), now_us);
	}
	impair_line_done(&line);
}

START_TEST(packets_are_delayed_and_keep_their_order)
{
	struct impair how = { .on = true, .delay_us = 50000 };
	char got[2000];

	run_line(&how, 3, 10000, got, sizeof(got));
	ck_assert_str_eq(got, "0@50 1@60 2@70 ");
	how.jitter_us = 40000;
	run_line(&how, 50, 1000, got, sizeof(got));
	for (int i = 0, last = 0, number, ms, used = 0; i < 50; i++) {
		int here;

		ck_assert_int_eq(sscanf(got + used, "%d@%d %n", &number, &ms,
					&here),
				 2);
		used += here;
		ck_assert_int_eq(number, i);
		ck_assert_int_ge(ms, last);
		ck_assert_int_ge(ms, 50);
		ck_assert_int_le(ms, 50 + 40 + 50);
		last = ms;
	}
}
END_TEST

START_TEST(a_rate_sends_one_after_the_other)
{
	/* 1000 bytes take 100 ms */
	struct impair how = { .on = true, .rate = 10000 };
	char got[200];

	run_line(&how, 4, 0, got, sizeof(got));
	ck_assert_str_eq(got, "0@100 1@200 2@300 3@400 ");
}
END_TEST

START_TEST(losses_are_the_same_for_the_same_seed)
{
	struct impair how = { .on = true, .loss_ppm = 300000, .seed = 7 };
	char first[2000] = "", second[2000] = "", other[2000] = "";
	unsigned int n = 0;

	run_line(&how, 200, 1000, first, sizeof(first));
	run_line(&how, 200, 1000, second, sizeof(second));
	ck_assert_str_eq(first, second);
	for (char *p = first; (p = strchr(p, '@')); p++)
		n++;
	ck_assert_uint_gt(n, 110);
	ck_assert_uint_lt(n, 170);
	how.seed = 8;
	run_line(&how, 200, 1000, other, sizeof(other));
	ck_assert_str_ne(first, other);
}
END_TEST

START_TEST(a_full_queue_loses)
{
	struct impair how = { .on = true, .delay_us = 1000 };
	struct impair_line line;

	impair_line_init(&line, &how, 1);
	for (uint32_t i = 0; i < IMPAIR_QUEUE + 5; i++)
		impair_put(&line, packet(i, 10), 0);
	ck_assert_uint_eq(line.n, IMPAIR_QUEUE);
	ck_assert_uint_eq(line.lost, 5);
	/* what waits goes with the line: the pool would complain */
	impair_line_done(&line);
	ck_assert_uint_eq(impair_expiry(&line), FDNET_NEVER);
}
END_TEST

static Suite *limits_suite(void)
{
	Suite *s = suite_create("limits");
	TCase *tc = tcase_create("limits");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, times_are_read, 0,
			    sizeof(times) / sizeof(times[0]));
	tcase_add_test(tc, rates_shares_and_numbers_are_read);
	tcase_add_test(tc, a_bucket_gives_its_burst_and_then_its_rate);
	tcase_add_test(tc, a_debt_is_paid_at_the_rate);
	tcase_add_test(tc, the_largest_rate_and_debt_do_not_overflow);
	tcase_add_test(tc, packets_are_delayed_and_keep_their_order);
	tcase_add_test(tc, a_rate_sends_one_after_the_other);
	tcase_add_test(tc, losses_are_the_same_for_the_same_seed);
	tcase_add_test(tc, a_full_queue_loses);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(limits_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
