/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/member.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"

#define ROBUSTNESS     2	/* times that a change is told */
#define UNSOLICITED_US 1000000	/* at most, between them */
#define OLD_QUERIER_US 260000000 /* RFC 3376 8.12, the defaults */

enum {
	IGMP_QUERY = 0x11,
	MLD_QUERY = 130,
};

/* Links of our own know their members otherwise, or have none. */
static bool is_told(const struct fdnet_stack *stack,
		    const struct fdnet_mcast_group *m)
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

/* ---- time ---- */

static bool is_old(const struct fdnet_stack *stack, int family)
{
	return stack->members.old_until_us[family == 6] > stack->now_us;
}

static bool is_oldest(const struct fdnet_stack *stack, int family)
{
	return family == 4 && stack->members.oldest_until_us > stack->now_us;
}

static uint8_t robustness(const struct fdnet_stack *stack, int family)
{
	uint8_t told = stack->members.robustness[family == 6];

	return told ? told : ROBUSTNESS;
}

static bool is_changing(const struct fdnet_mcast_group *g)
{
	return g->mode_left || (g->told && g->told->nchanged);
}

static void set_timer(struct fdnet_stack *stack)
{
	uint64_t first = FDNET_NEVER;
	const struct fdnet_mcast_group *g;

	for (g = stack->groups; g; g = g->next) {
		if (is_changing(g) && g->change_us < first)
			first = g->change_us;
		if (g->query_us && g->query_us < first)
			first = g->query_us;
	}
	fdnet_timer_set(stack, &stack->members.timer, first);
}

static uint64_t soon(struct fdnet_stack *stack, uint64_t within_us)
{
	return stack->now_us + 1 + fdnet_stack_random(stack) % within_us;
}

static struct fdnet_mcast_told *told_of(struct fdnet_stack *stack,
					struct fdnet_mcast_group *g)
{
	if (!g->told)
		g->told = fdnet_mem_alloc(stack->mem, sizeof(*g->told));
	return g->told;
}

/* ---- what is told: RFC 3376 5.1, RFC 3810 6.1 ---- */

/* Once more each changed source was told. */
static void count_told(struct fdnet_mcast_group *g)
{
	struct fdnet_mcast_told *told = g->told;
	unsigned int i = 0;

	while (told && i < told->nchanged) {
		if (--told->changed[i].left)
			i++;
		else
			told->changed[i] = told->changed[--told->nchanged];
	}
}

static void tell_mode(struct fdnet_member_report *r,
		      struct fdnet_mcast_group *g)
{
	fdnet_member_record(r, g->filter.exclude ? FDNET_MEMBER_TO_EXCLUDE :
						   FDNET_MEMBER_TO_INCLUDE,
			    &g->group, g->filter.srcs, g->filter.n);
	g->mode_left--;
	count_told(g); /* the sources were in it */
}

/* Those that are wanted now, or those that are not, among the changed. */
static void tell_changed(struct fdnet_member_report *r,
			 const struct fdnet_mcast_group *g, bool wanted)
{
	struct fdnet_ip srcs[FDNET_MCAST_SRC_MOST];
	enum fdnet_member_record type = wanted ? FDNET_MEMBER_ALLOW :
						 FDNET_MEMBER_BLOCK;
	unsigned int i, n = 0;

	for (i = 0; i < g->told->nchanged; i++) {
		if (fdnet_mcast_wants(&g->filter, &g->told->changed[i].src) !=
		    wanted)
			continue;
		srcs[n++] = g->told->changed[i].src;
		if (n < FDNET_MCAST_SRC_MOST)
			continue;
		fdnet_member_record(r, type, &g->group, srcs, n);
		n = 0;
	}
	if (n)
		fdnet_member_record(r, type, &g->group, srcs, n);
}

static void tell_sources(struct fdnet_member_report *r,
			 struct fdnet_mcast_group *g)
{
	tell_changed(r, g, true);
	tell_changed(r, g, false);
	count_told(g);
}

/* RFC 3376 5.2: of all sources, or of those that were asked for and are
 * wanted. */
static void answer(struct fdnet_member_report *r, struct fdnet_mcast_group *g)
{
	struct fdnet_ip srcs[FDNET_MCAST_SRC_MOST];
	unsigned int i, n = 0;

	if (!g->asked_srcs) {
		if (g->filter.exclude || g->filter.n)
			fdnet_member_record(r, g->filter.exclude ?
						       FDNET_MEMBER_IS_EXCLUDE :
						       FDNET_MEMBER_IS_INCLUDE,
					    &g->group, g->filter.srcs,
					    g->filter.n);
		return;
	}
	for (i = 0; i < g->told->nasked; i++)
		if (fdnet_mcast_wants(&g->filter, &g->told->asked[i]))
			srcs[n++] = g->told->asked[i];
	if (n)
		fdnet_member_record(r, FDNET_MEMBER_IS_INCLUDE, &g->group, srcs,
				    n);
}

