/* SPDX-License-Identifier: Apache-2.0 */
/* The receive queue (RFC 9293 3.10.7.4; RFC 2018 for the blocks). */
#include "config.h"

#include "stack/tcp_rcvq.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

/* Payload up to this size is copied into the packet before it, if it fits. */
#define COPY_ALWAYS 256
/* With a reader this far behind, ... */
#define BEHIND 32768
/* ... payload up to this size is copied into buffers shared by many. */
#define COPY_BEHIND 16384

static uint32_t pkt_seq(const struct fdnet_pkt *pkt)
{
	return (uint32_t)pkt->user[0].u64;
}

/* Copies into the linear tail of @tail; false when it does not fit. */
static bool copy_linear(struct fdnet_pkt *tail, const struct fdnet_pkt *pkt,
			uint32_t len)
{
	uint8_t *dst;

	if (tail->nslices || fdnet_pkt_tailroom(tail) < len)
		return false;
	dst = fdnet_pkt_put(tail, len);
	if (!dst)
		return false;
	fdnet_pkt_copy_out(pkt, 0, dst, len);
	return true;
}

/* Copies behind the last slice of @tail, when that is a buffer of ours
 * (user[1]), or into a new such buffer. */
static bool copy_shared(struct fdnet_pkt *tail, struct fdnet_pkt_pool *pool,
			const struct fdnet_pkt *pkt, uint32_t len)
{
	struct fdnet_buf *buf = tail->user[1].ptr;
	uint32_t used = (uint32_t)tail->user[2].u64;

	if (!buf || buf->size - used < len) {
		if (tail->nslices == FDNET_PKT_MAX_SLICES)
			return false;
		buf = fdnet_buf_new(pool);
		if (!buf)
			return false;
		used = 0;
		fdnet_pkt_copy_out(pkt, 0, buf->data, len);
		if (fdnet_pkt_add_slice(tail, buf, buf->data, len)) {
			fdnet_buf_unref(buf);
			return false;
		}
		fdnet_buf_unref(buf); /* the slice holds it */
	} else {
		fdnet_pkt_copy_out(pkt, 0, buf->data + used, len);
		if (fdnet_pkt_add_slice(tail, buf, buf->data + used, len))
			return false;
	}
	tail->user[1].ptr = buf;
	tail->user[2].u64 = used + len;
	return true;
}

static bool coalesce(struct fdnet_rcvq *q, struct fdnet_pkt_pool *pool,
		     const struct fdnet_pkt *pkt, uint32_t len)
{
	struct fdnet_pkt *tail = q->tail;

	if (!tail)
		return false;
	if (len <= COPY_ALWAYS && copy_linear(tail, pkt, len))
		return true;
	return q->bytes >= BEHIND && len <= COPY_BEHIND &&
	       copy_shared(tail, pool, pkt, len);
}

void fdnet_rcvq_append(struct fdnet_rcvq *q, struct fdnet_pkt_pool *pool,
		       struct fdnet_pkt *pkt)
{
	uint32_t len = fdnet_pkt_total(pkt);

	if (coalesce(q, pool, pkt, len)) {
		q->tail->user[3] = pkt->user[3];
		fdnet_pkt_free(pkt);
		q->bytes += len;
		return;
	}
	pkt->next = NULL;
	pkt->user[1].ptr = NULL;
	pkt->user[2].u64 = 0;
	if (q->tail)
		q->tail->next = pkt;
	else
		q->head = pkt;
	q->tail = pkt;
	q->bytes += len;
}

uint64_t fdnet_rcvq_time(const struct fdnet_rcvq *q, uint32_t len)
{
	const struct fdnet_pkt *pkt = q->head;

	while (pkt && len > fdnet_pkt_total(pkt)) {
		len -= fdnet_pkt_total(pkt);
		pkt = pkt->next;
	}
	return pkt ? pkt->user[3].u64 : 0;
}

static void touch(struct fdnet_rcvq *q, uint32_t start)
{
	unsigned int n = 1;
	uint32_t keep[3] = {start};

	for (unsigned int i = 0; i < q->nrecent && n < 3; i++) {
		if (q->recent[i] != start)
			keep[n++] = q->recent[i];
	}
	memcpy(q->recent, keep, sizeof(keep));
	q->nrecent = (uint8_t)n;
}

static void range_free(struct fdnet_rcvq *q, const struct fdnet_mem *mem,
		       struct fdnet_rcvq_range **link)
{
	struct fdnet_rcvq_range *range = *link;

	*link = range->next;
	q->nranges--;
	fdnet_mem_free(mem, range, sizeof(*range));
}

static void range_drop(struct fdnet_rcvq *q, const struct fdnet_mem *mem,
		       struct fdnet_rcvq_range **link)
{
	struct fdnet_rcvq_range *range = *link;

