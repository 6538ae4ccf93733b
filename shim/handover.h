/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing a socket over to the relay (D3): when more than one process can see
 * it, or when this one is about to go.
 *
 * How it works: the relay is asked to hold the flow; when its answer has come,
 * everything sent to us before has come too. What the stack still has to send
 * is sent, the socket is saved and forgotten, and the relay takes its state
 * and end B of the placeholder. From then on calls on A are the kernel's, and
 * questions about the socket go over the node channel.
 *
 * All under the shim's lock, which is released while the answer is waited for.
 */
#ifndef SHIM_HANDOVER_H
#define SHIM_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/file.h"

/**
 * shim_handover - the relay is to have @file's socket
 *
 * Datagrams of a connected socket are bare on A, others have names.
 * Waits until other threads are done with naming it, or with the same.
 * Returns 0 (also when it has it already), -EOPNOTSUPP (no relay, or a socket
 * that stays: pump it here), -ENETDOWN, -ECONNRESET (lost on the way).
 */
int shim_handover(struct shim_file *file);

/** shim_handover_listeners - what children will use without asking: before a
 * fork */
void shim_handover_listeners(void);

/** shim_handover_shared - what others may hold: before this process ends */
void shim_handover_shared(void);

/**
 * shim_handover_resets - does the last close of @file reset somebody?
 *
 * A connection with data unread (RFC 2525 2.17), or a listener that has
 * connections nobody accepted.
 */
bool shim_handover_resets(const struct shim_file *file);

#endif
