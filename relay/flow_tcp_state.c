/* SPDX-License-Identifier: Apache-2.0 */
/* TCP flows in the state that another relay takes over. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>

#include "relay/flow_tcp_internal.h"
#include "relay/state.h"
#include "relay/sys.h"

#define EVENTS (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)

uint64_t flow_tcp_tag(struct user *user)
{
	return guest_tag(USER_FLOW_TCP, flow_tcp_of_user(user)->item.id);
}

static void fields(struct state *st, struct flow_tcp *flow)
{
	struct fdnet_save *s = &st->s;

	flow->state = (enum flow_state)fdnet_save_int(s, (int)flow->state, 0,
						      FLOW_RESETTING);
	flow->host_in = fdnet_save_bool(s, flow->host_in);
	flow->host_out = fdnet_save_bool(s, flow->host_out);
	flow->host_urgent = fdnet_save_bool(s, flow->host_urgent);
	flow->host_hup = fdnet_save_bool(s, flow->host_hup);
	flow->host_dead = fdnet_save_bool(s, flow->host_dead);
	flow->guest_eof = fdnet_save_bool(s, flow->guest_eof);
	flow->host_eof = fdnet_save_bool(s, flow->host_eof);
	flow->guest_deaf = fdnet_save_bool(s, flow->guest_deaf);
	flow->is_published = fdnet_save_bool(s, flow->is_published);
	flow->nodelay = fdnet_save_bool(s, flow->nodelay);
	fdnet_save_name(s, &flow->guest_name);
	fdnet_save_name(s, &flow->dst);
	flow->name = state_text(s, flow->name, NAMES_MAX_LEN);
	flow->start_us = fdnet_save_u64(s, flow->start_us);
	flow->bytes_out = fdnet_save_u64(s, flow->bytes_out);
	flow->bytes_in = fdnet_save_u64(s, flow->bytes_in);
	flow->reads = fdnet_save_int(s, flow->reads, 1, READS_STREAM);
	flow->reset_by_us = fdnet_save_u64(s, flow->reset_by_us);
	flow->host_error = fdnet_save_int(s, flow->host_error, 0, 4095);
	flow->src.fd = state_socket(st, flow->src.fd, 0, SOCK_STREAM);
	/* the host's socket is closed while the guest is told, and only then */
	fdnet_save_check(s, (flow->state == FLOW_RESETTING) ==
				    (flow->src.fd < 0));
}

static void drop(struct flow_tcp *flow)
{
	if (flow->src.fd >= 0)
		close(flow->src.fd);
	free(flow->name);
	free(flow);
}

/* Out of the walk's hands: as flow_new() does it. */
static void enter(struct state *st, struct flow_tcp *flow, struct rule *rule)
{
	struct relay *relay = st->relay;
	struct guest *guest = flow->guest;

	fdnet_sock_set_user(flow->so, &flow->user);
	rule_take(rule);
	flow->rule = rule;
	relay->tcp_flows++;
	if (flow->state == FLOW_TO_HOST || flow->state == FLOW_TO_GUEST)
		relay->tcp_pending++;
	guest->nflows++;
	DL_APPEND(guest->flows, flow);
	DL_APPEND(relay->flows.list, &flow->item);
	if (flow->state == FLOW_RESETTING)
		DL_APPEND2(guest->resetting, flow, reset_prev, reset_next);
	else
		fdnet_save_fail(&st->s, loop_add(&relay->loop, &flow->src,
						 EVENTS));
	/* what it waited for may be there already */
	if (flow->state == FLOW_OPEN) {
		flow->is_ready = true;
		DL_APPEND2(guest->ready, flow, ready_prev, ready_next);
	}
}

static void read_flow(struct state *st, uint64_t id)
{
	struct flow_tcp *flow = state_alloc(&st->s, sizeof(*flow));
	struct rule *rule;

	if (!flow)
		return;
	flow->src = (struct source){ .type = SOURCE_FLOW_TCP, .fd = -1 };
	flow->user.kind = USER_FLOW_TCP;
	flow->item.kind = FLOW_KIND_TCP;
	flow->item.id = id;
	flow->guest = state_guest(st, NULL);
	rule = state_rule(st, NULL);
	fields(st, flow);
	fdnet_save_check(&st->s, flow->guest && flow->guest->stack);
	if (!st->s.rc)
		flow->so = state_claim(st, 2 * (uint64_t)flow->guest->id,
				       guest_tag(USER_FLOW_TCP, id));
	if (st->s.rc)
		drop(flow);
	else
		enter(st, flow, rule);
}

void flow_tcp_state(struct state *st, struct flow *item, uint64_t id)
{
	struct flow_tcp *flow;

	if (st->s.reading) {
		read_flow(st, id);
		return;
	}
	flow = (struct flow_tcp *)((char *)item -
				   offsetof(struct flow_tcp, item));
	state_guest(st, flow->guest);
	state_rule(st, flow->rule);
	fields(st, flow);
}
