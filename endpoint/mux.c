/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multiplexer: one endpoint over several, chosen by destination address.
 * The members are injectable endpoints in the seed; here any will do. What a
 * member reads itself is delivered as well.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "endpoint/sum.h"
#include "endpoint/simple.h"

struct mux {
	struct fdnet_simple s;
	unsigned int n;
	struct fdnet_mux_route routes[];
};

static size_t mux_size(unsigned int n)
{
	return sizeof(struct mux) + n * sizeof(struct fdnet_mux_route);
}

/* Several addresses may lead to one member. */
static bool is_first(const struct mux *mux, unsigned int i)
{
	unsigned int j;

	for (j = 0; j < i; j++)
		if (mux->routes[j].ep == mux->routes[i].ep)
			return false;
	return true;
}

static struct fdnet_endpoint *mux_find(const struct mux *mux, const void *addr,
				       size_t len)
{
	unsigned int i;

	for (i = 0; i < mux->n; i++)
		if (mux->routes[i].addr_len == len &&
		    !memcmp(mux->routes[i].addr, addr, len))
			return mux->routes[i].ep;
	return NULL;
}

static void mux_deliver(void *arg, struct fdnet_endpoint *ep,
			struct fdnet_pkt *pkt)
{
	struct mux *mux = arg;

	mux->s.disp.deliver(mux->s.disp_arg, &mux->s.base, pkt);
}

static void mux_writable(void *arg, struct fdnet_endpoint *ep)
{
	struct mux *mux = arg;

	if (mux->s.disp.writable)
		mux->s.disp.writable(mux->s.disp_arg, &mux->s.base);
}

static void mux_detach_from(struct mux *mux, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		fdnet_endpoint_detach(mux->routes[i].ep);
}

static void mux_detach(struct fdnet_endpoint *base)
{
	struct mux *mux = (struct mux *)base;

	fdnet_simple_detach(base);
	mux_detach_from(mux, mux->n);
}

static void mux_free(struct fdnet_endpoint *base)
{
	struct mux *mux = (struct mux *)base;

	mux_detach(base);
	fdnet_mem_free(mux->s.mem, mux, mux_size(mux->n));
}

static int mux_attach(struct fdnet_endpoint *base,
		      const struct fdnet_dispatcher *disp, void *arg,
		      enum fdnet_attach how)
{
	static const struct fdnet_dispatcher own = {
		.deliver = mux_deliver,
		.writable = mux_writable,
	};
	struct mux *mux = (struct mux *)base;
	unsigned int i;
	int rc;

	rc = fdnet_simple_attach(base, disp, arg, how);
	for (i = 0; !rc && i < mux->n; i++) {
		if (!is_first(mux, i))
			continue;
		rc = fdnet_endpoint_attach(mux->routes[i].ep, &own, mux, how);
		if (rc) {
			mux_detach_from(mux, i);
			fdnet_simple_detach(base);
		}
	}
	return rc;
}

static void mux_wait(struct fdnet_endpoint *base)
{
	struct mux *mux = (struct mux *)base;
	unsigned int i;

	for (i = 0; i < mux->n; i++)
		fdnet_endpoint_wait(mux->routes[i].ep);
}

static struct fdnet_endpoint *mux_route(const struct mux *mux,
					const struct fdnet_pkt *pkt)
{
	struct fdnet_l4 l4;

	if (!fdnet_l4_parse(pkt, &l4))
		return NULL;
	return l4.version == 4 ? mux_find(mux, pkt->data + 16, 4)
			       : mux_find(mux, pkt->data + 24, 16);
}

static void no_route(struct mux *mux)
{
	/* Writers may be many threads. */
	__atomic_fetch_add(&mux->s.stats.count[FDNET_EP_TX_NOROUTE], 1,
			   __ATOMIC_RELAXED);
	__atomic_fetch_add(&mux->s.stats.count[FDNET_EP_TX_DROPPED], 1,
			   __ATOMIC_RELAXED);
}

static int mux_write(struct fdnet_endpoint *base, struct fdnet_pkt **pkts,
		     unsigned int n, int *status)
{
	struct mux *mux = (struct mux *)base;
	struct fdnet_endpoint *to;
	unsigned int i, run;
	int good = 0;

	for (i = 0; i < n; i += run) {
		run = 1;
		to = mux_route(mux, pkts[i]);
		if (!to) {
			no_route(mux);
			fdnet_pkt_free(pkts[i]);
			if (status)
				status[i] = -EHOSTUNREACH;
			continue;
		}
		while (i + run < n && mux_route(mux, pkts[i + run]) == to)
			run++;
		good += fdnet_endpoint_write_list(to, pkts + i, run,
						  status ? status + i : NULL);
	}
	return good;
}

static int mux_inject_outbound(struct fdnet_endpoint *base, const void *dest,
			       size_t dest_len, const void *frame, size_t len)
{
	struct mux *mux = (struct mux *)base;
	struct fdnet_endpoint *to;

	to = dest ? mux_find(mux, dest, dest_len) : NULL;
	if (!to) {
		no_route(mux);
		return -EHOSTUNREACH;
	}
	return fdnet_endpoint_inject_outbound(to, dest, dest_len, frame, len);
}

