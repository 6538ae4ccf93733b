/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's addresses: what QEMU and slirp4netns users expect. */
#ifndef RELAY_NET_H
#define RELAY_NET_H

#include <stdbool.h>

#include <fdnet/stack.h>

/* Where name servers listen, RFC 1035 4.2. */
#define DNS_PORT 53

/* One family's half. */
struct net_family {
	struct fdnet_ip ip, gateway, dns;
	uint8_t bits;
};

/* resolv.conf has three at most (MAXNS). */
#define NET_HOST_DNS 3

/**
 * struct net
 * @host_dns:  the name servers of the machine's resolv.conf, where programs
 *             with a resolver of their own will ask; the forwarder answers
 */
struct net {
	struct net_family v4, v6;
	struct fdnet_ip host_dns[NET_HOST_DNS];
	unsigned int nhost_dns;
};

/** net_init - 10.0.2.15/24 and fd00::15/64; gateway .2, name server .3 */
void net_init(struct net *net);

/**
 * net_set - choose the guest's address and network by "ADDRESS/BITS"
 *
 * Gateway and name server are the second and third address of the network.
 * Returns 0, -EINVAL (no address, a network with no room for three, or an
 * address that is the gateway's or name server's).
 */
int net_set(struct net *net, const char *text);

/** net_family - the half for family 4 or 6 */
static inline const struct net_family *net_family(const struct net *net,
						  int family)
{
	return family == 4 ? &net->v4 : &net->v6;
}

/** net_is_sandbox - an address of the sandbox's own, or loopback */
bool net_is_sandbox(const struct net *net, const struct fdnet_ip *ip);
/** net_is_gateway - where the machine's loopback is reached */
bool net_is_gateway(const struct net *net, const struct fdnet_ip *ip);
/** net_is_dns - where the name forwarder answers */
bool net_is_dns(const struct net *net, const struct fdnet_ip *ip);
/** net_is_host_dns - one of the machine's name servers */
bool net_is_host_dns(const struct net *net, const struct fdnet_ip *ip);

#endif
