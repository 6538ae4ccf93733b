/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fd endpoint: making and freeing it.
 *
 * Construction is transactional: everything that can be wrong with the options
 * is looked for first, then each change of an fd is remembered until all of
 * them have succeeded. Fanout comes last because it cannot be undone.
 */
#include "config.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "endpoint/fdbased.h"
#include "endpoint/sys.h"

/* What the two ends' caches hold: a queue of 4 MiB, which runsc asks for, gets
 * full when the reader is a little slower, and each message is then read from
 * memory. */
#define DEFAULT_SNDBUF	 (256 << 10)
#define DEFAULT_QUEUE	 1024
#define DEFAULT_BLOCK_MS 250
#define MAX_GSO		 65536
#define MAX_RING_FRAMES	 4096
#define POOL_IDLE	 2048
#define MAX_CAPACITY	 (1u << 20)

/* Not 65664 because it is used, but because callers may count on it. */
const uint32_t fdnet_buf_config[FDNET_BUF_CONFIG_LEN] = {
	128, 256, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
};

void fdb_ref(struct fdb *ep)
{
	atomic_fetch_add(&ep->refs, 1);
}

/* ---- options ---- */

static int check_bufs(struct fdnet_fd_options *o, uint32_t *ret_sum,
		      const char **ret_why)
{
	uint64_t sum = 0;
	unsigned int i;

	if (!o->buf_config) {
		o->buf_config = fdnet_buf_config;
		o->nbuf_config = FDNET_BUF_CONFIG_LEN;
	}
	for (i = 0; i < o->nbuf_config; i++)
		sum += o->buf_config[i];
	*ret_why = "buf_config: the first piece must hold 120 bytes, all "
		   "together 65615 to 1 MiB";
	if (!o->nbuf_config || sum < FDNET_BUF_CONFIG_MIN_SUM ||
	    sum > MAX_CAPACITY || o->buf_config[0] < FDNET_BUF_CONFIG_MIN_FIRST)
		return -ERANGE;
	*ret_sum = (uint32_t)sum;
	return 0;
}

static int check_fd_list(const struct fdnet_fd_options *o, const char **ret_why)
{
	unsigned int i, j;

	*ret_why = "no fds";
	if (!o->fds || !o->nfds)
		return -EINVAL;
	*ret_why = "more than 64 fds";
	if (o->nfds > FDNET_ENDPOINT_MAX_FDS)
		return -E2BIG;
	*ret_why = "an fd is given twice";
	for (i = 0; i < o->nfds; i++)
		for (j = 0; j < i; j++)
			if (o->fds[i] == o->fds[j])
				return -EEXIST;
	return 0;
}

static int check_options(struct fdnet_fd_options *o, uint32_t *ret_sum,
			 const char **ret_why)
{
	int rc = check_fd_list(o, ret_why);

	if (rc)
		return rc;
	*ret_why = "unknown packet_dispatch_mode";
	if ((unsigned int)o->packet_dispatch_mode > FDNET_DISPATCH_PACKET_MMAP)
		return -EINVAL;
	*ret_why = "unknown tx_policy";
	if ((unsigned int)o->tx_policy > FDNET_TX_RETURN)
		return -EINVAL;
	*ret_why = "address longer than 32 bytes";
	if (o->address_len > FDNET_ENDPOINT_MAX_ADDR)
		return -ENAMETOOLONG;
	*ret_why = "max_msgs_per_recv above 64";
	if (o->max_msgs_per_recv > FDB_MAX_BATCH)
		return -ERANGE;
	*ret_why = "gso_max_size above 65536";
	if (o->gso_max_size > MAX_GSO)
		return -ERANGE;
	*ret_why = "ring_frames above 4096";
	if (o->ring_frames > MAX_RING_FRAMES)
		return -ERANGE;
	return check_bufs(o, ret_sum, ret_why);
}

static void default_options(struct fdnet_fd_options *o)
{
	if (!o->mem)
		o->mem = fdnet_mem_libc();
	if (!o->max_msgs_per_recv)
		o->max_msgs_per_recv = FDNET_MAX_MSGS_PER_RECV;
	if (!o->tx_queue_len)
		o->tx_queue_len = DEFAULT_QUEUE;
	if (o->tx_queue_len == FDNET_TX_QUEUE_NONE ||
	    o->tx_policy == FDNET_TX_RETURN)
		o->tx_queue_len = 0;
	if (!o->tx_block_ms)
		o->tx_block_ms = DEFAULT_BLOCK_MS;
	if (!o->sndbuf)
		o->sndbuf = DEFAULT_SNDBUF;
}

