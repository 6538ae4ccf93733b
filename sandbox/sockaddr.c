/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses in the caller's memory. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "sandbox/notify.h"

/* RFC 2133: sockaddr_in6 without the scope. */
#define SIN6_SHORT 24

int sockaddr_read(const struct call *call, uint64_t addr, uint64_t len,
		  struct sockaddr_storage *ret_sa, socklen_t *ret_len)
{
	/* the kernel takes an int */
	int length = (int)len;

	if (length < 0 || (size_t)length > sizeof(*ret_sa))
		return -EINVAL;
	memset(ret_sa, 0, sizeof(*ret_sa));
	*ret_len = length;
	return call_read(call, addr, ret_sa, length);
}

int sockaddr_to_name(const struct sockaddr_storage *sa, socklen_t len,
		     struct fdnet_name *ret_name)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;
	struct fdnet_name name = {0};

	if (len < sizeof(sa->ss_family))
		return -EINVAL;
	switch (sa->ss_family) {
	case AF_UNSPEC:
		break;
	case AF_INET:
		if (len < sizeof(*sin))
			return -EINVAL;
		name.ip.family = 4;
		name.port = ntohs(sin->sin_port);
		memcpy(name.ip.bytes, &sin->sin_addr, 4);
		break;
	case AF_INET6:
		if (len < SIN6_SHORT)
			return -EINVAL;
		name.port = ntohs(sin6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
			name.ip.family = 4;
			memcpy(name.ip.bytes, sin6->sin6_addr.s6_addr + 12, 4);
			break;
		}
		name.ip.family = 6;
		name.scope = sin6->sin6_scope_id;
		memcpy(name.ip.bytes, &sin6->sin6_addr, 16);
		break;
	default:
		return -EAFNOSUPPORT;
	}
	*ret_name = name;
	return 0;
}

socklen_t sockaddr_from_name(struct sockaddr_storage *sa, int family,
			     const struct fdnet_name *name)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)sa;

	memset(sa, 0, sizeof(*sa));
	if (family == 4) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(name->port);
		memcpy(&sin->sin_addr, name->ip.bytes, 4);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(name->port);
	if (name->ip.family == 4) {
		memset(sin6->sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(sin6->sin6_addr.s6_addr + 12, name->ip.bytes, 4);
	} else {
		sin6->sin6_scope_id = name->scope;
		memcpy(&sin6->sin6_addr, name->ip.bytes, 16);
	}
	return sizeof(*sin6);
}

int sockaddr_write(const struct call *call, uint64_t addr, uint64_t len_addr,
		   const struct sockaddr_storage *sa, socklen_t len)
{
	int32_t room;
	int rc;

	rc = call_read(call, len_addr, &room, sizeof(room));
	if (rc < 0)
		return rc;
	if (room < 0)
		return -EINVAL;
	rc = call_write(call, addr, sa,
			(socklen_t)room < len ? (socklen_t)room : len);
	return rc < 0 ? rc : call_write(call, len_addr, &len, sizeof(len));
}
