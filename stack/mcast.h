/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multicast groups of sockets and of the host, with their sources (RFC 1112,
 * RFC 3376 3, RFC 3678).
 *
 * How it works: a socket's membership has a filter: all sources but some
 * (EXCLUDE; but none, after a plain join), or some only (INCLUDE). What the
 * host wants of a group is merged from its sockets' filters (RFC 3376 3.2);
 * each change of that is noted, and told by member.c. An arriving packet is
 * looked at by the sockets' own filters.
 */
#ifndef STACK_MCAST_H
#define STACK_MCAST_H

#include "stack/internal.h"

/* As net.ipv4.igmp_max_memberships, igmp_max_msf, net.ipv6.mld_max_msf. */
#define FDNET_MCAST_MAX 20
#define FDNET_MCAST_SRC4_MAX 10
#define FDNET_MCAST_SRC6_MAX 64
/* The settings do not go beyond these. */
#define FDNET_MCAST_MOST 1024
#define FDNET_MCAST_SRC_MOST 64

/* None but these sources, or all but these. */
struct fdnet_mcast_filter {
	bool exclude;
	uint16_t n;
	struct fdnet_ip *srcs; /* FDNET_MCAST_SRC_MOST; NULL while not needed */
};

/* A socket's membership. */
struct fdnet_mcast {
	struct fdnet_mcast *next; /* of the socket */
	struct fdnet_mcast *next_member;
	struct fdnet_ip group;
	int ifindex;
	struct fdnet_mcast_filter filter;
};

/* Sources whose state is to be told, or was asked for. */
struct fdnet_mcast_told {
	unsigned int nchanged, nasked;
	struct {
		struct fdnet_ip src;
		uint8_t left;
	} changed[2 * FDNET_MCAST_SRC_MOST];
	struct fdnet_ip asked[FDNET_MCAST_SRC_MOST];
};

/* A group that the host is in. */
struct fdnet_mcast_group {
	struct fdnet_mcast_group *next;
	struct fdnet_ip group;
	int ifindex;
	struct fdnet_mcast *members; /* none: there to be told of only */
	struct fdnet_mcast_filter filter;
	/* member.c: times that the mode is still to be told, when changes
	 * are, when a query is to be answered (0: none was heard), whether
	 * only for sources */
	uint8_t mode_left;
	bool asked_srcs;
	uint64_t change_us, query_us;
	struct fdnet_mcast_told *told; /* or NULL */
};

/** fdnet_mcast_join - all sources, or none yet if @include. 0, -EINVAL (no
 * group address), -ENODEV, -EADDRINUSE (joined before), -ENOBUFS (the limit;
 * counted), -ENOMEM */
int fdnet_mcast_join(struct fdnet_sock *so, const struct fdnet_ip *group,
		     int ifindex, bool include);
/** fdnet_mcast_leave - 0, -EINVAL, -EADDRNOTAVAIL (not joined) */
int fdnet_mcast_leave(struct fdnet_sock *so, const struct fdnet_ip *group,
		      int ifindex);
/** fdnet_mcast_leave_all - the socket goes away */
void fdnet_mcast_leave_all(struct fdnet_sock *so);

/**
 * fdnet_mcast_source - one source more or less in a membership's filter, as
 * ip_mc_source() does
 * @exclude:  the filter's mode must be this, or its list empty
 *
 * The last source of an INCLUDE filter gone, the group is left.
 * Returns 0, -EINVAL (not joined, other mode), -EADDRNOTAVAIL (there already,
 * or not there), -ENOBUFS (the limit), -ENOMEM.
 */
int fdnet_mcast_source(struct fdnet_sock *so, const struct fdnet_ip *group,
		       int ifindex, const struct fdnet_ip *src, bool exclude,
		       bool add);
/** fdnet_mcast_set_filter - the whole filter; an empty INCLUDE one leaves.
 * 0, -EINVAL (not joined), -ENOBUFS, -ENOMEM, -EADDRNOTAVAIL */
int fdnet_mcast_set_filter(struct fdnet_sock *so, const struct fdnet_ip *group,
			   int ifindex, const struct fdnet_mcast_filter *filter);
/** fdnet_mcast_get_filter - of a membership, or NULL */
const struct fdnet_mcast_filter *
fdnet_mcast_get_filter(struct fdnet_sock *so, const struct fdnet_ip *group,
		       int ifindex);
/** fdnet_mcast_src_max - sources that a filter of this family may have */
unsigned int fdnet_mcast_src_max(const struct fdnet_stack *stack, int family);

/** fdnet_mcast_lists - is @src in the filter's list? */
bool fdnet_mcast_lists(const struct fdnet_mcast_filter *filter,
		       const struct fdnet_ip *src);
/** fdnet_mcast_wants - does the filter let @src pass? */
static inline bool fdnet_mcast_wants(const struct fdnet_mcast_filter *filter,
				     const struct fdnet_ip *src)
{
	return fdnet_mcast_lists(filter, src) != filter->exclude;
}

/** fdnet_mcast_has - may the socket see packets from @src to this group? It
 * may too when another one joined, unless IP_MULTICAST_ALL was cleared. */
bool fdnet_mcast_has(const struct fdnet_sock *so,
		     const struct fdnet_ip *group, const struct fdnet_ip *src,
		     int ifindex);
/** fdnet_mcast_joined - did any socket join, or is it a group every host is
 * in (224.0.0.1, ff02::1)? */
bool fdnet_mcast_joined(const struct fdnet_stack *stack,
			const struct fdnet_ip *group);
/** fdnet_mcast_group_free - take it out of the host's list before */
void fdnet_mcast_group_free(struct fdnet_stack *stack,
			    struct fdnet_mcast_group *g);

#endif
