/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Default address selection (RFC 6724): the policy table of section 2.1, the
 * rules of section 5 for sources and of section 6 for destinations. IPv4
 * addresses take part as IPv4-mapped ones do, and compare no longer than
 * their network (section 3.2, Linux).
 */
#include "config.h"

#include "stack/ip_select.h"

#include <errno.h>

#include "stack/object.h"

enum scope { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

struct policy {
	struct fdnet_ip net;
	unsigned int bits;
	int precedence, label;
};

/* Longest prefixes first. */
static const struct policy policies[] = {
	{{6, {[15] = 1}}, 128, 50, 0}, /* ::1 */
	{{6, {[10] = 0xff, 0xff}}, 96, 35, 4}, /* ::ffff:0:0 */
	{{6, {0}}, 96, 1, 3}, /* :: */
	{{6, {0x20, 0x01, 0, 0}}, 32, 5, 5}, /* 2001:: */
	{{6, {0x20, 0x02}}, 16, 30, 2}, /* 2002:: */
	{{6, {0x3f, 0xfe}}, 16, 1, 12}, /* 3ffe:: */
	{{6, {0xfe, 0xc0}}, 10, 1, 11}, /* fec0:: */
	{{6, {0xfc}}, 7, 3, 13}, /* fc00:: */
	{{6, {0}}, 0, 40, 1}, /* everything else */
};

static const struct policy *policy_of(const struct fdnet_ip *ip)
{
	const struct policy *p = policies;

	if (ip->family == 4) /* as ::ffff:a.b.c.d */
		return &policies[1];
	while (!fdnet_ip_in_prefix(ip, &p->net, p->bits))
		p++;
	return p;
}

static bool starts(const struct fdnet_ip *ip, uint8_t first, uint8_t second,
		   uint8_t mask)
{
	return ip->bytes[0] == first && (ip->bytes[1] & mask) == second;
}

static enum scope scope_of(const struct fdnet_ip *ip)
{
	if (ip->family == 4)
		return starts(ip, 169, 254, 0xff) || ip->bytes[0] == 127
			       ? SCOPE_LINK
			       : SCOPE_GLOBAL;
	if (fdnet_ip_is_multicast(ip))
		return (ip->bytes[1] & 15);
	if (starts(ip, 0xfe, 0x80, 0xc0) || fdnet_ip_is_loopback(ip))
		return SCOPE_LINK;
	if (starts(ip, 0xfe, 0xc0, 0xc0))
		return SCOPE_SITE;
	return SCOPE_GLOBAL;
}

/* CommonPrefixLen(S, D), section 2.2: no longer than the source's network. */
static unsigned int common_bits(const struct fdnet_source *src,
				const struct fdnet_ip *dst)
{
	unsigned int n = 0;

	while (n < src->bits && fdnet_ip_in_prefix(&src->ip, dst, n + 1))
		n++;
	return n;
}

bool fdnet_source_better(const struct fdnet_source *a,
			 const struct fdnet_source *b,
			 const struct fdnet_ip *dst)
{
	enum scope sa = scope_of(&a->ip), sb = scope_of(&b->ip);
	enum scope sd = scope_of(dst);
	int label = policy_of(dst)->label;
	bool la, lb;

	if (fdnet_ip_equal(&a->ip, dst) != fdnet_ip_equal(&b->ip, dst))
		return fdnet_ip_equal(&a->ip, dst); /* rule 1 */
	if (sa != sb) /* rule 2 */
		return sa < sb ? sa >= sd : sb < sd;
	if (a->deprecated != b->deprecated) /* rule 3 */
		return b->deprecated;
	if (a->on_way != b->on_way) /* rule 5.5 */
		return a->on_way;
	la = policy_of(&a->ip)->label == label;
	lb = policy_of(&b->ip)->label == label;
	if (la != lb) /* rule 6 */
		return la;
	return dst->family == 6 && /* rule 8 */
	       common_bits(a, dst) > common_bits(b, dst);
}

bool fdnet_dest_better(const struct fdnet_dest *a, const struct fdnet_dest *b)
{
	const struct policy *pa = policy_of(&a->ip), *pb = policy_of(&b->ip);
	enum scope sa = scope_of(&a->ip), sb = scope_of(&b->ip);
	bool ra = a->src.ip.family, rb = b->src.ip.family, ma, mb;

	if (ra != rb) /* rule 1: what can be reached */
		return ra;
	if (ra) {
		ma = sa == scope_of(&a->src.ip);
		mb = sb == scope_of(&b->src.ip);
		if (ma != mb) /* rule 2 */
			return ma;
		if (a->src.deprecated != b->src.deprecated) /* rule 3 */
			return b->src.deprecated;
		ma = policy_of(&a->src.ip)->label == pa->label;
		mb = policy_of(&b->src.ip)->label == pb->label;
		if (ma != mb) /* rule 5 */
			return ma;
	}
	if (pa->precedence != pb->precedence) /* rule 6 */
		return pa->precedence > pb->precedence;
	if (sa != sb) /* rule 8 */
		return sa < sb;
	if (!ra || a->ip.family != b->ip.family)
		return false;
	return common_bits(&a->src, &a->ip) > common_bits(&b->src, &b->ip);
}

/* ---- of this stack ---- */

static void describe(const struct fdnet_stack *stack,
		     const struct fdnet_stack_addr *addr,
		     const struct fdnet_ip *hop, struct fdnet_source *ret)
{
	ret->ip = addr->ip;
	ret->bits = addr->bits;
	ret->deprecated = addr->preferred_us &&
			  addr->preferred_us <= stack->now_us;
	ret->on_way = fdnet_ip_in_prefix(hop, &addr->ip, addr->bits) ||
		      fdnet_ip_equal(&addr->router, hop);
}

/* The source towards @dst with what there is to know about it. */
static int find_source(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		       struct fdnet_source *ret)
{
	const struct fdnet_stack_addr *addr;
	struct fdnet_source one;
	struct fdnet_ip hop;

	*ret = (struct fdnet_source){0};
	if (fdnet_ip_is_loopback(dst) || fdnet_ip_is_any(dst)) {
		ret->ip = dst->family == 4 ? fdnet_ip4(0x7f000001)
					   : (struct fdnet_ip){6, {[15] = 1}};
		ret->bits = dst->family == 4 ? 8 : 128;
		return 0;
	}
	if (fdnet_stack_find_addr(stack, dst)) {
		ret->ip = *dst;
		ret->bits = dst->family == 4 ? 32 : 128;
		return 0;
	}
	if (fdnet_route_find(stack, dst, &hop))
		return -ENETUNREACH;
	for (unsigned int i = 0; i < stack->naddrs; i++) {
		addr = &stack->addrs[i];
		if (addr->ip.family != dst->family || addr->tentative)
			continue;
		describe(stack, addr, &hop, &one);
		if (!ret->ip.family || fdnet_source_better(&one, ret, dst))
			*ret = one;
	}
	return ret->ip.family ? 0 : -ENETUNREACH;
}

int fdnet_ip_source(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		    struct fdnet_ip *ret_src)
{
	struct fdnet_source src;
	int rc = find_source(stack, dst, &src);

	if (!rc)
		*ret_src = src.ip;
	return rc;
}

void fdnet_stack_order(struct fdnet_stack *stack, struct fdnet_ip *dsts,
		       unsigned int n)
{
	struct fdnet_dest one, other;
	unsigned int i, at;

	for (i = 1; i < n; i++) {
		one.ip = dsts[i];
		find_source(stack, &one.ip, &one.src);
		for (at = i; at; at--) { /* rule 10: equals stay in order */
			other.ip = dsts[at - 1];
			find_source(stack, &other.ip, &other.src);
			if (!fdnet_dest_better(&one, &other))
				break;
			dsts[at] = dsts[at - 1];
		}
		dsts[at] = one.ip;
	}
}
