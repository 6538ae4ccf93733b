/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding: see the header. */
#include "config.h"

#include "endpoint/wrap.h"

#include <errno.h>

static struct fdnet_wrap *cast(struct fdnet_endpoint *base)
{
	return (struct fdnet_wrap *)base;
}

void fdnet_wrap_init(struct fdnet_wrap *wrap,
		     const struct fdnet_endpoint_ops *ops,
		     struct fdnet_endpoint *lower,
		     void (*destroy)(struct fdnet_wrap *wrap))
{
	wrap->base.ops = ops;
	wrap->lower = lower;
	wrap->mem = fdnet_wrap_mem(lower);
	wrap->destroy = destroy;
	atomic_init(&wrap->refs, 1);
}

const struct fdnet_mem *fdnet_wrap_mem(struct fdnet_endpoint *lower)
{
	return fdnet_endpoint_pool(lower)->mem;
}

void fdnet_wrap_count(struct fdnet_wrap *wrap, enum fdnet_endpoint_counter which)
{
	__atomic_fetch_add(&wrap->stats.count[which], 1, __ATOMIC_RELAXED);
}

void fdnet_wrap_ref(struct fdnet_wrap *wrap)
{
	atomic_fetch_add(&wrap->refs, 1);
}

void fdnet_wrap_unref(struct fdnet_wrap *wrap)
{
	if (atomic_fetch_sub(&wrap->refs, 1) == 1)
		wrap->destroy(wrap);
}

void fdnet_wrap_up(struct fdnet_wrap *wrap, struct fdnet_pkt *pkt)
{
	wrap->disp.deliver(wrap->disp_arg, &wrap->base, pkt);
}

void fdnet_wrap_writable(void *arg, struct fdnet_endpoint *lower)
{
	struct fdnet_wrap *wrap = arg;

	if (wrap->disp.writable)
		wrap->disp.writable(wrap->disp_arg, &wrap->base);
}

int fdnet_wrap_attach_with(struct fdnet_wrap *wrap,
			   const struct fdnet_dispatcher *own,
			   const struct fdnet_dispatcher *disp, void *arg,
			   enum fdnet_attach how)
{
	struct fdnet_dispatcher old = wrap->disp;
	void *old_arg = wrap->disp_arg;
	int rc;

	if (fdnet_endpoint_is_attached(wrap->lower))
		return -EALREADY;
	/* Before the first packet can come. */
	wrap->disp = *disp;
	wrap->disp_arg = arg;
	rc = fdnet_endpoint_attach(wrap->lower, own, wrap, how);
	if (rc) {
		wrap->disp = old;
		wrap->disp_arg = old_arg;
	}
	return rc;
}

void fdnet_wrap_free(struct fdnet_endpoint *base)
{
	struct fdnet_wrap *wrap = cast(base);

	/* Its memory lives until its callbacks have returned, and so does
	 * ours. */
	fdnet_endpoint_free(wrap->lower);
	fdnet_wrap_unref(wrap);
}

void fdnet_wrap_detach(struct fdnet_endpoint *base)
{
	fdnet_endpoint_detach(cast(base)->lower);
}

bool fdnet_wrap_is_attached(struct fdnet_endpoint *base)
{
	return fdnet_endpoint_is_attached(cast(base)->lower);
}

void fdnet_wrap_wait(struct fdnet_endpoint *base)
{
	fdnet_endpoint_wait(cast(base)->lower);
}

void fdnet_wrap_query(struct fdnet_endpoint *base,
		      struct fdnet_endpoint_info *ret_info)
{
	fdnet_endpoint_query(cast(base)->lower, ret_info);
}

int fdnet_wrap_set_mtu(struct fdnet_endpoint *base, uint32_t mtu)
{
	return fdnet_endpoint_set_mtu(cast(base)->lower, mtu);
}

int fdnet_wrap_set_link_address(struct fdnet_endpoint *base, const void *addr,
				size_t len)
{
	return fdnet_endpoint_set_link_address(cast(base)->lower, addr, len);
}

int fdnet_wrap_inject_outbound(struct fdnet_endpoint *base, const void *dest,
			       size_t dest_len, const void *frame, size_t len)
{
	return fdnet_endpoint_inject_outbound(cast(base)->lower, dest, dest_len,
					      frame, len);
}

int fdnet_wrap_inject_inbound(struct fdnet_endpoint *base, uint16_t proto,
			      struct fdnet_pkt *pkt)
{
	/* Comes back up through the wrapper. */
	return fdnet_endpoint_inject_inbound(cast(base)->lower, proto, pkt);
}

int fdnet_wrap_poll_set(struct fdnet_endpoint *base, struct pollfd *fds,
			unsigned int n)
{
	return fdnet_endpoint_poll_set(cast(base)->lower, fds, n);
}

int fdnet_wrap_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
			unsigned int budget)
{
	return fdnet_endpoint_dispatch(cast(base)->lower, now_us, budget);
}

uint64_t fdnet_wrap_expiry(struct fdnet_endpoint *base)
{
	return fdnet_endpoint_expiry(cast(base)->lower);
}

void fdnet_wrap_stats(struct fdnet_endpoint *base, int queue,
		      struct fdnet_endpoint_stats *ret_stats)
{
	struct fdnet_wrap *wrap = cast(base);
	unsigned int i;

	fdnet_endpoint_stats(wrap->lower, queue, ret_stats);
	for (i = 0; i < FDNET_EP_COUNTER_MAX; i++)
		ret_stats->count[i] +=
			__atomic_load_n(&wrap->stats.count[i], __ATOMIC_RELAXED);
}

struct fdnet_pkt_pool *fdnet_wrap_pool(struct fdnet_endpoint *base)
{
	return fdnet_endpoint_pool(cast(base)->lower);
}
