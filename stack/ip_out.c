/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP output: headers, checksums, and where a finished packet goes: back into
 * this stack, or to the link, in fragments if it must.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/internal.h"
#include "stack/object.h"
#include "stack/tcp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/tcp.h"
#include "stack/wire/udp.h"

#define LOOP_MTU 65535

/* Do packets to @dst always stay in this stack? */
static bool is_loop(const struct fdnet_stack *stack,
		    const struct fdnet_ip *dst)
{
	return !stack->cfg.switched && !stack->cfg.gateway &&
	       fdnet_stack_is_local(stack, dst);
}

uint8_t fdnet_ip_default_ttl(const struct fdnet_stack *stack, int family)
{
	if (family == 6 && stack->autoconf.hops6)
		return stack->autoconf.hops6;
	return 64;
}

uint32_t fdnet_ip_link_mtu(const struct fdnet_stack *stack,
			   const struct fdnet_ip *dst)
{
	if (is_loop(stack, dst))
		return LOOP_MTU;
	if (dst->family == 6 && stack->autoconf.mtu6 &&
	    stack->autoconf.mtu6 < stack->cfg.mtu)
		return stack->autoconf.mtu6;
	return stack->cfg.mtu;
}

uint32_t fdnet_ip_mtu(struct fdnet_stack *stack, const struct fdnet_ip *dst)
{
	uint32_t mtu = fdnet_ip_link_mtu(stack, dst);
	uint32_t learned = fdnet_pmtu_find(stack, dst);

	return learned && learned < mtu ? learned : mtu;
}

void fdnet_ip_csum_fill(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			const struct fdnet_ip *src, const struct fdnet_ip *dst,
			uint8_t proto, uint32_t offset)
{
	uint8_t *field = pkt->data + offset;
	uint32_t sum;
	uint16_t folded;

	if (stack->cfg.csum_offload || is_loop(stack, dst)) {
		pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
		return;
	}
	sum = fdnet_pseudo_csum(src, dst, proto, fdnet_pkt_total(pkt));
	if (pkt->gso_size) {
		folded = fdnet_csum_fold(sum);
		memcpy(field, &folded, 2);
		pkt->flags |= FDNET_PKT_CSUM_PARTIAL;
		pkt->csum_start = 0;
		pkt->csum_offset = (uint16_t)offset;
		return;
	}
	fdnet_csum_store(field, fdnet_csum_pkt(sum, pkt, 0));
	/* RFC 768: zero would say "none" */
	if (proto == FDNET_PROTO_UDP && !field[0] && !field[1])
		memset(field, 0xff, 2);
}

static int finish4(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		   const struct fdnet_ip *src, const struct fdnet_ip *dst,
		   uint8_t proto, uint8_t ttl, uint8_t tos, bool df)
{
	uint8_t *p = fdnet_pkt_push(pkt, FDNET_IPV4_MIN_LEN);
	uint32_t total = fdnet_pkt_total(pkt);
	struct fdnet_ipv4 hdr = {
		.hdr_len = FDNET_IPV4_MIN_LEN,
		.tos = tos,
		.total_len = total > 65535 ? 0 : (uint16_t)total,
		.df = df,
		.ttl = ttl,
		.proto = proto,
	};

	if (!p)
		return -ENOBUFS;
	/* RFC 6864: only what may be cut needs an identification */
	if (!df)
		hdr.ident = stack->ident++;
	memcpy(hdr.src, src->bytes, 4);
	memcpy(hdr.dst, dst->bytes, 4);
	fdnet_ipv4_encode(p, &hdr);
	pkt->ethertype = 0x0800;
	return FDNET_IPV4_MIN_LEN;
}

static int finish6(struct fdnet_pkt *pkt, const struct fdnet_ip *src,
		   const struct fdnet_ip *dst, uint8_t proto, uint8_t hops,
		   uint8_t tclass)
{
	uint32_t len = fdnet_pkt_total(pkt);
	uint8_t *p = fdnet_pkt_push(pkt, FDNET_IPV6_LEN);
	struct fdnet_ipv6 hdr = {
		.tclass = tclass,
		.payload_len = len > 65535 ? 0 : (uint16_t)len,
		.next = proto,
		.hops = hops,
	};

	if (!p)
		return -ENOBUFS;
	memcpy(hdr.src, src->bytes, 16);
	memcpy(hdr.dst, dst->bytes, 16);
	fdnet_ipv6_encode(p, &hdr);
	pkt->ethertype = 0x86dd;
	return FDNET_IPV6_LEN;
}

