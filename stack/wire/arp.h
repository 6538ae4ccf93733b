/* SPDX-License-Identifier: Apache-2.0 */
/* ARP for IPv4 over Ethernet (RFC 826). */
#ifndef STACK_WIRE_ARP_H
#define STACK_WIRE_ARP_H

#include <stddef.h>
#include <stdint.h>

#define FDNET_ARP_LEN 28
#define FDNET_ETHERTYPE_IPV4 0x0800
#define FDNET_ETHERTYPE_ARP 0x0806
#define FDNET_ETHERTYPE_IPV6 0x86dd

enum fdnet_arp_op {
	FDNET_ARP_REQUEST = 1,
	FDNET_ARP_REPLY = 2,
};

struct fdnet_arp {
	uint16_t op;
	uint8_t sender_mac[6], sender_ip[4];
	uint8_t target_mac[6], target_ip[4];
};

/** fdnet_arp_decode - 0, or -EBADMSG (short; not IPv4 over Ethernet; an
 * operation other than the two) */
int fdnet_arp_decode(const uint8_t *src, size_t len,
		     struct fdnet_arp *ret_arp);
/** fdnet_arp_encode - write 28 bytes */
void fdnet_arp_encode(uint8_t *dst, const struct fdnet_arp *arp);

#endif
