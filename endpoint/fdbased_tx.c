/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fd endpoint: writing.
 *
 * How it works: packets are framed in their own headroom, gathered into a
 * batch as long as they go to the same fd, and given to one sendmmsg(). A
 * message the kernel refuses costs that message only. When the link is full
 * the packet waits in its queue, or whatever the policy says; while packets
 * wait, later ones join them, so order is kept.
 */
#include "config.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "endpoint/sum.h"
#include "endpoint/fdbased.h"
#include "endpoint/gso.h"
#include "endpoint/sys.h"
#include "endpoint/vnet.h"

#define BATCH_MSGS 64
#define BATCH_IOVS 512
#define GATHER_MAX 256

struct tx_batch {
	struct fdb_queue *q;
	unsigned int n, niov;
	uint64_t bytes;
	struct mmsghdr msgs[BATCH_MSGS];
	struct fdnet_pkt *pkts[BATCH_MSGS];
	int *status[BATCH_MSGS];
	struct iovec iov[BATCH_IOVS];
};

static void count_error(struct fdb_queue *q, int rc)
{
	enum fdnet_endpoint_counter which;

	switch (-rc) {
	case EMSGSIZE:
		which = FDNET_EP_TX_TOOBIG;
		break;
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
	case ENOTCONN:
		which = FDNET_EP_TX_GONE;
		break;
	case ENOBUFS:
	case ENOMEM:
		which = FDNET_EP_TX_NOBUFS;
		break;
	case ENETDOWN:
	case ENXIO:
	case EIO:
		which = FDNET_EP_TX_DOWN;
		break;
	case EAGAIN:
		which = FDNET_EP_TX_EAGAIN;
		break;
	default:
		which = FDNET_EP_TX_OTHER;
		break;
	}
	fdb_count(q, which, 1);
}

static bool is_gone(int rc)
{
	return rc == -EPIPE || rc == -ENOTCONN || rc == -EBADF;
}

/* ---- the queue of packets that wait for POLLOUT ---- */

/* Slices whose bytes the writer wants back are copied. */
static int own_payload(struct fdnet_pkt *pkt)
{
	uint32_t hdr = pkt->len, left = pkt->slices_len, n;
	struct fdnet_buf *bufs[FDNET_PKT_MAX_SLICES], *buf;
	unsigned int i, nbufs = 0;

	if (!(pkt->flags & PKT_BORROWED))
		return 0;
	for (n = 0; n < left; n += FDNET_BUF_SIZE) {
		buf = nbufs < FDNET_PKT_MAX_SLICES ? fdnet_buf_new(pkt->pool)
						   : NULL;
		if (!buf)
			goto fail;
		bufs[nbufs++] = buf;
		fdnet_pkt_copy_out(pkt, hdr + n, buf->data, FDNET_BUF_SIZE);
	}
	fdnet_pkt_trim(pkt, hdr);
	for (i = 0; i < nbufs; i++) {
		n = left < FDNET_BUF_SIZE ? left : FDNET_BUF_SIZE;
		fdnet_pkt_add_slice(pkt, bufs[i], bufs[i]->data, n);
		fdnet_buf_unref(bufs[i]);
		left -= n;
	}
	pkt->flags &= (uint16_t)~PKT_BORROWED;
	return 0;
fail:
	while (nbufs)
		fdnet_buf_unref(bufs[--nbufs]);
	return -ENOMEM;
}

void fdb_wake(struct fdb_queue *q)
{
	uint64_t one = 1;
	ssize_t rc;

	int fd = atomic_load(&q->wakefd);

	if (fd < 0)
		return;
	do {
		rc = sys_rc(write(fd, &one, sizeof(one)));
	} while (rc == -EINTR);
}

/* With tx_lock. */
static void queue_append(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	pkt->next = NULL;
	if (q->tx_tail)
		q->tx_tail->next = pkt;
	else
		q->tx_head = pkt;
	q->tx_tail = pkt;
	if (atomic_fetch_add(&q->tx_pending, 1) == 0)
		fdb_wake(q);
}

