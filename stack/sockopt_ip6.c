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

int fdnet_opt_set_v6only(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	if (so->local.port)
		return -EINVAL;
	so->opts.v6only = fdnet_opt_take_int(val, len) != 0;
	return 0;
}

int fdnet_opt_set_tclass(struct fdnet_sock *so, const struct fdnet_opt_row *row,
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
int fdnet_opt_set_mtu6(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value && value < 1280)
		return -EINVAL;
	so->opts.mtu6 = (uint16_t)(value > 65535 ? 65535 : value);
	return 0;
}

int fdnet_opt_set_mcast_if6(struct fdnet_sock *so,
			    const struct fdnet_opt_row *row, const void *val,
			    uint32_t len)
{
	int index = fdnet_opt_take_int(val, len);

	if (index < 0 || index > 2)
		return -ENODEV;
	so->opts.mcast_if = (int16_t)index;
	return 0;
}

int fdnet_opt_set_membership6(struct fdnet_sock *so,
			      const struct fdnet_opt_row *row, const void *val,
			      uint32_t len)
{
	struct fdnet_ip group = {.family = 6};
	struct ipv6_mreq mreq;

	memcpy(&mreq, val, sizeof(mreq));
	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	memcpy(group.bytes, &mreq.ipv6mr_multiaddr, 16);
	return row->id.name == IPV6_JOIN_GROUP
		       ? fdnet_mcast_join(so, &group, (int)mreq.ipv6mr_interface,
				    false)
		       : fdnet_mcast_leave(so, &group,
					   (int)mreq.ipv6mr_interface);
}
