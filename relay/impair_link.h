/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impaired lines between a guest and its engine: which packets they take, and
 * where those go on. Only what leaves the sandbox is impaired.
 */
#ifndef RELAY_IMPAIR_LINK_H
#define RELAY_IMPAIR_LINK_H

#include "relay/guest.h"
#include "relay/head.h"

struct impair_path;

/** impair_any - does any rule, or --impair, ask for it? */
bool impair_any(const struct relay *relay);

/** impair_from - a packet from the guest, bound for its engine. true: taken */
bool impair_from(struct guest *guest, struct fdnet_pkt *pkt,
		 const struct head *head);
/** impair_to - a packet from the engine. true: taken */
bool impair_to(struct guest *guest, struct fdnet_pkt *pkt);

/** impair_advance - packets whose time has come go on */
void impair_advance(struct guest *guest);
/** impair_next - when impair_advance() is due, or FDNET_NEVER */
uint64_t impair_next(const struct guest *guest);

/**
 * impair_move - a flow has moved from one guest's engine to another's
 * @proto, @local, @peer:  the flow; @peer NULL: all from and to @local's port
 *
 * What is on its way follows, or it would come where nobody knows it.
 */
void impair_move(struct guest *from, struct guest *to, uint8_t proto,
		 const struct fdnet_name *local, const struct fdnet_name *peer);

/** impair_forget - all go on at once: the rules have changed
 * @drop:  or go nowhere: the guest has ended */
void impair_forget(struct guest *guest, bool drop);

struct state;
/** impair_state - a guest's lines, with what waits on them (state.h) */
void impair_state(struct state *st, struct guest *guest);

#endif
