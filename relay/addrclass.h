/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of address a destination is, for the rules (RFC 6890 and its
 * registry). A wide rule ("any", "*", 0.0.0.0/0) covers the public internet
 * only; every other kind needs a rule that names it.
 */
#ifndef RELAY_ADDRCLASS_H
#define RELAY_ADDRCLASS_H

#include <stdbool.h>

#include <fdnet/stack.h>

enum addr_class {
	ADDR_PUBLIC,
	ADDR_PRIVATE,	/* RFC 1918, RFC 6598, unique local: a rule inside */
	ADDR_LINKLOCAL, /* also the metadata services: a rule inside */
	ADDR_HOST,	/* an address of this machine: a rule for exactly it */
	ADDR_GATEWAY,	/* the machine's loopback: "host:PORT" */
	ADDR_NEVER,	/* loopback, multicast, reserved: no rule covers it */
};

/**
 * addr_normalise - one spelling for one destination
 * @ip:  a v4-mapped or v4-compatible IPv6 address becomes its IPv4 address
 */
void addr_normalise(struct fdnet_ip *ip);

/**
 * addr_classify - the class by the address alone
 * @ip:  normalised
 *
 * Never ADDR_HOST or ADDR_GATEWAY, which depend on more. Addresses that carry
 * an IPv4 address inside (NAT64, 6to4) are ADDR_NEVER unless that is public.
 */
enum addr_class addr_classify(const struct fdnet_ip *ip);

/** addr_embedded - the IPv4 address inside a NAT64 or 6to4 address */
bool addr_embedded(const struct fdnet_ip *ip, struct fdnet_ip *ret_ip4);

/** addr_class_name - "private" and so on; static */
const char *addr_class_name(enum addr_class cls);

#endif
