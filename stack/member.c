/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/member.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"

#define ROBUSTNESS     2	/* times that a change is told */
#define UNSOLICITED_US 1000000	/* at most, between them */
#define OLD_QUERIER_US 260000000 /* RFC 3376 8.12, the defaults */
#define MAX_RECORDS    64	/* of one report */

enum {
	IGMP_QUERY = 0x11,
	IGMP2_REPORT = 0x16,
	IGMP2_LEAVE = 0x17,
	IGMP3_REPORT = 0x22,
	MLD_QUERY = 130,
	MLD1_REPORT = 131,
	MLD1_DONE = 132,
	MLD2_REPORT = 143,
};

enum {
	IS_EXCLUDE = 2,
	TO_INCLUDE = 3,
	TO_EXCLUDE = 4,
};

/* 224.0.0.2, 224.0.0.22, ff02::2, ff02::16 */
static const struct fdnet_ip routers4 = { 4, { 224, 0, 0, 2 } };
static const struct fdnet_ip reports4 = { 4, { 224, 0, 0, 22 } };
static const struct fdnet_ip routers6 = { 6, { 0xff, 2, [15] = 2 } };
static const struct fdnet_ip reports6 = { 6, { 0xff, 2, [15] = 0x16 } };

/* Links of our own know their members otherwise, or have none. */
static bool is_told(const struct fdnet_stack *stack, const struct fdnet_mcast *m)
{
	static const struct fdnet_ip all4 = { 4, { 224, 0, 0, 1 } };
	static const struct fdnet_ip all6 = { 6, { 0xff, 2, [15] = 1 } };

	if (stack->cfg.lossless || stack->cfg.switched || stack->cfg.gateway ||
	    m->ifindex != 2)
		return false;
	/* RFC 3376 6, RFC 3810 6: not the groups of all hosts, nor what stays
	 * inside the node */
	if (m->group.family == 4)
		return !fdnet_ip_equal(&m->group, &all4);
	return !fdnet_ip_equal(&m->group, &all6) &&
	       (m->group.bytes[1] & 15) > 1;
}

/* ---- packets ---- */

/* Below the report: headers with router alert (RFC 2113, RFC 2711). */
static void send(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		 const struct fdnet_ip *src, const struct fdnet_ip *dst)
{
	uint8_t *p;

	if (dst->family == 4) {
		struct fdnet_ipv4 hdr = {
			.hdr_len = 24,
			.tos = 0xc0,
			.total_len = (uint16_t)(pkt->len + 24),
			.df = true,
			.ttl = 1,
			.proto = FDNET_PROTO_IGMP,
		};

		fdnet_csum_store(pkt->data + 2, fdnet_csum_pkt(0, pkt, 0));
		p = fdnet_pkt_push(pkt, 24);
		memcpy(hdr.src, src->bytes, 4);
		memcpy(hdr.dst, dst->bytes, 4);
		fdnet_ipv4_encode(p, &hdr);
		memcpy(p + 20, "\x94\x04\0", 4);
		p[0] = 0x46;
		fdnet_ipv4_set_csum(p, 24);
		pkt->ethertype = 0x0800;
	} else {
		struct fdnet_ipv6 hdr = {
			.payload_len = (uint16_t)(pkt->len + 8),
			.hops = 1,
		};

		fdnet_ip_csum_fill(stack, pkt, src, dst, FDNET_PROTO_ICMP6,
				   FDNET_ICMP_CSUM_OFFSET);
		p = fdnet_pkt_push(pkt, 8);
		memcpy(p, "\x3a\0\x05\x02\0\0\x01\0", 8);
		p = fdnet_pkt_push(pkt, FDNET_IPV6_LEN);
		memcpy(hdr.src, src->bytes, 16);
		memcpy(hdr.dst, dst->bytes, 16);
		fdnet_ipv6_encode(p, &hdr);
		pkt->ethertype = 0x86dd;
	}
	stack->counters[FDNET_C_GROUP_REPORT]++;
	if (stack->cfg.ethernet)
		pkt = fdnet_neigh_send(stack, pkt, dst);
	if (pkt)
		fdnet_pktq_push(&stack->frags, pkt);
}

