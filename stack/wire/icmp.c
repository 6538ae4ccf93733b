/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/icmp.h"

#include <errno.h>

#include "stack/wire/bytes.h"

int fdnet_icmp_decode(const uint8_t *src, size_t len,
		      struct fdnet_icmp *ret_hdr)
{
	if (len < FDNET_ICMP_LEN)
		return -EBADMSG;
	ret_hdr->type = src[0];
	ret_hdr->code = src[1];
	ret_hdr->rest = fdnet_get32(src + 4);
	return 0;
}

void fdnet_icmp_encode(uint8_t *dst, const struct fdnet_icmp *hdr)
{
	dst[0] = hdr->type;
	dst[1] = hdr->code;
	fdnet_put16(dst + 2, 0);
	fdnet_put32(dst + 4, hdr->rest);
}
