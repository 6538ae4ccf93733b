/* SPDX-License-Identifier: Apache-2.0 */
/* gethostbyname() and its relatives. */
#include "config.h"

#include <netinet/in.h>
#include <string.h>

#include "shim/call.h"
#include "shim/lookup.h"

static int h_errno_from(int eai)
{
	switch (eai) {
	case EAI_NODATA:
		return NO_DATA;
	case EAI_NONAME:
		return HOST_NOT_FOUND;
	case EAI_AGAIN:
		return TRY_AGAIN;
	default:
		return NO_RECOVERY;
	}
}

/* Cuts pieces from the caller's buffer. */
struct pieces {
	char *at;
	size_t left;
};

static void *cut(struct pieces *p, size_t size)
{
	size_t skew = (uintptr_t)p->at % sizeof(void *);
	void *piece;

	if (skew) {
		skew = sizeof(void *) - skew;
		if (p->left < skew)
			return NULL;
		p->at += skew;
		p->left -= skew;
	}
	if (p->left < size)
		return NULL;
	piece = p->at;
	p->at += size;
	p->left -= size;
	return piece;
}

static int fill_hostent(const struct addrinfo *list, const char *name,
			int family, struct hostent *he, struct pieces *p)
{
	size_t size = family == AF_INET ? 4 : 16, n = 0, i = 0;
	const struct addrinfo *ai;
	const void *from;

	for (ai = list; ai; ai = ai->ai_next)
		n++;
	he->h_addrtype = family;
	he->h_length = (int)size;
	he->h_name = cut(p, strlen(name) + 1);
	he->h_aliases = cut(p, sizeof(char *));
	he->h_addr_list = cut(p, (n + 1) * sizeof(char *));
	if (!he->h_name || !he->h_aliases || !he->h_addr_list)
		return ERANGE;
	strcpy(he->h_name, name);
	he->h_aliases[0] = NULL;
	for (ai = list; ai; ai = ai->ai_next) {
		he->h_addr_list[i] = cut(p, size);
		if (!he->h_addr_list[i])
			return ERANGE;
		if (family == AF_INET)
			from = &((struct sockaddr_in *)(void *)ai->ai_addr)
					->sin_addr;
		else
			from = &((struct sockaddr_in6 *)(void *)ai->ai_addr)
					->sin6_addr;
		memcpy(he->h_addr_list[i++], from, size);
	}
	he->h_addr_list[i] = NULL;
	return 0;
}

int shim_gethostbyname2_r(const char *name, int family, struct hostent *ret,
			  char *buf, size_t len, struct hostent **result,
			  int *h_err)
{
	struct addrinfo hints = { .ai_family = family,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_CANONNAME };
	struct pieces p = { .at = buf, .left = len };
	struct addrinfo *list;
	int rc;

	*result = NULL;
	if (shim_is_numeric(name))
		return LIBC(gethostbyname2_r)(name, family, ret, buf, len,
					      result, h_err);
	rc = shim_getaddrinfo(name, NULL, &hints, &list);
	if (rc) {
		*h_err = h_errno_from(rc);
		return 0;
	}
	rc = fill_hostent(list, list->ai_canonname ? list->ai_canonname : name,
			  family, ret, &p);
	freeaddrinfo(list);
	if (rc) {
		*h_err = NETDB_INTERNAL;
		return rc;
	}
	*result = ret;
	*h_err = 0;
	return 0;
}
SHIM_EXPORT(gethostbyname2_r);

int shim_gethostbyname_r(const char *name, struct hostent *ret, char *buf,
			 size_t len, struct hostent **result, int *h_err)
{
	return shim_gethostbyname2_r(name, AF_INET, ret, buf, len, result,
				     h_err);
}
SHIM_EXPORT(gethostbyname_r);

struct hostent *shim_gethostbyname2(const char *name, int family)
{
	static __thread struct hostent he;
	static __thread char buf[2048];
	struct hostent *result;
	int error = 0;

	if (shim_gethostbyname2_r(name, family, &he, buf, sizeof(buf), &result,
				  &error))
		result = NULL;
	if (!result)
		h_errno = error;
	return result;
}
SHIM_EXPORT(gethostbyname2);

struct hostent *shim_gethostbyname(const char *name)
{
	return shim_gethostbyname2(name, AF_INET);
}
SHIM_EXPORT(gethostbyname);

int shim_gethostbyaddr_r(const void *addr, socklen_t len, int family,
			 struct hostent *ret, char *buf, size_t size,
			 struct hostent **result, int *h_err)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct addrinfo found = { 0 };
	struct pieces p = { .at = buf, .left = size };
	struct lookup l;
	int rc;

	*result = NULL;
	if (family == AF_INET && len == 4) {
		memcpy(&sin.sin_addr, addr, 4);
		found.ai_addr = (struct sockaddr *)&sin;
		found.ai_addrlen = sizeof(sin);
	} else if (family == AF_INET6 && len == 16) {
		memcpy(&sin6.sin6_addr, addr, 16);
		found.ai_addr = (struct sockaddr *)&sin6;
		found.ai_addrlen = sizeof(sin6);
	} else {
		*h_err = NETDB_INTERNAL;
		return EINVAL;
	}
	rc = shim_lookup_addr(found.ai_addr, found.ai_addrlen, &l);
	if (rc) {
		*h_err = h_errno_from(rc);
		return 0;
	}
	rc = fill_hostent(&found, l.host, family, ret, &p);
	if (rc) {
		*h_err = NETDB_INTERNAL;
		return rc;
	}
	*result = ret;
	*h_err = 0;
	return 0;
}
SHIM_EXPORT(gethostbyaddr_r);

struct hostent *shim_gethostbyaddr(const void *addr, socklen_t len, int family)
{
	static __thread struct hostent he;
	static __thread char buf[NI_MAXHOST + 128];
	struct hostent *result;
	int error = 0, rc;

	rc = shim_gethostbyaddr_r(addr, len, family, &he, buf, sizeof(buf),
				  &result, &error);
	if (rc)
		errno = rc;
	if (!result)
		h_errno = error;
	return result;
}
SHIM_EXPORT(gethostbyaddr);
