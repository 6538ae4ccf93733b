/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/udp.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"

int fdnet_udp_decode(const uint8_t *src, size_t len, struct fdnet_udp *ret_hdr)
{
	if (len < FDNET_UDP_LEN)
		return -EBADMSG;
	ret_hdr->sport = fdnet_get16(src);
	ret_hdr->dport = fdnet_get16(src + 2);
	ret_hdr->len = fdnet_get16(src + 4);
	memcpy(&ret_hdr->csum, src + FDNET_UDP_CSUM_OFFSET, 2);
	return 0;
}

void fdnet_udp_encode(uint8_t *dst, const struct fdnet_udp *hdr)
{
	fdnet_put16(dst, hdr->sport);
	fdnet_put16(dst + 2, hdr->dport);
	fdnet_put16(dst + 4, hdr->len);
	memcpy(dst + FDNET_UDP_CSUM_OFFSET, &hdr->csum, 2);
}
