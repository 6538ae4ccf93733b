/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/mcast_case.h"

#include <stdio.h>
#include <string.h>

#include "stack/pmtu.h"
#include "stack/wire/bytes.h"
#include "tests/suite_main.h"

struct stack_pair *mcast_pair;
char mcast_told[4096];

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
	char *to = mcast_told + strlen(mcast_told);

	ck_assert_uint_le(n, sizeof(last));
	ck_assert_uint_lt(p[0], N_ROWS(names));
	for (i = 0; i < n; i++)
		last[i] = p[4 + alen * (i + 2) - 1];
	qsort(last, n, 1, cmp);
	to += sprintf(to, "%s%s(", *mcast_told ? " " : "", names[p[0]]);
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
		sprintf(mcast_told + strlen(mcast_told), "%s%x", *mcast_told ? " " : "",
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

void mcast_setup(void)
{
	mcast_pair = stack_pair_new(NULL, NULL);
	mcast_pair->filter = watch;
	*mcast_told = 0;
}

void mcast_teardown(void)
{
	stack_pair_free(mcast_pair);
}

struct sockaddr_storage mcast_group_of(int family)
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

struct sockaddr_storage mcast_source_of(int family, uint8_t last)
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

int mcast_level_of(int family)
{
	return family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
}

int mcast_whole(struct fdnet_sock *so, int family, int name)
{
	struct group_req req = { .gr_interface = 2,
				 .gr_group = mcast_group_of(family) };

	return fdnet_sock_setopt(so, mcast_level_of(family), name, &req,
				 sizeof(req));
}

int mcast_source(struct fdnet_sock *so, int family, int name, uint8_t last)
{
	struct group_source_req req = { .gsr_interface = 2,
					.gsr_group = mcast_group_of(family),
					.gsr_source = mcast_source_of(family,
								last) };

	return fdnet_sock_setopt(so, mcast_level_of(family), name, &req,
				 sizeof(req));
}

struct fdnet_sock *mcast_sock(int family)
{
	return sock_open(mcast_pair->s[0], family, FDNET_SOCK_DGRAM, 17);
}

int mcast_op(struct fdnet_sock *so, int family, const char *what)
{
	uint8_t last = (uint8_t)atoi(what + 1);

	switch (what[0]) {
	case 'j':
		return mcast_whole(so, family, MCAST_JOIN_GROUP);
	case 'l':
		return mcast_whole(so, family, MCAST_LEAVE_GROUP);
	case '+':
		return mcast_source(so, family, MCAST_JOIN_SOURCE_GROUP, last);
	case '-':
		return mcast_source(so, family, MCAST_LEAVE_SOURCE_GROUP, last);
	case 'b':
		return mcast_source(so, family, MCAST_BLOCK_SOURCE, last);
	default:
		return mcast_source(so, family, MCAST_UNBLOCK_SOURCE, last);
	}
}

int mcast_ops(struct fdnet_sock *so[2], int family, const char *text)
{
	char copy[128], *word, *save;
	int rc = 0, who;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	strcpy(copy, text);
	for (word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		who = *word == '2';
		rc = mcast_op(so[who], family, word + who);
		stack_pair_pass(mcast_pair, 3 * SEC);
	}
	return rc;
}