/* An older querier knows no sources: a group is wanted or not. */
static void tell_old(struct fdnet_stack *stack, struct fdnet_mcast_group *g,
		     bool change)
{
	bool wanted = g->filter.exclude || g->filter.n;

	if (wanted)
		fdnet_member_send_old(stack, &g->group,
				      is_oldest(stack, g->group.family) ?
					      FDNET_MEMBER_OLDEST_REPORT :
					      FDNET_MEMBER_OLD_REPORT);
	else if (change && !is_oldest(stack, g->group.family))
		fdnet_member_send_old(stack, &g->group,
				      FDNET_MEMBER_OLD_LEAVE);
	if (!change)
		return;
	if (g->told)
		g->told->nchanged = 0;
	if (g->mode_left)
		g->mode_left--;
}

/* What is due of one group. */
static void tell(struct fdnet_member_report *r, struct fdnet_mcast_group *g)
{
	struct fdnet_stack *stack = r->stack;
	bool asked = g->query_us && g->query_us <= stack->now_us;
	bool change = is_changing(g) && g->change_us <= stack->now_us;

	if (is_old(stack, g->group.family)) {
		if (asked || change)
			tell_old(stack, g, change);
	} else if (change && g->mode_left) {
		tell_mode(r, g);
	} else if (change) {
		tell_sources(r, g);
	} else if (asked && g->members) {
		answer(r, g);
	}
	if (asked) {
		g->query_us = 0;
		g->asked_srcs = false;
	}
	if (change && is_changing(g))
		g->change_us = soon(stack, UNSOLICITED_US);
}

static void tell_all(struct fdnet_stack *stack)
{
	struct fdnet_member_report r[2] = {
		{ .stack = stack, .family = 4 },
		{ .stack = stack, .family = 6 },
	};
	struct fdnet_mcast_group **pg = &stack->groups, *g;

	while ((g = *pg)) {
		tell(&r[g->group.family == 6], g);
		if (g->members || is_changing(g)) {
			pg = &g->next;
			continue;
		}
		*pg = g->next;
		fdnet_mcast_group_free(stack, g);
	}
	fdnet_member_report_send(&r[0]);
	fdnet_member_report_send(&r[1]);
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
	struct fdnet_mcast_group *g;

	while ((g = stack->groups)) {
		stack->groups = g->next;
		fdnet_mcast_group_free(stack, g);
	}
}

/* ---- changes ---- */

/* false: there is no room to remember it; the whole filter says it too. */
static bool note_source(struct fdnet_stack *stack, struct fdnet_mcast_group *g,
			const struct fdnet_ip *src)
{
	struct fdnet_mcast_told *told = told_of(stack, g);
	unsigned int i;

	if (!told)
		return false;
	for (i = 0; i < told->nchanged; i++)
		if (fdnet_ip_equal(&told->changed[i].src, src))
			break;
	if (i == 2 * FDNET_MCAST_SRC_MOST)
		return false;
	if (i == told->nchanged)
		told->nchanged++;
	told->changed[i].src = *src;
	told->changed[i].left = robustness(stack, g->group.family);
	return true;
}

/* Those in @a and not in @b. Returns whether there are any. */
static bool note_sources(struct fdnet_stack *stack, struct fdnet_mcast_group *g,
			 const struct fdnet_mcast_filter *a,
			 const struct fdnet_mcast_filter *b)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < a->n; i++) {
		if (fdnet_mcast_lists(b, &a->srcs[i]))
			continue;
		any = true;
		if (!note_source(stack, g, &a->srcs[i]))
			g->mode_left = robustness(stack, g->group.family);
	}
	return any;
}

bool fdnet_member_changed(struct fdnet_stack *stack,
			  struct fdnet_mcast_group *g,
			  const struct fdnet_mcast_filter *was)
{
	bool any;

	if (!is_told(stack, g))
		return false;
	any = was->exclude != g->filter.exclude;
	if (any) {
		g->mode_left = robustness(stack, g->group.family);
	} else {
		any = note_sources(stack, g, &g->filter, was);
		any |= note_sources(stack, g, was, &g->filter);
	}
	if (any)
		g->change_us = stack->now_us;
	/* from the timer, so that a caller's loop over groups is safe */
	set_timer(stack);
	return is_changing(g);
}

/* ---- queries ---- */

/* What a query asks for: all groups, one, or sources of one. */
struct query {
	struct fdnet_ip group; /* any: all */
	uint64_t within_us;
	const uint8_t *srcs;
	unsigned int n, len; /* of a source, bytes */
};

