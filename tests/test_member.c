/* SPDX-License-Identifier: Apache-2.0 */
/* IGMP and MLD: what is told of groups, when, and to whom. */
#include "config.h"

#include <check.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/wire/csum.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define MS 1000ull

static struct stack_pair *pair;
/* the last reports of side 0: type, group, packets */
static struct {
	unsigned int pkts;
	uint8_t kind, record;
	uint8_t group[16];
	unsigned int records;
	uint8_t dst[16];
	bool bad;
} seen;

static void look4(const struct fdnet_pkt *pkt)
{
	const uint8_t *p = pkt->data + 24;

	seen.pkts++;
	seen.kind = p[0];
	memcpy(seen.dst, pkt->data + 16, 4);
	/* TTL 1, router alert, both sums */
	seen.bad |= pkt->data[0] != 0x46 || pkt->data[8] != 1 ||
		    pkt->data[20] != 0x94 ||
		    fdnet_csum_fold(fdnet_csum_add(0, pkt->data, 24)) != 0xffff ||
		    fdnet_csum_fold(fdnet_csum_pkt(0, pkt, 24)) != 0xffff;
	if (p[0] == 0x22) {
		seen.records = p[7];
		seen.record = p[8];
		memcpy(seen.group, p + 12, 4);
	} else {
		memcpy(seen.group, p + 4, 4);
	}
}

static void look6(const struct fdnet_pkt *pkt)
{
	const uint8_t *p = pkt->data + 48;

	seen.pkts++;
	seen.kind = p[0];
	memcpy(seen.dst, pkt->data + 24, 16);
	seen.bad |= pkt->data[6] != 0 || pkt->data[7] != 1 ||
		    pkt->data[40] != 58 || pkt->data[42] != 5;
	if (p[0] == 143) {
		seen.records = p[7];
		seen.record = p[8];
		memcpy(seen.group, p + 12, 16);
	} else {
		memcpy(seen.group, p + 8, 16);
	}
}

static bool watch(void *arg, int from, struct fdnet_pkt *pkt)
{
	if (from)
		return true;
	if (pkt->data[0] >> 4 == 4 && pkt->data[9] == 2)
		look4(pkt);
	else if (pkt->data[0] >> 4 == 6 && !pkt->data[6])
		look6(pkt);
	return true;
}

static void setup(void)
{
	memset(&seen, 0, sizeof(seen));
	pair = stack_pair_new(NULL, NULL);
	pair->filter = watch;
}

static void teardown(void)
{
	ck_assert(!seen.bad);
	stack_pair_free(pair);
}

static struct fdnet_sock *join4(uint32_t group)
{
	struct fdnet_sock *so =
		sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct ip_mreqn req = { .imr_multiaddr.s_addr = htonl(group),
				.imr_ifindex = 2 };

	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &req, sizeof(req)),
			 0);
	return so;
}

static struct fdnet_sock *join6(uint8_t scope)
{
	struct fdnet_sock *so =
		sock_open(pair->s[0], 6, FDNET_SOCK_DGRAM, 17);
	struct ipv6_mreq req = { .ipv6mr_interface = 2 };

	req.ipv6mr_multiaddr.s6_addr[0] = 0xff;
	req.ipv6mr_multiaddr.s6_addr[1] = scope;
	req.ipv6mr_multiaddr.s6_addr[15] = 7;
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IPV6, IPV6_JOIN_GROUP,
					   &req, sizeof(req)),
			 0);
	return so;
}

/* IGMP query as a router sends it; @len: 8 for the older versions. */
static void query4(uint8_t code, uint32_t group, size_t len, uint8_t ttl)
{
	uint8_t pkt[40] = { 0x45, 0, 0, (uint8_t)(20 + len), 0, 0, 0, 0,
			    ttl,  2, 0, 0, 10, 0, 0, 2, 224, 0, 0, 1 };

	pkt[20] = 0x11;
	pkt[21] = code;
	group = htonl(group);
	memcpy(pkt + 24, &group, 4);
	fdnet_csum_store(pkt + 10, fdnet_csum_add(0, pkt, 20));
	fdnet_csum_store(pkt + 22, fdnet_csum_add(0, pkt + 20, len));
	fdnet_stack_input(pair->s[0],
			  pkt_from_bytes(pair->pool, pkt, 20 + len));
	stack_pair_run(pair);
}

START_TEST(joining_and_leaving_are_told_twice)
{
	static const uint8_t group[4] = { 239, 1, 2, 3 };
	static const uint8_t to[4] = { 224, 0, 0, 22 };
	struct fdnet_sock *so = join4(0xef010203);

	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.pkts, 2);
	ck_assert_uint_eq(seen.kind, 0x22);
	ck_assert_uint_eq(seen.record, 4);
	ck_assert_uint_eq(seen.records, 1);
	ck_assert_mem_eq(seen.group, group, 4);
	ck_assert_mem_eq(seen.dst, to, 4);
	fdnet_sock_close(so);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.pkts, 4);
	ck_assert_uint_eq(seen.record, 3);
	stack_pair_pass(pair, 100000 * MS);
	ck_assert_uint_eq(seen.pkts, 4);
}
END_TEST

