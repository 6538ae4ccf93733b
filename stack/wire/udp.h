/* SPDX-License-Identifier: Apache-2.0 */
/* The UDP header (RFC 768). */
#ifndef STACK_WIRE_UDP_H
#define STACK_WIRE_UDP_H

#include <stddef.h>
#include <stdint.h>

#define FDNET_UDP_LEN 8
#define FDNET_UDP_CSUM_OFFSET 6

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
