/* SPDX-License-Identifier: Apache-2.0 */
/* DHCP messages (RFC 2131 2, RFC 2132), as far as a client needs them. */
#ifndef STACK_WIRE_DHCP_H
#define STACK_WIRE_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDNET_DHCP_CLIENT_PORT 68
#define FDNET_DHCP_SERVER_PORT 67
/* Bytes of the largest message that is made. */
#define FDNET_DHCP_MAX	300
#define FDNET_DHCP_DNS	3

enum fdnet_dhcp_type {
	FDNET_DHCP_DISCOVER = 1,
	FDNET_DHCP_OFFER,
	FDNET_DHCP_REQUEST,
	FDNET_DHCP_DECLINE,
	FDNET_DHCP_ACK,
	FDNET_DHCP_NAK,
	FDNET_DHCP_RELEASE,
};

/**
 * struct fdnet_dhcp_msg - a message; addresses in host order, 0: none
 * @type:       enum fdnet_dhcp_type
 * @requested:  option 50, only in what a client sends
 * @lease_s, @t1_s, @t2_s:  UINT32_MAX: for ever; 0: not told
 */
struct fdnet_dhcp_msg {
	uint8_t type;
	uint32_t xid;
	uint16_t secs;
	bool broadcast;
	uint8_t mac[6];
	uint32_t ciaddr, yiaddr;
	uint32_t server, requested;
	uint32_t mask, router;
	uint32_t dns[FDNET_DHCP_DNS];
	unsigned int ndns;
	uint32_t lease_s, t1_s, t2_s;
	uint16_t mtu;
};

/** fdnet_dhcp_encode - a client's message to @dst, FDNET_DHCP_MAX bytes.
 * Returns its length */
size_t fdnet_dhcp_encode(uint8_t *dst, const struct fdnet_dhcp_msg *msg);

/** fdnet_dhcp_decode - a server's message; @ret_msg is changed on success
 * only. 0, -EBADMSG */
int fdnet_dhcp_decode(const uint8_t *p, size_t len,
		      struct fdnet_dhcp_msg *ret_msg);

#endif
