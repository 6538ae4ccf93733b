/* SPDX-License-Identifier: Apache-2.0 */
/* The record of what was sent and when: what RFC 6675 calls the scoreboard. */
#include "config.h"

#include "stack/object.h"
#include "stack/tcp_internal.h"

#define SPARE_MAX 64

static struct fdnet_tcp_txseg *seg_new(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg **spare = &tp->so.stack->txseg_spare;
	struct fdnet_tcp_txseg *seg = *spare;

	if (!seg)
		return fdnet_mem_alloc(tcp_mem(tp), sizeof(*seg));
	*spare = seg->next;
	tp->so.stack->ntxseg_spare--;
	*seg = (struct fdnet_tcp_txseg){0};
	return seg;
}

/* A few records are kept back for all connections: request and response would
 * otherwise allocate for each other. */
static void seg_free(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg)
{
	struct fdnet_stack *stack = tp->so.stack;

	if (stack->ntxseg_spare < SPARE_MAX) {
		seg->next = stack->txseg_spare;
		stack->txseg_spare = seg;
		stack->ntxseg_spare++;
		return;
	}
	fdnet_mem_free(tcp_mem(tp), seg, sizeof(*seg));
}

void fdnet_txseg_done(struct fdnet_stack *stack)
{
	struct fdnet_tcp_txseg *seg;

	while ((seg = stack->txseg_spare)) {
		stack->txseg_spare = seg->next;
		fdnet_mem_free(stack->mem, seg, sizeof(*seg));
	}
}

static void link_after(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *prev,
		       struct fdnet_tcp_txseg *seg)
{
	seg->prev = prev;
	seg->next = prev ? prev->next : tp->tx_head;
	if (prev)
		prev->next = seg;
	else
		tp->tx_head = seg;
	if (seg->next)
		seg->next->prev = seg;
	else
		tp->tx_tail = seg;
}

bool fdnet_txseg_add(struct fdnet_tcp *tp, uint32_t seq, uint32_t end,
		     uint8_t flags)
{
	struct fdnet_tcp_txseg *seg = seg_new(tp);

	if (!seg)
		return false;
	seg->seq = seq;
	seg->end = end;
	seg->flags = flags;
	seg->sends = 1;
	seg->sent_us = tcp_now(tp);
	if (flags & FDNET_TXSEG_SMALL)
		tp->small_out++;
	link_after(tp, tp->tx_tail, seg);
	return true;
}

bool fdnet_txseg_split(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg,
		       uint32_t at)
{
	struct fdnet_tcp_txseg *rest = seg_new(tp);

	if (!rest)
		return false;
	rest->seq = at;
	rest->end = seg->end;
	rest->flags = seg->flags;
	rest->sends = seg->sends;
	rest->mss = seg->mss;
	rest->sent_us = seg->sent_us;
	seg->end = at;
	seg->flags &= (uint8_t)~FDNET_TXSEG_SMALL;
	link_after(tp, seg, rest);
	return true;
}

static void account(struct fdnet_tcp *tp, const struct fdnet_tcp_txseg *seg,
		    uint8_t flags, bool add)
{
	uint32_t len = seg->end - seg->seq;

	if (!add)
		len = -len;
	if (flags & FDNET_TXSEG_SACKED)
		tp->sacked_bytes += len;
	if (flags & FDNET_TXSEG_LOST)
		tp->lost_bytes += len;
}

void fdnet_txseg_set(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg,
		     uint8_t flags)
{
	account(tp, seg, flags & (uint8_t)~seg->flags, true);
	seg->flags |= flags;
}

void fdnet_txseg_clear(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg,
		       uint8_t flags)
{
	account(tp, seg, flags & seg->flags, false);
	seg->flags &= (uint8_t)~flags;
}

void fdnet_txseg_trim(struct fdnet_tcp *tp, uint32_t una)
{
	struct fdnet_tcp_txseg *seg = tp->tx_head;

	account(tp, seg, seg->flags, false);
	if (seq_lt(una, seg->end)) {
		seg->seq = una;
		account(tp, seg, seg->flags, true);
		return;
	}
	if (seg->flags & FDNET_TXSEG_SMALL)
		tp->small_out--;
	tp->tx_head = seg->next;
	if (seg->next)
		seg->next->prev = NULL;
	else
		tp->tx_tail = NULL;
	seg_free(tp, seg);
}

void fdnet_txseg_purge(struct fdnet_tcp *tp)
{
	while (tp->tx_head)
		fdnet_txseg_trim(tp, tp->tx_head->end);
}
