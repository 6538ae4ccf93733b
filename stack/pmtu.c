/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/pmtu.h"

#include "stack/object.h"

static uint32_t index_of(const struct fdnet_stack *stack,
			 const struct fdnet_ip *dst)
{
	return (uint32_t)(fdnet_stack_hash(stack, dst->bytes, 16) %
			  stack->cfg.limits.path_mtus);
}

struct fdnet_pmtu *fdnet_pmtu_slot(struct fdnet_stack *stack,
				   const struct fdnet_ip *dst)
{
	if (!stack->pmtus)
		stack->pmtus = fdnet_mem_alloc(
			stack->mem,
			stack->cfg.limits.path_mtus * sizeof(*stack->pmtus));
	return stack->pmtus ? &stack->pmtus[index_of(stack, dst)] : NULL;
}

void fdnet_pmtu_done(struct fdnet_stack *stack)
{
	fdnet_mem_free(stack->mem, stack->pmtus,
		       stack->cfg.limits.path_mtus * sizeof(*stack->pmtus));
	stack->pmtus = NULL;
}

uint32_t fdnet_pmtu_find(const struct fdnet_stack *stack,
			 const struct fdnet_ip *dst)
{
	const struct fdnet_pmtu *p;

	/* nearly always: nothing was ever learned */
	if (stack->pmtu_until_us <= stack->now_us || !stack->pmtus)
		return 0;
	p = &stack->pmtus[index_of(stack, dst)];
	if (!p->dst.family || p->expiry_us <= stack->now_us ||
	    !fdnet_ip_equal(&p->dst, dst))
		return 0;
	return p->mtu;
}

void fdnet_pmtu_update(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		       uint32_t mtu)
{
	uint32_t least = dst->family == 4 ? FDNET_PMTU_MIN4 : FDNET_PMTU_MIN6;
	struct fdnet_pmtu *p;

	if (mtu < least)
		mtu = least;
	/* an error never makes it larger */
	if (mtu >= fdnet_ip_mtu(stack, dst))
		return;
	p = fdnet_pmtu_slot(stack, dst);
	if (!p)
		return;
	if (p->dst.family && p->expiry_us > stack->now_us &&
	    !fdnet_ip_equal(&p->dst, dst))
		stack->counters[FDNET_C_PMTU_LIMIT]++;
	p->dst = *dst;
	p->mtu = mtu;
	p->expiry_us = stack->now_us + FDNET_PMTU_US;
	stack->pmtu_until_us = p->expiry_us;
}

void fdnet_pmtu_raise(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		      uint32_t mtu)
{
	struct fdnet_pmtu *p = fdnet_pmtu_slot(stack, dst);

	if (!p || !fdnet_ip_equal(&p->dst, dst) || p->mtu >= mtu)
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
