/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options about multicast groups and their sources (RFC 3678): those of
 * IPv4 only, and those of both versions. Errors are those of
 * net/ipv4/ip_sockglue.c, igmp.c, net/ipv6/ipv6_sockglue.c and mcast.c.
 */
#include "config.h"

#include "stack/sockopt_row.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "stack/mcast.h"
#include "stack/object.h"

/* ---- addresses ---- */

/* false: not of the level's family */
static bool take_addr(const struct fdnet_opt_row *row,
		      const struct sockaddr_storage *from, struct fdnet_ip *ret)
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;

	memset(ret, 0, sizeof(*ret));
	if (row->id.level == IPPROTO_IP && from->ss_family == AF_INET) {
		memcpy(&sin, from, sizeof(sin));
		*ret = fdnet_ip4(ntohl(sin.sin_addr.s_addr));
		return true;
	}
	if (row->id.level == IPPROTO_IPV6 && from->ss_family == AF_INET6) {
		memcpy(&sin6, from, sizeof(sin6));
		ret->family = 6;
		memcpy(ret->bytes, &sin6.sin6_addr, 16);
		return true;
	}
	return false;
}

static void give_addr(const struct fdnet_ip *ip, struct sockaddr_storage *to)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	struct sockaddr_in sin = {.sin_family = AF_INET};

	memset(to, 0, sizeof(*to));
	if (ip->family == 4) {
		memcpy(&sin.sin_addr, ip->bytes, 4);
		memcpy(to, &sin, sizeof(sin));
	} else {
		memcpy(&sin6.sin6_addr, ip->bytes, 16);
		memcpy(to, &sin6, sizeof(sin6));
	}
}

/* ---- whole groups ---- */

int fdnet_opt_set_group(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			const void *val, uint32_t len)
{
	struct fdnet_ip group;
	struct group_req req;

	memcpy(&req, val, sizeof(req));
	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	if (!take_addr(row, &req.gr_group, &group))
		return -EINVAL;
	return row->id.name == MCAST_JOIN_GROUP
		       ? fdnet_mcast_join(so, &group, (int)req.gr_interface,
					  false)
		       : fdnet_mcast_leave(so, &group, (int)req.gr_interface);
}

/* ---- single sources ---- */

enum what { JOIN, LEAVE, BLOCK, UNBLOCK };

/* Another source of a group may be joined though the group was. */
static int one_source(struct fdnet_sock *so, enum what what,
		      const struct fdnet_ip *group, const struct fdnet_ip *src,
		      int ifindex)
{
	int rc;

	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	if (what == JOIN) {
		rc = fdnet_mcast_join(so, group, ifindex, true);
		if (rc && rc != -EADDRINUSE)
			return rc;
	}
	return fdnet_mcast_source(so, group, ifindex, src, what >= BLOCK,
				  what == JOIN || what == BLOCK);
}

int fdnet_opt_set_source(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	struct group_source_req req;
	struct fdnet_ip group, src;

	memcpy(&req, val, sizeof(req));
	if (!take_addr(row, &req.gsr_group, &group) ||
	    !take_addr(row, &req.gsr_source, &src))
		return -EADDRNOTAVAIL;
	return one_source(so, row->id.name == MCAST_JOIN_SOURCE_GROUP ? JOIN :
			  row->id.name == MCAST_LEAVE_SOURCE_GROUP ? LEAVE :
			  row->id.name == MCAST_BLOCK_SOURCE ? BLOCK :
							       UNBLOCK,
			  &group, &src, (int)req.gsr_interface);
}

