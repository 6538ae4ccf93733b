/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet buffers.
 *
 * How it works: a packet is one allocation, the struct followed by its linear
 * storage; a payload buffer is one allocation, the struct followed by its
 * bytes. Both go back to their pool's free lists, so that nothing is allocated
 * once a program has reached its working set. A pool lives until the last of
 * its packets and buffers is back, even when its owner gave it up before.
 */
#include "config.h"

#include <fdnet/packet.h>

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "endpoint/packet_internal.h"

/* The kernel copies faster to the start of a cache line. */
#define LINE	     PKT_LINE
#define PKT_SIZE     (PKT_STORAGE_OFFSET + PKT_STORAGE_SIZE + LINE)
#define BUF_HDR_SIZE LINE
#define BUF_SIZE     (BUF_HDR_SIZE + FDNET_BUF_SIZE + LINE)

static_assert(FDNET_PKT_HEADROOM % LINE == 0, "data starts a line");
static_assert(offsetof(struct fdnet_pkt, user) == LINE,
	      "what every packet needs is one line");
static_assert(sizeof(struct fdnet_buf) <= BUF_HDR_SIZE, "room for the header");

/* No call of __tls_get_addr(): it may allocate, and the shim must not. The
 * model has to be said again here. */
__thread struct fdnet_pkt *fdnet_pkt_lent
	__attribute__((tls_model("initial-exec")));

static void pool_lock(struct fdnet_pkt_pool *pool)
{
	if (pool->threaded)
		pthread_mutex_lock(&pool->free_lock);
}

static void pool_unlock(struct fdnet_pkt_pool *pool)
{
	if (pool->threaded)
		pthread_mutex_unlock(&pool->free_lock);
}

static void pool_destroy(struct fdnet_pkt_pool *pool)
{
	if (pool->threaded)
		pthread_mutex_destroy(&pool->free_lock);
	fdnet_mem_free(pool->mem, pool, sizeof(*pool));
}

/* Called with the lock; gives it up. @pool may be gone on return. */
static void pool_object_gone(struct fdnet_pkt_pool *pool)
{
	bool last = --pool->outstanding == 0 && pool->orphan;

	pool_unlock(pool);
	if (last)
		pool_destroy(pool);
}

struct fdnet_pkt_pool *fdnet_pkt_pool_new(const struct fdnet_mem *mem,
					  unsigned int max_idle, int threaded)
{
	struct fdnet_pkt_pool *pool;

	if (!mem)
		mem = fdnet_mem_libc();
	pool = fdnet_mem_alloc(mem, sizeof(*pool));
	if (!pool)
		return NULL;
	pool->mem = mem;
	pool->max_idle = max_idle;
	pool->threaded = threaded;
	if (threaded)
		pthread_mutex_init(&pool->free_lock, NULL);
	return pool;
}

void fdnet_pkt_pool_free(struct fdnet_pkt_pool *pool)
{
	struct fdnet_pkt_stash *stash;
	struct fdnet_pkt *pkt;
	struct fdnet_buf *buf;
	bool last;

	if (!pool)
		return;
	stash = fdnet_pkt_stash_take(pool);
	if (stash)
		stash->free(stash);
	pool_lock(pool);
	while ((pkt = pool->free_pkts)) {
		pool->free_pkts = pkt->next;
		fdnet_mem_free(pool->mem, pkt->block, PKT_SIZE);
	}
	while ((buf = pool->free_bufs)) {
		pool->free_bufs = buf->next;
		fdnet_mem_free(pool->mem, buf, BUF_SIZE);
	}
	pool->idle_pkts = pool->idle_bufs = pool->max_idle = 0;
	pool->orphan = true;
	last = pool->outstanding == 0;
	pool_unlock(pool);
	if (last)
		pool_destroy(pool);
}

unsigned int fdnet_pkt_pool_outstanding(const struct fdnet_pkt_pool *pool)
{
	struct fdnet_pkt_pool *p = (struct fdnet_pkt_pool *)pool; /* its lock */
	unsigned int n;

	pool_lock(p);
	n = p->outstanding;
	pool_unlock(p);
	return n;
}

