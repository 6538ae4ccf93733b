/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options of IPPROTO_IP: do_ip_setsockopt(). Those whose work is the
 * same for IPv6 are here too.
 */
#include "config.h"

#include "stack/sockopt_row.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "stack/mcast.h"
#include "stack/object.h"

/* ---- of both versions ---- */

/* What -1 stands for. */
static int default_of(const struct fdnet_sock *so,
		      const struct fdnet_opt_row *row)
{
	if (row->id.level == IPPROTO_IP)
		return row->id.name == IP_TTL ? 64 : 0;
	switch (row->id.name) {
	case IPV6_UNICAST_HOPS:
		return fdnet_ip_default_ttl(so->stack, 6);
	case IPV6_MULTICAST_HOPS:
		return 1;
	default:
		return 0;
	}
}

int fdnet_opt_get_default(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len)
{
	int value = *(int16_t *)fdnet_opt_member(so, row);

	return fdnet_opt_give_ip_int(row, val, len,
				     value < 0 ? default_of(so, row) : value);
}

int fdnet_opt_set_min_ttl(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (!len || value < 0 || value > 255)
		return -EINVAL;
	so->opts.min_ttl = (uint8_t)value;
	return 0;
}

int fdnet_opt_get_min_ttl(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len)
{
	return fdnet_opt_give_ip_int(row, val, len, so->opts.min_ttl);
}

int fdnet_opt_get_mtu(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      void *val, uint32_t *len)
{
	if (!so->peer.ip.family)
		return -ENOTCONN;
	if (row->id.level == IPPROTO_IPV6 && so->opts.mtu6)
		return fdnet_sockopt_give_int(val, len, (int)so->opts.mtu6);
	return fdnet_sockopt_give_int(
		val, len, (int)fdnet_ip_mtu(so->stack, &so->peer.ip));
}

int fdnet_opt_set_refused_on(struct fdnet_sock *so,
			     const struct fdnet_opt_row *row, const void *val,
			     uint32_t len)
{
	if (row->id.level == IPPROTO_IP && !len)
		return -EINVAL;
	return fdnet_opt_take_int(val, len) ? -EPERM : 0;
}

/* ---- IPPROTO_IP ---- */

/* ECN bits of a stream are not the application's (RFC 3168). */
static const uint8_t priorities[] = {0, 2, 6, 4};

int fdnet_opt_set_tos(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len) & 0xff;

	if (so->type == FDNET_SOCK_STREAM)
		value &= ~3;
	/* what the kernel makes of the four old meanings of these bits */
	if (value != so->opts.tos)
		so->opts.priority = priorities[value >> 3 & 3];
	so->opts.tos = (int16_t)value;
	return 0;
}

int fdnet_opt_set_ttl(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (!len || (value != -1 && (value < 1 || value > 255)))
		return -EINVAL;
	*(int16_t *)fdnet_opt_member(so, row) = (int16_t)value;
	return 0;
}

/* Only padding can be set; nothing of it is sent. */
int fdnet_opt_set_options(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  const void *val, uint32_t len)
{
	const uint8_t *opts = val;
	uint32_t i;

	if (len > 40)
		return -EINVAL;
	for (i = 0; i < len && opts[i]; i++)
		if (opts[i] != 1)
			return -EINVAL;
	return 0;
}

int fdnet_opt_get_pktoptions(struct fdnet_sock *so,
			     const struct fdnet_opt_row *row, void *val,
			     uint32_t *len)
{
	if (so->type != FDNET_SOCK_STREAM)
		return -ENOPROTOOPT;
	*len = 0;
	return 0;
}

int fdnet_opt_set_router_alert(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, const void *val,
			       uint32_t len)
{
	if (so->type != FDNET_SOCK_RAW)
		return -EINVAL;
	return fdnet_opt_set_flag(so, row, val, len);
}

int fdnet_opt_by_address(struct fdnet_sock *so, const struct in_addr *addr)
{
	struct fdnet_ip ip = fdnet_ip4(ntohl(addr->s_addr));

	if (fdnet_ip_is_any(&ip))
		return 0;
	if (fdnet_ip_is_loopback(&ip))
		return 1;
	return fdnet_stack_find_addr(so->stack, &ip) ? 2 : -ENODEV;
}

/* struct in_addr, ip_mreq or ip_mreqn: the interface they mean. */
static int mreq_index(struct fdnet_sock *so, const void *val, uint32_t len,
		      struct fdnet_ip *ret_group)
{
	struct ip_mreqn mreq = {0};

	memcpy(&mreq, val, len < sizeof(mreq) ? len : sizeof(mreq));
	if (ret_group)
		*ret_group = fdnet_ip4(ntohl(mreq.imr_multiaddr.s_addr));
	if (mreq.imr_ifindex)
		return mreq.imr_ifindex;
	return fdnet_opt_by_address(so, &mreq.imr_address);
}

int fdnet_opt_set_mcast_ttl(struct fdnet_sock *so,
			    const struct fdnet_opt_row *row, const void *val,
			    uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (!len)
		return -EINVAL;
	if (value == -1)
		value = 1;
	if (value < 0 || value > 255)
		return -EINVAL;
	*(int16_t *)fdnet_opt_member(so, row) = (int16_t)value;
	return 0;
}

int fdnet_opt_set_mcast_loop(struct fdnet_sock *so,
			     const struct fdnet_opt_row *row, const void *val,
			     uint32_t len)
{
	if (!len)
		return -EINVAL;
	so->opts.mcast_loop = fdnet_opt_take_int(val, len) != 0;
	return 0;
}

int fdnet_opt_set_mcast_all(struct fdnet_sock *so,
			    const struct fdnet_opt_row *row, const void *val,
			    uint32_t len)
{
	return len ? fdnet_opt_set_bit(so, row, val, len) : -EINVAL;
}

int fdnet_opt_set_mcast_if(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   const void *val, uint32_t len)
{
	struct in_addr addr;
	int index;

	if (len < sizeof(addr))
		return -EINVAL;
	if (len >= sizeof(struct ip_mreq)) {
		index = mreq_index(so, val, len, NULL);
	} else {
		memcpy(&addr, val, sizeof(addr));
		index = fdnet_opt_by_address(so, &addr);
	}
	if (index < 0 || index > 2)
		return -EADDRNOTAVAIL;
	so->opts.mcast_if = (int16_t)index;
	return 0;
}

int fdnet_opt_get_mcast_if(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   void *val, uint32_t *len)
{
	struct in_addr addr = {0};
	unsigned int i;

	if (so->opts.mcast_if == 1)
		addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; so->opts.mcast_if == 2 && i < so->stack->naddrs; i++) {
		if (so->stack->addrs[i].ip.family != 4)
			continue;
		memcpy(&addr, so->stack->addrs[i].ip.bytes, 4);
		break;
	}
	return fdnet_opt_give(val, len, &addr, sizeof(addr));
}

int fdnet_opt_set_membership(struct fdnet_sock *so,
			     const struct fdnet_opt_row *row, const void *val,
			     uint32_t len)
{
	struct fdnet_ip group;
	int index;

	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	if (len < sizeof(struct ip_mreq))
		return -EINVAL;
	index = mreq_index(so, val, len, &group);
	if (!fdnet_ip_is_multicast(&group))
		return row->id.name == IP_ADD_MEMBERSHIP ? -EINVAL
							 : -EADDRNOTAVAIL;
	if (index < 0)
		return index;
	return row->id.name == IP_ADD_MEMBERSHIP
		       ? fdnet_mcast_join(so, &group, index, false)
		       : fdnet_mcast_leave(so, &group, index);
}
