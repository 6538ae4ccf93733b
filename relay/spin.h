/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting awake for a moment before sleeping: to be woken on another core
 * costs some 20 us, twice for each request and each response that pass the
 * relay. base/spin.h decides when it is worth it.
 */
#ifndef RELAY_SPIN_H
#define RELAY_SPIN_H

#include <sys/epoll.h>

#include "base/spin.h"

/** spin_init - before the system call filter: asks for the number of cores */
void spin_init(struct fdnet_spin *spin);

/**
 * struct spin_also - what comes besides events, or nothing
 * @any:    has anything come?
 * @sleep:  about to sleep: make sure that it becomes an event. false: it has
 *          come already
 * @awake:  the sleep is over
 */
struct spin_also {
	bool (*any)(void *arg);
	bool (*sleep)(void *arg);
	void (*awake)(void *arg);
	void *arg;
};

/**
 * spin_wait - epoll_wait(), perhaps awake for a moment
 * @also:  borrowed, or NULL
 *
 * As that returns; 0 early when something else has come.
 */
int spin_wait(struct fdnet_spin *spin, int epfd, struct epoll_event *events,
	      int max, int timeout_ms, const struct spin_also *also);

#endif
