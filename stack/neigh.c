/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/neigh.h"

#include <errno.h>
#include <string.h>

#include "stack/object.h"
#include "stack/save.h"
#include "stack/wire/arp.h"
#include "stack/wire/icmp.h"

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- the table ---- */

static struct fdnet_neigh *find(struct fdnet_stack *stack,
				const struct fdnet_ip *ip)
{
	struct fdnet_neighs *n = &stack->neighs;
	unsigned int i;

	for (i = 0; i < n->used; i++)
		if (n->entries[i].state && fdnet_ip_equal(&n->entries[i].ip,
							  ip))
			return &n->entries[i];
	return NULL;
}

static void drop(struct fdnet_neigh *e)
{
	fdnet_pkt_free_list(e->wait);
	memset(e, 0, sizeof(*e));
}

static struct fdnet_neigh *make_room(struct fdnet_stack *stack)
{
	struct fdnet_neighs *n = &stack->neighs;
	struct fdnet_neigh *least = NULL;
	unsigned int i;

	if (!n->entries)
		n->entries = fdnet_mem_alloc(stack->mem,
					     stack->cfg.limits.neighbours *
						     sizeof(*n->entries));
	if (!n->entries)
		return NULL;
	for (i = 0; i < n->used; i++) {
		if (!n->entries[i].state)
			return &n->entries[i];
		if (!least || n->entries[i].used_us < least->used_us)
			least = &n->entries[i];
	}
	if (n->used < stack->cfg.limits.neighbours)
		return &n->entries[n->used++];
	stack->counters[FDNET_C_NEIGH_LIMIT]++;
	drop(least);
	return least;
}

static struct fdnet_neigh *entry_new(struct fdnet_stack *stack,
				     const struct fdnet_ip *ip)
{
	struct fdnet_neigh *e = make_room(stack);

	if (!e)
		return NULL;
	e->ip = *ip;
	e->state = FDNET_NEIGH_INCOMPLETE;
	e->used_us = stack->now_us;
	return e;
}

/* ---- asking ---- */

static bool is_waiting(const struct fdnet_neigh *e)
{
	return e->state == FDNET_NEIGH_INCOMPLETE ||
	       e->state == FDNET_NEIGH_DELAY || e->state == FDNET_NEIGH_PROBE;
}

static void set_timer(struct fdnet_stack *stack)
{
	struct fdnet_neighs *n = &stack->neighs;
	uint64_t first = FDNET_NEVER;
	unsigned int i;

	/* a reachable one just grows old: nothing happens until it is used */
	for (i = 0; i < n->used; i++)
		if (is_waiting(&n->entries[i]) &&
		    n->entries[i].expiry_us < first)
			first = n->entries[i].expiry_us;
	fdnet_timer_set(stack, &n->timer, first);
}

static void ask(struct fdnet_stack *stack, struct fdnet_neigh *e)
{
	const uint8_t *mac = e->state == FDNET_NEIGH_PROBE ? e->mac : NULL;
	uint64_t retry_us = FDNET_NEIGH_RETRY_US;

	if (e->ip.family == 6 && stack->neighs.retry6_ms)
		retry_us = stack->neighs.retry6_ms * 1000ull;
	e->tries++;
	e->expiry_us = stack->now_us + retry_us;
	if (e->ip.family == 4)
		fdnet_arp_ask(stack, &e->ip, mac);
	else
		fdnet_nd_ask(stack, &e->ip, mac);
}

/* The packets that waited in vain come back as an error, as if a router had
 * sent it: RFC 1122 2.3.2.2, RFC 4861 7.2.2. */
static void give_up(struct fdnet_stack *stack, struct fdnet_neigh *e)
{
	struct fdnet_pkt *pkt;
	struct fdnet_ip_in in;

	stack->counters[FDNET_C_NEIGH_FAILED]++;
	fdnet_route_silent(stack, &e->ip);
	while ((pkt = e->wait)) {
		e->wait = pkt->next;
		pkt->next = NULL;
		memset(&in, 0, sizeof(in));
		fdnet_ip_describe(pkt, &in);
		pkt->flags |= FDNET_PKT_LOOPED; /* no limit in rate */
		in.hdr = pkt->data;
		fdnet_pkt_pull(pkt, in.hdr_len);
		fdnet_icmp_send_error(stack, pkt, &in, FDNET_ICMP_UNREACH,
				      FDNET_ICMP_UNREACH_HOST, 0);
		fdnet_pkt_free(pkt);
	}
	drop(e);
}

static void fire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	struct fdnet_neighs *n = &stack->neighs;
	unsigned int i;

	for (i = 0; i < n->used; i++) {
		struct fdnet_neigh *e = &n->entries[i];

		if (!is_waiting(e) || e->expiry_us > stack->now_us)
			continue;
		if (e->state == FDNET_NEIGH_DELAY) {
			e->state = FDNET_NEIGH_PROBE;
			e->tries = 0;
		}
		if (e->tries < FDNET_NEIGH_TRIES)
			ask(stack, e);
		else
			give_up(stack, e);
	}
	set_timer(stack);
}

