/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of multicast groups: options, what passes, what is told of it. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/mcast.h"
#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define SEC 1000000ull
#define N(table) (sizeof(table) / sizeof((table)[0]))

static struct stack_pair *pair;
static char told[4096]; /* the records that side 0 sent */

/* ---- what is told ---- */

static int cmp(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* "ALLOW(1,2)": sources by their last byte, in order. */
static void note(const uint8_t *p, uint32_t alen)
{
	static const char *const names[] = { "?",     "IS_IN", "IS_EX", "TO_IN",
					     "TO_EX", "ALLOW", "BLOCK" };
	unsigned int n = fdnet_get16(p + 2), i;
	uint8_t last[64];
	char *to = told + strlen(told);

	ck_assert_uint_le(n, sizeof(last));
	ck_assert_uint_lt(p[0], N(names));
	for (i = 0; i < n; i++)
		last[i] = p[4 + alen * (i + 2) - 1];
	qsort(last, n, 1, cmp);
	to += sprintf(to, "%s%s(", *told ? " " : "", names[p[0]]);
	for (i = 0; i < n; i++)
		to += sprintf(to, "%s%u", i ? "," : "", last[i]);
	strcpy(to, ")");
}

static bool watch(void *arg, int from, struct fdnet_pkt *pkt)
{
	uint32_t alen, at = 0;
	unsigned int n;

	if (!from && pkt->data[0] >> 4 == 4 && pkt->data[9] == 2)
		at = 24;
	else if (!from && pkt->data[0] >> 4 == 6 && !pkt->data[6])
		at = 48;
	if (!at)
		return true;
	ck_assert_uint_le(pkt->len, FDNET_PMTU_MIN6);
	alen = at == 24 ? 4 : 16;
	if (pkt->data[at] != 0x22 && pkt->data[at] != 143) {
		sprintf(told + strlen(told), "%s%x", *told ? " " : "",
			pkt->data[at]);
		return true;
	}
	n = fdnet_get16(pkt->data + at + 6);
	for (at += 8; n; n--) {
		note(pkt->data + at, alen);
		at += 4 + alen * (1 + fdnet_get16(pkt->data + at + 2));
	}
	ck_assert_uint_eq(at, pkt->len);
	return true;
}

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
	pair->filter = watch;
	*told = 0;
}

static void teardown(void)
{
	stack_pair_free(pair);
}

/* ---- options ---- */

/* 232.1.1.1 or ff05::1; 10.0.0.X or fd00::X */
static struct sockaddr_storage group_of(int family)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
				     .sin6_addr.s6_addr = { 0xff, 5,
							    [15] = 1 } };
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(0xe8010101) };
	struct sockaddr_storage ss = { 0 };

	if (family == 4)
		memcpy(&ss, &sin, sizeof(sin));
	else
		memcpy(&ss, &sin6, sizeof(sin6));
	return ss;
}

static struct sockaddr_storage source_of(int family, uint8_t last)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
				     .sin6_addr.s6_addr = { 0xfd,
							    [15] = last } };
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(0x0a000000 |
							    last) };
	struct sockaddr_storage ss = { 0 };

	if (family == 4)
		memcpy(&ss, &sin, sizeof(sin));
	else
		memcpy(&ss, &sin6, sizeof(sin6));
	return ss;
}

static int level_of(int family)
{
	return family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
}

static int whole(struct fdnet_sock *so, int family, int name)
{
	struct group_req req = { .gr_interface = 2,
				 .gr_group = group_of(family) };

	return fdnet_sock_setopt(so, level_of(family), name, &req,
				 sizeof(req));
}

static int source(struct fdnet_sock *so, int family, int name, uint8_t last)
{
	struct group_source_req req = { .gsr_interface = 2,
					.gsr_group = group_of(family),
					.gsr_source = source_of(family,
								last) };

	return fdnet_sock_setopt(so, level_of(family), name, &req,
				 sizeof(req));
}

static struct fdnet_sock *sock(int family)
{
	return sock_open(pair->s[0], family, FDNET_SOCK_DGRAM, 17);
}

/* One letter each: join, leave the group; + - a source joined or left; b u a
 * source blocked or unblocked. */
static int op(struct fdnet_sock *so, int family, const char *what)
{
	uint8_t last = (uint8_t)atoi(what + 1);

	switch (what[0]) {
	case 'j':
		return whole(so, family, MCAST_JOIN_GROUP);
	case 'l':
		return whole(so, family, MCAST_LEAVE_GROUP);
	case '+':
		return source(so, family, MCAST_JOIN_SOURCE_GROUP, last);
	case '-':
		return source(so, family, MCAST_LEAVE_SOURCE_GROUP, last);
	case 'b':
		return source(so, family, MCAST_BLOCK_SOURCE, last);
	default:
		return source(so, family, MCAST_UNBLOCK_SOURCE, last);
	}
}

