/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's channel (doc/protocol.md, section 7): "ready" when we are,
 * "finish" from it, "done" when the summary is printed.
 */
#ifndef RELAY_STATUS_H
#define RELAY_STATUS_H

#include "relay/relay.h"

/** status_open - wait for the launcher's messages. 0 or a negative errno,
 * after a line on standard error */
int status_open(struct relay *relay);
/** status_ready - tell it that we are ready */
void status_ready(struct relay *relay);
/**
 * status_descriptors - how many descriptors this process has
 *
 * Without /proc, which the filter keeps shut. Those far above all that were
 * ever waited for are not looked for.
 */
unsigned int status_descriptors(const struct relay *relay);

/** status_event - SOURCE_STATUS' handler */
void status_event(struct relay *relay);
/** status_finish - nothing is left to be read: print the summary, say "done" */
void status_finish(struct relay *relay);
void status_close(struct relay *relay);

/** status_moved - tell the launcher that another relay goes on */
void status_moved(struct relay *relay);

struct state;
/** status_state - the launcher's channel, except a service's (state.h) */
void status_state(struct state *st);

#endif