/* RFC 3810 5.2.13: from a link-local address, or none. */
static bool source(struct fdnet_stack *stack, int family, struct fdnet_ip *ret)
{
	unsigned int i;

	if (family == 4)
		return !fdnet_ip_source(stack, &reports4, ret) &&
		       !fdnet_ip_is_loopback(ret);
	memset(ret, 0, sizeof(*ret));
	ret->family = 6;
	for (i = 0; i < stack->naddrs; i++)
		if (stack->addrs[i].ip.family == 6 &&
		    stack->addrs[i].ip.bytes[0] == 0xfe)
			*ret = stack->addrs[i].ip;
	return true;
}

/* ---- the new reports: RFC 3376 4.2, RFC 3810 5.2 ---- */

struct report {
	struct fdnet_stack *stack;
	struct fdnet_pkt *pkt;
	int family;
	unsigned int records;
};

static void report_send(struct report *r)
{
	struct fdnet_ip src;

	if (!r->pkt)
		return;
	fdnet_put16(r->pkt->data + 6, (uint16_t)r->records);
	if (source(r->stack, r->family, &src))
		send(r->stack, r->pkt, &src,
		     r->family == 4 ? &reports4 : &reports6);
	else
		fdnet_pkt_free(r->pkt);
	r->pkt = NULL;
	r->records = 0;
}

static void report_add(struct report *r, uint8_t type,
		       const struct fdnet_ip *group)
{
	uint32_t len = r->family == 4 ? 4 : 16;
	uint8_t *p;

	if (!r->pkt) {
		r->pkt = fdnet_pkt_new(r->stack->cfg.pool);
		if (!r->pkt)
			return;
		p = fdnet_pkt_put(r->pkt, 8);
		memset(p, 0, 8);
		p[0] = r->family == 4 ? IGMP3_REPORT : MLD2_REPORT;
	}
	p = fdnet_pkt_put(r->pkt, 4 + len);
	memset(p, 0, 4);
	p[0] = type;
	memcpy(p + 4, group->bytes, len);
	if (++r->records == MAX_RECORDS)
		report_send(r);
}

/* ---- the old ones: RFC 2236, RFC 2710 ---- */

static void send_old(struct fdnet_stack *stack, const struct fdnet_ip *group,
		     bool leave)
{
	bool v4 = group->family == 4;
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);
	struct fdnet_ip src;
	uint8_t *p;

	if (!pkt)
		return;
	p = fdnet_pkt_put(pkt, v4 ? 8 : 24);
	memset(p, 0, 8);
	if (v4)
		p[0] = leave ? IGMP2_LEAVE : IGMP2_REPORT;
	else
		p[0] = leave ? MLD1_DONE : MLD1_REPORT;
	memcpy(p + (v4 ? 4 : 8), group->bytes, v4 ? 4 : 16);
	if (source(stack, group->family, &src))
		send(stack, pkt, &src,
		     !leave ? group : v4 ? &routers4 : &routers6);
	else
		fdnet_pkt_free(pkt);
}

static bool is_old(const struct fdnet_stack *stack, int family)
{
	return stack->members.old_until_us[family == 6] > stack->now_us;
}

/* ---- time ---- */

static void set_timer(struct fdnet_stack *stack)
{
	uint64_t first = FDNET_NEVER;
	const struct fdnet_mcast *m;

	for (m = stack->groups; m; m = m->next) {
		if (m->changes_left && m->change_us < first)
			first = m->change_us;
		if (m->query_us && m->query_us < first)
			first = m->query_us;
	}
	fdnet_timer_set(stack, &stack->members.timer, first);
}

static uint64_t soon(struct fdnet_stack *stack, uint64_t within_us)
{
	return stack->now_us + 1 + fdnet_stack_random(stack) % within_us;
}

/* What is due of one group. */
static void tell(struct report *r, struct fdnet_mcast *m)
{
	struct fdnet_stack *stack = r->stack;
	bool answer = m->query_us && m->query_us <= stack->now_us && m->refs;
	bool change = m->changes_left && m->change_us <= stack->now_us;

	if (m->query_us <= stack->now_us)
		m->query_us = 0;
	if (is_old(stack, m->group.family)) {
		if (answer || change)
			send_old(stack, &m->group, !m->refs);
	} else if (change) {
		report_add(r, m->refs ? TO_EXCLUDE : TO_INCLUDE, &m->group);
	} else if (answer) {
		report_add(r, IS_EXCLUDE, &m->group);
	}
	if (change && --m->changes_left)
		m->change_us = soon(stack, UNSOLICITED_US);
}

