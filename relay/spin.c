/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/spin.h"

#include <sched.h>

#include "relay/sys.h"

/* How long an attempt lasts; what comes later is worth a sleep. An answer of
 * the machine's own takes a quarter of it, but we give the core away. */
#define SPIN_US 200

void spin_init(struct fdnet_spin *spin)
{
	cpu_set_t set;

	*spin = (struct fdnet_spin){ 0 };
	if (!sched_getaffinity(0, sizeof(set), &set))
		spin->enabled = CPU_COUNT(&set) > 1;
}

/* Returns what epoll_wait() said; @ret_more: or something else has come. */
static int try_awake(struct fdnet_spin *spin, int epfd,
		     struct epoll_event *events, int max, uint64_t start_us,
		     const struct spin_also *also, bool *ret_more)
{
	enum fdnet_spin_end how = FDNET_SPIN_NOTHING;
	uint64_t last_us = start_us, now_us = start_us;
	bool more = false, gave = false;
	int n = 0;

	while (!n && !more && now_us - start_us < SPIN_US) {
		n = epoll_wait(epfd, events, max, 0);
		more = also && also->any(also->arg);
		now_us = sys_now_us(CLOCK_MONOTONIC);
		if (gave && now_us - last_us > FDNET_SPIN_AWAY_US) {
			how = FDNET_SPIN_PREEMPTED;
			now_us = last_us; /* the rest was not ours */
			break;
		}
		last_us = now_us;
		/* to whoever wants this core: it may be our guest */
		if (!n && !more)
			sched_yield();
		gave = true;
	}
	if ((n || more) && how != FDNET_SPIN_PREEMPTED)
		how = FDNET_SPIN_FOUND;
	fdnet_spin_ended(spin, now_us - start_us, how);
	*ret_more = more;
	return n;
}

int spin_wait(struct fdnet_spin *spin, int epfd, struct epoll_event *events,
	      int max, int timeout_ms, const struct spin_also *also)
{
	bool more = false;
	uint64_t now_us;
	int n;

	if (!timeout_ms)
		return epoll_wait(epfd, events, max, 0);
	if (also && also->any(also->arg))
		return epoll_wait(epfd, events, max, 0);

	if (spin->enabled) {
		now_us = sys_now_us(CLOCK_MONOTONIC);
		if (fdnet_spin_may(spin, now_us)) {
			n = try_awake(spin, epfd, events, max, now_us, also,
				      &more);
			if (n || more)
				return n;
		}
	}
	if (also && !also->sleep(also->arg))
		timeout_ms = 0;
	n = epoll_wait(epfd, events, max, timeout_ms);
	if (also)
		also->awake(also->arg);
	return n;
}
