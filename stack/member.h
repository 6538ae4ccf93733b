/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling routers and switches which groups this host is in, and from which
 * sources: IGMPv3 (RFC 3376) and MLDv2 (RFC 3810), and their older versions
 * while an older querier is heard.
 *
 * How it works: a change is told as often as the querier's robustness says,
 * twice as a rule, within a second or so: the whole filter when its mode
 * changed, else the sources that came or went. What is asked for by a query is
 * told once within the time the query allows; groups due at the same time
 * share a report. A group that was left stays in the stack's list, without
 * members, until that is told.
 */
#ifndef STACK_MEMBER_H
#define STACK_MEMBER_H

#include "stack/internal.h"
#include "stack/mcast.h"

struct fdnet_members {
	struct fdnet_timer timer;
	/* an older querier of IPv4, IPv6 is there; and one of IGMPv1 */
	uint64_t old_until_us[2], oldest_until_us;
	uint8_t robustness[2]; /* as the querier says; 0: the default */
};

int fdnet_member_init(struct fdnet_stack *stack);
void fdnet_member_done(struct fdnet_stack *stack);

/** fdnet_member_changed - @g's filter was @was before; the first member came,
 * or the last went. Returns false when nobody is to be told: the group may be
 * dropped if it has no members. */
bool fdnet_member_changed(struct fdnet_stack *stack,
			  struct fdnet_mcast_group *g,
			  const struct fdnet_mcast_filter *was);

/** fdnet_member_igmp, fdnet_member_mld - such a packet arrived; @pkt: its
 * data at the IGMP or ICMPv6 header, borrowed */
void fdnet_member_igmp(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		       const struct fdnet_ip_in *in);
void fdnet_member_mld(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in);

/* ---- packets (member_report.c) ---- */

/* Group records: RFC 3376 4.2.12, RFC 3810 5.2.12. */
enum fdnet_member_record {
	FDNET_MEMBER_IS_INCLUDE = 1,
	FDNET_MEMBER_IS_EXCLUDE = 2,
	FDNET_MEMBER_TO_INCLUDE = 3,
	FDNET_MEMBER_TO_EXCLUDE = 4,
	FDNET_MEMBER_ALLOW = 5,
	FDNET_MEMBER_BLOCK = 6,
};

/* A report that grows by records; zeroed but for stack and family. */
struct fdnet_member_report {
	struct fdnet_stack *stack;
	struct fdnet_pkt *pkt;
	int family;
	unsigned int records;
};

/** fdnet_member_record - one more record; a full report goes */
void fdnet_member_record(struct fdnet_member_report *r,
			 enum fdnet_member_record type,
			 const struct fdnet_ip *group,
			 const struct fdnet_ip *srcs, unsigned int n);
/** fdnet_member_report_send - what there is, if anything */
void fdnet_member_report_send(struct fdnet_member_report *r);

enum fdnet_member_old {
	FDNET_MEMBER_OLD_REPORT,   /* IGMPv2, MLDv1 */
	FDNET_MEMBER_OLD_LEAVE,
	FDNET_MEMBER_OLDEST_REPORT, /* IGMPv1 */
};

/** fdnet_member_send_old - as versions without sources do */
void fdnet_member_send_old(struct fdnet_stack *stack,
			   const struct fdnet_ip *group,
			   enum fdnet_member_old what);

#endif
