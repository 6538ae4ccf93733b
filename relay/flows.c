/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flows.h"

#include <string.h>

#include "relay/flow_echo.h"
#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/guest.h"
#include "relay/hash.h"
#include "relay/node.h"
#include "relay/state.h"

void flows_add(struct flows *flows, struct flow *flow, enum flow_kind kind)
{
	flow->kind = kind;
	flow->id = ++flows->last_id;
	DL_APPEND(flows->list, flow);
}

void flows_remove(struct flows *flows, struct flow *flow)
{
	DL_DELETE(flows->list, flow);
}

struct flow_owner flows_owner(const struct guest *guest, uint8_t proto,
			      const struct fdnet_name *local,
			      const struct fdnet_name *peer)
{
	struct flow_owner owner = { 0 };

	if (!guest)
		return owner;
	if (guest->node &&
	    node_owner(guest->node, proto, local, peer, &owner.pid,
		       owner.comm) &&
	    owner.comm[0])
		return owner;
	if (!guest->node)
		owner.pid = guest->pid;
	memcpy(owner.comm, guest->comm, sizeof(owner.comm));
	return owner;
}

struct flow *flows_after(const struct flows *flows, uint64_t id)
{
	struct flow *flow;

	DL_FOREACH(flows->list, flow) {
		if (flow->id > id)
			return flow;
	}
	return NULL;
}

void flows_describe(struct relay *relay, struct flow *flow,
		    struct flow_info *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	switch (flow->kind) {
	case FLOW_KIND_TCP:
		flow_tcp_describe(flow, ret_info);
		break;
	case FLOW_KIND_UDP:
		flow_udp_describe(relay, flow, ret_info);
		break;
	case FLOW_KIND_ECHO:
		flow_echo_describe(relay, flow, ret_info);
		break;
	}
}

void flows_end(struct relay *relay, struct flow *flow, const char *reason)
{
	switch (flow->kind) {
	case FLOW_KIND_TCP:
		flow_tcp_end(flow, reason);
		break;
	case FLOW_KIND_UDP:
		flow_udp_end(relay, flow, reason);
		break;
	case FLOW_KIND_ECHO:
		flow_echo_end(relay, flow, reason);
		break;
	}
}

void flows_set_rule(struct flow *flow, struct rule *rule)
{
	switch (flow->kind) {
	case FLOW_KIND_TCP:
		flow_tcp_set_rule(flow, rule);
		break;
	case FLOW_KIND_UDP:
		flow_udp_set_rule(flow, rule);
		break;
	case FLOW_KIND_ECHO:
		flow_echo_set_rule(flow, rule);
		break;
	}
}

/* ---- state.h ---- */

static void owner_state(struct fdnet_save *s, struct flow_owner *owner)
{
	owner->pid = fdnet_save_u32(s, owner->pid);
	state_chars(s, owner->comm, sizeof(owner->comm));
}

static void flow_state(struct state *st, struct flow *item, uint64_t *last_id)
{
	struct flow_owner owner = { 0 };
	struct fdnet_save *s = &st->s;
	int kind = fdnet_save_int(s, item ? (int)item->kind : 0, 0,
				  FLOW_KIND_ECHO);
	uint64_t id = fdnet_save_u64(s, item ? item->id : 0);

	if (item)
		owner = item->owner;
	owner_state(s, &owner);
	/* listings go on behind a number */
	fdnet_save_check(s, id > *last_id);
	*last_id = id;
	if (s->rc)
		return;
	switch ((enum flow_kind)kind) {
	case FLOW_KIND_TCP:
		flow_tcp_state(st, item, id);
		break;
	case FLOW_KIND_UDP:
		flow_udp_state(st, item, id);
		break;
	case FLOW_KIND_ECHO:
		flow_echo_state(st, item, id);
		break;
	}
	if (s->reading && !s->rc)
		st->relay->flows.list->prev->owner = owner;
}

void flows_state(struct state *st)
{
	struct relay *relay = st->relay;
	struct flow *item = NULL;
	uint64_t last_id = 0;
	uint32_t n = 0;

	DL_COUNT(relay->flows.list, item, n);
	n = fdnet_save_count(&st->s, n, STATE_MAX_FDS, 40);
	item = relay->flows.list;
	for (; n && !st->s.rc; n--) {
		flow_state(st, st->s.reading ? NULL : item, &last_id);
		if (!st->s.reading)
			item = item->next;
	}
	relay->flows.last_id = fdnet_save_u64(&st->s, relay->flows.last_id);
	fdnet_save_check(&st->s, relay->flows.last_id >= last_id);
	if (st->s.reading) {
		flow_udp_sort(relay);
		flow_echo_sort(relay);
	}
}
