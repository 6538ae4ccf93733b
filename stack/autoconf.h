/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and routers of an Ethernet link as time goes by: RFC 5227 (IPv4)
 * and RFC 4862 5.4 (IPv6) probing before an address is used, router
 * solicitations (RFC 4861 6.3.7), lifetimes of what routers advertise.
 *
 * How it works: with @autoconf in the settings an address begins as tentative:
 * it is asked for (IPv4 three times within some seconds, IPv6 once), nothing is
 * accepted for it or sent from it, and when somebody else shows that he has it,
 * it is dropped and counted. Lifetimes are obeyed without the setting too. One
 * timer stands at whatever comes first.
 */
#ifndef STACK_AUTOCONF_H
#define STACK_AUTOCONF_H

#include "stack/internal.h"

struct fdnet_stack_addr;

struct fdnet_autoconf {
	struct fdnet_timer timer;
	uint8_t solicits_left;
	uint64_t solicit_us;
	uint64_t defended_us; /* last answer to a conflict */
	/* what routers advertise for the link; 0: nothing */
	uint8_t hops6;
	uint16_t mtu6;
};

int fdnet_autoconf_init(struct fdnet_stack *stack);

/** fdnet_autoconf_restart - times were changed from outside */
void fdnet_autoconf_restart(struct fdnet_stack *stack);

/** fdnet_autoconf_addr - @addr is new */
void fdnet_autoconf_addr(struct fdnet_stack *stack,
			 struct fdnet_stack_addr *addr);

/** fdnet_autoconf_probe - @ip is ours, but is to be probed whatever the
 * settings say; fdnet_dhcp_probed() hears how it went */
void fdnet_autoconf_probe(struct fdnet_stack *stack, const struct fdnet_ip *ip);

/** fdnet_autoconf_drop - @ip is not ours any more */
void fdnet_autoconf_drop(struct fdnet_stack *stack, const struct fdnet_ip *ip);

/** fdnet_autoconf_seen - a frame shows that somebody else uses, or wants, @ip.
 * Returns true if it was tentative; it is gone then. */
bool fdnet_autoconf_seen(struct fdnet_stack *stack, const struct fdnet_ip *ip);

/** fdnet_autoconf_conflict - somebody else uses our address @ip: counted, and
 * defended at most every ten seconds (RFC 5227 2.4 (b)). true: defend */
bool fdnet_autoconf_conflict(struct fdnet_stack *stack);

/**
 * fdnet_autoconf_prefix - a router gave an address made of its prefix
 * @valid_s, @preferred_s:  lifetimes; UINT32_MAX: for ever
 */
void fdnet_autoconf_prefix(struct fdnet_stack *stack, const struct fdnet_ip *ip,
			   uint32_t valid_s, uint32_t preferred_s,
			   const struct fdnet_ip *router);

/**
 * fdnet_autoconf_route - a router told a way
 * @gateway:  itself; NULL: the network is on the link
 * @pref:     RFC 4191: 1, 0 or -1
 * @life_s:   0: the way is gone; UINT32_MAX: for ever
 */
void fdnet_autoconf_route(struct fdnet_stack *stack,
			  const struct fdnet_ip *net, unsigned int bits,
			  const struct fdnet_ip *gateway, int pref,
			  uint32_t life_s);

#endif
