/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/resolver.h"

#include <ares.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/options.h"
#include "relay/sys.h"

#define TIMEOUT_MS 3000
#define TRIES 3

/* One socket of c-ares, which opens and closes it. */
struct resolver_fd {
	struct source src;
	struct resolver *resolver;
	struct resolver_fd *prev, *next;
};

struct resolver {
	ares_channel channel;
	struct loop *loop;
	struct resolver_fd *fds;
};

struct ask {
	resolver_done_fn *done;
	void *arg;
};

static void free_source(struct source *src)
{
	free((struct resolver_fd *)src);
}

static struct resolver_fd *find_fd(struct resolver *resolver, int fd)
{
	struct resolver_fd *rfd;

	DL_FOREACH(resolver->fds, rfd) {
		if (rfd->src.fd == fd)
			return rfd;
	}
	return NULL;
}

static void drop_fd(struct resolver *resolver, struct resolver_fd *rfd)
{
	DL_DELETE(resolver->fds, rfd);
	loop_remove(resolver->loop, &rfd->src);
	rfd->src.fd = -1;
	loop_bury(resolver->loop, &rfd->src, free_source);
}

static void add_fd(struct resolver *resolver, int fd, uint32_t events)
{
	struct resolver_fd *rfd = calloc(1, sizeof(*rfd));

	if (!rfd)
		return; /* the question ends by its timeout */
	rfd->src = (struct source){ .type = SOURCE_RESOLVER, .fd = fd };
	rfd->resolver = resolver;
	DL_APPEND(resolver->fds, rfd);
	if (loop_add(resolver->loop, &rfd->src, events))
		drop_fd(resolver, rfd);
}

static void sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = arg;
	struct resolver_fd *rfd = find_fd(resolver, fd);
	uint32_t events = (readable ? EPOLLIN : 0u) |
			  (writable ? EPOLLOUT : 0u);

	if (rfd && !events)
		drop_fd(resolver, rfd);
	else if (rfd)
		loop_change(resolver->loop, &rfd->src, events);
	else if (events)
		add_fd(resolver, fd, events);
}

/* ---- system calls: errno and -1, as c-ares wants them ----
 *
 * Its own make a socket first, and non-blocking afterwards without a look at
 * whether that went well: a relay that waits for one server serves nobody. */

static ares_ssize_t to_errno(ssize_t rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

static ares_socket_t sock_open(int family, int type, int proto, void *arg)
{
	int fd = sys_socket(family, type);

	/* a question is one write: it is not to wait for more */
	if (fd >= 0 && type == SOCK_STREAM)
		sys_setopt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return fd < 0 ? (int)to_errno(fd) : fd;
}

static int sock_close(ares_socket_t fd, void *arg)
{
	return close(fd);
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *sa,
			ares_socklen_t len, void *arg)
{
	return (int)to_errno(sys_connect(fd, sa, len));
}

static ares_ssize_t sock_recv(ares_socket_t fd, void *dst, size_t len,
			      int flags, struct sockaddr *sa,
			      ares_socklen_t *salen, void *arg)
{
	return to_errno(SYS_RETRY(recvfrom(fd, dst, len, flags | MSG_DONTWAIT,
					   sa, salen)));
}

static ares_ssize_t sock_send(ares_socket_t fd, const struct iovec *iov, int n,
			      void *arg)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov,
			      .msg_iovlen = (size_t)n };

	return to_errno(sys_sendmsg(fd, &msg));
}

static const struct ares_socket_functions sock_functions = {
	.asocket = sock_open,
	.aclose = sock_close,
	.aconnect = sock_connect,
	.arecvfrom = sock_recv,
	.asendv = sock_send,
};

/* ---- life ---- */

static int set_servers(ares_channel channel, const struct options *opts)
{
	char csv[OPTIONS_MAX_DNS * (FDNET_IP_STRLEN + 16)] = "";
	char text[FDNET_IP_STRLEN];
	size_t at = 0;

	if (!opts->ndns)
		return 0;
	for (unsigned int i = 0; i < opts->ndns; i++) {
		fdnet_ip_format(&opts->dns[i].ip, text);
		at += (size_t)snprintf(csv + at, sizeof(csv) - at,
				       opts->dns[i].ip.family == 6 ?
					       "%s[%s]:%u" :
					       "%s%s:%u",
				       i ? "," : "", text, opts->dns[i].port);
	}
	return ares_set_servers_ports_csv(channel, csv) ? -EINVAL : 0;
}

