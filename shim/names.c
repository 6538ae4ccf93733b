/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names (D12): getaddrinfo() and getnameinfo() ask /etc/hosts and the relay's
 * forwarder (lookup.c). libc's own resolver cannot be used: its socket calls
 * are inside libc, where no wrapper sees them. What needs no network (numbers,
 * services, no host at all) is left to libc.
 */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "shim/addr.h"
#include "shim/call.h"
#include "shim/idn.h"
#include "shim/lock.h"
#include "shim/lookup.h"
#include "shim/net.h"

#define ORDER_MAX 64 /* more addresses of one name stay as they came */

/* An address as @family's: IPv4 ones can stand in IPv6 ones. */
static socklen_t fill_addr(struct sockaddr *to, const struct lookup_addr *addr,
			   bool mapped)
{
	struct sockaddr_in6 *sin6 = (void *)to;
	struct sockaddr_in *sin = (void *)to;

	if (addr->family == AF_INET && !mapped) {
		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, addr->bytes, 4);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	if (addr->family == AF_INET) {
		memset(&sin6->sin6_addr.s6_addr[10], 0xff, 2);
		memcpy(&sin6->sin6_addr.s6_addr[12], addr->bytes, 4);
	} else {
		memcpy(&sin6->sin6_addr, addr->bytes, 16);
	}
	return sizeof(*sin6);
}

/* One entry in libc's layout: the address in the same block, so that libc's
 * freeaddrinfo() can free what we made. */
static struct addrinfo *entry(const struct lookup_addr *addr,
			      const struct addrinfo *like, bool mapped,
			      int flags)
{
	struct addrinfo *ai = calloc(1, sizeof(*ai) +
						sizeof(struct sockaddr_in6));

	if (!ai)
		return NULL;
	ai->ai_flags = flags;
	ai->ai_socktype = like->ai_socktype;
	ai->ai_protocol = like->ai_protocol;
	ai->ai_addr = (struct sockaddr *)(ai + 1);
	ai->ai_addrlen = fill_addr(ai->ai_addr, addr, mapped);
	ai->ai_family = ai->ai_addr->sa_family;
	/* the port was resolved by libc, with the services file */
	((struct sockaddr_in *)(void *)ai->ai_addr)->sin_port =
		((struct sockaddr_in *)(void *)like->ai_addr)->sin_port;
	return ai;
}

static struct fdnet_ip ip_of(const struct lookup_addr *addr)
{
	struct fdnet_ip ip = { .family = addr->family == AF_INET ? 4 : 6 };

	memcpy(ip.bytes, addr->bytes, ip.family == 4 ? 4 : 16);
	return ip;
}

/* The order in which to try them (RFC 6724 6); the stack knows its addresses. */
static void order(struct lookup *l)
{
	struct fdnet_ip ips[ORDER_MAX];
	struct shim_guard guard;
	unsigned int i;

	if (l->naddrs < 2 || l->naddrs > ORDER_MAX)
		return;
	for (i = 0; i < l->naddrs; i++)
		ips[i] = ip_of(&l->addrs[i]);
	shim_enter(&guard);
	if (shim_net_start() == 0)
		fdnet_stack_order(shim_net_stack(), ips, l->naddrs);
	shim_leave(&guard);
	shim_net_publish_env();
	for (i = 0; i < l->naddrs; i++) {
		l->addrs[i].family = ips[i].family == 4 ? AF_INET : AF_INET6;
		memcpy(l->addrs[i].bytes, ips[i].bytes,
		       ips[i].family == 4 ? 4 : 16);
	}
}

/* Each address found, for each kind of socket in @kinds (what libc makes of
 * the service alone, for one family). */
