/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_tcp_internal.h"

#include <netinet/tcp.h>

#include "relay/node.h"
#include "relay/sys.h"

/* The kernel's own, when a program takes its wishes back. */
#define KEEP_IDLE_S  7200
#define KEEP_INTVL_S 75
#define KEEP_CNT     9

static int get_int(struct fdnet_sock *so, int level, int name)
{
	uint32_t len = sizeof(int);
	int value = 0;

	fdnet_sock_getopt(so, level, name, &value, &len);
	return value;
}

struct flow_keep flow_tcp_keep_of(struct fdnet_sock *so)
{
	return (struct flow_keep){
		.on = get_int(so, SOL_SOCKET, SO_KEEPALIVE),
		.idle_s = get_int(so, IPPROTO_TCP, TCP_KEEPIDLE),
		.intvl_s = get_int(so, IPPROTO_TCP, TCP_KEEPINTVL),
		.cnt = get_int(so, IPPROTO_TCP, TCP_KEEPCNT),
		.user_timeout_ms = get_int(so, IPPROTO_TCP, TCP_USER_TIMEOUT),
	};
}

/* SO_KEEPALIVE itself is always on: a host that vanishes must not hold the
 * connection for ever. What the kernel does not take stays as it was. */
static void apply(struct flow_tcp *flow, const struct flow_keep *keep)
{
	int fd = flow->src.fd;

	sys_setopt(fd, IPPROTO_TCP, TCP_KEEPIDLE,
		   keep->on ? keep->idle_s : KEEP_IDLE_S);
	sys_setopt(fd, IPPROTO_TCP, TCP_KEEPINTVL,
		   keep->on ? keep->intvl_s : KEEP_INTVL_S);
	sys_setopt(fd, IPPROTO_TCP, TCP_KEEPCNT,
		   keep->on ? keep->cnt : KEEP_CNT);
	sys_setopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, keep->user_timeout_ms);
}

void flow_tcp_keep(struct guest *guest, const struct fdnet_name *local,
		   const struct fdnet_name *peer, const struct flow_keep *keep)
{
	struct fdnet_sock *so =
		fdnet_stack_find(guest->stack, POLICY_TCP, peer, local);
	struct user *user = so ? fdnet_sock_user(so) : NULL;

	if (user && user->kind == USER_FLOW_TCP &&
	    flow_tcp_of_user(user)->src.fd >= 0)
		apply(flow_tcp_of_user(user), keep);
}

void flow_tcp_keep_node(struct flow_tcp *flow)
{
	struct node *node = flow->guest->node;
	struct fdnet_sock *so;
	struct flow_keep keep;

	if (!node || flow->src.fd < 0)
		return;
	so = fdnet_stack_find(node->stack, POLICY_TCP, &flow->guest_name,
			      &flow->dst);
	if (!so)
		return;
	keep = flow_tcp_keep_of(so);
	if (keep.on || keep.user_timeout_ms)
		apply(flow, &keep);
}
