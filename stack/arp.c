/* SPDX-License-Identifier: Apache-2.0 */
/* ARP (RFC 826, RFC 5227). */
#include "config.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/arp.h"

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void send_arp(struct fdnet_stack *stack, const struct fdnet_arp *arp,
		     const uint8_t dst[6])
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);

	if (!pkt)
		return;
	fdnet_arp_encode(fdnet_pkt_put(pkt, FDNET_ARP_LEN), arp);
	stack->counters[FDNET_C_ARP_OUT]++;
	fdnet_neigh_put(stack, pkt, dst, FDNET_ETHERTYPE_ARP);
}

void fdnet_arp_ask(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		   const uint8_t *mac)
{
	struct fdnet_arp arp = { .op = FDNET_ARP_REQUEST };
	struct fdnet_ip src;

	if (fdnet_ip_source(stack, ip, &src))
		return;
	memcpy(arp.sender_mac, stack->cfg.link_addr, 6);
	memcpy(arp.sender_ip, src.bytes, 4);
	memcpy(arp.target_ip, ip->bytes, 4);
	send_arp(stack, &arp, mac ? mac : everybody);
}

void fdnet_arp_probe(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_arp arp = { .op = FDNET_ARP_REQUEST };

	memcpy(arp.sender_mac, stack->cfg.link_addr, 6);
	memcpy(arp.target_ip, ip->bytes, 4);
	send_arp(stack, &arp, everybody);
}

void fdnet_arp_announce(struct fdnet_stack *stack, const struct fdnet_ip *ip)
{
	struct fdnet_arp arp = { .op = FDNET_ARP_REQUEST };

	memcpy(arp.sender_mac, stack->cfg.link_addr, 6);
	memcpy(arp.sender_ip, ip->bytes, 4);
	memcpy(arp.target_ip, ip->bytes, 4);
	send_arp(stack, &arp, everybody);
}

static void answer(struct fdnet_stack *stack, const struct fdnet_arp *ask)
{
	struct fdnet_arp arp = { .op = FDNET_ARP_REPLY };

	memcpy(arp.sender_mac, stack->cfg.link_addr, 6);
	memcpy(arp.sender_ip, ask->target_ip, 4);
	memcpy(arp.target_mac, ask->sender_mac, 6);
	memcpy(arp.target_ip, ask->sender_ip, 4);
	send_arp(stack, &arp, ask->sender_mac);
}

/* RFC 826, "packet reception", with RFC 5227's look at conflicts. */
static void take(struct fdnet_stack *stack, const struct fdnet_arp *arp)
{
	struct fdnet_ip sender = { .family = 4 }, target = { .family = 4 };
	bool for_us;

	memcpy(sender.bytes, arp->sender_ip, 4);
	memcpy(target.bytes, arp->target_ip, 4);
	/* RFC 5227 2.1.1: somebody has it, or wants it at the same time */
	if (memcmp(arp->sender_mac, stack->cfg.link_addr, 6) &&
	    (fdnet_autoconf_seen(stack, &sender) ||
	     (fdnet_ip_is_any(&sender) &&
	      fdnet_autoconf_seen(stack, &target))))
		return;
	for_us = fdnet_stack_find_addr(stack, &target);
	if (fdnet_stack_find_addr(stack, &sender)) {
		if (memcmp(arp->sender_mac, stack->cfg.link_addr, 6) &&
		    fdnet_autoconf_conflict(stack))
			fdnet_arp_announce(stack, &sender);
		return;
	}
	/* a probe (RFC 5227 2.1) has no address to learn from */
	if (!fdnet_ip_is_any(&sender) &&
	    !fdnet_ip_bad_source(stack, &sender))
		fdnet_neigh_learn(stack, &sender, arp->sender_mac,
				  for_us && arp->op == FDNET_ARP_REPLY,
				  for_us);
	if (for_us && arp->op == FDNET_ARP_REQUEST)
		answer(stack, arp);
}

void fdnet_arp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	struct fdnet_arp arp;

	stack->counters[FDNET_C_ARP_IN]++;
	if (fdnet_pkt_pull_up(pkt, FDNET_ARP_LEN) ||
	    fdnet_arp_decode(pkt->data, pkt->len, &arp))
		stack->counters[FDNET_C_ARP_BAD]++;
	else
		take(stack, &arp);
	fdnet_pkt_free(pkt);
}
