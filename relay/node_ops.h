/* SPDX-License-Identifier: Apache-2.0 */
/* What each request of a node channel does. */
#ifndef RELAY_NODE_OPS_H
#define RELAY_NODE_OPS_H

#include "relay/node.h"
#include "relay/pumped.h"
#include "stack/wire/node.h"

/* The answer follows later, by node_chan_answer(). */
#define NODE_OP_LATER 1

/**
 * node_op - do what a request says
 * @chan:   who is to be told later
 * @fds:    what came with it; those that are taken are set to -1
 * @ans:    written; its op, id and cookie are set
 * @value:  room for FDNET_NODE_VALUE_MAX bytes of the answer
 *
 * Returns 0, NODE_OP_LATER, or the negative errno to answer.
 */
int node_op(struct node *node, struct node_chan *chan, uint32_t pid,
	    const struct fdnet_node_req *req, int *fds,
	    struct fdnet_node_ans *ans, uint8_t *value);

/** node_check_pair - is the fd fit to be B of a socket of this type? 0,
 * -EBADF, -ENOTSOCK, -EINVAL */
int node_check_pair(int fd, uint8_t type);

#endif
