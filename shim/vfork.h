/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfork(): the child runs in its parent's memory with descriptors of its own,
 * while the parent's other threads go on opening and closing theirs.
 *
 * How it works: what the program that the child will start is most likely to
 * inherit is handed over before. What else it has made its own by dup2(), or
 * finds inherited, only a thread of the parent's can hand over: numbers of ours
 * mean nothing among the child's descriptors, or something else. So there is a
 * helper (helper.h) whenever a socket is left with the parent, and the child
 * asks it and waits; it never drives the stack itself. Where no thread could be
 * made, or the parent did not come by here (a system call of its own), it does
 * what it can.
 *
 * The child waits for the helper alone, which waits for the relay and for other
 * threads' hand-overs; none of them waits for the child's parent.
 */
#ifndef SHIM_VFORK_H
#define SHIM_VFORK_H

#include <stdbool.h>

/** shim_vfork_prepare - in the parent, before; not under the lock */
void shim_vfork_prepare(void);

/** shim_vfork_ask - in the child, before its exec: what the program is to have
 * is handed over. False: there is no helper. Not under the lock */
bool shim_vfork_ask(void);

/** shim_vfork_asks - does a child wait? */
bool shim_vfork_asks(void);

/** shim_vfork_serve - in a thread of the parent's: do what was asked. Under the
 * lock, which is released meanwhile */
void shim_vfork_serve(void);

/** shim_vfork_after_fork - in a child of fork(): nobody asks */
void shim_vfork_after_fork(void);

#endif
