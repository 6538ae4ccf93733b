/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The send queue: bytes the application gave and the peer has not
 * acknowledged yet.
 *
 * How it works: a list of chunks. A big chunk is a pooled fdnet_buf, to which
 * packets refer by slices, so that neither sending nor retransmitting copies;
 * its unused tail is filled by later writes, while earlier bytes may be on
 * their way. A small chunk holds a short write in memory of its own and is
 * copied into each packet, so that a byte waiting for its acknowledgement
 * does not pin FDNET_BUF_SIZE.
 */
#ifndef STACK_TCP_SNDQ_H
#define STACK_TCP_SNDQ_H

#include <stdbool.h>
#include <stddef.h>

#include <fdnet/packet.h>

struct fdnet_sndq_chunk {
	struct fdnet_sndq_chunk *next;
	struct fdnet_buf *buf; /* NULL: small, data follows this struct */
	uint8_t *data;
	uint32_t size; /* bytes at @data */
	uint32_t off;  /* first byte not yet acknowledged */
	uint32_t end;  /* one past the last byte written; off <= end <= size */
	bool eor;      /* its end is a record's: nothing more is written to it */
};

/* Zeroed is empty. @mem and @pool are the same in all calls. */
struct fdnet_sndq {
	struct fdnet_sndq_chunk *head, *tail;
	/* what reserve() handed out: the chunk at which it starts */
	struct fdnet_sndq_chunk *reserved;
	uint32_t bytes;
	uint32_t neor; /* chunks that end a record */
};

/**
 * fdnet_sndq_write - append a copy of the bytes
 * @max:  bytes at most
 *
 * Returns the bytes taken, fewer than asked only for @max or want of memory.
 */
size_t fdnet_sndq_write(struct fdnet_sndq *q, const struct fdnet_mem *mem,
			struct fdnet_pkt_pool *pool, const struct iovec *iov,
			int iovcnt, size_t max);

/**
 * fdnet_sndq_reserve - room behind the last byte
 * @iov, @iovcnt:  written
 * @max:           bytes at most
 *
 * Returns the entries used; 0 when there is no memory.
 */
int fdnet_sndq_reserve(struct fdnet_sndq *q, const struct fdnet_mem *mem,
		       struct fdnet_pkt_pool *pool, struct iovec *iov,
		       int iovcnt, size_t max);

/** fdnet_sndq_commit - the first @len reserved bytes are filled; the rest of
 * the reservation is given back. -EINVAL when more than reserved */
int fdnet_sndq_commit(struct fdnet_sndq *q, const struct fdnet_mem *mem,
		      size_t len);

/** fdnet_sndq_drop - the first @len bytes are acknowledged */
void fdnet_sndq_drop(struct fdnet_sndq *q, const struct fdnet_mem *mem,
		     uint32_t len);

/** fdnet_sndq_end_record - what was written last is the end of a record
 * (MSG_EOR), which no packet shall cross; not when the queue is empty */
void fdnet_sndq_end_record(struct fdnet_sndq *q);

/** fdnet_sndq_record - how many of @len bytes from @offset on are before the
 * next record; @len bytes must be there */
uint32_t fdnet_sndq_record(const struct fdnet_sndq *q, uint32_t offset,
			   uint32_t len);

/**
 * fdnet_sndq_attach - add bytes to a packet
 * @offset:  from the first unacknowledged byte
 * @len:     bytes wanted; all within the queue
 *
 * Short payload is copied behind the linear part, other is referenced; many
 * short pieces that do not fit there are joined in a buffer of @pool.
 * Returns the bytes added, fewer when the packet has no slice left.
 */
uint32_t fdnet_sndq_attach(const struct fdnet_sndq *q,
			   struct fdnet_pkt_pool *pool, struct fdnet_pkt *pkt,
			   uint32_t offset, uint32_t len);

/** fdnet_sndq_purge - drop everything */
void fdnet_sndq_purge(struct fdnet_sndq *q, const struct fdnet_mem *mem);

#endif
