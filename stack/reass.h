/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly of IPv4 and IPv6 fragments (RFC 791, RFC 8200 4.5, RFC 5722).
 *
 * How it works: a datagram under way owns one payload buffer, large enough
 * for any datagram, into which fragments are copied, and a sorted list of the
 * ranges that are there. A fragment inside what is there already is a
 * duplicate and ignored; one that overlaps partly kills the datagram (RFC
 * 5722; Linux does so for IPv4 too). Limits: limits.reassembly datagrams (the
 * oldest gives way), FDNET_REASS_RANGES gaps in one, 30 s for IPv4, 60 s for
 * IPv6.
 */
#ifndef STACK_REASS_H
#define STACK_REASS_H

#include "stack/internal.h"

#define FDNET_REASS_RANGES 64
#define FDNET_REASS_V4_US 30000000
#define FDNET_REASS_V6_US 60000000

struct fdnet_reass_range {
	uint32_t start, end;
};

/* A datagram under way; unused while @buf is NULL. */
struct fdnet_reass_entry {
	struct fdnet_ip src, dst;
	uint32_t ident;
	uint8_t proto; /* of the fragments' headers; 44 for IPv6 */
	uint16_t frag_max; /* bytes of the largest fragment's packet */
	uint8_t ecns; /* a bit for each of the four that was seen */
	bool trusted; /* each fragment had FDNET_PKT_CSUM_TRUSTED */
	uint16_t hdr_len; /* of the first fragment's header; 0: not yet here */
	uint8_t hdr[256];
	uint8_t next; /* protocol above */
	struct fdnet_buf *buf;
	uint32_t total; /* bytes of payload, 0: not known yet */
	uint32_t nranges;
	struct fdnet_reass_range ranges[FDNET_REASS_RANGES];
	uint64_t started_us, expiry_us;
};

struct fdnet_reass {
	struct fdnet_reass_entry *entries; /* allocated on first use */
	unsigned int used;
	struct fdnet_timer timer;
};

/**
 * struct fdnet_reass_frag - one fragment
 * @ident, @proto:  with the addresses: what it belongs to
 * @offset, @mf:    place; bytes
 * @next:           protocol above (IPv6: from the first fragment's header)
 * @hdr, @hdr_len:  the header to put in front, from the first fragment
 */
struct fdnet_reass_frag {
	struct fdnet_ip src, dst;
	uint32_t ident;
	uint8_t proto;
	uint8_t tos;
	uint16_t offset;
	bool mf;
	uint8_t next;
	const uint8_t *hdr;
	uint16_t hdr_len;
};

int fdnet_reass_init(struct fdnet_stack *stack);
void fdnet_reass_done(struct fdnet_stack *stack);

/**
 * fdnet_reass_add - take one fragment
 * @pkt:  pkt->data stands at the fragment's payload; taken
 *
 * Returns the whole packet when this was the missing piece: its header as
 * the first fragment had it (length, offset and next header to be set by the
 * caller), data at the header, @ret_next the protocol above, in user[0] the
 * bytes of the largest fragment; else NULL.
 */
struct fdnet_pkt *fdnet_reass_add(struct fdnet_stack *stack,
				  struct fdnet_pkt *pkt,
				  const struct fdnet_reass_frag *frag,
				  uint8_t *ret_next);

#endif