int fdnet_neigh_init(struct fdnet_stack *stack)
{
	fdnet_timer_init(&stack->neighs.timer, fire);
	stack->neighs.spread = 1024;
	if (stack->cfg.ethernet)
		stack->neighs.spread =
			(uint16_t)(512 + fdnet_stack_random(stack) % 1024);
	return fdnet_timer_reserve(stack, 1);
}

void fdnet_neigh_done(struct fdnet_stack *stack)
{
	struct fdnet_neighs *n = &stack->neighs;
	unsigned int i;

	for (i = 0; i < n->used; i++)
		fdnet_pkt_free_list(n->entries[i].wait);
	fdnet_mem_free(stack->mem, n->entries,
		       stack->cfg.limits.neighbours * sizeof(*n->entries));
}

/* ---- save and restore ---- */

/* Who is asked for at present is asked for again when a packet needs it;
 * whose answer is awaited is doubted still. */
static bool is_kept(const struct fdnet_neigh *e)
{
	return e->state > FDNET_NEIGH_INCOMPLETE;
}

static void save_entry(struct fdnet_save *s, struct fdnet_neigh *e)
{
	struct fdnet_ip ip = e ? e->ip : (struct fdnet_ip){ 0 };
	uint64_t expiry = 1, used;
	uint8_t mac[6] = { 0 };

	if (e) {
		memcpy(mac, e->mac, 6);
		if (e->state == FDNET_NEIGH_REACHABLE)
			expiry = e->expiry_us;
	}
	fdnet_save_ip(s, &ip);
	fdnet_save_bytes(s, mac, 6);
	expiry = fdnet_save_time(s, expiry);
	used = fdnet_save_time(s, e ? e->used_us : 0);
	fdnet_save_check(s, ip.family);
	if (!s->reading || s->rc || find(s->stack, &ip))
		return;
	e = entry_new(s->stack, &ip);
	if (!e) {
		fdnet_save_fail(s, -ENOMEM);
		return;
	}
	memcpy(e->mac, mac, 6);
	e->state = FDNET_NEIGH_REACHABLE;
	e->expiry_us = expiry;
	e->used_us = used;
}

void fdnet_save_neighs(struct fdnet_save *s)
{
	struct fdnet_neighs *nb = &s->stack->neighs;
	uint32_t n = 0, i;

	for (i = 0; i < nb->used; i++)
		n += is_kept(&nb->entries[i]);
	n = fdnet_save_count(s, n, s->stack->cfg.limits.neighbours, 27);
	if (s->reading) {
		while (n-- && !s->rc)
			save_entry(s, NULL);
		return;
	}
	for (i = 0; i < nb->used; i++)
		if (is_kept(&nb->entries[i]))
			save_entry(s, &nb->entries[i]);
}

/* ---- sending ---- */

static void address(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		    const uint8_t dst[6])
{
	memcpy(pkt->link_dst, dst, 6);
	memcpy(pkt->link_src, stack->cfg.link_addr, 6);
}

void fdnet_neigh_put(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     const uint8_t dst[6], uint16_t ethertype)
{
	address(stack, pkt, dst);
	pkt->ethertype = ethertype;
	fdnet_pktq_push(&stack->frags, pkt);
}

/* RFC 1112 6.4, RFC 2464 7 */
static void group_mac(const struct fdnet_ip *ip, uint8_t mac[6])
{
	if (ip->family == 4) {
		mac[0] = 0x01;
		mac[1] = 0x00;
		mac[2] = 0x5e;
		mac[3] = ip->bytes[1] & 0x7f;
		mac[4] = ip->bytes[2];
		mac[5] = ip->bytes[3];
		return;
	}
	mac[0] = 0x33;
	mac[1] = 0x33;
	memcpy(mac + 2, ip->bytes + 12, 4);
}

static void wait_in(struct fdnet_stack *stack, struct fdnet_neigh *e,
		    struct fdnet_pkt *pkt)
{
	struct fdnet_pkt **tail = &e->wait, *first;

	/* RFC 1122 2.3.2.2: at least the latest is kept */
	if (e->nwait == FDNET_NEIGH_QUEUE) {
		first = e->wait;
		e->wait = first->next;
		first->next = NULL;
		fdnet_pkt_free(first);
		e->nwait--;
	}
	while (*tail)
		tail = &(*tail)->next;
	pkt->next = NULL;
	*tail = pkt;
	e->nwait++;
}

