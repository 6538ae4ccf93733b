/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections between a guest and the host, both ways.
 *
 * How it works: what a guest asks for is put to the rules, then connected on
 * the host, and only then answered, so the guest sees the host's own error. A
 * client of a published port is connected into the guest. From then on bytes
 * move between the engine's buffers and the host's socket by readv and
 * writev, without a buffer of our own: what one side does not take stays
 * where it is and closes the other's window. FIN and RST go across as such.
 *
 * Host sockets are waited for edge-triggered, once; host_in and host_out say
 * what they are believed to be ready for.
 */
#ifndef RELAY_FLOW_TCP_H
#define RELAY_FLOW_TCP_H

#include "relay/flows.h"
#include "relay/guest.h"

/** flow_tcp_request - a guest wants to connect; @so is half open; taken */
void flow_tcp_request(struct guest *guest, struct fdnet_sock *so);

/**
 * flow_tcp_publish - a client of a published port wants to connect
 * @fd:      its socket on the host; taken, also on failure
 * @client:  its address; as the guest shall see it
 * @target:  the guest's
 * @rule:    that let it in, or NULL
 *
 * Returns 0, -ENOBUFS (a limit), -ENOMEM, or what the engine said; the client
 * has got a reset then.
 */
int flow_tcp_publish(struct guest *guest, int fd,
		     const struct fdnet_name *client,
		     const struct fdnet_name *target, struct rule *rule);

/** flow_tcp_host_event - SOURCE_FLOW_TCP's handler */
void flow_tcp_host_event(struct relay *relay, struct source *src,
			 uint32_t events);
/** flow_tcp_guest_event - the engine's socket of a flow has changed */
void flow_tcp_guest_event(struct guest *guest, struct user *user,
			  uint32_t events);

/** flow_tcp_describe, flow_tcp_end, flow_tcp_set_rule - for flows.c */
void flow_tcp_describe(struct flow *item, struct flow_info *ret_info);
void flow_tcp_end(struct flow *item, const char *reason);
void flow_tcp_set_rule(struct flow *item, struct rule *rule);

struct state;
/** flow_tcp_state - one flow (state.h); reading, it is number @id. flow_tcp_tag
 * - its socket's */
void flow_tcp_state(struct state *st, struct flow *item, uint64_t id);
uint64_t flow_tcp_tag(struct user *user);

/** flow_tcp_advance - go on with those that waited for their rule's rate */
void flow_tcp_advance(struct relay *relay);
/**
 * flow_tcp_move - a flow goes from one guest to another, as it stands
 * @local, @peer:  the guest's name and the other's
 *
 * Returns 0, -ESTALE (no such flow), -ENOMEM; on failure it is reset.
 */
int flow_tcp_move(struct guest *from, struct guest *to,
		  const struct fdnet_name *local,
		  const struct fdnet_name *peer);

/* SO_KEEPALIVE, TCP_KEEPIDLE ..., TCP_USER_TIMEOUT, as setsockopt() has them */
struct flow_keep {
	int on, idle_s, intvl_s, cnt, user_timeout_ms;
};

/** flow_tcp_keep_of - a socket's options */
struct flow_keep flow_tcp_keep_of(struct fdnet_sock *so);
/** flow_tcp_keep - the host's socket of this flow does as the program wants
 * @local, @peer:  the guest's name and the other's; may be no flow's */
void flow_tcp_keep(struct guest *guest, const struct fdnet_name *local,
		   const struct fdnet_name *peer,
		   const struct flow_keep *keep);

/** flow_tcp_run_ready - go on with flows that used up their turn */
void flow_tcp_run_ready(struct guest *guest);
/** flow_tcp_run_resetting - reset those whose last bytes have arrived */
void flow_tcp_run_resetting(struct guest *guest);
/** flow_tcp_guest_gone - the link has ended: send on what was received */
void flow_tcp_guest_gone(struct guest *guest);
/** flow_tcp_end_all - reset what is left; the guest is about to be freed */
void flow_tcp_end_all(struct guest *guest);

#endif
