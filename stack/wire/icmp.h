/* SPDX-License-Identifier: Apache-2.0 */
/* The ICMP header, types and codes (RFC 792, RFC 1122, RFC 4443). */
#ifndef STACK_WIRE_ICMP_H
#define STACK_WIRE_ICMP_H

#include <stddef.h>
#include <stdint.h>

#define FDNET_ICMP_LEN 8
#define FDNET_ICMP_CSUM_OFFSET 2

#define FDNET_PROTO_ICMP 1
#define FDNET_PROTO_IGMP 2
#define FDNET_PROTO_TCP 6
#define FDNET_PROTO_UDP 17
#define FDNET_PROTO_ICMP6 58
#define FDNET_PROTO_UDPLITE 136

enum fdnet_icmp_type {
	FDNET_ICMP_ECHO_REPLY = 0,
	FDNET_ICMP_UNREACH = 3,
	FDNET_ICMP_QUENCH = 4,
	FDNET_ICMP_REDIRECT = 5,
	FDNET_ICMP_ECHO = 8,
	FDNET_ICMP_TIME_EXCEEDED = 11,
	FDNET_ICMP_PARAM = 12,
};

/* Codes of FDNET_ICMP_UNREACH. */
enum fdnet_icmp_unreach {
	FDNET_ICMP_UNREACH_NET = 0,
	FDNET_ICMP_UNREACH_HOST = 1,
	FDNET_ICMP_UNREACH_PROTO = 2,
	FDNET_ICMP_UNREACH_PORT = 3,
	FDNET_ICMP_UNREACH_FRAG = 4,
	FDNET_ICMP_UNREACH_ADMIN = 13,
	FDNET_ICMP_UNREACH_MAX = 15,
	/* No standard has an error for it; between a gateway and a stack on a
	 * link that they know (lossless) it is "waited in vain": ETIMEDOUT.
	 * The same code for ICMPv6. */
	FDNET_ICMP_UNREACH_TIMED_OUT = 200,
	/* There too: a connection that stood has ended, and why; 201 and the
	 * place in the table of fdnet_tcp_end_code(). */
	FDNET_ICMP_UNREACH_ENDED = 201,
};

enum fdnet_icmp6_type {
	FDNET_ICMP6_UNREACH = 1,
	FDNET_ICMP6_TOO_BIG = 2,
	FDNET_ICMP6_TIME_EXCEEDED = 3,
	FDNET_ICMP6_PARAM = 4,
	FDNET_ICMP6_ECHO = 128,
	FDNET_ICMP6_ECHO_REPLY = 129,
};

/* Neighbour discovery (RFC 4861 4), and the bytes before its options. */
enum fdnet_nd_type {
	FDNET_ND_RS = 133,
	FDNET_ND_RA = 134,
	FDNET_ND_NS = 135,
	FDNET_ND_NA = 136,
	FDNET_ND_REDIRECT = 137,
};

#define FDNET_ND_LEN 24 /* solicitation, advertisement: with the target */
#define FDNET_ND_RA_LEN 16
#define FDNET_ND_REDIRECT_LEN 40

enum fdnet_nd_option {
	FDNET_ND_OPT_SOURCE = 1,
	FDNET_ND_OPT_TARGET = 2,
	FDNET_ND_OPT_PREFIX = 3,
	FDNET_ND_OPT_MTU = 5,
	FDNET_ND_OPT_ROUTE = 24, /* RFC 4191 2.3 */
};

/* Codes of FDNET_ICMP6_UNREACH. */
enum fdnet_icmp6_unreach {
	FDNET_ICMP6_UNREACH_ROUTE = 0,
	FDNET_ICMP6_UNREACH_ADMIN = 1,
	FDNET_ICMP6_UNREACH_ADDR = 3,
	FDNET_ICMP6_UNREACH_PORT = 4,
	FDNET_ICMP6_UNREACH_MAX = 6,
};

/**
 * struct fdnet_icmp - an ICMP or ICMPv6 header
 * @rest:  the second word: identifier and sequence number, MTU, pointer
 */
struct fdnet_icmp {
	uint8_t type, code;
	uint32_t rest;
};

/** fdnet_icmp_decode - 0, or -EBADMSG (fewer than 8 bytes) */
int fdnet_icmp_decode(const uint8_t *src, size_t len,
		      struct fdnet_icmp *ret_hdr);
/** fdnet_icmp_encode - write 8 bytes, the checksum zero */
void fdnet_icmp_encode(uint8_t *dst, const struct fdnet_icmp *hdr);

#endif
