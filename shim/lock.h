/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's one lock, and the guard around every call.
 *
 * One lock guards everything the shim knows: stack, link, fd table, waiters.
 * It is held for short times only, never while blocking. No handler of the
 * program's runs while its thread is in a call of ours, so that it may call any
 * socket function, and leave by siglongjmp(). But a call does not block signals
 * to that end, which would cost two system calls: one that comes nevertheless
 * is put off by the handler that stands before the program's (signal.h). It is
 * sent again and blocked, with all the others, until the call is over or
 * sleeps. See doc/signals.md.
 */
#ifndef SHIM_LOCK_H
#define SHIM_LOCK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* What shim_enter() must undo; on the caller's stack. */
struct shim_guard {
	bool entered; /* by shim_enter(); else signals wait for the outer one */
	bool masked;
	uint64_t old_mask; /* kernel sigset; valid if masked */
};

/** shim_enter - put signals off from here on, take the lock */
void shim_enter(struct shim_guard *guard);

/** shim_leave - release the lock; what was put off comes now. Keeps errno. */
void shim_leave(struct shim_guard *guard);

/** shim_block_signals - the call is about to sleep: block signals until
 * shim_leave(), so that none gets lost between a last look and the sleep. One
 * that was put off is pending then. Nothing where there is no handler */
void shim_block_signals(struct shim_guard *guard);

/** shim_sleep_begin, shim_sleep_end - around a sleep that opens the mask: here
 * handlers may run; not under the lock */
void shim_sleep_begin(const struct shim_guard *guard);
void shim_sleep_end(const struct shim_guard *guard);

/**
 * shim_put_off - a handler has been called: is this the wrong moment?
 * @sig, @info, @context:  as the kernel gave them
 *
 * Returns true when its thread is within a call of ours: the signal will come
 * again, as it is, and the handler is to return at once. Never for faults and
 * SIGPROF. Safe in a signal handler, for which it is made.
 */
bool shim_put_off(int sig, siginfo_t *info, void *context);

/** shim_must_put_off - would shim_put_off() do so? */
bool shim_must_put_off(int sig);

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

/** shim_note_handler - the program installs a signal handler
 * @is_ours:  shim_put_off() is asked first, and can send the signal again in
 *            its place; otherwise calls block signals from now on */
void shim_note_handler(bool is_ours);

/** shim_note_confined - the program may no longer be able to send itself a
 * signal: as if there were handlers that are not ours */
void shim_note_confined(void);

#endif
