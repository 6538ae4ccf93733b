/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options: one table, sockopt_table.h, from which everything here is
 * made. Values, layouts and errors are the kernel's.
 */
#include "config.h"

#include "stack/sockopt.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/object.h"
#include "stack/sockopt_row.h"
#include "stack/udplite.h"
#include "stack/wire/icmp.h"
#include "stack/wire/udp.h"

#define OPTION(level_, name_, type_, set_, get_, place_, min_, max_, limits_,  \
	       test_)                                                          \
	ROW_##level_##_##name_,
enum {
#include "stack/sockopt_table.h"
	ROWS
};
#undef OPTION

#define OPTION(level_, name_, type_, set_, get_, place_, min_, max_, limits_,  \
	       test_)                                                          \
	{                                                                      \
		.id = {#name_, level_, name_},                                 \
		.set = fdnet_opt_set_##set_,                                   \
		.get = fdnet_opt_get_##get_,                                   \
		.place = (size_t)(place_),                                     \
		.min = (min_),                                                 \
		.max = (max_),                                                 \
		.size = (limits_)&ANY_SIZE ? 0 : sizeof(type_),                \
		.limits = (limits_),                                           \
	},
static const struct fdnet_opt_row rows[ROWS] = {
#include "stack/sockopt_table.h"
};
#undef OPTION

static_assert(FDNET_SF_MAX <= 64, "flags are a uint64_t");

const struct fdnet_sockopt *fdnet_sockopt_row(unsigned int i)
{
	return i < ROWS ? &rows[i].id : NULL;
}

#define KEY(level, name) ((uint64_t)(uint32_t)(level) << 32 | (uint32_t)(name))

/* A number that two rows have is an error of the compiler's. */
static const struct fdnet_opt_row *row_of(int level, int name)
{
	switch (KEY(level, name)) {
#define OPTION(level_, name_, type_, set_, get_, place_, min_, max_, limits_,  \
	       test_)                                                          \
	case KEY(level_, name_):                                               \
		return &rows[ROW_##level_##_##name_];
#include "stack/sockopt_table.h"
#undef OPTION
	default:
		return NULL;
	}
}

/* The row of an option that such a socket has. */
static const struct fdnet_opt_row *find_row(const struct fdnet_sock *so,
					    int level, int name)
{
	const struct fdnet_opt_row *row = row_of(level, name);

	/* both are one level to both */
	if (!row && fdnet_is_udp(so->proto) && fdnet_is_udp(level))
		row = row_of(level == IPPROTO_UDP ? IPPROTO_UDPLITE : IPPROTO_UDP,
			     name);
	if (!row || (row->limits & OF_TCP && so->proto != FDNET_PROTO_TCP) ||
	    (row->limits & OF_UDP && !fdnet_is_udp(so->proto)) ||
	    (row->limits & OF_RAW && so->type != FDNET_SOCK_RAW))
		return NULL;
	return row;
}

int fdnet_opt_set_none(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       const void *val, uint32_t len)
{
	return -ENOPROTOOPT;
}

int fdnet_opt_get_none(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       void *val, uint32_t *len)
{
	return -ENOPROTOOPT;
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
	opts->reuseaddr = !fdnet_is_udp(so->proto) && !stream;
	opts->ttl = -1;
	opts->tos = -1;
	opts->hops6 = -1;
	opts->mcast_hops6 = -1;
	opts->tclass6 = -1;
	opts->mcast_ttl = 1;
	opts->mcast_loop = true;
	opts->mtu_discover = 1; /* IP_PMTUDISC_WANT */
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

/* Levels that look at the length before the name. */
static bool wants_int(const struct fdnet_sock *so, int level)
{
	return level == SOL_SOCKET ||
	       (fdnet_is_udp(level) && fdnet_is_udp(so->proto));
}

int fdnet_sock_setopt(struct fdnet_sock *so, int level, int name,
		      const void *val, uint32_t len)
{
	const struct fdnet_opt_row *row = find_row(so, level, name);
	int rc;

	if (wants_int(so, level) && len < sizeof(int) &&
	    !(level == SOL_SOCKET && name == SO_BINDTODEVICE))
		return -EINVAL;
	if (level == IPPROTO_IPV6 && so->family == 4)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IP && !speaks_ip4(so))
		return -ENOPROTOOPT;
	if (!row || row->set == fdnet_opt_set_none)
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
	const struct fdnet_opt_row *row = find_row(so, level, name);

	if ((int)*len < 0)
		return -EINVAL;
	if (level == IPPROTO_IPV6 && so->family == 4)
		return -EOPNOTSUPP;
	if (level == IPPROTO_IP && !speaks_ip4(so))
		return -ENOPROTOOPT;
	if (!row)
		return -ENOPROTOOPT;
	if (row->limits & FOR_TCP && so->type != FDNET_SOCK_STREAM)
		return -EOPNOTSUPP;
	return row->get(so, row, val, len);
}
