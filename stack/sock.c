/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: what is common to all kinds, and the way from the public calls to
 * the kind's own (struct fdnet_proto_ops).
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "stack/errq.h"
#include "stack/mcast.h"
#include "stack/object.h"
#include "stack/sockopt.h"
#include "stack/wire/icmp.h"
#include "stack/wire/udp.h"

/* ---- life ---- */

struct fdnet_sock *fdnet_sock_new(struct fdnet_stack *stack,
				  const struct fdnet_proto_ops *ops, int family,
				  int type, int proto)
{
	struct fdnet_sock *so;

	if (stack->nsocks >= stack->cfg.max_socks) {
		stack->counters[FDNET_C_SOCK_LIMIT]++;
		return NULL;
	}
	if (fdnet_timer_reserve(stack, ops->timers))
		return NULL;
	so = fdnet_mem_alloc(stack->mem, ops->size);
	if (!so) {
		fdnet_timer_unreserve(stack, ops->timers);
		return NULL;
	}
	so->stack = stack;
	so->ops = ops;
	so->family = (uint8_t)family;
	so->type = (uint8_t)type;
	so->proto = (uint8_t)proto;
	so->local.ip.family = so->family;
	fdnet_sockopt_init(so);
	DL_PREPEND2(stack->all, so, all_prev, all_next);
	stack->nsocks++;
	if (ops->init && ops->init(so)) {
		fdnet_sock_release(so);
		return NULL;
	}
	return so;
}

static void leave_lists(struct fdnet_sock *so)
{
	struct fdnet_stack *stack = so->stack;

	if (so->in_event_list)
		DL_DELETE2(stack->events, so, event_prev, event_next);
	if (so->in_out_ring)
		DL_DELETE2(stack->ready, so, out_prev, out_next);
	if (so->in_req_list)
		DL_DELETE2(stack->requests, so, req_prev, req_next);
	if (stack->current == so)
		stack->current = NULL;
	if (stack->cursor == so)
		stack->cursor = so->all_next;
	DL_DELETE2(stack->all, so, all_prev, all_next);
}

void fdnet_sock_release(struct fdnet_sock *so)
{
	struct fdnet_stack *stack = so->stack;
	const struct fdnet_proto_ops *ops = so->ops;

	fdnet_demux_remove(so);
	if (so->type == FDNET_SOCK_STREAM)
		fdnet_errq_free(so);
	else
		fdnet_mcast_leave_all(so);
	fdnet_sock_set_busy(so, false);
	leave_lists(so);
	stack->nsocks--;
	fdnet_timer_unreserve(stack, ops->timers);
	fdnet_mem_free(stack->mem, so, ops->size);
}

const struct fdnet_proto_ops *fdnet_proto_find(int family, int type, int proto)
{
	switch (type) {
	case FDNET_SOCK_STREAM:
		return proto == FDNET_PROTO_TCP ? &fdnet_tcp_ops : NULL;
	case FDNET_SOCK_DGRAM:
		if (fdnet_is_udp(proto))
			return &fdnet_udp_ops;
		if (proto == (family == 4 ? FDNET_PROTO_ICMP :
					    FDNET_PROTO_ICMP6))
			return &fdnet_ping_ops;
		return NULL;
	case FDNET_SOCK_RAW:
		return proto > 0 && proto < 256 ? &fdnet_raw_ops : NULL;
	default:
		return NULL;
	}
}

int fdnet_sock_open(struct fdnet_stack *stack, int family, int type, int proto,
		    struct fdnet_sock **ret_so)
{
	const struct fdnet_proto_ops *ops = NULL;
	struct fdnet_sock *so;

	if (family == 4 || family == 6)
		ops = fdnet_proto_find(family, type, proto);
	if (!ops)
		return -EPROTONOSUPPORT;
	if (stack->nsocks >= stack->cfg.max_socks) {
		stack->counters[FDNET_C_SOCK_LIMIT]++;
		return -ENFILE;
	}
	so = fdnet_sock_new(stack, ops, family, type, proto);
	if (!so)
		return -ENOMEM;
	*ret_so = so;
	return 0;
}

void fdnet_sock_close(struct fdnet_sock *so)
{
	struct fdnet_stack *stack = so->stack;

	so->detached = true;
	so->user = NULL;
	so->events = 0;
	if (so->in_event_list) {
		DL_DELETE2(stack->events, so, event_prev, event_next);
		so->in_event_list = false;
	}
	so->ops->close(so);
}

/* ---- services for the kinds ---- */

