/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two endpoints in memory. Each has the queue of what it is to deliver and a
 * pointer to the other, which is NULL once that was freed.
 */
#include "config.h"

#include <errno.h>

#include "endpoint/simple.h"

struct pair_end {
	struct fdnet_simple s;
	struct pair_end *peer;
	bool peer_waits; /* was refused; tell it when there is room */
	struct fdnet_pkt_queue inbox;
};

static const struct fdnet_endpoint_ops pair_ops;

static void pair_free(struct fdnet_endpoint *base)
{
	struct pair_end *end = (struct pair_end *)base;

	if (end->peer)
		end->peer->peer = NULL;
	fdnet_pkt_queue_clear(&end->inbox);
	fdnet_mem_free(end->s.mem, end, sizeof(*end));
}

static int pair_write_one(struct pair_end *end, struct fdnet_pkt *pkt)
{
	struct pair_end *peer = end->peer;
	uint64_t *count = end->s.stats.count;

	if (!peer) {
		count[FDNET_EP_TX_GONE]++;
		count[FDNET_EP_TX_DROPPED]++;
		fdnet_pkt_free(pkt);
		return -EPIPE;
	}
	if (!fdnet_pkt_queue_put(&peer->inbox, pkt)) {
		count[FDNET_EP_TX_EAGAIN]++;
		peer->peer_waits = true;
		return -EAGAIN;
	}
	count[FDNET_EP_TX_PKTS]++;
	count[FDNET_EP_TX_BYTES] += fdnet_pkt_total(pkt);
	return 0;
}

static int pair_write(struct fdnet_endpoint *base, struct fdnet_pkt **pkts,
		      unsigned int n, int *status)
{
	unsigned int i;
	int good = 0, rc;

	for (i = 0; i < n; i++) {
		rc = pair_write_one((struct pair_end *)base, pkts[i]);
		if (status)
			status[i] = rc;
		good += rc == 0;
	}
	return good;
}

static void tell_peer(struct pair_end *end)
{
	struct fdnet_simple *peer = end->peer ? &end->peer->s : NULL;

	if (!end->peer_waits || !peer || !peer->attached)
		return;
	end->peer_waits = false;
	if (peer->disp.writable)
		peer->disp.writable(peer->disp_arg, &peer->base);
}

static int pair_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
			 unsigned int budget)
{
	struct pair_end *end = (struct pair_end *)base;
	struct fdnet_pkt *pkt;
	unsigned int n = 0;

	if (!end->s.attached)
		return -ENOTCONN;
	/* What was there at the start: a callback may cause more. */
	if (budget > end->inbox.n)
		budget = end->inbox.n;
	while (n < budget && end->s.attached &&
	       (pkt = fdnet_pkt_queue_get(&end->inbox))) {
		n++;
		end->s.stats.count[FDNET_EP_RX_PKTS]++;
		end->s.stats.count[FDNET_EP_RX_BYTES] += fdnet_pkt_total(pkt);
		end->s.disp.deliver(end->s.disp_arg, base, pkt);
	}
	if (n)
		tell_peer(end);
	if (!n && !end->peer)
		return -EPIPE;
	return (int)n;
}

static uint64_t pair_expiry(struct fdnet_endpoint *base)
{
	return ((struct pair_end *)base)->inbox.n ? 0 : UINT64_MAX;
}

static const struct fdnet_endpoint_ops pair_ops = {
	.free = pair_free,
	.attach = fdnet_simple_attach,
	.detach = fdnet_simple_detach,
	.is_attached = fdnet_simple_is_attached,
	.wait = fdnet_simple_wait,
	.query = fdnet_simple_query,
	.set_mtu = fdnet_simple_set_mtu,
	.set_link_address = fdnet_simple_set_link_address,
	.write = pair_write,
	.inject_outbound = fdnet_simple_outbound,
	.inject_inbound = fdnet_simple_inject_inbound,
	.poll_set = fdnet_simple_poll_set,
	.dispatch = pair_dispatch,
	.expiry = pair_expiry,
	.stats = fdnet_simple_stats,
	.pool = fdnet_simple_pool,
};

static struct pair_end *pair_end_new(struct fdnet_pkt_pool *pool, uint32_t mtu,
				     unsigned int queue_len)
{
	struct pair_end *end = fdnet_mem_alloc(pool->mem, sizeof(*end));

	if (!end)
		return NULL;
	end->s.base.ops = &pair_ops;
	end->s.mem = pool->mem;
	end->s.pool = pool;
	end->s.info.mtu = mtu;
	end->inbox.max = queue_len;
	return end;
}

int fdnet_pair_new(struct fdnet_pkt_pool *pool, uint32_t mtu,
		   unsigned int queue_len, struct fdnet_endpoint **ret_a,
		   struct fdnet_endpoint **ret_b)
{
	struct pair_end *a = pair_end_new(pool, mtu, queue_len);
	struct pair_end *b = pair_end_new(pool, mtu, queue_len);

	if (!a || !b) {
		fdnet_mem_free(pool->mem, a, sizeof(*a));
		fdnet_mem_free(pool->mem, b, sizeof(*b));
		return -ENOMEM;
	}
	a->peer = b;
	b->peer = a;
	*ret_a = &a->s.base;
	*ret_b = &b->s.base;
	return 0;
}
