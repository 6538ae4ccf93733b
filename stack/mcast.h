/* SPDX-License-Identifier: Apache-2.0 */
/* Multicast group membership of sockets and of the host (RFC 1112, 3678). */
#ifndef STACK_MCAST_H
#define STACK_MCAST_H

#include "stack/internal.h"

/* As net.ipv4.igmp_max_memberships. */
#define FDNET_MCAST_MAX 20

struct fdnet_mcast {
	struct fdnet_mcast *next;
	struct fdnet_ip group;
	int ifindex;
	/* the host's list only: sockets in it, and what is to be told (see
	 * member.h); without sockets it is there for that alone */
	unsigned int refs;
	uint8_t changes_left;
	uint64_t change_us, query_us; /* query_us 0: not asked for */
};

/** fdnet_mcast_join - 0, -EINVAL (no group address), -ENODEV, -EADDRINUSE
 * (joined before), -ENOBUFS (FDNET_MCAST_MAX), -ENOMEM */
int fdnet_mcast_join(struct fdnet_sock *so, const struct fdnet_ip *group,
		     int ifindex);
/** fdnet_mcast_leave - 0, -EINVAL, -EADDRNOTAVAIL (not joined) */
int fdnet_mcast_leave(struct fdnet_sock *so, const struct fdnet_ip *group,
		      int ifindex);
/** fdnet_mcast_leave_all - the socket goes away */
void fdnet_mcast_leave_all(struct fdnet_sock *so);
/** fdnet_mcast_has - may the socket see packets to this group? It may too
 * when another one joined, unless IP_MULTICAST_ALL was cleared. */
bool fdnet_mcast_has(const struct fdnet_sock *so,
		     const struct fdnet_ip *group, int ifindex);
/** fdnet_mcast_joined - did any socket join, or is it a group every host is
 * in (224.0.0.1, ff02::1)? */
bool fdnet_mcast_joined(const struct fdnet_stack *stack,
			const struct fdnet_ip *group);

#endif
