/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fd endpoint: reading.
 *
 * A message never ends an fd: short, empty, foreign, unknown and truncated
 * ones are counted and dropped. An fd ends with its peer, after everything
 * that was queued has been delivered, or with an error that will not pass.
 * For the end and ECONNRESET on SEQPACKET sockets see link_rx.c.
 */
#include "config.h"

#include <string.h>

#include "endpoint/sum.h"
#include "endpoint/fdbased.h"
#include "endpoint/sys.h"
#include "endpoint/vnet.h"

#define ETH_GROUP 0x01

unsigned int fdb_batch_class(unsigned int n)
{
	unsigned int column = 0;

	while (column < FDNET_EP_BATCH_CLASSES - 1 && n > 1u << column)
		column++;
	return column;
}

static inline void deliver(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	struct fdb *ep = q->ep;

	ep->disp.deliver(ep->disp_arg, &ep->base, pkt);
}

void fdb_deliver(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	deliver(q, pkt);
}

static bool eth_is_ours(const struct fdb *ep, const uint8_t *frame)
{
	const struct fdnet_endpoint_info *info = &ep->info;

	/* Without an address of our own there is nothing to compare with. */
	if (ep->opts.promiscuous || info->link_address_len != 6)
		return true;
	return frame[0] & ETH_GROUP || !memcmp(frame, info->link_address, 6);
}

static inline bool accept_frame(struct fdb_queue *q, const uint8_t *frame,
				uint32_t len)
{
	if (len <= q->ep->hdr_len) {
		fdb_count_rx(q, len ? FDNET_EP_RX_SHORT : FDNET_EP_RX_EMPTY, 1);
		return false;
	}
	if (q->ep->hdr_len && !eth_is_ours(q->ep, frame)) {
		fdb_count_rx(q, FDNET_EP_RX_FOREIGN, 1);
		return false;
	}
	return true;
}

bool fdb_accept(struct fdb_queue *q, const uint8_t *frame, uint32_t len)
{
	return accept_frame(q, frame, len);
}

static inline bool set_ethertype(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	const uint8_t *eth = pkt->data - FDNET_ETH_HDR_LEN;

	if (q->ep->hdr_len) {
		memcpy(pkt->link_dst, eth, 6);
		memcpy(pkt->link_src, eth + 6, 6);
		pkt->ethertype = get_be16(eth + 12);
		if (eth[0] & ETH_GROUP)
			pkt->flags |= FDNET_PKT_LINK_GROUP;
		return true;
	}
	switch (pkt->data[0] >> 4) {
	case 4:
		pkt->ethertype = 0x0800;
		return true;
	case 6:
		pkt->ethertype = 0x86dd;
		return true;
	default:
		fdb_count_rx(q, FDNET_EP_RX_BADVER, 1);
		return false;
	}
}

static inline bool dress(struct fdb_queue *q, struct fdnet_pkt *pkt,
			 const uint8_t *vnet)
{
	if (!set_ethertype(q, pkt))
		return false;
	if (q->ep->caps & FDNET_CAP_RX_CHECKSUM)
		pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	if (vnet && fdnet_vnet_decode(vnet, q->ep->hdr_len, pkt) < 0) {
		fdb_count_rx(q, FDNET_EP_RX_BADVNET, 1);
		return false;
	}
	return true;
}

bool fdb_dress(struct fdb_queue *q, struct fdnet_pkt *pkt, const uint8_t *vnet)
{
	return dress(q, pkt, vnet);
}

static void note_taken(struct fdb_queue *q, unsigned int pkts, uint64_t bytes)
{
	fdb_count_rx(q, FDNET_EP_RX_PKTS, pkts);
	fdb_count_rx(q, FDNET_EP_RX_BYTES, bytes);
}

static void hand_up(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	if (!q->gro)
		fdb_deliver(q, pkt);
	else if (fdnet_gro_add(q->gro, pkt))
		fdb_count_rx(q, FDNET_EP_RX_GRO_MERGED, 1);
}

void fdb_take(struct fdb_queue *q, struct fdnet_pkt *pkt, uint32_t len)
{
	note_taken(q, 1, len);
	hand_up(q, pkt);
}

