/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/ipv4.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"

#define IPV4_DF 0x4000
#define IPV4_MF 0x2000
#define IPV4_OFFSET 0x1fff

int fdnet_ipv4_decode(const uint8_t *src, size_t len,
		      struct fdnet_ipv4 *ret_hdr)
{
	unsigned int hdr_len;
	uint16_t frag;

	if (len < FDNET_IPV4_MIN_LEN || src[0] >> 4 != 4)
		return -EBADMSG;
	hdr_len = (src[0] & 15u) * 4;
	if (hdr_len < FDNET_IPV4_MIN_LEN || hdr_len > len)
		return -EBADMSG;
	frag = fdnet_get16(src + 6);
	ret_hdr->hdr_len = (uint8_t)hdr_len;
	ret_hdr->tos = src[1];
	ret_hdr->total_len = fdnet_get16(src + 2);
	ret_hdr->ident = fdnet_get16(src + 4);
	ret_hdr->offset = (uint16_t)((frag & IPV4_OFFSET) * 8);
	ret_hdr->df = frag & IPV4_DF;
	ret_hdr->mf = frag & IPV4_MF;
	ret_hdr->ttl = src[8];
	ret_hdr->proto = src[9];
	memcpy(ret_hdr->src, src + 12, 4);
	memcpy(ret_hdr->dst, src + 16, 4);
	return 0;
}

bool fdnet_ipv4_csum_ok(const uint8_t *src, uint8_t hdr_len)
{
	return fdnet_csum_fold(fdnet_csum_add(0, src, hdr_len)) == 0xffff;
}

void fdnet_ipv4_set_csum(uint8_t *hdr, uint8_t hdr_len)
{
	memset(hdr + 10, 0, 2);
	fdnet_csum_store(hdr + 10, fdnet_csum_add(0, hdr, hdr_len));
}

void fdnet_ipv4_encode(uint8_t *dst, const struct fdnet_ipv4 *hdr)
{
	uint16_t frag = hdr->offset / 8;

	if (hdr->df)
		frag |= IPV4_DF;
	if (hdr->mf)
		frag |= IPV4_MF;
	dst[0] = (uint8_t)(0x40 | hdr->hdr_len / 4);
	dst[1] = hdr->tos;
	fdnet_put16(dst + 2, hdr->total_len);
	fdnet_put16(dst + 4, hdr->ident);
	fdnet_put16(dst + 6, frag);
	dst[8] = hdr->ttl;
	dst[9] = hdr->proto;
	memcpy(dst + 12, hdr->src, 4);
	memcpy(dst + 16, hdr->dst, 4);
	fdnet_ipv4_set_csum(dst, FDNET_IPV4_MIN_LEN);
}

int fdnet_ipv4_next_option(const uint8_t *hdr, uint8_t hdr_len, uint8_t *pos,
			   uint8_t *ret_type, uint8_t *ret_len)
{
	uint8_t type, len = 1;

	if (*pos >= hdr_len)
		return 0;
	type = hdr[*pos];
	if (type == FDNET_IPV4_OPT_END)
		return 0;
	if (type != FDNET_IPV4_OPT_NOP) {
		if (*pos + 1 >= hdr_len)
			return -EBADMSG;
		len = hdr[*pos + 1];
		if (len < 2 || len > hdr_len - *pos)
			return -EBADMSG;
	}
	*ret_type = type;
	*ret_len = len;
	*pos = (uint8_t)(*pos + len);
	return 1;
}
