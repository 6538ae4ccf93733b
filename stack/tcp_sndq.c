/* SPDX-License-Identifier: Apache-2.0 */
/* The send queue. */
#include "config.h"

#include "stack/tcp_sndq.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

/* Writes up to this size get a small chunk when the queue is empty. */
#define SMALL_MAX 4096
#define SMALL_MIN 128
/* Payload up to this size is copied into the packet's linear part. */
#define COPY_MAX 1024

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static struct fdnet_sndq_chunk *small_new(const struct fdnet_mem *mem,
					  uint32_t size)
{
	struct fdnet_sndq_chunk *chunk;

	if (size < SMALL_MIN)
		size = SMALL_MIN;
	chunk = fdnet_mem_alloc(mem, sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->data = (uint8_t *)(chunk + 1);
	chunk->size = size;
	return chunk;
}

static struct fdnet_sndq_chunk *big_new(const struct fdnet_mem *mem,
					struct fdnet_pkt_pool *pool)
{
	struct fdnet_sndq_chunk *chunk = fdnet_mem_alloc(mem, sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->buf = fdnet_buf_new(pool);
	if (!chunk->buf) {
		fdnet_mem_free(mem, chunk, sizeof(*chunk));
		return NULL;
	}
	chunk->data = chunk->buf->data;
	chunk->size = chunk->buf->size;
	return chunk;
}

static void chunk_free(const struct fdnet_mem *mem, struct fdnet_sndq_chunk *chunk)
{
	size_t size = sizeof(*chunk);

	if (chunk->buf)
		fdnet_buf_unref(chunk->buf);
	else
		size += chunk->size;
	fdnet_mem_free(mem, chunk, size);
}

static void append(struct fdnet_sndq *q, struct fdnet_sndq_chunk *chunk)
{
	if (q->tail)
		q->tail->next = chunk;
	else
		q->head = chunk;
	q->tail = chunk;
}

/* The chunk that the next @want bytes go to. */
static struct fdnet_sndq_chunk *tail_with_room(struct fdnet_sndq *q,
					       const struct fdnet_mem *mem,
					       struct fdnet_pkt_pool *pool,
					       size_t want)
{
	struct fdnet_sndq_chunk *chunk = q->tail;

	if (chunk && chunk->end < chunk->size && !chunk->eor)
		return chunk;
	if (want <= SMALL_MAX && (!chunk || chunk->eor))
		chunk = small_new(mem, (uint32_t)want);
	else
		chunk = big_new(mem, pool);
	if (chunk)
		append(q, chunk);
	return chunk;
}

static size_t iov_total(const struct iovec *iov, int iovcnt)
{
	size_t total = 0;

	for (int i = 0; i < iovcnt; i++)
		total += iov[i].iov_len;
	return total;
}

size_t fdnet_sndq_write(struct fdnet_sndq *q, const struct fdnet_mem *mem,
			struct fdnet_pkt_pool *pool, const struct iovec *iov,
			int iovcnt, size_t max)
{
	size_t left = iov_total(iov, iovcnt), done = 0, pos = 0;

	if (left > max)
		left = max;
	while (left) {
		struct fdnet_sndq_chunk *chunk;
		size_t n;

		if (pos == iov->iov_len) {
			iov++;
			pos = 0;
			continue;
		}
		chunk = tail_with_room(q, mem, pool, left);
		if (!chunk)
			break;
		n = chunk->size - chunk->end;
		if (n > left)
			n = left;
		if (n > iov->iov_len - pos)
			n = iov->iov_len - pos;
		memcpy(chunk->data + chunk->end,
		       (const uint8_t *)iov->iov_base + pos, n);
		chunk->end += (uint32_t)n;
		pos += n;
		left -= n;
		done += n;
	}
	q->bytes += (uint32_t)done;
	return done;
}

int fdnet_sndq_reserve(struct fdnet_sndq *q, const struct fdnet_mem *mem,
		       struct fdnet_pkt_pool *pool, struct iovec *iov,
		       int iovcnt, size_t max)
{
	struct fdnet_sndq_chunk *chunk = q->tail;
	int n = 0;

	if (!chunk || chunk->end == chunk->size || chunk->eor)
		chunk = NULL;
	q->reserved = chunk;
	while (n < iovcnt && max) {
		uint32_t room;

		if (!chunk) {
			chunk = big_new(mem, pool);
			if (!chunk)
				break;
			append(q, chunk);
			if (!q->reserved)
				q->reserved = chunk;
		}
		room = chunk->size - chunk->end;
		if (room > max)
			room = (uint32_t)max;
		iov[n].iov_base = chunk->data + chunk->end;
		iov[n++].iov_len = room;
		max -= room;
		chunk = NULL;
	}
	return n;
}

/* Frees what follows @last (NULL: everything), which is all empty. */
static void cut_after(struct fdnet_sndq *q, const struct fdnet_mem *mem,
		      struct fdnet_sndq_chunk *last)
{
	struct fdnet_sndq_chunk *chunk = last ? last->next : q->head;

	while (chunk) {
		struct fdnet_sndq_chunk *next = chunk->next;

		chunk_free(mem, chunk);
		chunk = next;
	}
	if (last)
		last->next = NULL;
	else
		q->head = NULL;
	q->tail = last;
}

/* A few bytes in a buffer of their own move to a small chunk. */
static void shrink_single(struct fdnet_sndq *q, const struct fdnet_mem *mem)
{
	struct fdnet_sndq_chunk *chunk = q->head, *small;
	uint32_t len = chunk->end - chunk->off;

	if (chunk != q->tail || !chunk->buf || chunk->off || len > COPY_MAX ||
	    __atomic_load_n(&chunk->buf->refs, __ATOMIC_RELAXED) != 1)
		return;
	small = small_new(mem, len);
	if (!small)
		return;
	memcpy(small->data, chunk->data, len);
	small->end = len;
	q->head = q->tail = small;
	chunk_free(mem, chunk);
}

int fdnet_sndq_commit(struct fdnet_sndq *q, const struct fdnet_mem *mem,
		      size_t len)
{
	struct fdnet_sndq_chunk *chunk = q->reserved, *last = NULL;
	size_t left = len;

	q->reserved = NULL;
	while (chunk && left) {
		uint32_t room = chunk->size - chunk->end;

		if (room > left)
			room = (uint32_t)left;
		chunk->end += room;
		q->bytes += room;
		left -= room;
		chunk = chunk->next;
	}
	for (chunk = q->head; chunk && chunk->end != chunk->off;
	     chunk = chunk->next)
		last = chunk;
	cut_after(q, mem, last);
	if (q->head)
		shrink_single(q, mem);
	return left ? -EINVAL : 0;
}

void fdnet_sndq_drop(struct fdnet_sndq *q, const struct fdnet_mem *mem,
		     uint32_t len)
{
	q->bytes -= len;
	while (len) {
		struct fdnet_sndq_chunk *chunk = q->head;
		uint32_t n = min_u32(len, chunk->end - chunk->off);

		chunk->off += n;
		len -= n;
		if (chunk->off < chunk->end)
			return;
		q->head = chunk->next;
		if (!q->head)
			q->tail = NULL;
		q->neor -= chunk->eor;
		chunk_free(mem, chunk);
	}
}

void fdnet_sndq_end_record(struct fdnet_sndq *q)
{
	if (!q->tail || q->tail->eor)
		return;
	q->tail->eor = true;
	q->neor++;
}

uint32_t fdnet_sndq_record(const struct fdnet_sndq *q, uint32_t offset,
			   uint32_t len)
{
	const struct fdnet_sndq_chunk *chunk = q->head;
	uint32_t end = 0;

	if (!q->neor)
		return len;
	for (; chunk && end < offset + len; chunk = chunk->next) {
		end += chunk->end - chunk->off;
		if (chunk->eor && end > offset)
			return min_u32(len, end - offset);
	}
	return len;
}

static uint32_t attach_part(struct fdnet_pkt *pkt,
			    const struct fdnet_sndq_chunk *chunk, uint32_t at,
			    uint32_t len, bool copy)
{
	uint8_t *dst;

	if (!copy && chunk->buf)
		return fdnet_pkt_add_slice(pkt, chunk->buf, chunk->data + at, len)
			       ? 0
			       : len;
	if (pkt->nslices)
		return 0;
	len = min_u32(len, fdnet_pkt_tailroom(pkt));
	dst = len ? fdnet_pkt_put(pkt, len) : NULL;
	if (!dst)
		return 0;
	memcpy(dst, chunk->data + at, len);
	return len;
}

/* The chunk with the byte at @*offset, which becomes an offset into it. */
static const struct fdnet_sndq_chunk *chunk_at(const struct fdnet_sndq *q,
					       uint32_t *offset)
{
	const struct fdnet_sndq_chunk *chunk = q->head;

	while (chunk && *offset >= chunk->end - chunk->off) {
		*offset -= chunk->end - chunk->off;
		chunk = chunk->next;
	}
	return chunk;
}

/* All of [offset, offset + len) copied into one buffer. */
static uint32_t attach_joined(const struct fdnet_sndq *q,
			      struct fdnet_pkt_pool *pool, struct fdnet_pkt *pkt,
			      uint32_t offset, uint32_t len)
{
	const struct fdnet_sndq_chunk *chunk = chunk_at(q, &offset);
	struct fdnet_buf *buf = fdnet_buf_new(pool);
	uint32_t done = 0;

	if (!buf)
		return 0;
	len = min_u32(len, buf->size);
	for (; chunk && done < len; chunk = chunk->next, offset = 0) {
		uint32_t at = chunk->off + offset;
		uint32_t n = min_u32(len - done, chunk->end - at);

		memcpy(buf->data + done, chunk->data + at, n);
		done += n;
	}
	if (fdnet_pkt_add_slice(pkt, buf, buf->data, done))
		done = 0;
	fdnet_buf_unref(buf);
	return done;
}

uint32_t fdnet_sndq_attach(const struct fdnet_sndq *q,
			   struct fdnet_pkt_pool *pool, struct fdnet_pkt *pkt,
			   uint32_t offset, uint32_t len)
{
	uint32_t at = offset, done = 0, linear = pkt->len;
	const struct fdnet_sndq_chunk *chunk = chunk_at(q, &at);
	bool copy = len <= COPY_MAX;

	while (chunk && done < len) {
		uint32_t want = min_u32(len - done, chunk->end - chunk->off - at);
		uint32_t n = attach_part(pkt, chunk, chunk->off + at, want, copy);

		done += n;
		if (n < want)
			break;
		at = 0;
		chunk = chunk->next;
	}
	if (done == len || pkt->nslices)
		return done;
	/* only linear so far: begin again */
	fdnet_pkt_trim(pkt, linear);
	return attach_joined(q, pool, pkt, offset, len);
}

void fdnet_sndq_purge(struct fdnet_sndq *q, const struct fdnet_mem *mem)
{
	cut_after(q, mem, NULL);
	q->reserved = NULL;
	q->bytes = 0;
	q->neor = 0;
}
