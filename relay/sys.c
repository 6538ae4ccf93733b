/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/sys.h"

#include <arpa/inet.h>
#include <string.h>

#include "relay/addrclass.h"

socklen_t sys_from_name(const struct fdnet_name *name,
			struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret_sa;
	struct sockaddr_in *sin = (struct sockaddr_in *)ret_sa;

	memset(ret_sa, 0, sizeof(*ret_sa));
	if (name->ip.family == 4) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(name->port);
		memcpy(&sin->sin_addr, name->ip.bytes, 4);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(name->port);
	sin6->sin6_scope_id = name->scope;
	memcpy(&sin6->sin6_addr, name->ip.bytes, 16);
	return sizeof(*sin6);
}

int sys_to_name(const struct sockaddr_storage *sa, struct fdnet_name *ret_name)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;
	struct fdnet_name name = { 0 };

	if (sa->ss_family == AF_INET) {
		name.ip.family = 4;
		name.port = ntohs(sin->sin_port);
		memcpy(name.ip.bytes, &sin->sin_addr, 4);
	} else if (sa->ss_family == AF_INET6) {
		name.ip.family = 6;
		name.port = ntohs(sin6->sin6_port);
		memcpy(name.ip.bytes, &sin6->sin6_addr, 16);
		addr_normalise(&name.ip);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret_name = name;
	return 0;
}

void sys_set_buffers(int fd, int size)
{
	/* capped at net.core.wmem_max without an error */
	sys_setopt(fd, SOL_SOCKET, SO_SNDBUF, size);
	sys_setopt(fd, SOL_SOCKET, SO_RCVBUF, size);
}

void sys_close_reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
