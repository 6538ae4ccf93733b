/* SPDX-License-Identifier: Apache-2.0 */
/* getnameinfo(): the host from /etc/hosts and the name server, the service and
 * the checks from libc. */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/idn.h"
#include "shim/lookup.h"

/* libc would name the host's interfaces. */
static void put_scope(const struct sockaddr_in6 *sin6, char *text)
{
	char name[IF_NAMESIZE];

	if (!sin6->sin6_scope_id)
		return;
	text += strlen(text);
	if ((IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr) ||
	     IN6_IS_ADDR_MC_LINKLOCAL(&sin6->sin6_addr)) &&
	    shim_if_indextoname(sin6->sin6_scope_id, name))
		sprintf(text, "%%%s", name);
	else
		sprintf(text, "%%%u", sin6->sin6_scope_id);
}

static int give(char *host, socklen_t hostlen, const char *name)
{
	if (strlen(name) >= hostlen)
		return EAI_OVERFLOW;
	strcpy(host, name);
	return 0;
}

static int give_number(const struct sockaddr *addr, char *host,
		       socklen_t hostlen)
{
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

	if (addr->sa_family == AF_INET) {
		inet_ntop(AF_INET,
			  &((const struct sockaddr_in *)(const void *)addr)
				   ->sin_addr,
			  text, sizeof(text));
	} else {
		const struct sockaddr_in6 *sin6 = (const void *)addr;

		inet_ntop(AF_INET6, &sin6->sin6_addr, text, INET6_ADDRSTRLEN);
		put_scope(sin6, text);
	}
	return give(host, hostlen, text);
}

/* NI_NOFQDN: the machine's own domain goes without saying. */
static void cut_domain(char *name)
{
	char own[256], *domain, *at;
	struct lookup *l = NULL;

	if (gethostname(own, sizeof(own)) < 0)
		return;
	own[sizeof(own) - 1] = '\0';
	domain = strchr(own, '.');
	if (!domain) {
		l = shim_lookup_new();
		if (l && shim_hosts_name(l, own, AF_INET))
			domain = strchr(l->name, '.');
	}
	at = domain ? strstr(name, domain) : NULL;
	if (at && at != name && !at[strlen(domain)])
		*at = '\0';
	shim_lookup_free(l);
}

static int give_name(struct lookup *l, int flags, char *host,
		     socklen_t hostlen)
{
	char name[NI_MAXHOST], *decoded = NULL;
	int rc = 0;

	if (flags & NI_IDN)
		rc = shim_idn_decode(l->name, &decoded);
	if (rc && rc != EAI_IDN_ENCODE)
		return rc;
	snprintf(name, sizeof(name), "%s", decoded ? decoded : l->name);
	free(decoded);
	if (flags & NI_NOFQDN)
		cut_domain(name);
	return give(host, hostlen, name);
}

static int find_name(const struct sockaddr *addr, struct lookup *l)
{
	struct lookup_addr want = { .family = addr->sa_family };

	if (want.family == AF_INET)
		memcpy(want.bytes,
		       &((const struct sockaddr_in *)(const void *)addr)
				->sin_addr,
		       4);
	else
		memcpy(want.bytes,
		       &((const struct sockaddr_in6 *)(const void *)addr)
				->sin6_addr,
		       16);
	return shim_lookup_addr(l, &want);
}

int shim_getnameinfo(const struct sockaddr *addr, socklen_t addrlen,
		     char *host, socklen_t hostlen, char *serv,
		     socklen_t servlen, int flags)
{
	const int by_libc = (flags & ~(NI_NAMEREQD | NI_NOFQDN)) |
			    NI_NUMERICHOST;
	char number[NI_MAXHOST];
	struct lookup *l = NULL;
	int rc, saved = errno;

	if (!host || hostlen == 0 || !addr ||
	    (addr->sa_family != AF_INET && addr->sa_family != AF_INET6))
		return LIBC(getnameinfo)(addr, addrlen, host, hostlen, serv,
					 servlen, flags);
	rc = LIBC(getnameinfo)(addr, addrlen, number, sizeof(number), NULL, 0,
			       by_libc);
	if (rc)
		return rc;
	if (!(flags & NI_NUMERICHOST))
		l = shim_lookup_new();
	if (l && find_name(addr, l) == 0)
		rc = give_name(l, flags, host, hostlen);
	else if (flags & NI_NAMEREQD)
		rc = EAI_NONAME;
	else
		rc = give_number(addr, host, hostlen);
	shim_lookup_free(l);
	if (rc == 0 && serv && servlen)
		rc = LIBC(getnameinfo)(addr, addrlen, NULL, 0, serv, servlen,
				       by_libc);
	if (rc != EAI_SYSTEM)
		errno = saved;
	return rc;
}
SHIM_EXPORT(getnameinfo);
