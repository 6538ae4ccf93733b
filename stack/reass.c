/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/reass.h"

#include <errno.h>
#include <string.h>

#include "stack/icmp.h"
#include "stack/object.h"

enum {
	SAW_NOT_ECT = 1 << 0,
	SAW_CE = 1 << 3,
};

static void entry_drop(struct fdnet_stack *stack, struct fdnet_reass_entry *e)
{
	fdnet_buf_unref(e->buf);
	memset(e, 0, sizeof(*e));
	stack->reass.used--;
}

static void set_timer(struct fdnet_stack *stack)
{
	struct fdnet_reass *r = &stack->reass;
	uint64_t first = FDNET_NEVER;
	unsigned int i;

	for (i = 0; r->used && i < stack->cfg.limits.reassembly; i++)
		if (r->entries[i].buf && r->entries[i].expiry_us < first)
			first = r->entries[i].expiry_us;
	fdnet_timer_set(stack, &r->timer, first);
}

static void expire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	struct fdnet_reass *r = &stack->reass;
	unsigned int i;

	for (i = 0; i < stack->cfg.limits.reassembly; i++) {
		struct fdnet_reass_entry *e = &r->entries[i];

		if (!e->buf || e->expiry_us > stack->now_us)
			continue;
		stack->counters[FDNET_C_FRAG_TIMEOUT]++;
		fdnet_icmp_reass_timeout(stack, e);
		entry_drop(stack, e);
	}
	set_timer(stack);
}

int fdnet_reass_init(struct fdnet_stack *stack)
{
	fdnet_timer_init(&stack->reass.timer, expire);
	return fdnet_timer_reserve(stack, 1);
}

void fdnet_reass_done(struct fdnet_stack *stack)
{
	struct fdnet_reass *r = &stack->reass;
	unsigned int i;

	if (!r->entries)
		return;
	for (i = 0; i < stack->cfg.limits.reassembly; i++)
		fdnet_buf_unref(r->entries[i].buf);
	fdnet_mem_free(stack->mem, r->entries,
		       stack->cfg.limits.reassembly * sizeof(*r->entries));
}

static bool entry_is(const struct fdnet_reass_entry *e,
		     const struct fdnet_reass_frag *frag)
{
	return e->buf && e->ident == frag->ident && e->proto == frag->proto &&
	       fdnet_ip_equal(&e->src, &frag->src) &&
	       fdnet_ip_equal(&e->dst, &frag->dst);
}

static struct fdnet_reass_entry *find(struct fdnet_stack *stack,
				      const struct fdnet_reass_frag *frag)
{
	struct fdnet_reass *r = &stack->reass;
	unsigned int i;

	for (i = 0; r->used && i < stack->cfg.limits.reassembly; i++)
		if (entry_is(&r->entries[i], frag))
			return &r->entries[i];
	return NULL;
}

/* A free place; the oldest gives way when there is none. */
static struct fdnet_reass_entry *make_room(struct fdnet_stack *stack)
{
	struct fdnet_reass *r = &stack->reass;
	struct fdnet_reass_entry *oldest = NULL;
	unsigned int i;

	if (!r->entries)
		r->entries = fdnet_mem_alloc(stack->mem,
					     stack->cfg.limits.reassembly *
						     sizeof(*r->entries));
	if (!r->entries)
		return NULL;
	for (i = 0; i < stack->cfg.limits.reassembly; i++) {
		struct fdnet_reass_entry *e = &r->entries[i];

		if (!e->buf)
			return e;
		if (!oldest || e->started_us < oldest->started_us)
			oldest = e;
	}
	stack->counters[FDNET_C_FRAG_LIMIT]++;
	entry_drop(stack, oldest);
	return oldest;
}

static struct fdnet_reass_entry *entry_new(struct fdnet_stack *stack,
					   const struct fdnet_reass_frag *frag)
{
	struct fdnet_reass_entry *e = make_room(stack);

	if (!e)
		return NULL;
	e->buf = fdnet_buf_new(stack->cfg.pool);
	if (!e->buf)
		return NULL;
	e->src = frag->src;
	e->dst = frag->dst;
	e->ident = frag->ident;
	e->proto = frag->proto;
	e->trusted = true;
	e->started_us = stack->now_us;
	e->expiry_us = stack->now_us + (frag->src.family == 4 ?
						FDNET_REASS_V4_US :
						FDNET_REASS_V6_US);
	stack->reass.used++;
	set_timer(stack);
	return e;
}

/* Enters [start, end) into the sorted list, joining neighbours. Returns 1
 * when it was there already, 0, -EBADMSG (partial overlap), -ENOSPC. */
