/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/addrclass.h"

#include <string.h>

struct range {
	uint8_t family;
	uint8_t bits;
	uint8_t bytes[16];
	enum addr_class cls;
};

/* First match; what stands in no row is public. */
static const struct range ranges[] = {
	{ 4, 8, { 0 }, ADDR_NEVER },
	{ 4, 8, { 10 }, ADDR_PRIVATE },
	{ 4, 10, { 100, 64 }, ADDR_PRIVATE },
	{ 4, 8, { 127 }, ADDR_NEVER },
	{ 4, 16, { 169, 254 }, ADDR_LINKLOCAL },
	{ 4, 12, { 172, 16 }, ADDR_PRIVATE },
	{ 4, 16, { 192, 168 }, ADDR_PRIVATE },
	{ 4, 4, { 224 }, ADDR_NEVER }, /* multicast */
	{ 4, 4, { 240 }, ADDR_NEVER }, /* reserved, broadcast */
	{ 6, 127, { 0 }, ADDR_NEVER }, /* :: and ::1 */
	{ 6, 7, { 0xfc }, ADDR_PRIVATE },
	{ 6, 10, { 0xfe, 0x80 }, ADDR_LINKLOCAL },
	{ 6, 10, { 0xfe, 0xc0 }, ADDR_PRIVATE }, /* site local, RFC 3879 */
	{ 6, 8, { 0xff }, ADDR_NEVER },
	{ 6, 64, { 0x01, 0x00 }, ADDR_NEVER }, /* discard, RFC 6666 */
	{ 6, 48, { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, ADDR_PRIVATE },
	{ 6, 32, { 0x20, 0x01, 0x00, 0x00 }, ADDR_NEVER }, /* Teredo */
};

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

void addr_normalise(struct fdnet_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t zero[12];
	struct fdnet_ip ip4 = { .family = 4 };

	if (ip->family != 6)
		return;
	memcpy(ip4.bytes, ip->bytes + 12, 4);
	if (!memcmp(ip->bytes, mapped, 12)) {
		*ip = ip4;
		return;
	}
	/* :: and ::1 are IPv6 addresses of their own */
	if (!memcmp(ip->bytes, zero, 12) &&
	    (ip4.bytes[0] || ip4.bytes[1] || ip4.bytes[2] || ip4.bytes[3] > 1))
		*ip = ip4;
}

bool addr_embedded(const struct fdnet_ip *ip, struct fdnet_ip *ret_ip4)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	struct fdnet_ip ip4 = { .family = 4 };

	if (ip->family != 6)
		return false;
	if (!memcmp(ip->bytes, nat64, 12))
		memcpy(ip4.bytes, ip->bytes + 12, 4);
	else if (ip->bytes[0] == 0x20 && ip->bytes[1] == 0x02)
		memcpy(ip4.bytes, ip->bytes + 2, 4);
	else
		return false;
	*ret_ip4 = ip4;
	return true;
}

enum addr_class addr_classify(const struct fdnet_ip *ip)
{
	struct fdnet_ip inside;

	if (ip->family != 4 && ip->family != 6)
		return ADDR_NEVER;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (ranges[i].family == ip->family &&
		    bits_equal(ranges[i].bytes, ip->bytes, ranges[i].bits))
			return ranges[i].cls;
	if (addr_embedded(ip, &inside) &&
	    addr_classify(&inside) != ADDR_PUBLIC)
		return ADDR_NEVER;
	return ADDR_PUBLIC;
}

const char *addr_class_name(enum addr_class cls)
{
	switch (cls) {
	case ADDR_PUBLIC:
		return "public";
	case ADDR_PRIVATE:
		return "private";
	case ADDR_LINKLOCAL:
		return "link-local";
	case ADDR_HOST:
		return "host";
	case ADDR_GATEWAY:
		return "gateway";
	case ADDR_NEVER:
		break;
	}
	return "never";
}
