/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of multicast groups: what is told of them, and when. */
#include "config.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "tests/mcast_case.h"
#include "tests/suite_main.h"

/* ---- reports ---- */

static const struct {
	const char *ops, *told;
} reports[] = {
	{ "j l", "TO_EX() TO_EX() TO_IN() TO_IN()" },
	{ "+1 +2", "ALLOW(1) ALLOW(1) ALLOW(2) ALLOW(2)" },
	{ "+1 -1", "ALLOW(1) ALLOW(1) BLOCK(1) BLOCK(1)" },
	{ "+1 l", "ALLOW(1) ALLOW(1) BLOCK(1) BLOCK(1)" },
	{ "j b1 u1", "TO_EX() TO_EX() BLOCK(1) BLOCK(1) ALLOW(1) ALLOW(1)" },
	{ "j b1 l", "TO_EX() TO_EX() BLOCK(1) BLOCK(1) TO_IN() TO_IN()" },
	/* merged: RFC 3376 3.2 */
	{ "+1 2+1 2l", "ALLOW(1) ALLOW(1)" },
	{ "+1 2j 2l", "ALLOW(1) ALLOW(1) TO_EX() TO_EX() TO_IN(1) TO_IN(1)" },
	{ "j b1 2j", "TO_EX() TO_EX() BLOCK(1) BLOCK(1) ALLOW(1) ALLOW(1)" },
	{ "j b1 2+1",
	  "TO_EX() TO_EX() BLOCK(1) BLOCK(1) ALLOW(1) ALLOW(1)" },
	{ "j b1 2+2", "TO_EX() TO_EX() BLOCK(1) BLOCK(1)" },
};

START_TEST(changes_are_told_by_their_sources)
{
	int family = _i & 1 ? 6 : 4;
	struct fdnet_sock *so[2] = { mcast_sock(family), mcast_sock(family) };

	mcast_ops(so, family, reports[_i / 2].ops);
	ck_assert_msg(!strcmp(mcast_told, reports[_i / 2].told), "%s: %s",
		      reports[_i / 2].ops, mcast_told);
}
END_TEST

START_TEST(changes_in_a_row_are_told_together)
{
	int family = _i;
	struct fdnet_sock *so = mcast_sock(family);

	mcast_op(so, family, "+1");
	mcast_op(so, family, "+2");
	mcast_op(so, family, "+3");
	mcast_op(so, family, "-1");
	stack_pair_pass(mcast_pair, 3 * SEC);
	ck_assert_str_eq(mcast_told, "ALLOW(2,3) BLOCK(1) ALLOW(2,3) BLOCK(1)");
	*mcast_told = 0;
	/* a mode that changes while sources do tells both */
	mcast_op(so, family, "l");
	mcast_op(so, family, "j");
	mcast_op(so, family, "b5");
	stack_pair_pass(mcast_pair, 3 * SEC);
	ck_assert_str_eq(mcast_told, "TO_EX(5) TO_EX(5)");
}
END_TEST

/* ---- queries ---- */

/* A router's query for @n sources from 1 on, of our group or all; what is not
 * there of it is cut off. */
static void query(int family, bool all, unsigned int n, size_t cut)
{
	uint8_t p[40 + 28 + 16 * 8] = { 0 }, *q;
	struct sockaddr_storage ss = mcast_group_of(family);
	size_t len;
	unsigned int i;

	if (family == 4) {
		struct fdnet_ipv4 hdr = { .hdr_len = 20, .ttl = 1, .proto = 2,
					  .src = { 10, 0, 0, 9 },
					  .dst = { 224, 0, 0, 1 } };

		q = p + 20;
		q[0] = 0x11;
		q[1] = 10;
		if (!all)
			memcpy(q + 4, (uint8_t *)&ss + 4, 4);
		q[8] = 3; /* robustness */
		q[11] = (uint8_t)n;
		for (i = 0; i < n; i++) {
			ss = mcast_source_of(4, (uint8_t)(i + 1));
			memcpy(q + 12 + 4 * i, (uint8_t *)&ss + 4, 4);
		}
		len = 12 + 4 * n - cut;
		hdr.total_len = (uint16_t)(20 + len);
		fdnet_ipv4_encode(p, &hdr);
		fdnet_csum_store(q + 2, fdnet_csum_add(0, q, len));
		fdnet_stack_input(mcast_pair->s[0],
				  pkt_from_bytes(mcast_pair->pool, p, 20 + len));
	} else {
		struct fdnet_ipv6 hdr = { .next = 58, .hops = 1,
					  .src = { 0xfe, 0x80, [15] = 9 },
					  .dst = { 0xff, 2, [15] = 1 } };
		struct fdnet_name s = name_of("fe80::9", 0);
		struct fdnet_name d = name_of("ff02::1", 0);

		q = p + 40;
		q[0] = 130;
		fdnet_put16(q + 4, 1000);
		if (!all)
			memcpy(q + 8, (uint8_t *)&ss + 8, 16);
		q[24] = 3;
		q[27] = (uint8_t)n;
		for (i = 0; i < n; i++) {
			ss = mcast_source_of(6, (uint8_t)(i + 1));
			memcpy(q + 28 + 16 * i, (uint8_t *)&ss + 8, 16);
		}
		len = 28 + 16 * n - cut;
		hdr.payload_len = (uint16_t)len;
		fdnet_ipv6_encode(p, &hdr);
		fdnet_csum_store(q + 2, fdnet_csum_add(
			fdnet_pseudo_csum(&s.ip, &d.ip, 58, (uint32_t)len), q,
			len));
		fdnet_stack_input(mcast_pair->s[0],
				  pkt_from_bytes(mcast_pair->pool, p, 40 + len));
	}
}

