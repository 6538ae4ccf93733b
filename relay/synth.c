/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/synth.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/tcp.h"

/* RFC 1812 4.3.2.3 and RFC 4443 2.4 allow more; this is plenty. */
#define QUOTE_MAX 512

static uint32_t pseudo_sum(const struct fdnet_ip *src,
			   const struct fdnet_ip *dst, uint8_t proto,
			   uint32_t len)
{
	size_t size = src->family == 4 ? 4 : 16;
	uint8_t tail[4] = { 0, proto, (uint8_t)(len >> 8), (uint8_t)len };
	uint32_t sum = fdnet_csum_add(0, src->bytes, size);

	sum = fdnet_csum_add(sum, dst->bytes, size);
	return fdnet_csum_add(sum, tail, sizeof(tail));
}

/* Put the IP header in front of a transport packet. */
static struct fdnet_pkt *finish(struct fdnet_pkt *pkt,
				const struct fdnet_ip *src,
				const struct fdnet_ip *dst, uint8_t proto)
{
	uint32_t len = fdnet_pkt_total(pkt);
	struct fdnet_ipv4 ip4 = {
		.hdr_len = FDNET_IPV4_MIN_LEN,
		.total_len = (uint16_t)(FDNET_IPV4_MIN_LEN + len),
		.df = true,
		.ttl = 64,
		.proto = proto,
	};
	struct fdnet_ipv6 ip6 = {
		.payload_len = (uint16_t)len,
		.next = proto,
		.hops = 64,
	};

	if (src->family == 4) {
		memcpy(ip4.src, src->bytes, 4);
		memcpy(ip4.dst, dst->bytes, 4);
		fdnet_ipv4_encode(fdnet_pkt_push(pkt, FDNET_IPV4_MIN_LEN),
				  &ip4);
		pkt->ethertype = 0x0800;
	} else {
		memcpy(ip6.src, src->bytes, 16);
		memcpy(ip6.dst, dst->bytes, 16);
		fdnet_ipv6_encode(fdnet_pkt_push(pkt, FDNET_IPV6_LEN), &ip6);
		pkt->ethertype = 0x86dd;
	}
	return pkt;
}

struct fdnet_pkt *synth_tcp(struct fdnet_pkt_pool *pool,
			    const struct synth_segment *segment)
{
	struct fdnet_tcp_hdr tcp = {
		.sport = segment->src.port,
		.dport = segment->dst.port,
		.seq = segment->seq,
		.ack = segment->flags & FDNET_TH_ACK ? segment->ack : 0,
		.flags = segment->flags,
		/* a closed window would hold back what we want to refuse */
		.wnd = 65535,
		.wscale = FDNET_TCP_WSCALE_NONE,
	};
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t *hdr;
	uint32_t sum;

	if (!pkt)
		return NULL;
	hdr = fdnet_pkt_put(pkt, FDNET_TCP_HDR_MIN);
	fdnet_tcp_hdr_encode(hdr, &tcp);
	sum = pseudo_sum(&segment->src.ip, &segment->dst.ip, FDNET_PROTO_TCP,
			 FDNET_TCP_HDR_MIN);
	fdnet_csum_store(hdr + 16,
			 fdnet_csum_add(sum, hdr, FDNET_TCP_HDR_MIN));
	return finish(pkt, &segment->src.ip, &segment->dst.ip,
		      FDNET_PROTO_TCP);
}

struct fdnet_pkt *synth_reset(struct fdnet_pkt_pool *pool,
			      const struct head *head)
{
	struct synth_segment segment = {
		.src = { .ip = head->dst, .port = head->dport },
		.dst = { .ip = head->src, .port = head->sport },
		.flags = FDNET_TH_RST,
	};

	if (head->flags & FDNET_TH_RST)
		return NULL;
	if (head->flags & FDNET_TH_ACK) {
		segment.seq = head->ack;
	} else {
		segment.flags |= FDNET_TH_ACK;
		segment.ack = head->seq + head->seg_len;
	}
	return synth_tcp(pool, &segment);
}

static void icmp_kind(enum synth_unreach why, int family,
		      struct fdnet_icmp *ret_icmp)
{
	*ret_icmp = (struct fdnet_icmp){ 0 };
	if (family == 4) {
		ret_icmp->type = FDNET_ICMP_UNREACH;
		ret_icmp->code = why == SYNTH_PORT ? FDNET_ICMP_UNREACH_PORT :
						     FDNET_ICMP_UNREACH_ADMIN;
		return;
	}
	ret_icmp->type = FDNET_ICMP6_UNREACH;
	ret_icmp->code = why == SYNTH_PORT ? FDNET_ICMP6_UNREACH_PORT :
					     FDNET_ICMP6_UNREACH_ADMIN;
}