/* ---- fds ---- */

static int look_at_fds(struct fdb *ep, const char **ret_why)
{
	unsigned int i;
	int rc;

	for (i = 0; i < ep->nqueues; i++) {
		rc = fdb_fd_look(&ep->queues[i], ret_why);
		if (rc)
			return rc;
		*ret_why = "fds of different kinds";
		if (ep->queues[i].kind != ep->queues[0].kind ||
		    ep->queues[i].vnet_len != ep->queues[0].vnet_len)
			return -EXDEV;
	}
	*ret_why = "PacketMMap needs AF_PACKET";
	if (ep->opts.packet_dispatch_mode == FDNET_DISPATCH_PACKET_MMAP &&
	    ep->queues[0].kind == FDB_SOCKET && !ep->injectable)
		return -EOPNOTSUPP;
	return 0;
}

static int prepare_reading(struct fdb_queue *q, const char **ret_why)
{
	struct fdb *ep = q->ep;

	if (ep->injectable)
		return 0;
	if (ep->opts.packet_dispatch_mode == FDNET_DISPATCH_PACKET_MMAP &&
	    q->kind == FDB_PACKET)
		return fdb_ring_new(q, ret_why);
	*ret_why = "out of memory";
	q->slots = fdnet_rxslots_new(ep->pool, ep->batch);
	return q->slots ? 0 : -ENOMEM;
}

static int prepare_fd(struct fdb_queue *q, const char **ret_why)
{
	struct fdb *ep = q->ep;
	int rc = fdb_fd_prepare(q, ret_why);

	if (rc)
		return rc;
	if (ep->opts.gro && !ep->injectable) {
		*ret_why = "out of memory";
		q->gro = fdnet_mem_alloc(ep->opts.mem, sizeof(*q->gro));
		if (!q->gro)
			return -ENOMEM;
		q->gro->trusted = ep->opts.rx_checksum_offload;
	}
	return prepare_reading(q, ret_why);
}

/* ---- the endpoint ---- */

static size_t fdb_size(unsigned int nfds)
{
	return sizeof(struct fdb) + nfds * sizeof(struct fdb_queue);
}

static void set_caps(struct fdb *ep)
{
	const struct fdnet_fd_options *o = &ep->opts;
	const struct fdb_queue *q = &ep->queues[0];
	bool gso = o->gso_max_size && (q->kind != FDB_DEVICE || q->vnet_len);

	if (o->tx_checksum_offload)
		ep->caps |= FDNET_CAP_TX_CHECKSUM;
	if (o->rx_checksum_offload)
		ep->caps |= FDNET_CAP_RX_CHECKSUM;
	if (o->ethernet_header)
		ep->caps |= FDNET_CAP_RESOLUTION_REQUIRED;
	if (o->save_restore)
		ep->caps |= FDNET_CAP_SAVE_RESTORE;
	if (o->disconnect_ok)
		ep->caps |= FDNET_CAP_DISCONNECT_OK;
	if (gso)
		ep->caps |= o->software_gso_enabled ? FDNET_CAP_SOFTWARE_GSO
						    : FDNET_CAP_HARDWARE_GSO;
	ep->hdr_len = o->ethernet_header ? FDNET_ETH_HDR_LEN : 0;
	ep->info = (struct fdnet_endpoint_info){
		.mtu = o->mtu,
		.capabilities = ep->caps,
		.max_header_length = ep->hdr_len,
		.gso_max_size = gso ? o->gso_max_size : 0,
		.nfds = ep->nqueues,
		.arp_hardware_type = o->ethernet_header,
		.link_address_len = (uint8_t)o->address_len,
	};
	if (o->address_len)
		memcpy(ep->info.link_address, o->address, o->address_len);
}

/* Called by the last to leave. With @undo, as if it had never been. */
static void destroy(struct fdb *ep, bool undo)
{
	unsigned int i;

	for (i = 0; i < ep->nqueues; i++) {
		struct fdb_queue *q = &ep->queues[i];

		fdb_ring_free(q, true);
		fdnet_rxslots_free(q->slots);
		fdnet_mem_free(ep->opts.mem, q->gro, sizeof(*q->gro));
		fdnet_pkt_free_list(q->tx_head);
		if (undo)
			fdb_fd_undo(q);
		if (q->wakefd >= 0)
			close(q->wakefd);
		pthread_mutex_destroy(&q->tx_lock);
	}
	if (ep->own_pool)
		fdnet_pkt_pool_free(ep->pool);
	pthread_cond_destroy(&ep->state_cond);
	pthread_mutex_destroy(&ep->state_lock);
	fdnet_mem_free(ep->opts.mem, ep, fdb_size(ep->nqueues));
}

