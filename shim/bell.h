/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What wakes a thread that sleeps in a wait (wait.h): a word that it sleeps on,
 * or, when it waits for fds as well, an eventfd from a small pool.
 *
 * A word is rung when the lock is released (shim_wake_later()), so that the
 * thread does not wake up only to wait for the lock. All of it under the lock
 * but for shim_bell_sleep().
 */
#ifndef SHIM_BELL_H
#define SHIM_BELL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/**
 * struct shim_bell - in memory that may be freed, but not unmapped, while a
 * ring is on its way: then it wakes somebody else for nothing
 * @word:  1: rung
 * @fd:    to be polled; -1: none
 * @rung:  @fd is readable
 */
struct shim_bell {
	uint32_t word;
	int fd;
	bool rung;
};

/** shim_bell_open - 0; or a negative errno when there is no fd to be had */
int shim_bell_open(struct shim_bell *bell, bool with_fd);
/** shim_bell_close - gives its fd back */
void shim_bell_close(struct shim_bell *bell);

/** shim_bell_ring - wake whoever sleeps there */
void shim_bell_ring(struct shim_bell *bell);

/**
 * shim_bell_sleep - until it is rung; only without an fd, not under the lock
 * @timeout:  from now, or NULL
 *
 * A cancellation point, as far as what the kernel does goes; may end early.
 * Returns 0, -ETIMEDOUT or -EINTR.
 */
int shim_bell_sleep(struct shim_bell *bell, const struct timespec *timeout);

/** shim_bell_after_fork - in the child: all fds are closed already */
void shim_bell_after_fork(void);

#endif
