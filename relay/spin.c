/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/spin.h"

#include <sched.h>

#include "relay/sys.h"

/* How long an attempt lasts; what comes later is worth a sleep. */
#define SPIN_US 60

void spin_init(struct fdnet_spin *spin)
{
	cpu_set_t set;

	*spin = (struct fdnet_spin){ 0 };
	if (!sched_getaffinity(0, sizeof(set), &set))
		spin->enabled = CPU_COUNT(&set) > 1;
}

/* Returns what epoll_wait() said, 0 when it is time to sleep. */
static int try_awake(struct fdnet_spin *spin, int epfd,
		     struct epoll_event *events, int max, uint64_t start_us)
{
	enum fdnet_spin_end how = FDNET_SPIN_NOTHING;
	uint64_t last_us = start_us, now_us = start_us;
	int n = 0;

	while (!n && now_us - start_us < SPIN_US) {
		n = epoll_wait(epfd, events, max, 0);
		now_us = sys_now_us(CLOCK_MONOTONIC);
		if (!n && now_us - last_us > FDNET_SPIN_PREEMPTED_US) {
			how = FDNET_SPIN_PREEMPTED;
			break;
		}
		last_us = now_us;
	}
	fdnet_spin_ended(spin, now_us - start_us, n ? FDNET_SPIN_FOUND : how);
	return n;
}

int spin_wait(struct fdnet_spin *spin, int epfd, struct epoll_event *events,
	      int max, int timeout_ms)
{
	uint64_t now_us;
	int n;

	if (timeout_ms && spin->enabled) {
		now_us = sys_now_us(CLOCK_MONOTONIC);
		if (fdnet_spin_may(spin, now_us)) {
			n = try_awake(spin, epfd, events, max, now_us);
			if (n)
				return n;
		}
	}
	return epoll_wait(epfd, events, max, timeout_ms);
}
