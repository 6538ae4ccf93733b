/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/awake.h"

#include <stddef.h>
#include <stdint.h>

#include "base/spin.h"
#include "endpoint/ring.h"
#include "shim/lock.h"
#include "shim/net.h"
#include "shim/raw.h"
#include "shim/wait.h"

/* What the relay has to do for a connection within the machine takes half of
 * this. Looks between two at the clock. */
#define SPIN_US	   60
#define SPIN_LOOKS 16
/* Likewise, where the core is given away meanwhile. */
#define LEAD_US 200
/* Looks between two at what else is waited for, and how much that may be. */
#define LOOKS_FDS 4
#define FDS_MAX	  16
/* Packets at a time, in sixteenths, that are worth a sleep. */
#define CROWD 32

bool shim_awake_cores(void)
{
	unsigned long set[16] = { 0 };
	unsigned int i, n = 0;

	if (RAW(SYS_sched_getaffinity, 0, sizeof(set), set, 0, 0, 0) < 0)
		return false;
	for (i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		n += (unsigned int)__builtin_popcountl(set[i]);
	return n > 1;
}

bool shim_awake_may(struct fdnet_spin *spin, uint64_t now_us)
{
	static int cores = -1;

	if (cores < 0)
		cores = shim_awake_cores();
	spin->enabled = cores;
	return spin->enabled && fdnet_spin_may(spin, now_us);
}

bool shim_awake_for_link(void)
{
	static struct fdnet_spin spin;
	enum fdnet_spin_end how = FDNET_SPIN_NOTHING;
	uint64_t start = shim_now_us(), last = start, now = start;
	struct fdnet_ring ring;
	bool found = false;
	int i;

	if (!shim_net_watch(&ring) || !shim_awake_may(&spin, start))
		return false;
	shim_unlock_only();
	while (!found && now - start < SPIN_US) {
		for (i = 0; i < SPIN_LOOKS && !found; i++) {
			raw_pause();
			found = fdnet_ring_has(&ring);
		}
		now = shim_now_us();
		if (!found && now - last > FDNET_SPIN_PREEMPTED_US) {
			how = FDNET_SPIN_PREEMPTED;
			break;
		}
		last = now;
	}
	shim_lock_only();
	fdnet_spin_ended(&spin, now - start, found ? FDNET_SPIN_FOUND : how);
	return found;
}

/* Do packets come one or two at a time? An average of the last waits. */
static bool is_crowded(void)
{
	static uint64_t before;
	static unsigned int average;
	uint64_t now = shim_net_packets(), n = now - before;

	before = now;
	average -= average / 8;
	average += (n < 256 ? (unsigned int)n : 256) * 16 / 8;
	return average > CROWD;
}

/* Not under the lock; @ret_found: something has come. @ret_us: what it took,
 * without the time that others had the core at last. */
static enum fdnet_spin_end look(const struct fdnet_ring *ring, const bool *rung,
				struct pollfd *fds, unsigned int nfds,
				uint64_t until_us, bool *ret_found,
				uint64_t *ret_us)
{
	static const struct timespec no_time;
	uint64_t start = shim_now_us(), last = start, now = start;
	unsigned int looks = 0;

	*ret_found = false;
	*ret_us = 0;
	while (!*ret_found && now < until_us) {
		RAW(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		*ret_found = fdnet_ring_has(ring) ||
			     __atomic_load_n(rung, __ATOMIC_ACQUIRE);
		if (!*ret_found && nfds > 0 && ++looks % LOOKS_FDS == 0)
			*ret_found = raw_ppoll(fds, nfds, &no_time, NULL) > 0;
		now = shim_now_us();
		if (now - last > FDNET_SPIN_AWAY_US)
			return FDNET_SPIN_PREEMPTED;
		last = now;
		*ret_us = now - start;
	}
	return *ret_found ? FDNET_SPIN_FOUND : FDNET_SPIN_NOTHING;
}

bool shim_awake_lead(const bool *rung, struct pollfd *fds, unsigned int nfds,
		     uint64_t until_us)
{
	static struct fdnet_spin of_calls, of_polls;
	struct fdnet_spin *spin = nfds > 0 ? &of_polls : &of_calls;
	uint64_t now = shim_now_us(), spent;
	enum fdnet_spin_end how;
	struct fdnet_ring ring;
	unsigned int i;
	bool found;

	if (nfds > FDS_MAX || (nfds > 0 && is_crowded()) ||
	    !shim_net_watch(&ring) || !shim_awake_may(spin, now))
		return false;
	if (until_us > now + LEAD_US)
		until_us = now + LEAD_US;
	for (i = 0; i < nfds; i++)
		fds[i].revents = 0;
	shim_unlock_only();
	how = look(&ring, rung, fds, nfds, until_us, &found, &spent);
	shim_lock_only();
	fdnet_spin_ended(spin, spent, how);
	return found;
}
