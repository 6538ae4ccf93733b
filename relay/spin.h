/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting awake for a moment before sleeping.
 *
 * How it works: to be woken on another core costs some 20 us, twice for each
 * request and each response that pass the relay. Where there is more than one
 * core, and sleeps have been short of late, the relay asks again for a while
 * before it sleeps. It stops at once when it finds that somebody else wanted
 * the core, asks less often each time that nothing came, and never spends more
 * than SPIN_SHARE of its time this way.
 */
#ifndef RELAY_SPIN_H
#define RELAY_SPIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/**
 * struct spin
 * @enabled:   there is more than one core
 * @skip:      sleeps to go before the next attempt
 * @backoff:   what @skip becomes when an attempt fails
 * @window_us: start of the time that @spent_us is counted in
 */
struct spin {
	bool enabled;
	unsigned int skip, backoff;
	uint64_t window_us, spent_us;
};

/** spin_init - before the system call filter: asks for the number of cores */
void spin_init(struct spin *spin);

/** spin_wait - epoll_wait(), perhaps awake for a moment. As that returns */
int spin_wait(struct spin *spin, int epfd, struct epoll_event *events, int max,
	      int timeout_ms);

#endif
