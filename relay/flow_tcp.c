/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_tcp_internal.h"

#include <linux/tcp.h>
#include <stdlib.h>

#include "relay/sys.h"

/* ---- record ---- */

/* Packets of the guest's connection, which the engine has counted. */
static void count_packets(const struct flow_tcp *flow, uint64_t *ret_out,
			  uint64_t *ret_in)
{
	struct tcp_info info = {0};
	uint32_t len = sizeof(info);

	fdnet_sock_getopt(flow->so, IPPROTO_TCP, TCP_INFO, &info, &len);
	*ret_out = info.tcpi_segs_in;
	*ret_in = info.tcpi_segs_out;
}

void flow_tcp_note(struct flow_tcp *flow, enum record_kind kind, int error,
		   const char *reason)
{
	struct relay *relay = flow->guest->relay;
	struct record_event event = {
		.kind = kind,
		.flow = flow->item.id,
		.proto = POLICY_TCP,
		.guest = flow->guest->id,
		.pid = flow->item.owner.pid,
		.comm = flow->item.owner.comm,
		.src = flow->guest_name,
		.dst = flow->dst,
		.name = flow->name,
		.rule = flow->rule ? flow->rule->text : NULL,
		.reason = reason,
		.gateway = net_is_gateway(&relay->opts->net, &flow->dst.ip),
		.published = flow->is_published,
		.error = error,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.duration_us = relay->now_us - flow->start_us,
	};

	if (kind == RECORD_CLOSE)
		count_packets(flow, &event.pkts_out, &event.pkts_in);
	record_event(&relay->record, relay->now_us, &event);
}

/* ---- life ---- */

static bool is_pending(const struct flow_tcp *flow)
{
	return flow->state == FLOW_TO_HOST || flow->state == FLOW_TO_GUEST;
}

void flow_tcp_set_state(struct flow_tcp *flow, enum flow_state state)
{
	if (is_pending(flow))
		flow->guest->relay->tcp_pending--;
	flow->state = state;
	if (is_pending(flow))
		flow->guest->relay->tcp_pending++;
}

/* As the kernel's option: half of the number is for data, and it does not
 * grow any more. */