/* Operations in a row, by two sockets: "2" before one is the second's. Time
 * passes after each. Returns what the last of them did. */
static int ops(struct fdnet_sock *so[2], int family, const char *text)
{
	char copy[128], *word, *save;
	int rc = 0, who;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	strcpy(copy, text);
	for (word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		who = *word == '2';
		rc = op(so[who], family, word + who);
		stack_pair_pass(pair, 3 * SEC);
	}
	return rc;
}

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
	struct fdnet_sock *so[2] = { sock(family), sock(family) };
	int rc = ops(so, family, answers[_i / 2].ops);

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
	struct fdnet_sock *so = sock(4), *stream;
	uint32_t len = sizeof(struct ip_mreq_source);
	struct group_source_req bad = { .gsr_interface = 2,
					.gsr_group = group_of(4),
					.gsr_source = source_of(6, 1) };

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
	ck_assert_int_eq(whole(so, 4, MCAST_LEAVE_GROUP), 0);
	ck_assert_int_eq(whole(so, 4, MCAST_JOIN_GROUP), 0);
	ck_assert_int_eq(source4(so, IP_BLOCK_SOURCE, "232.1.1.1", "10.0.0.1",
				 "10.0.0.7", len), 0);
	ck_assert_int_eq(source4(so, IP_UNBLOCK_SOURCE, "232.1.1.1",
				 "10.0.0.1", "10.0.0.7", len), 0);
	/* of the wrong family */
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, MCAST_BLOCK_SOURCE,
					   &bad, sizeof(bad)), -EADDRNOTAVAIL);
	stream = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	ck_assert_int_eq(source(stream, 4, MCAST_JOIN_SOURCE_GROUP, 1),
			 -EPROTO);
}
END_TEST

START_TEST(sources_and_groups_have_a_limit)
{
	int family = _i & 1 ? 6 : 4, most = family == 4 ? 10 : 64, i;
	struct fdnet_sock *so = sock(family);
	struct group_req req = { .gr_interface = 2,
				 .gr_group = group_of(family) };

	for (i = 1; i <= most; i++)
		ck_assert_int_eq(source(so, family, MCAST_JOIN_SOURCE_GROUP,
					(uint8_t)i), 0);
	ck_assert_int_eq(source(so, family, MCAST_JOIN_SOURCE_GROUP, 99),
			 -ENOBUFS);
	for (i = 1; i < FDNET_MCAST_MAX; i++) {
		((uint8_t *)&req.gr_group)[family == 4 ? 7 : 23] =
			(uint8_t)(i + 1);
		ck_assert_int_eq(fdnet_sock_setopt(so, level_of(family),
						   MCAST_JOIN_GROUP, &req,
						   sizeof(req)), 0);
	}
	((uint8_t *)&req.gr_group)[family == 4 ? 7 : 23] = 99;
	ck_assert_int_eq(fdnet_sock_setopt(so, level_of(family),
					   MCAST_JOIN_GROUP, &req,
					   sizeof(req)), -ENOBUFS);
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[0], FDNET_C_MCAST_LIMIT),
			  2);
	/* the report of all of them is in pieces that fit */
	stack_pair_pass(pair, 3 * SEC);
}
END_TEST