/* With tx_lock. */
static struct fdnet_pkt *queue_remove(struct fdb_queue *q)
{
	struct fdnet_pkt *pkt = q->tx_head;

	q->tx_head = pkt->next;
	if (!q->tx_head)
		q->tx_tail = NULL;
	pkt->next = NULL;
	atomic_fetch_sub(&q->tx_pending, 1);
	return pkt;
}

void fdb_tx_enqueue(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	pthread_mutex_lock(&q->tx_lock);
	queue_append(q, pkt);
	pthread_mutex_unlock(&q->tx_lock);
}

static ssize_t send_one(struct fdb_queue *q, const struct iovec *iov,
			unsigned int n)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};

	fdb_count(q, FDNET_EP_TX_CALLS, 1);
	if (q->kind == FDB_DEVICE)
		return sys_writev(q->fd, iov, (int)n);
	return sys_sendmsg(q->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void note_tx(struct fdb_queue *q, unsigned int pkts, uint64_t bytes)
{
	fdb_count(q, FDNET_EP_TX_PKTS, pkts);
	fdb_count(q, FDNET_EP_TX_BYTES, bytes);
	if (__libc_single_threaded)
		q->stats.tx_batch[fdb_batch_class(pkts)]++;
	else
		__atomic_fetch_add(&q->stats.tx_batch[fdb_batch_class(pkts)], 1,
				   __ATOMIC_RELAXED);
}

/* With tx_lock: send until the queue is empty or the link is full. */
static void queue_send(struct fdb_queue *q)
{
	struct iovec iov[FDNET_PKT_MAX_SLICES + 1];
	ssize_t rc;

	while (q->tx_head) {
		struct fdnet_pkt *pkt = q->tx_head;

		rc = send_one(q, iov, (unsigned int)fdnet_pkt_iov(pkt, iov));
		if (rc == -EAGAIN)
			return;
		if (rc < 0) {
			count_error(q, (int)rc);
			fdb_count(q, FDNET_EP_TX_DROPPED, 1);
		} else {
			note_tx(q, 1, fdnet_pkt_total(pkt) - q->vnet_len);
		}
		fdnet_pkt_free(queue_remove(q));
	}
}

void fdb_tx_flush(struct fdb_queue *q)
{
	struct pollfd pfd = {.fd = q->fd, .events = POLLOUT};
	struct fdb *ep = q->ep;

	if (!fdb_tx_waits(q))
		return;
	pthread_mutex_lock(&q->tx_lock);
	queue_send(q);
	pthread_mutex_unlock(&q->tx_lock);
	if (atomic_load(&q->tx_pending) || !atomic_load(&q->tx_refused))
		return;
	if (sys_poll(&pfd, 1, 0) <= 0)
		return;
	atomic_store(&q->tx_refused, false);
	if (ep->disp.writable)
		ep->disp.writable(ep->disp_arg, &ep->base);
}

/* ---- a full link ---- */

static void drop_oldest(struct fdb_queue *q)
{
	fdnet_pkt_free(queue_remove(q));
	fdb_count(q, FDNET_EP_TX_DROPPED, 1);
}

/* FDNET_TX_BLOCK: wait, but never where we would wait for ourselves. */
static void wait_for_room(struct fdb_queue *q)
{
	struct pollfd pfd = {.fd = q->fd, .events = POLLOUT};

	if (fdb_on_reader(q->ep))
		return;
	if (sys_poll(&pfd, 1, (int)q->ep->opts.tx_block_ms) > 0)
		fdb_tx_flush(q);
}

/* Somebody may want to know when there is room again. */
static void note_refusal(struct fdb_queue *q)
{
	if (!atomic_exchange(&q->tx_refused, true))
		fdb_wake(q);
}

/* With tx_lock held. Returns 0 when @pkt was queued (taken). */
static int try_queue(struct fdb_queue *q, struct fdnet_pkt *pkt, bool force)
{
	uint32_t limit = q->ep->opts.tx_queue_len;
	int rc;

	if (!force && atomic_load(&q->tx_pending) >= limit) {
		note_refusal(q);
		if (q->ep->opts.tx_policy == FDNET_TX_RETURN)
			return -EAGAIN;
		if (!limit || q->ep->opts.tx_policy != FDNET_TX_DROP_HEAD)
			return -ENOBUFS;
	}
	rc = own_payload(pkt);
	if (rc)
		return rc;
	if (!force && atomic_load(&q->tx_pending) >= limit)
		drop_oldest(q);
	queue_append(q, pkt);
	fdb_count(q, FDNET_EP_TX_QUEUED, 1);
	return 0;
}

static void unframe(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	if (!(pkt->flags & PKT_FRAMED))
		return;
	fdnet_pkt_pull(pkt, q->vnet_len + q->ep->hdr_len);
	pkt->flags &= (uint16_t)~PKT_FRAMED;
}

/* The link is full, or others wait already. @pkt is taken, or goes back. */
static void hold_back(struct fdb_queue *q, struct fdnet_pkt *pkt, int *status)
{
	bool force = pkt->flags & PKT_SEGMENT &&
		     q->ep->opts.tx_policy == FDNET_TX_RETURN;
	int rc;

	pthread_mutex_lock(&q->tx_lock);
	rc = try_queue(q, pkt, force);
	pthread_mutex_unlock(&q->tx_lock);
	if (rc == -ENOBUFS && q->ep->opts.tx_policy == FDNET_TX_BLOCK) {
		wait_for_room(q);
		pthread_mutex_lock(&q->tx_lock);
		rc = try_queue(q, pkt, force);
		pthread_mutex_unlock(&q->tx_lock);
	}
	if (!rc)
		return;
	*status = rc;
	if (rc == -EAGAIN) {
		unframe(q, pkt);
		return;
	}
	fdb_count(q, FDNET_EP_TX_DROPPED, 1);
	fdnet_pkt_free(pkt);
}

/* ---- batches ---- */

static void batch_failed(struct tx_batch *b, unsigned int i, int rc)
{
	count_error(b->q, rc);
	fdb_count(b->q, FDNET_EP_TX_DROPPED, 1);
	*b->status[i] = rc;
	fdnet_pkt_free(b->pkts[i]);
}

static void batch_sent(struct tx_batch *b, unsigned int from, unsigned int n)
{
	uint64_t bytes = b->bytes;
	unsigned int i;

	if (n < b->n)
		for (bytes = 0, i = from; i < from + n; i++)
			bytes += fdnet_pkt_total(b->pkts[i]);
	note_tx(b->q, n, bytes - (uint64_t)n * b->q->vnet_len);
	for (i = from; i < from + n; i++)
		fdnet_pkt_recycle(b->pkts[i]);
}

/* Give messages from @i on to the kernel: how many it took, or why none. */
static int batch_send(struct tx_batch *b, unsigned int i)
{
	struct fdb_queue *q = b->q;
	ssize_t rc;

	if (q->kind == FDB_DEVICE || b->n - i == 1) {
		rc = send_one(q, b->msgs[i].msg_hdr.msg_iov,
			      (unsigned int)b->msgs[i].msg_hdr.msg_iovlen);
		return rc < 0 ? (int)rc : 1;
	}
	fdb_count(q, FDNET_EP_TX_CALLS, 1);
	return sys_sendmmsg(q->fd, b->msgs + i, b->n - i,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void batch_flush(struct tx_batch *b)
{
	unsigned int i = 0;
	int rc = 0;

	while (i < b->n) {
		rc = batch_send(b, i);
		if (rc == -EAGAIN || is_gone(rc))
			break;
		if (rc < 0) {
			batch_failed(b, i++, rc);
		} else {
			batch_sent(b, i, (unsigned int)rc);
			i += (unsigned int)rc;
		}
	}
	if (i < b->n && rc == -EAGAIN)
		fdb_count(b->q, FDNET_EP_TX_EAGAIN, 1);
	for (; i < b->n; i++) {
		if (rc == -EAGAIN)
			hold_back(b->q, b->pkts[i], b->status[i]);
		else
			batch_failed(b, i, rc);
	}
	b->n = b->niov = 0;
	b->bytes = 0;
}

/* A little payload goes behind the headers: one piece of memory is faster to
 * describe and to check than two. */
static void gather(struct fdnet_pkt *pkt)
{
	uint8_t *tail = pkt->data + pkt->len;
	unsigned int i;

	if (tail + pkt->slices_len > fdnet_pkt_storage(pkt) + PKT_STORAGE_SIZE)
		return;
	for (i = 0; i < pkt->nslices; i++) {
		memcpy(tail, pkt->slices[i].data, pkt->slices[i].len);
		tail += pkt->slices[i].len;
		fdnet_buf_unref(pkt->slices[i].buf);
	}
	pkt->len += pkt->slices_len;
	pkt->slices_len = 0;
	pkt->nslices = 0;
}

static inline void batch_add(struct tx_batch *b, struct fdb_queue *q,
			     struct fdnet_pkt *pkt, int *status)
{
	struct msghdr *msg;
	struct iovec *iov;

	if (b->n && (b->q != q || b->n == BATCH_MSGS ||
		     b->niov + pkt->nslices + 1 > BATCH_IOVS))
		batch_flush(b);
	/* Order: nobody overtakes those who wait. */
	if (atomic_load_explicit(&q->tx_pending, memory_order_acquire)) {
		if (b->n)
			batch_flush(b);
		hold_back(q, pkt, status);
		return;
	}
	b->q = q;
	if (pkt->nslices && pkt->slices_len <= GATHER_MAX)
		gather(pkt);
	iov = &b->iov[b->niov];
	msg = &b->msgs[b->n].msg_hdr;
	*msg = (struct msghdr){.msg_iov = iov};
	if (pkt->nslices > 1) {
		msg->msg_iovlen = (size_t)fdnet_pkt_iov(pkt, iov);
	} else {
		if (pkt->len)
			*iov++ = (struct iovec){pkt->data, pkt->len};
		if (pkt->nslices)
			*iov++ = (struct iovec){(void *)pkt->slices[0].data,
						pkt->slices[0].len};
		msg->msg_iovlen = (size_t)(iov - msg->msg_iov);
	}
	b->niov += (unsigned int)msg->msg_iovlen;
	b->bytes += fdnet_pkt_total(pkt);
	b->pkts[b->n] = pkt;
	b->status[b->n++] = status;
}

/* ---- one packet ---- */

static struct fdb_queue *pick_queue(struct fdb *ep, struct fdnet_pkt *pkt)
{
	if (ep->nqueues == 1)
		return &ep->queues[0];
	if (!pkt->hash)
		pkt->hash = fdnet_flow_hash(pkt, ep->hash_key);
	return &ep->queues[pkt->hash % ep->nqueues];
}

static void put_eth(const struct fdb *ep, const struct fdnet_pkt *pkt,
		    uint8_t *dst)
{
	static const uint8_t none[6];
	const uint8_t *src = pkt->link_src;

	if (!memcmp(src, none, 6))
		src = ep->info.link_address;
	memcpy(dst, pkt->link_dst, 6);
	memcpy(dst + 6, src, 6);
	put_be16(dst + 12, pkt->ethertype);
}

/* Put link and vnet header in front. */
static inline int frame(struct fdb_queue *q, struct fdnet_pkt *pkt)
{
	struct fdb *ep = q->ep;
	uint8_t vnet[32];
	uint8_t *dst;

	if (pkt->flags & FDNET_PKT_CSUM_PARTIAL && !q->vnet_len) {
		if (fdnet_sum_complete(pkt) < 0)
			return -EINVAL;
		fdb_count(q, FDNET_EP_TX_CSUM, 1);
	}
	if (!fdnet_pkt_total(pkt))
		return -EINVAL; /* the peer would take it for the end */
	if (!q->vnet_len && !ep->hdr_len)
		return 0;
	if (q->vnet_len)
		fdnet_vnet_encode(pkt, ep->hdr_len, vnet, q->vnet_len);
	dst = fdnet_pkt_push(pkt, q->vnet_len + ep->hdr_len);
	if (!dst)
		return -ENOBUFS;
	memcpy(dst, vnet, q->vnet_len);
	if (ep->hdr_len)
		put_eth(ep, pkt, dst + q->vnet_len);
	pkt->flags |= PKT_FRAMED;
	return 0;
}

/* Is this a burst that the other side cannot split? */
static bool must_split(const struct fdb *ep, const struct fdb_queue *q,
		       const struct fdnet_pkt *pkt)
{
	if (!pkt->gso_size || fdnet_pkt_total(pkt) <= pkt->gso_size)
		return false;
	return !q->vnet_len || !(ep->caps & FDNET_CAP_HARDWARE_GSO);
}

static void refuse(struct fdb_queue *q, struct fdnet_pkt *pkt, int rc, int *status)
{
	count_error(q, rc);
	fdb_count(q, FDNET_EP_TX_DROPPED, 1);
	*status = rc;
	fdnet_pkt_free(pkt);
}

static void write_split(struct tx_batch *b, struct fdb_queue *q,
			struct fdnet_pkt *pkt, int *status)
{
	struct fdnet_pkt *list, *next;
	uint16_t borrowed = pkt->flags & PKT_BORROWED;
	int rc;

	rc = fdnet_gso_segment(pkt, &list);
	if (rc < 0) {
		refuse(q, pkt, rc, status);
		return;
	}
	fdb_count(q, FDNET_EP_TX_GSO_BURSTS, 1);
	fdb_count(q, FDNET_EP_TX_GSO_SEGS, (uint64_t)rc);
	for (; list; list = next) {
		next = list->next;
		list->next = NULL;
		list->flags |= borrowed | PKT_SEGMENT;
		rc = frame(q, list);
		if (rc)
			refuse(q, list, rc, status);
		else
			batch_add(b, q, list, status);
	}
	fdnet_pkt_free(pkt);
}

static inline void write_one(struct tx_batch *b, struct fdb *ep,
			     struct fdnet_pkt *pkt, int *status)
{
	struct fdb_queue *q = pick_queue(ep, pkt);
	int rc;

	*status = 0;
	if (ep->opts.tx_policy == FDNET_TX_RETURN &&
	    atomic_load_explicit(&q->tx_pending, memory_order_acquire)) {
		note_refusal(q);
		*status = -EAGAIN;
		return;
	}
	if (must_split(ep, q, pkt)) {
		write_split(b, q, pkt, status);
		return;
	}
	rc = frame(q, pkt);
	if (rc)
		refuse(q, pkt, rc, status);
	else
		batch_add(b, q, pkt, status);
}

int fdb_write(struct fdnet_endpoint *base, struct fdnet_pkt **pkts,
	      unsigned int n, int *status)
{
	struct fdb *ep = fdb_cast(base);
	struct tx_batch batch;
	int local[BATCH_MSGS];
	unsigned int i, j, part;
	int good = 0;

	batch.n = batch.niov = 0;
	batch.bytes = 0;
	for (i = 0; i < n; i += part) {
		int *st = status ? status + i : local;

		part = n - i < BATCH_MSGS ? n - i : BATCH_MSGS;
		for (j = 0; j < part; j++)
			write_one(&batch, ep, pkts[i + j], st + j);
		if (batch.n)
			batch_flush(&batch);
		for (j = 0; j < part; j++)
			good += st[j] == 0;
	}
	return good;
}

int fdb_inject_outbound(struct fdnet_endpoint *base, const void *dest,
			size_t dest_len, const void *bytes, size_t len)
{
	struct fdb *ep = fdb_cast(base);
	struct fdb_queue *q = &ep->queues[0];
	uint8_t vnet[32] = {0};
	struct iovec iov[2] = {{vnet, q->vnet_len}, {(void *)bytes, len}};
	ssize_t rc;

	if (!len)
		return -EINVAL;
	if (q->vnet_len)
		rc = send_one(q, iov, 2);
	else
		rc = send_one(q, iov + 1, 1);
	if (rc < 0) {
		count_error(q, (int)rc);
		fdb_count(q, FDNET_EP_TX_DROPPED, 1);
		return (int)rc;
	}
	note_tx(q, 1, len);
	return 0;
}
