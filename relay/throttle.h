/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast one sender may make us work by messages: links' control messages,
 * the attach channel, node channels and users of the control socket.
 *
 * How it works: each message takes from the sender's bucket. A sender whose
 * bucket is empty is not read from until there is something in it again; its
 * messages wait in its own socket, and then it waits itself. Nothing is lost,
 * and others do not notice. Who hangs up is read to the end at once: no more
 * than the socket's buffer can be left.
 */
#ifndef RELAY_THROTTLE_H
#define RELAY_THROTTLE_H

#include "relay/bucket.h"
#include "relay/loop.h"

struct relay;

/**
 * struct throttle - embedded beside the sender's source
 * @src:         of the sender
 * @events:      it is waited for with, when it is read from
 * @until_us:    it is not read from before
 * @is_stopped:  stands in the relay's list
 */
struct throttle {
	struct bucket bucket;
	struct source *src;
	uint32_t events;
	uint64_t until_us;
	bool is_stopped;
	struct throttle *prev, *next;
};

/**
 * throttle_init - a sender with a full bucket
 * @rate:    messages a second; as many may come at once
 * @events:  of @src, while it is read from
 */
void throttle_init(struct throttle *throttle, struct relay *relay,
		   struct source *src, uint64_t rate, uint32_t events);
/** throttle_change - another rate from now on */
void throttle_change(struct throttle *throttle, struct relay *relay,
		     uint64_t rate);
/** throttle_done - the sender is gone */
void throttle_done(struct relay *relay, struct throttle *throttle);

/** throttle_spend - a message was taken */
void throttle_spend(struct relay *relay, struct throttle *throttle);

/**
 * throttle_holds - is the sender to be left alone for now?
 * @events:  it is ready for: a hang-up lets the rest through
 *
 * Ask before each turn of reading, and after the last: this is what stops it.
 */
bool throttle_holds(struct relay *relay, struct throttle *throttle,
		    uint32_t events);

/** throttle_advance - read again from those whose time has come */
void throttle_advance(struct relay *relay);
/** throttle_expiry - when that is, or FDNET_NEVER */
uint64_t throttle_expiry(const struct relay *relay);

#endif
