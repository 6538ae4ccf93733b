/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options of IPPROTO_IPV6: do_ipv6_setsockopt().
 */
#include "config.h"

#include "stack/sockopt_row.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "stack/mcast.h"
#include "stack/object.h"

/* Numbers that older system headers lack. */
enum {
	OPT_IPV6_2292PKTINFO = 2,
	OPT_IPV6_2292HOPLIMIT = 8,
	OPT_IPV6_FLOWINFO = 11,
	OPT_IPV6_MULTICAST_ALL = 29,
	OPT_IPV6_RECVERR_RFC4884 = 31,
	OPT_IPV6_FLOWINFO_SEND = 33,
};

static int set_v6only(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len)
{
	if (so->local.port)
		return -EINVAL;
	so->opts.v6only = fdnet_opt_take_int(val, len) != 0;
	return 0;
}

static int set_tclass(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value < -1 || value > 255)
		return -EINVAL;
	if (so->type == FDNET_SOCK_STREAM && value > 0)
		value &= ~3;
	so->opts.tclass6 = value < 0 ? 0 : (int16_t)value;
	return 0;
}

/* A smaller one than the way's (RFC 3542 11.1). */
static int set_mtu6(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		    const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value && value < 1280)
		return -EINVAL;
	so->opts.mtu6 = (uint32_t)value;
	return 0;
}

static int set_mcast_if6(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	int index = fdnet_opt_take_int(val, len);

	if (index < 0 || index > 2)
		return -ENODEV;
	so->opts.mcast_if = index;
	return 0;
}

static int set_membership6(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   const void *val, uint32_t len)
{
	struct fdnet_ip group = {.family = 6};
	struct ipv6_mreq mreq;

	memcpy(&mreq, val, sizeof(mreq));
	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	memcpy(group.bytes, &mreq.ipv6mr_multiaddr, 16);
	return row->id.name == IPV6_JOIN_GROUP
		       ? fdnet_mcast_join(so, &group, (int)mreq.ipv6mr_interface)
		       : fdnet_mcast_leave(so, &group,
					   (int)mreq.ipv6mr_interface);
}

#define IP6_FLAG(name_, f)                                                     \
	{                                                                      \
		ID(IPPROTO_IPV6, name_), fdnet_opt_set_flag,                   \
			fdnet_opt_get_flag, f, 0, 0, 4, FOR_ALL                \
	}

