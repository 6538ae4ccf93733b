/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/spin.h"

#define BACKOFF_MAX 256

bool fdnet_spin_may(struct fdnet_spin *spin, uint64_t now_us)
{
	if (!spin->enabled)
		return false;
	if (now_us > spin->window_us + FDNET_SPIN_WINDOW_US) {
		spin->window_us = now_us;
		spin->spent_us = 0;
	}
	if (spin->spent_us > FDNET_SPIN_WINDOW_US * FDNET_SPIN_SHARE / 100)
		return false;
	if (spin->skip) {
		spin->skip--;
		return false;
	}
	return true;
}

void fdnet_spin_ended(struct fdnet_spin *spin, uint64_t spent_us,
		      enum fdnet_spin_end how)
{
	if (how == FDNET_SPIN_FOUND) {
		spin->backoff /= 2;
		return;
	}
	spin->spent_us += spent_us;
	if (!spin->backoff)
		spin->backoff = 1;
	else
		spin->backoff *= how == FDNET_SPIN_PREEMPTED ? 4 : 2;
	if (spin->backoff > BACKOFF_MAX)
		spin->backoff = BACKOFF_MAX;
	spin->skip = spin->backoff;
}
