/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: the longest prefix wins. A stack without any route of a family has
 * one link that leads everywhere, which is what a tunnel or the relay is.
 */
#include "config.h"

#include <errno.h>

#include "stack/object.h"

static bool is_same(const struct fdnet_stack_route *r,
		    const struct fdnet_ip *net, unsigned int bits)
{
	return r->bits == bits && r->net.family == net->family &&
	       fdnet_ip_in_prefix(&r->net, net, bits);
}

static struct fdnet_stack_route *find(struct fdnet_stack *stack,
				      const struct fdnet_ip *net,
				      unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < stack->nroutes; i++)
		if (is_same(&stack->routes[i], net, bits))
			return &stack->routes[i];
	return NULL;
}

int fdnet_stack_add_route(struct fdnet_stack *stack,
			  const struct fdnet_ip *net, unsigned int bits,
			  const struct fdnet_ip *gateway)
{
	struct fdnet_stack_route *r;

	if ((net->family != 4 && net->family != 6) ||
	    bits > (net->family == 4 ? 32 : 128))
		return -EINVAL;
	if (gateway && (gateway->family != net->family ||
			fdnet_ip_is_any(gateway) ||
			fdnet_stack_is_local(stack, gateway)))
		return -EINVAL;
	if (find(stack, net, bits))
		return -EEXIST;
	if (stack->nroutes == FDNET_MAX_ROUTES)
		return -ENOSPC;
	r = &stack->routes[stack->nroutes++];
	r->net = *net;
	r->bits = (uint8_t)bits;
	r->gateway = gateway ? *gateway : (struct fdnet_ip){ 0 };
	return 0;
}

int fdnet_stack_del_route(struct fdnet_stack *stack,
			  const struct fdnet_ip *net, unsigned int bits)
{
	struct fdnet_stack_route *r = find(stack, net, bits);

	if (!r)
		return -ESRCH;
	*r = stack->routes[--stack->nroutes];
	return 0;
}

static bool is_connected(const struct fdnet_stack *stack,
			 const struct fdnet_ip *dst)
{
	unsigned int i;

	for (i = 0; i < stack->naddrs; i++)
		if (fdnet_ip_in_prefix(dst, &stack->addrs[i].ip,
				       stack->addrs[i].bits))
			return true;
	return false;
}

int fdnet_route_find(const struct fdnet_stack *stack,
		     const struct fdnet_ip *dst, struct fdnet_ip *ret_hop)
{
	const struct fdnet_stack_route *r, *best = NULL;
	bool any = false;
	unsigned int i;

	/* for everybody on the link: no gateway's business */
	if (fdnet_ip_is_multicast(dst) || fdnet_ip_is_broadcast(stack, dst)) {
		*ret_hop = *dst;
		return 0;
	}
	for (i = 0; i < stack->nroutes; i++) {
		r = &stack->routes[i];
		any |= r->net.family == dst->family;
		if (fdnet_ip_in_prefix(dst, &r->net, r->bits) &&
		    (!best || r->bits > best->bits))
			best = r;
	}
	if (any && !best && !is_connected(stack, dst))
		return -ENETUNREACH;
	/* our networks' hosts need no gateway, unless a longer route says so */
	if (best && best->gateway.family &&
	    (best->bits || !is_connected(stack, dst)))
		*ret_hop = best->gateway;
	else
		*ret_hop = *dst;
	return 0;
}