void fdb_destroy(struct fdb *ep)
{
	destroy(ep, false);
}

void fdb_unref(struct fdb *ep)
{
	if (atomic_fetch_sub(&ep->refs, 1) == 1)
		fdb_destroy(ep);
}

static void init_queues(struct fdb *ep)
{
	unsigned int i;

	for (i = 0; i < ep->nqueues; i++) {
		struct fdb_queue *q = &ep->queues[i];

		q->ep = ep;
		q->index = i;
		q->fd = ep->opts.fds[i];
		q->old_flags = q->old_sndbuf = -1;
		atomic_init(&q->wakefd, -1);
		pthread_mutex_init(&q->tx_lock, NULL);
	}
}

static void set_hash_key(struct fdb *ep)
{
	ep->hash_key = ep->opts.hash_seed;
	if (ep->hash_key)
		return;
	if (getrandom(&ep->hash_key, sizeof(ep->hash_key), GRND_NONBLOCK) < 0)
		ep->hash_key = (uint64_t)(uintptr_t)ep ^ (uint64_t)getpid();
}

static int fdb_setup(struct fdb *ep, const char **ret_why)
{
	unsigned int i;
	int rc;

	*ret_why = "out of memory";
	ep->pool = ep->opts.pool;
	if (!ep->pool) {
		ep->pool = fdnet_pkt_pool_new(ep->opts.mem, POOL_IDLE, 1);
		ep->own_pool = true;
	}
	if (!ep->pool)
		return -ENOMEM;
	rc = look_at_fds(ep, ret_why);
	if (rc)
		return rc;
	set_caps(ep);
	ep->capacity -= ep->hdr_len;
	for (i = 0; i < ep->nqueues; i++) {
		rc = prepare_fd(&ep->queues[i], ret_why);
		if (rc)
			return rc;
	}
	return ep->injectable ? 0 : fdb_fanout(ep, ret_why);
}

static const struct fdnet_endpoint_ops fdb_ops;

int fdb_new(const struct fdnet_fd_options *opts, bool injectable,
	    struct fdb **ret_ep, const char **ret_why)
{
	struct fdnet_fd_options o = *opts;
	struct fdb *ep;
	uint32_t sum;
	int rc;

	rc = check_options(&o, &sum, ret_why);
	if (rc)
		return rc;
	default_options(&o);
	*ret_why = "out of memory";
	ep = fdnet_mem_alloc(o.mem, fdb_size(o.nfds));
	if (!ep)
		return -ENOMEM;
	ep->base.ops = &fdb_ops;
	ep->opts = o;
	ep->injectable = injectable;
	ep->capacity = sum;
	ep->batch = o.packet_dispatch_mode == FDNET_DISPATCH_RECVMMSG
			    ? o.max_msgs_per_recv
			    : 1;
	ep->nqueues = o.nfds;
	atomic_init(&ep->refs, 1);
	pthread_mutex_init(&ep->state_lock, NULL);
	pthread_cond_init(&ep->state_cond, NULL);
	set_hash_key(ep);
	init_queues(ep);
	rc = fdb_setup(ep, ret_why);
	if (rc) {
		destroy(ep, true);
		return rc;
	}
	/* Borrowed only until now. */
	ep->opts.fds = NULL;
	ep->opts.address = NULL;
	ep->opts.buf_config = NULL;
	*ret_why = NULL;
	*ret_ep = ep;
	return 0;
}

int fdnet_fd_endpoint_new(const struct fdnet_fd_options *opts,
			  struct fdnet_endpoint **ret_ep, const char **ret_why)
{
	const char *why;
	struct fdb *ep;
	int rc;

	rc = fdb_new(opts, false, &ep, &why);
	if (ret_why)
		*ret_why = why;
	if (rc)
		return rc;
	*ret_ep = &ep->base;
	return 0;
}

