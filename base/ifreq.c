/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/ifreq.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>

bool fdnet_ifreq_is(unsigned long request)
{
	return (request >= SIOCGIFNAME && request <= SIOCSIFMAP) ||
	       request == SIOCADDRT || request == SIOCDELRT ||
	       request == SIOCETHTOOL;
}

static const struct fdnet_rtnl_iface *asked(const struct fdnet_rtnl *net,
					    unsigned long request,
					    const struct ifreq *req)
{
	char name[IFNAMSIZ + 1] = "";

	if (request == SIOCGIFNAME)
		return req->ifr_ifindex ?
			       fdnet_rtnl_find_iface(
				       net, (uint32_t)req->ifr_ifindex, NULL) :
			       NULL;
	memcpy(name, req->ifr_name, strnlen(req->ifr_name, IFNAMSIZ));
	return fdnet_rtnl_find_iface(net, 0, name);
}

/* The interface's IPv4 address, or NULL. */
static const struct fdnet_rtnl_ip *ip4_of(const struct fdnet_rtnl *net,
					  const struct fdnet_rtnl_iface *iface)
{
	unsigned int i;

	for (i = 0; i < net->naddrs; i++)
		if (net->addrs[i].index == iface->index &&
		    net->addrs[i].ip.family == AF_INET)
			return &net->addrs[i].ip;
	return NULL;
}

static struct in_addr address_of(const struct fdnet_rtnl_ip *ip)
{
	struct in_addr addr;

	memcpy(&addr, ip->bytes, sizeof(addr));
	return addr;
}

static struct in_addr mask_of(const struct fdnet_rtnl_ip *ip)
{
	struct in_addr mask = {
		.s_addr = htonl(ip->bits ? ~0u << (32 - ip->bits) : 0),
	};

	return mask;
}

static int put_addr(struct sockaddr *dst, struct in_addr addr)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = addr};

	memcpy(dst, &sin, sizeof(sin));
	return 0;
}

static int answer_address(unsigned long request, struct ifreq *req,
			  const struct fdnet_rtnl_ip *ip)
{
	if (!ip || request == SIOCGIFBRDADDR)
		return -EADDRNOTAVAIL;
	if (request == SIOCGIFNETMASK)
		return put_addr(&req->ifr_netmask, mask_of(ip));
	return put_addr(&req->ifr_addr, address_of(ip));
}

int fdnet_ifreq_answer(const struct fdnet_rtnl *net, unsigned long request,
		       struct ifreq *req)
{
	const struct fdnet_rtnl_iface *iface;

	if (request == SIOCADDRT || request == SIOCDELRT)
		return -EPERM;
	iface = asked(net, request, req);
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
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
	case SIOCGIFDSTADDR:
		return answer_address(request, req, ip4_of(net, iface));
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

unsigned int fdnet_ifreq_list(const struct fdnet_rtnl *net,
			      struct ifreq *ret_list)
{
	const struct fdnet_rtnl_ip *ip;
	unsigned int i, count = 0;

	for (i = 0; i < net->nifaces; i++) {
		ip = ip4_of(net, &net->ifaces[i]);
		if (!ip) /* as the kernel: those with an IPv4 address */
			continue;
		memset(&ret_list[count], 0, sizeof(*ret_list));
		strcpy(ret_list[count].ifr_name, net->ifaces[i].name);
		put_addr(&ret_list[count++].ifr_addr, address_of(ip));
	}
	return count;
}
