/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper thread (D6): goes on sending while every thread of the program
 * computes.
 *
 * It exists only in a process where a blocking socket was left with data
 * that the link or the peer's window did not take at once, that has forked
 * with sockets (a child may ask for one), listens, or pumps for itself
 * (pump.h); programs that come back to poll for themselves never get
 * one. It sleeps unless there is such work, and leaves unsent data to the
 * program's threads while one of them drives.
 */
#ifndef SHIM_HELPER_H
#define SHIM_HELPER_H

#include <stdbool.h>

/** shim_helper_want - unsent data may be left behind; under the lock */
void shim_helper_want(void);

/** shim_helper_wake - pumped sockets need looking after; under the lock */
void shim_helper_wake(void);

/** shim_helper_prepare - a vfork() child may need it: there are a bell and, with
 * the next shim_helper_start(), a thread; under the lock */
void shim_helper_prepare(void);

/** shim_helper_watch - there is a listener: connections to it are made while
 * the program is busy elsewhere; under the lock */
void shim_helper_watch(void);

/** shim_helper_active - a thread of the program has waited, and drives; under
 * the lock */
void shim_helper_active(void);

/** shim_helper_runs - is there a helper thread? */
bool shim_helper_runs(void);

/** shim_helper_start - create the thread if it was wanted; not under the lock */
void shim_helper_start(void);

/** shim_helper_after_fork - in the child there is none */
void shim_helper_after_fork(void);

#endif
