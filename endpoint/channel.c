/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint whose packets a test reads back and injects. */
#include "config.h"

#include <errno.h>

#include "endpoint/simple.h"

struct channel {
	struct fdnet_simple s;
	struct fdnet_pkt_queue written;
};

static void channel_free(struct fdnet_endpoint *base)
{
	struct channel *ch = (struct channel *)base;

	fdnet_pkt_queue_clear(&ch->written);
	fdnet_mem_free(ch->s.mem, ch, sizeof(*ch));
}

static int channel_write(struct fdnet_endpoint *base, struct fdnet_pkt **pkts,
			 unsigned int n, int *status)
{
	struct channel *ch = (struct channel *)base;
	uint64_t *count = ch->s.stats.count;
	unsigned int i;
	int good = 0, rc;

	for (i = 0; i < n; i++) {
		uint32_t len = fdnet_pkt_total(pkts[i]);

		rc = fdnet_pkt_queue_put(&ch->written, pkts[i]) ? 0 : -ENOBUFS;
		if (rc) {
			count[FDNET_EP_TX_DROPPED]++;
			fdnet_pkt_free(pkts[i]);
		} else {
			count[FDNET_EP_TX_PKTS]++;
			count[FDNET_EP_TX_BYTES] += len;
			good++;
		}
		if (status)
			status[i] = rc;
	}
	return good;
}

static const struct fdnet_endpoint_ops channel_ops = {
	.free = channel_free,
	.attach = fdnet_simple_attach,
	.detach = fdnet_simple_detach,
	.is_attached = fdnet_simple_is_attached,
	.wait = fdnet_simple_wait,
	.query = fdnet_simple_query,
	.set_mtu = fdnet_simple_set_mtu,
	.set_link_address = fdnet_simple_set_link_address,
	.write = channel_write,
	.inject_outbound = fdnet_simple_outbound,
	.inject_inbound = fdnet_simple_inject_inbound,
	.poll_set = fdnet_simple_poll_set,
	.dispatch = fdnet_simple_dispatch,
	.expiry = fdnet_simple_expiry,
	.stats = fdnet_simple_stats,
	.pool = fdnet_simple_pool,
};

int fdnet_channel_new(struct fdnet_pkt_pool *pool, uint32_t mtu, uint32_t caps,
		      uint32_t gso_max, unsigned int queue_len,
		      struct fdnet_endpoint **ret_ep)
{
	struct channel *ch = fdnet_mem_alloc(pool->mem, sizeof(*ch));

	if (!ch)
		return -ENOMEM;
	ch->s.base.ops = &channel_ops;
	ch->s.mem = pool->mem;
	ch->s.pool = pool;
	ch->s.info = (struct fdnet_endpoint_info){
		.mtu = mtu,
		.capabilities = caps,
		.gso_max_size = gso_max,
	};
	ch->written.max = queue_len;
	*ret_ep = &ch->s.base;
	return 0;
}

struct fdnet_pkt *fdnet_channel_read(struct fdnet_endpoint *ep)
{
	return fdnet_pkt_queue_get(&((struct channel *)ep)->written);
}

unsigned int fdnet_channel_drain(struct fdnet_endpoint *ep)
{
	return fdnet_pkt_queue_clear(&((struct channel *)ep)->written);
}
