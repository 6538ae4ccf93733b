/* SPDX-License-Identifier: Apache-2.0 */
/* The public calls on any endpoint, in the seed's terms. */
#include "config.h"

#include <fdnet/endpoint.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "endpoint/fdbased.h"

void fdnet_endpoint_free(struct fdnet_endpoint *ep)
{
	if (ep)
		ep->ops->free(ep);
}

int fdnet_endpoint_attach(struct fdnet_endpoint *ep,
			  const struct fdnet_dispatcher *disp, void *arg,
			  enum fdnet_attach how)
{
	if (disp)
		return ep->ops->attach(ep, disp, arg, how);
	ep->ops->detach(ep);
	return 0;
}

void fdnet_endpoint_detach(struct fdnet_endpoint *ep)
{
	ep->ops->detach(ep);
}

bool fdnet_endpoint_is_attached(struct fdnet_endpoint *ep)
{
	return ep->ops->is_attached(ep);
}

void fdnet_endpoint_wait(struct fdnet_endpoint *ep)
{
	ep->ops->wait(ep);
}

void fdnet_endpoint_query(struct fdnet_endpoint *ep,
			  struct fdnet_endpoint_info *ret_info)
{
	ep->ops->query(ep, ret_info);
}

static struct fdnet_endpoint_info ask(struct fdnet_endpoint *ep)
{
	struct fdnet_endpoint_info info;

	ep->ops->query(ep, &info);
	return info;
}

uint32_t fdnet_endpoint_mtu(struct fdnet_endpoint *ep)
{
	return ask(ep).mtu;
}

uint32_t fdnet_endpoint_capabilities(struct fdnet_endpoint *ep)
{
	return ask(ep).capabilities;
}

uint32_t fdnet_endpoint_max_header_length(struct fdnet_endpoint *ep)
{
	return ask(ep).max_header_length;
}

uint32_t fdnet_endpoint_gso_max_size(struct fdnet_endpoint *ep)
{
	return ask(ep).gso_max_size;
}

size_t fdnet_endpoint_link_address(struct fdnet_endpoint *ep, void *dst)
{
	struct fdnet_endpoint_info info = ask(ep);

	memcpy(dst, info.link_address, info.link_address_len);
	return info.link_address_len;
}

int fdnet_endpoint_set_mtu(struct fdnet_endpoint *ep, uint32_t mtu)
{
	return ep->ops->set_mtu(ep, mtu);
}

int fdnet_endpoint_set_link_address(struct fdnet_endpoint *ep, const void *addr,
				    size_t len)
{
	return ep->ops->set_link_address(ep, addr, len);
}

void fdnet_endpoint_stats(struct fdnet_endpoint *ep, int queue,
			  struct fdnet_endpoint_stats *ret_stats)
{
	ep->ops->stats(ep, queue, ret_stats);
}

struct fdnet_pkt_pool *fdnet_endpoint_pool(struct fdnet_endpoint *ep)
{
	return ep->ops->pool(ep);
}

/* ---- writing ---- */

static void describe(struct fdnet_pkt *pkt, const struct fdnet_link_route *route,
		     const struct fdnet_gso *gso, uint16_t proto)
{
	if (proto)
		pkt->ethertype = proto;
	if (route) {
		memcpy(pkt->link_dst, route->remote, 6);
		if (route->has_local)
			memcpy(pkt->link_src, route->local, 6);
		else
			memset(pkt->link_src, 0, 6);
	}
	if (!gso)
		return;
	pkt->gso_type = gso->type;
	pkt->gso_size = gso->mss;
	if (gso->needs_csum) {
		pkt->flags |= FDNET_PKT_CSUM_PARTIAL;
		pkt->csum_start = gso->l3_hdr_len;
		pkt->csum_offset = gso->csum_offset;
	}
}

int fdnet_endpoint_write_packet(struct fdnet_endpoint *ep,
				const struct fdnet_link_route *route,
				const struct fdnet_gso *gso, uint16_t proto,
				struct fdnet_pkt *pkt)
{
	int status = 0;