int fdnet_ip_finish(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		    const struct fdnet_ip *src, const struct fdnet_ip *dst,
		    uint8_t proto, int ttl, int tos, bool df)
{
	uint8_t hops = ttl < 0 ? fdnet_ip_default_ttl(stack, dst->family)
			       : (uint8_t)ttl;
	uint8_t tclass = (uint8_t)(tos < 0 ? 0 : tos);
	int len;

	if (dst->family == 4)
		len = finish4(stack, pkt, src, dst, proto, hops, tclass, df);
	else
		len = finish6(pkt, src, dst, proto, hops, tclass);
	if (len < 0)
		return len;
	if (pkt->flags & FDNET_PKT_CSUM_PARTIAL)
		pkt->csum_start = (uint16_t)(pkt->csum_start + len);
	return 0;
}

void fdnet_ip_queue(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	if (stack->queued.pkts >= FDNET_MAX_QUEUED) {
		fdnet_pkt_free(fdnet_pktq_pop(&stack->queued));
		stack->counters[FDNET_C_IP_NOMEM]++;
	}
	fdnet_pktq_push(&stack->queued, pkt);
}

/* ---- where to ---- */

/* What routing needs of a finished packet. */
struct out {
	struct fdnet_name src, dst;
	uint8_t proto;
	uint32_t hdr_len;
	bool df;
};

static void parse(const struct fdnet_pkt *pkt, struct out *out)
{
	const uint8_t *p = pkt->data;

	memset(out, 0, sizeof(*out));
	if (p[0] >> 4 == 4) {
		out->hdr_len = (p[0] & 15u) * 4;
		out->proto = p[9];
		out->df = p[6] & 0x40;
		out->src.ip.family = 4;
		out->dst.ip.family = 4;
		memcpy(out->src.ip.bytes, p + 12, 4);
		memcpy(out->dst.ip.bytes, p + 16, 4);
		return;
	}
	out->hdr_len = FDNET_IPV6_LEN;
	out->proto = p[6];
	out->src.ip.family = 6;
	out->dst.ip.family = 6;
	memcpy(out->src.ip.bytes, p + 8, 16);
	memcpy(out->dst.ip.bytes, p + 24, 16);
}

void fdnet_ip_describe(const struct fdnet_pkt *pkt, struct fdnet_ip_in *ret)
{
	struct out out;

	parse(pkt, &out);
	ret->src = out.src.ip;
	ret->dst = out.dst.ip;
	ret->proto = out.proto;
	ret->hdr_len = out.hdr_len;
}

static bool icmp_claimed(struct fdnet_stack *stack,
			 const struct fdnet_pkt *pkt, struct out *out)
{
	const uint8_t *p = pkt->data + out->hdr_len;
	uint32_t len = pkt->len - out->hdr_len;

	if (len < FDNET_ICMP_LEN)
		return false;
	if (p[0] == (out->dst.ip.family == 4 ? FDNET_ICMP_ECHO :
					       FDNET_ICMP6_ECHO))
		return true;
	if (p[0] == (out->dst.ip.family == 4 ? FDNET_ICMP_ECHO_REPLY :
					       FDNET_ICMP6_ECHO_REPLY)) {
		out->dst.port = fdnet_get16(p + 4);
		return fdnet_demux_find(stack, out->proto, &out->dst,
					&out->src);
	}
	return fdnet_icmp_inner_sock(stack, p + FDNET_ICMP_LEN,
				     len - FDNET_ICMP_LEN,
				     out->dst.ip.family);
}

/* With switched links, does a socket of this stack wait for the packet? */
static bool is_claimed(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		       struct out *out)
{
	struct fdnet_sock *so;

	if (out->proto == FDNET_PROTO_ICMP || out->proto == FDNET_PROTO_ICMP6)
		return icmp_claimed(stack, pkt, out) || stack->raws;
	if (!fdnet_has_ports(out->proto))
		return stack->raws;
	if (pkt->len < out->hdr_len + 4)
		return false;
	out->src.port = fdnet_get16(pkt->data + out->hdr_len);
	out->dst.port = fdnet_get16(pkt->data + out->hdr_len + 2);
	so = fdnet_demux_find(stack, out->proto, &out->dst, &out->src);
	/* a listener's connections may be another stack's: the listener was
	 * handed over, or they were */
	if (so && so->listening && pkt->len >= out->hdr_len + 20 &&
	    !(pkt->data[out->hdr_len + 13] & FDNET_TH_SYN))
		return fdnet_tcp_expects(so, &out->dst, &out->src);
	return so;
}

