/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fd endpoint: PacketMMap, a receive ring shared with the kernel.
 *
 * How it works: TPACKET_V2 with one frame per block, so that a block is a
 * whole number of pages whatever the page size. A frame belongs to whoever
 * tp_status says. Frames are taken in order; when the one due is not ours
 * although others are, the ring has lost step (a kernel race of V1 and V2,
 * gVisor issue 210) and we continue at the first that is.
 */
#include "config.h"

#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "endpoint/fdbased.h"
#include "endpoint/sys.h"

#define FRAME_SIZE     (65536 + 128)
#define DEFAULT_FRAMES 32

struct fdb_ring {
	uint8_t *map;
	size_t map_len;
	uint32_t stride;
	uint32_t nframes;
	uint32_t head;
	pthread_mutex_t loss_lock; /* reading the losses clears them */
};

static struct tpacket2_hdr *ring_frame(const struct fdb_ring *ring, uint32_t i)
{
	return (struct tpacket2_hdr *)(ring->map + (size_t)i * ring->stride);
}

static uint32_t frame_status(const struct tpacket2_hdr *hdr)
{
	return __atomic_load_n(&hdr->tp_status, __ATOMIC_ACQUIRE);
}

static int ring_setup(struct fdb_queue *q, struct fdb_ring *ring,
		      const char **ret_why)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	struct tpacket_req req = {0};
	int rc;

	ring->nframes = q->ep->opts.ring_frames;
	if (!ring->nframes)
		ring->nframes = DEFAULT_FRAMES;
	ring->stride = (FRAME_SIZE + page - 1) / page * page;
	ring->map_len = (size_t)ring->nframes * ring->stride;
	rc = sys_setsockopt_int(q->fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	*ret_why = "PACKET_VERSION was refused";
	if (rc)
		return rc;
	req.tp_block_size = ring->stride;
	req.tp_frame_size = ring->stride;
	req.tp_block_nr = ring->nframes;
	req.tp_frame_nr = ring->nframes;
	*ret_why = "PACKET_RX_RING was refused";
	rc = (int)sys_rc(setsockopt(q->fd, SOL_PACKET, PACKET_RX_RING, &req,
				    sizeof(req)));
	if (rc)
		return rc;
	ring->map = mmap(NULL, ring->map_len, PROT_READ | PROT_WRITE,
			 MAP_SHARED, q->fd, 0);
	if (ring->map == MAP_FAILED) {
		rc = -errno;
		memset(&req, 0, sizeof(req));
		setsockopt(q->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req));
		*ret_why = "the ring could not be mapped";
		return rc;
	}
	return 0;
}

int fdb_ring_new(struct fdb_queue *q, const char **ret_why)
{
	struct fdb_ring *ring;
	int rc;

	ring = fdnet_mem_alloc(q->ep->opts.mem, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	rc = ring_setup(q, ring, ret_why);
	if (rc) {
		fdnet_mem_free(q->ep->opts.mem, ring, sizeof(*ring));
		return rc;
	}
	pthread_mutex_init(&ring->loss_lock, NULL);
	q->ring = ring;
	return 0;
}

void fdb_ring_free(struct fdb_queue *q, bool undo)
{
	struct tpacket_req req = {0};
	struct fdb_ring *ring = q->ring;

	if (!ring)
		return;
	q->ring = NULL;
	munmap(ring->map, ring->map_len);
	/* The fd may be closed by now, or used for another endpoint. */
	if (undo)
		setsockopt(q->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req));
	pthread_mutex_destroy(&ring->loss_lock);
	fdnet_mem_free(q->ep->opts.mem, ring, sizeof(*ring));
}

void fdb_ring_losses(struct fdb_queue *q)
{
	struct fdb_ring *ring = q->ring;
	struct tpacket_stats st = {0};
	socklen_t len = sizeof(st);

	if (!ring)
		return;
	pthread_mutex_lock(&ring->loss_lock);
	getsockopt(q->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len);
	pthread_mutex_unlock(&ring->loss_lock);
	if (st.tp_drops)
		fdb_count(q, FDNET_EP_RX_RING_LOST, st.tp_drops);
}

