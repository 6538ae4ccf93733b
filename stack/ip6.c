/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 input (RFC 8200): extension headers and fragments. */
#include "config.h"

#include <string.h>

#include "stack/icmp.h"
#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv6.h"

/* All headers of a packet together, bytes: more is no honest packet, and what
 * is in front of a fragment must fit struct fdnet_reass_entry. */
#define MAX_HEADERS 240

#define OPT_PAD1 0

static void fill_in(struct fdnet_ip_in *in, const struct fdnet_ipv6 *hdr)
{
	memset(in, 0, sizeof(*in));
	in->src.family = 6;
	in->dst.family = 6;
	memcpy(in->src.bytes, hdr->src, 16);
	memcpy(in->dst.bytes, hdr->dst, 16);
	in->proto = hdr->next;
	in->ttl = hdr->hops;
	in->tos = hdr->tclass;
	in->hdr_len = FDNET_IPV6_LEN;
	in->group = fdnet_ip_is_multicast(&in->dst);
}

static bool check_length(const struct fdnet_stack *stack,
			 struct fdnet_pkt *pkt, const struct fdnet_ipv6 *hdr)
{
	uint32_t total = fdnet_pkt_total(pkt);
	uint32_t len = (uint32_t)hdr->payload_len + FDNET_IPV6_LEN;

	if (!hdr->payload_len && (stack->cfg.gso_max > 65535 ||
				  pkt->flags & FDNET_PKT_LOOPED))
		return true;
	if (len > total)
		return false;
	if (len < total)
		fdnet_pkt_trim(pkt, len);
	return true;
}

/* A parameter problem about the byte at @pos of the packet; the caller drops
 * it. */
static void complain(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     struct fdnet_ip_in *in, uint8_t code, uint32_t pos)
{
	stack->counters[FDNET_C_IP_BAD_HEADER]++;
	in->hdr = pkt->data;
	fdnet_pkt_pull(pkt, in->hdr_len);
	fdnet_icmp6_param_problem(stack, pkt, in, code, pos);
}

/* RFC 8200 4.2: what to do with an option nobody knows is in its two highest
 * bits. Returns false when the packet is to be dropped. */
static bool check_options(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			  struct fdnet_ip_in *in, uint32_t pos, uint32_t end)
{
	while (pos < end) {
		uint8_t type = pkt->data[pos];

		if (type == OPT_PAD1) {
			pos++;
			continue;
		}
		if (end - pos < 2 || pkt->data[pos + 1] + 2u > end - pos) {
			complain(stack, pkt, in, 0, pos);
			return false;
		}
		/* 0: PadN and whatever may be skipped */
		if (type >> 6 == 1)
			return false;
		if (type >> 6 == 2 || (type >> 6 == 3 && !in->group)) {
			complain(stack, pkt, in, 2, pos);
			return false;
		}
		if (type >> 6 == 3)
			return false;
		pos += pkt->data[pos + 1] + 2u;
	}
	return true;
}

/* RFC 8200 4.4, RFC 5095: a routing header with segments left is not for a
 * host that forwards nothing. */
static bool check_routing(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			  struct fdnet_ip_in *in, uint32_t pos)
{
	if (!pkt->data[pos + 3])
		return true;
	complain(stack, pkt, in, 0, pos + 2);
	return false;
}

/* One hop-by-hop, destination or routing header at in->hdr_len. @prev: where
 * the byte is that named it. */
static bool skip_header(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			struct fdnet_ip_in *in, uint32_t *prev)
{
	uint32_t pos = in->hdr_len, len;

	if (fdnet_pkt_pull_up(pkt, pos + 8)) {
		stack->counters[FDNET_C_IP_SHORT]++;
		return false;
	}
	len = (pkt->data[pos + 1] + 1u) * 8;
	if (pos + len > MAX_HEADERS || fdnet_pkt_pull_up(pkt, pos + len)) {
		stack->counters[FDNET_C_IP_BAD_HEADER]++;
		return false;
	}
	if (in->proto == FDNET_IPV6_ROUTING) {
		if (!check_routing(stack, pkt, in, pos))
			return false;
	} else if (!check_options(stack, pkt, in, pos + 2, pos + len)) {
		return false;
	}
	in->proto = pkt->data[pos];
	in->hdr_len = pos + len;
	*prev = pos;
	return true;
}

static struct fdnet_pkt *with_length(struct fdnet_pkt *pkt)
{
	fdnet_put16(pkt->data + 4,
		    (uint16_t)(fdnet_pkt_total(pkt) - FDNET_IPV6_LEN));
	return pkt;
}

/* The bytes that an upper-layer header has at least. */
static uint32_t upper_len(uint8_t proto)
{
	switch (proto) {
	case FDNET_PROTO_TCP:
		return 20;
	case FDNET_PROTO_UDP:
	case FDNET_PROTO_UDPLITE:
		return 8;
	case FDNET_PROTO_ICMP6:
		return FDNET_ICMP_LEN;
	default:
		return 1;
	}
}

/* RFC 7112: are all headers in the first fragment? @pos: behind its fragment
 * header, which names @next. */
