/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071) over bytes and packets, and as much of the
 * IP and TCP headers as bursts need: splitting, merging, completing sums.
 */
#ifndef ENDPOINT_SUM_H
#define ENDPOINT_SUM_H

#include <stdbool.h>
#include <stddef.h>

#include <fdnet/packet.h>

#define FDNET_PROTO_TCP 6
#define FDNET_PROTO_UDP 17

/**
 * fdnet_sum_bytes - ones' complement sum of bytes
 * @sum:  of what came before, an even number of bytes
 *
 * Returns the sum in memory order, not folded.
 */
uint64_t fdnet_sum_bytes(const void *src, size_t len, uint64_t sum);

/** fdnet_sum_fold - to 16 bits, not inverted */
uint16_t fdnet_sum_fold(uint64_t sum);

/** fdnet_sum_pkt - sum of a packet's bytes from @offset to its end */
uint64_t fdnet_sum_pkt(const struct fdnet_pkt *pkt, uint32_t offset,
		       uint64_t sum);

/**
 * fdnet_sum_complete - do what FDNET_PKT_CSUM_PARTIAL leaves to others
 *
 * Returns 0, or -EINVAL when the field is not in the linear part.
 */
int fdnet_sum_complete(struct fdnet_pkt *pkt);

/**
 * struct fdnet_l4 - where things are in a TCP or UDP packet
 * @version:    4 or 6
 * @proto:      FDNET_PROTO_TCP or FDNET_PROTO_UDP
 * @fragment:   only a part; ports are not to be trusted
 * @plain:      no IPv4 options, no IPv6 extension headers
 * @l3_len, @l4_len:  header bytes; l4_len is 0 when the header is not whole
 */
struct fdnet_l4 {
	uint8_t version;
	uint8_t proto;
	bool fragment;
	bool plain;
	uint16_t l3_len;
	uint16_t l4_len;
};

/** fdnet_l4_parse - look into the linear part; false: no IP packet */
bool fdnet_l4_parse(const struct fdnet_pkt *pkt, struct fdnet_l4 *ret_l4);

/** fdnet_l4_pseudo - sum of the pseudo header for @len transport bytes */
uint64_t fdnet_l4_pseudo(const uint8_t *ip, const struct fdnet_l4 *l4,
			 uint32_t len);

/** fdnet_l4_csum_offset - of the checksum field in the transport header */
static inline uint16_t fdnet_l4_csum_offset(const struct fdnet_l4 *l4)
{
	return l4->proto == FDNET_PROTO_TCP ? 16 : 6;
}

/**
 * fdnet_l4_finish - lengths and sums after the payload changed
 * @partial:  leave the transport sum to be completed (CSUM_PARTIAL)
 *
 * Sets the IP length and, for IPv4, its checksum, UDP's length, and the
 * transport checksum.
 */
void fdnet_l4_finish(struct fdnet_pkt *pkt, const struct fdnet_l4 *l4,
		     bool partial);

/**
 * fdnet_flow_hash - the same for both directions of a flow
 * @key:  makes it unpredictable
 *
 * Addresses and ports; only addresses for fragments and other protocols.
 * Returns 0 for what is no IP packet, and only for that.
 */
uint32_t fdnet_flow_hash(const struct fdnet_pkt *pkt, uint64_t key);

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v);
}

#endif