/* Copy @len bytes, @lead of which go in front of the packet's data. */
static struct fdnet_pkt *copy_frame(struct fdb_queue *q, const uint8_t *src,
				    uint32_t lead, uint32_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(q->ep->pool);
	uint32_t linear, rest = len - lead;
	struct fdnet_buf *buf;

	if (!pkt)
		return NULL;
	memcpy(pkt->data - lead, src, lead);
	src += lead;
	linear = rest < FDNET_PKT_LINEAR ? rest : FDNET_PKT_LINEAR;
	memcpy(fdnet_pkt_put(pkt, linear), src, linear);
	rest -= linear;
	if (!rest)
		return pkt;
	buf = fdnet_buf_new(q->ep->pool);
	if (!buf) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	/* A frame is never larger than a buffer and the linear part. */
	memcpy(buf->data, src + linear, rest);
	fdnet_pkt_add_slice(pkt, buf, buf->data, rest);
	fdnet_buf_unref(buf);
	return pkt;
}

static void take_frame(struct fdb_queue *q, const struct tpacket2_hdr *hdr)
{
	const uint8_t *frame = (const uint8_t *)hdr + hdr->tp_mac;
	uint32_t hdr_len = q->ep->hdr_len, len = hdr->tp_snaplen;
	struct fdnet_pkt *pkt;

	if (hdr->tp_len != len || len > q->ep->capacity + hdr_len ||
	    hdr->tp_mac + (uint64_t)len > q->ring->stride) {
		fdb_count_rx(q, FDNET_EP_RX_TRUNC, 1);
		return;
	}
	if (!fdb_accept(q, frame, len))
		return;
	pkt = copy_frame(q, frame, hdr_len, len);
	if (!pkt) {
		fdb_count_rx(q, FDNET_EP_RX_NOMEM, 1);
		return;
	}
	if (!fdb_dress(q, pkt, q->vnet_len ? frame - q->vnet_len : NULL)) {
		fdnet_pkt_free(pkt);
		return;
	}
	fdb_take(q, pkt, len);
}

/* The frame due is not ours: is it another's turn? */
static bool ring_resync(struct fdb_queue *q)
{
	struct fdb_ring *ring = q->ring;
	uint32_t i, at;

	/* An empty ring is the ordinary case: look only when it repeats. */
	if (++q->empty_reads < 2)
		return false;
	q->empty_reads = 0;
	for (i = 1; i < ring->nframes; i++) {
		at = (ring->head + i) % ring->nframes;
		if (!(frame_status(ring_frame(ring, at)) & TP_STATUS_USER))
			continue;
		/* The kernel may have filled ours meanwhile. */
		if (frame_status(ring_frame(ring, ring->head)) & TP_STATUS_USER)
			return true;
		ring->head = at;
		fdb_count_rx(q, FDNET_EP_RX_RING_RESYNC, 1);
		return true;
	}
	return false;
}

/* Nothing there: an interface that went down leaves an error that would make
 * poll return for ever. */
static int ring_error(struct fdb_queue *q)
{
	int err = 0, rc;

	rc = sys_getsockopt_int(q->fd, SOL_SOCKET, SO_ERROR, &err);
	if (rc)
		return fdb_sort_out(q, rc);
	return err ? fdb_sort_out(q, -err) : 0;
}

int fdb_ring_receive(struct fdb_queue *q, unsigned int budget)
{
	struct fdb_ring *ring = q->ring;
	unsigned int n = 0;
	bool losing = false;

	while (n < budget && !atomic_load(&q->ep->stop)) {
		struct tpacket2_hdr *hdr = ring_frame(ring, ring->head);
		uint32_t status = frame_status(hdr);

		if (!(status & TP_STATUS_USER)) {
			if (n || !ring_resync(q))
				break;
			continue;
		}
		q->empty_reads = 0;
		if (status & TP_STATUS_COPY)
			fdb_count_rx(q, FDNET_EP_RX_TRUNC, 1);
		else
			take_frame(q, hdr);
		losing |= (status & TP_STATUS_LOSING) != 0;
		__atomic_store_n(&hdr->tp_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
		ring->head = (ring->head + 1) % ring->nframes;
		/* as many as GRO holds */
		if (++n % FDNET_GRO_MAX == 0)
			fdb_flush_gro(q);
	}
	fdb_flush_gro(q);
	if (losing)
		fdb_ring_losses(q);
	if (!n)
		return ring_error(q);
	fdb_note_rx_batch(q, n);
	return (int)n;
}
