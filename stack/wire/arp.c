/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/arp.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"

/* Ethernet, IPv4, six and four bytes an address. */
static const uint8_t kind[6] = { 0, 1, 8, 0, 6, 4 };

int fdnet_arp_decode(const uint8_t *src, size_t len, struct fdnet_arp *ret_arp)
{
	uint16_t op;

	if (len < FDNET_ARP_LEN || memcmp(src, kind, sizeof(kind)))
		return -EBADMSG;
	op = fdnet_get16(src + 6);
	if (op != FDNET_ARP_REQUEST && op != FDNET_ARP_REPLY)
		return -EBADMSG;
	ret_arp->op = op;
	memcpy(ret_arp->sender_mac, src + 8, 6);
	memcpy(ret_arp->sender_ip, src + 14, 4);
	memcpy(ret_arp->target_mac, src + 18, 6);
	memcpy(ret_arp->target_ip, src + 24, 4);
	return 0;
}

void fdnet_arp_encode(uint8_t *dst, const struct fdnet_arp *arp)
{
	memcpy(dst, kind, sizeof(kind));
	fdnet_put16(dst + 6, arp->op);
	memcpy(dst + 8, arp->sender_mac, 6);
	memcpy(dst + 14, arp->sender_ip, 4);
	memcpy(dst + 18, arp->target_mac, 6);
	memcpy(dst + 24, arp->target_ip, 4);
}