int fdnet_opt_set_source4(struct fdnet_sock *so,
			  const struct fdnet_opt_row *row, const void *val,
			  uint32_t len)
{
	struct ip_mreq_source req;
	struct fdnet_ip group, src;
	int index;

	if (len != sizeof(req))
		return -EINVAL;
	memcpy(&req, val, sizeof(req));
	group = fdnet_ip4(ntohl(req.imr_multiaddr.s_addr));
	src = fdnet_ip4(ntohl(req.imr_sourceaddr.s_addr));
	if (!fdnet_ip_is_multicast(&group))
		return -EINVAL;
	index = fdnet_opt_by_address(so, &req.imr_interface);
	if (index < 0)
		return index;
	return one_source(so, row->id.name == IP_ADD_SOURCE_MEMBERSHIP ? JOIN :
			  row->id.name == IP_DROP_SOURCE_MEMBERSHIP ? LEAVE :
			  row->id.name == IP_BLOCK_SOURCE ? BLOCK :
							    UNBLOCK,
			  &group, &src, index);
}

/* ---- whole filters ---- */

static int set_filter(struct fdnet_sock *so, const struct fdnet_ip *group,
		      int ifindex, uint32_t mode,
		      struct fdnet_mcast_filter *filter)
{
	if (so->type == FDNET_SOCK_STREAM)
		return -EINVAL; /* not joined */
	if (!fdnet_ip_is_multicast(group) ||
	    (mode != MCAST_INCLUDE && mode != MCAST_EXCLUDE))
		return -EINVAL;
	if (ifindex < 0 || ifindex > 2)
		return -ENODEV;
	filter->exclude = mode == MCAST_EXCLUDE;
	return fdnet_mcast_set_filter(so, group, ifindex, filter);
}

static int too_many(struct fdnet_sock *so)
{
	fdnet_stack_count(so->stack, FDNET_C_MCAST_LIMIT);
	return -ENOBUFS;
}

int fdnet_opt_set_msfilter(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	int family = row->id.level == IPPROTO_IP ? 4 : 6;
	struct fdnet_ip group, srcs[FDNET_MCAST_SRC_MOST];
	struct fdnet_mcast_filter filter = {.srcs = srcs};
	struct sockaddr_storage from;
	struct group_filter req;
	uint32_t i;

	if (len < GROUP_FILTER_SIZE(0))
		return -EINVAL;
	memcpy(&req, val, GROUP_FILTER_SIZE(0));
	if (req.gf_numsrc > fdnet_mcast_src_max(so->stack, family))
		return too_many(so);
	if (GROUP_FILTER_SIZE(req.gf_numsrc) > len)
		return -EINVAL;
	if (!take_addr(row, &req.gf_group, &group))
		return family == 4 ? -EADDRNOTAVAIL : -EINVAL;
	for (i = 0; i < req.gf_numsrc; i++) {
		memcpy(&from, (const uint8_t *)val + GROUP_FILTER_SIZE(i),
		       sizeof(from));
		if (!take_addr(row, &from, &srcs[i]))
			return -EADDRNOTAVAIL;
	}
	filter.n = (uint16_t)req.gf_numsrc;
	return set_filter(so, &group, (int)req.gf_interface, req.gf_fmode,
			  &filter);
}

/* As ip_mc_gsfget(): how many there are, and as many as there is room for. */
int fdnet_opt_get_msfilter(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 void *val, uint32_t *len)
{
	const struct fdnet_mcast_filter *filter;
	struct sockaddr_storage addr;
	struct group_filter req;
	struct fdnet_ip group;
	uint32_t i, n;

	if (*len < GROUP_FILTER_SIZE(0))
		return -EINVAL;
	memcpy(&req, val, GROUP_FILTER_SIZE(0));
	if (!take_addr(row, &req.gf_group, &group) ||
	    !fdnet_ip_is_multicast(&group))
		return -EINVAL;
	filter = so->type == FDNET_SOCK_STREAM ?
			 NULL :
			 fdnet_mcast_get_filter(so, &group,
						(int)req.gf_interface);
	if (!filter)
		return -EADDRNOTAVAIL;
	n = req.gf_numsrc < filter->n ? req.gf_numsrc : filter->n;
	if (n > (*len - GROUP_FILTER_SIZE(0)) / sizeof(addr))
		n = (uint32_t)((*len - GROUP_FILTER_SIZE(0)) / sizeof(addr));
	req.gf_fmode = filter->exclude ? MCAST_EXCLUDE : MCAST_INCLUDE;
	req.gf_numsrc = filter->n;
	memcpy(val, &req, GROUP_FILTER_SIZE(0));
	for (i = 0; i < n; i++) {
		give_addr(&filter->srcs[i], &addr);
		memcpy((uint8_t *)val + GROUP_FILTER_SIZE(i), &addr,
		       sizeof(addr));
	}
	*len = (uint32_t)GROUP_FILTER_SIZE(n);
	return 0;
}

