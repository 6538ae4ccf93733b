/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket (--control): fdnet-ctl(1) asks, and each question gets
 * one answer at once. Nothing is kept for a client between two questions.
 */
#ifndef RELAY_CTL_H
#define RELAY_CTL_H

#include "relay/relay.h"

/** ctl_open - listen at --control. 0, or a negative errno after a line on
 * standard error */
int ctl_open(struct relay *relay);
void ctl_close(struct relay *relay);

/** ctl_listen_event, ctl_event - handlers of SOURCE_CTL_LISTEN, SOURCE_CTL */
void ctl_listen_event(struct relay *relay);
void ctl_event(struct relay *relay, struct source *src, uint32_t events);

struct state;
/** ctl_state - the control socket, and who is connected to it (state.h) */
void ctl_state(struct state *st);

#endif
