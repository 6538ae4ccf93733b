/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, and the names of sockets. Comes with fdnet/stack.h. */
#ifndef FDNET_ADDR_H
#define FDNET_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/mem.h>

FDNET_DECLS_BEGIN

/**
 * struct fdnet_ip - an IPv4 or IPv6 address
 * @family:  4 or 6, or 0 for "none given"
 * @bytes:   network order; IPv4 uses the first four, the rest are zero
 */
struct fdnet_ip {
	uint8_t family;
	uint8_t bytes[16];
};

/**
 * struct fdnet_name - an address and a port, what sockets are named by
 * @port:   host order; for raw and ping sockets the protocol or identifier
 * @scope:  IPv6 interface index for link-local addresses, else 0
 */
struct fdnet_name {
	struct fdnet_ip ip;
	uint16_t port;
	uint32_t scope;
};

/** fdnet_ip4 - the address a.b.c.d from its 32 bits in host order */
static inline struct fdnet_ip fdnet_ip4(uint32_t host_order)
{
	struct fdnet_ip ip = { 4, { 0 } };

	for (int i = 0; i < 4; i++)
		ip.bytes[i] = (uint8_t)(host_order >> (24 - 8 * i));
	return ip;
}

FDNET_API bool fdnet_ip_equal(const struct fdnet_ip *a,
			      const struct fdnet_ip *b);
/** fdnet_ip_is_any - 0.0.0.0, :: or none */
FDNET_API bool fdnet_ip_is_any(const struct fdnet_ip *ip);
/** fdnet_ip_is_loopback - 127.0.0.0/8 or ::1 */
FDNET_API bool fdnet_ip_is_loopback(const struct fdnet_ip *ip);
/** fdnet_ip_is_multicast - 224.0.0.0/4 or ff00::/8 */
FDNET_API bool fdnet_ip_is_multicast(const struct fdnet_ip *ip);
/** fdnet_ip_in_prefix - do the first @bits bits equal @net's? same family */
FDNET_API bool fdnet_ip_in_prefix(const struct fdnet_ip *ip,
				  const struct fdnet_ip *net,
				  unsigned int bits);
/** fdnet_ip_format - text form; @dst has FDNET_IP_STRLEN bytes; returns @dst */
#define FDNET_IP_STRLEN 46
FDNET_API char *fdnet_ip_format(const struct fdnet_ip *ip, char *dst);
/** fdnet_ip_parse - from text; 0 or -EINVAL */
FDNET_API int fdnet_ip_parse(const char *text, struct fdnet_ip *ret_ip);

FDNET_DECLS_END

#endif
