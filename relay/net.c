/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/net.h"

#include <errno.h>
#include <string.h>

#include "relay/policy.h"

void net_init(struct net *net)
{
	memset(net, 0, sizeof(*net));
	net_set(net, "10.0.2.15/24");
	net_set(net, "fd00::15/64");
}

/* The @host'th address of the network that @ip is in. */
static struct fdnet_ip net_address(const struct fdnet_ip *ip,
				   unsigned int bits, uint8_t host)
{
	unsigned int size = ip->family == 4 ? 4 : 16;
	struct fdnet_ip ret = *ip;

	for (unsigned int i = bits / 8; i < size; i++) {
		unsigned int keep = i == bits / 8 ? bits % 8 : 0;

		ret.bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
	ret.bytes[size - 1] |= host;
	return ret;
}

int net_set(struct net *net, const char *text)
{
	const char *slash = strchr(text, '/');
	char copy[FDNET_IP_STRLEN];
	struct net_family half;
	unsigned int max;
	uint16_t bits;

	if (!slash || (size_t)(slash - text) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, (size_t)(slash - text));
	copy[slash - text] = '\0';
	if (fdnet_ip_parse(copy, &half.ip) || fdnet_ip_is_any(&half.ip) ||
	    fdnet_ip_is_loopback(&half.ip) || fdnet_ip_is_multicast(&half.ip))
		return -EINVAL;
	max = half.ip.family == 4 ? 29 : 125;
	if (policy_port_parse(slash + 1, false, &bits) != strlen(slash + 1) ||
	    bits < 8 || bits > max)
		return -EINVAL;
	half.bits = (uint8_t)bits;
	half.gateway = net_address(&half.ip, bits, 2);
	half.dns = net_address(&half.ip, bits, 3);
	if (fdnet_ip_equal(&half.ip, &half.gateway) ||
	    fdnet_ip_equal(&half.ip, &half.dns))
		return -EINVAL;
	*(half.ip.family == 4 ? &net->v4 : &net->v6) = half;
	return 0;
}

bool net_is_sandbox(const struct net *net, const struct fdnet_ip *ip)
{
	return fdnet_ip_is_loopback(ip) ||
	       fdnet_ip_equal(ip, &net_family(net, ip->family)->ip);
}

bool net_is_gateway(const struct net *net, const struct fdnet_ip *ip)
{
	return fdnet_ip_equal(ip, &net_family(net, ip->family)->gateway);
}

bool net_is_dns(const struct net *net, const struct fdnet_ip *ip)
{
	return fdnet_ip_equal(ip, &net_family(net, ip->family)->dns);
}

bool net_is_host_dns(const struct net *net, const struct fdnet_ip *ip)
{
	for (unsigned int i = 0; i < net->nhost_dns; i++)
		if (fdnet_ip_equal(&net->host_dns[i], ip))
			return true;
	return false;
}
