/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of multicast groups: options, and what passes. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "stack/object.h"
#include "tests/mcast_case.h"
#include "tests/suite_main.h"

static const struct {
	const char *ops;
	int rc; /* of the last */
} answers[] = {
	{ "j", 0 },
	{ "j j", -EADDRINUSE },
	{ "+1 j", -EADDRINUSE },
	{ "l", -EADDRNOTAVAIL },
	{ "+1", 0 },
	{ "+1 +1", -EADDRNOTAVAIL },
	{ "+1 +2 -1", 0 },
	{ "+1 -2", -EADDRNOTAVAIL },
	{ "+1 -1", 0 },
	{ "+1 -1 -1", -EINVAL }, /* the last source gone, it was left */
	{ "+1 l", 0 },
	{ "+1 b2", -EINVAL },	  /* another mode */
	{ "j +1", 0 },		  /* allowed: nothing was blocked */
	{ "j +1 b1", -EINVAL },
	{ "b1", -EINVAL },	  /* not joined */
	{ "j b1", 0 },
	{ "j b1 b1", -EADDRNOTAVAIL },
	{ "j b1 u1", 0 },
	{ "j u1", -EADDRNOTAVAIL },
	{ "j b1 +2", -EINVAL },
	{ "-1", -EINVAL },
};

START_TEST(options_answer_as_linux_does)
{
	int family = _i & 1 ? 6 : 4;
	struct fdnet_sock *so[2] = { mcast_sock(family), mcast_sock(family) };
	int rc = mcast_ops(so, family, answers[_i / 2].ops);

	ck_assert_msg(rc == answers[_i / 2].rc, "%s: %d", answers[_i / 2].ops,
		      rc);
}
END_TEST

static int source4(struct fdnet_sock *so, int name, const char *group,
		   const char *iface, const char *src, uint32_t len)
{
	struct ip_mreq_source req = { 0 };

	inet_pton(AF_INET, group, &req.imr_multiaddr);
	inet_pton(AF_INET, iface, &req.imr_interface);
	inet_pton(AF_INET, src, &req.imr_sourceaddr);
	return fdnet_sock_setopt(so, IPPROTO_IP, name, &req, len);
}

START_TEST(the_older_options_of_ipv4_do_the_same)
{
	struct fdnet_sock *so = mcast_sock(4), *stream;
	uint32_t len = sizeof(struct ip_mreq_source);
	struct group_source_req bad = { .gsr_interface = 2,
					.gsr_group = mcast_group_of(4),
					.gsr_source = mcast_source_of(6, 1) };

	ck_assert_int_eq(source4(so, IP_ADD_SOURCE_MEMBERSHIP, "232.1.1.1",
				 "10.0.0.1", "10.0.0.7", len - 1), -EINVAL);
	ck_assert_int_eq(source4(so, IP_ADD_SOURCE_MEMBERSHIP, "10.1.1.1",
				 "10.0.0.1", "10.0.0.7", len), -EINVAL);
	ck_assert_int_eq(source4(so, IP_ADD_SOURCE_MEMBERSHIP, "232.1.1.1",
				 "9.9.9.9", "10.0.0.7", len), -ENODEV);
	ck_assert_int_eq(source4(so, IP_BLOCK_SOURCE, "232.1.1.1", "10.0.0.1",
				 "10.0.0.7", len), -EINVAL);
	ck_assert_int_eq(source4(so, IP_ADD_SOURCE_MEMBERSHIP, "232.1.1.1",
				 "10.0.0.1", "10.0.0.7", len), 0);
	ck_assert_int_eq(source4(so, IP_ADD_SOURCE_MEMBERSHIP, "232.1.1.1",
				 "0.0.0.0", "10.0.0.8", len), 0);
	ck_assert_int_eq(source4(so, IP_DROP_SOURCE_MEMBERSHIP, "232.1.1.1",
				 "10.0.0.1", "10.0.0.8", len), 0);
	ck_assert_int_eq(mcast_whole(so, 4, MCAST_LEAVE_GROUP), 0);
	ck_assert_int_eq(mcast_whole(so, 4, MCAST_JOIN_GROUP), 0);
	ck_assert_int_eq(source4(so, IP_BLOCK_SOURCE, "232.1.1.1", "10.0.0.1",
				 "10.0.0.7", len), 0);
	ck_assert_int_eq(source4(so, IP_UNBLOCK_SOURCE, "232.1.1.1",
				 "10.0.0.1", "10.0.0.7", len), 0);
	/* of the wrong family */
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, MCAST_BLOCK_SOURCE,
					   &bad, sizeof(bad)), -EADDRNOTAVAIL);
	stream = sock_open(mcast_pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	ck_assert_int_eq(mcast_source(stream, 4, MCAST_JOIN_SOURCE_GROUP, 1),
			 -EPROTO);
}
END_TEST

