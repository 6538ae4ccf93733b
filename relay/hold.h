/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows on their way from a guest's engine to the node's (doc/handover.md,
 * "Hand-over of a direct socket").
 *
 * How it works: HOLD names a flow. From there on packets of it that the link
 * would carry are kept, and the guest is told once all earlier ones are on
 * the link. With TAKE the flow moves: kept packets go to the node, and those
 * that still come for the guest after that follow them. A hold that nobody
 * takes ends after a while; its packets are dropped, and the guest, which has
 * its socket still or is dead, answers for it.
 */
#ifndef RELAY_HOLD_H
#define RELAY_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/guest.h"
#include "relay/head.h"
#include "stack/wire/control.h"

/* The names of a flow; @peer_port 0: whatever comes for the local name, a
 * listener's or a datagram socket's. */
struct hold_key {
	struct fdnet_ip local, peer;
	uint16_t local_port, peer_port;
	uint8_t proto;
};

/**
 * struct hold
 * @id:     of the request, @told: it was answered
 * @moved:  taken: packets go to the node now
 * @prev:   among those of its guest that have, or have not, moved, by age
 */
struct hold {
	struct guest *guest;
	struct hold_key key;
	uint32_t id;
	bool told, moved;
	uint64_t expiry_us;
	struct fdnet_pkt *pkts, *pkts_last;
	size_t bytes;
	struct hold *prev, *next;
	struct hold *name_prev, *name_next; /* without a peer */
	UT_hash_handle hh;		    /* the others */
};

/** hold_any - is there anything that hold_catch() might want? */
static inline bool hold_any(const struct guest *guest)
{
	return guest->holds.age[false] || guest->holds.age[true];
}

/** hold_new - HOLD was asked. 0, -ENOBUFS (LIMIT_HOLDS), -ENOMEM */
int hold_new(struct guest *guest, const struct fdnet_ctl *ctl);

/** hold_end - UNHOLD: the guest's flow did not move; what was kept is its */
void hold_end(struct guest *guest, const struct fdnet_ctl *ctl);

/** hold_find - the hold of a flow, whoever has it; NULL: none */
struct hold *hold_find(struct relay *relay, uint8_t proto,
		       const struct fdnet_name *local,
		       const struct fdnet_name *peer);

/** hold_catch - is this packet for the guest of a held flow? Then taken */
bool hold_catch(struct guest *guest, struct fdnet_pkt *pkt);

/** hold_release - the flow has moved to the node: so do its packets */
void hold_release(struct hold *hold);

/** hold_free_all - drop a guest's, and what they keep */
void hold_free_all(struct guest *guest);

/** hold_expiry - when hold_advance() is due for the guest, or FDNET_NEVER */
uint64_t hold_expiry(const struct guest *guest);
/** hold_advance - end those that nobody took */
void hold_advance(struct guest *guest);

struct state;
/** hold_state - a guest's (state.h) */
void hold_state(struct state *st, struct guest *guest);

#endif
