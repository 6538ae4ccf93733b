/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 input (RFC 791, RFC 1122 3.2). */
#include "config.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"

static void fill_in(struct fdnet_ip_in *in, const struct fdnet_stack *stack,
		    const struct fdnet_ipv4 *hdr)
{
	memset(in, 0, sizeof(*in));
	in->src.family = 4;
	in->dst.family = 4;
	memcpy(in->src.bytes, hdr->src, 4);
	memcpy(in->dst.bytes, hdr->dst, 4);
	in->proto = hdr->proto;
	in->ttl = hdr->ttl;
	in->tos = hdr->tos;
	in->ident = hdr->ident;
	in->hdr_len = hdr->hdr_len;
	in->group = fdnet_ip_is_multicast(&in->dst) ||
		    fdnet_ip_is_broadcast(stack, &in->dst);
}

/* Lengths agree, and the packet has no more than they say. A burst larger
 * than the field can tell has zero there (FDNET_LINK_F_BIG). */
static bool check_length(const struct fdnet_stack *stack,
			 struct fdnet_pkt *pkt, const struct fdnet_ipv4 *hdr)
{
	uint32_t total = fdnet_pkt_total(pkt), len = hdr->total_len;

	if (!len && (stack->cfg.gso_max > 65535 ||
		     pkt->flags & FDNET_PKT_LOOPED))
		return true;
	if (len < hdr->hdr_len || len > total)
		return false;
	if (len < total)
		fdnet_pkt_trim(pkt, len);
	return true;
}

/* Source routes are refused (RFC 6274 3.13.2.3); a broken option earns a
 * parameter problem that points at it (RFC 792). */
static bool check_options(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			  const struct fdnet_ip_in *in)
{
	uint8_t pos = FDNET_IPV4_MIN_LEN, type, len;
	int rc;

	while ((rc = fdnet_ipv4_next_option(in->hdr, (uint8_t)in->hdr_len,
					    &pos, &type, &len)) > 0)
		if (type == FDNET_IPV4_OPT_LSRR || type == FDNET_IPV4_OPT_SSRR)
			return false;
	if (rc < 0) {
		fdnet_pkt_pull(pkt, in->hdr_len);
		fdnet_icmp_send_error(stack, pkt, in, FDNET_ICMP_PARAM, 0,
				      (uint32_t)pos << 24);
		return false;
	}
	return true;
}

static struct fdnet_pkt *reassemble(struct fdnet_stack *stack,
				    struct fdnet_pkt *pkt,
				    struct fdnet_ip_in *in,
				    const struct fdnet_ipv4 *hdr)
{
	struct fdnet_reass_frag frag = {
		.src = in->src,
		.dst = in->dst,
		.ident = hdr->ident,
		.proto = hdr->proto,
		.tos = hdr->tos,
		.offset = hdr->offset,
		.mf = hdr->mf,
		.next = hdr->proto,
		.hdr = in->hdr,
		.hdr_len = hdr->hdr_len,
	};

	fdnet_pkt_pull(pkt, hdr->hdr_len);
	pkt = fdnet_reass_add(stack, pkt, &frag, &in->proto);
	if (!pkt)
		return NULL;
	in->frag_max = (uint16_t)pkt->user[0].u64;
	in->hdr_len = (pkt->data[0] & 15u) * 4;
	fdnet_put16(pkt->data + 2, (uint16_t)fdnet_pkt_total(pkt));
	fdnet_put16(pkt->data + 6, 0);
	fdnet_ipv4_set_csum(pkt->data, (uint8_t)in->hdr_len);
	return pkt;
}

static bool decode(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		   struct fdnet_ipv4 *hdr)
{
	uint32_t want;

	if (fdnet_pkt_pull_up(pkt, FDNET_IPV4_MIN_LEN)) {
		stack->counters[FDNET_C_IP_SHORT]++;
		return false;
	}
	want = (pkt->data[0] & 15u) * 4;
	if (fdnet_pkt_pull_up(pkt, want) ||
	    fdnet_ipv4_decode(pkt->data, pkt->len, hdr) ||
	    !check_length(stack, pkt, hdr)) {
		stack->counters[FDNET_C_IP_BAD_HEADER]++;
		return false;
	}
	if (!(pkt->flags & FDNET_PKT_LOOPED) &&
	    !fdnet_ipv4_csum_ok(pkt->data, hdr->hdr_len)) {
		stack->counters[FDNET_C_IP_BAD_CSUM]++;
		return false;
	}
	return true;
}

void fdnet_ip4_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	struct fdnet_ipv4 hdr;
	struct fdnet_ip_in in;

	if (!decode(stack, pkt, &hdr)) {
		fdnet_pkt_free(pkt);
		return;
	}
	fill_in(&in, stack, &hdr);
	in.hdr = pkt->data;
	if (!fdnet_ip_admit(stack, pkt, &in) ||
	    (hdr.hdr_len > FDNET_IPV4_MIN_LEN &&
	     !check_options(stack, pkt, &in))) {
		fdnet_pkt_free(pkt);
		return;
	}
	if (hdr.mf || hdr.offset) {
		pkt = reassemble(stack, pkt, &in, &hdr);
		if (!pkt)
			return;
		in.hdr = pkt->data;
	}
	fdnet_pkt_pull(pkt, in.hdr_len);
	fdnet_ip_deliver(stack, pkt, &in);
}
