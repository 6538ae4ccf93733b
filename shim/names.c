/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names (D12): getaddrinfo() and its relatives ask the relay's forwarder, by
 * c-ares, whose sockets are ours like the program's. libc's own resolver
 * cannot be used: its socket calls are inside libc, where no wrapper sees
 * them. What needs no network (numbers, no host at all) is left to libc.
 */
#include "config.h"

#include <ares.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/addr.h"
#include "shim/call.h"

#ifndef NI_NUMERICSCOPE
#define NI_NUMERICSCOPE 0 /* glibc has no such flag */
#endif

/* One lookup in progress. */
struct lookup {
	ares_channel channel;
	bool done;
	int status; /* ARES_* */
	struct ares_addrinfo *info;
	char host[NI_MAXHOST]; /* of an address, with ares_getnameinfo */
	bool has_host;
};

static pthread_once_t ares_once = PTHREAD_ONCE_INIT;
static int ares_ready;

static void init_ares(void)
{
	ares_ready = ares_library_init(ARES_LIB_INIT_ALL);
}

/* Starts the network and asks who the name server is. */
static int name_server(struct ares_addr_node *ret_server, bool *ret_v6)
{
	const struct fdnet_welcome *w = shim_net_welcome();
	struct shim_guard guard;
	int rc;

	shim_enter(&guard);
	rc = shim_net_start();
	if (rc == 0) {
		memset(ret_server, 0, sizeof(*ret_server));
		ret_server->family = AF_INET;
		memcpy(&ret_server->addr.addr4, w->dns4, 4);
		*ret_v6 = w->bits6 != 0;
		if (!shim_net_has_relay())
			rc = -ENOENT; /* a foreign link: resolv.conf counts */
	}
	shim_leave(&guard);
	shim_net_publish_env();
	return rc;
}

static int lookup_open(struct lookup *l, bool *ret_v6)
{
	struct ares_addr_node server;
	struct ares_options opts = {
		.timeout = 5000,
		.tries = 2,
		/* a refusal is the relay's answer, not a broken server */
		.flags = ARES_FLAG_NOCHECKRESP,
	};
	int rc;

	memset(l, 0, sizeof(*l));
	pthread_once(&ares_once, init_ares);
	if (ares_ready != ARES_SUCCESS)
		return EAI_MEMORY;
	rc = name_server(&server, ret_v6);
	if (rc < 0 && rc != -ENOENT)
		return EAI_AGAIN;
	if (ares_init_options(&l->channel, &opts,
			      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
				      ARES_OPT_FLAGS) !=
	    ARES_SUCCESS)
		return EAI_MEMORY;
	if (rc == 0 &&
	    ares_set_servers(l->channel, &server) != ARES_SUCCESS) {
		ares_destroy(l->channel);
		return EAI_MEMORY;
	}
	return 0;
}

/* Runs the channel until the answer is there; c-ares has the time-outs. */
static void lookup_run(struct lookup *l)
{
	ares_socket_t socks[ARES_GETSOCK_MAXNUM];
	struct pollfd fds[ARES_GETSOCK_MAXNUM];

	while (!l->done) {
		int mask = ares_getsock(l->channel, socks, ARES_GETSOCK_MAXNUM);
		struct timeval tv, *wait;
		int i, n = 0;

		for (i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
			short events = 0;

			if (ARES_GETSOCK_READABLE(mask, i))
				events |= POLLIN;
			if (ARES_GETSOCK_WRITABLE(mask, i))
				events |= POLLOUT;
			if (!events)
				break;
			fds[n].fd = socks[i];
			fds[n].revents = 0;
			fds[n++].events = events;
		}
		wait = ares_timeout(l->channel, NULL, &tv);
		if (n == 0 && !wait)
			break;
		shim_poll(fds, (nfds_t)n,
			  wait ? (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000) + 1
			       : -1);
		if (n == 0)
			ares_process_fd(l->channel, ARES_SOCKET_BAD,
					ARES_SOCKET_BAD);
		for (i = 0; i < n; i++)
			ares_process_fd(
				l->channel,
				fds[i].revents & ~POLLOUT ? fds[i].fd
							  : ARES_SOCKET_BAD,
				fds[i].revents & POLLOUT ? fds[i].fd
							 : ARES_SOCKET_BAD);
	}
}

static void lookup_close(struct lookup *l)
{
	ares_freeaddrinfo(l->info);
	ares_destroy(l->channel);
}

static void on_addrinfo(void *arg, int status, int timeouts,
			struct ares_addrinfo *info)
{
	struct lookup *l = arg;

	l->status = status;
	l->info = info;
	l->done = true;
}

static void on_nameinfo(void *arg, int status, int timeouts, char *node,
			char *service)
{
	struct lookup *l = arg;

	l->status = status;
	if (status == ARES_SUCCESS && node &&
	    strlen(node) < sizeof(l->host)) {
		strcpy(l->host, node);
		l->has_host = true;
	}
	l->done = true;
}