struct fdnet_pkt *synth_unreachable(struct fdnet_pkt_pool *pool,
				    enum synth_unreach why,
				    const struct fdnet_ip *from,
				    const struct head *head,
				    const struct fdnet_pkt *pkt)
{
	uint32_t quote = head->len < QUOTE_MAX ? head->len : QUOTE_MAX;
	uint32_t len = FDNET_ICMP_LEN + quote, sum = 0;
	struct fdnet_pkt *error = fdnet_pkt_new(pool);
	struct fdnet_icmp icmp;
	uint8_t *hdr, proto;

	if (!error)
		return NULL;
	proto = head->src.family == 4 ? FDNET_PROTO_ICMP : FDNET_PROTO_ICMP6;
	hdr = fdnet_pkt_put(error, len);
	icmp_kind(why, head->src.family, &icmp);
	fdnet_icmp_encode(hdr, &icmp);
	fdnet_pkt_copy_out(pkt, 0, hdr + FDNET_ICMP_LEN, quote);
	if (proto == FDNET_PROTO_ICMP6)
		sum = pseudo_sum(from, &head->src, proto, len);
	fdnet_csum_store(hdr + FDNET_ICMP_CSUM_OFFSET,
			 fdnet_csum_add(sum, hdr, len));
	return finish(error, from, &head->src, proto);
}

static int add_payload(struct fdnet_pkt *pkt, struct fdnet_pkt_pool *pool,
		       const uint8_t *data, uint32_t len)
{
	struct fdnet_buf *buf;
	int rc;

	if (len <= fdnet_pkt_tailroom(pkt)) {
		memcpy(fdnet_pkt_put(pkt, len), data, len);
		return 0;
	}
	buf = fdnet_buf_new(pool);
	if (!buf)
		return -ENOMEM;
	rc = buf->size < len ? -EMSGSIZE : 0;
	if (!rc) {
		memcpy(buf->data, data, len);
		rc = fdnet_pkt_add_slice(pkt, buf, buf->data, len);
	}
	fdnet_buf_unref(buf);
	return rc;
}

struct fdnet_pkt *synth_icmp(struct fdnet_pkt_pool *pool,
			     const struct fdnet_ip *src,
			     const struct fdnet_ip *dst, const uint8_t *data,
			     uint32_t len)
{
	static const uint8_t none[2];
	uint8_t proto = src->family == 4 ? FDNET_PROTO_ICMP :
					   FDNET_PROTO_ICMP6;
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t hdr[FDNET_ICMP_LEN];
	uint32_t sum = 0;

	if (!pkt)
		return NULL;
	memcpy(hdr, data, sizeof(hdr));
	memcpy(hdr + FDNET_ICMP_CSUM_OFFSET, none, sizeof(none));
	if (proto == FDNET_PROTO_ICMP6)
		sum = pseudo_sum(src, dst, proto, len);
	sum = fdnet_csum_add(sum, hdr, sizeof(hdr));
	sum = fdnet_csum_add(sum, data + sizeof(hdr), len - sizeof(hdr));
	fdnet_csum_store(hdr + FDNET_ICMP_CSUM_OFFSET, sum);
	memcpy(fdnet_pkt_put(pkt, sizeof(hdr)), hdr, sizeof(hdr));
	if (add_payload(pkt, pool, data + sizeof(hdr), len - sizeof(hdr))) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	return finish(pkt, src, dst, proto);
}

size_t synth_header(uint8_t *dst, const struct fdnet_ip *src,
		    const struct fdnet_ip *remote, uint32_t len)
{
	struct fdnet_ipv4 ip4 = {
		.hdr_len = FDNET_IPV4_MIN_LEN,
		.total_len = (uint16_t)(FDNET_IPV4_MIN_LEN + len),
		.ttl = 1,
		.proto = FDNET_PROTO_ICMP,
	};
	struct fdnet_ipv6 ip6 = {
		.payload_len = (uint16_t)len,
		.next = FDNET_PROTO_ICMP6,
		.hops = 1,
	};

	if (src->family == 4) {
		memcpy(ip4.src, src->bytes, 4);
		memcpy(ip4.dst, remote->bytes, 4);
		fdnet_ipv4_encode(dst, &ip4);
		return FDNET_IPV4_MIN_LEN;
	}
	memcpy(ip6.src, src->bytes, 16);
	memcpy(ip6.dst, remote->bytes, 16);
	fdnet_ipv6_encode(dst, &ip6);
	return FDNET_IPV6_LEN;
}