static uint8_t *align_line(void *ptr)
{
	return (uint8_t *)(((uintptr_t)ptr + LINE - 1) & ~(uintptr_t)(LINE - 1));
}

/* ---- packets ---- */

static struct fdnet_pkt *pkt_alloc_slow(struct fdnet_pkt_pool *pool)
{
	struct fdnet_pkt *pkt;
	void *block;

	pool_lock(pool);
	pkt = pool->free_pkts;
	if (pkt) {
		pool->free_pkts = pkt->next;
		pool->idle_pkts--;
	}
	pool->outstanding++;
	pool_unlock(pool);
	if (pkt)
		return pkt;

	block = fdnet_mem_alloc_raw(pool->mem, PKT_SIZE);
	if (!block) {
		pool_lock(pool);
		pool_object_gone(pool);
		return NULL;
	}
	pkt = (struct fdnet_pkt *)align_line(block);
	pkt->block = block;
	pkt->pool = pool;
	return pkt;
}

/* Nearly always: from the free list, without a lock. */
static inline struct fdnet_pkt *pkt_alloc(struct fdnet_pkt_pool *pool)
{
	struct fdnet_pkt *pkt = pool->threaded ? NULL : pool->free_pkts;

	if (!pkt)
		return pkt_alloc_slow(pool);
	pool->free_pkts = pkt->next;
	/* The next to be asked for: what of it is written first. A number, as
	 * there may be none: a prefetch of nothing does nothing. */
	__builtin_prefetch(pkt->next, 1);
	__builtin_prefetch((const void *)((uintptr_t)pkt->next +
					  PKT_STORAGE_OFFSET +
					  FDNET_PKT_HEADROOM),
			   1);
	pool->idle_pkts--;
	pool->outstanding++;
	return pkt;
}

struct fdnet_pkt *fdnet_pkt_new(struct fdnet_pkt_pool *pool)
{
	struct fdnet_pkt *pkt = pkt_alloc(pool);

	if (pkt)
		fdnet_pkt_reset(pkt, fdnet_pkt_storage(pkt) + FDNET_PKT_HEADROOM);
	return pkt;
}

static void pkt_free_slow(struct fdnet_pkt *pkt)
{
	struct fdnet_pkt_pool *pool = pkt->pool;

	pool_lock(pool);
	if (pool->idle_pkts < pool->max_idle) {
		pkt->next = pool->free_pkts;
		pool->free_pkts = pkt;
		pool->idle_pkts++;
		pkt = NULL;
	}
	/* Before the pool may go, but not while its lock is held. */
	if (pkt) {
		pool_unlock(pool);
		fdnet_mem_free(pool->mem, pkt->block, PKT_SIZE);
		pool_lock(pool);
	}
	pool_object_gone(pool);
}

void fdnet_pkt_free(struct fdnet_pkt *pkt)
{
	struct fdnet_pkt_pool *pool;

	if (!pkt)
		return;
	if (pkt->nslices)
		fdnet_pkt_drop_slices(pkt);
	if (pkt == fdnet_pkt_lent) {
		fdnet_pkt_lent = NULL;
		return;
	}
	pool = pkt->pool;
	/* a pool that was given up keeps none */
	if (pool->threaded || pool->idle_pkts >= pool->max_idle) {
		pkt_free_slow(pkt);
		return;
	}
	pkt->next = pool->free_pkts;
	pool->free_pkts = pkt;
	pool->idle_pkts++;
	pool->outstanding--;
}

void fdnet_pkt_free_list(struct fdnet_pkt *pkt)
{
	struct fdnet_pkt *next;

	for (; pkt; pkt = next) {
		next = pkt->next;
		fdnet_pkt_free(pkt);
	}
}

struct fdnet_pkt *fdnet_pkt_clone(const struct fdnet_pkt *pkt)
{
	struct fdnet_pkt *copy = pkt_alloc(pkt->pool);
	unsigned int i;

	if (!copy)
		return NULL;
	memcpy(copy, pkt, offsetof(struct fdnet_pkt, pool));
	memset(copy->user, 0, sizeof(copy->user));
	copy->next = NULL;
	copy->data =
		fdnet_pkt_storage(copy) + (pkt->data - fdnet_pkt_storage(pkt));
	memcpy(copy->data, pkt->data, pkt->len);
	for (i = 0; i < pkt->nslices; i++) {
		copy->slices[i] = pkt->slices[i];
		fdnet_buf_ref(copy->slices[i].buf);
	}
	return copy;
}

