/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/autoconf.h"

#include <errno.h>

#include "stack/object.h"

#define SEC	     1000000ull
#define PROBES4	     3 /* RFC 5227 1.1 */
#define PROBES6	     1 /* RFC 4862 5.1 */
#define ANNOUNCES    2
#define SOLICITS     3		/* RFC 4861 10 */
#define SOLICIT_US   (4 * SEC)
#define DEFEND_US    (10 * SEC)	/* RFC 5227 2.4 (b) */
#define TWO_HOURS_S  7200u	/* RFC 4862 5.5.3 (e) */

/* ---- time ---- */

static uint64_t min_us(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void set_timer(struct fdnet_stack *stack)
{
	uint64_t first = FDNET_NEVER;
	unsigned int i;

	for (i = 0; i < stack->naddrs; i++) {
		const struct fdnet_stack_addr *a = &stack->addrs[i];

		if (a->probes || a->announces)
			first = min_us(first, a->due_us);
		if (a->valid_us)
			first = min_us(first, a->valid_us);
	}
	for (i = 0; i < stack->nroutes; i++)
		if (stack->routes[i].until_us)
			first = min_us(first, stack->routes[i].until_us);
	if (stack->autoconf.solicits_left)
		first = min_us(first, stack->autoconf.solicit_us);
	fdnet_timer_set(stack, &stack->autoconf.timer, first);
}

static uint64_t within(struct fdnet_stack *stack, uint64_t us)
{
	return fdnet_stack_random(stack) % us;
}

/* ---- addresses ---- */

static void drop(struct fdnet_stack *stack, struct fdnet_stack_addr *addr)
{
	*addr = stack->addrs[--stack->naddrs];
}

/* Nobody answered: it is ours. RFC 5227 2.3 wants that told. */
static void ready(struct fdnet_stack *stack, struct fdnet_stack_addr *a)
{
	a->tentative = false;
	a->probes = 0;
	if (a->ip.family == 4) {
		a->announces = ANNOUNCES;
		a->due_us = stack->now_us;
		fdnet_dhcp_probed(stack, &a->ip, true);
	} else if (!stack->autoconf.solicits_left && a->ip.bytes[0] == 0xfe &&
		   !stack->autoconf.solicit_us) {
		stack->autoconf.solicits_left = SOLICITS;
		stack->autoconf.solicit_us = stack->now_us + within(stack, SEC);
	}
}

static void probe(struct fdnet_stack *stack, struct fdnet_stack_addr *a)
{
	bool last = a->probes == 1;

	if (last) {
		ready(stack, a);
		return;
	}
	a->probes--;
	if (a->ip.family == 4)
		fdnet_arp_probe(stack, &a->ip);
	else
		fdnet_nd_probe(stack, &a->ip);
	a->due_us = stack->now_us + SEC;
	if (a->ip.family == 4)
		a->due_us += a->probes == 1 ? SEC : within(stack, SEC);
}

static void announce(struct fdnet_stack *stack, struct fdnet_stack_addr *a)
{
	a->announces--;
	a->due_us = stack->now_us + 2 * SEC;
	fdnet_arp_announce(stack, &a->ip);
}

static void addrs_due(struct fdnet_stack *stack)
{
	unsigned int i = 0;

	while (i < stack->naddrs) {
		struct fdnet_stack_addr *a = &stack->addrs[i];

		if (a->valid_us && a->valid_us <= stack->now_us) {
			drop(stack, a);
			continue;
		}
		if (a->due_us <= stack->now_us && a->probes)
			probe(stack, a);
		if (a->due_us <= stack->now_us && a->announces)
			announce(stack, a);
		i++;
	}
}

static void routes_due(struct fdnet_stack *stack)
{
	unsigned int i = 0;

	while (i < stack->nroutes) {
		struct fdnet_stack_route *r = &stack->routes[i];

		if (r->until_us && r->until_us <= stack->now_us)
			fdnet_route_drop(stack, r);
		else
			i++;
	}
}

static void fire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	struct fdnet_autoconf *ac = &stack->autoconf;

	addrs_due(stack);
	routes_due(stack);
	if (ac->solicits_left && ac->solicit_us <= stack->now_us) {
		ac->solicits_left--;
		ac->solicit_us = stack->now_us + SOLICIT_US;
		fdnet_nd_solicit_routers(stack);
	}
	set_timer(stack);
}

void fdnet_autoconf_restart(struct fdnet_stack *stack)
{
	set_timer(stack);
}

int fdnet_autoconf_init(struct fdnet_stack *stack)
{
	fdnet_timer_init(&stack->autoconf.timer, fire);
	return fdnet_timer_reserve(stack, 1);
}

static void begin_probing(struct fdnet_stack *stack,
			  struct fdnet_stack_addr *addr)
{
	addr->tentative = true;
	/* one more: the wait after the last */
	addr->probes = (addr->ip.family == 4 ? PROBES4 : PROBES6) + 1;
	addr->due_us = stack->now_us + within(stack, SEC);
	set_timer(stack);
}

void fdnet_autoconf_addr(struct fdnet_stack *stack,
			 struct fdnet_stack_addr *addr)
{
	if (stack->cfg.autoconf && stack->cfg.ethernet)
		begin_probing(stack, addr);
}

