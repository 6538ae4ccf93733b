/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receive queue: payload in order, kept in the packets it came in, and
 * ranges that arrived ahead of a hole.
 *
 * How it works: a packet enters without its headers and is kept by reference.
 * Small packets are copied together when the reader is behind, so memory stays
 * in proportion to the bytes queued. Out-of-order packets stand in ranges,
 * sorted and never touching; a range's packets are contiguous. Packets carry
 * their sequence number in user[0], and in user[3] the time of their arrival.
 */
#ifndef STACK_TCP_RCVQ_H
#define STACK_TCP_RCVQ_H

#include <stdbool.h>
#include <stddef.h>

#include <fdnet/packet.h>

#include "stack/wire/tcp.h"

/* Out-of-order ranges kept; what would need more is dropped. */
#define FDNET_RCVQ_RANGES 64

struct fdnet_rcvq_range {
	struct fdnet_rcvq_range *next;
	uint32_t start, end;
	struct fdnet_pkt *head, *tail;
};

/* Zeroed is empty. */
struct fdnet_rcvq {
	struct fdnet_pkt *head, *tail;
	uint32_t bytes; /* in order */
	uint32_t ooo_bytes;
	uint32_t ooo_pkts;
	uint32_t nranges;
	struct fdnet_rcvq_range *ranges;
	/* starts of the ranges touched last, newest first (RFC 2018 4) */
	uint32_t recent[3];
	uint8_t nrecent;
};

/** fdnet_rcvq_append - in-order payload, not empty; taken */
void fdnet_rcvq_append(struct fdnet_rcvq *q, struct fdnet_pkt_pool *pool,
		       struct fdnet_pkt *pkt);

/**
 * fdnet_rcvq_insert - payload ahead of a hole
 * @pkt:  taken
 * @seq:  of its first byte
 * @max_pkts:  packets that may be kept out of order
 *
 * Returns the new bytes kept; 0: all of it was there already; -ENOBUFS: too
 * many ranges or packets, or no memory.
 */
int fdnet_rcvq_insert(struct fdnet_rcvq *q, const struct fdnet_mem *mem,
		      struct fdnet_pkt *pkt, uint32_t seq, uint32_t max_pkts);

/**
 * fdnet_rcvq_merge - move ranges that are in order now
 * @rcv_nxt:  the next sequence number expected
 *
 * Returns the next one expected afterwards.
 */
uint32_t fdnet_rcvq_merge(struct fdnet_rcvq *q, const struct fdnet_mem *mem,
			  struct fdnet_pkt_pool *pool, uint32_t rcv_nxt);

/** fdnet_rcvq_sacks - SACK blocks, newest first; returns how many */
unsigned int fdnet_rcvq_sacks(const struct fdnet_rcvq *q,
			      struct fdnet_tcp_range *ret_sacks,
			      unsigned int max);

/** fdnet_rcvq_copy - copy out without taking; returns the bytes copied */
size_t fdnet_rcvq_copy(const struct fdnet_rcvq *q, uint32_t offset,
		       const struct iovec *iov, int iovcnt, size_t max);

/** fdnet_rcvq_peek - describe the first @max bytes; returns entries used */
int fdnet_rcvq_peek(const struct fdnet_rcvq *q, struct iovec *iov, int iovcnt,
		    size_t max);

/** fdnet_rcvq_time - when the last of the first @len bytes arrived; 0: not
 * known */
uint64_t fdnet_rcvq_time(const struct fdnet_rcvq *q, uint32_t len);

/** fdnet_rcvq_drop - take @len bytes off the front; at most q->bytes */
void fdnet_rcvq_drop(struct fdnet_rcvq *q, size_t len);

/** fdnet_rcvq_purge - drop everything */
void fdnet_rcvq_purge(struct fdnet_rcvq *q, const struct fdnet_mem *mem);
/** fdnet_rcvq_purge_ooo - drop what is out of order (RFC 2018 8: allowed) */
void fdnet_rcvq_purge_ooo(struct fdnet_rcvq *q, const struct fdnet_mem *mem);

#endif