START_TEST(the_last_holder_counts)
{
	struct fdnet_sock *a = join4(0xef010203), *b = join4(0xef010203);

	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.pkts, 2);
	fdnet_sock_close(a);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.pkts, 2);
	fdnet_sock_close(b);
	/* back before it was told for the second time */
	stack_pair_pass(pair, 1);
	a = join4(0xef010203);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.record, 4);
	fdnet_sock_close(a);
}
END_TEST

START_TEST(a_query_is_answered_in_one_report)
{
	struct fdnet_sock *a = join4(0xef010203), *b = join4(0xef010204);

	stack_pair_pass(pair, 2000 * MS);
	seen.pkts = 0;
	query4(0x88, 0, 12, 1); /* code 0x88: 192 tenths of a second */
	stack_pair_pass(pair, 30000 * MS);
	ck_assert_uint_ge(seen.pkts, 1);
	ck_assert_uint_le(seen.pkts, 2);
	ck_assert_uint_eq(seen.record, 2);
	/* for one group */
	seen.pkts = 0;
	query4(10, 0xef010204, 12, 1);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.pkts, 1);
	ck_assert_uint_eq(seen.group[3], 4);
	fdnet_sock_close(a);
	fdnet_sock_close(b);
}
END_TEST

START_TEST(queries_from_elsewhere_are_ignored)
{
	struct fdnet_sock *so = join4(0xef010203);

	stack_pair_pass(pair, 2000 * MS);
	seen.pkts = 0;
	query4(10, 0, 12, 64);
	query4(10, 0xef010299, 12, 1);
	for (size_t len = 0; len < 8; len++)
		query4(10, 0, len, 1);
	stack_pair_pass(pair, 5000 * MS);
	ck_assert_uint_eq(seen.pkts, 0);
	fdnet_sock_close(so);
}
END_TEST

START_TEST(an_older_querier_hears_older_reports)
{
	static const uint8_t group[4] = { 239, 1, 2, 3 };
	static const uint8_t routers[4] = { 224, 0, 0, 2 };
	struct fdnet_sock *so = join4(0xef010203);

	stack_pair_pass(pair, 2000 * MS);
	query4(10, 0, 8, 1);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.kind, 0x16);
	ck_assert_mem_eq(seen.dst, group, 4);
	fdnet_sock_close(so);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.kind, 0x17);
	ck_assert_mem_eq(seen.dst, routers, 4);
	/* after a while without it, the new ones again */
	stack_pair_pass(pair, 300000 * MS);
	so = join4(0xef010203);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.kind, 0x22);
	fdnet_sock_close(so);
}
END_TEST

START_TEST(ipv6_groups_are_told_by_mld)
{
	struct fdnet_sock *so = join6(5), *inside = join6(1);

	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.pkts, 2);
	ck_assert_uint_eq(seen.kind, 143);
	ck_assert_uint_eq(seen.record, 4);
	ck_assert_uint_eq(seen.records, 1);
	ck_assert_uint_eq(seen.group[1], 5);
	ck_assert_uint_eq(seen.dst[15], 0x16);
	fdnet_sock_close(inside);
	fdnet_sock_close(so);
	stack_pair_pass(pair, 2000 * MS);
	ck_assert_uint_eq(seen.pkts, 4);
	ck_assert_uint_eq(seen.record, 3);
}
END_TEST

START_TEST(links_of_our_own_hear_nothing)
{
	struct fdnet_stack_config cfg;
	struct fdnet_sock *so;

	stack_pair_free(pair);
	stack_pair_config(&cfg, 0);
	cfg.lossless = cfg.switched = true;
	pair = stack_pair_new(&cfg, NULL);
	pair->filter = watch;
	so = join4(0xef010203);
	stack_pair_pass(pair, 5000 * MS);
	ck_assert_uint_eq(seen.pkts, 0);
	fdnet_sock_close(so);
}
END_TEST

static Suite *member_suite(void)
{
	Suite *s = suite_create("member");
	TCase *tc = tcase_create("reports");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, joining_and_leaving_are_told_twice);
	tcase_add_test(tc, the_last_holder_counts);
	tcase_add_test(tc, a_query_is_answered_in_one_report);
	tcase_add_test(tc, queries_from_elsewhere_are_ignored);
	tcase_add_test(tc, an_older_querier_hears_older_reports);
	tcase_add_test(tc, ipv6_groups_are_told_by_mld);
	tcase_add_test(tc, links_of_our_own_hear_nothing);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(member_suite)
