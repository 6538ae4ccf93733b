/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling routers and switches which groups this host is in: IGMPv3 (RFC 3376)
 * and MLDv2 (RFC 3810), and their older versions while an older querier is
 * heard. Every group is wanted from all sources, so its only states are in
 * and out.
 *
 * How it works: a group that is joined or left is told twice within a second,
 * one that is asked for by a query once within the time the query allows;
 * groups due at the same time share a report. A group that was left stays in
 * the stack's list, without holders, until that is told.
 */
#ifndef STACK_MEMBER_H
#define STACK_MEMBER_H

#include "stack/internal.h"
#include "stack/mcast.h"

struct fdnet_members {
	struct fdnet_timer timer;
	uint64_t old_until_us[2]; /* an older querier of IPv4, IPv6 is there */
};

int fdnet_member_init(struct fdnet_stack *stack);
void fdnet_member_done(struct fdnet_stack *stack);

/** fdnet_member_changed - @m was joined or left by its first or last holder.
 * Returns false when nobody is to be told: the group may be dropped. */
bool fdnet_member_changed(struct fdnet_stack *stack, struct fdnet_mcast *m);

/** fdnet_member_igmp, fdnet_member_mld - such a packet arrived; @pkt: its
 * data at the IGMP or ICMPv6 header, borrowed */
void fdnet_member_igmp(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		       const struct fdnet_ip_in *in);
void fdnet_member_mld(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in);

#endif
