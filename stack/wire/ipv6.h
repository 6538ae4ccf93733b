/* SPDX-License-Identifier: Apache-2.0 */
/* The IPv6 header and the fragment header (RFC 8200). */
#ifndef STACK_WIRE_IPV6_H
#define STACK_WIRE_IPV6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDNET_IPV6_LEN 40
#define FDNET_IPV6_FRAG_LEN 8

enum fdnet_ipv6_next {
	FDNET_IPV6_HOPOPTS = 0,
	FDNET_IPV6_ROUTING = 43,
	FDNET_IPV6_FRAGMENT = 44,
	FDNET_IPV6_NONE = 59,
	FDNET_IPV6_DSTOPTS = 60,
};

/**
 * struct fdnet_ipv6 - an IPv6 header
 * @payload_len:  bytes behind the 40; 0 where the link's length counts
 */
struct fdnet_ipv6 {
	uint8_t tclass;
	uint32_t flow;
	uint16_t payload_len;
	uint8_t next;
	uint8_t hops;
	uint8_t src[16], dst[16];
};

struct fdnet_ipv6_frag {
	uint8_t next;
	uint16_t offset; /* bytes */
	bool mf;
	uint32_t ident;
};

/** fdnet_ipv6_decode - 0, or -EBADMSG (version, fewer than 40 bytes) */
int fdnet_ipv6_decode(const uint8_t *src, size_t len,
		      struct fdnet_ipv6 *ret_hdr);
/** fdnet_ipv6_encode - write 40 bytes */
void fdnet_ipv6_encode(uint8_t *dst, const struct fdnet_ipv6 *hdr);
/** fdnet_ipv6_frag_decode - 0, or -EBADMSG (fewer than 8 bytes) */
int fdnet_ipv6_frag_decode(const uint8_t *src, size_t len,
			   struct fdnet_ipv6_frag *ret_hdr);
/** fdnet_ipv6_frag_encode - write 8 bytes */
void fdnet_ipv6_frag_encode(uint8_t *dst, const struct fdnet_ipv6_frag *hdr);

#endif
