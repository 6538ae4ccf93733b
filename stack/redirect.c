/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/redirect.h"

#include "stack/object.h"

static struct fdnet_redirect *slot_of(const struct fdnet_stack *stack,
				      const struct fdnet_ip *dst)
{
	return &stack->redirects[fdnet_stack_hash(stack, dst->bytes, 16) %
				 stack->cfg.limits.redirects];
}

/* The table is made when somebody is redirected. */
static bool has_table(struct fdnet_stack *stack)
{
	if (!stack->redirects)
		stack->redirects = fdnet_mem_alloc(
			stack->mem, stack->cfg.limits.redirects *
					    sizeof(*stack->redirects));
	return stack->redirects;
}

void fdnet_redirect_done(struct fdnet_stack *stack)
{
	fdnet_mem_free(stack->mem, stack->redirects,
		       stack->cfg.limits.redirects *
			       sizeof(*stack->redirects));
	stack->redirects = NULL;
}

const struct fdnet_ip *fdnet_redirect_find(const struct fdnet_stack *stack,
					   const struct fdnet_ip *dst)
{
	const struct fdnet_redirect *r;

	/* nearly always: nobody was ever redirected */
	if (stack->redirect_until_us <= stack->now_us || !stack->redirects)
		return NULL;
	r = slot_of(stack, dst);
	if (!r->dst.family || r->expiry_us <= stack->now_us ||
	    !fdnet_ip_equal(&r->dst, dst))
		return NULL;
	return &r->hop;
}

static bool is_believed(struct fdnet_stack *stack, const struct fdnet_ip *from,
			const struct fdnet_ip *dst, const struct fdnet_ip *hop)
{
	struct fdnet_ip now;

	if (stack->cfg.no_redirects || stack->cfg.gateway)
		return false;
	/* RFC 1122 3.2.2.2, RFC 4861 8.1: from the first hop in use, which
	 * the destination itself is not; to somebody on this link */
	if (fdnet_stack_is_local(stack, dst) || fdnet_ip_is_multicast(dst) ||
	    fdnet_ip_is_broadcast(stack, dst) || fdnet_ip_is_any(dst) ||
	    fdnet_route_find(stack, dst, &now) || !fdnet_ip_equal(&now, from) ||
	    fdnet_ip_equal(&now, dst))
		return false;
	if (fdnet_ip_is_any(hop) || fdnet_ip_is_multicast(hop) ||
	    fdnet_ip_is_loopback(hop) || fdnet_ip_is_broadcast(stack, hop) ||
	    fdnet_stack_is_local(stack, hop))
		return false;
	/* an IPv6 neighbour may have an address of any network */
	return hop->family == 6 || fdnet_route_on_link(stack, hop);
}

bool fdnet_redirect_take(struct fdnet_stack *stack,
			 const struct fdnet_ip *from,
			 const struct fdnet_ip *dst,
			 const struct fdnet_ip *hop)
{
	struct fdnet_redirect *r;

	if (!is_believed(stack, from, dst, hop)) {
		stack->counters[FDNET_C_REDIRECT_BAD]++;
		return false;
	}
	stack->counters[FDNET_C_REDIRECT_IN]++;
	if (!has_table(stack))
		return true;
	r = slot_of(stack, dst);
	if (r->dst.family && r->expiry_us > stack->now_us &&
	    !fdnet_ip_equal(&r->dst, dst))
		stack->counters[FDNET_C_REDIRECT_LIMIT]++;
	r->dst = *dst;
	r->hop = *hop;
	r->expiry_us = stack->now_us + FDNET_REDIRECT_US;
	stack->redirect_until_us = r->expiry_us;
	return true;
}

void fdnet_redirect_forget(struct fdnet_stack *stack,
			   const struct fdnet_ip *hop)
{
	unsigned int i;

	if (stack->redirect_until_us <= stack->now_us || !stack->redirects)
		return;
	for (i = 0; i < stack->cfg.limits.redirects; i++)
		if (fdnet_ip_equal(&stack->redirects[i].hop, hop))
			stack->redirects[i].dst.family = 0;
}
