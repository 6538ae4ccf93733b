/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/ifaces.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "shim/call.h"
#include "shim/uaccess.h"

static struct fdnet_rtnl table;

static struct fdnet_rtnl_ip rtnl_ip(uint8_t family, const uint8_t *bytes,
				    uint8_t bits)
{
	struct fdnet_rtnl_ip ip = { .family = family, .bits = bits };

	memcpy(ip.bytes, bytes, family == AF_INET ? 4 : 16);
	return ip;
}

const struct fdnet_rtnl *shim_iface_table(void)
{
	const struct fdnet_welcome *w = shim_net_welcome();
	struct fdnet_rtnl_ip ip4 = rtnl_ip(AF_INET, w->ip4, w->bits4);
	struct fdnet_rtnl_ip gateway4 = rtnl_ip(AF_INET, w->gateway4, 32);
	struct fdnet_rtnl_ip ip6 = rtnl_ip(AF_INET6, w->ip6, w->bits6);
	struct fdnet_rtnl_ip gateway6 = rtnl_ip(AF_INET6, w->gateway6, 128);

	if (!w->bits6)
		ip6.family = 0;
	fdnet_rtnl_sandbox(&table, &ip4, &gateway4, &ip6, &gateway6, w->mtu);
	return &table;
}

static const struct fdnet_rtnl_iface *by_name(const char *name)
{
	char text[IFNAMSIZ + 1] = "";

	memcpy(text, name, strnlen(name, IFNAMSIZ));
	return fdnet_rtnl_find_iface(shim_iface_table(), 0, text);
}

static const struct fdnet_rtnl_iface *by_index(unsigned int index)
{
	return index ? fdnet_rtnl_find_iface(shim_iface_table(), index, NULL)
		     : NULL;
}

/* ---- ioctls ---- */

/* The interface's IPv4 address, or NULL. */
static const struct fdnet_rtnl_ip *ip4_of(const struct fdnet_rtnl_iface *iface)
{
	unsigned int i;

	for (i = 0; i < table.naddrs; i++)
		if (table.addrs[i].index == iface->index &&
		    table.addrs[i].ip.family == AF_INET)
			return &table.addrs[i].ip;
	return NULL;
}

static struct in_addr address_of(const struct fdnet_rtnl_iface *iface)
{
	struct in_addr addr;

	memcpy(&addr, ip4_of(iface)->bytes, sizeof(addr));
	return addr;
}

static struct in_addr mask_of(const struct fdnet_rtnl_iface *iface)
{
	unsigned int bits = ip4_of(iface)->bits;
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

	shim_iface_table();
	if (!conf->ifc_buf) {
		conf->ifc_len = (int)(table.nifaces * sizeof(req));
		return 0;
	}
	if (conf->ifc_len > 0 &&
	    !shim_can_write(conf->ifc_buf, (size_t)conf->ifc_len))
		return -EFAULT;
	for (i = 0; i < table.nifaces; i++) {
		if (used + sizeof(req) > (size_t)conf->ifc_len)
			break;
		memset(&req, 0, sizeof(req));
		strcpy(req.ifr_name, table.ifaces[i].name);
		put_addr(&req.ifr_addr, address_of(&table.ifaces[i]));
		memcpy(conf->ifc_buf + used, &req, sizeof(req));
		used += sizeof(req);
	}
	conf->ifc_len = (int)used;
	return 0;
}

static bool is_iface_request(unsigned long request)
{
	return (request >= SIOCGIFNAME && request <= SIOCSIFMAP) ||
	       request == SIOCADDRT || request == SIOCDELRT ||
	       request == SIOCETHTOOL;
}

int shim_iface_ioctl(unsigned long request, void *arg)
{
	struct ifreq *req = arg;
	const struct fdnet_rtnl_iface *iface;

	if (!is_iface_request(request))
		return -ENOTTY;
	if (!shim_can_write(arg, request == SIOCGIFCONF
					 ? sizeof(struct ifconf)
					 : sizeof(*req)))
		return -EFAULT;
	if (request == SIOCGIFCONF)
		return list(arg);
	if (request == SIOCADDRT || request == SIOCDELRT)
		return -EPERM;
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
		req->ifr_mtu = (int)iface->mtu;
		return 0;
	case SIOCGIFHWADDR:
		memset(&req->ifr_hwaddr, 0, sizeof(req->ifr_hwaddr));
		req->ifr_hwaddr.sa_family = (sa_family_t)iface->hw_type;
		return 0;
	case SIOCGIFTXQLEN:
		req->ifr_qlen = 1000;
		return 0;
	case SIOCETHTOOL:
		return -EOPNOTSUPP;
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
