/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP header and options: bytes to struct and back. RFC 9293 3.1, 3.2;
 * RFC 7323 (window scale, timestamps), RFC 2018 (SACK).
 */
#ifndef STACK_WIRE_TCP_H
#define STACK_WIRE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDNET_TCP_HDR_MIN  20
#define FDNET_TCP_HDR_MAX  60
#define FDNET_TCP_SACK_MAX 4
#define FDNET_TCP_COOKIE_MIN 4
#define FDNET_TCP_COOKIE_MAX 16
/* Larger shifts are taken as this one (RFC 7323 2.3). */
#define FDNET_TCP_WSCALE_MAX  14
#define FDNET_TCP_WSCALE_NONE 0xff

enum fdnet_tcp_flag {
	FDNET_TH_FIN = 0x01,
	FDNET_TH_SYN = 0x02,
	FDNET_TH_RST = 0x04,
	FDNET_TH_PSH = 0x08,
	FDNET_TH_ACK = 0x10,
	FDNET_TH_URG = 0x20,
	FDNET_TH_ECE = 0x40,
	FDNET_TH_CWR = 0x80,
};

/* One block of a SACK option: [start, end). */
struct fdnet_tcp_range {
	uint32_t start, end;
};

/**
 * struct fdnet_tcp_fo - a fast open option (RFC 7413 4.1.1)
 * @present:  there is one; without a cookie it asks for one
 * @exp:      in the experimental form, as before the RFC
 */
struct fdnet_tcp_fo {
	bool present, exp;
	uint8_t len;
	uint8_t cookie[FDNET_TCP_COOKIE_MAX];
};

/**
 * struct fdnet_tcp_hdr - a decoded header
 * @hdr_len:  bytes with options; ignored by encode
 * @wnd:      as on the wire, not scaled
 * @mss:      0: no such option
 * @wscale:   FDNET_TCP_WSCALE_NONE: no such option; at most 14
 * @nsack:    used entries of @sack
 */
struct fdnet_tcp_hdr {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t hdr_len;
	uint8_t flags; /* enum fdnet_tcp_flag */
	uint16_t wnd;
	uint16_t urg;
	uint16_t mss;
	uint8_t wscale;
	bool sack_ok;
	bool has_ts;
	uint8_t nsack;
	uint32_t ts_val, ts_ecr;
	struct fdnet_tcp_range sack[FDNET_TCP_SACK_MAX];
	struct fdnet_tcp_fo fo; /* with SYN only */
};

/**
 * fdnet_tcp_hdr_decode - read a header
 * @src, @len:  the segment, at least its linear part
 * @ret_hdr:    written on success
 *
 * Unknown options are skipped; a broken option ends the list, as everybody
 * does. MSS, window scale and SACK-permitted count only with SYN.
 * Returns 0 or -EBADMSG (shorter than it says, or header length < 20).
 */
int fdnet_tcp_hdr_decode(const uint8_t *src, size_t len,
			 struct fdnet_tcp_hdr *ret_hdr);

/** fdnet_tcp_hdr_size - bytes that encode will write, a multiple of 4 */
uint32_t fdnet_tcp_hdr_size(const struct fdnet_tcp_hdr *hdr);

/**
 * fdnet_tcp_hdr_encode - write a header, its checksum zero
 * @dst:  fdnet_tcp_hdr_size() bytes
 *
 * Options stand in the order Linux uses. SACK blocks must fit: with
 * timestamps at most 3. Returns the bytes written.
 */
uint32_t fdnet_tcp_hdr_encode(uint8_t *dst, const struct fdnet_tcp_hdr *hdr);

/* Sequence numbers are compared with these only (RFC 9293 3.4). */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_geq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

#endif
