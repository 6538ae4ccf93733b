/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options: a table for each level with a row for each option; what is
 * not in it is asked of the kind of socket (TCP_*, UDP_*, ICMP_FILTER).
 * Values, layouts and errors are the kernel's.
 */
#include "config.h"

#include "stack/sockopt.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/object.h"
#include "stack/sockopt_row.h"
#include "stack/wire/icmp.h"

static const struct fdnet_opt_table *const tables[] = {
	&fdnet_opt_socket,
	&fdnet_opt_ip,
	&fdnet_opt_ip6,
};

#define NTABLES (sizeof(tables) / sizeof(tables[0]))

static_assert(FDNET_SF_MAX <= 64, "flags are a uint64_t");

const struct fdnet_sockopt *fdnet_sockopt_row(unsigned int i)
{
	unsigned int t;

	for (t = 0; t < NTABLES; t++) {
		if (i < tables[t]->n)
			return &tables[t]->rows[i].id;
		i -= tables[t]->n;
	}
	return NULL;
}

static const struct fdnet_opt_table *level_table(int level)
{
	switch (level) {
	case SOL_SOCKET:
		return &fdnet_opt_socket;
	case IPPROTO_IP:
		return &fdnet_opt_ip;
	case IPPROTO_IPV6:
		return &fdnet_opt_ip6;
	default:
		return NULL;
	}
}

static const struct fdnet_opt_row *find_row(int level, int name)
{
	const struct fdnet_opt_table *table = level_table(level);
	unsigned int i;

	for (i = 0; table && i < table->n; i++) {
		if (table->rows[i].id.name == name)
			return &table->rows[i];
	}
	return NULL;
}

void fdnet_sockopt_init(struct fdnet_sock *so)
{
	const struct fdnet_stack_config *cfg = &so->stack->cfg;
	bool stream = so->type == FDNET_SOCK_STREAM;
	struct fdnet_sock_opts *opts = &so->opts;

	opts->sndbuf = stream ? cfg->tcp_sndbuf : cfg->udp_sndbuf;
	opts->rcvbuf = stream ? cfg->tcp_rcvbuf : cfg->udp_rcvbuf;
	opts->rcvlowat = 1;
	/* INET_PROTOSW_REUSE */
	opts->reuseaddr = so->proto != FDNET_PROTO_UDP && !stream;
	opts->ttl = -1;
	opts->tos = -1;
	opts->hops6 = -1;
	opts->mcast_hops6 = -1;
	opts->tclass6 = -1;
	opts->mcast_ttl = 1;
	opts->mcast_loop = true;
	opts->mtu_discover = 1;	 /* IP_PMTUDISC_WANT */
	opts->mtu_discover6 = 1;
	opts->max_pacing = UINT64_MAX;
	opts->incoming_cpu = -1;
	opts->flags = (uint64_t)(so->family == 4) << FDNET_SF_MCAST_ALL |
		      (uint64_t)1 << FDNET_SF_MCAST_ALL6 |
		      (uint64_t)1 << FDNET_SF_MCAST_LOOP6 |
		      (uint64_t)1 << FDNET_SF_TXREHASH |
		      (uint64_t)1 << FDNET_SF_MSG_TOS |
		      (uint64_t)1 << FDNET_SF_AUTOFLOW6;
}

/* IPv6 sockets have IPPROTO_IP's options too, but raw ones. */
static bool speaks_ip4(const struct fdnet_sock *so)
{
	return so->family == 4 || so->type != FDNET_SOCK_RAW;
}

static int refused(const struct fdnet_sock *so, const struct fdnet_opt_row *row)
{
	if (row->limits & FOR_RAW && so->type != FDNET_SOCK_RAW)
		return -ENOPROTOOPT;
	if (row->limits & FOR_DGRAM6 && so->type == FDNET_SOCK_STREAM)
		return -ENOPROTOOPT;
	if (row->limits & FOR_PORTS && so->proto != FDNET_PROTO_UDP &&
	    so->proto != FDNET_PROTO_TCP)
		return -EOPNOTSUPP;
	if (row->limits & FOR_TCP && so->type != FDNET_SOCK_STREAM)
		return -EOPNOTSUPP;
	if (row->limits & FOR_DGRAM && so->type == FDNET_SOCK_STREAM)
		return -EINVAL;
	return 0;
}

int fdnet_sock_setopt(struct fdnet_sock *so, int level, int name,
		      const void *val, uint32_t len)
{
	const struct fdnet_opt_row *row = find_row(level, name);
	int rc;

	if (level == SOL_SOCKET && len < sizeof(int) &&
	    name != SO_BINDTODEVICE)
		return -EINVAL;
	if (level == IPPROTO_IPV6 && so->family == 4)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IP && !speaks_ip4(so))
		return -ENOPROTOOPT;
	if (!row) {
		if (level == SOL_SOCKET || !so->ops->setopt)
			return -ENOPROTOOPT;
		return so->ops->setopt(so, level, name, val, len);
	}
	if (!row->set)
		return -ENOPROTOOPT;
	rc = refused(so, row);
	if (rc)
		return rc;
	if (len < row->size)
		return -EINVAL;
	rc = row->set(so, row, val, len);
	if (!rc && so->ops->changed)
		so->ops->changed(so, level, name);
	return rc;
}

int fdnet_sock_getopt(struct fdnet_sock *so, int level, int name, void *val,
		      uint32_t *len)
{
	const struct fdnet_opt_row *row = find_row(level, name);

	if ((int)*len < 0)
		return -EINVAL;
	if (level == IPPROTO_IPV6 && so->family == 4)
		return -EOPNOTSUPP;
	if (level == IPPROTO_IP && !speaks_ip4(so))
		return -ENOPROTOOPT;
	if (!row) {
		if (level == SOL_SOCKET || !so->ops->getopt)
			return -ENOPROTOOPT;
		return so->ops->getopt(so, level, name, val, len);
	}
	if (row->limits & FOR_TCP && so->type != FDNET_SOCK_STREAM)
		return -EOPNOTSUPP;
	return row->get ? row->get(so, row, val, len) : -ENOPROTOOPT;
}
