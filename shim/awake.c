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
