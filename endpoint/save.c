/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An fd endpoint's state as bytes, to be taken up by another process.
 *
 * How it works: a header with everything of the options that is not a pointer,
 * the number of packets that wait in each queue, the counters, then the
 * packets. Both processes are of one machine and one version, so numbers are
 * in host order and structs are written as they are; the header says how large
 * they are. Reading trusts nothing nevertheless.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "endpoint/fdbased.h"

#define SAVE_MAGIC   0x46444e45 /* "ENDF" */
#define SAVE_VERSION 1
#define SAVE_MAX_PKT (1u << 20)

/* Options, all of them numbers. */
struct saved_opts {
	uint32_t mtu, address_len, gso_max_size, mode;
	uint32_t max_msgs, tx_policy, tx_queue_len, tx_block_ms;
	uint32_t sndbuf, ring_frames, thread_stack, capacity;
	uint64_t hash_key;
	uint8_t ethernet, disconnect_ok, software_gso, tx_csum, rx_csum;
	uint8_t promiscuous, gro, short_closes, fanout_always, fanout_defrag;
	uint8_t address[FDNET_ENDPOINT_MAX_ADDR];
};

struct saved_head {
	uint32_t magic, version;
	uint32_t size; /* of the whole */
	uint32_t opts_size, stats_size;
	uint32_t nqueues;
	struct saved_opts opts;
};

struct saved_queue {
	uint32_t npkts;
	struct fdnet_endpoint_stats stats;
};

struct saved_pkt {
	uint32_t len;
	uint32_t hash;
};

/* ---- writing ---- */

/* Counts on when there is no more room. */
struct writer {
	uint8_t *dst;
	size_t room, used;
};

static void put(struct writer *w, const void *src, size_t len)
{
	if (w->used + len <= w->room)
		memcpy(w->dst + w->used, src, len);
	w->used += len;
}

static void put_pkt(struct writer *w, const struct fdnet_pkt *pkt)
{
	struct saved_pkt sp = {.len = fdnet_pkt_total(pkt), .hash = pkt->hash};

	put(w, &sp, sizeof(sp));
	if (w->used + sp.len <= w->room)
		fdnet_pkt_copy_out(pkt, 0, w->dst + w->used, sp.len);
	w->used += sp.len;
}

static void put_queue(struct writer *w, struct fdb_queue *q)
{
	struct saved_queue sq = {.npkts = atomic_load(&q->tx_pending)};
	const struct fdnet_pkt *pkt;

	sq.stats = q->stats;
	put(w, &sq, sizeof(sq));
	for (pkt = q->tx_head; pkt; pkt = pkt->next)
		put_pkt(w, pkt);
}

static void save_opts(const struct fdb *ep, struct saved_opts *so)
{
	const struct fdnet_fd_options *o = &ep->opts;

	*so = (struct saved_opts){
		.mtu = ep->info.mtu,
		.address_len = ep->info.link_address_len,
		.gso_max_size = o->gso_max_size,
		.mode = o->packet_dispatch_mode,
		.max_msgs = o->max_msgs_per_recv,
		.tx_policy = o->tx_policy,
		.tx_queue_len =
			o->tx_queue_len ? o->tx_queue_len : FDNET_TX_QUEUE_NONE,
		.tx_block_ms = o->tx_block_ms,
		.sndbuf = o->sndbuf,
		.ring_frames = o->ring_frames,
		.thread_stack = o->thread_stack,
		.capacity = ep->capacity + ep->hdr_len,
		.hash_key = ep->hash_key,
		.ethernet = o->ethernet_header,
		.disconnect_ok = o->disconnect_ok,
		.software_gso = o->software_gso_enabled,
		.tx_csum = o->tx_checksum_offload,
		.rx_csum = o->rx_checksum_offload,
		.promiscuous = o->promiscuous,
		.gro = o->gro,
		.short_closes = o->short_closes,
		.fanout_always = o->fanout_always,
		.fanout_defrag = o->fanout_defrag,
	};
	memcpy(so->address, ep->info.link_address, sizeof(so->address));
}

ssize_t fdnet_endpoint_save(struct fdnet_endpoint *base, void *dst, size_t len)
{
	struct writer w = {.dst = dst, .room = len};
	struct fdb *ep = fdb_cast(base);
	struct saved_head head = {
		.magic = SAVE_MAGIC,
		.version = SAVE_VERSION,
		.opts_size = sizeof(struct saved_opts),
		.stats_size = sizeof(struct fdnet_endpoint_stats),
	};
	unsigned int i;

	if (!ep || ep->injectable || !ep->opts.save_restore)
		return -EOPNOTSUPP;
	if (fdb_is_attached(base))
		return -EBUSY;
	head.nqueues = ep->nqueues;
	save_opts(ep, &head.opts);
	put(&w, &head, sizeof(head));
	for (i = 0; i < ep->nqueues; i++) {
		pthread_mutex_lock(&ep->queues[i].tx_lock);
		put_queue(&w, &ep->queues[i]);
		pthread_mutex_unlock(&ep->queues[i].tx_lock);
	}
	if (w.used <= len) {
		head.size = (uint32_t)w.used;
		memcpy(dst, &head, sizeof(head));
	}
	return (ssize_t)w.used;
}

