/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_udp.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "relay/flow_udp_internal.h"
#include "relay/sys.h"

int flow_udp_init(struct relay *relay)
{
	struct flow_udp_table *udp = calloc(1, sizeof(*udp));

	if (!udp)
		return -ENOMEM;
	for (int i = 0; i < BATCH; i++) {
		udp->iovs[i] = (struct iovec){ udp->data[i], DATAGRAM_MAX };
		udp->msgs[i].msg_hdr.msg_iov = &udp->iovs[i];
		udp->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	relay->udp = udp;
	return 0;
}

/* ---- life ---- */

void flow_udp_note(struct relay *relay, const struct flow_udp *flow,
		   enum record_kind kind, int error, const char *reason)
{
	const struct fdnet_name *dst = &flow->key.remote;
	struct record_event event = {
		.kind = kind,
		.flow = flow->item.id,
		.proto = POLICY_UDP,
		.guest = flow->key.guest,
		.pid = flow->item.owner.pid,
		.comm = flow->item.owner.comm,
		.src = flow->key.local,
		.dst = *dst,
		.name = names_of(&relay->names, &dst->ip, relay->now_us),
		.rule = flow->rule ? flow->rule->text : NULL,
		.reason = reason,
		.gateway = net_is_gateway(&relay->opts->net, &dst->ip),
		.published = flow->published,
		.error = error,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.pkts_out = flow->pkts_out,
		.pkts_in = flow->pkts_in,
		.duration_us = relay->now_us - flow->start_us,
	};

	record_event(&relay->record, relay->now_us, &event);
}

static void free_source(struct source *src)
{
	free((struct flow_udp *)src);
}

void flow_udp_finish(struct relay *relay, struct flow_udp *flow,
		     const char *reason)
{
	struct flow_udp_table *udp = relay->udp;

	flow_udp_note(relay, flow, RECORD_CLOSE, 0, reason);
	rule_drop(flow->rule);
	HASH_DEL(udp->flows, flow);
	DL_DELETE(udp->idle[flow->list], flow);
	udp->count--;
	flows_remove(&relay->flows, &flow->item);
	udp->nblocked -= flow->blocked;
	if (flow->src.fd >= 0) {
		loop_forget(&relay->loop, &flow->src);
		close(flow->src.fd);
	}
	udp_port_put(&udp->ports, flow->port);
	loop_bury(&relay->loop, &flow->src, free_source);
}

void flow_udp_done(struct relay *relay)
{
	if (!relay->udp)
		return;
	while (relay->udp->flows)
		flow_udp_finish(relay, relay->udp->flows, "relay ends");
	free(relay->udp);
	relay->udp = NULL;
}

void flow_udp_end_all(struct guest *guest)
{
	struct flow_udp *flow, *tmp;

	HASH_ITER(hh, guest->relay->udp->flows, flow, tmp) {
		if (flow->key.guest == guest->id)
			flow_udp_finish(guest->relay, flow, "guest ended");
	}
}

void flow_udp_end_published(struct relay *relay, int fd)
{
	struct flow_udp *flow, *tmp;

	HASH_ITER(hh, relay->udp->flows, flow, tmp) {
		if (flow->published && flow->fd == fd)
			flow_udp_finish(relay, flow, "no longer published");
	}
}

void flow_udp_move(struct relay *relay, uint32_t from, uint32_t to,
		   const struct fdnet_name *local)
{
	struct flow_udp *flow, *tmp;

	HASH_ITER(hh, relay->udp->flows, flow, tmp) {
		if (flow->key.guest != from ||
		    flow->key.local.port != local->port ||
		    (!fdnet_ip_is_any(&local->ip) &&
		     !fdnet_ip_equal(&flow->key.local.ip, &local->ip)))
			continue;
		HASH_DEL(relay->udp->flows, flow);
		flow->key.guest = to;
		HASH_ADD(hh, relay->udp->flows, key, sizeof(flow->key), flow);
	}
}

void flow_udp_set_used(struct relay *relay, struct flow_udp *flow,
		       enum flow_list list)
{
	flow->last_us = relay->now_us;
	DL_DELETE(relay->udp->idle[flow->list], flow);
	if (list > flow->list)
		flow->list = list;
	DL_APPEND(relay->udp->idle[flow->list], flow);
}

struct flow_udp *flow_udp_find(struct relay *relay,
			       const struct flow_key *key)
{
	struct flow_udp *flow;

	HASH_FIND(hh, relay->udp->flows, key, sizeof(*key), flow);
	return flow;
}

/* When there are too many the longest idle one-way flow makes room. */
struct flow_udp *flow_udp_new(struct relay *relay,
			      const struct flow_key *key)
{
	struct flow_udp_table *udp = relay->udp;
	struct flow_udp *flow;

	if (udp->count >= relay->opts->limits.udp_flows) {
		count(&relay->counters, C_UDP_LIMIT);
		if (!udp->idle[LIST_ONE_WAY])
			return NULL;
		flow_udp_finish(relay, udp->idle[LIST_ONE_WAY],
				"too many flows");
	}
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	flow->src = (struct source){ .type = SOURCE_FLOW_UDP, .fd = -1 };
	flow->key = *key;
	flow->fd = -1;
	flow->start_us = flow->last_us = relay->now_us;
	HASH_ADD(hh, udp->flows, key, sizeof(flow->key), flow);
	if (!hash_added(flow)) {
		free(flow);
		return NULL;
	}
	DL_APPEND(udp->idle[LIST_ONE_WAY], flow);
	udp->count++;
	flows_add(&relay->flows, &flow->item, FLOW_KIND_UDP);
	flow->item.owner = flows_owner(guest_find(relay, key->guest),
				       POLICY_UDP, &key->local, NULL);
	count(&relay->counters, C_UDP_OPEN);
	return flow;
}

static uint64_t idle_limit(const struct relay *relay, enum flow_list list)
{
	return list == LIST_ONE_WAY ? relay->opts->limits.udp_one_way_us :
				      relay->opts->limits.udp_two_way_us;
}

uint64_t flow_udp_expiry(const struct relay *relay)
{
	uint64_t expiry_us = FDNET_NEVER;

	for (int i = 0; i < LISTS; i++) {
		const struct flow_udp *flow = relay->udp->idle[i];

		if (flow && flow->last_us + idle_limit(relay, i) < expiry_us)
			expiry_us = flow->last_us + idle_limit(relay, i);
	}
	return expiry_us;
}

void flow_udp_advance(struct relay *relay)
{
	for (int i = 0; i < LISTS; i++) {
		struct flow_udp *flow;

		while ((flow = relay->udp->idle[i]) &&
		       flow->last_us + idle_limit(relay, i) <= relay->now_us)
			flow_udp_finish(relay, flow, "idle");
	}
}

/* ---- for people: flows.h ---- */

static struct flow_udp *of_item(struct flow *item)
{
	return (struct flow_udp *)((char *)item -
				   offsetof(struct flow_udp, item));
}

void flow_udp_describe(struct relay *relay, struct flow *item,
		       struct flow_info *ret_info)
{
	const struct flow_udp *flow = of_item(item);
	const struct fdnet_name *dst = &flow->key.remote;

	*ret_info = (struct flow_info){
		.proto = POLICY_UDP,
		.published = flow->published,
		.host_fd = flow->fd,
		.state = flow->list == LIST_TWO_WAY ? "two-way" : "one-way",
		.guest = flow->key.guest,
		.pid = flow->item.owner.pid,
		.comm = flow->item.owner.comm,
		.src = flow->key.local,
		.dst = *dst,
		.name = names_of(&relay->names, &dst->ip, relay->now_us),
		.rule = flow->rule,
		.start_us = flow->start_us,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.pkts_out = flow->pkts_out,
		.pkts_in = flow->pkts_in,
	};
}

void flow_udp_end(struct relay *relay, struct flow *item, const char *reason)
{
	/* the next datagram is put to the rules again */
	flow_udp_finish(relay, of_item(item), reason);
}

void flow_udp_set_rule(struct flow *item, struct rule *rule)
{
	struct flow_udp *flow = of_item(item);

	rule_take(rule);
	rule_drop(flow->rule);
	flow->rule = rule;
}

unsigned int flow_udp_count(const struct relay *relay)
{
	return relay->udp->count;
}