START_TEST(whole_filters_are_set_and_read)
{
	int family = _i;
	struct fdnet_sock *so = sock(family);
	union {
		struct group_filter f;
		uint8_t room[GROUP_FILTER_SIZE(70)];
	} in = { .f = { .gf_interface = 2, .gf_group = group_of(family),
			.gf_fmode = MCAST_INCLUDE, .gf_numsrc = 3 } }, out;
	uint32_t len = sizeof(out), max = family == 4 ? 10 : 64;
	struct sockaddr_storage src;
	int level = level_of(family), i;

	for (i = 0; i < 3; i++) {
		src = source_of(family, (uint8_t)(i + 1));
		memcpy(in.room + GROUP_FILTER_SIZE(i), &src, sizeof(src));
	}
	/* not joined */
	ck_assert_int_eq(fdnet_sock_setopt(so, level, MCAST_MSFILTER, &in,
					   GROUP_FILTER_SIZE(3)), -EINVAL);
	out = in;
	ck_assert_int_eq(fdnet_sock_getopt(so, level, MCAST_MSFILTER, &out,
					   &len), -EADDRNOTAVAIL);
	ck_assert_int_eq(whole(so, family, MCAST_JOIN_GROUP), 0);
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
	ck_assert_int_eq(whole(so, family, MCAST_LEAVE_GROUP), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(ipv4_filters_are_set_and_read)
{
	struct fdnet_sock *so = sock(4);
	union {
		struct ip_msfilter f;
		uint8_t room[IP_MSFILTER_SIZE(12)];
	} f = { .f = { .imsf_multiaddr.s_addr = htonl(0xe8010101),
		       .imsf_interface.s_addr = htonl(0x0a000001),
		       .imsf_fmode = MCAST_EXCLUDE, .imsf_numsrc = 2 } };
	uint32_t len = sizeof(f);

	f.f.imsf_slist[0].s_addr = htonl(0x0a000007);
	memcpy(f.room + IP_MSFILTER_SIZE(1), f.f.imsf_slist, 4);
	ck_assert_int_eq(whole(so, 4, MCAST_JOIN_GROUP), 0);
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
	struct fdnet_sock *so[2] = { sock(family), sock(family) };
	static uint8_t bytes[4096];
	const struct fdnet_mcast_filter *f;
	struct fdnet_name group = name_of(family == 4 ? "232.1.1.1" :
							"ff05::1", 0);
	struct fdnet_name src = name_of(family == 4 ? "10.0.0.2" : "fd00::2",
					0);
	ssize_t len;

	ck_assert_int_eq(ops(so, family, "j b1 b2 2+2"), 0);
	*told = 0;
	len = fdnet_sock_save(so[0], bytes, sizeof(bytes));
	ck_assert_int_gt(len, 0);
	ck_assert_int_le(len, (ssize_t)sizeof(bytes));
	fdnet_sock_forget(so[0]);
	ck_assert_int_eq(fdnet_sock_restore(pair->s[0], bytes, (size_t)len,
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
	struct fdnet_sock *so[2] = { sock(family), sock(family) }, *from;
	struct fdnet_name to = name_of(family == 4 ? "232.1.1.1" : "ff05::1",
				       7000);
	const char *label = passing[_i / 2].ops;
	char c;
	int i;

	for (i = 0; i < 2; i++) {
		sock_set_int(so[i], SOL_SOCKET, SO_REUSEADDR, 1);
		sock_bind(so[i], family == 4 ? "0.0.0.0" : "::", 7000);
	}
	ck_assert_int_eq(ops(so, family, label), 0);
	from = sock_open(pair->s[1], family, FDNET_SOCK_DGRAM, 17);
	ck_assert_int_eq(sock_send(from, "x", 1, &to), 1);
	stack_pair_run(pair);
	ck_assert_msg((sock_recv(so[0], &c, 1, NULL) == 1) ==
			      passing[_i / 2].first, "%s: first", label);
	ck_assert_msg((sock_recv(so[1], &c, 1, NULL) == 1) ==
			      passing[_i / 2].second, "%s: second", label);
}
END_TEST

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
	struct fdnet_sock *so[2] = { sock(family), sock(family) };

	ops(so, family, reports[_i / 2].ops);
	ck_assert_msg(!strcmp(told, reports[_i / 2].told), "%s: %s",
		      reports[_i / 2].ops, told);
}
END_TEST

START_TEST(changes_in_a_row_are_told_together)
{
	int family = _i;
	struct fdnet_sock *so = sock(family);

	op(so, family, "+1");
	op(so, family, "+2");
	op(so, family, "+3");
	op(so, family, "-1");
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_str_eq(told, "ALLOW(2,3) BLOCK(1) ALLOW(2,3) BLOCK(1)");
	*told = 0;
	/* a mode that changes while sources do tells both */
	op(so, family, "l");
	op(so, family, "j");
	op(so, family, "b5");
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_str_eq(told, "TO_EX(5) TO_EX(5)");
}
END_TEST

/* ---- queries ---- */

/* A router's query for @n sources from 1 on, of our group or all; what is not
 * there of it is cut off. */
static void query(int family, bool all, unsigned int n, size_t cut)
{
	uint8_t p[40 + 28 + 16 * 8] = { 0 }, *q;
	struct sockaddr_storage ss = group_of(family);
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
			ss = source_of(4, (uint8_t)(i + 1));
			memcpy(q + 12 + 4 * i, (uint8_t *)&ss + 4, 4);
		}
		len = 12 + 4 * n - cut;
		hdr.total_len = (uint16_t)(20 + len);
		fdnet_ipv4_encode(p, &hdr);
		fdnet_csum_store(q + 2, fdnet_csum_add(0, q, len));
		fdnet_stack_input(pair->s[0],
				  pkt_from_bytes(pair->pool, p, 20 + len));
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
			ss = source_of(6, (uint8_t)(i + 1));
			memcpy(q + 28 + 16 * i, (uint8_t *)&ss + 8, 16);
		}
		len = 28 + 16 * n - cut;
		hdr.payload_len = (uint16_t)len;
		fdnet_ipv6_encode(p, &hdr);
		fdnet_csum_store(q + 2, fdnet_csum_add(
			fdnet_pseudo_csum(&s.ip, &d.ip, 58, (uint32_t)len), q,
			len));
		fdnet_stack_input(pair->s[0],
				  pkt_from_bytes(pair->pool, p, 40 + len));
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
	struct fdnet_sock *so[2] = { sock(family), sock(family) };

	ops(so, family, queries[_i / 2].ops);
	*told = 0;
	query(family, queries[_i / 2].all, queries[_i / 2].n, 0);
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_msg(!strcmp(told, queries[_i / 2].told), "%s: %s",
		      queries[_i / 2].ops, told);
}
END_TEST

START_TEST(broken_queries_are_not_answered)
{
	int family = _i;
	struct fdnet_sock *so[2] = { sock(family), sock(family) };
	size_t cut;

	ops(so, family, "j");
	*told = 0;
	for (cut = 1; cut <= 8; cut++) /* of the sources */
		query(family, false, 2, cut);
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_str_eq(told, "");
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[0], FDNET_C_ICMP_BAD),
			  8);
}
END_TEST