static void bound_buffers(struct fdnet_sock *so, uint64_t bytes)
{
	int size = (int)bytes;

	fdnet_sock_setopt(so, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fdnet_sock_setopt(so, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

struct flow_tcp *flow_tcp_new(struct guest *guest, struct fdnet_sock *so,
			      int fd, enum flow_state state)
{
	struct relay *relay = guest->relay;
	struct flow_tcp *flow;

	if (relay->tcp_flows >= relay->opts->limits.tcp_flows ||
	    relay->tcp_pending >= relay->opts->limits.tcp_pending) {
		count(&relay->counters, C_TCP_LIMIT);
		return NULL;
	}
	flow = calloc(1, sizeof(*flow));
	if (!flow) {
		count(&relay->counters, C_NOMEM);
		return NULL;
	}
	flow->src = (struct source){.type = SOURCE_FLOW_TCP, .fd = fd};
	flow->user.kind = USER_FLOW_TCP;
	flow->guest = guest;
	flow->so = so;
	flow->start_us = relay->now_us;
	flow->reads = 1;
	relay->tcp_flows++;
	relay->tcp_pending++;
	flows_add(&relay->flows, &flow->item, FLOW_KIND_TCP);
	flow->state = state;
	guest->nflows++;
	DL_APPEND(guest->flows, flow);
	fdnet_sock_set_user(so, &flow->user);
	if (relay->opts->limits.flow_bytes)
		bound_buffers(so, relay->opts->limits.flow_bytes);
	return flow;
}

void flow_tcp_set_ready(struct flow_tcp *flow, bool ready)
{
	if (flow->is_ready == ready)
		return;
	flow->is_ready = ready;
	if (ready)
		DL_APPEND2(flow->guest->ready, flow, ready_prev, ready_next);
	else
		DL_DELETE2(flow->guest->ready, flow, ready_prev, ready_next);
}

void flow_tcp_set_waiting(struct flow_tcp *flow, bool waiting)
{
	struct relay *relay = flow->guest->relay;

	if (flow->is_waiting == waiting)
		return;
	flow->is_waiting = waiting;
	if (waiting)
		DL_APPEND2(relay->waiting, flow, wait_prev, wait_next);
	else
		DL_DELETE2(relay->waiting, flow, wait_prev, wait_next);
}

void flow_tcp_use_rule(struct flow_tcp *flow, struct rule *rule)
{
	rule_take(rule);
	rule_drop(flow->rule);
	flow->rule = rule;
}

static void free_source(struct source *src)
{
	struct flow_tcp *flow = (struct flow_tcp *)src;

	free(flow->name);
	free(flow);
}

void flow_tcp_free(struct flow_tcp *flow)
{
	struct guest *guest = flow->guest;

	flow_tcp_set_ready(flow, false);
	flow_tcp_set_waiting(flow, false);
	flow_tcp_use_rule(flow, NULL);
	if (flow->state == FLOW_RESETTING)
		DL_DELETE2(guest->resetting, flow, reset_prev, reset_next);
	if (is_pending(flow))
		guest->relay->tcp_pending--;
	guest->relay->tcp_flows--;
	flows_remove(&guest->relay->flows, &flow->item);
	guest->nflows--;
	DL_DELETE(guest->flows, flow);
	loop_bury(&guest->relay->loop, &flow->src, free_source);
	/* an orphan may have been waiting for this one */
	guest_touch(guest);
}

void flow_tcp_close_host(struct flow_tcp *flow, bool reset)
{
	if (flow->src.fd < 0)
		return;
	loop_forget(&flow->guest->relay->loop, &flow->src);
	if (reset)
		sys_close_reset(flow->src.fd);
	else
		close(flow->src.fd);
	flow->src.fd = -1;
}

void flow_tcp_forget_sock(struct flow_tcp *flow)
{
	fdnet_sock_set_user(flow->so, NULL);
}

void flow_tcp_guest_reset(struct flow_tcp *flow, const char *reason)
{
	flow_tcp_note(flow, RECORD_CLOSE, 0, reason);
	flow_tcp_close_host(flow, true);
	flow_tcp_forget_sock(flow);
	fdnet_sock_abort(flow->so);
	flow_tcp_free(flow);
}

void flow_tcp_host_reset(struct flow_tcp *flow, int error)
{
	struct guest *guest = flow->guest;

	flow_tcp_note(flow, RECORD_CLOSE, error,
		      error == ETIMEDOUT ? "timed out" : "reset by host");
	flow->host_error = error;
	flow_tcp_close_host(flow, false);
	flow_tcp_set_ready(flow, false);
	flow_tcp_set_state(flow, FLOW_RESETTING);
	flow->reset_by_us = guest->relay->now_us + LIMIT_ORPHAN_US;
	DL_APPEND2(guest->resetting, flow, reset_prev, reset_next);
	guest_touch(guest);
}

void flow_tcp_run_resetting(struct guest *guest)
{
	struct flow_tcp *flow, *tmp;

	DL_FOREACH_SAFE2(guest->resetting, flow, tmp, reset_next)
	{
		if (guest_is_up(guest) && fdnet_sock_outq(flow->so) &&
		    guest->relay->now_us < flow->reset_by_us)
			continue;
		flow_tcp_forget_sock(flow);
		fdnet_sock_fail(flow->so, flow->host_error);
		flow_tcp_free(flow);
	}
}

void flow_tcp_guest_gone(struct guest *guest)
{
	struct flow_tcp *flow, *tmp;

	DL_FOREACH_SAFE (guest->flows, flow, tmp) {
		if (is_pending(flow))
			flow_tcp_guest_reset(flow, "guest ended");
		else if (flow->state == FLOW_OPEN)
			flow_tcp_set_ready(flow, true);
	}
}

void flow_tcp_end_all(struct guest *guest)
{
	struct flow_tcp *flow, *tmp;

	DL_FOREACH_SAFE (guest->flows, flow, tmp) {
		flow_tcp_close_host(flow, true);
		flow_tcp_forget_sock(flow);
		fdnet_sock_abort(flow->so);
		flow_tcp_free(flow);
	}
}

/* ---- events ---- */

void flow_tcp_host_event(struct relay *relay, struct source *src, uint32_t events)
{
	struct flow_tcp *flow = (struct flow_tcp *)src;
	int error;

	fdnet_stack_set_time(flow->guest->stack, relay->now_us);
	if (flow->state == FLOW_TO_HOST) {
		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		error = events & (EPOLLERR | EPOLLHUP) ? sys_so_error(src->fd)
						       : 0;
		if (error) {
			flow_tcp_failed(flow, error);
			return;
		}
		flow_tcp_admit(flow);
	}
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		flow->host_hup = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		flow->host_in = true;
	if (events & EPOLLPRI)
		flow->host_urgent = flow->host_in = true;
	if (events & EPOLLOUT)
		flow->host_out = true;
	if (flow->state != FLOW_OPEN)
		return;
	/* a reset behind the host's FIN: no read would tell */
	if (flow->host_eof && events & EPOLLERR)
		flow_tcp_host_reset(flow, sys_so_error(src->fd));
	else
		flow_tcp_pump(flow);
}

void flow_tcp_guest_event(struct guest *guest, struct user *user, uint32_t events)
{
	struct flow_tcp *flow = flow_tcp_of_user(user);

	switch (flow->state) {
	case FLOW_TO_HOST:
		/* the guest has given up before we answered */
		if (events & (FDNET_EV_HUP | FDNET_EV_ERR))
			flow_tcp_guest_reset(flow, "given up by guest");
		break;
	case FLOW_TO_GUEST:
		flow_tcp_guest_connected(flow, events);
		break;
	case FLOW_OPEN:
		flow_tcp_pump(flow);
		break;
	case FLOW_RESETTING:
		if (events & (FDNET_EV_HUP | FDNET_EV_ERR))
			flow->reset_by_us = 0;
		break;
	}
}

/* ---- for people: flows.h ---- */

static struct flow_tcp *of_item(struct flow *item)
{
	return (struct flow_tcp *)((char *)item - offsetof(struct flow_tcp, item));
}

static const char *state_name(const struct flow_tcp *flow)
{
	switch (flow->state) {
	case FLOW_TO_HOST:
	case FLOW_TO_GUEST:
		return "connecting";
	case FLOW_RESETTING:
		return "resetting";
	case FLOW_OPEN:
		break;
	}
	return flow->guest_eof || flow->host_eof ? "closing" : "open";
}

void flow_tcp_describe(struct flow *item, struct flow_info *ret_info)
{
	const struct flow_tcp *flow = of_item(item);

	*ret_info = (struct flow_info){
		.proto = POLICY_TCP,
		.published = flow->is_published,
		.host_fd = flow->src.fd,
		.state = state_name(flow),
		.guest = flow->guest->id,
		.pid = flow->item.owner.pid,
		.comm = flow->item.owner.comm,
		.src = flow->guest_name,
		.dst = flow->dst,
		.name = flow->name,
		.rule = flow->rule,
		.start_us = flow->start_us,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
	};
	count_packets(flow, &ret_info->pkts_out, &ret_info->pkts_in);
}

void flow_tcp_end(struct flow *item, const char *reason)
{
	struct flow_tcp *flow = of_item(item);

	fdnet_stack_set_time(flow->guest->stack, flow->guest->relay->now_us);
	if (flow->state == FLOW_RESETTING) {
		/* it has been said, and is a matter of moments */
		flow->reset_by_us = 0;
		guest_touch(flow->guest);
		return;
	}
	if (flow->state == FLOW_TO_HOST) {
		/* not yet answered: no reset, but an answer */
		flow_tcp_note(flow, RECORD_CLOSE, 0, reason);
		flow_tcp_close_host(flow, true);
		flow_tcp_forget_sock(flow);
		fdnet_sock_refuse(flow->so, EACCES);
		flow_tcp_free(flow);
		return;
	}
	flow_tcp_guest_reset(flow, reason);
}

void flow_tcp_set_rule(struct flow *item, struct rule *rule)
{
	flow_tcp_use_rule(of_item(item), rule);
}
