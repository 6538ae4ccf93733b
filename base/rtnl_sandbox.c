/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox's interfaces, addresses and routes are. */
#include "config.h"

#include "base/rtnl.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#define LO_MTU 65536

static void add_addr(struct fdnet_rtnl *net, uint32_t index,
		     const struct fdnet_rtnl_ip *ip, uint8_t scope)
{
	struct fdnet_rtnl_addr *a = &net->addrs[net->naddrs++];

	a->index = index;
	a->ip = *ip;
	a->scope = scope;
}

static struct fdnet_rtnl_route *add_route(struct fdnet_rtnl *net,
					  uint32_t index, uint8_t table,
					  uint8_t type, uint8_t scope,
					  const struct fdnet_rtnl_ip *dst)
{
	struct fdnet_rtnl_route *r = &net->routes[net->nroutes++];

	r->index = index;
	r->table = table;
	r->type = type;
	r->scope = scope;
	r->protocol = RTPROT_KERNEL;
	r->dst = *dst;
	return r;
}

/* The network that @ip is in. */
static struct fdnet_rtnl_ip network_of(const struct fdnet_rtnl_ip *ip)
{
	struct fdnet_rtnl_ip net = *ip;
	unsigned int i, size = ip->family == AF_INET ? 4 : 16;

	for (i = ip->bits; i < size * 8; i++)
		net.bytes[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
	return net;
}

static struct fdnet_rtnl_ip host_of(const struct fdnet_rtnl_ip *ip)
{
	struct fdnet_rtnl_ip host = *ip;

	host.bits = ip->family == AF_INET ? 32 : 128;
	return host;
}

/* One interface's address and the routes that come with it. */
static void add_network(struct fdnet_rtnl *net, uint32_t index,
			const struct fdnet_rtnl_ip *ip,
			const struct fdnet_rtnl_ip *gateway)
{
	struct fdnet_rtnl_ip around = network_of(ip), host = host_of(ip);
	struct fdnet_rtnl_ip all = {.family = ip->family};
	bool v4 = ip->family == AF_INET;
	struct fdnet_rtnl_route *r;

	add_addr(net, index, ip, index == 1 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE);
	if (index != 1) {
		r = add_route(net, index, RT_TABLE_MAIN, RTN_UNICAST,
			      v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, &around);
		if (v4)
			r->source = host;
	} else if (v4) {
		r = add_route(net, index, RT_TABLE_LOCAL, RTN_LOCAL,
			      RT_SCOPE_HOST, &around);
		r->source = host;
	}
	r = add_route(net, index, RT_TABLE_LOCAL, RTN_LOCAL,
		      v4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE, &host);
	if (v4)
		r->source = host;
	if (!gateway || !gateway->family)
		return;
	r = add_route(net, index, RT_TABLE_MAIN, RTN_UNICAST, RT_SCOPE_UNIVERSE,
		      &all);
	r->gateway = *gateway;
	r->protocol = RTPROT_STATIC;
}

void fdnet_rtnl_sandbox(struct fdnet_rtnl *net, const struct fdnet_rtnl_ip *ip4,
			const struct fdnet_rtnl_ip *gateway4,
			const struct fdnet_rtnl_ip *ip6,
			const struct fdnet_rtnl_ip *gateway6, uint32_t mtu)
{
	static const struct fdnet_rtnl_ip lo4 = {
		.family = AF_INET, .bits = 8, .bytes = {127, 0, 0, 1}};
	static const struct fdnet_rtnl_ip lo6 = {
		.family = AF_INET6, .bits = 128, .bytes = {[15] = 1}};

	memset(net, 0, sizeof(*net));
	net->nifaces = 2;
	net->ifaces[0] = (struct fdnet_rtnl_iface){
		.name = "lo",
		.index = 1,
		.flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING,
		.mtu = LO_MTU,
		.hw_type = ARPHRD_LOOPBACK,
		.hw_len = 6,
	};
	net->ifaces[1] = (struct fdnet_rtnl_iface){
		.name = "eth0",
		.index = 2,
		.flags = IFF_UP | IFF_RUNNING | IFF_POINTOPOINT | IFF_NOARP,
		.mtu = mtu,
		.hw_type = ARPHRD_NONE,
	};
	add_network(net, 1, &lo4, NULL);
	add_network(net, 2, ip4, gateway4);
	if (!ip6->family)
		return;
	add_network(net, 1, &lo6, NULL);
	add_network(net, 2, ip6, gateway6);
}

const struct fdnet_rtnl_iface *fdnet_rtnl_find_iface(const struct fdnet_rtnl *net,
						     uint32_t index,
						     const char *name)
{
	unsigned int i;

	for (i = 0; i < net->nifaces; i++)
		if (index ? net->ifaces[i].index == index
			  : name && strcmp(net->ifaces[i].name, name) == 0)
			return &net->ifaces[i];
	return NULL;
}