static int join(const struct lookup *l, const struct addrinfo *kinds,
		bool mapped, int flags, struct addrinfo **ret)
{
	struct addrinfo *head = NULL, **tail = &head;
	const struct addrinfo *kind;

	for (unsigned int i = 0; i < l->naddrs; i++) {
		for (kind = kinds; kind; kind = kind->ai_next) {
			*tail = entry(&l->addrs[i], kind, mapped, flags);
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

static int canonical(struct addrinfo *ai, const char *name, int flags)
{
	char *text = NULL;
	int rc = 0;

	if (flags & AI_CANONIDN)
		rc = shim_idn_decode(name, &text);
	if (rc && rc != EAI_IDN_ENCODE)
		return rc;
	ai->ai_canonname = text ? text : strdup(name);
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

/* Of these addresses there is one on each link, and interfaces have names. */
static bool is_of_a_link(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_LINKLOCAL(addr) || IN6_IS_ADDR_MC_LINKLOCAL(addr);
}

/* "fe80::1%eth0" with the interface's number: libc would ask the host's
 * interfaces for the name. */
static const char *scope_by_number(const char *node, char *text, size_t size)
{
	const char *percent = strchr(node, '%');
	struct in6_addr addr;
	unsigned int index;

	if (!percent || (size_t)(percent - node) >= 64)
		return node;
	snprintf(text, size, "%.*s", (int)(percent - node), node);
	index = shim_if_nametoindex(percent + 1);
	if (!index || inet_pton(AF_INET6, text, &addr) != 1 ||
	    !is_of_a_link(&addr))
		return node;
	snprintf(text, size, "%.*s%%%u", (int)(percent - node), node, index);
	return text;
}

/* What libc makes of a number, a service, or no host at all. */
static int by_libc(const char *node, const char *service,
		   const struct addrinfo *want, int flags,
		   struct addrinfo **ret)
{
	char text[64 + IF_NAMESIZE];
	const char *numeric =
		node ? scope_by_number(node, text, sizeof(text)) : NULL;
	int rc = LIBC(getaddrinfo)(numeric, service, want, ret);
	struct addrinfo *ai;
	char *name;

	if (rc)
		return rc;
	for (ai = *ret; ai; ai = ai->ai_next)
		ai->ai_flags = flags;
	if (numeric == node || !(*ret)->ai_canonname)
		return 0;
	name = strdup(node);
	if (name) {
		free((*ret)->ai_canonname);
		(*ret)->ai_canonname = name;
	}
	return 0;
}

/* AI_ADDRCONFIG: only of the families that the sandbox has addresses of. libc
 * would look at the host's interfaces. */
static int check_config(struct addrinfo *want)
{
	const struct fdnet_welcome *w = shim_net_welcome();
	struct shim_guard guard;
	bool v4 = true, v6 = true;

	if (!(want->ai_flags & AI_ADDRCONFIG))
		return 0;
	want->ai_flags &= ~AI_ADDRCONFIG;
	shim_enter(&guard);
	if (shim_net_start() == 0) {
		v4 = w->bits4 != 0;
		v6 = w->bits6 != 0;
	}
	shim_leave(&guard);
	shim_net_publish_env();
	if (want->ai_family == AF_UNSPEC && v4 != v6)
		want->ai_family = v4 ? AF_INET : AF_INET6;
	if ((want->ai_family == AF_INET && !v4) ||
	    (want->ai_family == AF_INET6 && !v6))
		return EAI_NONAME;
	return 0;
}

static int eai_from(int error)
{
	switch (error) {
	case 0:
		return 0;
	case NO_DATA:
	case LOOKUP_ONLY_ALIAS:
		return EAI_NODATA;
	case TRY_AGAIN:
		return EAI_AGAIN;
	case NETDB_INTERNAL:
		return EAI_SYSTEM;
	default:
		return EAI_NONAME;
	}
}

static bool says_nothing(int error)
{
	return error == NO_DATA || error == TRY_AGAIN ||
	       error == LOOKUP_ONLY_ALIAS;
}

/* The addresses of a name, IPv4 ones in the place of IPv6 ones if so asked. */
static int find(struct lookup *l, const char *name, int family, int flags)
{
	int rc = shim_lookup_host(l, name, family), rc4;

	if (family != AF_INET6 || !(flags & AI_V4MAPPED) ||
	    (rc == 0 && !(flags & AI_ALL)))
		return eai_from(rc);
	rc4 = shim_lookup_host(l, name, AF_INET);
	if (rc == 0 || rc4 == 0)
		return 0;
	if (rc == TRY_AGAIN && rc4 == TRY_AGAIN)
		return EAI_AGAIN;
	if (rc == NETDB_INTERNAL || rc4 == NETDB_INTERNAL)
		return EAI_SYSTEM;
	return says_nothing(rc) && says_nothing(rc4) ? EAI_NODATA : EAI_NONAME;
}

/* @kinds: what sockets are wanted. */
static int look_up(const char *node, const struct addrinfo *want, int flags,
		   const struct addrinfo *kinds, struct addrinfo **ret)
{
	struct lookup *l = shim_lookup_new();
	int rc;

	if (!l)
		return EAI_MEMORY;
	rc = find(l, node, want->ai_family, flags);
	if (rc == 0) {
		order(l);
		rc = join(l, kinds, want->ai_family == AF_INET6, flags, ret);
	}
	if (rc == 0 && (flags & AI_CANONNAME)) {
		rc = canonical(*ret, l->name ? l->name : node, flags);
		if (rc)
			freeaddrinfo(*ret);
	}
	shim_lookup_free(l);
	return rc;
}

int shim_getaddrinfo(const char *node, const char *service,
		     const struct addrinfo *hints, struct addrinfo **ret)
{
	struct addrinfo want = { .ai_family = AF_UNSPEC,
				 .ai_flags = AI_V4MAPPED | AI_ADDRCONFIG };
	struct addrinfo *kinds, *res = NULL, kind;
	int flags, rc, saved = errno;
	char *encoded = NULL;

	if (hints)
		want = *hints;
	flags = want.ai_flags;
	rc = check_config(&want);
	if (rc)
		return rc;
	if (node && !strcmp(node, "*"))
		node = NULL;
	if (!node || (flags & AI_NUMERICHOST) || shim_is_numeric(node))
		return by_libc(node, service, &want, flags, ret);
	/* libc checks flags and service and says which kinds of socket fit */
	kind = want;
	kind.ai_family = AF_INET;
	kind.ai_flags &= ~(AI_CANONNAME | AI_V4MAPPED | AI_ALL | AI_IDN |
			   AI_CANONIDN);
	kind.ai_flags |= AI_NUMERICHOST;
	rc = LIBC(getaddrinfo)("127.0.0.1", service, &kind, &kinds);
	if (rc)
		return rc;
	if (want.ai_family != AF_UNSPEC && want.ai_family != AF_INET &&
	    want.ai_family != AF_INET6)
		rc = EAI_FAMILY;
	if (rc == 0 && (flags & AI_IDN))
		rc = shim_idn_encode(node, &encoded);
	if (rc == 0)
		rc = look_up(encoded ? encoded : node, &want, flags, kinds,
			     &res);
	free(encoded);
	freeaddrinfo(kinds);
	if (rc != EAI_SYSTEM)
		errno = saved;
	if (rc == 0)
		*ret = res;
	return rc;
}
SHIM_EXPORT(getaddrinfo);