static int mux_poll_set(struct fdnet_endpoint *base, struct pollfd *fds,
			unsigned int n)
{
	struct mux *mux = (struct mux *)base;
	unsigned int i, used = 0;

	for (i = 0; i < mux->n; i++) {
		unsigned int room = used < n ? n - used : 0;

		if (is_first(mux, i))
			used += (unsigned int)fdnet_endpoint_poll_set(
				mux->routes[i].ep, fds + (room ? used : 0), room);
	}
	return (int)used;
}

static int mux_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
			unsigned int budget)
{
	struct mux *mux = (struct mux *)base;
	unsigned int i;
	int total = 0, rc;
	bool open = false;

	if (!mux->s.attached)
		return -ENOTCONN;
	for (i = 0; i < mux->n; i++) {
		if (!is_first(mux, i))
			continue;
		rc = fdnet_endpoint_dispatch(mux->routes[i].ep, now_us, budget);
		open |= rc >= 0;
		total += rc > 0 ? rc : 0;
	}
	return open ? total : -EPIPE;
}

static uint64_t mux_expiry(struct fdnet_endpoint *base)
{
	struct mux *mux = (struct mux *)base;
	uint64_t first = UINT64_MAX, t;
	unsigned int i;

	for (i = 0; i < mux->n; i++) {
		t = fdnet_endpoint_expiry(mux->routes[i].ep);
		first = t < first ? t : first;
	}
	return first;
}

static void mux_stats(struct fdnet_endpoint *base, int queue,
		      struct fdnet_endpoint_stats *ret_stats)
{
	struct mux *mux = (struct mux *)base;
	struct fdnet_endpoint_stats one;
	unsigned int i;
	size_t j;

	*ret_stats = mux->s.stats;
	for (i = 0; i < mux->n; i++) {
		if (!is_first(mux, i))
			continue;
		fdnet_endpoint_stats(mux->routes[i].ep, queue, &one);
		for (j = 0; j < sizeof(one) / sizeof(uint64_t); j++)
			((uint64_t *)ret_stats)[j] += ((uint64_t *)&one)[j];
	}
}

static int mux_set_mtu(struct fdnet_endpoint *base, uint32_t mtu)
{
	return -EOPNOTSUPP;
}

static int mux_set_link_address(struct fdnet_endpoint *base, const void *addr,
				size_t len)
{
	return -EOPNOTSUPP;
}

static const struct fdnet_endpoint_ops mux_ops = {
	.free = mux_free,
	.attach = mux_attach,
	.detach = mux_detach,
	.is_attached = fdnet_simple_is_attached,
	.wait = mux_wait,
	.query = fdnet_simple_query,
	.set_mtu = mux_set_mtu,
	.set_link_address = mux_set_link_address,
	.write = mux_write,
	.inject_outbound = mux_inject_outbound,
	.inject_inbound = fdnet_simple_inject_inbound,
	.poll_set = mux_poll_set,
	.dispatch = mux_dispatch,
	.expiry = mux_expiry,
	.stats = mux_stats,
	.pool = fdnet_simple_pool,
};

/* The least of what all members can. */
static void mux_combine(struct mux *mux)
{
	struct fdnet_endpoint_info *sum = &mux->s.info, one;
	unsigned int i;

	for (i = 0; i < mux->n; i++) {
		fdnet_endpoint_query(mux->routes[i].ep, &one);
		if (!i) {
			*sum = one;
			continue;
		}
		if (one.mtu < sum->mtu)
			sum->mtu = one.mtu;
		if (one.max_header_length > sum->max_header_length)
			sum->max_header_length = one.max_header_length;
		if (one.gso_max_size < sum->gso_max_size)
			sum->gso_max_size = one.gso_max_size;
		sum->capabilities &= one.capabilities;
		sum->nfds += is_first(mux, i) ? one.nfds : 0;
	}
	sum->link_address_len = 0;
}

int fdnet_mux_new(const struct fdnet_mux_route *routes, unsigned int n,
		  struct fdnet_endpoint **ret_ep)
{
	struct fdnet_pkt_pool *pool;
	struct mux *mux;
	unsigned int i;

	if (!n)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (!routes[i].ep ||
		    (routes[i].addr_len != 4 && routes[i].addr_len != 16))
			return -EINVAL;
	pool = fdnet_endpoint_pool(routes[0].ep);
	mux = fdnet_mem_alloc(pool->mem, mux_size(n));
	if (!mux)
		return -ENOMEM;
	mux->s.base.ops = &mux_ops;
	mux->s.mem = pool->mem;
	mux->s.pool = pool;
	mux->n = n;
	memcpy(mux->routes, routes, n * sizeof(routes[0]));
	mux_combine(mux);
	*ret_ep = &mux->s.base;
	return 0;
}
