/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams between guests and the host, both ways.
 *
 * How it works: one engine socket of each family takes every datagram a guest
 * sends to the outside. A pair of guest name and destination is a flow, with a
 * connected socket on the host, so that answers come from the right peer only
 * and ICMP errors come back; it ends when it was idle for a while. Datagrams
 * of a published port's client make a flow too, which sends through the
 * published socket.
 */
#ifndef RELAY_FLOW_UDP_H
#define RELAY_FLOW_UDP_H

#include "relay/flows.h"
#include "relay/guest.h"

struct publish;

/** flow_udp_init - no flows. 0 or -ENOMEM */
int flow_udp_init(struct relay *relay);
/** flow_udp_done - end them all */
void flow_udp_done(struct relay *relay);

/** flow_udp_open - the gate sockets of a new guest's engine. 0 or negative */
int flow_udp_open(struct guest *guest);
/** flow_udp_guest_event - a gate is readable or writable again */
void flow_udp_guest_event(struct guest *guest, struct fdnet_sock *so,
			  uint32_t events);
/** flow_udp_run_more - go on with datagrams left over from the last turn */
void flow_udp_run_more(struct guest *guest);
/** flow_udp_move - flows of the guest's port @local go to another guest */
void flow_udp_move(struct relay *relay, uint32_t from, uint32_t to,
		   const struct fdnet_name *local);
/** flow_udp_end_all - the guest has ended */
void flow_udp_end_all(struct guest *guest);

/** flow_udp_host_event - SOURCE_FLOW_UDP's handler */
void flow_udp_host_event(struct relay *relay, struct source *src,
			 uint32_t events);

/**
 * flow_udp_publish - a datagram came to a published port
 * @fd:      the published socket; borrowed while the flow lives
 * @real:    who sent it
 * @client:  its address as the guest shall see it
 * @target:  the guest's name
 */
void flow_udp_publish(struct guest *guest, int fd,
		      const struct fdnet_name *real,
		      const struct fdnet_name *client,
		      const struct fdnet_name *target, const void *data,
		      size_t len);

/** flow_udp_end_published - the published socket is about to be closed */
void flow_udp_end_published(struct relay *relay, int fd);

/** flow_udp_expiry, flow_udp_advance - end those that were idle too long */
uint64_t flow_udp_expiry(const struct relay *relay);
void flow_udp_advance(struct relay *relay);

/** flow_udp_describe, flow_udp_end, flow_udp_set_rule - for flows.c */
void flow_udp_describe(struct relay *relay, struct flow *item,
		       struct flow_info *ret_info);
void flow_udp_end(struct relay *relay, struct flow *item, const char *reason);
void flow_udp_set_rule(struct flow *item, struct rule *rule);

struct state;
/** flow_udp_state - one flow (state.h); reading, it is number @id.
 * flow_udp_sort - afterwards: the idle lists */
void flow_udp_state(struct state *st, struct flow *item, uint64_t id);
void flow_udp_sort(struct relay *relay);
/** flow_udp_guest_state - a guest's gates; flow_udp_tag - which is it? */
void flow_udp_guest_state(struct state *st, struct guest *guest);
uint64_t flow_udp_tag(const struct guest *guest, const struct fdnet_sock *so);

/** flow_udp_count - flows at present */
unsigned int flow_udp_count(const struct relay *relay);

#endif
