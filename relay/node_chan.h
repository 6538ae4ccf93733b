/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Node channels: requests about pumped sockets, from any process of the
 * sandbox or from the supervisor (doc/handover.md, stack/wire/node.h).
 *
 * The end of a channel cancels what waits for an answer, nothing else. An
 * asker that does not read its answers loses its channel.
 */
#ifndef RELAY_NODE_CHAN_H
#define RELAY_NODE_CHAN_H

#include "relay/node.h"
#include "stack/wire/node.h"

struct node_chan;

/**
 * node_chan_new - a channel has been attached
 * @fd:   our end; taken on success
 * @pid:  as claimed
 *
 * Returns 0, -ENOBUFS (LIMIT_NODE_CHANNELS), or what node_get() said.
 */
int node_chan_new(struct relay *relay, int fd, uint32_t pid);

/** node_chan_event - SOURCE_NODE_CHAN's handler */
void node_chan_event(struct relay *relay, struct source *src, uint32_t events);

/** node_chan_answer - an answer, now or later */
void node_chan_answer(struct node_chan *chan,
		      const struct fdnet_node_ans *ans);

/** node_chan_limit - requests a second from each of them, from now on */
void node_chan_limit(struct node *node, uint64_t rate);

/** node_chan_end_all - close them; the node is about to be freed */
void node_chan_end_all(struct node *node);

struct state;
struct fdnet_save;
/** node_chans_state - all channels (state.h). node_chan_number - which of them
 * is it, from 1; 0: NULL; node_chan_numbered - walks the number of one */
void node_chans_state(struct state *st, struct node *node);
uint32_t node_chan_number(const struct node *node,
			  const struct node_chan *chan);
struct node_chan *node_chan_numbered(struct node *node, struct fdnet_save *s,
				     uint32_t number);

#endif
