/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbour discovery (RFC 4861): solicitations and advertisements. What
 * routers say is in nd_router.c. */
#include "config.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv6.h"

enum {
	NA_ROUTER = 0x80,
	NA_SOLICITED = 0x40,
	NA_OVERRIDE = 0x20,
};

bool fdnet_nd_is_solicited_node(const struct fdnet_stack *stack,
				const struct fdnet_ip *group)
{
	static const uint8_t start[13] = { 0xff, 2, [11] = 1, [12] = 0xff };
	unsigned int i;

	if (group->family != 6 || memcmp(group->bytes, start, 13))
		return false;
	for (i = 0; i < stack->naddrs; i++)
		if (stack->addrs[i].ip.family == 6 &&
		    !memcmp(stack->addrs[i].ip.bytes + 13, group->bytes + 13,
			    3))
			return true;
	return false;
}

static struct fdnet_ip solicited_node(const struct fdnet_ip *ip)
{
	struct fdnet_ip group = { 6, { 0xff, 2, [11] = 1, [12] = 0xff } };

	memcpy(group.bytes + 13, ip->bytes + 13, 3);
	return group;
}

/* ---- sending ---- */

static void put_option(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		       uint8_t type)
{
	uint8_t *p = fdnet_pkt_put(pkt, 8);

	p[0] = type;
	p[1] = 1;
	memcpy(p + 2, stack->cfg.link_addr, 6);
}

/* Type, flags, target, and our address as an option. @mac: or NULL for the
 * group's. */
static void send_nd(struct fdnet_stack *stack, uint8_t type, uint8_t flags,
		    const struct fdnet_ip *target, const struct fdnet_ip *src,
		    const struct fdnet_ip *dst, const uint8_t *mac)
{
	struct fdnet_icmp hdr = { type, 0, (uint32_t)flags << 24 };
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);
	uint8_t *p;

	if (!pkt)
		return;
	p = fdnet_pkt_put(pkt, FDNET_ND_LEN);
	fdnet_icmp_encode(p, &hdr);
	memcpy(p + 8, target->bytes, 16);
	if (!fdnet_ip_is_any(src)) /* RFC 4861 4.3 */
		put_option(stack, pkt, type == FDNET_ND_NS ? FDNET_ND_OPT_SOURCE : FDNET_ND_OPT_TARGET);
	fdnet_ip_csum_fill(stack, pkt, src, dst, FDNET_PROTO_ICMP6,
			   FDNET_ICMP_CSUM_OFFSET);
	fdnet_ip_finish(stack, pkt, src, dst, FDNET_PROTO_ICMP6, 255, 0,
			false);
	stack->counters[FDNET_C_ICMP_OUT]++;
	if (mac) {
		fdnet_neigh_put(stack, pkt, mac, FDNET_ETHERTYPE_IPV6);
		return;
	}
	pkt = fdnet_neigh_send(stack, pkt, dst);
	if (pkt)
		fdnet_pktq_push(&stack->frags, pkt);
}

void fdnet_nd_ask(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		  const uint8_t *mac)
{
	struct fdnet_ip src, dst = mac ? *ip : solicited_node(ip);

	if (!fdnet_ip_source(stack, ip, &src))
		send_nd(stack, FDNET_ND_NS, 0, ip, &src, &dst, mac);
}

void fdnet_nd_announce(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_ip all = { 6, { 0xff, 2, [15] = 1 } };

	send_nd(stack, FDNET_ND_NA, NA_OVERRIDE, ip, ip, &all, NULL);
}

void fdnet_nd_probe(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_ip any = { .family = 6 }, group = solicited_node(ip);

	send_nd(stack, FDNET_ND_NS, 0, ip, &any, &group, NULL);
}

void fdnet_nd_solicit_routers(struct fdnet_stack *stack)
{
	static const struct fdnet_ip routers = { 6, { 0xff, 2, [15] = 2 } };
	struct fdnet_icmp hdr = { FDNET_ND_RS, 0, 0 };
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);
	struct fdnet_ip src;

	if (!pkt)
		return;
	fdnet_icmp_encode(fdnet_pkt_put(pkt, FDNET_ICMP_LEN), &hdr);
	if (fdnet_ip_source(stack, &routers, &src)) {
		fdnet_pkt_free(pkt);
		return;
	}
	put_option(stack, pkt, FDNET_ND_OPT_SOURCE);
	fdnet_ip_csum_fill(stack, pkt, &src, &routers, FDNET_PROTO_ICMP6,
			   FDNET_ICMP_CSUM_OFFSET);
	fdnet_ip_finish(stack, pkt, &src, &routers, FDNET_PROTO_ICMP6, 255, 0,
			false);
	stack->counters[FDNET_C_ICMP_OUT]++;
	pkt = fdnet_neigh_send(stack, pkt, &routers);
	if (pkt)
		fdnet_pktq_push(&stack->frags, pkt);
}

