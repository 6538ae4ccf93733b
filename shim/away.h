/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of sockets that were handed over: the stack, which has leased them, is
 * not to choose them for others as long as somebody has them.
 *
 * How it works: nobody tells when the last holder of such a socket has closed
 * it. Beyond a number, each that is added makes the oldest be looked at: of a
 * bound one the relay's registry knows, and a connection's is given free again
 * then, as it is found by both its ends.
 *
 * All under the shim's lock.
 */
#ifndef SHIM_AWAY_H
#define SHIM_AWAY_H

#include <stdbool.h>
#include <stdint.h>

/**
 * shim_away_add - a socket goes
 * @proto:  others than 6 and 17 have no ports
 * @port:   0: none
 * @bound:  the registry knows it
 */
void shim_away_add(uint16_t proto, uint16_t port, bool bound);

/** shim_away_look - after that: are the oldest still away? Asks the relay, and
 * releases the lock meanwhile */
void shim_away_look(void);

/** shim_away_after_fork - in the child: the stack is gone */
void shim_away_after_fork(void);

#endif
