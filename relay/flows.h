/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all flows have, whatever moves their bytes: a number that people can
 * name them by, and a place in the relay's list of flows.
 *
 * How it works: numbers only grow, and the list stands in their order, so a
 * listing goes on behind the last number it has shown, however many flows
 * came and went meanwhile.
 */
#ifndef RELAY_FLOWS_H
#define RELAY_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

struct guest;
struct relay;
struct rule;

enum flow_kind {
	FLOW_KIND_TCP,
	FLOW_KIND_UDP,
	FLOW_KIND_ECHO,
};

/* A process as it claims to be; @pid 0: not known. */
struct flow_owner {
	uint32_t pid;
	char comm[16];
};

/**
 * struct flow - embedded in each kind's own object
 * @id:     never 0, never used again
 * @owner:  whose socket it was when the flow began; others may hold it now
 */
struct flow {
	enum flow_kind kind;
	uint64_t id;
	struct flow_owner owner;
	struct flow *prev, *next;
};

struct flows {
	struct flow *list;
	uint64_t last_id;
};

/**
 * struct flow_info - a flow as people see it
 * @host_fd:   published: the socket on the host's side
 * @guest, @pid, @comm:  who; as claimed
 * @src, @dst:    the guest's end; the other, or the client's
 * @name:         of @dst, or NULL
 * @rule:         that allowed it, or NULL: a published port
 * @bytes_out, @pkts_out:  from the guest
 */
struct flow_info {
	uint8_t proto;
	bool published;
	int host_fd;
	const char *state;
	uint32_t guest, pid;
	const char *comm;
	struct fdnet_name src, dst;
	const char *name;
	struct rule *rule;
	uint64_t start_us;
	uint64_t bytes_out, bytes_in, pkts_out, pkts_in;
};

/** flows_add - a new flow gets its number; flows_remove - it ends */
void flows_add(struct flows *flows, struct flow *flow, enum flow_kind kind);
void flows_remove(struct flows *flows, struct flow *flow);

/**
 * flows_owner - who has the socket with these names
 * @guest:  whose it is, or NULL; the node's is asked for the process
 * @peer:   NULL: of a listener, or a socket that is not connected
 */
struct flow_owner flows_owner(const struct guest *guest, uint8_t proto,
			      const struct fdnet_name *local,
			      const struct fdnet_name *peer);

/** flows_after - the first whose number is larger than @id, or NULL */
struct flow *flows_after(const struct flows *flows, uint64_t id);

/** flows_describe - what is known of it; valid until the next wake-up */
void flows_describe(struct relay *relay, struct flow *flow,
		    struct flow_info *ret_info);

/** flows_end - both sides are reset; @flow is freed
 * @reason:  for the record; static */
void flows_end(struct relay *relay, struct flow *flow, const char *reason);

/** flows_set_rule - from now on it is @rule that allows it */
void flows_set_rule(struct flow *flow, struct rule *rule);

struct state;
/** flows_state - all of them (state.h) */
void flows_state(struct state *st);

#endif
