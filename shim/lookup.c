/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/lookup.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#include "shim/call.h"
#include "shim/resolv.h"

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

/* A program that fills in the resolver's state means it for these calls too. */
static int own_options(struct __res_state *own, struct ares_options *opts)
{
	int n = 0;

	while (own->dnsrch[n])
		n++;
	opts->domains = own->dnsrch;
	opts->ndomains = n;
	opts->ndots = own->ndots;
	if (own->options & RES_USEVC)
		opts->flags |= ARES_FLAG_USEVC;
	if (own->retrans > 0)
		opts->timeout = own->retrans * 1000;
	if (own->retry > 0)
		opts->tries = own->retry;
	return ARES_OPT_DOMAINS | ARES_OPT_NDOTS;
}

static int set_own(ares_channel channel, const struct __res_state *own)
{
	struct ares_addr_port_node list[MAXNS];
	int i;

	memset(list, 0, sizeof(list));
	for (i = 0; i < own->nscount && i < MAXNS; i++) {
		list[i].family = AF_INET;
		list[i].addr.addr4 = own->nsaddr_list[i].sin_addr;
		list[i].udp_port = ntohs(own->nsaddr_list[i].sin_port);
		list[i].tcp_port = list[i].udp_port;
		list[i].next = i + 1 < own->nscount ? &list[i + 1] : NULL;
	}
	return ares_set_servers_ports(channel, i ? list : NULL);
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
	int rc, mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS;
	struct __res_state *own = shim_resolv_own();

	memset(l, 0, sizeof(*l));
	pthread_once(&ares_once, init_ares);
	if (ares_ready != ARES_SUCCESS)
		return EAI_MEMORY;
	rc = name_server(&server, ret_v6);
	if (rc < 0 && rc != -ENOENT)
		return EAI_AGAIN;
	if (own)
		mask |= own_options(own, &opts);
	if (ares_init_options(&l->channel, &opts, mask) != ARES_SUCCESS)
		return EAI_MEMORY;
	if (own)
		rc = set_own(l->channel, own);
	else if (rc == 0)
		rc = ares_set_servers(l->channel, &server);
	else
		rc = ARES_SUCCESS;
	if (rc == ARES_SUCCESS)
		return 0;
	ares_destroy(l->channel);
	return EAI_MEMORY;
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

void shim_lookup_close(struct lookup *l)
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

static int look_up_host(const char *node, int family, struct lookup *l)
{
	struct ares_addrinfo_hints hints = { .ai_family = family,
					     .ai_flags = ARES_AI_CANONNAME |
							 ARES_AI_NOSORT };
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

int shim_lookup_host(const char *node, int family, int flags,
			struct lookup *l)
{
	bool mapped = family == AF_INET6 && (flags & AI_V4MAPPED);
	struct lookup v6;
	int rc;

	if (mapped && (flags & AI_ALL))
		return look_up_host(node, AF_UNSPEC, l);
	rc = look_up_host(node, family, l);
	if (!mapped || rc == 0)
		return rc;
	v6 = *l;
	rc = look_up_host(node, AF_INET, l);
	if (v6.channel)
		shim_lookup_close(&v6);
	return rc;
}

int shim_lookup_addr(const struct sockaddr *addr, socklen_t len,
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
	shim_lookup_close(l);
	return rc || !l->has_host ? (rc ? rc : EAI_NONAME) : 0;
}
