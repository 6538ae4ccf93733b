/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/ifaces.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/ifreq.h"
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

/* ---- ioctls ---- */

static int list(struct ifconf *conf)
{
	struct ifreq reqs[FDNET_RTNL_IFACES];
	unsigned int count = fdnet_ifreq_list(shim_iface_table(), reqs), room;

	if (conf->ifc_buf) {
		if (conf->ifc_len > 0 &&
		    !shim_can_write(conf->ifc_buf, (size_t)conf->ifc_len))
			return -EFAULT;
		room = conf->ifc_len < 0 ?
			       0 :
			       (unsigned int)conf->ifc_len / sizeof(*reqs);
		count = count < room ? count : room;
		memcpy(conf->ifc_buf, reqs, count * sizeof(*reqs));
	}
	conf->ifc_len = (int)(count * sizeof(*reqs));
	return 0;
}

int shim_iface_ioctl(unsigned long request, void *arg)
{
	if (!fdnet_ifreq_is(request))
		return -ENOTTY;
	if (!shim_can_write(arg, request == SIOCGIFCONF
					 ? sizeof(struct ifconf)
					 : sizeof(struct ifreq)))
		return -EFAULT;
	if (request == SIOCGIFCONF)
		return list(arg);
	return fdnet_ifreq_answer(shim_iface_table(), request, arg);
}
