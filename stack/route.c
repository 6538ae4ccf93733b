/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: the longest prefix wins. A stack without any route of a family has
 * one link that leads everywhere, which is what a tunnel or the relay is.
 *
 * How it works: several gateways may lead to one network. Of equally long
 * prefixes the first that may be reached is taken (RFC 1122 3.3.1.4, RFC 4861
 * 6.3.6): a gateway that did not answer when its link-layer address was asked
 * for is silent until it is heard again, and is asked once a minute as long
 * as others do its work. Those that were given by hand come before those that
 * were advertised, among which the preference of RFC 4191 counts. When all
 * are silent each is tried in turn, the one first whose silence is the
 * oldest. An advertised route with a silent gateway gives way to shorter ones
 * too (RFC 4191 3.2); one given by hand does not: what was meant for a tunnel
 * should not leak to the default gateway.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/object.h"
#include "stack/redirect.h"

#define ASK_AGAIN_US 60000000 /* RFC 4191 3.2 */

static bool is_same(const struct fdnet_stack_route *r,
		    const struct fdnet_ip *net, unsigned int bits)
{
	return r->bits == bits && r->net.family == net->family &&
	       fdnet_ip_in_prefix(&r->net, net, bits);
}

struct fdnet_stack_route *fdnet_route_get(struct fdnet_stack *stack,
					  const struct fdnet_ip *net,
					  unsigned int bits,
					  const struct fdnet_ip *gateway)
{
	struct fdnet_stack_route *r;

	for (r = stack->routes; r < stack->routes + stack->nroutes; r++)
		if (is_same(r, net, bits) &&
		    (!gateway || fdnet_ip_equal(&r->gateway, gateway)))
			return r;
	return NULL;
}

void fdnet_route_drop(struct fdnet_stack *stack, struct fdnet_stack_route *r)
{
	/* the others stay in order */
	stack->nroutes--;
	memmove(r, r + 1,
		(size_t)(stack->routes + stack->nroutes - r) * sizeof(*r));
}

struct fdnet_stack_route *fdnet_route_add(struct fdnet_stack *stack,
					  const struct fdnet_ip *net,
					  unsigned int bits,
					  const struct fdnet_ip *gateway)
{
	struct fdnet_stack_route *r;

	if (stack->nroutes == FDNET_MAX_ROUTES)
		return NULL;
	r = &stack->routes[stack->nroutes++];
	memset(r, 0, sizeof(*r));
	r->net = *net;
	r->bits = (uint8_t)bits;
	if (gateway)
		r->gateway = *gateway;
	return r;
}

int fdnet_stack_add_route(struct fdnet_stack *stack,
			  const struct fdnet_ip *net, unsigned int bits,
			  const struct fdnet_ip *gateway)
{
	struct fdnet_ip none = { 0 };

	if ((net->family != 4 && net->family != 6) ||
	    bits > (net->family == 4 ? 32 : 128))
		return -EINVAL;
	if (gateway && (gateway->family != net->family ||
			fdnet_ip_is_any(gateway) ||
			fdnet_stack_is_local(stack, gateway)))
		return -EINVAL;
	if (fdnet_route_get(stack, net, bits, gateway ? gateway : &none))
		return -EEXIST;
	if (fdnet_route_add(stack, net, bits, gateway))
		return 0;
	stack->counters[FDNET_C_TABLE_LIMIT]++;
	return -ENOSPC;
}

int fdnet_stack_del_route(struct fdnet_stack *stack,
			  const struct fdnet_ip *net, unsigned int bits)
{
	struct fdnet_stack_route *r = fdnet_route_get(stack, net, bits, NULL);

	if (!r)
		return -ESRCH;
	fdnet_route_drop(stack, r);
	return 0;
}

/* ---- gateways that answer, and those that do not ---- */

void fdnet_route_silent(struct fdnet_stack *stack, const struct fdnet_ip *hop)
{
	struct fdnet_stack_route *r;

	for (r = stack->routes; r < stack->routes + stack->nroutes; r++)
		if (fdnet_ip_equal(&r->gateway, hop))
			r->silent_us = stack->now_us;
	fdnet_redirect_forget(stack, hop);
}

void fdnet_route_alive(struct fdnet_stack *stack, const struct fdnet_ip *hop)
{
	struct fdnet_stack_route *r;

	for (r = stack->routes; r < stack->routes + stack->nroutes; r++)
		if (r->silent_us && fdnet_ip_equal(&r->gateway, hop))
			r->silent_us = 0;
}