static int eai_from(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENODATA:
		return EAI_NODATA;
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
	case ARES_EREFUSED: /* no rule allows the name */
		return EAI_NONAME;
	case ARES_ENOMEM:
		return EAI_MEMORY;
	case ARES_ESERVICE:
		return EAI_SERVICE;
	case ARES_EBADFAMILY:
		return EAI_FAMILY;
	case ARES_EBADFLAGS:
		return EAI_BADFLAGS;
	default:
		return EAI_AGAIN;
	}
}

/* ---- getaddrinfo ---- */

/* One entry in libc's layout: the address in the same block, so that libc's
 * freeaddrinfo() can free what we made. */
static struct addrinfo *entry(const struct ares_addrinfo_node *node,
			      const struct addrinfo *like)
{
	struct addrinfo *ai = calloc(1, sizeof(*ai) + node->ai_addrlen);

	if (!ai)
		return NULL;
	ai->ai_flags = like->ai_flags;
	ai->ai_family = node->ai_family;
	ai->ai_socktype = like->ai_socktype;
	ai->ai_protocol = like->ai_protocol;
	ai->ai_addrlen = node->ai_addrlen;
	ai->ai_addr = (struct sockaddr *)(ai + 1);
	memcpy(ai->ai_addr, node->ai_addr, node->ai_addrlen);
	/* the port was resolved by libc, with the services file */
	((struct sockaddr_in *)(void *)ai->ai_addr)->sin_port =
		((struct sockaddr_in *)(void *)like->ai_addr)->sin_port;
	return ai;
}

/* Each address found, for each kind of socket in @kinds (what libc makes of
 * the service alone, for one family). */
static int join(const struct ares_addrinfo *found,
		const struct addrinfo *kinds, struct addrinfo **ret)
{
	const struct ares_addrinfo_node *node;
	struct addrinfo *head = NULL, **tail = &head;
	const struct addrinfo *kind;

	for (node = found->nodes; node; node = node->ai_next) {
		for (kind = kinds; kind; kind = kind->ai_next) {
			*tail = entry(node, kind);
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

static int look_up_host(const char *node, int family, struct lookup *l)
{
	struct ares_addrinfo_hints hints = { .ai_family = family,
					     .ai_flags = ARES_AI_CANONNAME };
	bool v6;
	int rc = lookup_open(l, &v6);

	if (rc)
		return rc;
	if (family == AF_UNSPEC && !v6)
		hints.ai_family = AF_INET;
	ares_getaddrinfo(l->channel, node, NULL, &hints, on_addrinfo, l);
	lookup_run(l);
	return eai_from(l->done ? l->status : ARES_ETIMEOUT);
}

/* Does libc need the network for this? */
static bool is_numeric(const char *node)
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
	if (!node || (want.ai_flags & AI_NUMERICHOST) || is_numeric(node))
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
	rc = look_up_host(node, family, &l);
	if (rc == 0)
		rc = join(l.info, kinds, &res);
	if (rc == 0 && hints && (hints->ai_flags & AI_CANONNAME))
		rc = canonical(res, l.info, node);
	if (l.channel)
		lookup_close(&l);
	freeaddrinfo(kinds);
	if (rc == 0)
		*ret = res;
	else if (res)
		freeaddrinfo(res);
	errno = saved;
	return rc;
}
SHIM_EXPORT(getaddrinfo);

/* ---- the older calls ---- */

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
	if (is_numeric(name))
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

/* Name of an address, or an EAI_ code. */
static int look_up_addr(const struct sockaddr *addr, socklen_t len,
			struct lookup *l)
{
	bool v6;
	int rc = lookup_open(l, &v6);

	if (rc)
		return rc;
	ares_getnameinfo(l->channel, addr, len,
			 ARES_NI_LOOKUPHOST | ARES_NI_NAMEREQD, on_nameinfo, l);
	lookup_run(l);
	rc = eai_from(l->done ? l->status : ARES_ETIMEOUT);
	lookup_close(l);
	return rc || !l->has_host ? (rc ? rc : EAI_NONAME) : 0;
}

struct hostent *shim_gethostbyaddr(const void *addr, socklen_t len, int family)
{
	static __thread struct hostent he;
	static __thread char bytes[16], name[NI_MAXHOST];
	static __thread char *aliases[1], *list[2];
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct lookup l;
	int rc;

	if (family == AF_INET && len == 4) {
		memcpy(&sin.sin_addr, addr, 4);
		rc = look_up_addr((struct sockaddr *)&sin, sizeof(sin), &l);
	} else if (family == AF_INET6 && len == 16) {
		memcpy(&sin6.sin6_addr, addr, 16);
		rc = look_up_addr((struct sockaddr *)&sin6, sizeof(sin6), &l);
	} else {
		rc = EAI_FAMILY;
	}
	if (rc) {
		h_errno = h_errno_from(rc);
		return NULL;
	}
	memcpy(bytes, addr, len);
	strcpy(name, l.host);
	list[0] = bytes;
	he = (struct hostent){
		.h_name = name,
		.h_aliases = aliases,
		.h_addrtype = family,
		.h_length = (int)len,
		.h_addr_list = list,
	};
	return &he;
}
SHIM_EXPORT(gethostbyaddr);

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
	rc = look_up_addr(addr, addrlen, &l);
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
