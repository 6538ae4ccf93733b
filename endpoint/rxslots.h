/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receive slots: where recvmmsg() and readv() put what arrives.
 *
 * How it works: a slot is a packet, whose linear part takes the start of a
 * message (a prefix such as a link header goes into its headroom), followed by
 * payload buffers that together hold the largest message. What a message did
 * not use stays in the slot for the next one, and what is left of a partly
 * used buffer too, so a small message costs a packet and a large one becomes
 * slices without a copy. A slot is refilled from the pool, which allocates
 * only until the working set is reached. A consumer that frees the packet at
 * once gives it back to the slot itself, which is then ready as it stands.
 */
#ifndef ENDPOINT_RXSLOTS_H
#define ENDPOINT_RXSLOTS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "endpoint/packet_internal.h"

/* For messages up to 1 MiB, with a partly used buffer in front. */
#define FDNET_RXSLOT_MAX_BUFS 17

/* The payload buffers of a slot. */
struct fdnet_rxslot {
	unsigned int nbufs;
	uint32_t offset; /* where the free part of bufs[0] starts */
	struct fdnet_buf *bufs[FDNET_RXSLOT_MAX_BUFS];
};

/* What every message needs stands close together, in arrays of its own: with
 * slots of everything each message would cost the cache several lines more. */
struct fdnet_rxslots {
	struct fdnet_pkt_stash stash;
	struct fdnet_pkt_pool *pool;
	unsigned int nslots;
	unsigned int ready; /* so many from the first on need no filling */
	uint32_t prefix;
	uint32_t capacity;
	unsigned int stride;	 /* of iov, for one slot */
	struct mmsghdr *msgs;	 /* nslots, as are the next three */
	struct fdnet_pkt **pkts; /* NULL: taken, to be filled */
	bool *bufs_ready;	 /* its iov describes the slot's buffers */
	struct fdnet_rxslot *slots;
	struct iovec *iov;
};

/**
 * fdnet_rxslots_new - make empty slots
 * @pool:    shared
 * @nslots:  messages per read at most, > 0
 *
 * Returns the slots or NULL when out of memory.
 */
struct fdnet_rxslots *fdnet_rxslots_new(struct fdnet_pkt_pool *pool,
					unsigned int nslots);

/** fdnet_rxslots_free - give back the slots (or NULL) and what is in them */
void fdnet_rxslots_free(struct fdnet_rxslots *rs);

/**
 * fdnet_rxslots_fill - make the first slots ready for a read
 * @n:         slots wanted
 * @prefix:    bytes before the packet, at most FDNET_PKT_HEADROOM
 * @capacity:  largest packet (without prefix), at most 1 MiB
 *
 * On return msgs[i] can be given to recvmmsg(), its iov to readv().
 * Returns how many are ready; less than @n when out of memory.
 */
unsigned int fdnet_rxslots_fill(struct fdnet_rxslots *rs, unsigned int n,
				uint32_t prefix, uint32_t capacity);

/** fdnet_rxslots_prefix - first byte of the message in slot @i */
static inline const uint8_t *fdnet_rxslots_msg(const struct fdnet_rxslots *rs,
					       unsigned int i)
{
	return rs->iov[i * rs->stride].iov_base;
}

/** fdnet_rxslots_take_bufs - move @left bytes of the slot's buffers into its
 * packet's slices */
void fdnet_rxslots_take_bufs(struct fdnet_rxslots *rs, unsigned int i,
			     uint32_t left);

/**
 * fdnet_rxslots_take - the packet that was read into a slot
 * @i:    slot
 * @len:  bytes read, prefix included; at least the prefix
 *
 * Returns the packet without its prefix (which stays readable in front of
 * its data); the caller's.
 */
static inline struct fdnet_pkt *fdnet_rxslots_take(struct fdnet_rxslots *rs,
						   unsigned int i, uint32_t len)
{
	struct fdnet_pkt *pkt = rs->pkts[i];

	len -= rs->prefix;
	pkt->len = len < FDNET_PKT_LINEAR ? len : FDNET_PKT_LINEAR;
	if (len > FDNET_PKT_LINEAR)
		fdnet_rxslots_take_bufs(rs, i, len - FDNET_PKT_LINEAR);
	rs->pkts[i] = NULL;
	if (i < rs->ready)
		rs->ready = i;
	return pkt;
}

/** fdnet_rxslots_reuse_bufs - the packet of slot @i is free again: are the
 * buffers still where the slot's iov says? */
bool fdnet_rxslots_reuse_bufs(struct fdnet_rxslots *rs, unsigned int i);

/**
 * fdnet_rxslots_give_back - a packet that was taken is free again
 * @i:    the slot it was taken from
 * @pkt:  without slices; taken
 */
static inline void fdnet_rxslots_give_back(struct fdnet_rxslots *rs,
					   unsigned int i, struct fdnet_pkt *pkt)
{
	fdnet_pkt_reset(pkt, (uint8_t *)rs->iov[i * rs->stride].iov_base +
				     rs->prefix);
	rs->pkts[i] = pkt;
	if (rs->bufs_ready[i] || fdnet_rxslots_reuse_bufs(rs, i))
		rs->ready += rs->ready == i;
}

#endif
