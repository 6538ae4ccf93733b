/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When is it worth to wait awake for a moment before sleeping?
 *
 * How it works: with more than one core, and as long as that finds something.
 * Each attempt that finds nothing makes the next come later, twice as late
 * each time, and four times when somebody else wanted the core meanwhile. No
 * more than FDNET_SPIN_SHARE percent of the time is spent in vain.
 *
 * Who gives the core away (sched_yield) between two looks gets it back soon
 * from those that it waits for, as they sleep too. From somebody who computes
 * it gets it back when their slice is over, milliseconds later: then it is
 * better to sleep, even when something was found.
 */
#ifndef BASE_SPIN_H
#define BASE_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define FDNET_SPIN_SHARE     25
#define FDNET_SPIN_WINDOW_US 20000
/* A round of an attempt that takes this long: the core was another's. */
#define FDNET_SPIN_PREEMPTED_US 15
/* Likewise, of one who gives it away. */
#define FDNET_SPIN_AWAY_US 500

/**
 * struct fdnet_spin - zeroed, and @enabled set where there is a second core
 * @skip:      sleeps to go before the next attempt
 * @backoff:   what @skip becomes when an attempt fails
 * @window_us: start of the time that @spent_us, in vain, is counted in
 */
struct fdnet_spin {
	bool enabled;
	unsigned int skip, backoff;
	uint64_t window_us, spent_us;
};

enum fdnet_spin_end {
	FDNET_SPIN_FOUND,
	FDNET_SPIN_NOTHING,
	FDNET_SPIN_PREEMPTED,
};

/** fdnet_spin_may - shall this sleep be preceded by an attempt? */
bool fdnet_spin_may(struct fdnet_spin *spin, uint64_t now_us);

/** fdnet_spin_ended - how an attempt of @spent_us went */
void fdnet_spin_ended(struct fdnet_spin *spin, uint64_t spent_us,
		      enum fdnet_spin_end how);

#endif