static bool has_headers(const struct fdnet_pkt *pkt, uint32_t pos, uint8_t next)
{
	uint32_t total = fdnet_pkt_total(pkt);
	uint8_t two[2];

	while (next == FDNET_IPV6_HOPOPTS || next == FDNET_IPV6_ROUTING ||
	       next == FDNET_IPV6_DSTOPTS) {
		if (fdnet_pkt_copy_out(pkt, pos, two, 2) < 2)
			return false;
		next = two[0];
		pos += (two[1] + 1u) * 8;
	}
	return next == FDNET_IPV6_NONE ||
	       (pos <= total && total - pos >= upper_len(next));
}

/* RFC 8200 4.5: a fragment that no honest sender makes. @pos: its header. */
static bool check_fragment(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			   struct fdnet_ip_in *in, uint32_t pos,
			   const struct fdnet_ipv6_frag *fh)
{
	uint32_t len = fdnet_pkt_total(pkt) - pos - FDNET_IPV6_FRAG_LEN;

	if (fh->mf && len % 8)
		complain(stack, pkt, in, 0, 4);
	else if (pos - FDNET_IPV6_LEN + fh->offset + len > 65535)
		complain(stack, pkt, in, 0, pos + 2);
	else if (!fh->offset && fh->mf &&
		 !has_headers(pkt, pos + FDNET_IPV6_FRAG_LEN, fh->next))
		complain(stack, pkt, in, 3, 0);
	else
		return true;
	stack->counters[FDNET_C_FRAG_BAD]++;
	return false;
}

/* A fragment header at in->hdr_len. Returns the whole packet, its headers
 * without the fragment header, or NULL. */
static struct fdnet_pkt *take_fragment(struct fdnet_stack *stack,
				       struct fdnet_pkt *pkt,
				       struct fdnet_ip_in *in, uint32_t prev)
{
	struct fdnet_ipv6_frag fh;
	struct fdnet_reass_frag frag;
	uint32_t pos = in->hdr_len;

	if (fdnet_pkt_pull_up(pkt, pos + FDNET_IPV6_FRAG_LEN) ||
	    fdnet_ipv6_frag_decode(pkt->data + pos, pkt->len - pos, &fh)) {
		stack->counters[FDNET_C_IP_SHORT]++;
		fdnet_pkt_free(pkt);
		return NULL;
	}
	if (!check_fragment(stack, pkt, in, pos, &fh)) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	pkt->data[prev] = fh.next;
	if (!fh.offset && !fh.mf) {
		/* whole: it has nothing to do with others that carry the
		 * same identification (RFC 6946) */
		memmove(pkt->data + FDNET_IPV6_FRAG_LEN, pkt->data, pos);
		fdnet_pkt_pull(pkt, FDNET_IPV6_FRAG_LEN);
		in->proto = fh.next;
		return with_length(pkt);
	}
	frag = (struct fdnet_reass_frag){
		.src = in->src,
		.dst = in->dst,
		.ident = fh.ident,
		.proto = FDNET_IPV6_FRAGMENT,
		.tos = in->tos,
		.offset = fh.offset,
		.mf = fh.mf,
		.next = fh.next,
		.hdr = pkt->data,
		.hdr_len = (uint16_t)pos,
	};
	fdnet_pkt_pull(pkt, pos + FDNET_IPV6_FRAG_LEN);
	pkt = fdnet_reass_add(stack, pkt, &frag, &in->proto);
	if (!pkt)
		return NULL;
	/* the largest fragment had its fragment header too */
	in->frag_max = (uint16_t)(pkt->user[0].u64 + FDNET_IPV6_FRAG_LEN);
	/* headers after the fragment header follow in the payload */
	return with_length(pkt);
}

/* Walks the headers. Returns the packet, whole and in->hdr_len behind its
 * last extension header, or NULL. */
static struct fdnet_pkt *walk(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			      struct fdnet_ip_in *in)
{
	uint32_t prev = 6;

	for (;;) {
		switch (in->proto) {
		case FDNET_IPV6_HOPOPTS:
			if (in->hdr_len != FDNET_IPV6_LEN) {
				complain(stack, pkt, in, 1, prev);
				goto bad;
			}
			/* fall through */
		case FDNET_IPV6_ROUTING:
		case FDNET_IPV6_DSTOPTS:
			if (!skip_header(stack, pkt, in, &prev))
				goto bad;
			break;
		case FDNET_IPV6_FRAGMENT:
			pkt = take_fragment(stack, pkt, in, prev);
			if (!pkt)
				return NULL;
			break;
		case FDNET_IPV6_NONE:
			goto bad;
		default:
			return pkt;
		}
	}
bad:
	fdnet_pkt_free(pkt);
	return NULL;
}

void fdnet_ip6_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	struct fdnet_ipv6 hdr;
	struct fdnet_ip_in in;

	if (fdnet_pkt_pull_up(pkt, FDNET_IPV6_LEN) ||
	    fdnet_ipv6_decode(pkt->data, pkt->len, &hdr)) {
		stack->counters[FDNET_C_IP_SHORT]++;
		fdnet_pkt_free(pkt);
		return;
	}
	if (!check_length(stack, pkt, &hdr)) {
		stack->counters[FDNET_C_IP_BAD_HEADER]++;
		fdnet_pkt_free(pkt);
		return;
	}
	fill_in(&in, &hdr);
	if (!fdnet_ip_admit(stack, pkt, &in)) {
		fdnet_pkt_free(pkt);
		return;
	}
	pkt = walk(stack, pkt, &in);
	if (!pkt)
		return;
	in.hdr = pkt->data;
	fdnet_pkt_pull(pkt, in.hdr_len);
	fdnet_ip_deliver(stack, pkt, &in);
}