void fdb_flush_gro(struct fdb_queue *q)
{
	struct fdnet_pkt *pkt, *next;

	if (!q->gro || !q->gro->n)
		return;
	for (pkt = fdnet_gro_flush(q->gro); pkt; pkt = next) {
		next = pkt->next;
		pkt->next = NULL;
		if (atomic_load(&q->ep->stop))
			fdnet_pkt_free(pkt);
		else
			fdb_deliver(q, pkt);
	}
}

void fdb_note_rx_batch(struct fdb_queue *q, unsigned int n)
{
	uint64_t *p = &q->stats.rx_batch[fdb_batch_class(n)];

	__atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + 1,
			 __ATOMIC_RELAXED);
}

/* ---- one message in a slot ---- */

/* Hand up a packet of slot @i. When it is freed during the call, as most are,
 * it never leaves the slot. */
static inline void lend(struct fdb_queue *q, unsigned int i, struct fdnet_pkt *pkt)
{
	struct fdnet_pkt *outer = fdnet_pkt_lent;

	fdnet_pkt_lent = pkt;
	deliver(q, pkt);
	if (!fdnet_pkt_lent)
		fdnet_rxslots_give_back(q->slots, i, pkt);
	fdnet_pkt_lent = outer;
}

/* Returns the bytes of the packet handed on; 0: none was. */
static inline uint32_t take_message(struct fdb_queue *q, unsigned int i,
				    uint32_t len)
{
	const uint8_t *src = fdnet_rxslots_msg(q->slots, i);
	uint32_t vnet_len = q->vnet_len;
	struct fdnet_pkt *pkt;

	if (len <= vnet_len) {
		fdb_count_rx(q, len ? FDNET_EP_RX_SHORT : FDNET_EP_RX_EMPTY, 1);
		return 0;
	}
	if (!accept_frame(q, src + vnet_len, len - vnet_len))
		return 0;
	pkt = fdnet_rxslots_take(q->slots, i, len);
	if (!dress(q, pkt, vnet_len ? src : NULL)) {
		fdnet_pkt_free(pkt);
		return 0;
	}
	if (q->gro)
		hand_up(q, pkt);
	else
		lend(q, i, pkt);
	return len - vnet_len;
}

static uint32_t prefix(const struct fdb_queue *q)
{
	return q->vnet_len + q->ep->hdr_len;
}

/* The seed's rule: a message without payload ends the fd. */
bool fdb_closes(const struct fdb_queue *q, uint32_t len)
{
	return q->ep->opts.short_closes && len <= prefix(q);
}

/* ---- sockets ---- */

static unsigned int strip_end(struct fdb_queue *q, unsigned int n, bool *ret_end)
{
	const struct mmsghdr *msgs = q->slots->msgs;
	unsigned int real = n;

	while (real && !msgs[real - 1].msg_len)
		real--;
	*ret_end = real < n && sys_socket_at_end(q->fd);
	return *ret_end ? real : n;
}

static int end_with(struct fdb_queue *q, int reason)
{
	q->reason = reason;
	return FDB_END;
}

/* A reader that waits sees the peer's end an instant before ECONNRESET is set,
 * which then nobody has fetched. */
static int end_of_file(struct fdb_queue *q)
{
	int err = 0;

	if (q->kind != FDB_DEVICE && !q->reset_seen &&
	    !sys_getsockopt_int(q->fd, SOL_SOCKET, SO_ERROR, &err))
		q->reset_seen = err == ECONNRESET;
	return end_with(q, q->reset_seen ? FDNET_CLOSED_RESET : FDNET_CLOSED_EOF);
}

/* As recvmmsg(), which costs more than recvmsg() for a single one. */
static int receive_messages(struct fdb_queue *q, unsigned int n)
{
	struct mmsghdr *msgs = q->slots->msgs;
	ssize_t rc;

	fdb_count_rx(q, FDNET_EP_RX_CALLS, 1);
	if (n > 1)
		return sys_recvmmsg(q->fd, msgs, n, MSG_DONTWAIT);
	rc = sys_recvmsg(q->fd, &msgs->msg_hdr, MSG_DONTWAIT);
	if (rc < 0)
		return (int)rc;
	msgs->msg_len = (unsigned int)rc;
	return 1;
}

/* The first @n messages, until one ends the fd or somebody does. Returns how
 * many that are. */
