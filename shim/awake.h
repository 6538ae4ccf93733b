/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting awake for the link, where the relay answers in less time than a
 * sleep takes.
 */
#ifndef SHIM_AWAKE_H
#define SHIM_AWAKE_H

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

#endif
