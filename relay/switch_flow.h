/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections between two guests, as the switch sees them. Private to the
 * switch's files.
 *
 * A flow has two sides, 0 and 1, ordered by address and port. A side whose
 * guest is 0 has died: its FIN was sent for it, and the switch speaks for it
 * until the other side has closed too. A flow that will not last stands in
 * one of the table's @ending lists, which are ordered by time.
 */
#ifndef RELAY_SWITCH_FLOW_H
#define RELAY_SWITCH_FLOW_H

#include <stdbool.h>

#include "relay/hash.h"
#include "relay/switch.h"

/* A closed connection is remembered for retransmissions of its last ACK. */
#define SWITCH_CLOSED_US (30 * 1000000ull)
/* A FIN sent for a dead guest is repeated this often and this many times. */
#define SWITCH_FIN_US (1000000ull)
#define SWITCH_FIN_TRIES 60

struct switch_key {
	struct fdnet_ip ip[2];
	uint16_t port[2];
};

/**
 * struct switch_flow
 * @guest:   of each side, 0: it has died
 * @seen:    the side has sent something
 * @nxt:     the sequence number after the last one the side has sent
 * @start:   the sequence number after its SYN
 * @ack:     the last acknowledgment the side has sent, if @acked
 * @fin:     the side has sent its FIN, whose number is nxt - 1
 * @tries:   FINs sent for a dead side
 * @list, @expiry_us:  in which of the table's lists it stands, and until
 *           when; FDNET_NEVER: in none
 */
struct switch_flow {
	struct switch_key key;
	uint32_t guest[2];
	bool seen[2], acked[2], fin[2];
	uint32_t nxt[2], ack[2], start[2];
	unsigned int tries;
	enum switch_list list;
	uint64_t expiry_us;
	struct switch_flow *prev, *next;
	UT_hash_handle hh;
};

/** switch_flow_find - the flow of a segment; @ret_side sent it */
struct switch_flow *switch_flow_find(struct switch_table *sw,
				     const struct head *head,
				     unsigned int *ret_side);
/** switch_flow_new - for a SYN. 0, -ENOBUFS (LIMIT_SWITCH_FLOWS), -ENOMEM,
 * -EINVAL (both ends are the same) */
int switch_flow_new(struct switch_table *sw, uint32_t from, uint32_t to,
		    const struct head *head, uint64_t now_us);
void switch_flow_free(struct switch_table *sw, struct switch_flow *flow);
/** switch_flow_is_over - both sides have closed, or died */
bool switch_flow_is_over(const struct switch_flow *flow);
/** switch_flow_note - follow a segment that is passed on; may free @flow */
void switch_flow_note(struct switch_table *sw, struct switch_flow *flow,
		      unsigned int side, const struct head *head,
		      uint64_t now_us);
/** switch_flow_answer - a segment for a dead side; may free @flow */
void switch_flow_answer(struct switch_table *sw, struct switch_flow *flow,
			unsigned int side, const struct head *head,
			uint64_t now_us);

#endif
