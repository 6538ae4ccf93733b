/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generic receive offload: TCP segments of one batch become bursts.
 *
 * How it works: the packets of a batch go through fdnet_gro_add() in order and
 * come out of fdnet_gro_flush() in order. A segment that continues the newest
 * packet held for its flow is appended to it; anything else becomes an entry
 * of its own, behind which its flow goes on. So the order within a flow is
 * kept, no timer is needed and nothing is held between batches.
 *
 * Merged are only segments that differ in nothing but sequence number, length,
 * identification, checksum, PSH and FIN, with a right checksum, without IP
 * options and fragments, and without SYN, RST, URG and CWR.
 */
#ifndef ENDPOINT_GRO_H
#define ENDPOINT_GRO_H

#include <stdbool.h>

#include <fdnet/packet.h>

#define FDNET_GRO_MAX 64 /* packets held */

struct fdnet_gro_entry {
	struct fdnet_pkt *pkt;
	uint32_t hash; /* 0: takes no more segments */
	uint32_t next_seq;
	uint16_t l3_len, l4_len;
	uint16_t segs;
};

struct fdnet_gro {
	unsigned int n;
	bool trusted; /* checksums need no check */
	struct fdnet_gro_entry entries[FDNET_GRO_MAX];
};

/**
 * fdnet_gro_add - take one packet of a batch; taken
 *
 * At most FDNET_GRO_MAX between two flushes. Returns true if it was merged.
 */
bool fdnet_gro_add(struct fdnet_gro *gro, struct fdnet_pkt *pkt);

/**
 * fdnet_gro_flush - what is held, by ->next, in order; the caller's
 */
struct fdnet_pkt *fdnet_gro_flush(struct fdnet_gro *gro);

#endif