void fdnet_sock_event(struct fdnet_sock *so, uint32_t events)
{
	if (so->detached || !events)
		return;
	so->events |= events;
	if (so->in_event_list)
		return;
	DL_APPEND2(so->stack->events, so, event_prev, event_next);
	so->in_event_list = true;
}

void fdnet_sock_want_output(struct fdnet_sock *so)
{
	if (so->in_out_ring)
		return;
	DL_APPEND2(so->stack->ready, so, out_prev, out_next);
	so->in_out_ring = true;
}

void fdnet_sock_set_busy(struct fdnet_sock *so, bool busy)
{
	if (so->busy == busy)
		return;
	so->busy = busy;
	so->stack->nbusy += busy ? 1 : -1u;
}

int fdnet_sock_take_error(struct fdnet_sock *so)
{
	int error = so->error;

	so->error = 0;
	return -error;
}

/* ---- names ---- */

static bool family_fits(const struct fdnet_sock *so, uint8_t family)
{
	if (family == so->family)
		return true;
	return so->family == 6 && family == 4 && !so->opts.v6only &&
	       so->type != FDNET_SOCK_RAW;
}

static int check_bind(struct fdnet_sock *so, const struct fdnet_name *name)
{
	const struct fdnet_ip *ip = &name->ip;

	if (!family_fits(so, ip->family))
		return ip->family == 4 && so->family == 6 ? -EINVAL :
							    -EAFNOSUPPORT;
	if (!fdnet_ip_is_any(ip) && !fdnet_stack_is_local(so->stack, ip) &&
	    !fdnet_ip_is_multicast(ip) &&
	    !fdnet_ip_is_broadcast(so->stack, ip) &&
	    !fdnet_sock_flag(so, FDNET_SF_FREEBIND))
		return -EADDRNOTAVAIL;
	if (fdnet_ip_is_multicast(ip) && so->type == FDNET_SOCK_STREAM)
		return -EADDRNOTAVAIL;
	return 0;
}

static int claim_port(struct fdnet_sock *so, uint16_t port)
{
	int rc;

	so->local.port = port;
	if (so->type == FDNET_SOCK_RAW) {
		so->bound = true;
		so->local.port = so->proto;
		return 0;
	}
	/* IP_BIND_ADDRESS_NO_PORT: connect(), listen() or sending choose one,
	 * until then there is only an address */
	if (!port && fdnet_sock_flag(so, FDNET_SF_BIND_NO_PORT) &&
	    !fdnet_ip_is_any(&so->local.ip))
		return 0;
	if (!port)
		return fdnet_sock_autobind(so, NULL);
	rc = fdnet_demux_bind(so);
	if (rc)
		so->local.port = 0;
	return rc;
}

static int bind_name(struct fdnet_sock *so, const struct fdnet_name *name)
{
	struct fdnet_name old = so->local;
	int rc;

	so->local.ip = name->ip;
	so->local.scope = name->scope;
	rc = claim_port(so, name->port);
	if (rc) {
		so->local = old;
		return rc;
	}
	/* ::ffff:0.0.0.0 keeps an IPv6 socket to IPv4 */
	so->user_addr = !fdnet_ip_is_any(&name->ip) ||
			name->ip.family != so->family;
	so->user_port = name->port != 0;
	return 0;
}

int fdnet_sock_bind(struct fdnet_sock *so, const struct fdnet_name *name)
{
	bool named = (so->bound && so->type != FDNET_SOCK_RAW) ||
		     so->connected;
	int rc;

	/* __inet_bind() looks at the address first, __inet6_bind() last */
	if (named && so->family == 6 && name->ip.family)
		return -EINVAL;
	rc = check_bind(so, name);
	if (rc)
		return rc;
	return named ? -EINVAL : bind_name(so, name);
}

int fdnet_sock_bind_foreign(struct fdnet_sock *so,
			    const struct fdnet_name *name)
{
	int rc;

	if (!so->stack->cfg.gateway)
		return -EOPNOTSUPP;
	if (so->bound || so->connected)
		return -EINVAL;
	so->foreign = true;
	if (name->port) {
		rc = bind_name(so, name);
	} else {
		so->local.ip = name->ip;
		rc = fdnet_demux_bind(so);
	}
	if (rc)
		so->foreign = false;
	return rc;
}

int fdnet_sock_name(const struct fdnet_sock *so, struct fdnet_name *ret_name)
{
	*ret_name = so->local;
	return 0;
}

