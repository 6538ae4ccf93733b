/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NETLINK_ROUTE for programs without the preload: the socket is one end of a
 * SEQPACKET pair, at whose other end we answer with the sandbox's interfaces
 * (base/rtnl.h). Requests and answers are the kernel's to carry.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

#include "sandbox/notify.h"

#define NETLINKS_MAX 256
#define REQUEST_MAX  8192
/* What the relay's links have, unless --mtu says otherwise. */
#define MTU 65520

struct netlink {
	struct netlink *prev, *next;
	struct supervisor *sup;
	struct watch watch; /* our end */
	uint64_t cookie;    /* of theirs */
	uint32_t port;
	int type; /* SOCK_RAW or SOCK_DGRAM, as was asked for */
};

static void free_netlink(struct netlink *netlink)
{
	struct supervisor *sup = netlink->sup;
	int fd = netlink->watch.fd;

	watch_remove(sup->loop, &netlink->watch);
	close(fd);
	DL_DELETE(sup->netlinks, netlink);
	sup->netlink_count--;
	free(netlink);
}

/* An asker that does not read its answers loses them, as with the kernel. */
static void answer(struct netlink *netlink, const uint8_t *req, size_t len)
{
	static struct fdnet_rtnl_out out;
	uint32_t at = 0;
	unsigned int i;

	fdnet_rtnl_answer(&netlink->sup->net, req, len, netlink->port, &out);
	for (i = 0; i < out.n; i++) {
		send(netlink->watch.fd, out.bytes + at, out.ends[i] - at,
		     MSG_DONTWAIT | MSG_NOSIGNAL);
		at = out.ends[i];
	}
}

static void on_netlink(struct watch *watch, uint32_t events)
{
	struct netlink *netlink =
		(struct netlink *)((char *)watch -
				   offsetof(struct netlink, watch));
	uint8_t req[REQUEST_MAX] __attribute__((aligned(8)));
	ssize_t len = recv(watch->fd, req, sizeof(req), MSG_DONTWAIT);

	if (len > 0)
		answer(netlink, req, len);
	/* nothing: an empty message, or the end */
	else if (len ? errno != EAGAIN && errno != EINTR :
		       events & (EPOLLHUP | EPOLLERR))
		/* nothing else in this round can name it: the fd was its own */
		free_netlink(netlink);
}

static int open_pair(struct call *call, struct netlink *netlink)
{
	int flags = SOCK_CLOEXEC | ((int)call->args[1] & SOCK_NONBLOCK);
	socklen_t len = sizeof(netlink->cookie);
	int pair[2], rc = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | flags, 0, pair) < 0)
		return -errno;
	if (getsockopt(pair[0], SOL_SOCKET, SO_COOKIE, &netlink->cookie, &len) <
	    0)
		rc = -errno;
	netlink->watch = (struct watch){pair[1], on_netlink};
	if (rc == 0)
		rc = watch_add(call->sup->loop, &netlink->watch, EPOLLIN);
	if (rc < 0) {
		close(pair[0]);
		close(pair[1]);
		return rc;
	}
	return pair[0];
}

void netlink_socket(struct call *call)
{
	struct supervisor *sup = call->sup;
	int type = (int)call->args[1] & 0xf, fd;
	static uint32_t last_port = 1000;
	struct netlink *netlink;

	if ((int)call->args[2] != NETLINK_ROUTE) {
		call_reply(call, -EPROTONOSUPPORT);
		return;
	}
	if (type != SOCK_RAW && type != SOCK_DGRAM) {
		call_reply(call, -ESOCKTNOSUPPORT);
		return;
	}
	netlink = sup->netlink_count < NETLINKS_MAX ?
			  calloc(1, sizeof(*netlink)) :
			  NULL;
	if (!netlink) {
		call_reply(call, -ENOBUFS);
		return;
	}
	netlink->sup = sup;
	netlink->port = ++last_port;
	netlink->type = type;
	fd = open_pair(call, netlink);
	if (fd < 0) {
		free(netlink);
		call_reply(call, fd);
		return;
	}
	DL_APPEND(sup->netlinks, netlink);
	sup->netlink_count++;
	call_reply_fd(call, fd, call->args[1] & SOCK_CLOEXEC);
}

struct netlink *netlink_find(struct supervisor *sup, uint64_t cookie)
{
	struct netlink *netlink;

	DL_FOREACH(sup->netlinks, netlink)
		if (netlink->cookie == cookie)
			return netlink;
	return NULL;
}

socklen_t netlink_name(const struct netlink *netlink, bool peer,
		       struct sockaddr_storage *sa)
{
	struct sockaddr_nl nl = {
		.nl_family = AF_NETLINK,
		.nl_pid = peer ? 0 : netlink->port,
	};

	memset(sa, 0, sizeof(*sa));
	memcpy(sa, &nl, sizeof(nl));
	return sizeof(nl);
}

bool netlink_option(const struct netlink *netlink, int name, int *ret_value)
{
	switch (name) {
	case SO_DOMAIN:
		*ret_value = AF_NETLINK;
		return true;
	case SO_TYPE:
		*ret_value = netlink->type;
		return true;
	case SO_PROTOCOL:
		*ret_value = NETLINK_ROUTE;
		return true;
	default:
		return false;
	}
}

/* The relay refuses what is no address; then nothing is run at all. */
static struct fdnet_rtnl_ip parse(const char *text, int family,
				  uint8_t default_bits)
{
	struct fdnet_rtnl_ip ip = {.bits = default_bits};
	char copy[64] = "", *slash;

	strncpy(copy, text, sizeof(copy) - 1);
	slash = strchr(copy, '/');
	if (slash) {
		*slash = '\0';
		ip.bits = (uint8_t)atoi(slash + 1);
	}
	if (inet_pton(family, copy, ip.bytes) == 1)
		ip.family = (uint8_t)family;
	return ip;
}

int netlink_init(struct supervisor *sup)
{
	const char *addr = sup->setup.addr;
	struct fdnet_rtnl_ip ip4, gateway4, ip6, gateway6;

	ip4 = parse(addr && !strchr(addr, ':') ? addr : "10.0.2.15/24", AF_INET,
		    24);
	/* the name server is the third of the network, the gateway the second */
	gateway4 = parse(sup->setup.name_server, AF_INET, 32);
	gateway4.bytes[3]--;
	ip6 = parse(addr && strchr(addr, ':') ? addr : "fd00::15/64", AF_INET6,
		    64);
	gateway6 = ip6;
	memset(gateway6.bytes + 8, 0, 8);
	gateway6.bytes[15] = 2;
	fdnet_rtnl_sandbox(&sup->net, &ip4, &gateway4, &ip6, &gateway6, MTU);
	return 0;
}

void netlink_end(struct supervisor *sup)
{
	while (sup->netlinks)
		free_netlink(sup->netlinks);
}
