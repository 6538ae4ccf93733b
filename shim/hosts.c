/* SPDX-License-Identifier: Apache-2.0 */
/* gethostbyname() and its relatives. */
#include "config.h"

#include <netinet/in.h>
#include <string.h>

#include "shim/call.h"
#include "shim/lookup.h"

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

static bool fill_names(const struct lookup *l, const char *name,
		       struct hostent *he, struct pieces *p)
{
	unsigned int i;

	he->h_aliases = cut(p, (l->naliases + 1) * sizeof(char *));
	he->h_name = cut(p, strlen(name) + 1);
	if (!he->h_aliases || !he->h_name)
		return false;
	strcpy(he->h_name, name);
	for (i = 0; i < l->naliases; i++) {
		he->h_aliases[i] = cut(p, strlen(l->aliases[i]) + 1);
		if (!he->h_aliases[i])
			return false;
		strcpy(he->h_aliases[i], l->aliases[i]);
	}
	he->h_aliases[i] = NULL;
	return true;
}

static int fill_hostent(const struct lookup *l, const char *name, int family,
			struct hostent *he, char *buf, size_t len)
{
	struct pieces p = { .at = buf, .left = len };
	size_t size = family == AF_INET ? 4 : 16;
	unsigned int i;

	he->h_addrtype = family;
	he->h_length = (int)size;
	he->h_addr_list = cut(&p, (l->naddrs + 1) * sizeof(char *));
	if (!he->h_addr_list || !fill_names(l, l->name ? l->name : name, he,
					     &p))
		return ERANGE;
	for (i = 0; i < l->naddrs; i++) {
		he->h_addr_list[i] = cut(&p, size);
		if (!he->h_addr_list[i])
			return ERANGE;
		memcpy(he->h_addr_list[i], l->addrs[i].bytes, size);
	}
	he->h_addr_list[i] = NULL;
	return 0;
}

/* What a call that has found nothing, or no room, returns. */
static int failed(int error, int *h_err)
{
	*h_err = error == LOOKUP_ONLY_ALIAS ? NO_RECOVERY : error;
	if (error == TRY_AGAIN || error == LOOKUP_ONLY_ALIAS)
		return EAGAIN;
	return error == NETDB_INTERNAL ? errno : 0;
}

/* The end of a lookup: @rc is its result. */
static int answer(struct lookup *l, int rc, const char *name, int family,
		  struct hostent *ret, char *buf, size_t len,
		  struct hostent **result, int *h_err)
{
	if (rc == 0) {
		errno = fill_hostent(l, name, family, ret, buf, len);
		rc = errno ? NETDB_INTERNAL : 0;
	}
	shim_lookup_free(l);
	if (rc)
		return failed(rc, h_err);
	*result = ret;
	*h_err = 0;
	return 0;
}

int shim_gethostbyname2_r(const char *name, int family, struct hostent *ret,
			  char *buf, size_t len, struct hostent **result,
			  int *h_err)
{
	struct lookup *l;

	*result = NULL;
	if (shim_is_numeric(name))
		return LIBC(gethostbyname2_r)(name, family, ret, buf, len,
					      result, h_err);
	if (family != AF_INET && family != AF_INET6) {
		*h_err = NO_DATA;
		return EAFNOSUPPORT;
	}
	l = shim_lookup_new();
	if (!l)
		return failed(NETDB_INTERNAL, h_err);
	return answer(l, shim_lookup_host(l, name, family), name, family, ret,
		      buf, len, result, h_err);
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
	struct lookup_addr want = { .family = family };
	struct lookup *l;
	int rc;

	*result = NULL;
	if ((family != AF_INET || len != 4) &&
	    (family != AF_INET6 || len != 16)) {
		*h_err = NETDB_INTERNAL;
		return EINVAL;
	}
	memcpy(want.bytes, addr, len);
	l = shim_lookup_new();
	if (!l)
		return failed(NETDB_INTERNAL, h_err);
	rc = shim_lookup_addr(l, &want);
	return answer(l, rc, "", rc ? family : l->addrs[0].family, ret, buf,
		      size, result, h_err);
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
