/* SPDX-License-Identifier: Apache-2.0 */
/* libc's functions that list interfaces; memory in libc's layout, so that its
 * own functions free it. */
#include "config.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>

#include "shim/call.h"
#include "shim/ifaces.h"

unsigned int shim_if_nametoindex(const char *name)
{
	const struct fdnet_rtnl_iface *iface;
	struct shim_guard guard;
	unsigned int index = 0;

	shim_enter(&guard);
	iface = strlen(name) < IFNAMSIZ
			? fdnet_rtnl_find_iface(shim_iface_table(), 0, name)
			: NULL;
	if (iface)
		index = iface->index;
	shim_leave(&guard);
	if (!index)
		errno = ENODEV;
	return index;
}
SHIM_EXPORT(if_nametoindex);

char *shim_if_indextoname(unsigned int index, char *name)
{
	const struct fdnet_rtnl_iface *iface = NULL;
	struct shim_guard guard;

	shim_enter(&guard);
	if (index)
		iface = fdnet_rtnl_find_iface(shim_iface_table(), index, NULL);
	if (iface)
		strcpy(name, iface->name);
	shim_leave(&guard);
	if (iface)
		return name;
	errno = ENXIO;
	return NULL;
}
SHIM_EXPORT(if_indextoname);

/* A copy of what there is, with the network started if that is @needed. */
static int snapshot(struct fdnet_rtnl *ret_net, bool needed)
{
	struct shim_guard guard;
	int rc;

	shim_enter(&guard);
	rc = needed ? shim_net_start() : 0;
	if (rc == 0)
		*ret_net = *shim_iface_table();
	shim_leave(&guard);
	if (needed)
		shim_net_publish_env();
	return rc;
}

/* libc's if_freenameindex() frees each name and the array. */
struct if_nameindex *shim_if_nameindex(void)
{
	struct if_nameindex *all;
	struct fdnet_rtnl net;
	unsigned int i;

	snapshot(&net, false);
	all = calloc(net.nifaces + 1, sizeof(*all));
	if (!all)
		return NULL;
	for (i = 0; i < net.nifaces; i++) {
		all[i].if_index = net.ifaces[i].index;
		all[i].if_name = strdup(net.ifaces[i].name);
	}
	return all;
}
SHIM_EXPORT(if_nameindex);

/* One entry, everything in one block: libc's freeifaddrs() frees only the
 * first pointer it is given, so the whole list is one block too. */
struct ifa_entry {
	struct ifaddrs ifa;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_ll ll;
	} addr, mask, dst;
	struct rtnl_link_stats stats;
	char name[IFNAMSIZ];
};

static void entry_of(struct ifa_entry *e, const struct fdnet_rtnl_iface *iface)
{
	strcpy(e->name, iface->name);
	e->ifa.ifa_name = e->name;
	e->ifa.ifa_flags = iface->flags | (iface->flags & IFF_UP ? 1 << 16 : 0);
	e->ifa.ifa_addr = &e->addr.sa;
}

static void link_entry(struct ifa_entry *e,
		       const struct fdnet_rtnl_iface *iface)
{
	entry_of(e, iface);
	e->addr.ll.sll_family = AF_PACKET;
	e->addr.ll.sll_ifindex = (int)iface->index;
	e->addr.ll.sll_hatype = iface->hw_type;
	e->addr.ll.sll_halen = iface->hw_len;
	memcpy(e->addr.ll.sll_addr, iface->hw, iface->hw_len);
	e->dst.ll = e->addr.ll;
	memcpy(e->dst.ll.sll_addr, iface->broadcast, iface->hw_len);
	if (iface->hw_len)
		e->ifa.ifa_broadaddr = &e->dst.sa;
	e->ifa.ifa_data = &e->stats;
}

static void mask_bits(uint8_t *bytes, unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < bits; i++)
		bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

static void addr_entry(struct ifa_entry *e, const struct fdnet_rtnl *net,
		       const struct fdnet_rtnl_addr *addr)
{
	entry_of(e, fdnet_rtnl_find_iface(net, addr->index, NULL));
	e->ifa.ifa_netmask = &e->mask.sa;
	e->addr.sa.sa_family = addr->ip.family;
	e->mask.sa.sa_family = addr->ip.family;
	if (addr->ip.family == AF_INET) {
		memcpy(&e->addr.in.sin_addr, addr->ip.bytes, 4);
		mask_bits((uint8_t *)&e->mask.in.sin_addr, addr->ip.bits);
		e->dst = e->addr;
		e->ifa.ifa_dstaddr = &e->dst.sa;
	} else {
		memcpy(&e->addr.in6.sin6_addr, addr->ip.bytes, 16);
		mask_bits(e->mask.in6.sin6_addr.s6_addr, addr->ip.bits);
	}
}

/* Links, then IPv4, then IPv6 addresses, as from the kernel. */
int shim_getifaddrs(struct ifaddrs **ret)
{
	struct fdnet_rtnl net;
	struct ifa_entry *e;
	unsigned int i, n = 0, v6;
	int rc = snapshot(&net, true);

	if (rc < 0)
		return (int)shim_ret(rc);
	e = calloc(net.nifaces + net.naddrs, sizeof(*e));
	if (!e)
		return (int)shim_ret(-ENOMEM);
	for (i = 0; i < net.nifaces; i++)
		link_entry(&e[n++], &net.ifaces[i]);
	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < net.naddrs; i++)
			if ((net.addrs[i].ip.family == AF_INET6) == v6)
				addr_entry(&e[n++], &net, &net.addrs[i]);
	for (i = 0; i + 1 < n; i++)
		e[i].ifa.ifa_next = &e[i + 1].ifa;
	*ret = &e[0].ifa;
	return 0;
}
SHIM_EXPORT(getifaddrs);
