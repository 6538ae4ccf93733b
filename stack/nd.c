/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbour discovery (RFC 4861): solicitations, advertisements, and routers'
 * advertisements as far as a host needs them: the default router and the
 * prefix to make an address from (RFC 4862).
 */
#include "config.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv6.h"

enum {
	ND_RS = 133,
	ND_RA = 134,
	ND_NS = 135,
	ND_NA = 136,
};

enum {
	OPT_SOURCE = 1,
	OPT_TARGET = 2,
	OPT_PREFIX = 3,
};

enum {
	NA_SOLICITED = 0x40,
	NA_OVERRIDE = 0x20,
	PREFIX_AUTONOMOUS = 0x40,
};

#define ND_LEN 24 /* ICMPv6 header and target */
#define RA_LEN 16
#define PREFIX_LEN 32

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
	p = fdnet_pkt_put(pkt, ND_LEN);
	fdnet_icmp_encode(p, &hdr);
	memcpy(p + 8, target->bytes, 16);
	if (!fdnet_ip_is_any(src)) /* RFC 4861 4.3 */
		put_option(stack, pkt, type == ND_NS ? OPT_SOURCE : OPT_TARGET);
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
		send_nd(stack, ND_NS, 0, ip, &src, &dst, mac);
}

void fdnet_nd_announce(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_ip all = { 6, { 0xff, 2, [15] = 1 } };

	send_nd(stack, ND_NA, NA_OVERRIDE, ip, ip, &all, NULL);
}

void fdnet_nd_probe(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_ip any = { .family = 6 }, group = solicited_node(ip);

	send_nd(stack, ND_NS, 0, ip, &any, &group, NULL);
}

void fdnet_nd_solicit_routers(struct fdnet_stack *stack)
{
	static const struct fdnet_ip routers = { 6, { 0xff, 2, [15] = 2 } };
	struct fdnet_icmp hdr = { ND_RS, 0, 0 };
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);
	struct fdnet_ip src;

	if (!pkt)
		return;
	fdnet_icmp_encode(fdnet_pkt_put(pkt, FDNET_ICMP_LEN), &hdr);
	if (fdnet_ip_source(stack, &routers, &src)) {
		fdnet_pkt_free(pkt);
		return;
	}
	put_option(stack, pkt, OPT_SOURCE);
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

/* The first option of @type, at least @len bytes; NULL when there is none or
 * the list is broken. */
static const uint8_t *find_option(const uint8_t *p, uint32_t left,
				  uint8_t type, uint32_t len)
{
	uint32_t size;

	while (left >= 8) {
		size = p[1] * 8u;
		if (!size || size > left)
			return NULL;
		if (p[0] == type && size >= len)
			return p;
		p += size;
		left -= size;
	}
	return NULL;
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
	opt = find_option(pkt->data + ND_LEN, pkt->len - ND_LEN, OPT_SOURCE,
			  8);
	if (anonymous) {
		/* somebody wants to use our address: RFC 4862 5.4.3 */
		stack->counters[FDNET_C_ADDR_CONFLICT]++;
		send_nd(stack, ND_NA, NA_OVERRIDE, &target, &target, &all,
			NULL);
		return;
	}
	if (opt)
		fdnet_neigh_learn(stack, &in->src, opt + 2, false, true);
	send_nd(stack, ND_NA, NA_SOLICITED | NA_OVERRIDE, &target, &target,
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
	opt = find_option(pkt->data + ND_LEN, pkt->len - ND_LEN, OPT_TARGET,
			  8);
	if (fdnet_autoconf_seen(stack, &target)) /* RFC 4862 5.4.4 */
		return;
	if (fdnet_stack_find_addr(stack, &target)) {
		if (opt && memcmp(opt + 2, stack->cfg.link_addr, 6) &&
		    fdnet_neigh_conflict(stack))
			fdnet_nd_announce(stack, &target);
		return;
	}
	if (opt)
		fdnet_neigh_learn(stack, &target, opt + 2, solicited, false);
}

/* ---- routers ---- */

/* RFC 4862 5.5.3, with the interface identifier of RFC 2464 4. */
static void autoconfigure(struct fdnet_stack *stack, const uint8_t *opt)
{
	const uint8_t *mac = stack->cfg.link_addr;
	struct fdnet_ip ip = { .family = 6 };

	if (!(opt[3] & PREFIX_AUTONOMOUS) || opt[2] != 64 ||
	    opt[16] == 0xfe || opt[16] == 0xff)
		return;
	memcpy(ip.bytes, opt + 16, 8);
	fdnet_nd_interface_id(mac, ip.bytes + 8);
	fdnet_autoconf_prefix(stack, &ip, fdnet_get32(opt + 4),
			      fdnet_get32(opt + 8));
}

static void take_ra(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	const uint8_t *opts = pkt->data + RA_LEN, *opt;
	uint32_t left = pkt->len - RA_LEN;

	/* RFC 4861 6.1.2: from a router's link-local address only */
	if (in->src.bytes[0] != 0xfe || (in->src.bytes[1] & 0xc0) != 0x80)
		return;
	opt = find_option(opts, left, OPT_SOURCE, 8);
	if (opt)
		fdnet_neigh_learn(stack, &in->src, opt + 2, false, true);
	fdnet_autoconf_router(stack, &in->src, fdnet_get16(pkt->data + 6));
	opt = find_option(opts, left, OPT_PREFIX, PREFIX_LEN);
	if (opt)
		autoconfigure(stack, opt);
}

void fdnet_nd_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	uint32_t need = pkt->data[0] == ND_RA ? RA_LEN : ND_LEN;

	/* RFC 4861 6.1, 7.1: only from this link, and code zero */
	if (!stack->cfg.ethernet || in->ttl != 255 || pkt->data[1] ||
	    pkt->flags & FDNET_PKT_LOOPED)
		return;
	if (fdnet_pkt_total(pkt) < need ||
	    fdnet_pkt_pull_up(pkt, fdnet_pkt_total(pkt))) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	switch (pkt->data[0]) {
	case ND_NS:
		take_ns(stack, pkt, in);
		break;
	case ND_NA:
		take_na(stack, pkt, in);
		break;
	case ND_RA:
		take_ra(stack, pkt, in);
		break;
	}
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