/* RFC 3376 5.2, 5: sources asked for twice wait for one answer, if there is
 * room; else it will be of the whole group. */
static bool want_sources(struct fdnet_stack *stack, struct fdnet_mcast_group *g,
			 const struct query *q)
{
	struct fdnet_mcast_told *told = told_of(stack, g);
	struct fdnet_ip src = { .family = g->group.family };
	unsigned int i, at;

	if (!told)
		return false;
	if (!g->query_us)
		told->nasked = 0;
	for (i = 0; i < q->n; i++) {
		memcpy(src.bytes, q->srcs + i * q->len, q->len);
		for (at = 0; at < told->nasked; at++)
			if (fdnet_ip_equal(&told->asked[at], &src))
				break;
		if (at == FDNET_MCAST_SRC_MOST)
			return false;
		told->asked[at] = src;
		told->nasked += at == told->nasked;
	}
	return true;
}

static void ask_group(struct fdnet_stack *stack, struct fdnet_mcast_group *g,
		      const struct query *q)
{
	uint64_t at = soon(stack, q->within_us);

	/* an answer about the whole group is waited for already */
	if (!g->query_us || g->asked_srcs)
		g->asked_srcs = q->n && want_sources(stack, g, q);
	if (!g->query_us || at < g->query_us)
		g->query_us = at;
}

static void take_query(struct fdnet_stack *stack, struct query *q)
{
	struct fdnet_mcast_group *g;

	if (!q->within_us)
		q->within_us = 1;
	for (g = stack->groups; g; g = g->next) {
		if (g->group.family != q->group.family || !g->members ||
		    !is_told(stack, g) ||
		    (!fdnet_ip_is_any(&q->group) &&
		     !fdnet_ip_equal(&q->group, &g->group)))
			continue;
		ask_group(stack, g, q);
	}
	set_timer(stack);
}

/* The part that both have: robustness, and sources of @len bytes that are
 * really there. false: there are not as many as it says. */
static bool take_sources(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
			 uint32_t at, struct query *q)
{
	uint8_t qrv = pkt->data[at] & 7;

	q->n = fdnet_get16(pkt->data + at + 2);
	q->srcs = pkt->data + at + 4;
	stack->members.robustness[q->group.family == 6] = qrv;
	if (pkt->len < at + 4 + q->n * q->len)
		return false;
	if (fdnet_ip_is_any(&q->group))
		q->n = 0;
	return true;
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
	struct query q = { .group.family = 4, .len = 4 };
	uint32_t len = fdnet_pkt_total(pkt), code;

	if (len < 8 || fdnet_pkt_pull_up(pkt, len) ||
	    fdnet_csum_fold(fdnet_csum_pkt(0, pkt, 0)) != 0xffff) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	/* RFC 3376 9.1: a query comes from this link */
	if (pkt->data[0] != IGMP_QUERY || in->ttl != 1)
		return;
	memcpy(q.group.bytes, pkt->data + 4, 4);
	code = pkt->data[1];
	if (len < 12) {
		stack->members.old_until_us[0] = stack->now_us + OLD_QUERIER_US;
		if (!code) { /* IGMPv1: ten seconds */
			stack->members.oldest_until_us =
				stack->now_us + OLD_QUERIER_US;
			code = 100;
		}
	} else {
		code = (uint32_t)code_value(code, 4);
		if (!take_sources(stack, pkt, 8, &q)) {
			stack->counters[FDNET_C_ICMP_BAD]++;
			return;
		}
	}
	q.within_us = code * 100000ull;
	take_query(stack, &q);
}

void fdnet_member_mld(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in)
{
	struct query q = { .group.family = 6, .len = 16 };
	uint32_t len = fdnet_pkt_total(pkt);
	uint64_t ms;

	if (pkt->data[0] != MLD_QUERY)
		return;
	/* RFC 3810 6.2: a router on this link sent it */
	if (len < 24 || fdnet_pkt_pull_up(pkt, len) || in->ttl != 1 ||
	    in->src.bytes[0] != 0xfe || (in->src.bytes[1] & 0xc0) != 0x80) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	memcpy(q.group.bytes, pkt->data + 8, 16);
	ms = fdnet_get16(pkt->data + 4);
	if (len < 28) {
		stack->members.old_until_us[1] = stack->now_us + OLD_QUERIER_US;
	} else {
		ms = code_value((uint32_t)ms, 12);
		if (!take_sources(stack, pkt, 24, &q)) {
			stack->counters[FDNET_C_ICMP_BAD]++;
			return;
		}
	}
	q.within_us = ms * 1000;
	take_query(stack, &q);
}
