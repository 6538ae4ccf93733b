/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-net header: see the header. Little-endian (virtio 1.0). */
#include "config.h"

#include "endpoint/vnet.h"

#include <errno.h>
#include <string.h>

#include "endpoint/sum.h"

#define F_NEEDS_CSUM 1
#define F_DATA_VALID 2
#define GSO_ECN	     0x80
#define MIN_IP_HDR   20

static void put_le16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

void fdnet_vnet_encode(const struct fdnet_pkt *pkt, uint32_t eth_len,
		       uint8_t *dst, size_t len)
{
	uint32_t hdr = pkt->len;
	struct fdnet_l4 l4;

	memset(dst, 0, len);
	if (!(pkt->flags & FDNET_PKT_CSUM_PARTIAL) && !pkt->gso_size)
		return;
	if (fdnet_l4_parse(pkt, &l4) && l4.l4_len)
		hdr = (uint32_t)l4.l3_len + l4.l4_len;
	put_le16(dst + 2, hdr + eth_len);
	if (pkt->flags & FDNET_PKT_CSUM_PARTIAL) {
		dst[0] = F_NEEDS_CSUM;
		put_le16(dst + 6, pkt->csum_start + eth_len);
		put_le16(dst + 8, pkt->csum_offset);
	}
	if (pkt->gso_size && fdnet_pkt_total(pkt) - hdr > pkt->gso_size) {
		dst[1] = pkt->gso_type;
		put_le16(dst + 4, pkt->gso_size);
	}
}

static int decode_gso(uint8_t type, const struct fdnet_pkt *pkt)
{
	struct fdnet_l4 l4;

	if (!fdnet_l4_parse(pkt, &l4) || !l4.l4_len)
		return -EINVAL;
	switch (type) {
	case FDNET_GSO_TCPV4:
		return l4.version == 4 && l4.proto == FDNET_PROTO_TCP ? 0
								      : -EINVAL;
	case FDNET_GSO_TCPV6:
		return l4.version == 6 && l4.proto == FDNET_PROTO_TCP ? 0
								      : -EINVAL;
	case FDNET_GSO_UDP_L4:
		return l4.proto == FDNET_PROTO_UDP ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

int fdnet_vnet_decode(const uint8_t *src, uint32_t eth_len, struct fdnet_pkt *pkt)
{
	uint8_t type = src[1] & (uint8_t)~GSO_ECN;
	uint16_t gso_size = get_le16(src + 4);
	uint32_t start = get_le16(src + 6), offset = get_le16(src + 8);

	if (src[0] & F_NEEDS_CSUM && (start < eth_len + MIN_IP_HDR ||
				      start - eth_len + offset + 2 > pkt->len))
		return -EINVAL;
	if (type && (!gso_size || decode_gso(type, pkt)))
		return -EINVAL;
	if (type) {
		pkt->gso_type = type;
		pkt->gso_size = gso_size;
	}
	if (src[0] & F_NEEDS_CSUM) {
		pkt->flags |= FDNET_PKT_CSUM_PARTIAL | FDNET_PKT_CSUM_TRUSTED;
		pkt->csum_start = (uint16_t)(start - eth_len);
		pkt->csum_offset = (uint16_t)offset;
	} else if (src[0] & F_DATA_VALID) {
		pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	}
	return 0;
}
