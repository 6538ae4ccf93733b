/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's sockets as far as the relay knows them, for a guest that
 * shows /proc/net/tcp to its program (doc/protocol.md, SOCKET): claimed
 * ports, connections between guests, flows to and from the outside.
 *
 * Without state: the guest counts. What comes or goes meanwhile is missed or
 * seen twice, as when the kernel's file is read in pieces.
 */
#ifndef RELAY_SOCKLIST_H
#define RELAY_SOCKLIST_H

#include "relay/relay.h"
#include "stack/wire/control.h"

/**
 * socklist_get - one socket
 * @index:     0 for the first
 * @ret_reply: names, protocol and the kernel's state are written
 *
 * Returns 0; -EAGAIN: nothing to be shown, but there may be more; -ENOENT: no
 * more, or LIMIT_SOCKLIST, beyond which looking for it would cost too much.
 */
int socklist_get(struct relay *relay, uint32_t index,
		 struct fdnet_ctl *ret_reply);

#endif