/* ---- payload buffers ---- */

static void pool_buf_release(struct fdnet_buf *buf)
{
	struct fdnet_pkt_pool *pool = buf->owner;

	pool_lock(pool);
	if (pool->idle_bufs < pool->max_idle) {
		buf->next = pool->free_bufs;
		pool->free_bufs = buf;
		pool->idle_bufs++;
		buf = NULL;
	}
	if (buf) {
		pool_unlock(pool);
		fdnet_mem_free(pool->mem, buf, BUF_SIZE);
		pool_lock(pool);
	}
	pool_object_gone(pool);
}

struct fdnet_buf *fdnet_buf_new(struct fdnet_pkt_pool *pool)
{
	struct fdnet_buf *buf;

	if (pool->take_buf)
		return pool->take_buf(pool->take_arg);
	pool_lock(pool);
	buf = pool->free_bufs;
	if (buf) {
		pool->free_bufs = buf->next;
		pool->idle_bufs--;
	}
	pool->outstanding++;
	pool_unlock(pool);
	if (!buf) {
		buf = fdnet_mem_alloc_raw(pool->mem, BUF_SIZE);
		if (!buf) {
			pool_lock(pool);
			pool_object_gone(pool);
			return NULL;
		}
		buf->data = align_line((uint8_t *)buf + BUF_HDR_SIZE);
		buf->size = FDNET_BUF_SIZE;
		buf->release = pool_buf_release;
		buf->owner = pool;
	}
	buf->refs = 1;
	buf->next = NULL;
	return buf;
}

struct fdnet_buf *fdnet_buf_ref(struct fdnet_buf *buf)
{
	/* A locked instruction costs as much as the rest of a packet. */
	if (__libc_single_threaded)
		buf->refs++;
	else
		__atomic_add_fetch(&buf->refs, 1, __ATOMIC_RELAXED);
	return buf;
}

void fdnet_buf_unref(struct fdnet_buf *buf)
{
	if (buf)
		fdnet_buf_drop(buf);
}

/* ---- the linear part ---- */

uint32_t fdnet_pkt_headroom(const struct fdnet_pkt *pkt)
{
	return (uint32_t)(pkt->data - fdnet_pkt_storage(pkt));
}

uint32_t fdnet_pkt_tailroom(const struct fdnet_pkt *pkt)
{
	if (pkt->nslices)
		return 0;
	return PKT_STORAGE_SIZE - fdnet_pkt_headroom(pkt) - pkt->len;
}

uint8_t *fdnet_pkt_push(struct fdnet_pkt *pkt, uint32_t len)
{
	if (len > fdnet_pkt_headroom(pkt))
		return NULL;
	pkt->data -= len;
	pkt->len += len;
	return pkt->data;
}

uint8_t *fdnet_pkt_put(struct fdnet_pkt *pkt, uint32_t len)
{
	uint8_t *tail = pkt->data + pkt->len;

	if (pkt->nslices || len > fdnet_pkt_tailroom(pkt))
		return NULL;
	pkt->len += len;
	return tail;
}

/* ---- payload slices ---- */

/* Drop the first @n slices. */
static void pkt_shift_slices(struct fdnet_pkt *pkt, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		fdnet_buf_unref(pkt->slices[i].buf);
	pkt->nslices -= n;
	memmove(pkt->slices, pkt->slices + n,
		pkt->nslices * sizeof(pkt->slices[0]));
}

static void pkt_pull_slices(struct fdnet_pkt *pkt, uint32_t len)
{
	unsigned int n = 0;

	assert(len <= pkt->slices_len);
	pkt->slices_len -= len;
	while (n < pkt->nslices && len >= pkt->slices[n].len)
		len -= pkt->slices[n++].len;
	if (n < pkt->nslices) {
		pkt->slices[n].data += len;
		pkt->slices[n].len -= len;
	}
	if (n)
		pkt_shift_slices(pkt, n);
}

