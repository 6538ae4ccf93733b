/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/spin.h"

#include <sched.h>

#include "relay/sys.h"

/* How long an attempt lasts; what comes later is worth a sleep. */
#define SPIN_US 60
/* A round that takes this long: somebody else had the core. */
#define PREEMPTED_US 15
/* At most SPIN_SHARE percent of each window. */
#define WINDOW_US   20000
#define SPIN_SHARE  50
#define BACKOFF_MAX 256

void spin_init(struct spin *spin)
{
	cpu_set_t set;

	*spin = (struct spin){0};
	if (!sched_getaffinity(0, sizeof(set), &set))
		spin->enabled = CPU_COUNT(&set) > 1;
}

static bool may_spin(struct spin *spin, uint64_t now_us)
{
	if (!spin->enabled)
		return false;
	if (now_us > spin->window_us + WINDOW_US) {
		spin->window_us = now_us;
		spin->spent_us = 0;
	}
	if (spin->spent_us > WINDOW_US * SPIN_SHARE / 100)
		return false;
	if (spin->skip) {
		spin->skip--;
		return false;
	}
	return true;
}

static void failed(struct spin *spin, unsigned int factor)
{
	spin->backoff = spin->backoff ? spin->backoff * factor : 1;
	if (spin->backoff > BACKOFF_MAX)
		spin->backoff = BACKOFF_MAX;
	spin->skip = spin->backoff;
}

/* Returns what epoll_wait() said, 0 when it is time to sleep. */
static int try_awake(struct spin *spin, int epfd, struct epoll_event *events,
		     int max, uint64_t start_us)
{
	uint64_t last_us = start_us, now_us = start_us;
	int n = 0;

	while (!n && now_us - start_us < SPIN_US) {
		n = epoll_wait(epfd, events, max, 0);
		now_us = sys_now_us(CLOCK_MONOTONIC);
		if (!n && now_us - last_us > PREEMPTED_US) {
			failed(spin, 4);
			break;
		}
		last_us = now_us;
	}
	spin->spent_us += now_us - start_us;
	if (n)
		spin->backoff /= 2;
	else if (now_us - start_us >= SPIN_US)
		failed(spin, 2);
	return n;
}

int spin_wait(struct spin *spin, int epfd, struct epoll_event *events, int max,
	      int timeout_ms)
{
	uint64_t now_us;
	int n;

	if (timeout_ms && spin->enabled) {
		now_us = sys_now_us(CLOCK_MONOTONIC);
		if (may_spin(spin, now_us)) {
			n = try_awake(spin, epfd, events, max, now_us);
			if (n)
				return n;
		}
	}
	return epoll_wait(epfd, events, max, timeout_ms);
}
