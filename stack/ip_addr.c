/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: comparing, classes, text. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "stack/internal.h"

static size_t ip_len(const struct fdnet_ip *ip)
{
	return ip->family == 4 ? 4 : 16;
}

bool fdnet_ip_equal(const struct fdnet_ip *a, const struct fdnet_ip *b)
{
	return a->family == b->family &&
	       !memcmp(a->bytes, b->bytes, ip_len(a));
}

bool fdnet_ip_is_any(const struct fdnet_ip *ip)
{
	static const uint8_t zero[16];

	return !ip->family || !memcmp(ip->bytes, zero, ip_len(ip));
}

bool fdnet_ip_is_loopback(const struct fdnet_ip *ip)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (ip->family == 4)
		return ip->bytes[0] == 127;
	return ip->family == 6 && !memcmp(ip->bytes, one, 16);
}

bool fdnet_ip_is_multicast(const struct fdnet_ip *ip)
{
	if (ip->family == 4)
		return (ip->bytes[0] & 0xf0) == 0xe0;
	return ip->family == 6 && ip->bytes[0] == 0xff;
}

bool fdnet_ip_in_prefix(const struct fdnet_ip *ip, const struct fdnet_ip *net,
			unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (ip->family != net->family || bits > ip_len(ip) * 8)
		return false;
	if (memcmp(ip->bytes, net->bytes, whole))
		return false;
	return !rest ||
	       !((ip->bytes[whole] ^ net->bytes[whole]) >> (8 - rest));
}

char *fdnet_ip_format(const struct fdnet_ip *ip, char *dst)
{
	if (ip->family == 4)
		inet_ntop(AF_INET, ip->bytes, dst, FDNET_IP_STRLEN);
	else if (ip->family == 6)
		inet_ntop(AF_INET6, ip->bytes, dst, FDNET_IP_STRLEN);
	else
		strcpy(dst, "-");
	return dst;
}

int fdnet_ip_parse(const char *text, struct fdnet_ip *ret_ip)
{
	struct fdnet_ip ip = { 0 };

	if (inet_pton(AF_INET, text, ip.bytes) == 1)
		ip.family = 4;
	else if (inet_pton(AF_INET6, text, ip.bytes) == 1)
		ip.family = 6;
	else
		return -EINVAL;
	*ret_ip = ip;
	return 0;
}
