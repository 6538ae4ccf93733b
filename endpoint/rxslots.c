/* SPDX-License-Identifier: Apache-2.0 */
/* Receive slots: see the header. */
#include "config.h"

#include "endpoint/rxslots.h"

#include <assert.h>
#include <string.h>

/* A rest of a buffer smaller than this is not worth keeping. */
#define MIN_REST  16384
#define ALIGN_MSG 64

#define MAX_IOV (1 + FDNET_RXSLOT_MAX_BUFS)

static size_t slots_size(unsigned int n)
{
	return sizeof(struct fdnet_rxslots) +
	       n * (sizeof(struct mmsghdr) + MAX_IOV * sizeof(struct iovec) +
		    sizeof(struct fdnet_rxslot) + sizeof(struct fdnet_pkt *) +
		    sizeof(bool));
}

static void slots_stash_free(struct fdnet_pkt_stash *stash)
{
	fdnet_rxslots_free((struct fdnet_rxslots *)stash);
}

struct fdnet_rxslots *fdnet_rxslots_new(struct fdnet_pkt_pool *pool,
					unsigned int nslots)
{
	struct fdnet_rxslots *rs;

	rs = fdnet_mem_alloc(pool->mem, slots_size(nslots));
	if (!rs)
		return NULL;
	rs->stash.free = slots_stash_free;
	rs->pool = pool;
	rs->nslots = nslots;
	rs->msgs = (struct mmsghdr *)(rs + 1);
	rs->iov = (struct iovec *)(rs->msgs + nslots);
	rs->slots = (struct fdnet_rxslot *)(rs->iov + nslots * MAX_IOV);
	rs->pkts = (struct fdnet_pkt **)(rs->slots + nslots);
	rs->bufs_ready = (bool *)(rs->pkts + nslots);
	return rs;
}

void fdnet_rxslots_free(struct fdnet_rxslots *rs)
{
	unsigned int i, j;

	if (!rs)
		return;
	for (i = 0; i < rs->nslots; i++) {
		fdnet_pkt_free(rs->pkts[i]);
		for (j = 0; j < rs->slots[i].nbufs; j++)
			fdnet_buf_unref(rs->slots[i].bufs[j]);
	}
	fdnet_mem_free(rs->pool->mem, rs, slots_size(rs->nslots));
}

static uint32_t linear_len(const struct fdnet_rxslots *rs)
{
	return rs->capacity < FDNET_PKT_LINEAR ? rs->capacity : FDNET_PKT_LINEAR;
}

/* Buffers for what does not fit into the linear part. */
static bool slot_get_bufs(struct fdnet_rxslots *rs, struct fdnet_rxslot *slot)
{
	uint32_t have, need = rs->capacity - linear_len(rs);

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
	struct iovec *first = &rs->iov[i * rs->stride], *iov = first + 1;
	uint32_t left = rs->capacity - linear_len(rs), n;
	unsigned int b;

	/* Nobody holds what came before: the same memory again is in cache. */
	if (slot->offset &&
	    __atomic_load_n(&slot->bufs[0]->refs, __ATOMIC_ACQUIRE) == 1)
		slot->offset = 0;
	if (!slot_get_bufs(rs, slot))
		return false;
	for (b = 0; left; b++, left -= n) {
		uint32_t offset = b ? 0 : slot->offset;

		n = FDNET_BUF_SIZE - offset;
		if (n > left)
			n = left;
		*iov++ = (struct iovec){slot->bufs[b]->data + offset, n};
	}
	rs->msgs[i].msg_hdr.msg_iov = first;
	rs->msgs[i].msg_hdr.msg_iovlen = (size_t)(iov - first);
	rs->bufs_ready[i] = true;
	return true;
}

/* Where a packet begins. */
static void slot_describe(struct fdnet_rxslots *rs, unsigned int i)
{
	struct fdnet_pkt *pkt = rs->pkts[i];

	/* Let the message start a line; storage has a line to spare. */
	pkt->data = fdnet_pkt_storage(pkt) + FDNET_PKT_HEADROOM +
		    rs->prefix % ALIGN_MSG;
	rs->iov[i * rs->stride] = (struct iovec){
		pkt->data - rs->prefix,
		rs->prefix + linear_len(rs),
	};
}

static bool slot_fill(struct fdnet_rxslots *rs, unsigned int i)
{
	if (!rs->bufs_ready[i] && !slot_fill_bufs(rs, i))
		return false;
	rs->pkts[i] = fdnet_pkt_new(rs->pool);
	if (!rs->pkts[i])
		return false;
	slot_describe(rs, i);
	return true;
}

/* For messages of another kind than before. */
static void set_shape(struct fdnet_rxslots *rs, uint32_t prefix, uint32_t capacity)
{
	unsigned int i;

	rs->prefix = prefix;
	rs->capacity = capacity;
	/* the first buffer may be one of which a part is used */
	rs->stride = 1;
	if (capacity > FDNET_PKT_LINEAR)
		rs->stride += 1 + (capacity - FDNET_PKT_LINEAR + FDNET_BUF_SIZE -
				   1) / FDNET_BUF_SIZE;
	assert(rs->stride <= MAX_IOV);
	rs->ready = 0;
	for (i = 0; i < rs->nslots; i++) {
		rs->bufs_ready[i] = false;
		if (rs->pkts[i])
			slot_describe(rs, i);
	}
}

unsigned int fdnet_rxslots_fill(struct fdnet_rxslots *rs, unsigned int n,
				uint32_t prefix, uint32_t capacity)
{
	unsigned int i;

	if (rs->prefix != prefix || rs->capacity != capacity)
		set_shape(rs, prefix, capacity);
	if (n > rs->nslots)
		n = rs->nslots;
	for (i = rs->ready; i < n; i++) {
		if (rs->pkts[i] && rs->bufs_ready[i])
			continue;
		if (rs->pkts[i] ? !slot_fill_bufs(rs, i) : !slot_fill(rs, i))
			break;
	}
	if (i > rs->ready)
		rs->ready = i;
	return i < n ? i : n;
}

bool fdnet_rxslots_reuse_bufs(struct fdnet_rxslots *rs, unsigned int i)
{
	const struct iovec *iov = &rs->iov[i * rs->stride + 1];
	struct fdnet_rxslot *slot = &rs->slots[i];

	/* One that was used up went with the packet. */
	if (!slot->nbufs || iov->iov_base != slot->bufs[0]->data ||
	    rs->msgs[i].msg_hdr.msg_iovlen != 1 + slot->nbufs ||
	    __atomic_load_n(&slot->bufs[0]->refs, __ATOMIC_ACQUIRE) != 1)
		return false;
	slot->offset = 0;
	rs->bufs_ready[i] = true;
	return true;
}

void fdnet_rxslots_take_bufs(struct fdnet_rxslots *rs, unsigned int i,
			     uint32_t left)
{
	struct fdnet_rxslot *slot = &rs->slots[i];
	struct fdnet_pkt *pkt = rs->pkts[i];
	unsigned int used = 0;
	uint32_t n, end;

	rs->bufs_ready[i] = false;
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
	if (!used)
		return;
	slot->nbufs -= used;
	memmove(slot->bufs, slot->bufs + used,
		slot->nbufs * sizeof(slot->bufs[0]));
}
