/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_tcp_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "relay/impair_link.h"

/* The engine's half of the flow, as it stands, in the engine of @to. */
static int move_sock(struct flow_tcp *flow, struct guest *to)
{
	ssize_t need = fdnet_sock_save(flow->so, NULL, 0);
	struct fdnet_sock *so;
	void *data;
	int rc;

	if (need < 0)
		return (int)need;
	data = malloc((size_t)need);
	if (!data)
		return -ENOMEM;
	fdnet_sock_save(flow->so, data, (size_t)need);
	rc = fdnet_sock_restore(to->stack, data, (size_t)need, &so);
	free(data);
	if (rc)
		return rc;
	flow_tcp_forget_sock(flow);
	fdnet_sock_forget(flow->so);
	flow->so = so;
	fdnet_sock_set_user(so, &flow->user);
	return 0;
}

static void change_guest(struct flow_tcp *flow, struct guest *to)
{
	struct guest *from = flow->guest;
	bool ready = flow->is_ready;

	flow_tcp_set_ready(flow, false);
	if (flow->state == FLOW_RESETTING) {
		DL_DELETE2(from->resetting, flow, reset_prev, reset_next);
		DL_APPEND2(to->resetting, flow, reset_prev, reset_next);
	}
	DL_DELETE(from->flows, flow);
	from->nflows--;
	DL_APPEND(to->flows, flow);
	to->nflows++;
	flow->guest = to;
	flow_tcp_set_ready(flow, ready);
	guest_touch(from);
	guest_touch(to);
}

int flow_tcp_move(struct guest *from, struct guest *to,
		  const struct fdnet_name *local, const struct fdnet_name *peer)
{
	struct fdnet_sock *so =
		fdnet_stack_find(from->stack, POLICY_TCP, peer, local);
	struct user *user = so ? fdnet_sock_user(so) : NULL;
	struct flow_tcp *flow;
	int rc;

	if (!user || user->kind != USER_FLOW_TCP)
		return -ESTALE;
	flow = flow_tcp_of_user(user);
	fdnet_stack_set_time(to->stack, to->relay->now_us);
	rc = move_sock(flow, to);
	if (rc) {
		flow_tcp_guest_reset(flow, "hand-over failed");
		return rc;
	}
	change_guest(flow, to);
	impair_move(from, to, POLICY_TCP, local, peer);
	return 0;
}
