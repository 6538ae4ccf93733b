/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routers say on an Ethernet link (RFC 4861 6.3.4, 8): that they are
 * there, which networks are on the link or behind them (RFC 4191), which
 * prefixes to make addresses from (RFC 4862), and that another way is better.
 */
#include "config.h"

#include <string.h>

#include "stack/object.h"
#include "stack/redirect.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"

#define PREFIX_LEN 32
#define MTU_LEN 8
#define MIN_MTU6 1280
#define MAX_REACHABLE_MS 3600000 /* RFC 4861 6.2.1 */
#define MIN_RETRY_MS 100
#define MAX_RETRY_MS 10000

enum {
	PREFIX_ON_LINK = 0x80,
	PREFIX_AUTONOMOUS = 0x40,
};

static bool is_link_local(const struct fdnet_ip *ip)
{
	return ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

/* ---- advertisements ---- */

/* RFC 4191 2.1: two bits, signed; -2 is reserved. */
static int preference(uint8_t flags)
{
	int pref = flags >> 3 & 3;

	return pref < 2 ? pref : pref - 4;
}

/* RFC 4862 5.5.3, with the interface identifier of RFC 2464 4. */
static void autoconfigure(struct fdnet_stack *stack, const uint8_t *opt,
			  const struct fdnet_ip *router)
{
	struct fdnet_ip ip = { .family = 6 };

	if (opt[2] != 64)
		return;
	memcpy(ip.bytes, opt + 16, 8);
	fdnet_nd_interface_id(stack->cfg.link_addr, ip.bytes + 8);
	fdnet_autoconf_prefix(stack, &ip, fdnet_get32(opt + 4),
			      fdnet_get32(opt + 8), router);
}

static void take_prefix(struct fdnet_stack *stack, const uint8_t *opt,
			const struct fdnet_ip *router)
{
	struct fdnet_ip net = { .family = 6 };

	memcpy(net.bytes, opt + 16, 16);
	if (opt[2] > 128 || is_link_local(&net) || fdnet_ip_is_multicast(&net))
		return;
	if (opt[3] & PREFIX_ON_LINK)
		fdnet_autoconf_route(stack, &net, opt[2], NULL, 0,
				     fdnet_get32(opt + 4));
	if (opt[3] & PREFIX_AUTONOMOUS)
		autoconfigure(stack, opt, router);
}

/* RFC 4191 2.3. What is for everything stands for the router itself. */
static void take_route(struct fdnet_stack *stack, const uint8_t *opt,
		       const struct fdnet_ip *router)
{
	struct fdnet_ip net = { .family = 6 };
	unsigned int bits = opt[2];

	if (opt[1] > 3 || bits > 128 || preference(opt[3]) == -2 ||
	    (bits > 64 && opt[1] < 3) || (bits && opt[1] < 2))
		return;
	memcpy(net.bytes, opt + 8, (opt[1] - 1) * 8u);
	if (bits && (is_link_local(&net) || fdnet_ip_is_multicast(&net)))
		return;
	fdnet_autoconf_route(stack, &net, bits, router, preference(opt[3]),
			     fdnet_get32(opt + 4));
}

/* What holds for the whole link: hop limit, MTU, the times of neighbours. */
static void take_link(struct fdnet_stack *stack, const struct fdnet_pkt *pkt)
{
	uint32_t at = FDNET_ND_RA_LEN, ms;
	const uint8_t *opt;

	if (pkt->data[4])
		stack->autoconf.hops6 = pkt->data[4];
	ms = fdnet_get32(pkt->data + 8);
	if (ms && ms <= MAX_REACHABLE_MS)
		stack->neighs.reachable6_ms = ms;
	ms = fdnet_get32(pkt->data + 12);
	if (ms >= MIN_RETRY_MS)
		stack->neighs.retry6_ms = ms < MAX_RETRY_MS ? ms : MAX_RETRY_MS;
	opt = fdnet_nd_option(pkt, &at, FDNET_ND_OPT_MTU, MTU_LEN);
	if (!opt || fdnet_get32(opt + 4) < MIN_MTU6 ||
	    fdnet_get32(opt + 4) > stack->cfg.mtu)
		return;
	stack->autoconf.mtu6 = (uint16_t)fdnet_get32(opt + 4);
}

static void take_ra(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	static const struct fdnet_ip any = { .family = 6 };
	uint32_t at = FDNET_ND_RA_LEN, life = fdnet_get16(pkt->data + 6);
	int pref = preference(pkt->data[5]);
	const uint8_t *opt;

	/* RFC 4861 6.1.2: from a router's link-local address only */
	if (!is_link_local(&in->src)) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	stack->autoconf.solicits_left = 0; /* RFC 4861 6.3.7 */
	opt = fdnet_nd_option(pkt, &at, FDNET_ND_OPT_SOURCE, 8);
	if (opt)
		fdnet_neigh_learn(stack, &in->src, opt + 2, false, true);
	take_link(stack, pkt);
	/* RFC 4191 2.2: what is reserved is medium */
	fdnet_autoconf_route(stack, &any, 0, &in->src, pref == -2 ? 0 : pref,
			     life);
	at = FDNET_ND_RA_LEN;
	while ((opt = fdnet_nd_option(pkt, &at, FDNET_ND_OPT_ROUTE, 8)))
		take_route(stack, opt, &in->src);
	at = FDNET_ND_RA_LEN;
	while ((opt = fdnet_nd_option(pkt, &at, FDNET_ND_OPT_PREFIX,
				      PREFIX_LEN)))
		take_prefix(stack, opt, &in->src);
}

/* ---- redirects ---- */

static void take_redirect(struct fdnet_stack *stack,
			  const struct fdnet_pkt *pkt,
			  const struct fdnet_ip_in *in)
{
	struct fdnet_ip target = { .family = 6 }, dst = { .family = 6 };
	uint32_t at = FDNET_ND_REDIRECT_LEN;
	const uint8_t *opt;

	memcpy(target.bytes, pkt->data + 8, 16);
	memcpy(dst.bytes, pkt->data + 24, 16);
	/* RFC 4861 8.1: from a router, to a router or the neighbour itself */
	if (!is_link_local(&in->src) || fdnet_ip_is_multicast(&dst) ||
	    (!is_link_local(&target) && !fdnet_ip_equal(&target, &dst))) {
		stack->counters[FDNET_C_REDIRECT_BAD]++;
		return;
	}
	if (!fdnet_redirect_take(stack, &in->src, &dst, &target))
		return;
	opt = fdnet_nd_option(pkt, &at, FDNET_ND_OPT_TARGET, 8);
	if (opt)
		fdnet_neigh_learn(stack, &target, opt + 2, false, true);
}

void fdnet_nd_router(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in)
{
	if (pkt->data[0] == FDNET_ND_RA)
		take_ra(stack, pkt, in);
	else if (pkt->data[0] == FDNET_ND_REDIRECT)
		take_redirect(stack, pkt, in);
}