START_TEST(sources_and_groups_have_a_limit)
{
	int family = _i & 1 ? 6 : 4, most = family == 4 ? 10 : 64, i;
	struct fdnet_sock *so = mcast_sock(family);
	struct group_req req = { .gr_interface = 2,
				 .gr_group = mcast_group_of(family) };

	for (i = 1; i <= most; i++)
		ck_assert_int_eq(mcast_source(so, family, MCAST_JOIN_SOURCE_GROUP,
					(uint8_t)i), 0);
	ck_assert_int_eq(mcast_source(so, family, MCAST_JOIN_SOURCE_GROUP, 99),
			 -ENOBUFS);
	for (i = 1; i < FDNET_MCAST_MAX; i++) {
		((uint8_t *)&req.gr_group)[family == 4 ? 7 : 23] =
			(uint8_t)(i + 1);
		ck_assert_int_eq(fdnet_sock_setopt(so, mcast_level_of(family),
						   MCAST_JOIN_GROUP, &req,
						   sizeof(req)), 0);
	}
	((uint8_t *)&req.gr_group)[family == 4 ? 7 : 23] = 99;
	ck_assert_int_eq(fdnet_sock_setopt(so, mcast_level_of(family),
					   MCAST_JOIN_GROUP, &req,
					   sizeof(req)), -ENOBUFS);
	ck_assert_uint_eq(fdnet_stack_counter(mcast_pair->s[0], FDNET_C_MCAST_LIMIT),
			  2);
	/* the report of all of them is in pieces that fit */
	stack_pair_pass(mcast_pair, 3 * SEC);
}
END_TEST

