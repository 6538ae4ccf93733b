/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo requests to the outside, through the kernel's ping sockets.
 *
 * How it works: a flow is a guest's address, the other end and the request's
 * identifier; it has a socket of the host, which chooses an identifier of its
 * own. Requests go out with the TTL they came with, so that the errors a
 * traceroute lives on come back; these are passed on as from who sent them.
 * The kernel lets only the groups in net.ipv4.ping_group_range have such
 * sockets: where that is nobody, the first request is told so.
 */
#ifndef RELAY_FLOW_ECHO_H
#define RELAY_FLOW_ECHO_H

#include "relay/flows.h"
#include "relay/guest.h"
#include "relay/head.h"

/** flow_echo_request - a guest's packet that the switch did not know a place
 * for; taken. false: it is no echo request, and still the caller's */
bool flow_echo_request(struct guest *guest, struct fdnet_pkt *pkt,
		       const struct head *head);

/** flow_echo_host_event - SOURCE_FLOW_ECHO's handler */
void flow_echo_host_event(struct relay *relay, struct source *src,
			  uint32_t events);

/** flow_echo_end_all - the guest has ended; NULL: all of them */
void flow_echo_end_all(struct relay *relay, const struct guest *guest);
/** flow_echo_expiry, flow_echo_advance - end those that were idle too long */
uint64_t flow_echo_expiry(const struct relay *relay);
void flow_echo_advance(struct relay *relay);

/** flow_echo_describe, flow_echo_end, flow_echo_set_rule - for flows.c */
void flow_echo_describe(struct relay *relay, struct flow *item,
			struct flow_info *ret_info);
void flow_echo_end(struct relay *relay, struct flow *item, const char *reason);
void flow_echo_set_rule(struct flow *item, struct rule *rule);

struct state;
/** flow_echo_state - one flow (state.h); reading, it is number @id.
 * flow_echo_sort - afterwards: the longest idle first */
void flow_echo_state(struct state *st, struct flow *item, uint64_t id);
void flow_echo_sort(struct relay *relay);

#endif