static unsigned int take_messages(struct fdb_queue *q, unsigned int n)
{
	const struct mmsghdr *msgs = q->slots->msgs;
	unsigned int i, pkts = 0;
	uint64_t bytes = 0;

	for (i = 0;
	     i < n && !atomic_load_explicit(&q->ep->stop, memory_order_acquire);
	     i++) {
		uint32_t len;

		if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC) {
			fdb_count_rx(q, FDNET_EP_RX_TRUNC, 1);
			continue;
		}
		if (fdb_closes(q, msgs[i].msg_len))
			break;
		len = take_message(q, i, msgs[i].msg_len);
		bytes += len;
		pkts += len != 0;
	}
	note_taken(q, pkts, bytes);
	fdb_flush_gro(q);
	return i;
}

static int receive_socket(struct fdb_queue *q, unsigned int n)
{
	unsigned int got, took;
	bool end;
	int rc;

	do {
		rc = receive_messages(q, n);
		if (rc == -ECONNRESET)
			q->reset_seen = true;
	} while (rc == -ECONNRESET);
	if (rc < 0)
		return rc;
	got = strip_end(q, (unsigned int)rc, &end);
	took = take_messages(q, got);
	if (took < got && fdb_closes(q, q->slots->msgs[took].msg_len))
		return end_with(q, FDNET_CLOSED_EOF);
	return end && !got ? end_of_file(q) : (int)got;
}

/* ---- TUN and TAP ---- */

static int receive_device(struct fdb_queue *q, unsigned int n)
{
	uint32_t len;
	unsigned int i;
	ssize_t rc = 0;

	for (i = 0; i < n && !atomic_load(&q->ep->stop); i++) {
		fdb_count_rx(q, FDNET_EP_RX_CALLS, 1);
		rc = sys_readv(q->fd, q->slots->msgs[i].msg_hdr.msg_iov,
			       (int)q->slots->msgs[i].msg_hdr.msg_iovlen);
		if (rc <= 0 || fdb_closes(q, (uint32_t)rc))
			break;
		len = take_message(q, i, (uint32_t)rc);
		note_taken(q, len != 0, len);
	}
	fdb_flush_gro(q);
	if (i)
		return (int)i;
	return rc < 0 ? (int)rc : end_of_file(q);
}

/* Will this error still be there next time? */
static bool is_fatal(int rc)
{
	switch (-rc) {
	case EBADF:
	case EBADFD:
	case ENOTCONN:
	case ENOTSOCK:
	case EIO:
	case EFAULT:
	case EINVAL:
		return true;
	default:
		return false;
	}
}

static int receive_some(struct fdb_queue *q, unsigned int want)
{
	unsigned int n;
	int rc;

	n = fdnet_rxslots_fill(q->slots, want, prefix(q), q->ep->capacity);
	if (!n) {
		fdb_count_rx(q, FDNET_EP_RX_NOMEM, 1);
		return 0;
	}
	rc = q->kind == FDB_DEVICE ? receive_device(q, n) : receive_socket(q, n);
	if (rc > 0)
		fdb_note_rx_batch(q, (unsigned int)rc);
	return rc;
}

int fdb_sort_out(struct fdb_queue *q, int rc)
{
	if (rc == -EAGAIN)
		return 0;
	if (is_fatal(rc))
		return end_with(q, rc);
	fdb_count_rx(q, FDNET_EP_RX_TRANSIENT, 1);
	return 0;
}

int fdb_receive(struct fdb_queue *q, unsigned int budget)
{
	unsigned int taken = 0, want;
	int rc;

	if (q->ring)
		return fdb_ring_receive(q, budget);
	if (q->ended)
		return FDB_END;
	while (taken < budget && !atomic_load(&q->ep->stop)) {
		want = budget - taken;
		if (want > q->ep->batch)
			want = q->ep->batch;
		rc = receive_some(q, want);
		if (rc < 0 && rc != FDB_END)
			rc = fdb_sort_out(q, rc);
		if (rc == FDB_END) {
			q->ended = true;
			return taken ? (int)taken : FDB_END;
		}
		taken += (unsigned int)rc;
		if ((unsigned int)rc < want)
			break;
	}
	return (int)taken;
}
