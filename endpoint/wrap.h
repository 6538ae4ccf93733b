/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What wrappers share: an endpoint that owns another and forwards everything.
 * A wrapper overrides the operations it is about and keeps the others, all of
 * which are here, so that nothing of the lower endpoint is hidden.
 */
#ifndef ENDPOINT_WRAP_H
#define ENDPOINT_WRAP_H

#include <stdatomic.h>

#include <fdnet/endpoint.h>

#include "endpoint/packet_internal.h"

struct fdnet_wrap {
	struct fdnet_endpoint base;
	struct fdnet_endpoint *lower;
	const struct fdnet_mem *mem;
	struct fdnet_dispatcher disp; /* the user's */
	void *disp_arg;
	/* the owner's and one for each callback that runs */
	atomic_uint refs;
	void (*destroy)(struct fdnet_wrap *wrap);
	struct fdnet_endpoint_stats stats; /* only wrap_*; relaxed atomics */
};

/** fdnet_wrap_init - fill in the common part; takes @lower */
void fdnet_wrap_init(struct fdnet_wrap *wrap,
		     const struct fdnet_endpoint_ops *ops,
		     struct fdnet_endpoint *lower,
		     void (*destroy)(struct fdnet_wrap *wrap));

/** fdnet_wrap_mem - the allocator of an endpoint's pool */
const struct fdnet_mem *fdnet_wrap_mem(struct fdnet_endpoint *lower);

void fdnet_wrap_count(struct fdnet_wrap *wrap, enum fdnet_endpoint_counter which);
void fdnet_wrap_ref(struct fdnet_wrap *wrap);
void fdnet_wrap_unref(struct fdnet_wrap *wrap);
/** fdnet_wrap_up - hand a packet to the user */
void fdnet_wrap_up(struct fdnet_wrap *wrap, struct fdnet_pkt *pkt);
/** fdnet_wrap_attach_with - attach the lower one with a dispatcher of ours */
int fdnet_wrap_attach_with(struct fdnet_wrap *wrap,
			   const struct fdnet_dispatcher *own,
			   const struct fdnet_dispatcher *disp, void *arg,
			   enum fdnet_attach how);
/** fdnet_wrap_writable - for @own->writable */
void fdnet_wrap_writable(void *arg, struct fdnet_endpoint *lower);

void fdnet_wrap_free(struct fdnet_endpoint *base);
void fdnet_wrap_detach(struct fdnet_endpoint *base);
bool fdnet_wrap_is_attached(struct fdnet_endpoint *base);
void fdnet_wrap_wait(struct fdnet_endpoint *base);
void fdnet_wrap_query(struct fdnet_endpoint *base,
		      struct fdnet_endpoint_info *ret_info);
int fdnet_wrap_set_mtu(struct fdnet_endpoint *base, uint32_t mtu);
int fdnet_wrap_set_link_address(struct fdnet_endpoint *base, const void *addr,
				size_t len);
int fdnet_wrap_inject_outbound(struct fdnet_endpoint *base, const void *dest,
			       size_t dest_len, const void *frame, size_t len);
int fdnet_wrap_inject_inbound(struct fdnet_endpoint *base, uint16_t proto,
			      struct fdnet_pkt *pkt);
int fdnet_wrap_poll_set(struct fdnet_endpoint *base, struct pollfd *fds,
			unsigned int n);
int fdnet_wrap_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
			unsigned int budget);
uint64_t fdnet_wrap_expiry(struct fdnet_endpoint *base);
void fdnet_wrap_stats(struct fdnet_endpoint *base, int queue,
		      struct fdnet_endpoint_stats *ret_stats);
struct fdnet_pkt_pool *fdnet_wrap_pool(struct fdnet_endpoint *base);

#endif
