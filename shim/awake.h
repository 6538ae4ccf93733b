/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting awake for the link, where the relay answers in less time than a
 * sleep takes.
 *
 * How it works: to sleep and be woken costs more than the answer takes, most of
 * all where an idle core has to be fetched back from a hypervisor. So whoever
 * would sleep on the link looks at it for a moment, and gives its core away
 * between two looks to whoever wants it: the relay, the server or another
 * thread of the program. base/spin.h decides how often that is tried.
 */
#ifndef SHIM_AWAKE_H
#define SHIM_AWAKE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/** shim_awake_cores - may this thread run on more than one core? */
bool shim_awake_cores(void);

struct fdnet_spin;

/** shim_awake_may - does it pay for @spin to wait awake at @now_us? Under the
 * lock; never with one core */
bool shim_awake_may(struct fdnet_spin *spin, uint64_t now_us);

/**
 * shim_awake_for_link - look for what the link brings, for a moment
 *
 * Releases the lock meanwhile. Returns false at once where that does not pay:
 * with one core, or when it often found nothing of late. Returns true when
 * something has come: shim_net_drive() takes it.
 */
bool shim_awake_for_link(void);

/**
 * shim_awake_lead - look for what the link brings, and for other things
 * @rung:      set by another thread that has something for this one
 * @fds:       what else is waited for; revents are written, 0 when it returns
 *             false
 * @until_us:  when to look no more, for a deadline or a timer
 *
 * As shim_awake_for_link(), but for longer waits, and gives the core away
 * between two looks. Not for who waits for @fds and gets many packets at a
 * time: the more there are when it wakes up, the less each costs.
 */
bool shim_awake_lead(const bool *rung, struct pollfd *fds, unsigned int nfds,
		     uint64_t until_us);

#endif
