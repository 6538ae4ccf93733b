/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "shim/uaccess.h"

static int from_v4(const struct sockaddr *addr, socklen_t len,
		   struct fdnet_name *name)
{
	struct sockaddr_in sin;

	if (len < sizeof(sin))
		return -EINVAL;
	memcpy(&sin, addr, sizeof(sin));
	name->ip.family = 4;
	memcpy(name->ip.bytes, &sin.sin_addr, 4);
	name->port = ntohs(sin.sin_port);
	return 0;
}

static int from_v6(const struct sockaddr *addr, socklen_t len,
		   struct fdnet_name *name)
{
	struct sockaddr_in6 sin6 = { 0 };

	if (len < 24) /* SIN6_LEN_RFC2133: without the scope */
		return -EINVAL;
	memcpy(&sin6, addr, len < sizeof(sin6) ? len : sizeof(sin6));
	name->port = ntohs(sin6.sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&sin6.sin6_addr)) {
		name->ip.family = 4;
		memcpy(name->ip.bytes, &sin6.sin6_addr.s6_addr[12], 4);
		return 0;
	}
	name->ip.family = 6;
	memcpy(name->ip.bytes, &sin6.sin6_addr, 16);
	name->scope = sin6.sin6_scope_id;
	return 0;
}

int shim_name_from(int domain, const struct sockaddr *addr, socklen_t len,
		   struct fdnet_name *ret_name)
{
	struct fdnet_name name = { 0 };
	sa_family_t family;
	int rc = 0;

	if ((int)len < 0 || len > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (!shim_can_read(addr, len))
		return -EFAULT;
	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, addr, sizeof(family));
	if (family == AF_INET)
		rc = domain == AF_INET ? from_v4(addr, len, &name)
				       : -EAFNOSUPPORT;
	else if (family == AF_INET6)
		rc = domain == AF_INET6 ? from_v6(addr, len, &name)
					: -EAFNOSUPPORT;
	else if (family != AF_UNSPEC)
		rc = -EAFNOSUPPORT;
	if (rc == 0)
		*ret_name = name;
	return rc;
}

void shim_name_to(int domain, const struct fdnet_name *name,
		  struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const void *from = &sin;
	socklen_t size = sizeof(sin);

	if (!len)
		return;
	if (domain == AF_INET) {
		sin.sin_port = htons(name->port);
		memcpy(&sin.sin_addr, name->ip.bytes, 4);
	} else {
		from = &sin6;
		size = sizeof(sin6);
		sin6.sin6_port = htons(name->port);
		sin6.sin6_scope_id = name->scope;
		if (name->ip.family == 4) {
			memset(&sin6.sin6_addr.s6_addr[10], 0xff, 2);
			memcpy(&sin6.sin6_addr.s6_addr[12], name->ip.bytes, 4);
		} else {
			memcpy(&sin6.sin6_addr, name->ip.bytes, 16);
		}
	}
	if (addr)
		memcpy(addr, from, *len < size ? *len : size);
	*len = size;
}