START_TEST(whole_filters_are_set_and_read)
{
	int family = _i;
	struct fdnet_sock *so = mcast_sock(family);
	union {
		struct group_filter f;
		uint8_t room[GROUP_FILTER_SIZE(70)];
	} in = { .f = { .gf_interface = 2, .gf_group = mcast_group_of(family),
			.gf_fmode = MCAST_INCLUDE, .gf_numsrc = 3 } }, out;
	uint32_t len = sizeof(out), max = family == 4 ? 10 : 64;
	struct sockaddr_storage src;
	int level = mcast_level_of(family), i;

	for (i = 0; i < 3; i++) {
		src = mcast_source_of(family, (uint8_t)(i + 1));
		memcpy(in.room + GROUP_FILTER_SIZE(i), &src, sizeof(src));
	}
	/* not joined */
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   GROUP_FILTER_SIZE(3)), -EINVAL);
	out = in;
	ck_assert_int_eq(fdnet_sock_getopt(so, level, MCAST_MSFILTER, &out,
					   &len), -EADDRNOTAVAIL);
	ck_assert_int_eq(mcast_whole(so, family, MCAST_JOIN_GROUP), 0);
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   GROUP_FILTER_SIZE(3) - 1), -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   GROUP_FILTER_SIZE(0) - 1), -EINVAL);
	in.f.gf_fmode = 7;
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   GROUP_FILTER_SIZE(3)), -EINVAL);
	in.f.gf_fmode = MCAST_INCLUDE;
	in.f.gf_numsrc = max + 1;
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   sizeof(in)), -ENOBUFS);
	in.f.gf_numsrc = 3;
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   GROUP_FILTER_SIZE(3)), 0);
	/* all of it, then with less room */
	out.f.gf_numsrc = 64;
	len = sizeof(out);
	ck_assert_int_eq(fdnet_sock_getopt(so, level, MCAST_MSFILTER, &out,
					   &len), 0);
	ck_assert_uint_eq(len, GROUP_FILTER_SIZE(3));
	ck_assert_uint_eq(out.f.gf_fmode, MCAST_INCLUDE);
	ck_assert_uint_eq(out.f.gf_numsrc, 3);
	ck_assert_mem_eq(out.room + GROUP_FILTER_SIZE(0),
			 in.room + GROUP_FILTER_SIZE(0), 3 * sizeof(src));
	len = GROUP_FILTER_SIZE(1);
	ck_assert_int_eq(fdnet_sock_getopt(so, level, MCAST_MSFILTER, &out,
					   &len), 0);
	ck_assert_uint_eq(len, GROUP_FILTER_SIZE(1));
	ck_assert_uint_eq(out.f.gf_numsrc, 3);
	/* nothing included is leaving */
	in.f.gf_numsrc = 0;
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   GROUP_FILTER_SIZE(0)), 0);
	ck_assert_int_eq(mcast_whole(so, family, MCAST_LEAVE_GROUP), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(ipv4_filters_are_set_and_read)
{
	struct fdnet_sock *so = mcast_sock(4);
	union {
		struct ip_msfilter f;
		uint8_t room[IP_MSFILTER_SIZE(12)];
	} f = { .f = { .imsf_multiaddr.s_addr = htonl(0xe8010101),
		       .imsf_interface.s_addr = htonl(0x0a000001),
		       .imsf_fmode = MCAST_EXCLUDE, .imsf_numsrc = 2 } };
	uint32_t len = sizeof(f);

	f.f.imsf_slist[0].s_addr = htonl(0x0a000007);
	memcpy(f.room + IP_MSFILTER_SIZE(1), f.f.imsf_slist, 4);
	ck_assert_int_eq(mcast_whole(so, 4, MCAST_JOIN_GROUP), 0);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_MSFILTER, &f,
					   IP_MSFILTER_SIZE(2) - 1), -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_MSFILTER, &f,
					   IP_MSFILTER_SIZE(0) - 1), -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_MSFILTER, &f,
					   IP_MSFILTER_SIZE(2)), 0);
	f.f.imsf_fmode = 9;
	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IP, IP_MSFILTER, &f,
					   &len), 0);
	ck_assert_uint_eq(len, IP_MSFILTER_SIZE(1)); /* it stood there twice */
	ck_assert_uint_eq(f.f.imsf_numsrc, 1);
	ck_assert_uint_eq(f.f.imsf_fmode, MCAST_EXCLUDE);
	f.f.imsf_numsrc = 11;
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_MSFILTER, &f,
					   sizeof(f)), -ENOBUFS);
	f.f.imsf_multiaddr.s_addr = htonl(0xe8010102);
	len = sizeof(f);
	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IP, IP_MSFILTER, &f,
					   &len), -EADDRNOTAVAIL);
	len = 3;
	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IP, IP_MSFILTER, &f,
					   &len), -EINVAL);
}
END_TEST

START_TEST(filters_are_saved)
{
	int family = _i;
	struct fdnet_sock *so[2] = { mcast_sock(family), mcast_sock(family) };
	static uint8_t bytes[4096];
	const struct fdnet_mcast_filter *f;
	struct fdnet_name group = name_of(family == 4 ? "232.1.1.1" :
							"ff05::1", 0);
	struct fdnet_name src = name_of(family == 4 ? "10.0.0.2" : "fd00::2",
					0);
	ssize_t len;

	ck_assert_int_eq(mcast_ops(so, family, "j b1 b2 2+2"), 0);
	*mcast_told = 0;
	len = fdnet_sock_save(so[0], bytes, sizeof(bytes));
	ck_assert_int_gt(len, 0);
	ck_assert_int_le(len, (ssize_t)sizeof(bytes));
	fdnet_sock_forget(so[0]);
	ck_assert_int_eq(fdnet_sock_restore(mcast_pair->s[0], bytes, (size_t)len,
					    &so[0]), 0);
	f = fdnet_mcast_get_filter(so[0], &group.ip, 2);
	ck_assert_ptr_nonnull(f);
	ck_assert(f->exclude);
	ck_assert_uint_eq(f->n, 2);
	ck_assert(!fdnet_mcast_wants(f, &src.ip));
}
END_TEST

/* ---- what passes ---- */

/* Side 1 is source 2. */
static const struct {
	const char *ops;
	bool first, second; /* socket that gets it */
} passing[] = {
	{ "j", true, true }, /* the second by IP_MULTICAST_ALL */
	{ "+2", true, true },
	{ "+3", false, false },
	{ "j b2", false, false },
	{ "j b3", true, true },
	{ "j b2 2j", false, true },
	{ "+3 2+2", false, true },
	{ "+2 2j 2b2", true, false },
	{ "+2 -2", false, false },
	{ "j b2 u2", true, true },
};

