/* SPDX-License-Identifier: Apache-2.0 */
/* How a process gets its link: doc/protocol.md, section 1. */
#ifndef SHIM_ATTACH_H
#define SHIM_ATTACH_H

#include <stdbool.h>

#include "stack/wire/control.h"

/** shim_attach_init - remember the environment; no system calls of note */
void shim_attach_init(void);

/**
 * shim_attach_plain - the link of FDNET_FD, and what FDNET_ADDR and FDNET_MTU
 * say in the place of a relay's WELCOME
 *
 * Returns the fd (not ours to close), -ENOENT when FDNET_FD is not set,
 * -ENETDOWN when it or the others are unusable.
 */
int shim_attach_plain(struct fdnet_welcome *ret_welcome);

/**
 * shim_attach_relay - a new link to the sandbox's relay
 *
 * Over the attach channel of FDNET_RELAY; without one a relay of our own is
 * started with the rules of FDNET_ALLOW.
 * Returns our end of the link, a high fd, or -ENETDOWN, -EMFILE, -ENOMEM.
 */
int shim_attach_relay(void);

/**
 * shim_attach_node - a new node channel (stack/wire/node.h)
 *
 * No relay is started for it. Returns our end, a high fd, or -ENETDOWN,
 * -EMFILE, -ENOMEM.
 */
int shim_attach_node(void);

/**
 * shim_attach_again - forget a channel that this process found by itself
 *
 * For a relay that ended in the moment between meeting and attaching: the
 * next shim_attach_relay() looks for one, or starts it, once more.
 * Returns whether there was such a channel.
 */
bool shim_attach_again(void);

/** shim_attach_known - is there a relay, or the way to one? */
bool shim_attach_known(void);

/** shim_attach_is_channel - is @fd the attach channel? */
bool shim_attach_is_channel(int fd);

/** shim_attach_env - the environment entries a new program needs: LD_PRELOAD
 * and FDNET_RELAY as "NAME=value", two at most, then NULL. Any context. */
const char *const *shim_attach_env(void);

/** shim_attach_publish_env - see shim_net_publish_env() */
void shim_attach_publish_env(void);

#endif