static void loop(struct fdnet_stack *stack, struct fdnet_pkt *pkt, int family)
{
	pkt->flags |= FDNET_PKT_LOOPED;
	if (family == 4)
		fdnet_ip4_input(stack, pkt);
	else
		fdnet_ip6_input(stack, pkt);
}

/* A copy for ourselves, if the sender wants it (IP_MULTICAST_LOOP: it set
 * FDNET_PKT_LOOPED) and somebody here listens. */
static void loop_group(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		       const struct out *out)
{
	struct fdnet_pkt *copy;

	if (!(pkt->flags & FDNET_PKT_LOOPED))
		return;
	pkt->flags &= (uint16_t)~FDNET_PKT_LOOPED;
	if (!fdnet_ip_accepts(stack, &out->dst.ip))
		return;
	copy = fdnet_pkt_clone(pkt);
	if (copy)
		loop(stack, copy, out->dst.ip.family);
}

/* ---- fragments ---- */

/* Append payload bytes [offset, offset + len) of @src: what is linear is
 * copied, the rest shared. */
static int append_range(struct fdnet_pkt *dst, const struct fdnet_pkt *src,
			uint32_t offset, uint32_t len)
{
	unsigned int i;
	uint8_t *p;
	uint32_t n;

	if (offset < src->len) {
		n = src->len - offset < len ? src->len - offset : len;
		p = fdnet_pkt_put(dst, n);
		if (!p)
			return -ENOBUFS;
		memcpy(p, src->data + offset, n);
		len -= n;
		offset = 0;
	} else {
		offset -= src->len;
	}
	for (i = 0; len && i < src->nslices; i++) {
		const struct fdnet_slice *slice = &src->slices[i];

		if (offset >= slice->len) {
			offset -= slice->len;
			continue;
		}
		n = slice->len - offset < len ? slice->len - offset : len;
		if (fdnet_pkt_add_slice(dst, slice->buf, slice->data + offset,
					n))
			return -ENOBUFS;
		len -= n;
		offset = 0;
	}
	return 0;
}

static void put_header4(uint8_t *p, const struct fdnet_pkt *pkt,
			uint32_t offset, uint32_t len, bool more)
{
	struct fdnet_ipv4 hdr;

	fdnet_ipv4_decode(pkt->data, pkt->len, &hdr);
	hdr.hdr_len = FDNET_IPV4_MIN_LEN;
	hdr.total_len = (uint16_t)(FDNET_IPV4_MIN_LEN + len);
	hdr.offset = (uint16_t)offset;
	hdr.mf = more;
	fdnet_ipv4_encode(p, &hdr);
}

static void put_header6(uint8_t *p, const struct fdnet_pkt *pkt,
			uint32_t offset, uint32_t len, bool more,
			uint32_t ident)
{
	struct fdnet_ipv6_frag frag = {
		.next = pkt->data[6],
		.offset = (uint16_t)offset,
		.mf = more,
		.ident = ident,
	};

	memcpy(p, pkt->data, FDNET_IPV6_LEN);
	p[6] = FDNET_IPV6_FRAGMENT;
	fdnet_put16(p + 4, (uint16_t)(FDNET_IPV6_FRAG_LEN + len));
	fdnet_ipv6_frag_encode(p + FDNET_IPV6_LEN, &frag);
}

static struct fdnet_pkt *cut_one(struct fdnet_stack *stack,
				 const struct fdnet_pkt *pkt,
				 const struct out *out, uint32_t offset,
				 uint32_t len)
{
	bool more = out->hdr_len + offset + len < fdnet_pkt_total(pkt);
	bool v4 = out->dst.ip.family == 4;
	struct fdnet_pkt *frag = fdnet_pkt_new(stack->cfg.pool);
	uint8_t *p;

	if (!frag)
		return NULL;
	p = fdnet_pkt_put(frag, v4 ? FDNET_IPV4_MIN_LEN :
				     FDNET_IPV6_LEN + FDNET_IPV6_FRAG_LEN);
	if (v4)
		put_header4(p, pkt, offset, len, more);
	else
		put_header6(p, pkt, offset, len, more, stack->ident6);
	frag->ethertype = pkt->ethertype;
	frag->flags = pkt->flags & FDNET_PKT_CSUM_TRUSTED;
	if (append_range(frag, pkt, out->hdr_len + offset, len)) {
		fdnet_pkt_free(frag);
		return NULL;
	}
	return frag;
}