	q->ooo_bytes -= range->end - range->start;
	for (struct fdnet_pkt *pkt = range->head; pkt; pkt = pkt->next)
		q->ooo_pkts--;
	fdnet_pkt_free_list(range->head);
	range_free(q, mem, link);
}

/* Joins @range with its successor when they touch. */
static void range_join(struct fdnet_rcvq *q, const struct fdnet_mem *mem,
		       struct fdnet_rcvq_range *range)
{
	struct fdnet_rcvq_range *next = range->next;

	if (!next || next->start != range->end)
		return;
	range->tail->next = next->head;
	range->tail = next->tail;
	range->end = next->end;
	range_free(q, mem, &range->next);
}

static struct fdnet_rcvq_range *range_add(struct fdnet_rcvq *q,
					  const struct fdnet_mem *mem,
					  struct fdnet_rcvq_range **link,
					  struct fdnet_pkt *pkt, uint32_t seq)
{
	struct fdnet_rcvq_range *range;

	if (q->nranges == FDNET_RCVQ_RANGES)
		return NULL;
	range = fdnet_mem_alloc(mem, sizeof(*range));
	if (!range)
		return NULL;
	range->start = seq;
	range->end = seq + fdnet_pkt_total(pkt);
	range->head = range->tail = pkt;
	range->next = *link;
	*link = range;
	q->nranges++;
	return range;
}

/* Puts @pkt, which overlaps nothing, before *link or onto @prev's end. */
static struct fdnet_rcvq_range *place(struct fdnet_rcvq *q,
				      const struct fdnet_mem *mem,
				      struct fdnet_rcvq_range *prev,
				      struct fdnet_rcvq_range **link,
				      struct fdnet_pkt *pkt, uint32_t seq)
{
	uint32_t end = seq + fdnet_pkt_total(pkt);
	struct fdnet_rcvq_range *next = *link;

	if (prev && prev->end == seq) {
		prev->tail->next = pkt;
		prev->tail = pkt;
		prev->end = end;
		range_join(q, mem, prev);
		return prev;
	}
	if (next && next->start == end) {
		pkt->next = next->head;
		next->head = pkt;
		next->start = seq;
		return next;
	}
	return range_add(q, mem, link, pkt, seq);
}

int fdnet_rcvq_insert(struct fdnet_rcvq *q, const struct fdnet_mem *mem,
		      struct fdnet_pkt *pkt, uint32_t seq, uint32_t max_pkts)
{
	struct fdnet_rcvq_range **link = &q->ranges, *prev = NULL, *range;
	uint32_t len = fdnet_pkt_total(pkt), end = seq + len;

	while (*link && seq_leq((*link)->start, seq)) {
		prev = *link;
		link = &prev->next;
	}
	if (prev && seq_geq(prev->end, end)) {
		touch(q, prev->start);
		fdnet_pkt_free(pkt);
		return 0;
	}
	if (prev && seq_gt(prev->end, seq)) {
		fdnet_pkt_pull(pkt, prev->end - seq);
		seq = prev->end;
	}
	while (*link && seq_leq((*link)->end, end))
		range_drop(q, mem, link);
	if (*link && seq_lt((*link)->start, end)) {
		end = (*link)->start;
		fdnet_pkt_trim(pkt, end - seq);
	}
	pkt->next = NULL;
	pkt->user[0].u64 = seq;
	range = q->ooo_pkts < max_pkts ? place(q, mem, prev, link, pkt, seq)
				       : NULL;
	if (!range) {
		fdnet_pkt_free(pkt);
		return -ENOBUFS;
	}
	q->ooo_bytes += end - seq;
	q->ooo_pkts++;
	touch(q, range->start);
	return (int)(end - seq);
}

static uint32_t merge_range(struct fdnet_rcvq *q, struct fdnet_pkt_pool *pool,
			    struct fdnet_rcvq_range *range, uint32_t rcv_nxt)
{
	struct fdnet_pkt *pkt = range->head;

	q->ooo_bytes -= range->end - range->start;
	while (pkt) {
		struct fdnet_pkt *next = pkt->next;
		uint32_t seq = pkt_seq(pkt);
		uint32_t end = seq + fdnet_pkt_total(pkt);

		q->ooo_pkts--;
		if (seq_leq(end, rcv_nxt)) {
			fdnet_pkt_free(pkt);
		} else {
			if (seq_lt(seq, rcv_nxt))
				fdnet_pkt_pull(pkt, rcv_nxt - seq);
			fdnet_rcvq_append(q, pool, pkt);
			rcv_nxt = end;
		}
		pkt = next;
	}
	return rcv_nxt;
}

