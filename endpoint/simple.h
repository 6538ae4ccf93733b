/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the endpoints in memory (pair, channel) and the multiplexer share: the
 * operations that need no fd and no thread.
 */
#ifndef ENDPOINT_SIMPLE_H
#define ENDPOINT_SIMPLE_H

#include <fdnet/endpoint.h>

#include "endpoint/packet_internal.h"

struct fdnet_simple {
	struct fdnet_endpoint base;
	const struct fdnet_mem *mem;
	struct fdnet_pkt_pool *pool;
	bool attached;
	struct fdnet_dispatcher disp;
	void *disp_arg;
	struct fdnet_endpoint_info info;
	struct fdnet_endpoint_stats stats;
};

/* A bounded queue of packets. */
struct fdnet_pkt_queue {
	struct fdnet_pkt *head, *tail;
	unsigned int n, max;
};

bool fdnet_pkt_queue_put(struct fdnet_pkt_queue *q, struct fdnet_pkt *pkt);
struct fdnet_pkt *fdnet_pkt_queue_get(struct fdnet_pkt_queue *q);
/** fdnet_pkt_queue_clear - returns how many were dropped */
unsigned int fdnet_pkt_queue_clear(struct fdnet_pkt_queue *q);

int fdnet_simple_attach(struct fdnet_endpoint *base,
			const struct fdnet_dispatcher *disp, void *arg,
			enum fdnet_attach how);
void fdnet_simple_detach(struct fdnet_endpoint *base);
bool fdnet_simple_is_attached(struct fdnet_endpoint *base);
void fdnet_simple_wait(struct fdnet_endpoint *base);
void fdnet_simple_query(struct fdnet_endpoint *base,
			struct fdnet_endpoint_info *ret_info);
int fdnet_simple_set_mtu(struct fdnet_endpoint *base, uint32_t mtu);
int fdnet_simple_set_link_address(struct fdnet_endpoint *base, const void *addr,
				  size_t len);
int fdnet_simple_inject_inbound(struct fdnet_endpoint *base, uint16_t proto,
				struct fdnet_pkt *pkt);
int fdnet_simple_poll_set(struct fdnet_endpoint *base, struct pollfd *fds,
			  unsigned int n);
int fdnet_simple_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
			  unsigned int budget);
uint64_t fdnet_simple_expiry(struct fdnet_endpoint *base);
void fdnet_simple_stats(struct fdnet_endpoint *base, int queue,
			struct fdnet_endpoint_stats *ret_stats);
struct fdnet_pkt_pool *fdnet_simple_pool(struct fdnet_endpoint *base);
/** fdnet_simple_outbound - make a packet of @frame and write it */
int fdnet_simple_outbound(struct fdnet_endpoint *base, const void *dest,
			  size_t dest_len, const void *frame, size_t len);

#endif