/* Gives a packet its next hop; NULL when it waits for an answer of it, or
 * there is none. */
static struct fdnet_pkt *to_neighbour(struct fdnet_stack *stack,
				      struct fdnet_pkt *pkt,
				      const struct fdnet_ip *dst)
{
	struct fdnet_ip hop;

	if (!stack->cfg.ethernet)
		return pkt;
	if (fdnet_route_find(stack, dst, &hop)) {
		stack->counters[FDNET_C_IP_NO_ROUTE]++;
		fdnet_pkt_free(pkt);
		return NULL;
	}
	return fdnet_neigh_send(stack, pkt, &hop);
}

/* All fragments, or nothing: a part would only cost the receiver memory. */
static void cut(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		const struct out *out, uint32_t mtu)
{
	uint32_t headers = out->dst.ip.family == 4 ?
				   FDNET_IPV4_MIN_LEN :
				   FDNET_IPV6_LEN + FDNET_IPV6_FRAG_LEN;
	uint32_t step = (mtu - headers) & ~7u, len, offset;
	uint32_t rest = fdnet_pkt_total(pkt) - out->hdr_len;
	struct fdnet_pktq frags = { 0 };
	struct fdnet_pkt *frag;

	for (offset = 0; rest; offset += len, rest -= len) {
		len = rest < step ? rest : step;
		frag = cut_one(stack, pkt, out, offset, len);
		if (!frag) {
			stack->counters[FDNET_C_IP_NOMEM]++;
			fdnet_pktq_purge(&frags);
			fdnet_pkt_free(pkt);
			return;
		}
		fdnet_pktq_push(&frags, frag);
	}
	stack->ident6++;
	stack->counters[FDNET_C_FRAG_OUT] += frags.pkts;
	fdnet_pkt_free(pkt);
	while ((frag = fdnet_pktq_pop(&frags))) {
		frag = to_neighbour(stack, frag, &out->dst.ip);
		if (frag)
			fdnet_pktq_push(&stack->frags, frag);
	}
}

static struct fdnet_pkt *to_link(struct fdnet_stack *stack,
				 struct fdnet_pkt *pkt, const struct out *out)
{
	uint32_t total = fdnet_pkt_total(pkt), mtu;

	if (stack->dead || (out->df && total > stack->cfg.mtu &&
			    !pkt->gso_size)) {
		stack->counters[FDNET_C_IP_NO_ROUTE]++;
		fdnet_pkt_free(pkt);
		return NULL;
	}
	if (pkt->gso_size || out->df ||
	    pkt->user[FDNET_USER_OUT_MTU].u64 == FDNET_OUT_WHOLE)
		return to_neighbour(stack, pkt, &out->dst.ip);
	mtu = fdnet_ip_mtu(stack, &out->dst.ip);
	if (pkt->user[FDNET_USER_OUT_MTU].u64 &&
	    pkt->user[FDNET_USER_OUT_MTU].u64 < mtu)
		mtu = (uint32_t)pkt->user[FDNET_USER_OUT_MTU].u64;
	if (total <= mtu)
		return to_neighbour(stack, pkt, &out->dst.ip);
	cut(stack, pkt, out, mtu);
	return NULL;
}

struct fdnet_pkt *fdnet_ip_route(struct fdnet_stack *stack,
				 struct fdnet_pkt *pkt)
{
	struct out out;

	parse(pkt, &out);
	if (stack->cfg.gateway)
		return to_link(stack, pkt, &out);
	if (fdnet_ip_is_multicast(&out.dst.ip) ||
	    fdnet_ip_is_broadcast(stack, &out.dst.ip)) {
		loop_group(stack, pkt, &out);
		/* IP_MULTICAST_IF: what is said on the loopback interface is
		 * heard by this host only */
		if (fdnet_ip_is_loopback(&out.src.ip) && !stack->cfg.switched) {
			fdnet_pkt_free(pkt);
			return NULL;
		}
		return to_link(stack, pkt, &out);
	}
	if (!fdnet_stack_is_local(stack, &out.dst.ip) ||
	    (stack->cfg.switched && !is_claimed(stack, pkt, &out)))
		return to_link(stack, pkt, &out);
	loop(stack, pkt, out.dst.ip.family);
	return NULL;
}
