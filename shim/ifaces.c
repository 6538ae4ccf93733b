/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/ifaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "shim/call.h"

#define LO_MTU 65536

struct iface {
	const char *name;
	unsigned int index;
	unsigned int flags;
	int hw_type;
};

static const struct iface ifaces[] = {
	{ "lo", 1, IFF_UP | IFF_LOOPBACK | IFF_RUNNING, ARPHRD_LOOPBACK },
	{ "eth0", 2, IFF_UP | IFF_RUNNING | IFF_POINTOPOINT | IFF_NOARP,
	  ARPHRD_NONE },
};

#define IFACES (sizeof(ifaces) / sizeof(ifaces[0]))

static const struct iface *by_name(const char *name)
{
	size_t i;

	for (i = 0; i < IFACES; i++)
		if (strncmp(ifaces[i].name, name, IFNAMSIZ) == 0)
			return &ifaces[i];
	return NULL;
}

static const struct iface *by_index(unsigned int index)
{
	return index >= 1 && index <= IFACES ? &ifaces[index - 1] : NULL;
}

/* ---- ioctls ---- */

static struct in_addr address_of(const struct iface *iface)
{
	struct in_addr addr = { .s_addr = htonl(INADDR_LOOPBACK) };

	if (iface->index == 2)
		memcpy(&addr, shim_net_welcome()->ip4, 4);
	return addr;
}

static struct in_addr mask_of(const struct iface *iface)
{
	unsigned int bits =
		iface->index == 1 ? 8 : shim_net_welcome()->bits4;
	struct in_addr mask;

	mask.s_addr = htonl(bits ? ~0u << (32 - bits) : 0);
	return mask;
}

static void put_addr(struct sockaddr *dst, struct in_addr addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };

	memcpy(dst, &sin, sizeof(sin));
}

static int list(struct ifconf *conf)
{
	struct ifreq req;
	size_t i, used = 0;

	if (!conf->ifc_buf) {
		conf->ifc_len = (int)(IFACES * sizeof(req));
		return 0;
	}
	for (i = 0; i < IFACES; i++) {
		if (used + sizeof(req) > (size_t)conf->ifc_len)
			break;
		memset(&req, 0, sizeof(req));
		strcpy(req.ifr_name, ifaces[i].name);
		put_addr(&req.ifr_addr, address_of(&ifaces[i]));
		memcpy(conf->ifc_buf + used, &req, sizeof(req));
		used += sizeof(req);
	}
	conf->ifc_len = (int)used;
	return 0;
}

int shim_iface_ioctl(unsigned long request, void *arg)
{
	struct ifreq *req = arg;
	const struct iface *iface;

	if (request < SIOCGIFNAME || request > SIOCSIFMAP)
		return -ENOTTY;
	if (!arg)
		return -EFAULT;
	if (request == SIOCGIFCONF)
		return list(arg);
	iface = request == SIOCGIFNAME ? by_index((unsigned int)req->ifr_ifindex)
				       : by_name(req->ifr_name);
	if (!iface)
		return -ENODEV;
	switch (request) {
	case SIOCGIFNAME:
		strcpy(req->ifr_name, iface->name);
		return 0;
	case SIOCGIFINDEX:
		req->ifr_ifindex = (int)iface->index;
		return 0;
	case SIOCGIFFLAGS:
		req->ifr_flags = (short)iface->flags;
		return 0;
	case SIOCGIFADDR:
		put_addr(&req->ifr_addr, address_of(iface));
		return 0;
	case SIOCGIFNETMASK:
		put_addr(&req->ifr_netmask, mask_of(iface));
		return 0;
	case SIOCGIFBRDADDR:
		return -EADDRNOTAVAIL;
	case SIOCGIFDSTADDR:
		put_addr(&req->ifr_dstaddr, address_of(iface));
		return 0;
	case SIOCGIFMTU:
		req->ifr_mtu = iface->index == 1
				       ? LO_MTU
				       : (int)shim_net_welcome()->mtu;
		return 0;
	case SIOCGIFHWADDR:
		memset(&req->ifr_hwaddr, 0, sizeof(req->ifr_hwaddr));
		req->ifr_hwaddr.sa_family = (sa_family_t)iface->hw_type;
		return 0;
	case SIOCGIFMETRIC:
		req->ifr_metric = 0;
		return 0;
	case SIOCGIFMAP:
		memset(&req->ifr_map, 0, sizeof(req->ifr_map));
		return 0;
	default:
		return -EPERM; /* the relay's to change */
	}
}