static const struct {
	const char *ops;
	bool all;
	unsigned int n;
	const char *told;
} queries[] = {
	{ "j", true, 0, "IS_EX()" },
	{ "j", false, 0, "IS_EX()" },
	{ "j", false, 2, "IS_IN(1,2)" },
	{ "j b1", true, 0, "IS_EX(1)" },
	{ "j b1", false, 2, "IS_IN(2)" },
	{ "j b1", false, 1, "" },
	{ "+1", true, 0, "IS_IN(1)" },
	{ "+2", false, 3, "IS_IN(2)" },
	{ "+5", false, 3, "" },
	{ "+1 -1", true, 0, "" },
	{ "j", true, 3, "IS_EX()" }, /* makes no sense: all are asked */
};

START_TEST(queries_are_answered_by_source)
{
	int family = _i & 1 ? 6 : 4;
	struct fdnet_sock *so[2] = { mcast_sock(family), mcast_sock(family) };

	mcast_ops(so, family, queries[_i / 2].ops);
	*mcast_told = 0;
	query(family, queries[_i / 2].all, queries[_i / 2].n, 0);
	stack_pair_pass(mcast_pair, 3 * SEC);
	ck_assert_msg(!strcmp(mcast_told, queries[_i / 2].told), "%s: %s",
		      queries[_i / 2].ops, mcast_told);
}
END_TEST

START_TEST(broken_queries_are_not_answered)
{
	int family = _i;
	struct fdnet_sock *so[2] = { mcast_sock(family), mcast_sock(family) };
	size_t cut;

	mcast_ops(so, family, "j");
	*mcast_told = 0;
	for (cut = 1; cut <= 8; cut++) /* of the sources */
		query(family, false, 2, cut);
	stack_pair_pass(mcast_pair, 3 * SEC);
	ck_assert_str_eq(mcast_told, "");
	ck_assert_uint_eq(fdnet_stack_counter(mcast_pair->s[0], FDNET_C_ICMP_BAD),
			  8);
}
END_TEST

START_TEST(pending_answers_are_joined)
{
	int family = _i;
	struct fdnet_sock *so[2] = { mcast_sock(family), mcast_sock(family) };

	mcast_ops(so, family, "j");
	*mcast_told = 0;
	query(family, false, 2, 0);
	query(family, false, 4, 0);
	stack_pair_pass(mcast_pair, 3 * SEC);
	ck_assert_str_eq(mcast_told, "IS_IN(1,2,3,4)");
	*mcast_told = 0;
	query(family, false, 2, 0);
	query(family, false, 0, 0);
	query(family, false, 1, 0);
	stack_pair_pass(mcast_pair, 3 * SEC);
	ck_assert_str_eq(mcast_told, "IS_EX()");
	/* and the querier's robustness is ours */
	*mcast_told = 0;
	mcast_ops(so, family, "b9");
	ck_assert_str_eq(mcast_told, "BLOCK(9) BLOCK(9) BLOCK(9)");
}
END_TEST

/* RFC 3376 7.2.1: hosts of the first version do not leave. */
START_TEST(the_oldest_querier_hears_the_oldest_reports)
{
	struct fdnet_sock *so[2] = { mcast_sock(4), mcast_sock(4) };
	uint8_t p[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 1, 2, 0, 0,
			  10, 0, 0, 2, 224, 0, 0, 1, 0x11 };

	fdnet_csum_store(p + 10, fdnet_csum_add(0, p, 20));
	fdnet_csum_store(p + 22, fdnet_csum_add(0, p + 20, 8));
	fdnet_stack_input(mcast_pair->s[0], pkt_from_bytes(mcast_pair->pool, p, 28));
	mcast_ops(so, 4, "+1");
	ck_assert_str_eq(mcast_told, "12");
	mcast_ops(so, 4, "l");
	ck_assert_str_eq(mcast_told, "12");
	stack_pair_pass(mcast_pair, 261 * SEC);
	*mcast_told = 0;
	mcast_ops(so, 4, "+1");
	ck_assert_str_eq(mcast_told, "ALLOW(1) ALLOW(1)");
}
END_TEST

static Suite *mcast_report_suite(void)
{
	Suite *s = suite_create("mcast_report");
	TCase *tc = tcase_create("mcast_report");

	tcase_add_checked_fixture(tc, mcast_setup, mcast_teardown);
	tcase_add_loop_test(tc, changes_are_told_by_their_sources, 0,
			    2 * N_ROWS(reports));
	tcase_add_loop_test(tc, changes_in_a_row_are_told_together, 4, 5);
	tcase_add_loop_test(tc, changes_in_a_row_are_told_together, 6, 7);
	tcase_add_loop_test(tc, queries_are_answered_by_source, 0,
			    2 * N_ROWS(queries));
	tcase_add_loop_test(tc, broken_queries_are_not_answered, 4, 5);
	tcase_add_loop_test(tc, broken_queries_are_not_answered, 6, 7);
	tcase_add_loop_test(tc, pending_answers_are_joined, 4, 5);
	tcase_add_loop_test(tc, pending_answers_are_joined, 6, 7);
	tcase_add_test(tc, the_oldest_querier_hears_the_oldest_reports);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(mcast_report_suite)
