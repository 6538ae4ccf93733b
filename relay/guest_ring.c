/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes through the rings of links (endpoint/link.h): no event tells of
 * it, so those that are in use are looked at in each wake-up.
 */
#include "config.h"

#include "relay/guest.h"

/* Sleeps with an empty ring before it is not looked at any more. */
#define QUIET_SLEEPS 64

/* Whoever is not looked at sleeps, as the link has it, and will kick. */
void guest_ring_use(struct guest *guest, bool use)
{
	struct relay *relay = guest->relay;

	if (guest->is_active == use)
		return;
	guest->is_active = use;
	guest->quiet = 0;
	if (use)
		DL_APPEND2(relay->active, guest, active_prev, active_next);
	else
		DL_DELETE2(relay->active, guest, active_prev, active_next);
	if (use && guest->is_asleep)
		fdnet_link_awake(guest->link);
	guest->is_asleep = false;
}

static bool has_any(const struct guest *guest)
{
	return !guest->throttle.is_stopped && fdnet_link_has(guest->link);
}

static void look(struct guest *guest)
{
	struct relay *relay = guest->relay;
	int rc;

	guest->quiet = 0;
	guest_touch(guest);
	if (throttle_holds(relay, &guest->throttle, 0))
		return;
	if (guest->stack)
		fdnet_stack_set_time(guest->stack, relay->now_us);
	rc = fdnet_link_peek(guest->link, LIMIT_LINK_BUDGET);
	if (rc < 0)
		guest->doomed = true;
}

void guest_ring_look(struct relay *relay)
{
	struct guest *guest, *tmp;

	DL_FOREACH_SAFE2(relay->active, guest, tmp, active_next) {
		if (has_any(guest))
			look(guest);
	}
}

bool guest_ring_any(const struct relay *relay)
{
	const struct guest *guest;

	DL_FOREACH2(relay->active, guest, active_next) {
		if (has_any(guest))
			return true;
	}
	return false;
}

/* Those that have been quiet for long are left as they are: they will wake us,
 * and are looked at again from then on. */
bool guest_ring_sleep(struct relay *relay)
{
	struct guest *guest, *tmp;
	bool may = true;

	DL_FOREACH_SAFE2(relay->active, guest, tmp, active_next) {
		if (!fdnet_link_sleep(guest->link)) {
			may = may && guest->throttle.is_stopped;
		} else if (guest->quiet++ >= QUIET_SLEEPS) {
			guest_ring_use(guest, false);
			guest->is_asleep = true;
		}
	}
	return may;
}

void guest_ring_awake(struct relay *relay)
{
	struct guest *guest;

	DL_FOREACH2(relay->active, guest, active_next)
		fdnet_link_awake(guest->link);
}