int fdnet_injectable_new(int fd, uint32_t mtu, uint32_t caps,
			 struct fdnet_pkt_pool *pool,
			 struct fdnet_endpoint **ret_ep)
{
	struct fdnet_fd_options o = {
		.fds = &fd,
		.nfds = 1,
		.mtu = mtu,
		.pool = pool,
		.tx_policy = FDNET_TX_DROP_TAIL,
		.tx_queue_len = FDNET_TX_QUEUE_NONE,
		.sndbuf = UINT32_MAX,
		.gso_max_size = caps & FDNET_CAP_HARDWARE_GSO ? MAX_GSO : 0,
	};
	const char *why;
	struct fdb *ep;
	int rc;

	rc = fdb_new(&o, true, &ep, &why);
	if (rc)
		return rc;
	ep->caps = caps;
	ep->info.capabilities = caps;
	ep->info.gso_max_size = 0; /* as the seed */
	*ret_ep = &ep->base;
	return 0;
}

/* ---- the table ---- */

struct fdb *fdb_cast(struct fdnet_endpoint *base)
{
	return base->ops == &fdb_ops ? (struct fdb *)base : NULL;
}

static void fdb_free(struct fdnet_endpoint *base)
{
	fdb_detach(base);
	fdb_unref(fdb_cast(base));
}

static void fdb_query(struct fdnet_endpoint *base,
		      struct fdnet_endpoint_info *ret_info)
{
	struct fdb *ep = fdb_cast(base);

	pthread_mutex_lock(&ep->state_lock);
	*ret_info = ep->info;
	pthread_mutex_unlock(&ep->state_lock);
}

static int fdb_set_mtu(struct fdnet_endpoint *base, uint32_t mtu)
{
	struct fdb *ep = fdb_cast(base);

	pthread_mutex_lock(&ep->state_lock);
	ep->info.mtu = mtu;
	pthread_mutex_unlock(&ep->state_lock);
	return 0;
}

static int fdb_set_link_address(struct fdnet_endpoint *base, const void *addr,
				size_t len)
{
	struct fdb *ep = fdb_cast(base);

	if (len > FDNET_ENDPOINT_MAX_ADDR)
		return -EINVAL;
	pthread_mutex_lock(&ep->state_lock);
	memset(ep->info.link_address, 0, sizeof(ep->info.link_address));
	memcpy(ep->info.link_address, addr, len);
	ep->info.link_address_len = (uint8_t)len;
	pthread_mutex_unlock(&ep->state_lock);
	return 0;
}

static int fdb_inject_inbound(struct fdnet_endpoint *base, uint16_t proto,
			      struct fdnet_pkt *pkt)
{
	struct fdb *ep = fdb_cast(base);

	if (!fdb_is_attached(base)) {
		fdb_count(&ep->queues[0], FDNET_EP_RX_UNATTACHED, 1);
		fdnet_pkt_free(pkt);
		return -ENOTCONN;
	}
	pkt->ethertype = proto;
	fdb_deliver(&ep->queues[0], pkt);
	return 0;
}

static uint64_t fdb_expiry(struct fdnet_endpoint *base)
{
	return UINT64_MAX;
}

static void add_stats(struct fdb_queue *q, struct fdnet_endpoint_stats *sum)
{
	const uint64_t *from = (const uint64_t *)&q->stats;
	uint64_t *to = (uint64_t *)sum;
	size_t i;

	fdb_ring_losses(q);
	/* the struct is nothing but counters */
	for (i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	sum->tx_queue_now += atomic_load(&q->tx_pending);
}

static void fdb_stats(struct fdnet_endpoint *base, int queue,
		      struct fdnet_endpoint_stats *ret_stats)
{
	struct fdb *ep = fdb_cast(base);
	unsigned int i;

	memset(ret_stats, 0, sizeof(*ret_stats));
	for (i = 0; i < ep->nqueues; i++)
		if (queue < 0 || (unsigned int)queue == i)
			add_stats(&ep->queues[i], ret_stats);
}

static struct fdnet_pkt_pool *fdb_pool(struct fdnet_endpoint *base)
{
	return fdb_cast(base)->pool;
}

static const struct fdnet_endpoint_ops fdb_ops = {
	.free = fdb_free,
	.attach = fdb_attach,
	.detach = fdb_detach,
	.is_attached = fdb_is_attached,
	.wait = fdb_wait,
	.query = fdb_query,
	.set_mtu = fdb_set_mtu,
	.set_link_address = fdb_set_link_address,
	.write = fdb_write,
	.inject_outbound = fdb_inject_outbound,
	.inject_inbound = fdb_inject_inbound,
	.poll_set = fdb_poll_set,
	.dispatch = fdb_dispatch,
	.expiry = fdb_expiry,
	.stats = fdb_stats,
	.pool = fdb_pool,
};