/* ---- reading ---- */

struct reader {
	const uint8_t *src;
	size_t left;
};

static bool get(struct reader *r, void *dst, size_t len)
{
	if (r->left < len)
		return false;
	memcpy(dst, r->src, len);
	r->src += len;
	r->left -= len;
	return true;
}

static struct fdnet_pkt *get_pkt(struct reader *r, struct fdb *ep)
{
	struct fdnet_pkt *pkt;
	struct saved_pkt sp;
	uint32_t n;

	if (!get(r, &sp, sizeof(sp)) || !sp.len || sp.len > SAVE_MAX_PKT ||
	    sp.len > r->left)
		return NULL;
	pkt = fdnet_pkt_new(ep->pool);
	if (!pkt)
		return NULL;
	n = sp.len < FDNET_PKT_LINEAR ? sp.len : FDNET_PKT_LINEAR;
	get(r, fdnet_pkt_put(pkt, n), n);
	for (sp.len -= n; sp.len; sp.len -= n) {
		struct fdnet_buf *buf = fdnet_buf_new(ep->pool);

		if (!buf) {
			fdnet_pkt_free(pkt);
			return NULL;
		}
		n = sp.len < FDNET_BUF_SIZE ? sp.len : FDNET_BUF_SIZE;
		get(r, buf->data, n);
		fdnet_pkt_add_slice(pkt, buf, buf->data, n);
		fdnet_buf_unref(buf);
	}
	pkt->hash = sp.hash;
	pkt->flags = PKT_FRAMED;
	return pkt;
}

static bool get_queue(struct reader *r, struct fdb_queue *q)
{
	struct saved_queue sq;
	struct fdnet_pkt *pkt;

	if (!get(r, &sq, sizeof(sq)))
		return false;
	q->stats = sq.stats;
	while (sq.npkts--) {
		pkt = get_pkt(r, q->ep);
		if (!pkt)
			return false;
		fdb_tx_enqueue(q, pkt);
	}
	return true;
}

static bool get_head(struct reader *r, size_t len, struct saved_head *head)
{
	return get(r, head, sizeof(*head)) && head->magic == SAVE_MAGIC &&
	       head->version == SAVE_VERSION && head->size == len &&
	       head->opts_size == sizeof(struct saved_opts) &&
	       head->stats_size == sizeof(struct fdnet_endpoint_stats) &&
	       head->opts.address_len <= FDNET_ENDPOINT_MAX_ADDR &&
	       head->opts.mode <= FDNET_DISPATCH_PACKET_MMAP &&
	       head->opts.tx_policy <= FDNET_TX_RETURN;
}

static void restore_opts(const struct saved_opts *so, struct fdnet_fd_options *o)
{
	o->mtu = so->mtu;
	o->address = so->address;
	o->address_len = so->address_len;
	o->gso_max_size = so->gso_max_size;
	o->packet_dispatch_mode = (enum fdnet_dispatch_mode)so->mode;
	o->max_msgs_per_recv = so->max_msgs;
	o->tx_policy = (enum fdnet_tx_policy)so->tx_policy;
	o->tx_queue_len = so->tx_queue_len;
	o->tx_block_ms = so->tx_block_ms;
	o->sndbuf = so->sndbuf;
	o->ring_frames = so->ring_frames;
	o->thread_stack = so->thread_stack;
	o->hash_seed = so->hash_key;
	o->ethernet_header = so->ethernet;
	o->save_restore = true;
	o->disconnect_ok = so->disconnect_ok;
	o->software_gso_enabled = so->software_gso;
	o->tx_checksum_offload = so->tx_csum;
	o->rx_checksum_offload = so->rx_csum;
	o->promiscuous = so->promiscuous;
	o->gro = so->gro;
	o->short_closes = so->short_closes;
	o->fanout_always = so->fanout_always;
	o->fanout_defrag = so->fanout_defrag;
}

int fdnet_endpoint_restore(const void *src, size_t len,
			   const struct fdnet_fd_options *opts,
			   struct fdnet_endpoint **ret_ep, const char **ret_why)
{
	struct reader r = {.src = src, .left = len};
	struct fdnet_fd_options o = *opts;
	struct saved_head head;
	struct fdnet_endpoint *base;
	uint32_t bufs[2];
	struct fdb *ep;
	unsigned int i;
	int rc;

	if (ret_why)
		*ret_why = "not a saved endpoint of this version";
	if (!get_head(&r, len, &head) || head.nqueues != opts->nfds)
		return -EPROTO;
	restore_opts(&head.opts, &o);
	bufs[0] = FDNET_BUF_CONFIG_MIN_FIRST;
	bufs[1] = head.opts.capacity - bufs[0];
	o.buf_config = bufs;
	o.nbuf_config = 2;
	rc = fdnet_fd_endpoint_new(&o, &base, ret_why);
	if (rc)
		return rc;
	ep = fdb_cast(base);
	for (i = 0; i < ep->nqueues; i++) {
		if (get_queue(&r, &ep->queues[i]))
			continue;
		fdnet_endpoint_free(base);
		return -EPROTO;
	}
	if (ret_why)
		*ret_why = NULL;
	*ret_ep = base;
	return 0;
}