int fdnet_opt_set_msfilter4(struct fdnet_sock *so,
			  const struct fdnet_opt_row *row, const void *val,
			  uint32_t len)
{
	struct fdnet_ip group, srcs[FDNET_MCAST_SRC_MOST];
	struct fdnet_mcast_filter filter = {.srcs = srcs};
	struct ip_msfilter req;
	struct in_addr addr;
	uint32_t i;
	int index;

	if (len < IP_MSFILTER_SIZE(0))
		return -EINVAL;
	memcpy(&req, val, IP_MSFILTER_SIZE(0));
	if (req.imsf_numsrc > fdnet_mcast_src_max(so->stack, 4))
		return too_many(so);
	if (IP_MSFILTER_SIZE(req.imsf_numsrc) > len)
		return -EINVAL;
	for (i = 0; i < req.imsf_numsrc; i++) {
		memcpy(&addr, (const uint8_t *)val + IP_MSFILTER_SIZE(i),
		       sizeof(addr));
		srcs[i] = fdnet_ip4(ntohl(addr.s_addr));
	}
	filter.n = (uint16_t)req.imsf_numsrc;
	group = fdnet_ip4(ntohl(req.imsf_multiaddr.s_addr));
	index = fdnet_opt_by_address(so, &req.imsf_interface);
	return set_filter(so, &group, index, req.imsf_fmode, &filter);
}

int fdnet_opt_get_msfilter4(struct fdnet_sock *so,
			  const struct fdnet_opt_row *row, void *val,
			  uint32_t *len)
{
	const struct fdnet_mcast_filter *filter;
	struct ip_msfilter req;
	struct fdnet_ip group;
	uint32_t i, n;
	int index;

	if (*len < IP_MSFILTER_SIZE(0))
		return -EINVAL;
	memcpy(&req, val, IP_MSFILTER_SIZE(0));
	group = fdnet_ip4(ntohl(req.imsf_multiaddr.s_addr));
	if (!fdnet_ip_is_multicast(&group))
		return -EINVAL;
	index = fdnet_opt_by_address(so, &req.imsf_interface);
	if (index < 0)
		return index;
	filter = so->type == FDNET_SOCK_STREAM ?
			 NULL :
			 fdnet_mcast_get_filter(so, &group, index);
	if (!filter)
		return -EADDRNOTAVAIL;
	n = req.imsf_numsrc < filter->n ? req.imsf_numsrc : filter->n;
	if (n > (*len - IP_MSFILTER_SIZE(0)) / sizeof(struct in_addr))
		n = (uint32_t)((*len - IP_MSFILTER_SIZE(0)) /
			       sizeof(struct in_addr));
	req.imsf_fmode = filter->exclude ? MCAST_EXCLUDE : MCAST_INCLUDE;
	req.imsf_numsrc = filter->n;
	memcpy(val, &req, IP_MSFILTER_SIZE(0));
	for (i = 0; i < n; i++)
		memcpy((uint8_t *)val + IP_MSFILTER_SIZE(i),
		       filter->srcs[i].bytes, 4);
	*len = (uint32_t)IP_MSFILTER_SIZE(n);
	return 0;
}
