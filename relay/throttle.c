/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/throttle.h"

#include <sys/epoll.h>

#include "relay/guest.h"
#include "relay/relay.h"

void throttle_init(struct throttle *throttle, struct relay *relay,
		   struct source *src, uint64_t rate, uint32_t events)
{
	*throttle = (struct throttle){ .src = src, .events = events };
	bucket_init(&throttle->bucket, rate, rate, relay->now_us);
}

void throttle_change(struct throttle *throttle, struct relay *relay,
		     uint64_t rate)
{
	bucket_init(&throttle->bucket, rate, rate, relay->now_us);
}

/* A guest's link may wait for room meanwhile, which is its own business. */
static void read_again(struct relay *relay, struct throttle *throttle)
{
	if (throttle->src->type == SOURCE_GUEST)
		guest_link_wait((struct guest *)throttle->src);
	else
		loop_change(&relay->loop, throttle->src,
			    throttle->is_stopped ? 0 : throttle->events);
}

void throttle_done(struct relay *relay, struct throttle *throttle)
{
	if (throttle->is_stopped)
		DL_DELETE(relay->throttled, throttle);
	throttle->is_stopped = false;
}

void throttle_spend(struct relay *relay, struct throttle *throttle)
{
	bucket_spend(&throttle->bucket, 1, relay->now_us);
}

bool throttle_holds(struct relay *relay, struct throttle *throttle,
		    uint32_t events)
{
	uint64_t wait_us;

	if (events & (EPOLLHUP | EPOLLERR))
		return false;
	if (throttle->is_stopped)
		return true;
	wait_us = bucket_wait_us(&throttle->bucket, relay->now_us);
	if (!wait_us)
		return false;
	count(&relay->counters, C_THROTTLED);
	throttle->is_stopped = true;
	throttle->until_us = relay->now_us + wait_us;
	DL_APPEND(relay->throttled, throttle);
	read_again(relay, throttle);
	return true;
}

void throttle_advance(struct relay *relay)
{
	struct throttle *throttle, *tmp;

	DL_FOREACH_SAFE(relay->throttled, throttle, tmp) {
		if (throttle->until_us > relay->now_us)
			continue;
		throttle_done(relay, throttle);
		read_again(relay, throttle);
	}
}

uint64_t throttle_expiry(const struct relay *relay)
{
	uint64_t expiry_us = FDNET_NEVER;
	struct throttle *throttle;

	DL_FOREACH(relay->throttled, throttle) {
		if (throttle->until_us < expiry_us)
			expiry_us = throttle->until_us;
	}
	return expiry_us;
}
