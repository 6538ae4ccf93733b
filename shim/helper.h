/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper thread (D6): goes on sending while every thread of the program
 * computes.
 *
 * It exists only in a process where a blocking socket was left with data
 * that the link or the peer's window did not take at once; programs that come
 * back to poll for themselves never get one. It sleeps unless such data are
 * left, and stays out of the way while one of the program's threads drives.
 */
#ifndef SHIM_HELPER_H
#define SHIM_HELPER_H

/** shim_helper_want - unsent data may be left behind; under the lock */
void shim_helper_want(void);

/** shim_helper_start - create the thread if it was wanted; not under the lock */
void shim_helper_start(void);

/** shim_helper_after_fork - in the child there is none */
void shim_helper_after_fork(void);

#endif
