/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a relay of our own, for LD_PRELOAD without a launcher. */
#ifndef SHIM_SPAWN_H
#define SHIM_SPAWN_H

/** shim_spawn_init - find out where the relay is, from environment and from
 * where this library lies */
void shim_spawn_init(void);

/** shim_spawn_rules - FDNET_ALLOW as it was at the start; static */
const char *shim_spawn_rules(void);

/**
 * shim_spawn_relay - start fdnet-relay with the rules of FDNET_ALLOW
 * @share:	a listening socket for others of the sandbox (meet.h), which
 *		stays the caller's, or -1
 *
 * The relay is no child of the program: no SIGCHLD, nothing for wait() to
 * find. It ends when the last process that uses it is gone.
 * Returns the guest's end of the attach channel, a high fd, or a negative
 * errno.
 */
int shim_spawn_relay(int share);

#endif