/* ---- libc's functions ---- */

unsigned int shim_if_nametoindex(const char *name)
{
	const struct iface *iface = by_name(name);

	if (iface)
		return iface->index;
	errno = ENODEV;
	return 0;
}
SHIM_EXPORT(if_nametoindex);

char *shim_if_indextoname(unsigned int index, char *name)
{
	const struct iface *iface = by_index(index);

	if (!iface) {
		errno = ENXIO;
		return NULL;
	}
	return strcpy(name, iface->name);
}
SHIM_EXPORT(if_indextoname);

/* libc's if_freenameindex() frees each name and the array. */
struct if_nameindex *shim_if_nameindex(void)
{
	struct if_nameindex *all = calloc(IFACES + 1, sizeof(*all));
	size_t i;

	if (!all)
		return NULL;
	for (i = 0; i < IFACES; i++) {
		all[i].if_index = ifaces[i].index;
		all[i].if_name = strdup(ifaces[i].name);
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
	} addr, mask;
	char name[IFNAMSIZ];
};

static void link_entry(struct ifa_entry *e, const struct iface *iface)
{
	strcpy(e->name, iface->name);
	e->ifa.ifa_name = e->name;
	e->ifa.ifa_flags = iface->flags;
	e->ifa.ifa_addr = &e->addr.sa;
	e->ifa.ifa_netmask = &e->mask.sa;
}

static void entry4(struct ifa_entry *e, const struct iface *iface)
{
	link_entry(e, iface);
	put_addr(&e->addr.sa, address_of(iface));
	put_addr(&e->mask.sa, mask_of(iface));
}

static void entry6(struct ifa_entry *e, const struct iface *iface)
{
	const struct fdnet_welcome *w = shim_net_welcome();
	unsigned int bits = iface->index == 1 ? 128 : w->bits6, i;

	link_entry(e, iface);
	e->addr.in6.sin6_family = AF_INET6;
	e->mask.in6.sin6_family = AF_INET6;
	if (iface->index == 1)
		e->addr.in6.sin6_addr = in6addr_loopback;
	else
		memcpy(&e->addr.in6.sin6_addr, w->ip6, 16);
	for (i = 0; i < bits; i++)
		e->mask.in6.sin6_addr.s6_addr[i / 8] |=
			(uint8_t)(0x80 >> (i % 8));
}

int shim_getifaddrs(struct ifaddrs **ret)
{
	struct ifa_entry *e;
	struct shim_guard guard;
	size_t i, n = 0;
	int rc;

	e = calloc(2 * IFACES, sizeof(*e));
	if (!e)
		return (int)shim_ret(-ENOMEM);
	shim_enter(&guard);
	rc = shim_net_start();
	for (i = 0; i < IFACES && rc == 0; i++)
		entry4(&e[n++], &ifaces[i]);
	for (i = 0; i < IFACES && rc == 0; i++)
		if (shim_net_welcome()->bits6)
			entry6(&e[n++], &ifaces[i]);
	shim_leave(&guard);
	shim_net_publish_env();
	if (rc < 0) {
		free(e);
		return (int)shim_ret(rc);
	}
	for (i = 0; i + 1 < n; i++)
		e[i].ifa.ifa_next = &e[i + 1].ifa;
	*ret = &e[0].ifa;
	return 0;
}
SHIM_EXPORT(getifaddrs);
