/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What endpoint/'s receivers know about a pool besides <fdnet/packet.h>: the
 * place where they leave their receive slots between two reads.
 */
#ifndef ENDPOINT_PACKET_INTERNAL_H
#define ENDPOINT_PACKET_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include <fdnet/packet.h>

#include "base/mem.h"

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
static inline void
fdnet_pkt_pool_set_bufs(struct fdnet_pkt_pool *pool,
			struct fdnet_buf *(*take)(void *arg), void *arg)
{
	pool->take_buf = take;
	pool->take_arg = arg;
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
