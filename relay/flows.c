/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flows.h"

#include <string.h>

#include "relay/flow_echo.h"
#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/hash.h"

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
