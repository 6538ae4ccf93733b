/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of TCP flows share. */
#ifndef RELAY_FLOW_TCP_INTERNAL_H
#define RELAY_FLOW_TCP_INTERNAL_H

#include "relay/flow_tcp.h"

#include <stddef.h>

/* Buffers of room for a read of a stream: what is read should still be in the
 * processor's caches when the guest copies it. */
#define READS_STREAM 4

enum flow_state {
	FLOW_TO_HOST,  /* the host socket is connecting, @so waits half open */
	FLOW_TO_GUEST, /* @so is connecting, the host's client waits */
	FLOW_OPEN,
	FLOW_RESETTING, /* the host side has ended by RST and is closed; the
			 * guest still takes what came before it */
};

/**
 * struct flow_tcp
 * @guest_name, @dst:  the guest's end; what it asked for or the client
 * @host_in, @host_out:  the host socket is believed to be ready
 * @host_urgent:  urgent data are announced: reads end in front of them
 * @host_hup:   no more edges will come: read until the end
 * @host_dead:  the host has reset: what it said before is still read
 * @guest_eof:  the guest's FIN was passed on
 * @host_eof:   the host's FIN was passed on
 * @guest_deaf: the guest takes nothing more, but is still read from
 * @reads:      buffers of room for the next read, 1..READS_STREAM
 * @is_ready:   stands in the guest's list of flows with work left
 * @is_waiting: stands in the relay's list, as its rule's rate is used up
 */
struct flow_tcp {
	struct source src;
	struct flow item;
	struct user user;
	struct guest *guest;
	struct fdnet_sock *so;
	enum flow_state state;
	bool host_in, host_out, host_urgent, host_hup, host_dead;
	bool guest_eof, host_eof, guest_deaf;
	bool is_ready, is_waiting, is_published, nodelay;
	struct fdnet_name guest_name, dst;
	char *name; /* of dst, or NULL */
	struct rule *rule;
	uint64_t start_us, bytes_out, bytes_in;
	int reads;
	struct flow_tcp *prev, *next;
	struct flow_tcp *ready_prev, *ready_next;
	struct flow_tcp *reset_prev, *reset_next;
	struct flow_tcp *wait_prev, *wait_next;
	uint64_t reset_by_us;
	int host_error; /* with which the host's side ended: @host_dead */
};

enum pump {
	PUMP_WAIT, /* nothing more to do until an event */
	PUMP_MORE, /* its turn is over, but there is more */
	PUMP_GONE, /* the flow has ended and is freed */
};

/** flow_tcp_of_user - the flow of an engine's socket */
static inline struct flow_tcp *flow_tcp_of_user(struct user *user)
{
	return (struct flow_tcp *)((char *)user - offsetof(struct flow_tcp, user));
}

/* ---- flow_tcp.c ---- */

/** flow_tcp_note - an event for the record */
void flow_tcp_note(struct flow_tcp *flow, enum record_kind kind, int error,
		   const char *reason);

/**
 * flow_tcp_new - a flow of @guest, not yet decided
 * @so:     the engine's socket; borrowed until the flow is let go of
 * @fd:     the host's, or -1; taken
 * @state:  FLOW_TO_HOST or FLOW_TO_GUEST
 *
 * Returns NULL, counted, when a limit is reached or there is no memory.
 */
struct flow_tcp *flow_tcp_new(struct guest *guest, struct fdnet_sock *so,
			      int fd, enum flow_state state);
/** flow_tcp_free - out of all lists; the sockets are the caller's business */
void flow_tcp_free(struct flow_tcp *flow);

void flow_tcp_set_state(struct flow_tcp *flow, enum flow_state state);
/** flow_tcp_set_ready - there is work left: the guest's list */
void flow_tcp_set_ready(struct flow_tcp *flow, bool ready);
/** flow_tcp_set_waiting - its rule's rate is used up: the relay's list */
void flow_tcp_set_waiting(struct flow_tcp *flow, bool waiting);
/** flow_tcp_use_rule - @rule allows it from now on; shared, or NULL */
void flow_tcp_use_rule(struct flow_tcp *flow, struct rule *rule);

/** flow_tcp_close_host - close the host's socket, with RST or as it stands */
void flow_tcp_close_host(struct flow_tcp *flow, bool reset);
/** flow_tcp_forget_sock - the engine's socket is nobody's */
void flow_tcp_forget_sock(struct flow_tcp *flow);

/** flow_tcp_guest_reset - the guest's side is no more: the host gets a RST;
 * taken */
void flow_tcp_guest_reset(struct flow_tcp *flow, const char *reason);
/** flow_tcp_host_reset - the host's side is no more: the guest gets a RST,
 * behind what came before */
void flow_tcp_host_reset(struct flow_tcp *flow, int error);

/* ---- flow_tcp_open.c ---- */

/** flow_tcp_admit - the host has taken the connection: so is the guest's */
void flow_tcp_admit(struct flow_tcp *flow);
/** flow_tcp_failed - the host has not; taken */
void flow_tcp_failed(struct flow_tcp *flow, int error);
/** flow_tcp_guest_connected - the guest's has been decided; taken if not well
 */
void flow_tcp_guest_connected(struct flow_tcp *flow, uint32_t events);

/* ---- flow_tcp_keep.c ---- */

/** flow_tcp_keep_node - as flow_tcp_keep(), of a new connection of the node's */
void flow_tcp_keep_node(struct flow_tcp *flow);

/* ---- flow_tcp_pump.c ---- */

/** flow_tcp_pump - move what can be moved, one turn; may end the flow */
void flow_tcp_pump(struct flow_tcp *flow);

#endif