void fdnet_pkt_pull(struct fdnet_pkt *pkt, uint32_t len)
{
	uint32_t linear = len < pkt->len ? len : pkt->len;

	pkt->data += linear;
	pkt->len -= linear;
	if (len > linear)
		pkt_pull_slices(pkt, len - linear);
}

void fdnet_pkt_trim(struct fdnet_pkt *pkt, uint32_t len)
{
	struct fdnet_slice *last;
	uint32_t excess;

	if (len >= fdnet_pkt_total(pkt))
		return;
	excess = fdnet_pkt_total(pkt) - len;
	while (excess && pkt->nslices) {
		last = &pkt->slices[pkt->nslices - 1];
		if (excess < last->len) {
			last->len -= excess;
			pkt->slices_len -= excess;
			return;
		}
		excess -= last->len;
		pkt->slices_len -= last->len;
		fdnet_buf_unref(last->buf);
		pkt->nslices--;
	}
	pkt->len -= excess;
}

int fdnet_pkt_add_slice(struct fdnet_pkt *pkt, struct fdnet_buf *buf,
			const uint8_t *data, uint32_t len)
{
	struct fdnet_slice *last;

	if (pkt->nslices) {
		last = &pkt->slices[pkt->nslices - 1];
		if (last->buf == buf && last->data + last->len == data) {
			last->len += len;
			pkt->slices_len += len;
			return 0;
		}
	}
	if (pkt->nslices == FDNET_PKT_MAX_SLICES)
		return -ENOSPC;
	pkt->slices[pkt->nslices++] = (struct fdnet_slice){
		.buf = fdnet_buf_ref(buf),
		.data = data,
		.len = len,
	};
	pkt->slices_len += len;
	return 0;
}

int fdnet_pkt_pull_up(struct fdnet_pkt *pkt, uint32_t len)
{
	uint32_t need, room, headroom;

	if (len <= pkt->len)
		return 0;
	if (len > fdnet_pkt_total(pkt))
		return -EINVAL;
	if (len > PKT_STORAGE_SIZE)
		return -ENOBUFS;
	room = PKT_STORAGE_SIZE - fdnet_pkt_headroom(pkt);
	if (len > room) {
		/* Give up headroom rather than fail. */
		headroom = PKT_STORAGE_SIZE - len;
		memmove(fdnet_pkt_storage(pkt) + headroom, pkt->data, pkt->len);
		pkt->data = fdnet_pkt_storage(pkt) + headroom;
	}
	need = len - pkt->len;
	fdnet_pkt_copy_out(pkt, pkt->len, pkt->data + pkt->len, need);
	pkt_pull_slices(pkt, need);
	pkt->len = len;
	return 0;
}

/* ---- reading ---- */

int fdnet_pkt_iov(const struct fdnet_pkt *pkt, struct iovec *iov)
{
	unsigned int i;
	int n = 0;

	if (pkt->len)
		iov[n++] = (struct iovec){pkt->data, pkt->len};
	for (i = 0; i < pkt->nslices; i++)
		iov[n++] = (struct iovec){(void *)pkt->slices[i].data,
					  pkt->slices[i].len};
	return n;
}

/* Copy the part of [src, src + len) behind @*offset; counts all three on. */
static void copy_part(const uint8_t *src, uint32_t len, uint32_t *offset,
		      uint8_t **dst, uint32_t *room)
{
	uint32_t n;

	if (*offset >= len) {
		*offset -= len;
		return;
	}
	n = len - *offset < *room ? len - *offset : *room;
	memcpy(*dst, src + *offset, n);
	*dst += n;
	*room -= n;
	*offset = 0;
}

uint32_t fdnet_pkt_copy_out(const struct fdnet_pkt *pkt, uint32_t offset,
			    void *dst, uint32_t len)
{
	uint32_t room = len;
	uint8_t *pos = dst;
	unsigned int i;

	copy_part(pkt->data, pkt->len, &offset, &pos, &room);
	for (i = 0; i < pkt->nslices && room; i++)
		copy_part(pkt->slices[i].data, pkt->slices[i].len, &offset,
			  &pos, &room);
	return len - room;
}
