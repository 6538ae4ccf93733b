/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the processes of one LD_PRELOAD find each other without fdnet-run: a
 * shell starts a server and a client, and has no network itself.
 *
 * The first process to be preloaded chooses a name, which costs nothing, and
 * all it starts inherit it in FDNET_RELAY=meet:NAME. Who needs the network
 * connects to that abstract AF_UNIX name; where nobody listens, it listens
 * itself, and starts a relay that is given the listening socket.
 */
#ifndef SHIM_MEET_H
#define SHIM_MEET_H

#include <stdbool.h>
#include <stddef.h>

/**
 * shim_meet_init - take the name from FDNET_RELAY, or choose one
 * @relay:	FDNET_RELAY's value, "" if it is not set; borrowed for the call
 *
 * Return: whether processes meet by a name; false when FDNET_RELAY says
 * otherwise.
 */
bool shim_meet_init(const char *relay);

/** shim_meet_env - FDNET_RELAY's value for those this process starts; static */
const char *shim_meet_env(void);

/**
 * shim_meet - an attach channel to the relay of all, starting it if need be
 *
 * Another user's process that sits at the name is not trusted: then the relay
 * is this process's own. May take a moment; never more than 5 s.
 *
 * Return: a descriptor, the caller's, or a negative errno.
 */
int shim_meet(void);

#endif
