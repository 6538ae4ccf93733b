/* SPDX-License-Identifier: Apache-2.0 */
/* The UDP header (RFC 768), and UDP-Lite's (RFC 3828). */
#ifndef STACK_WIRE_UDP_H
#define STACK_WIRE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/wire/icmp.h"

#define FDNET_UDP_LEN 8
#define FDNET_UDP_LEN_OFFSET  4
#define FDNET_UDP_CSUM_OFFSET 6

/** fdnet_is_udp - UDP or UDP-Lite: the same header, but that the length is the
 * checksum's coverage in the latter; each has ports of its own */
static inline bool fdnet_is_udp(int proto)
{
	return proto == FDNET_PROTO_UDP || proto == FDNET_PROTO_UDPLITE;
}

/** fdnet_has_ports - is it one of those that the relay keeps ports of? */
static inline bool fdnet_has_ports(int proto)
{
	return proto == FDNET_PROTO_TCP || fdnet_is_udp(proto);
}

/**
 * struct fdnet_udp - a UDP header
 * @len:   header and payload; 0: what IP says (bursts above 65535 bytes)
 * @csum:  as it lies in memory; 0: none
 */
struct fdnet_udp {
	uint16_t sport, dport;
	uint16_t len;
	uint16_t csum;
};

/** fdnet_udp_decode - 0, or -EBADMSG (fewer than 8 bytes) */
int fdnet_udp_decode(const uint8_t *src, size_t len,
		     struct fdnet_udp *ret_hdr);
/** fdnet_udp_encode - write 8 bytes */
void fdnet_udp_encode(uint8_t *dst, const struct fdnet_udp *hdr);

#endif
