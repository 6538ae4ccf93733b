/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names (D12): getaddrinfo() and its relatives ask the relay's forwarder, by
 * c-ares, whose sockets are ours like the program's. libc's own resolver
 * cannot be used: its socket calls are inside libc, where no wrapper sees
 * them. What needs no network (numbers, no host at all) is left to libc.
 */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "shim/addr.h"
#include "shim/call.h"
#include "shim/lock.h"
#include "shim/lookup.h"
#include "shim/net.h"

#define ORDER_MAX 64 /* more addresses of one name stay as they came */

#ifndef NI_NUMERICSCOPE
#define NI_NUMERICSCOPE 0 /* glibc has no such flag */
#endif

/* One entry in libc's layout: the address in the same block, so that libc's
 * freeaddrinfo() can free what we made. */
static struct addrinfo *entry(const struct ares_addrinfo_node *node,
			      const struct addrinfo *like, bool mapped)
{
	struct addrinfo *ai = calloc(1, sizeof(*ai) +
						sizeof(struct sockaddr_in6));

	if (!ai)
		return NULL;
	ai->ai_flags = like->ai_flags;
	ai->ai_family = node->ai_family;
	ai->ai_socktype = like->ai_socktype;
	ai->ai_protocol = like->ai_protocol;
	ai->ai_addrlen = node->ai_addrlen;
	ai->ai_addr = (struct sockaddr *)(ai + 1);
	if (mapped && node->ai_family == AF_INET) {
		struct sockaddr_in6 *sin6 = (void *)ai->ai_addr;

		ai->ai_family = sin6->sin6_family = AF_INET6;
		ai->ai_addrlen = sizeof(*sin6);
		memset(&sin6->sin6_addr.s6_addr[10], 0xff, 2);
		memcpy(&sin6->sin6_addr.s6_addr[12],
		       &((struct sockaddr_in *)(void *)node->ai_addr)->sin_addr,
		       4);
	} else {
		memcpy(ai->ai_addr, node->ai_addr, node->ai_addrlen);
	}
	/* the port was resolved by libc, with the services file */
	((struct sockaddr_in *)(void *)ai->ai_addr)->sin_port =
		((struct sockaddr_in *)(void *)like->ai_addr)->sin_port;
	return ai;
}

static struct fdnet_ip node_ip(const struct ares_addrinfo_node *node)
{
	struct fdnet_ip ip = { .family = node->ai_family == AF_INET ? 4 : 6 };

	if (ip.family == 4)
		memcpy(ip.bytes,
		       &((struct sockaddr_in *)(void *)node->ai_addr)->sin_addr,
		       4);
	else
		memcpy(ip.bytes,
		       &((struct sockaddr_in6 *)(void *)node->ai_addr)
				->sin6_addr,
		       16);
	return ip;
}

/* The order in which to try them (RFC 6724 6). The stack knows its addresses;
 * c-ares would open a socket for each to find out. */
static void order(struct ares_addrinfo *found)
{
	struct ares_addrinfo_node *from[ORDER_MAX], *node, **link;
	struct fdnet_ip ips[ORDER_MAX];
	struct shim_guard guard;
	unsigned int n = 0, i, k;

	for (node = found->nodes; node; node = node->ai_next) {
		if (n == ORDER_MAX)
			return;
		from[n] = node;
		ips[n++] = node_ip(node);
	}
	shim_enter(&guard);
	if (shim_net_stack())
		fdnet_stack_order(shim_net_stack(), ips, n);
	shim_leave(&guard);
	link = &found->nodes;
	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++) {
			struct fdnet_ip ip;

			if (!from[k])
				continue;
			ip = node_ip(from[k]);
			if (fdnet_ip_equal(&ip, &ips[i]))
				break;
		}
		*link = from[k];
		link = &from[k]->ai_next;
		from[k] = NULL;
	}
	*link = NULL;
}

/* Each address found, for each kind of socket in @kinds (what libc makes of
 * the service alone, for one family). */
static int join(const struct ares_addrinfo *found,
		const struct addrinfo *kinds, bool mapped,
		struct addrinfo **ret)
{
	const struct ares_addrinfo_node *node;
	struct addrinfo *head = NULL, **tail = &head;
	const struct addrinfo *kind;

	for (node = found->nodes; node; node = node->ai_next) {
		for (kind = kinds; kind; kind = kind->ai_next) {
			*tail = entry(node, kind, mapped);
			if (!*tail) {
				if (head)
					freeaddrinfo(head);
				return EAI_MEMORY;
			}
			tail = &(*tail)->ai_next;
		}
	}
	if (!head)
		return EAI_NONAME;
	*ret = head;
	return 0;
}

static int canonical(struct addrinfo *ai, const struct ares_addrinfo *found,
		     const char *node)
{
	const char *name = found->name ? found->name : node;

	if (found->cnames && found->cnames->name)
		name = found->cnames->name;
	ai->ai_canonname = strdup(name);
	return ai->ai_canonname ? 0 : EAI_MEMORY;
}