/* ---- options ---- */

const uint8_t *fdnet_nd_option(const struct fdnet_pkt *pkt, uint32_t *at,
			       uint8_t type, uint32_t len)
{
	const uint8_t *p;
	uint32_t size;

	while (pkt->len >= *at + 8) {
		p = pkt->data + *at;
		size = p[1] * 8u;
		if (!size || size > pkt->len - *at)
			return NULL;
		*at += size;
		if (p[0] == type && size >= len)
			return p;
	}
	return NULL;
}

bool fdnet_nd_options_ok(const struct fdnet_pkt *pkt, uint32_t at)
{
	while (pkt->len >= at + 8) {
		if (!pkt->data[at + 1])
			return false;
		at += pkt->data[at + 1] * 8u;
	}
	return pkt->len == at;
}

static const uint8_t *find_option(const struct fdnet_pkt *pkt, uint8_t type)
{
	uint32_t at = FDNET_ND_LEN;

	return fdnet_nd_option(pkt, &at, type, 8);
}

/* ---- neighbours ---- */

static void take_ns(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	struct fdnet_ip target = { .family = 6 };
	struct fdnet_ip all = { 6, { 0xff, 2, [15] = 1 } };
	bool anonymous = fdnet_ip_is_any(&in->src);
	const uint8_t *opt;

	memcpy(target.bytes, pkt->data + 8, 16);
	/* RFC 4862 5.4.3: two want it at the same time */
	if (anonymous && fdnet_autoconf_seen(stack, &target))
		return;
	if (!fdnet_stack_find_addr(stack, &target))
		return;
	opt = find_option(pkt, FDNET_ND_OPT_SOURCE);
	if (anonymous) {
		/* somebody wants to use our address: RFC 4862 5.4.3 */
		stack->counters[FDNET_C_ADDR_CONFLICT]++;
		send_nd(stack, FDNET_ND_NA, NA_OVERRIDE, &target, &target, &all,
			NULL);
		return;
	}
	if (opt)
		fdnet_neigh_learn(stack, &in->src, opt + 2, false, true);
	send_nd(stack, FDNET_ND_NA, NA_SOLICITED | NA_OVERRIDE, &target, &target,
		&in->src, NULL);
}

static void take_na(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	struct fdnet_ip target = { .family = 6 };
	bool solicited = pkt->data[4] & NA_SOLICITED;
	const uint8_t *opt;

	/* an answer to a group is no answer: RFC 4861 7.1.2 */
	if (solicited && in->group)
		return;
	memcpy(target.bytes, pkt->data + 8, 16);
	opt = find_option(pkt, FDNET_ND_OPT_TARGET);
	if (fdnet_autoconf_seen(stack, &target)) /* RFC 4862 5.4.4 */
		return;
	if (fdnet_stack_find_addr(stack, &target)) {
		if (opt && memcmp(opt + 2, stack->cfg.link_addr, 6) &&
		    fdnet_autoconf_conflict(stack))
			fdnet_nd_announce(stack, &target);
		return;
	}
	fdnet_neigh_advertised(stack, &target, opt ? opt + 2 : NULL, solicited,
			       pkt->data[4] & NA_OVERRIDE);
	if (!(pkt->data[4] & NA_ROUTER)) /* RFC 4861 6.2.5: no more */
		fdnet_route_drop_router(stack, &target);
}

void fdnet_nd_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	static const uint8_t least[] = {
		[FDNET_ND_RA] = FDNET_ND_RA_LEN,
		[FDNET_ND_NS] = FDNET_ND_LEN,
		[FDNET_ND_NA] = FDNET_ND_LEN,
		[FDNET_ND_REDIRECT] = FDNET_ND_REDIRECT_LEN,
	};
	uint8_t type = pkt->data[0];

	if (!stack->cfg.ethernet || type >= sizeof(least) || !least[type])
		return;
	/* RFC 4861 6.1, 7.1, 8.1: only from this link, and code zero */
	if (in->ttl != 255 || pkt->data[1] || pkt->flags & FDNET_PKT_LOOPED ||
	    fdnet_pkt_total(pkt) < least[type] ||
	    fdnet_pkt_pull_up(pkt, fdnet_pkt_total(pkt)) ||
	    !fdnet_nd_options_ok(pkt, least[type])) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	if (type == FDNET_ND_NS)
		take_ns(stack, pkt, in);
	else if (type == FDNET_ND_NA)
		take_na(stack, pkt, in);
	else
		fdnet_nd_router(stack, pkt, in);
}

void fdnet_nd_interface_id(const uint8_t mac[6], uint8_t id[8])
{
	id[0] = mac[0] ^ 2;
	id[1] = mac[1];
	id[2] = mac[2];
	id[3] = 0xff;
	id[4] = 0xfe;
	memcpy(id + 5, mac + 3, 3);
}
