/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What endpoint/'s receivers know about a pool besides <fdnet/packet.h>: the
 * place where they leave their receive slots between two reads.
 */
#ifndef ENDPOINT_PACKET_INTERNAL_H
#define ENDPOINT_PACKET_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/single_threaded.h>

#include <fdnet/packet.h>

#include "base/mem.h"

/* The linear storage: behind the packet, from the start of a line on. */
#define PKT_LINE 64
#define PKT_STORAGE_OFFSET                                                     \
	((sizeof(struct fdnet_pkt) + PKT_LINE - 1) / PKT_LINE * PKT_LINE)
#define PKT_STORAGE_SIZE (FDNET_PKT_HEADROOM + FDNET_PKT_LINEAR + PKT_LINE)

static inline uint8_t *fdnet_pkt_storage(const struct fdnet_pkt *pkt)
{
	return (uint8_t *)pkt + PKT_STORAGE_OFFSET;
}

/* The packet that a receiver is handing up on this thread. A consumer that
 * frees it during the call gives it back to the receiver's slot, not to the
 * pool: no list, no lock, and the slot still describes it. */
extern __thread struct fdnet_pkt *fdnet_pkt_lent
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* As new: what fdnet_pkt_new() promises. */
static inline void fdnet_pkt_reset(struct fdnet_pkt *pkt, uint8_t *data)
{
	unsigned int i;

	/* Not memset(): for this size gcc makes a string instruction of it,
	 * which alone takes longer than all the rest. */
	pkt->next = NULL;
	pkt->data = data;
	pkt->len = 0;
	pkt->slices_len = 0;
	pkt->nslices = 0;
	pkt->flags = 0;
	pkt->gso_type = 0;
	pkt->gso_size = 0;
	pkt->csum_start = 0;
	pkt->csum_offset = 0;
	pkt->ethertype = 0;
	pkt->hash = 0;
	memset(pkt->link_src, 0, sizeof(pkt->link_src));
	memset(pkt->link_dst, 0, sizeof(pkt->link_dst));
	for (i = 0; i < sizeof(pkt->user) / sizeof(pkt->user[0]); i++)
		pkt->user[i].u64 = 0;
}

/* What stands in the pool's slot; first member of the real object. */
struct fdnet_pkt_stash {
	void (*free)(struct fdnet_pkt_stash *stash);
};

struct fdnet_pkt_pool {
	const struct fdnet_mem *mem;
	unsigned int max_idle;
	bool threaded;
	bool orphan;		   /* fdnet_pkt_pool_free() was called */
	pthread_mutex_t free_lock; /* all below; only if threaded */
	struct fdnet_pkt *free_pkts;
	struct fdnet_buf *free_bufs;
	unsigned int idle_pkts;
	unsigned int idle_bufs;
	unsigned int outstanding;
	/* Taken and put back by atomic exchange: one set of receive slots
	 * serves all links of a pool that are read by one thread. */
	struct fdnet_pkt_stash *stash;
	/* where buffers come from, when it is not this pool */
	struct fdnet_buf *(*take_buf)(void *arg);
	void *take_arg;
};

/**
 * fdnet_pkt_pool_set_bufs - have buffers made elsewhere
 * @take:  called by fdnet_buf_new(); a buffer with one reference, or NULL
 */
static inline void fdnet_pkt_pool_set_bufs(struct fdnet_pkt_pool *pool,
					   struct fdnet_buf *(*take)(void *arg),
					   void *arg)
{
	pool->take_buf = take;
	pool->take_arg = arg;
}

/* fdnet_buf_unref(), without a call. */
static inline void fdnet_buf_drop(struct fdnet_buf *buf)
{
	/* A locked instruction costs as much as the rest of a packet. The only
	 * holder needs none either: nobody else can add or drop a reference
	 * meanwhile. */
	if (__libc_single_threaded ||
	    __atomic_load_n(&buf->refs, __ATOMIC_ACQUIRE) == 1) {
		if (!--buf->refs)
			buf->release(buf);
	} else if (!__atomic_sub_fetch(&buf->refs, 1, __ATOMIC_ACQ_REL)) {
		buf->release(buf);
	}
}

static inline void fdnet_pkt_drop_slices(struct fdnet_pkt *pkt)
{
	unsigned int i;

	for (i = 0; i < pkt->nslices; i++)
		fdnet_buf_drop(pkt->slices[i].buf);
	pkt->nslices = 0;
	pkt->slices_len = 0;
}

/* fdnet_pkt_free(), nearly always without a call. */
static inline void fdnet_pkt_recycle(struct fdnet_pkt *pkt)
{
	struct fdnet_pkt_pool *pool = pkt->pool;

	if (pool->threaded || pkt == fdnet_pkt_lent ||
	    pool->idle_pkts >= pool->max_idle) {
		fdnet_pkt_free(pkt);
		return;
	}
	if (pkt->nslices)
		fdnet_pkt_drop_slices(pkt);
	pkt->next = pool->free_pkts;
	pool->free_pkts = pkt;
	pool->idle_pkts++;
	pool->outstanding--;
}

/** fdnet_pkt_stash_take - the pool's stash, now the caller's, or NULL */
static inline struct fdnet_pkt_stash *
fdnet_pkt_stash_take(struct fdnet_pkt_pool *pool)
{
	return __atomic_exchange_n(&pool->stash, NULL, __ATOMIC_ACQ_REL);
}

/** fdnet_pkt_stash_put - leave @stash (or NULL) with the pool; taken */
static inline void fdnet_pkt_stash_put(struct fdnet_pkt_pool *pool,
				       struct fdnet_pkt_stash *stash)
{
	struct fdnet_pkt_stash *old;

	old = __atomic_exchange_n(&pool->stash, stash, __ATOMIC_ACQ_REL);
	if (old)
		old->free(old);
}

#endif