/* Does libc need the network for this? */
bool shim_is_numeric(const char *node)
{
	unsigned char buf[sizeof(struct in6_addr)];
	struct in_addr legacy; /* "127.1" is a number to inet_aton() */
	const char *percent = strchr(node, '%');
	char text[64];

	if (inet_aton(node, &legacy))
		return true;
	if (percent && (size_t)(percent - node) < sizeof(text)) {
		memcpy(text, node, (size_t)(percent - node));
		text[percent - node] = '\0';
		return inet_pton(AF_INET6, text, buf) == 1;
	}
	return inet_pton(AF_INET6, node, buf) == 1;
}

/* "fe80::1%eth0" with the interface's number: libc would ask the host's
 * interfaces for the name. */
static const char *scope_by_number(const char *node, char *text, size_t size)
{
	const char *percent = strchr(node, '%');
	unsigned int index;

	if (!percent || (size_t)(percent - node) >= 64)
		return node;
	index = shim_if_nametoindex(percent + 1);
	if (!index)
		return node;
	snprintf(text, size, "%.*s%%%u", (int)(percent - node), node, index);
	return text;
}

/* And back, for getnameinfo(). */
static void scope_by_name(char *host, socklen_t hostlen)
{
	char *percent = strchr(host, '%'), name[IF_NAMESIZE];
	size_t at;

	if (!percent || !shim_if_indextoname((unsigned int)atoi(percent + 1),
					     name))
		return;
	at = (size_t)(percent - host) + 1;
	if (at + strlen(name) < hostlen)
		strcpy(host + at, name);
}

int shim_getaddrinfo(const char *node, const char *service,
		     const struct addrinfo *hints, struct addrinfo **ret)
{
	struct addrinfo want = { .ai_family = AF_UNSPEC };
	char text[64 + IF_NAMESIZE];
	struct addrinfo *kinds, *res = NULL;
	struct lookup l;
	int family, rc, saved = errno;

	if (hints)
		want = *hints;
	if (!node || (want.ai_flags & AI_NUMERICHOST) || shim_is_numeric(node))
		return LIBC(getaddrinfo)(
			node ? scope_by_number(node, text, sizeof(text))
			     : NULL,
			service, hints, ret);
	family = want.ai_family;
	if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
		return EAI_FAMILY;
	/* libc checks flags and service and says which kinds of socket fit */
	want.ai_family = AF_INET;
	want.ai_flags &= ~(AI_CANONNAME | AI_ADDRCONFIG | AI_V4MAPPED | AI_ALL);
	want.ai_flags |= AI_NUMERICHOST;
	rc = LIBC(getaddrinfo)("127.0.0.1", service, &want, &kinds);
	if (rc)
		return rc;
	rc = shim_lookup_host(node, family, hints ? hints->ai_flags : 0, &l);
	if (rc == 0)
		order(l.info);
	if (rc == 0)
		rc = join(l.info, kinds, family == AF_INET6, &res);
	if (rc == 0 && hints && (hints->ai_flags & AI_CANONNAME))
		rc = canonical(res, l.info, node);
	if (l.channel)
		shim_lookup_close(&l);
	freeaddrinfo(kinds);
	if (rc == 0)
		*ret = res;
	else if (res)
		freeaddrinfo(res);
	errno = saved;
	return rc;
}
SHIM_EXPORT(getaddrinfo);

int shim_getnameinfo(const struct sockaddr *addr, socklen_t addrlen,
		     char *host, socklen_t hostlen, char *serv,
		     socklen_t servlen, int flags)
{
	struct lookup l;
	int rc;

	if (!host || hostlen == 0 || (flags & NI_NUMERICHOST) || !addr ||
	    (addr->sa_family != AF_INET && addr->sa_family != AF_INET6)) {
		rc = LIBC(getnameinfo)(addr, addrlen, host, hostlen, serv,
				       servlen, flags);
		if (rc == 0 && host && hostlen &&
		    !(flags & NI_NUMERICSCOPE))
			scope_by_name(host, hostlen);
		return rc;
	}
	/* the service, and the number for when there is no name */
	rc = LIBC(getnameinfo)(addr, addrlen, host, hostlen, serv, servlen,
			       (flags & ~NI_NAMEREQD) | NI_NUMERICHOST);
	if (rc)
		return rc;
	rc = shim_lookup_addr(addr, addrlen, &l);
	if (rc == 0) {
		if (strlen(l.host) >= hostlen)
			return EAI_OVERFLOW;
		strcpy(host, l.host);
	}
	else if (!(flags & NI_NUMERICSCOPE))
		scope_by_name(host, hostlen);
	return rc && (flags & NI_NAMEREQD) ? EAI_NONAME : 0;
}
SHIM_EXPORT(getnameinfo);