void fdnet_route_drop_router(struct fdnet_stack *stack,
			     const struct fdnet_ip *router)
{
	struct fdnet_stack_route *r = stack->routes;

	while (r < stack->routes + stack->nroutes) {
		if (r->advertised && fdnet_ip_equal(&r->gateway, router))
			fdnet_route_drop(stack, r);
		else
			r++;
	}
}

/* ---- choosing ---- */

/* Of our own networks the longest that @dst is in; -1: none. An advertised
 * address says nothing of what is on the link (RFC 5942 4). */
static int connected_bits(const struct fdnet_stack *stack,
			  const struct fdnet_ip *dst)
{
	const struct fdnet_stack_addr *a;
	int best = -1;

	for (a = stack->addrs; a < stack->addrs + stack->naddrs; a++)
		if (!a->advertised && a->bits > best &&
		    fdnet_ip_in_prefix(dst, &a->ip, a->bits))
			best = a->bits;
	return best;
}

/* RFC 3927 2.6.2, RFC 4291 2.5.6: never through a router. */
static bool is_link_local(const struct fdnet_ip *ip)
{
	const uint8_t *b = ip->bytes;

	return ip->family == 4 ? b[0] == 169 && b[1] == 254 :
				 b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

static bool is_better(const struct fdnet_stack_route *a,
		      const struct fdnet_stack_route *b)
{
	bool out_a = a->advertised && a->silent_us;
	bool out_b = b->advertised && b->silent_us;

	if (out_a != out_b)
		return out_b;
	if (a->bits != b->bits)
		return a->bits > b->bits;
	if (a->silent_us || b->silent_us)
		return a->silent_us < b->silent_us;
	if (a->advertised != b->advertised)
		return b->advertised;
	return a->pref > b->pref;
}

/* What would be taken if it answered is asked now and then. */
static void ask_silent(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		       const struct fdnet_stack_route *best)
{
	struct fdnet_stack_route *r;
	struct fdnet_ip gateway;
	uint64_t was;
	bool better;

	for (r = stack->routes; r < stack->routes + stack->nroutes; r++) {
		if (r == best || !r->silent_us ||
		    stack->now_us - r->silent_us < ASK_AGAIN_US ||
		    !fdnet_ip_in_prefix(dst, &r->net, r->bits))
			continue;
		was = r->silent_us;
		r->silent_us = 0;
		better = r < best ? !is_better(best, r) : is_better(r, best);
		r->silent_us = better ? stack->now_us : was;
		gateway = r->gateway;
		if (better)
			fdnet_neigh_wake(stack, &gateway);
	}
}

static struct fdnet_stack_route *choose(struct fdnet_stack *stack,
					const struct fdnet_ip *dst,
					bool *ret_any)
{
	struct fdnet_stack_route *r, *best = NULL;

	*ret_any = false;
	for (r = stack->routes; r < stack->routes + stack->nroutes; r++) {
		*ret_any |= r->net.family == dst->family;
		if (fdnet_ip_in_prefix(dst, &r->net, r->bits) &&
		    (!best || is_better(r, best)))
			best = r;
	}
	return best;
}

bool fdnet_route_on_link(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	const struct fdnet_stack_route *best;
	bool any;

	if (is_link_local(ip))
		return true;
	best = choose(stack, ip, &any);
	if (best && best->bits >= connected_bits(stack, ip))
		return !best->gateway.family;
	return !any || connected_bits(stack, ip) >= 0;
}

int fdnet_route_find(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		     struct fdnet_ip *ret_hop)
{
	const struct fdnet_stack_route *best;
	const struct fdnet_ip *told;
	int connected;
	bool any;

	/* for everybody on the link: no gateway's business */
	*ret_hop = *dst;
	if (fdnet_ip_is_multicast(dst) || fdnet_ip_is_broadcast(stack, dst) ||
	    is_link_local(dst))
		return 0;
	told = fdnet_redirect_find(stack, dst);
	if (told) {
		*ret_hop = *told;
		return 0;
	}
	best = choose(stack, dst, &any);
	connected = any ? connected_bits(stack, dst) : 0;
	if (!best)
		return connected < 0 ? -ENETUNREACH : 0;
	/* our networks' hosts need no gateway, unless a route as long says so */
	if (best->gateway.family &&
	    (best->bits ? best->bits >= connected : connected < 0))
		*ret_hop = best->gateway;
	ask_silent(stack, dst, best);
	return 0;
}
