/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "endpoint/ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define ALIGN	 8u
#define HEAD_LEN 8u
/* In the state page, apart from each other as processors prefetch pairs. */
#define AT_WRITTEN 0   /* the writer's position */
#define AT_READ	   128 /* the reader's */
#define AT_SLEEPS  256 /* 1: the reader is to be woken */

static_assert((FDNET_RING_SIZE & (FDNET_RING_SIZE - 1)) == 0,
	      "positions wrap with the ring");

static uint32_t *word(const struct fdnet_ring *ring, unsigned int at)
{
	return (uint32_t *)(void *)(ring->state + at);
}

static uint32_t room_of(uint32_t len)
{
	return HEAD_LEN + ((len + ALIGN - 1) & ~(ALIGN - 1));
}

static void copy_in(const struct fdnet_ring *ring, uint32_t pos,
		    const void *src, size_t len)
{
	size_t at = pos % FDNET_RING_SIZE, first = FDNET_RING_SIZE - at;

	if (len <= first) {
		memcpy(ring->data + at, src, len);
		return;
	}
	memcpy(ring->data + at, src, first);
	memcpy(ring->data, (const uint8_t *)src + first, len - first);
}

void fdnet_ring_init(struct fdnet_ring *ring, uint8_t *state, uint8_t *data)
{
	*ring = (struct fdnet_ring){ .state = state, .data = data };
}

/* The record is written before its end is seen, and that before we look if
 * the reader sleeps: one of us sees the other. */
static int publish(struct fdnet_ring *ring, uint32_t pos)
{
	ring->pos = pos;
	__atomic_store_n(word(ring, AT_WRITTEN), pos, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(word(ring, AT_SLEEPS), __ATOMIC_SEQ_CST))
		return 0;
	__atomic_store_n(word(ring, AT_SLEEPS), 0, __ATOMIC_RELAXED);
	return 1;
}

static bool has_room(struct fdnet_ring *ring, uint32_t bytes)
{
	if (ring->pos - ring->limit + bytes <= FDNET_RING_SIZE)
		return true;
	ring->limit = __atomic_load_n(word(ring, AT_READ), __ATOMIC_ACQUIRE);
	/* a reader that lies about it reads what it deserves */
	return ring->pos - ring->limit + bytes <= FDNET_RING_SIZE &&
	       ring->pos - ring->limit <= FDNET_RING_SIZE;
}

int fdnet_ring_put(struct fdnet_ring *ring, const struct iovec *iov,
		   unsigned int n, uint32_t len)
{
	uint32_t room = room_of(len), at = ring->pos + HEAD_LEN;

	if (!has_room(ring, room + HEAD_LEN))
		return -EAGAIN;
	copy_in(ring, ring->pos, &len, sizeof(len));
	for (unsigned int i = 0; i < n; i++) {
		copy_in(ring, at, iov[i].iov_base, iov[i].iov_len);
		at += (uint32_t)iov[i].iov_len;
	}
	return publish(ring, ring->pos + room);
}

int fdnet_ring_put_elsewhere(struct fdnet_ring *ring)
{
	uint32_t len = FDNET_RING_ELSEWHERE;

	copy_in(ring, ring->pos, &len, sizeof(len));
	return publish(ring, ring->pos + HEAD_LEN);
}

bool fdnet_ring_is_fuller(struct fdnet_ring *ring, uint32_t bytes)
{
	if (ring->pos - ring->limit <= bytes)
		return false;
	ring->limit = __atomic_load_n(word(ring, AT_READ), __ATOMIC_ACQUIRE);
	return ring->pos - ring->limit > bytes;
}

bool fdnet_ring_is_drained(struct fdnet_ring *ring)
{
	ring->limit = __atomic_load_n(word(ring, AT_READ), __ATOMIC_ACQUIRE);
	return ring->limit == ring->pos;
}

int64_t fdnet_ring_next(struct fdnet_ring *ring)
{
	uint32_t there, len;

	ring->len = 0;
	there = __atomic_load_n(word(ring, AT_WRITTEN), __ATOMIC_ACQUIRE) -
		ring->pos;
	if (!there)
		return 0;
	if (there < HEAD_LEN || there > FDNET_RING_SIZE)
		return -EPROTO;
	/* heads are aligned, so this one is in one piece; read it once */
	len = __atomic_load_n((uint32_t *)(void *)(ring->data +
						   ring->pos % FDNET_RING_SIZE),
			      __ATOMIC_RELAXED);
	if (len == FDNET_RING_ELSEWHERE) {
		ring->len = HEAD_LEN;
		return FDNET_RING_ELSEWHERE;
	}
	if (!len || len > FDNET_RING_MSG_MAX || room_of(len) > there)
		return -EPROTO;
	ring->len = room_of(len);
	return len;
}

void fdnet_ring_get(const struct fdnet_ring *ring, uint32_t at, void *dst,
		    uint32_t len)
{
	size_t from = (ring->pos + HEAD_LEN + at) % FDNET_RING_SIZE;
	size_t first = FDNET_RING_SIZE - from;

	if (len <= first) {
		memcpy(dst, ring->data + from, len);
		return;
	}
	memcpy(dst, ring->data + from, first);
	memcpy((uint8_t *)dst + first, ring->data, len - first);
}

void fdnet_ring_done(struct fdnet_ring *ring)
{
	ring->pos += ring->len;
	ring->len = 0;
	__atomic_store_n(word(ring, AT_READ), ring->pos, __ATOMIC_RELEASE);
}

bool fdnet_ring_has(const struct fdnet_ring *ring)
{
	return __atomic_load_n(word(ring, AT_WRITTEN), __ATOMIC_ACQUIRE) !=
	       ring->pos;
}

bool fdnet_ring_sleep(struct fdnet_ring *ring)
{
	__atomic_store_n(word(ring, AT_SLEEPS), 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(word(ring, AT_WRITTEN), __ATOMIC_SEQ_CST) ==
	       ring->pos;
}

void fdnet_ring_awake(struct fdnet_ring *ring)
{
	__atomic_store_n(word(ring, AT_SLEEPS), 0, __ATOMIC_RELAXED);
}