START_TEST(pending_answers_are_joined)
{
	int family = _i;
	struct fdnet_sock *so[2] = { sock(family), sock(family) };

	ops(so, family, "j");
	*told = 0;
	query(family, false, 2, 0);
	query(family, false, 4, 0);
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_str_eq(told, "IS_IN(1,2,3,4)");
	*told = 0;
	query(family, false, 2, 0);
	query(family, false, 0, 0);
	query(family, false, 1, 0);
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_str_eq(told, "IS_EX()");
	/* and the querier's robustness is ours */
	*told = 0;
	ops(so, family, "b9");
	ck_assert_str_eq(told, "BLOCK(9) BLOCK(9) BLOCK(9)");
}
END_TEST

/* RFC 3376 7.2.1: hosts of the first version do not leave. */
START_TEST(the_oldest_querier_hears_the_oldest_reports)
{
	struct fdnet_sock *so[2] = { sock(4), sock(4) };
	uint8_t p[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 1, 2, 0, 0,
			  10, 0, 0, 2, 224, 0, 0, 1, 0x11 };

	fdnet_csum_store(p + 10, fdnet_csum_add(0, p, 20));
	fdnet_csum_store(p + 22, fdnet_csum_add(0, p + 20, 8));
	fdnet_stack_input(pair->s[0], pkt_from_bytes(pair->pool, p, 28));
	ops(so, 4, "+1");
	ck_assert_str_eq(told, "12");
	ops(so, 4, "l");
	ck_assert_str_eq(told, "12");
	stack_pair_pass(pair, 261 * SEC);
	*told = 0;
	ops(so, 4, "+1");
	ck_assert_str_eq(told, "ALLOW(1) ALLOW(1)");
}
END_TEST

static Suite *mcast_suite(void)
{
	Suite *s = suite_create("mcast");
	TCase *tc = tcase_create("mcast");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, options_answer_as_linux_does, 0,
			    2 * N(answers));
	tcase_add_test(tc, the_older_options_of_ipv4_do_the_same);
	tcase_add_loop_test(tc, sources_and_groups_have_a_limit, 0, 2);
	tcase_add_loop_test(tc, whole_filters_are_set_and_read, 4, 5);
	tcase_add_loop_test(tc, whole_filters_are_set_and_read, 6, 7);
	tcase_add_test(tc, ipv4_filters_are_set_and_read);
	tcase_add_loop_test(tc, filters_are_saved, 4, 5);
	tcase_add_loop_test(tc, filters_are_saved, 6, 7);
	tcase_add_loop_test(tc, sources_pass_the_filter, 0, 2 * N(passing));
	tcase_add_loop_test(tc, changes_are_told_by_their_sources, 0,
			    2 * N(reports));
	tcase_add_loop_test(tc, changes_in_a_row_are_told_together, 4, 5);
	tcase_add_loop_test(tc, changes_in_a_row_are_told_together, 6, 7);
	tcase_add_loop_test(tc, queries_are_answered_by_source, 0,
			    2 * N(queries));
	tcase_add_loop_test(tc, broken_queries_are_not_answered, 4, 5);
	tcase_add_loop_test(tc, broken_queries_are_not_answered, 6, 7);
	tcase_add_loop_test(tc, pending_answers_are_joined, 4, 5);
	tcase_add_loop_test(tc, pending_answers_are_joined, 6, 7);
	tcase_add_test(tc, the_oldest_querier_hears_the_oldest_reports);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(mcast_suite)
