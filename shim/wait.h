/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting (D6): whoever waits, drives.
 *
 * How it works: a thread that must wait registers a struct shim_waiter. One
 * of the waiting threads is the leader: it polls the link as well and takes in
 * frames for everybody. The others sleep on a bell (bell.h), which is rung
 * when their socket changes, or when the leader goes home and one of them must
 * take its place. A program with one thread needs no bell and no second
 * wake-up. No lock is held while asleep.
 *
 * A signal handler may run while its thread sleeps. If it waits too, it leads
 * in place of the call that it interrupted, which will look again in any
 * case; and if it leaves by siglongjmp(), that call never comes back: the
 * list of sleepers is in our own memory, not on stacks, and an entry whose
 * frame is gone is dropped when its thread waits the next time.
 */
#ifndef SHIM_WAIT_H
#define SHIM_WAIT_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "shim/lock.h"

struct shim_eset;
struct shim_file;

/**
 * struct shim_waiter - one waiting call, on the caller's stack
 * @file:      what it waits for; NULL with @any
 * @events:    FDNET_EV_* that matter; errors and hang-up always do
 * @any:       poll() and select(): any file with pollers counts
 * @set:       epoll_wait(): the set, or NULL
 * @link_only: only the link can bring what it waits for
 * @brief:     the relay will answer soon: the first wait may be awake
 * @deadline_us:  absolute, FDNET_NEVER for none
 * @guard:     of the call, for the signal mask
 * @mask:      ppoll()'s and friends' signal mask, or NULL
 */
struct shim_waiter {
	struct shim_file *file;
	uint32_t events;
	bool any, link_only, brief;
	const struct shim_eset *set;
	uint64_t deadline_us;
	struct shim_guard *guard;
	const sigset_t *mask;
	/* private */
	struct shim_sleeper *sleeper;
	bool led; /* or was asked to: passes leadership on at its end */
};

/**
 * shim_wait - sleep until something may have happened
 * @w:    filled in by the caller
 * @fds:  more fds to wait for, revents written; NULL when @nfds is 0
 *
 * The lock is released meanwhile. A cancellation point: on cancellation the
 * waiter is taken out, @w->file is put, the signal mask restored.
 * Returns 0 (look again), -ETIMEDOUT, -EINTR; @fds hold what poll said.
 */
int shim_wait(struct shim_waiter *w, struct pollfd *fds, unsigned int nfds);

/** shim_wait_end - the call returns to the program; leadership is passed on */
void shim_wait_end(struct shim_waiter *w);

/** shim_wait_ring - @file changed: wake those who wait for it */
void shim_wait_ring(struct shim_file *file, uint32_t events);

/** shim_wait_ring_set - wake those who wait for something in the set */
void shim_wait_ring_set(const struct shim_eset *set);

/** shim_wait_news - something changed that epoll_wait() may be waiting for */
void shim_wait_news(void);

/** shim_wait_ring_all - wake everybody (the network went away) */
void shim_wait_ring_all(void);

/** shim_wait_others - does any thread sleep in a wait at this moment? */
bool shim_wait_others(void);

/** shim_now_us - monotonic time */
uint64_t shim_now_us(void);

/** shim_wait_after_fork - in the child: nobody else waits */
void shim_wait_after_fork(void);

#endif