int resolver_new(struct loop *loop, const struct options *opts,
		 struct resolver **ret_resolver)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	struct ares_options ares = {
		/* names are complete, and /etc/hosts is read elsewhere */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			 ARES_FLAG_NOCHECKRESP,
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.sock_state_cb = sock_state,
		.sock_state_cb_data = resolver,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_SOCK_STATE_CB;
	int rc;

	if (!resolver)
		return -ENOMEM;
	resolver->loop = loop;
	rc = ares_init_options(&resolver->channel, &ares, mask);
	if (rc) {
		free(resolver);
		return rc == ARES_ENOMEM ? -ENOMEM : -EINVAL;
	}
	ares_set_socket_functions(resolver->channel, &sock_functions, NULL);
	rc = set_servers(resolver->channel, opts);
	if (rc) {
		resolver_free(resolver);
		return rc;
	}
	*ret_resolver = resolver;
	return 0;
}

unsigned int resolver_system_servers(struct fdnet_ip *ret_ips,
				     unsigned int max)
{
	struct ares_addr_node *servers = NULL;
	unsigned int n = 0;
	ares_channel channel;

	if (ares_init(&channel))
		return 0;
	ares_get_servers(channel, &servers);
	for (struct ares_addr_node *at = servers; at && n < max;
	     at = at->next) {
		struct fdnet_ip ip = { .family = at->family == AF_INET ? 4 : 6 };
		unsigned int i = 0;

		memcpy(ip.bytes, &at->addr, ip.family == 4 ? 4 : 16);
		while (i < n && !fdnet_ip_equal(&ret_ips[i], &ip))
			i++;
		if (i == n)
			ret_ips[n++] = ip;
	}
	ares_free_data(servers);
	ares_destroy(channel);
	return n;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	ares_destroy(resolver->channel);
	while (resolver->fds)
		drop_fd(resolver, resolver->fds);
	free(resolver);
}

static void answered(void *arg, int status, int timeouts, unsigned char *msg,
		     int len)
{
	struct ask *ask = arg;
	enum resolver_result result = RESOLVER_FAILED;

	if (status == ARES_SUCCESS || status == ARES_ENODATA)
		result = RESOLVER_ANSWER;
	else if (status == ARES_ENOTFOUND)
		result = RESOLVER_NONAME;
	else if (status == ARES_ECANCELLED || status == ARES_EDESTRUCTION)
		result = RESOLVER_CANCELED;
	if (result == RESOLVER_ANSWER && !msg)
		result = RESOLVER_FAILED;
	ask->done(ask->arg, result, msg, msg ? (size_t)len : 0);
	free(ask);
}

void resolver_ask(struct resolver *resolver, const char *name, uint16_t type,
		  resolver_done_fn *done, void *arg)
{
	struct ask *ask = malloc(sizeof(*ask));

	if (!ask) {
		done(arg, RESOLVER_FAILED, NULL, 0);
		return;
	}
	*ask = (struct ask){ done, arg };
	ares_query(resolver->channel, name, 1, type, answered, ask);
}

void resolver_event(struct source *src, uint32_t events)
{
	struct resolver_fd *rfd = (struct resolver_fd *)src;
	ares_socket_t fd = src->fd, none = ARES_SOCKET_BAD;
	bool readable = events & (EPOLLIN | EPOLLERR | EPOLLHUP);

	ares_process_fd(rfd->resolver->channel, readable ? fd : none,
			events & EPOLLOUT ? fd : none);
}

uint64_t resolver_timeout_us(struct resolver *resolver)
{
	struct timeval tv, *left = ares_timeout(resolver->channel, NULL, &tv);

	if (!left)
		return FDNET_NEVER;
	return (uint64_t)left->tv_sec * 1000000 + (uint64_t)left->tv_usec;
}

void resolver_advance(struct resolver *resolver)
{
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
