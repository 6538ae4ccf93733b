/* SPDX-License-Identifier: Apache-2.0 */
/* From a stack to its link, for the two programs that join them. */
#ifndef STACK_LINK_OUT_H
#define STACK_LINK_OUT_H

#include <fdnet/stack.h>

#include "endpoint/link.h"

/**
 * fdnet_stack_send - hand the link what the stack has to say, a batch of it
 *
 * Returns 1 when there may be more, 0 when that was all; -EAGAIN when the link
 * is full (what it did not take comes next); -EPIPE or -ECONNRESET when the
 * peer is gone.
 */
int fdnet_stack_send(struct fdnet_stack *stack, struct fdnet_link *link);

#endif
