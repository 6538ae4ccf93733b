/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/ipv6.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"

int fdnet_ipv6_decode(const uint8_t *src, size_t len,
		      struct fdnet_ipv6 *ret_hdr)
{
	if (len < FDNET_IPV6_LEN || src[0] >> 4 != 6)
		return -EBADMSG;
	ret_hdr->tclass = (uint8_t)(src[0] << 4 | src[1] >> 4);
	ret_hdr->flow = fdnet_get32(src) & 0xfffff;
	ret_hdr->payload_len = fdnet_get16(src + 4);
	ret_hdr->next = src[6];
	ret_hdr->hops = src[7];
	memcpy(ret_hdr->src, src + 8, 16);
	memcpy(ret_hdr->dst, src + 24, 16);
	return 0;
}

void fdnet_ipv6_encode(uint8_t *dst, const struct fdnet_ipv6 *hdr)
{
	fdnet_put32(dst, 6u << 28 | (uint32_t)hdr->tclass << 20 |
				 (hdr->flow & 0xfffff));
	fdnet_put16(dst + 4, hdr->payload_len);
	dst[6] = hdr->next;
	dst[7] = hdr->hops;
	memcpy(dst + 8, hdr->src, 16);
	memcpy(dst + 24, hdr->dst, 16);
}

int fdnet_ipv6_frag_decode(const uint8_t *src, size_t len,
			   struct fdnet_ipv6_frag *ret_hdr)
{
	uint16_t frag;

	if (len < FDNET_IPV6_FRAG_LEN)
		return -EBADMSG;
	frag = fdnet_get16(src + 2);
	ret_hdr->next = src[0];
	ret_hdr->offset = frag & 0xfff8;
	ret_hdr->mf = frag & 1;
	ret_hdr->ident = fdnet_get32(src + 4);
	return 0;
}

void fdnet_ipv6_frag_encode(uint8_t *dst, const struct fdnet_ipv6_frag *hdr)
{
	dst[0] = hdr->next;
	dst[1] = 0;
	fdnet_put16(dst + 2, (uint16_t)(hdr->offset | (hdr->mf ? 1 : 0)));
	fdnet_put32(dst + 4, hdr->ident);
}