uint32_t fdnet_rcvq_merge(struct fdnet_rcvq *q, const struct fdnet_mem *mem,
			  struct fdnet_pkt_pool *pool, uint32_t rcv_nxt)
{
	while (q->ranges && seq_leq(q->ranges->start, rcv_nxt)) {
		rcv_nxt = merge_range(q, pool, q->ranges, rcv_nxt);
		range_free(q, mem, &q->ranges);
	}
	if (!q->ranges)
		q->nrecent = 0;
	return rcv_nxt;
}

static const struct fdnet_rcvq_range *range_at(const struct fdnet_rcvq *q,
					       uint32_t seq)
{
	const struct fdnet_rcvq_range *range = q->ranges;

	while (range && seq_leq(range->end, seq))
		range = range->next;
	return range && seq_leq(range->start, seq) ? range : NULL;
}

static unsigned int sack_add(struct fdnet_tcp_range *sacks, unsigned int n,
			     const struct fdnet_rcvq_range *range)
{
	for (unsigned int i = 0; i < n; i++) {
		if (sacks[i].start == range->start)
			return n;
	}
	sacks[n].start = range->start;
	sacks[n].end = range->end;
	return n + 1;
}

unsigned int fdnet_rcvq_sacks(const struct fdnet_rcvq *q,
			      struct fdnet_tcp_range *ret_sacks, unsigned int max)
{
	const struct fdnet_rcvq_range *range;
	unsigned int n = 0;

	for (unsigned int i = 0; i < q->nrecent && n < max; i++) {
		range = range_at(q, q->recent[i]);
		if (range)
			n = sack_add(ret_sacks, n, range);
	}
	for (range = q->ranges; range && n < max; range = range->next)
		n = sack_add(ret_sacks, n, range);
	return n;
}

size_t fdnet_rcvq_copy(const struct fdnet_rcvq *q, uint32_t offset,
		       const struct iovec *iov, int iovcnt, size_t max)
{
	const struct fdnet_pkt *pkt = q->head;
	size_t done = 0, pos = 0;

	while (pkt && offset >= fdnet_pkt_total(pkt)) {
		offset -= fdnet_pkt_total(pkt);
		pkt = pkt->next;
	}
	while (pkt && iovcnt && done < max) {
		size_t want = iov->iov_len - pos, n;

		if (want > max - done)
			want = max - done;
		n = fdnet_pkt_copy_out(pkt, offset,
				       (uint8_t *)iov->iov_base + pos,
				       (uint32_t)want);
		done += n;
		pos += n;
		offset += (uint32_t)n;
		if (offset == fdnet_pkt_total(pkt)) {
			pkt = pkt->next;
			offset = 0;
		}
		if (pos == iov->iov_len) {
			iov++;
			iovcnt--;
			pos = 0;
		}
	}
	return done;
}

static int peek_add(struct iovec *iov, int n, const uint8_t *data, size_t len,
		    size_t *max)
{
	if (len > *max)
		len = *max;
	if (!len)
		return n;
	iov[n].iov_base = (void *)data;
	iov[n].iov_len = len;
	*max -= len;
	return n + 1;
}

int fdnet_rcvq_peek(const struct fdnet_rcvq *q, struct iovec *iov, int iovcnt,
		    size_t max)
{
	int n = 0;

	for (const struct fdnet_pkt *pkt = q->head; pkt && n < iovcnt && max;
	     pkt = pkt->next) {
		n = peek_add(iov, n, pkt->data, pkt->len, &max);
		for (unsigned int i = 0; i < pkt->nslices && n < iovcnt; i++)
			n = peek_add(iov, n, pkt->slices[i].data,
				     pkt->slices[i].len, &max);
	}
	return n;
}

void fdnet_rcvq_drop(struct fdnet_rcvq *q, size_t len)
{
	q->bytes -= (uint32_t)len;
	while (len) {
		struct fdnet_pkt *pkt = q->head;
		uint32_t total = fdnet_pkt_total(pkt);

		if (total > len) {
			fdnet_pkt_pull(pkt, (uint32_t)len);
			return;
		}
		len -= total;
		q->head = pkt->next;
		if (!q->head)
			q->tail = NULL;
		fdnet_pkt_free(pkt);
	}
}

void fdnet_rcvq_purge_ooo(struct fdnet_rcvq *q, const struct fdnet_mem *mem)
{
	while (q->ranges)
		range_drop(q, mem, &q->ranges);
	q->nrecent = 0;
}

void fdnet_rcvq_purge(struct fdnet_rcvq *q, const struct fdnet_mem *mem)
{
	fdnet_rcvq_purge_ooo(q, mem);
	fdnet_pkt_free_list(q->head);
	q->head = q->tail = NULL;
	q->bytes = 0;
}
