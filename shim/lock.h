/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's one lock, and the guard around every call.
 *
 * One lock guards everything the shim knows: stack, link, fd table, waiters.
 * It is held for short times only, never while blocking. While it is held the
 * thread's asynchronous signals are blocked, so that a signal handler may call
 * any socket function; in a program that installed no handler nothing can
 * interrupt us, and the two system calls are saved.
 */
#ifndef SHIM_LOCK_H
#define SHIM_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* What shim_enter() must undo; on the caller's stack. */
struct shim_guard {
	bool masked;
	uint64_t old_mask; /* kernel sigset; valid if masked */
};

/** shim_enter - block signals if need be, take the lock */
void shim_enter(struct shim_guard *guard);

/** shim_leave - release the lock, restore signals. Keeps errno. */
void shim_leave(struct shim_guard *guard);

/** shim_unlock_only, shim_lock_only - the lock without the signals, for the
 * time of a blocking wait that restores the mask itself */
void shim_unlock_only(void);
void shim_lock_only(void);

/** shim_wake_later - FUTEX_WAKE on @word when the lock is released, so that who
 * wakes up does not find it held; under the lock. The memory must not be
 * unmapped then */
void shim_wake_later(uint32_t *word);

/** shim_lock_reset - in a fork child: the lock is free, whoever held it */
void shim_lock_reset(void);

/** shim_note_handler - the program installs a signal handler */
void shim_note_handler(void);

#endif