bool fdnet_autoconf_seen(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_ip was = *ip;
	unsigned int i;

	for (i = 0; i < stack->naddrs; i++) {
		if (!stack->addrs[i].tentative ||
		    !fdnet_ip_equal(&stack->addrs[i].ip, ip))
			continue;
		stack->counters[FDNET_C_ADDR_CONFLICT]++;
		drop(stack, &stack->addrs[i]);
		set_timer(stack);
		fdnet_dhcp_probed(stack, &was, false);
		return true;
	}
	return false;
}

bool fdnet_autoconf_conflict(struct fdnet_stack *stack)
{
	struct fdnet_autoconf *ac = &stack->autoconf;

	stack->counters[FDNET_C_ADDR_CONFLICT]++;
	if (ac->defended_us && stack->now_us - ac->defended_us < DEFEND_US)
		return false;
	ac->defended_us = stack->now_us;
	return true;
}

int fdnet_stack_addr_state(const struct fdnet_stack *stack,
			   const struct fdnet_ip *ip)
{
	unsigned int i;

	for (i = 0; i < stack->naddrs; i++)
		if (fdnet_ip_equal(&stack->addrs[i].ip, ip))
			return stack->addrs[i].tentative ? -EINPROGRESS : 0;
	return -EADDRNOTAVAIL;
}

/* ---- what routers say ---- */

static uint64_t until(const struct fdnet_stack *stack, uint32_t life_s)
{
	return life_s == UINT32_MAX ? 0 : stack->now_us + life_s * SEC;
}

static struct fdnet_stack_addr *find(struct fdnet_stack *stack,
				     const struct fdnet_ip *ip)
{
	unsigned int i;

	for (i = 0; i < stack->naddrs; i++)
		if (fdnet_ip_equal(&stack->addrs[i].ip, ip))
			return &stack->addrs[i];
	return NULL;
}

void fdnet_autoconf_probe(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_stack_addr *a = find(stack, ip);

	if (a && !a->tentative)
		begin_probing(stack, a);
}

void fdnet_autoconf_drop(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_stack_addr *a = find(stack, ip);

	if (!a)
		return;
	drop(stack, a);
	set_timer(stack);
}

static struct fdnet_stack_addr *add_addr(struct fdnet_stack *stack,
					 const struct fdnet_ip *ip,
					 uint32_t valid_s)
{
	struct fdnet_stack_addr *a;
	unsigned int i, n = 0;

	if (!valid_s)
		return NULL;
	for (i = 0; i < stack->naddrs; i++)
		n += stack->addrs[i].advertised;
	if (n >= FDNET_MAX_ADVERTISED_ADDRS ||
	    fdnet_stack_add_addr(stack, ip, 64)) {
		stack->counters[FDNET_C_RA_LIMIT]++;
		return NULL;
	}
	a = find(stack, ip);
	a->advertised = true;
	return a;
}

void fdnet_autoconf_prefix(struct fdnet_stack *stack, const struct fdnet_ip *ip,
			   uint32_t valid_s, uint32_t preferred_s,
			   const struct fdnet_ip *router)
{
	struct fdnet_stack_addr *a = find(stack, ip);
	bool is_new = !a;

	if (preferred_s > valid_s)
		return;
	if (is_new) {
		a = add_addr(stack, ip, valid_s);
		if (!a)
			return;
	}
	if (!a->advertised) /* the administrator's stays */
		return;
	a->router = *router;
	/* (e): a forged advertisement shall not end it at once */
	if (is_new || valid_s > TWO_HOURS_S ||
	    (a->valid_us && until(stack, valid_s) > a->valid_us))
		a->valid_us = until(stack, valid_s);
	else if (!a->valid_us ||
		 a->valid_us > stack->now_us + TWO_HOURS_S * SEC)
		a->valid_us = stack->now_us + TWO_HOURS_S * SEC;
	a->preferred_us = until(stack, preferred_s);
	set_timer(stack);
}

/* What routers advertise never takes all the room there is. */
static struct fdnet_stack_route *add_route(struct fdnet_stack *stack,
					   const struct fdnet_ip *net,
					   unsigned int bits,
					   const struct fdnet_ip *gateway)
{
	struct fdnet_stack_route *r;
	unsigned int n = 0;

	for (r = stack->routes; r < stack->routes + stack->nroutes; r++)
		n += r->advertised;
	r = NULL;
	if (n < FDNET_MAX_ADVERTISED)
		r = fdnet_route_add(stack, net, bits, gateway);
	if (r)
		r->advertised = true;
	else
		stack->counters[FDNET_C_RA_LIMIT]++;
	return r;
}

void fdnet_autoconf_route(struct fdnet_stack *stack,
			  const struct fdnet_ip *net, unsigned int bits,
			  const struct fdnet_ip *gateway, int pref,
			  uint32_t life_s)
{
	static const struct fdnet_ip none;
	struct fdnet_stack_route *r;

	r = fdnet_route_get(stack, net, bits, gateway ? gateway : &none);
	if (r && !r->advertised) /* the administrator's stays */
		return;
	if (!life_s) {
		if (r)
			fdnet_route_drop(stack, r);
		set_timer(stack);
		return;
	}
	if (!r)
		r = add_route(stack, net, bits, gateway);
	if (!r)
		return;
	r->pref = (int8_t)pref;
	r->until_us = until(stack, life_s);
	set_timer(stack);
}