static const struct fdnet_opt_row rows[] = {
	IP6_FLAG(OPT_IPV6_2292PKTINFO, FDNET_SF_OLD_PKTINFO6),
	IP6_FLAG(OPT_IPV6_2292HOPLIMIT, FDNET_SF_OLD_HOPLIMIT6),
	{ ID(IPPROTO_IPV6, IPV6_UNICAST_HOPS), fdnet_opt_set_short,
	  fdnet_opt_get_default, OPT(hops6), -1, 255, 4 },
	{ ID(IPPROTO_IPV6, IPV6_MULTICAST_IF), set_mcast_if6, fdnet_opt_get_int,
	  OPT(mcast_if), 0, 0, 4, FOR_DGRAM6 },
	{ ID(IPPROTO_IPV6, IPV6_MULTICAST_HOPS), fdnet_opt_set_short,
	  fdnet_opt_get_default, OPT(mcast_hops6), -1, 255, 4, FOR_DGRAM6 },
	{ ID(IPPROTO_IPV6, IPV6_MULTICAST_LOOP), fdnet_opt_set_flag,
	  fdnet_opt_get_flag, FDNET_SF_MCAST_LOOP6, 0, 1, 4 },
	IP6_FLAG(OPT_IPV6_MULTICAST_ALL, FDNET_SF_MCAST_ALL6),
	{ ID(IPPROTO_IPV6, IPV6_JOIN_GROUP), set_membership6, NULL, 0, 0, 0,
	  sizeof(struct ipv6_mreq) },
	{ ID(IPPROTO_IPV6, IPV6_LEAVE_GROUP), set_membership6, NULL, 0, 0, 0,
	  sizeof(struct ipv6_mreq) },
	{ ID(IPPROTO_IPV6, MCAST_JOIN_GROUP), fdnet_opt_set_group, NULL, 0, 0, 0,
	  sizeof(struct group_req) },
	{ ID(IPPROTO_IPV6, MCAST_LEAVE_GROUP), fdnet_opt_set_group, NULL, 0, 0,
	  0, sizeof(struct group_req) },
	{ ID(IPPROTO_IPV6, IPV6_MTU_DISCOVER), fdnet_opt_set_short,
	  fdnet_opt_get_short, OPT(mtu_discover6), 0, 5, 4 },
	{ ID(IPPROTO_IPV6, IPV6_MTU), set_mtu6, fdnet_opt_get_mtu, 0, 0, 0, 4 },
	IP6_FLAG(IPV6_RECVERR, FDNET_SF_RECVERR6),
	{ ID(IPPROTO_IPV6, OPT_IPV6_RECVERR_RFC4884), fdnet_opt_set_bit,
	  fdnet_opt_get_flag, FDNET_SF_RFC4884_6, 0, 0, 4 },
	{ ID(IPPROTO_IPV6, IPV6_V6ONLY), set_v6only, fdnet_opt_get_bool,
	  OPT(v6only), 0, 0, 4 },
	IP6_FLAG(OPT_IPV6_FLOWINFO, FDNET_SF_FLOWINFO6),
	IP6_FLAG(OPT_IPV6_FLOWINFO_SEND, FDNET_SF_FLOWSEND6),
	IP6_FLAG(IPV6_RECVPKTINFO, FDNET_SF_PKTINFO6),
	IP6_FLAG(IPV6_RECVHOPLIMIT, FDNET_SF_HOPLIMIT6),
	IP6_FLAG(IPV6_RECVHOPOPTS, FDNET_SF_HOPOPTS6),
	IP6_FLAG(IPV6_RECVRTHDR, FDNET_SF_RTHDR6),
	IP6_FLAG(IPV6_RECVDSTOPTS, FDNET_SF_DSTOPTS6),
	IP6_FLAG(IPV6_RECVPATHMTU, FDNET_SF_PATHMTU6),
	{ ID(IPPROTO_IPV6, IPV6_DONTFRAG), fdnet_opt_set_flag,
	  fdnet_opt_get_flag, FDNET_SF_DONTFRAG },
	IP6_FLAG(IPV6_RECVTCLASS, FDNET_SF_TCLASS6),
	{ ID(IPPROTO_IPV6, IPV6_TCLASS), set_tclass, fdnet_opt_get_default,
	  OPT(tclass6), 0, 0, 4 },
	{ ID(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL), fdnet_opt_set_flag,
	  fdnet_opt_get_flag, FDNET_SF_AUTOFLOW6 },
	{ ID(IPPROTO_IPV6, IPV6_MINHOPCOUNT), fdnet_opt_set_min_ttl,
	  fdnet_opt_get_min_ttl, 0, 0, 0, 4 },
	IP6_FLAG(IPV6_RECVORIGDSTADDR, FDNET_SF_ORIGDST6),
	{ ID(IPPROTO_IPV6, IPV6_TRANSPARENT), fdnet_opt_set_refused_on,
	  fdnet_opt_get_fixed, 0, 0, 0, 4 },
	{ ID(IPPROTO_IPV6, IPV6_RECVFRAGSIZE), fdnet_opt_set_flag,
	  fdnet_opt_get_flag, FDNET_SF_FRAGSIZE6 },
	IP6_FLAG(IPV6_FREEBIND, FDNET_SF_FREEBIND6),
};

const struct fdnet_opt_table fdnet_opt_ip6 = FDNET_OPT_TABLE(rows);
