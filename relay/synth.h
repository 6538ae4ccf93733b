/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that the relay makes itself: refusals for what no guest owns, and
 * the last words of a guest that died. They carry full checksums.
 */
#ifndef RELAY_SYNTH_H
#define RELAY_SYNTH_H

#include <fdnet/packet.h>
#include <fdnet/stack.h>

#include "relay/head.h"

/* A bare TCP segment. */
struct synth_segment {
	struct fdnet_name src, dst;
	uint32_t seq, ack;
	uint8_t flags;
};

/** synth_tcp - a segment without options and payload; NULL: out of memory */
struct fdnet_pkt *synth_tcp(struct fdnet_pkt_pool *pool,
			    const struct synth_segment *segment);

/**
 * synth_reset - the RST that a kernel answers @head's segment with
 *
 * RFC 9293 3.10.7.1. NULL: out of memory, or it is a RST itself.
 */
struct fdnet_pkt *synth_reset(struct fdnet_pkt_pool *pool,
			      const struct head *head);

/**
 * synth_icmp - an ICMP message, over IPv6 an ICMPv6 one
 * @data, @len:  from its header on; the checksum is computed
 *
 * NULL: out of memory.
 */
struct fdnet_pkt *synth_icmp(struct fdnet_pkt_pool *pool,
			     const struct fdnet_ip *src,
			     const struct fdnet_ip *dst, const uint8_t *data,
			     uint32_t len);

/**
 * synth_header - the IP header of an ICMP message, to be quoted
 * @dst:  SYNTH_HDR_MAX bytes
 * @len:  of what follows it
 *
 * Returns its length.
 */
size_t synth_header(uint8_t *dst, const struct fdnet_ip *src,
		    const struct fdnet_ip *remote, uint32_t len);
#define SYNTH_HDR_MAX 40

enum synth_unreach {
	SYNTH_PORT,	  /* nobody there: ECONNREFUSED */
	SYNTH_PROHIBITED, /* a rule forbids it: EHOSTUNREACH */
};

/**
 * synth_unreachable - the ICMP error for a packet
 * @from:  who says so
 * @pkt:   the packet, its headers linear; quoted
 *
 * NULL: out of memory.
 */
struct fdnet_pkt *synth_unreachable(struct fdnet_pkt_pool *pool,
				    enum synth_unreach why,
				    const struct fdnet_ip *from,
				    const struct head *head,
				    const struct fdnet_pkt *pkt);

#endif