int fdnet_sock_peer(const struct fdnet_sock *so, struct fdnet_name *ret_name)
{
	if (!so->peer.ip.family || !so->peer.port)
		return -ENOTCONN;
	if (so->type == FDNET_SOCK_STREAM) {
		int state = fdnet_sock_state(so);

		if (state == FDNET_TCP_CLOSE || state == FDNET_TCP_SYN_SENT ||
		    state == FDNET_TCP_LISTEN)
			return -ENOTCONN;
	}
	*ret_name = so->peer;
	return 0;
}

int fdnet_sock_choose_port(struct fdnet_sock *so)
{
	if (!so->local.ip.family)
		so->local.ip.family = (uint8_t)so->family;
	return fdnet_sock_autobind(so, NULL);
}

int fdnet_sock_may_reach(const struct fdnet_sock *so,
			 const struct fdnet_ip *dst, bool dontroute)
{
	struct fdnet_stack *stack = so->stack;
	bool local;
	struct fdnet_ip hop;

	if (!dontroute && !so->opts.dontroute && !so->opts.bound_dev)
		return 0;
	if (fdnet_ip_is_multicast(dst) || fdnet_ip_is_broadcast(stack, dst))
		return 0;
	local = fdnet_stack_is_local(stack, dst);
	/* the kernel lets IPv4 try, into the void */
	if (so->opts.bound_dev == 1 && !local)
		return -ENETUNREACH;
	if (so->opts.bound_dev == 2 && fdnet_ip_is_loopback(dst))
		return -ENETUNREACH;
	if (!(dontroute || so->opts.dontroute) || local ||
	    fdnet_route_find(stack, dst, &hop))
		return 0;
	return fdnet_ip_equal(&hop, dst) ? 0 : -ENETUNREACH;
}

void fdnet_sock_flow(const struct fdnet_sock *so, struct fdnet_name *ret_local,
		     struct fdnet_name *ret_peer)
{
	*ret_local = so->local;
	*ret_peer = so->peer;
}

/* ---- calls that the kind answers ---- */

int fdnet_sock_listen(struct fdnet_sock *so, int backlog)
{
	return so->ops->listen ? so->ops->listen(so, backlog) : -EOPNOTSUPP;
}

int fdnet_sock_connect(struct fdnet_sock *so, const struct fdnet_name *name)
{
	struct fdnet_name dst = *name;

	if (dst.ip.family && !family_fits(so, dst.ip.family))
		return so->family == 6 ? -ENETUNREACH : -EAFNOSUPPORT;
	/* a socket bound to an address of one family stays in it */
	if (dst.ip.family && so->local.ip.family != dst.ip.family &&
	    so->user_addr)
		return so->local.ip.family == 4 ? -EAFNOSUPPORT :
						  -ENETUNREACH;
	return so->ops->connect(so, &dst);
}

int fdnet_sock_accept(struct fdnet_sock *so, struct fdnet_sock **ret_so)
{
	return so->ops->accept ? so->ops->accept(so, ret_so) : -EOPNOTSUPP;
}

int fdnet_sock_shutdown(struct fdnet_sock *so, int how)
{
	if (how < FDNET_SHUT_RD || how > FDNET_SHUT_RDWR)
		return -EINVAL;
	return so->ops->shutdown(so, how);
}

ssize_t fdnet_sock_send(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	return so->ops->send(so, msg);
}

ssize_t fdnet_sock_recv(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	return so->ops->recv(so, msg);
}

uint32_t fdnet_sock_poll(struct fdnet_sock *so)
{
	return so->ops->poll(so);
}

uint32_t fdnet_sock_inq(const struct fdnet_sock *so)
{
	return so->ops->inq ? so->ops->inq(so) : 0;
}

uint32_t fdnet_sock_outq(const struct fdnet_sock *so)
{
	return so->ops->outq ? so->ops->outq(so) : 0;
}

uint32_t fdnet_sock_unsent(const struct fdnet_sock *so)
{
	return so->ops->unsent ? so->ops->unsent(so) : 0;
}

/* ---- what everybody can ask ---- */

int fdnet_sock_type(const struct fdnet_sock *so)
{
	return so->type;
}

int fdnet_sock_family(const struct fdnet_sock *so)
{
	return so->family;
}

int fdnet_sock_proto(const struct fdnet_sock *so)
{
	return so->proto;
}

void fdnet_sock_set_user(struct fdnet_sock *so, void *user)
{
	so->user = user;
}

void *fdnet_sock_user(const struct fdnet_sock *so)
{
	return so->user;
}