	describe(pkt, route, gso, proto);
	ep->ops->write(ep, &pkt, 1, &status);
	return status;
}

int fdnet_endpoint_write_list(struct fdnet_endpoint *ep, struct fdnet_pkt **pkts,
			      unsigned int n, int *status)
{
	return ep->ops->write(ep, pkts, n, status);
}

/* The caller's payload as a buffer: nobody may keep it after return. */
static void borrowed_release(struct fdnet_buf *buf)
{
}

static struct fdnet_pkt *from_desc(struct fdnet_endpoint *ep,
				   const struct fdnet_pkt_desc *d,
				   struct fdnet_buf *payload)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(ep->ops->pool(ep));
	uint8_t *hdr;

	if (!pkt)
		return NULL;
	hdr = fdnet_pkt_put(pkt, d->hdr_len);
	if (!hdr) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	if (d->hdr_len)
		memcpy(hdr, d->hdr, d->hdr_len);
	if (d->size) {
		fdnet_pkt_add_slice(pkt, payload, payload->data + d->off,
				    d->size);
		pkt->flags |= PKT_BORROWED;
	}
	return pkt;
}

/* What the policy would hand back is not worth keeping here: the caller has
 * descriptors, not packets. */
static void drop_returned(struct fdnet_pkt *pkt, int status)
{
	if (status == -EAGAIN)
		fdnet_pkt_free(pkt);
}

int fdnet_endpoint_write_packets(struct fdnet_endpoint *ep,
				 const struct fdnet_link_route *route,
				 const struct fdnet_gso *gso, uint16_t proto,
				 const struct fdnet_pkt_desc *descs,
				 unsigned int n, const void *payload, int *status)
{
	struct fdnet_buf buf = {
		.data = (uint8_t *)payload,
		.size = UINT32_MAX,
		.refs = 1,
		.release = borrowed_release,
	};
	struct fdnet_pkt *pkts[64];
	int st[64], good = 0;
	unsigned int i, j, part, made;

	for (i = 0; i < n; i += part) {
		part = n - i < 64 ? n - i : 64;
		for (made = 0; made < part; made++) {
			pkts[made] = from_desc(ep, &descs[i + made], &buf);
			if (!pkts[made])
				break;
			describe(pkts[made], route, gso, proto);
		}
		good += ep->ops->write(ep, pkts, made, st);
		for (j = made; j < part; j++)
			st[j] = -ENOMEM;
		for (j = 0; j < made; j++)
			drop_returned(pkts[j], st[j]);
		if (status)
			memcpy(status + i, st, part * sizeof(st[0]));
	}
	assert(buf.refs == 1);
	return good;
}

int fdnet_endpoint_write_raw_packet(struct fdnet_endpoint *ep,
				    const void *frame, size_t len)
{
	return ep->ops->inject_outbound(ep, NULL, 0, frame, len);
}

int fdnet_endpoint_inject_outbound(struct fdnet_endpoint *ep, const void *dest,
				   size_t dest_len, const void *frame, size_t len)
{
	return ep->ops->inject_outbound(ep, dest, dest_len, frame, len);
}

int fdnet_endpoint_inject_inbound(struct fdnet_endpoint *ep, uint16_t proto,
				  struct fdnet_pkt *pkt)
{
	return ep->ops->inject_inbound(ep, proto, pkt);
}

/* ---- driven by the caller ---- */

int fdnet_endpoint_poll_set(struct fdnet_endpoint *ep, struct pollfd *fds,
			    unsigned int n)
{
	return ep->ops->poll_set(ep, fds, n);
}

int fdnet_endpoint_dispatch(struct fdnet_endpoint *ep, uint64_t now_us,
			    unsigned int budget)
{
	return ep->ops->dispatch(ep, now_us, budget);
}

uint64_t fdnet_endpoint_expiry(struct fdnet_endpoint *ep)
{
	return ep->ops->expiry(ep);
}