static struct fdnet_pkt *send_to(struct fdnet_stack *stack,
				 struct fdnet_pkt *pkt,
				 struct fdnet_neigh *e)
{
	e->used_us = stack->now_us;
	if (e->state == FDNET_NEIGH_INCOMPLETE) {
		wait_in(stack, e, pkt);
		if (!e->tries) {
			ask(stack, e);
			set_timer(stack);
		}
		return NULL;
	}
	if (e->state == FDNET_NEIGH_STALE ||
	    (e->state == FDNET_NEIGH_REACHABLE &&
	     e->expiry_us <= stack->now_us)) {
		e->state = FDNET_NEIGH_DELAY;
		e->expiry_us = stack->now_us + FDNET_NEIGH_DELAY_US;
		set_timer(stack);
	}
	address(stack, pkt, e->mac);
	return pkt;
}

struct fdnet_pkt *fdnet_neigh_send(struct fdnet_stack *stack,
				   struct fdnet_pkt *pkt,
				   const struct fdnet_ip *hop)
{
	struct fdnet_neigh *e;
	uint8_t mac[6];

	if (fdnet_ip_is_multicast(hop)) {
		group_mac(hop, mac);
		address(stack, pkt, mac);
		return pkt;
	}
	if (fdnet_ip_is_broadcast(stack, hop)) {
		address(stack, pkt, everybody);
		return pkt;
	}
	e = find(stack, hop);
	if (!e)
		e = entry_new(stack, hop);
	if (!e) {
		stack->counters[FDNET_C_IP_NOMEM]++;
		fdnet_pkt_free(pkt);
		return NULL;
	}
	return send_to(stack, pkt, e);
}

void fdnet_neigh_wake(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_neigh *e;

	if (!stack->cfg.ethernet || find(stack, ip))
		return;
	e = entry_new(stack, ip);
	if (!e)
		return;
	ask(stack, e);
	set_timer(stack);
}

/* ---- learning ---- */

static void believe(struct fdnet_stack *stack, struct fdnet_neigh *e)
{
	uint64_t us = FDNET_NEIGH_REACHABLE_US;

	if (e->ip.family == 6 && stack->neighs.reachable6_ms)
		us = stack->neighs.reachable6_ms * 1000ull;
	e->state = FDNET_NEIGH_REACHABLE;
	/* RFC 4861 6.3.2: half to one and a half of it */
	e->expiry_us = stack->now_us + us * stack->neighs.spread / 1024;
	e->tries = 0;
	fdnet_route_alive(stack, &e->ip);
}

void fdnet_neigh_confirm(struct fdnet_stack *stack, const struct fdnet_ip *dst)
{
	struct fdnet_neigh *e;
	struct fdnet_ip hop;
	bool timed;

	if (!stack->cfg.ethernet || fdnet_route_find(stack, dst, &hop))
		return;
	e = find(stack, &hop);
	/* without an address nothing can have got there */
	if (!e || e->state == FDNET_NEIGH_INCOMPLETE)
		return;
	timed = is_waiting(e);
	believe(stack, e);
	if (timed)
		set_timer(stack);
}

/* The address of an entry: whatever waited for it goes. */
static void take_mac(struct fdnet_stack *stack, struct fdnet_neigh *e,
		     const uint8_t mac[6])
{
	struct fdnet_pkt *pkt;

	memcpy(e->mac, mac, 6);
	e->tries = 0;
	while ((pkt = e->wait)) {
		e->wait = pkt->next;
		e->nwait--;
		fdnet_neigh_put(stack, pkt, e->mac, pkt->ethertype);
	}
	set_timer(stack);
}

void fdnet_neigh_learn(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		       const uint8_t mac[6], bool answer, bool make)
{
	struct fdnet_neigh *e = find(stack, ip);

	/* a group address is nobody's */
	if (mac[0] & 1)
		return;
	if (!e && make)
		e = entry_new(stack, ip);
	if (!e)
		return;
	if (answer)
		believe(stack, e);
	else if (e->state == FDNET_NEIGH_INCOMPLETE || memcmp(e->mac, mac, 6))
		e->state = FDNET_NEIGH_STALE;
	take_mac(stack, e, mac);
}

void fdnet_neigh_advertised(struct fdnet_stack *stack,
			    const struct fdnet_ip *ip, const uint8_t *mac,
			    bool solicited, bool override)
{
	struct fdnet_neigh *e = find(stack, ip);
	bool known, other;

	if (!e || (mac && mac[0] & 1))
		return;
	known = e->state != FDNET_NEIGH_INCOMPLETE;
	if (!known && !mac)
		return;
	other = known && mac && memcmp(e->mac, mac, 6);
	if (other && !override) { /* RFC 4861 7.2.5, I */
		if (e->state == FDNET_NEIGH_REACHABLE)
			e->state = FDNET_NEIGH_STALE;
		return;
	}
	if (solicited)
		believe(stack, e);
	else if (!known || other)
		e->state = FDNET_NEIGH_STALE;
	if (mac)
		take_mac(stack, e, mac);
	else
		set_timer(stack);
}
