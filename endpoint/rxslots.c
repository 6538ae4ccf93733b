/* SPDX-License-Identifier: Apache-2.0 */
/* Receive slots: see the header. */
#include "config.h"

#include "endpoint/rxslots.h"

#include <assert.h>
#include <string.h>

/* A rest of a buffer smaller than this is not worth keeping. */
#define MIN_REST  16384
#define ALIGN_MSG 64

static size_t slots_size(unsigned int n)
{
	return sizeof(struct fdnet_rxslots) +
	       n * (sizeof(struct fdnet_rxslot) + sizeof(struct mmsghdr));
}

static void slots_stash_free(struct fdnet_pkt_stash *stash)
{
	fdnet_rxslots_free((struct fdnet_rxslots *)stash);
}

struct fdnet_rxslots *fdnet_rxslots_new(struct fdnet_pkt_pool *pool,
					unsigned int nslots)
{
	struct fdnet_rxslots *rs;
	unsigned int i;

	rs = fdnet_mem_alloc(pool->mem, slots_size(nslots));
	if (!rs)
		return NULL;
	rs->stash.free = slots_stash_free;
	rs->pool = pool;
	rs->nslots = nslots;
	rs->slots = (struct fdnet_rxslot *)(rs + 1);
	rs->msgs = (struct mmsghdr *)(rs->slots + nslots);
	for (i = 0; i < nslots; i++)
		rs->msgs[i].msg_hdr.msg_iov = rs->slots[i].iov;
	return rs;
}

void fdnet_rxslots_free(struct fdnet_rxslots *rs)
{
	unsigned int i, j;

	if (!rs)
		return;
	for (i = 0; i < rs->nslots; i++) {
		fdnet_pkt_free(rs->slots[i].pkt);
		for (j = 0; j < rs->slots[i].nbufs; j++)
			fdnet_buf_unref(rs->slots[i].bufs[j]);
	}
	fdnet_mem_free(rs->pool->mem, rs, slots_size(rs->nslots));
}

/* Buffers for what does not fit into the linear part. */
static bool slot_get_bufs(struct fdnet_rxslots *rs, struct fdnet_rxslot *slot)
{
	uint32_t have, need = 0;

	if (rs->capacity > FDNET_PKT_LINEAR)
		need = rs->capacity - FDNET_PKT_LINEAR;
	have = slot->nbufs * FDNET_BUF_SIZE - slot->offset;
	while (have < need) {
		struct fdnet_buf *buf = fdnet_buf_new(rs->pool);

		if (!buf)
			return false;
		slot->bufs[slot->nbufs++] = buf;
		have += FDNET_BUF_SIZE;
	}
	return true;
}

/* Describe the buffers behind the linear part. */
static bool slot_fill_bufs(struct fdnet_rxslots *rs, unsigned int i)
{
	struct fdnet_rxslot *slot = &rs->slots[i];
	struct iovec *iov = slot->iov + 1;
	uint32_t left = 0, n;
	unsigned int b;

	/* Nobody holds what came before: the same memory again is in cache. */
	if (slot->offset &&
	    __atomic_load_n(&slot->bufs[0]->refs, __ATOMIC_ACQUIRE) == 1)
		slot->offset = 0;
	if (!slot_get_bufs(rs, slot))
		return false;
	if (rs->capacity > FDNET_PKT_LINEAR)
		left = rs->capacity - FDNET_PKT_LINEAR;
	for (b = 0; left; b++, left -= n) {
		uint32_t offset = b ? 0 : slot->offset;

		n = FDNET_BUF_SIZE - offset;
		if (n > left)
			n = left;
		*iov++ = (struct iovec){slot->bufs[b]->data + offset, n};
	}
	rs->msgs[i].msg_hdr.msg_iovlen = (size_t)(iov - slot->iov);
	slot->bufs_ready = true;
	return true;
}

static bool slot_fill(struct fdnet_rxslots *rs, unsigned int i)
{
	struct fdnet_rxslot *slot = &rs->slots[i];
	uint32_t linear = rs->capacity;

	if (!slot->pkt && !(slot->pkt = fdnet_pkt_new(rs->pool)))
		return false;
	if (!slot->bufs_ready && !slot_fill_bufs(rs, i))
		return false;
	if (linear > FDNET_PKT_LINEAR)
		linear = FDNET_PKT_LINEAR;
	/* Let the message start a line; storage has a line to spare. */
	slot->pkt->data =
		slot->pkt->storage + FDNET_PKT_HEADROOM + rs->prefix % ALIGN_MSG;
	slot->iov[0] = (struct iovec){slot->pkt->data - rs->prefix,
				      rs->prefix + linear};
	slot->ready = true;
	return true;
}

unsigned int fdnet_rxslots_fill(struct fdnet_rxslots *rs, unsigned int n,
				uint32_t prefix, uint32_t capacity)
{
	unsigned int i;

	if (rs->prefix != prefix || rs->capacity != capacity) {
		for (i = 0; i < rs->nslots; i++)
			rs->slots[i].ready = rs->slots[i].bufs_ready = false;
		rs->prefix = prefix;
		rs->capacity = capacity;
	}
	for (i = 0; i < n && i < rs->nslots; i++)
		if (!rs->slots[i].ready && !slot_fill(rs, i))
			break;
	return i;
}

/* Move @left bytes of the slot's buffers into the packet's slices. */
static void slot_take_bufs(struct fdnet_rxslot *slot, uint32_t left)
{
	struct fdnet_pkt *pkt = slot->pkt;
	unsigned int used = 0;
	uint32_t n, end;

	slot->bufs_ready = false;
	pkt->slices_len = left;
	while (left) {
		struct fdnet_buf *buf = slot->bufs[used];

		n = FDNET_BUF_SIZE - slot->offset;
		if (n > left)
			n = left;
		left -= n;
		pkt->slices[pkt->nslices++] = (struct fdnet_slice){
			.buf = buf,
			.data = buf->data + slot->offset,
			.len = n,
		};
		end = (slot->offset + n + ALIGN_MSG - 1) &
		      ~(uint32_t)(ALIGN_MSG - 1);
		if (end + MIN_REST <= FDNET_BUF_SIZE) {
			fdnet_buf_ref(buf); /* the packet has ours */
			slot->offset = end;
			break;
		}
		slot->offset = 0;
		used++;
	}
	assert(!left);
	slot->nbufs -= used;
	memmove(slot->bufs, slot->bufs + used,
		slot->nbufs * sizeof(slot->bufs[0]));
}

struct fdnet_pkt *fdnet_rxslots_take(struct fdnet_rxslots *rs, unsigned int i,
				     uint32_t len)
{
	struct fdnet_rxslot *slot = &rs->slots[i];
	struct fdnet_pkt *pkt = slot->pkt;

	len -= rs->prefix;
	pkt->len = len < FDNET_PKT_LINEAR ? len : FDNET_PKT_LINEAR;
	if (len > FDNET_PKT_LINEAR)
		slot_take_bufs(slot, len - FDNET_PKT_LINEAR);
	slot->pkt = NULL;
	slot->ready = false;
	return pkt;
}