static void tell_all(struct fdnet_stack *stack)
{
	struct report r[2] = {
		{ .stack = stack, .family = 4 },
		{ .stack = stack, .family = 6 },
	};
	struct fdnet_mcast **pm = &stack->groups, *m;

	while ((m = *pm)) {
		tell(&r[m->group.family == 6], m);
		if (m->refs || m->changes_left) {
			pm = &m->next;
			continue;
		}
		*pm = m->next;
		fdnet_mem_free(stack->mem, m, sizeof(*m));
	}
	report_send(&r[0]);
	report_send(&r[1]);
	set_timer(stack);
}

static void fire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	tell_all(stack);
}

int fdnet_member_init(struct fdnet_stack *stack)
{
	fdnet_timer_init(&stack->members.timer, fire);
	return fdnet_timer_reserve(stack, 1);
}

void fdnet_member_done(struct fdnet_stack *stack)
{
	struct fdnet_mcast *m;

	while ((m = stack->groups)) {
		stack->groups = m->next;
		fdnet_mem_free(stack->mem, m, sizeof(*m));
	}
}

bool fdnet_member_changed(struct fdnet_stack *stack, struct fdnet_mcast *m)
{
	if (!is_told(stack, m))
		return false;
	m->changes_left = ROBUSTNESS;
	m->change_us = stack->now_us;
	/* from the timer, so that a caller's loop over groups is safe */
	set_timer(stack);
	return true;
}

/* ---- queries ---- */

static void query(struct fdnet_stack *stack, const struct fdnet_ip *group,
		  uint64_t within_us)
{
	struct fdnet_mcast *m;

	if (!within_us)
		within_us = 1;
	for (m = stack->groups; m; m = m->next) {
		uint64_t at = soon(stack, within_us);

		if (m->group.family != group->family || !m->refs ||
		    !is_told(stack, m) ||
		    (!fdnet_ip_is_any(group) && !fdnet_ip_equal(group, &m->group)))
			continue;
		if (!m->query_us || at < m->query_us)
			m->query_us = at;
	}
	set_timer(stack);
}

/* RFC 3376 4.1.1 and RFC 3810 5.1.3: a mantissa of @bits and an exponent. */
static uint64_t code_value(uint32_t code, unsigned int bits)
{
	uint32_t top = 1u << (bits + 3), exp = code >> bits & 7;

	if (code < top)
		return code;
	return ((uint64_t)(code & ((1u << bits) - 1)) | 1u << bits) << (exp + 3);
}

void fdnet_member_igmp(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		       const struct fdnet_ip_in *in)
{
	struct fdnet_ip group = { .family = 4 };
	uint32_t len = fdnet_pkt_total(pkt), code;

	if (len < 8 || fdnet_pkt_pull_up(pkt, len < 12 ? 8 : 12) ||
	    fdnet_csum_fold(fdnet_csum_pkt(0, pkt, 0)) != 0xffff) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	/* RFC 3376 9.1: a query comes from this link */
	if (pkt->data[0] != IGMP_QUERY || in->ttl != 1)
		return;
	code = pkt->data[1];
	if (len < 12)
		stack->members.old_until_us[0] = stack->now_us + OLD_QUERIER_US;
	else
		code = (uint32_t)code_value(code, 4);
	if (!code) /* IGMPv1: ten seconds */
		code = 100;
	memcpy(group.bytes, pkt->data + 4, 4);
	query(stack, &group, code * 100000ull);
}

void fdnet_member_mld(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in)
{
	struct fdnet_ip group = { .family = 6 };
	uint32_t len = fdnet_pkt_total(pkt);
	uint64_t ms;

	if (pkt->data[0] != MLD_QUERY)
		return;
	/* RFC 3810 6.2: a router on this link sent it */
	if (len < 24 || fdnet_pkt_pull_up(pkt, 24) || in->ttl != 1 ||
	    in->src.bytes[0] != 0xfe || (in->src.bytes[1] & 0xc0) != 0x80) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	ms = fdnet_get16(pkt->data + 4);
	if (len < 28)
		stack->members.old_until_us[1] = stack->now_us + OLD_QUERIER_US;
	else
		ms = code_value((uint32_t)ms, 12);
	memcpy(group.bytes, pkt->data + 8, 16);
	query(stack, &group, ms * 1000);
}