START_TEST(sources_pass_the_filter)
{
	int family = _i & 1 ? 6 : 4;
	struct fdnet_sock *so[2] = { mcast_sock(family), mcast_sock(family) }, *from;
	struct fdnet_name to = name_of(family == 4 ? "232.1.1.1" : "ff05::1",
				       7000);
	const char *label = passing[_i / 2].ops;
	char c;
	int i;

	for (i = 0; i < 2; i++) {
		sock_set_int(so[i], SOL_SOCKET, SO_REUSEADDR, 1);
		sock_bind(so[i], family == 4 ? "0.0.0.0" : "::", 7000);
	}
	ck_assert_int_eq(mcast_ops(so, family, label), 0);
	from = sock_open(mcast_pair->s[1], family, FDNET_SOCK_DGRAM, 17);
	ck_assert_int_eq(sock_send(from, "x", 1, &to), 1);
	stack_pair_run(mcast_pair);
	ck_assert_msg((sock_recv(so[0], &c, 1, NULL) == 1) ==
			      passing[_i / 2].first, "%s: first", label);
	ck_assert_msg((sock_recv(so[1], &c, 1, NULL) == 1) ==
			      passing[_i / 2].second, "%s: second", label);
}
END_TEST

/* As raw_v4_input() and raw_v6_match() have it: an IPv6 one that is not bound
 * sees what every host in the group does. */
START_TEST(raw_sockets_have_sources_too)
{
	int family = _i & 1 ? 6 : 4, i;
	const char *group = family == 4 ? "232.1.1.1" : "ff05::1";
	struct fdnet_name to = name_of(group, 99);
	const char *label = passing[_i / 2].ops;
	struct fdnet_sock *so[2], *all, *from;
	bool got[2];
	char c[64];

	for (i = 0; i < 2; i++) {
		so[i] = sock_open(mcast_pair->s[0], family, FDNET_SOCK_RAW, 99);
		if (family == 6)
			sock_bind(so[i], "fd00::1", 0);
	}
	all = sock_open(mcast_pair->s[0], 6, FDNET_SOCK_RAW, 99);
	ck_assert_int_eq(mcast_ops(so, family, label), 0);
	from = sock_open(mcast_pair->s[1], family, FDNET_SOCK_RAW, 99);
	ck_assert_int_eq(sock_send(from, "x", 1, &to), 1);
	stack_pair_run(mcast_pair);
	for (i = 0; i < 2; i++)
		got[i] = sock_recv(so[i], c, sizeof(c), NULL) > 0;
	ck_assert_msg(got[0] == passing[_i / 2].first, "%s: first", label);
	ck_assert_msg(got[1] == passing[_i / 2].second, "%s: second", label);
	/* the group was left in one row */
	ck_assert_msg((sock_recv(all, c, sizeof(c), NULL) > 0) ==
			      (family == 6 && strcmp(label, "+2 -2") != 0),
		      "%s: all", label);
}
END_TEST

static Suite *mcast_suite(void)
{
	Suite *s = suite_create("mcast");
	TCase *tc = tcase_create("mcast");

	tcase_add_checked_fixture(tc, mcast_setup, mcast_teardown);
	tcase_add_loop_test(tc, options_answer_as_linux_does, 0,
			    2 * N_ROWS(answers));
	tcase_add_test(tc, the_older_options_of_ipv4_do_the_same);
	tcase_add_loop_test(tc, sources_and_groups_have_a_limit, 0, 2);
	tcase_add_loop_test(tc, whole_filters_are_set_and_read, 4, 5);
	tcase_add_loop_test(tc, whole_filters_are_set_and_read, 6, 7);
	tcase_add_test(tc, ipv4_filters_are_set_and_read);
	tcase_add_loop_test(tc, filters_are_saved, 4, 5);
	tcase_add_loop_test(tc, filters_are_saved, 6, 7);
	tcase_add_loop_test(tc, sources_pass_the_filter, 0, 2 * N_ROWS(passing));
	tcase_add_loop_test(tc, raw_sockets_have_sources_too, 0,
			    2 * N_ROWS(passing));
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(mcast_suite)
