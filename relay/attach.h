/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How guests get in (doc/protocol.md, sections 1 and 6): an attach channel
 * carries ATTACH messages, each with our end of a new link. The channel is
 * given by --attach-fd; in a service it is the sandbox's connection.
 */
#ifndef RELAY_ATTACH_H
#define RELAY_ATTACH_H

#include "relay/relay.h"

/** attach_open - the channel that the options name, and where others of the
 * sandbox connect for one of their own. 0, or a
 * negative errno after a line on standard error */
int attach_open(struct relay *relay);
/** attach_close - close them */
void attach_close(struct relay *relay);

/** attach_channel_event - SOURCE_CHANNEL's handler */
void attach_channel_event(struct relay *relay, struct source *src,
			  uint32_t events);

/** attach_share_event - SOURCE_SHARE's handler */
void attach_share_event(struct relay *relay);

/**
 * attach_check - is this fd fit to be a link?
 *
 * Returns 0, -EINVAL (no SEQPACKET socket of AF_UNIX), or another errno.
 */
int attach_check(int fd);

struct state;
/** attach_state - the attach channels (state.h) */
void attach_state(struct state *st);

#endif