static int ranges_add(struct fdnet_reass_entry *e, uint32_t start, uint32_t end)
{
	struct fdnet_reass_range *r = e->ranges;
	uint32_t i = 0;
	bool left, right;

	while (i < e->nranges && r[i].end < start)
		i++;
	if (i < e->nranges && r[i].start <= start && r[i].end >= end)
		return 1;
	/* @i: the first that touches or follows */
	left = i < e->nranges && r[i].end == start;
	right = i + left < e->nranges && r[i + left].start == end;
	if (i + left < e->nranges && r[i + left].start < end)
		return -EBADMSG;
	if (left && right) {
		r[i].end = r[i + 1].end;
		e->nranges--;
		memmove(r + i + 1, r + i + 2, (e->nranges - i - 1) * sizeof(*r));
	} else if (left) {
		r[i].end = end;
	} else if (right) {
		r[i].start = start;
	} else {
		if (e->nranges == FDNET_REASS_RANGES)
			return -ENOSPC;
		memmove(r + i + 1, r + i, (e->nranges - i) * sizeof(*r));
		r[i].start = start;
		r[i].end = end;
		e->nranges++;
	}
	return 0;
}

/* Lengths that no whole datagram could have (RFC 791, RFC 8200 4.5). */
static bool plausible(const struct fdnet_reass_entry *e,
		      const struct fdnet_reass_frag *frag, uint32_t len)
{
	uint32_t end = frag->offset + len;
	uint32_t hdr = frag->src.family == 4 ? frag->hdr_len :
					       frag->hdr_len - 40u;
	uint32_t last = e->nranges ? e->ranges[e->nranges - 1].end : 0;

	if (!len || (frag->mf && len % 8) || end + hdr > 65535)
		return false;
	if (!frag->mf)
		return (!e->total || e->total == end) && last <= end;
	return !e->total || end <= e->total;
}

static void take(struct fdnet_reass_entry *e, const struct fdnet_pkt *pkt,
		 const struct fdnet_reass_frag *frag, uint32_t len)
{
	fdnet_pkt_copy_out(pkt, 0, e->buf->data + frag->offset, len);
	e->ecns |= (uint8_t)(1 << (frag->tos & 3));
	if (frag->hdr_len + len > e->frag_max)
		e->frag_max = (uint16_t)(frag->hdr_len + len);
	if (!(pkt->flags & FDNET_PKT_CSUM_TRUSTED))
		e->trusted = false;
	if (!frag->mf)
		e->total = frag->offset + len;
	if (!frag->offset) {
		memcpy(e->hdr, frag->hdr, frag->hdr_len);
		e->hdr_len = frag->hdr_len;
		e->next = frag->next;
	}
}

static bool is_whole(const struct fdnet_reass_entry *e)
{
	return e->total && e->hdr_len && e->nranges == 1 &&
	       !e->ranges[0].start && e->ranges[0].end == e->total;
}

/* RFC 3168 5.3: a mark is kept; but where it could not have been made, for
 * some said that they do not understand it, nothing is certain. */
static bool marks_agree(const struct fdnet_reass_entry *e)
{
	return !(e->ecns & SAW_NOT_ECT) || e->ecns == SAW_NOT_ECT;
}

static struct fdnet_pkt *build(struct fdnet_stack *stack,
			       struct fdnet_reass_entry *e)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);
	uint8_t *hdr;

	if (!pkt)
		return NULL;
	hdr = fdnet_pkt_put(pkt, e->hdr_len);
	if (!hdr ||
	    fdnet_pkt_add_slice(pkt, e->buf, e->buf->data, e->total)) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	memcpy(hdr, e->hdr, e->hdr_len);
	if (e->ecns & SAW_CE)
		hdr[1] |= e->src.family == 4 ? 3 : 0x30;
	pkt->user[0].u64 = e->frag_max;
	if (e->trusted)
		pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	return pkt;
}

struct fdnet_pkt *fdnet_reass_add(struct fdnet_stack *stack,
				  struct fdnet_pkt *pkt,
				  const struct fdnet_reass_frag *frag,
				  uint8_t *ret_next)
{
	uint32_t len = fdnet_pkt_total(pkt);
	struct fdnet_reass_entry *e;
	struct fdnet_pkt *whole = NULL;
	int rc;

	stack->counters[FDNET_C_FRAG_IN]++;
	e = find(stack, frag);
	if (!e)
		e = entry_new(stack, frag);
	if (!e) {
		stack->counters[FDNET_C_IP_NOMEM]++;
		fdnet_pkt_free(pkt);
		return NULL;
	}
	if (frag->hdr_len > sizeof(e->hdr) || !plausible(e, frag, len))
		rc = -EBADMSG;
	else
		rc = ranges_add(e, frag->offset, frag->offset + len);
	if (rc < 0) {
		stack->counters[FDNET_C_FRAG_BAD]++;
		entry_drop(stack, e);
		set_timer(stack);
	} else if (!rc) {
		take(e, pkt, frag, len);
	}
	if (!rc && is_whole(e) && !marks_agree(e)) {
		stack->counters[FDNET_C_FRAG_BAD]++;
		entry_drop(stack, e);
		set_timer(stack);
	} else if (!rc && is_whole(e)) {
		*ret_next = e->next;
		whole = build(stack, e);
		stack->counters[whole ? FDNET_C_FRAG_REASSEMBLED :
					FDNET_C_IP_NOMEM]++;
		entry_drop(stack, e);
		set_timer(stack);
	}
	fdnet_pkt_free(pkt);
	return whole;
}
