/* SPDX-License-Identifier: Apache-2.0 */
/* The IPv4 header (RFC 791). */
#ifndef STACK_WIRE_IPV4_H
#define STACK_WIRE_IPV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDNET_IPV4_MIN_LEN 20
#define FDNET_IPV4_MAX_LEN 60

enum fdnet_ipv4_option {
	FDNET_IPV4_OPT_END = 0,
	FDNET_IPV4_OPT_NOP = 1,
	FDNET_IPV4_OPT_LSRR = 131,
	FDNET_IPV4_OPT_SSRR = 137,
};

/**
 * struct fdnet_ipv4 - an IPv4 header
 * @hdr_len:    bytes, 20..60
 * @total_len:  bytes; 0 where the link's length counts (FDNET_LINK_F_BIG)
 * @offset:     of this fragment, bytes
 */
struct fdnet_ipv4 {
	uint8_t hdr_len;
	uint8_t tos;
	uint16_t total_len;
	uint16_t ident;
	uint16_t offset;
	bool df, mf;
	uint8_t ttl;
	uint8_t proto;
	uint8_t src[4], dst[4];
};

/**
 * fdnet_ipv4_decode - read a header; its checksum is not looked at
 *
 * Returns 0, -EBADMSG (version, or a header length outside 20..@len).
 */
int fdnet_ipv4_decode(const uint8_t *src, size_t len,
		      struct fdnet_ipv4 *ret_hdr);

/** fdnet_ipv4_csum_ok - is the sum of these header bytes right? */
bool fdnet_ipv4_csum_ok(const uint8_t *src, uint8_t hdr_len);

/** fdnet_ipv4_encode - write 20 bytes, checksum included; @hdr->hdr_len
 * counts for the checksum only when it is 20: see fdnet_ipv4_set_csum() */
void fdnet_ipv4_encode(uint8_t *dst, const struct fdnet_ipv4 *hdr);

/** fdnet_ipv4_set_csum - compute the checksum of a header in place */
void fdnet_ipv4_set_csum(uint8_t *hdr, uint8_t hdr_len);

/**
 * fdnet_ipv4_next_option - walk the options
 * @hdr, @hdr_len:  the header
 * @pos:            in/out: 20 at first
 * @ret_type, @ret_len:  the option at the old @pos
 *
 * Returns 1, 0 at the end, -EBADMSG for a bad length (@pos stays there).
 */
int fdnet_ipv4_next_option(const uint8_t *hdr, uint8_t hdr_len, uint8_t *pos,
			   uint8_t *ret_type, uint8_t *ret_len);

#endif
