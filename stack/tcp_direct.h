/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of a connection in one stack: data handed to the reader without a
 * packet.
 *
 * How it works: while nothing is queued or on its way in one direction, that
 * direction's sequence numbers mean nothing but where the next byte will be.
 * The caller, who has both the writer's bytes and the reader's memory, copies
 * once and says how many; both ends then count on, as if these bytes had been
 * sent, acknowledged and read.
 */
#ifndef STACK_TCP_DIRECT_H
#define STACK_TCP_DIRECT_H

#include <stdint.h>

#include <fdnet/stack.h>

/* Bytes at most in one step. */
#define FDNET_TCP_DIRECT_MAX (1u << 24)

/* May data be handed over? */
enum fdnet_direct {
	FDNET_DIRECT_NEVER,  /* the other end is elsewhere, or has ended */
	FDNET_DIRECT_UNSENT, /* not while something is on its way */
	FDNET_DIRECT_UNREAD, /* when the reader has taken what came before */
	FDNET_DIRECT_FLUSH,  /* send the stack's output, and ask again */
	FDNET_DIRECT_NOW,
};

/**
 * fdnet_sock_direct - may what is written to @so next be handed over?
 * @ret_peer:  the other end, which is in this stack; not with
 *             FDNET_DIRECT_NEVER
 *
 * Holds until anything else is done with the stack.
 */
enum fdnet_direct fdnet_sock_direct(struct fdnet_sock *so,
				    struct fdnet_sock **ret_peer);

/** fdnet_sock_direct_pass - @len bytes went from @so to the reader of @peer,
 * which fdnet_sock_direct() has just named; 1 to FDNET_TCP_DIRECT_MAX */
void fdnet_sock_direct_pass(struct fdnet_sock *so, struct fdnet_sock *peer,
			    uint32_t len);

#endif
