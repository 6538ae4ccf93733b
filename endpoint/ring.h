/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of messages in memory that two processes map: one writes, the other
 * reads, and neither needs a system call while both are awake.
 *
 * How it works: each record is 8 bytes of length and the message, padded to 8
 * bytes. Positions are byte counts that only grow, modulo 2^32; the writer
 * publishes its own, the reader its own, each on a line of the caches that
 * nobody else writes. A reader that is about to sleep says so, and looks once
 * more; a writer that has published looks if the reader sleeps, and if so it
 * must wake it by other means, once.
 *
 * The other end may be hostile: what is ours stands in private memory, the
 * other's position is checked before it is used, and a record's bytes are
 * copied out before anybody looks at them. It can spoil its own messages, and
 * be woken for nothing.
 *
 * Not thread-safe; the caller serialises each end.
 */
#ifndef ENDPOINT_RING_H
#define ENDPOINT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Bytes of messages in a ring, and of its state in front of them. */
#define FDNET_RING_SIZE	  (512u << 10)
#define FDNET_RING_STATE  4096u
/* Largest message of a record. */
#define FDNET_RING_MSG_MAX 2064u
/* In the place of a length: the next message is not in the ring. */
#define FDNET_RING_ELSEWHERE UINT32_MAX

/**
 * struct fdnet_ring - one end, private to its process
 * @state, @data:  in memory of both
 * @pos:    how far we are
 * @limit:  writer: the reader's position when it was looked at last
 * @len:    reader: of the record that is being read, 0: none
 */
struct fdnet_ring {
	uint8_t *state, *data;
	uint32_t pos, limit, len;
};

/** fdnet_ring_init - @state and @data: FDNET_RING_STATE bytes, all 0 at first,
 * and FDNET_RING_SIZE bytes; both ends start at the same time */
void fdnet_ring_init(struct fdnet_ring *ring, uint8_t *state, uint8_t *data);

/**
 * fdnet_ring_put - write a message and publish it
 * @len:  bytes of all of @iov, 1..FDNET_RING_MSG_MAX
 *
 * There is always room left for one fdnet_ring_put_elsewhere().
 * Returns 0; 1 when the reader sleeps and is to be woken now; -EAGAIN when
 * there is no room.
 */
int fdnet_ring_put(struct fdnet_ring *ring, const struct iovec *iov,
		   unsigned int n, uint32_t len);

/** fdnet_ring_put_elsewhere - the next message comes another way; as
 * fdnet_ring_put(). Not twice before fdnet_ring_is_drained() */
int fdnet_ring_put_elsewhere(struct fdnet_ring *ring);

/** fdnet_ring_is_fuller - writer: are there more than @bytes in it? */
bool fdnet_ring_is_fuller(struct fdnet_ring *ring, uint32_t bytes);

/** fdnet_ring_is_drained - writer: has the reader taken everything? */
bool fdnet_ring_is_drained(struct fdnet_ring *ring);

/**
 * fdnet_ring_next - reader: length of the next message
 *
 * Returns 1..FDNET_RING_MSG_MAX, 0 when there is none,
 * FDNET_RING_ELSEWHERE, or -EPROTO when the writer breaks the rules.
 */
int64_t fdnet_ring_next(struct fdnet_ring *ring);

/** fdnet_ring_get - copy @len bytes of the message, from its byte @at on, after
 * fdnet_ring_next() and within what it said */
void fdnet_ring_get(const struct fdnet_ring *ring, uint32_t at, void *dst,
		    uint32_t len);

/** fdnet_ring_done - reader: the message's room is the writer's again */
void fdnet_ring_done(struct fdnet_ring *ring);

/** fdnet_ring_has - reader: is there anything, bad things included? */
bool fdnet_ring_has(const struct fdnet_ring *ring);

/** fdnet_ring_sleep - reader: wake me from now on. false: do not sleep, there
 * is something */
bool fdnet_ring_sleep(struct fdnet_ring *ring);

/** fdnet_ring_awake - reader: no need to wake me */
void fdnet_ring_awake(struct fdnet_ring *ring);

#endif
