/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/pmtu.h"

#include "stack/object.h"

static uint32_t slot_of(const struct fdnet_stack *stack,
			const struct fdnet_ip *dst)
{
	return (uint32_t)fdnet_stack_hash(stack, dst->bytes, 16) &
	       (FDNET_PMTU_MAX - 1);
}

uint32_t fdnet_pmtu_find(const struct fdnet_stack *stack,
			 const struct fdnet_ip *dst)
{
	const struct fdnet_pmtu *p;

	/* nearly always: nothing was ever learned */
	if (stack->pmtu_until_us <= stack->now_us)
		return 0;
	p = &stack->pmtus[slot_of(stack, dst)];
	if (!p->dst.family || p->expiry_us <= stack->now_us ||
	    !fdnet_ip_equal(&p->dst, dst))
		return 0;
	return p->mtu;
}

void fdnet_pmtu_update(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		       uint32_t mtu)
{
	uint32_t least = dst->family == 4 ? FDNET_PMTU_MIN4 : FDNET_PMTU_MIN6;
	struct fdnet_pmtu *p = &stack->pmtus[slot_of(stack, dst)];

	if (mtu < least)
		mtu = least;
	/* an error never makes it larger */
	if (mtu >= fdnet_ip_mtu(stack, dst))
		return;
	p->dst = *dst;
	p->mtu = mtu;
	p->expiry_us = stack->now_us + FDNET_PMTU_US;
	stack->pmtu_until_us = p->expiry_us;
}

void fdnet_pmtu_raise(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		      uint32_t mtu)
{
	struct fdnet_pmtu *p = &stack->pmtus[slot_of(stack, dst)];

	if (!fdnet_ip_equal(&p->dst, dst) || p->mtu >= mtu)
		return;
	p->mtu = mtu;
	p->expiry_us = stack->now_us + FDNET_PMTU_US;
	stack->pmtu_until_us = p->expiry_us;
}

uint32_t fdnet_pmtu_plateau(uint32_t len)
{
	static const uint32_t plateaus[] = {
		32000, 17914, 8166, 4352, 2002, 1492, 1006, 552,
	};
	unsigned int i;

	for (i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < len)
			return plateaus[i];
	return FDNET_PMTU_MIN4;
}
