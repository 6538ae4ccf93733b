/* SPDX-License-Identifier: Apache-2.0 */
/* Two stacks on an Ethernet, and frames by hand to the first: for the tests of
 * neighbours and routers. */
#ifndef TESTS_ETHER_NET_H
#define TESTS_ETHER_NET_H

#include "stack/object.h"
#include "tests/stack_pair.h"

extern const uint8_t ether_macs[2][6];
extern const uint8_t ether_everybody[6];
extern struct stack_pair *ether_pair;
extern struct fdnet_stack *ether_stack; /* of side 0 */

/** ether_setup, ether_teardown - fixture; @change: of side 0's settings, or
 * NULL */
void ether_setup_with(void (*change)(struct fdnet_stack_config *cfg));
void ether_setup(void);
void ether_teardown(void);

uint64_t ether_counter(enum fdnet_stack_counter which);

/** ether_udp - a socket of @side, bound to @port unless 0 */
struct fdnet_sock *ether_udp(int side, int family, uint16_t port);

/** ether_expect - what side 0 sends next is this kind of frame to @dst */
void ether_expect(uint16_t ethertype, const uint8_t dst[6]);
/** ether_expect_none - it sends nothing more */
void ether_expect_none(void);
/** ether_drain - what side 0 sends is dropped */
void ether_drain(void);

/** ether_frame - side 0 gets a frame of side 1's address */
void ether_frame(uint16_t ethertype, const uint8_t dst[6], const void *data,
		 size_t len);

/** ether_arp - ... an ARP message, to all */
void ether_arp(uint16_t op, const uint8_t *mac, const char *sender,
	       const char *target);

/** ether_icmp6 - ... an ICMPv6 message; @body begins with its type, the
 * checksum is filled in */
void ether_icmp6(const char *src, const char *dst, uint8_t hops,
		 const void *body, size_t len);

/** ether_advert - ... a neighbour's advertisement of @target, with @flags of
 * RFC 4861 4.4 and @mac, or NULL, as its link-layer address */
void ether_advert(const char *target, uint8_t flags, const uint8_t *mac);

/** ether_hop - where side 0 sends packets to @dst: an address, or "none" */
const char *ether_hop(const char *dst);

#endif
