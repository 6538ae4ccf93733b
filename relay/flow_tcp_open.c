/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_tcp_internal.h"

#include <stdlib.h>
#include <string.h>

#include "relay/sys.h"

/* ---- a guest connects to the host ---- */

/* Which error shall the guest see? Those that refuse() has no packet for
 * become one that says "not reachable from here". */
static int refusal(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return ECONNREFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ETIMEDOUT:
	case EACCES:
		return error;
	case EPERM:
		return EACCES;
	case EHOSTDOWN:
		return EHOSTUNREACH;
	default:
		return ENETUNREACH;
	}
}

void flow_tcp_failed(struct flow_tcp *flow, int error)
{
	count(&flow->guest->relay->counters, C_TCP_FAILED);
	flow_tcp_note(flow, RECORD_FAIL, error, NULL);
	flow_tcp_close_host(flow, false);
	flow_tcp_forget_sock(flow);
	fdnet_sock_refuse(flow->so, refusal(error));
	flow_tcp_free(flow);
}

void flow_tcp_admit(struct flow_tcp *flow)
{
	count(&flow->guest->relay->counters, C_TCP_OPEN);
	flow_tcp_set_state(flow, FLOW_OPEN);
	flow->host_out = true;
	flow_tcp_note(flow, RECORD_OPEN, 0, NULL);
	fdnet_sock_admit(flow->so);
	guest_touch(flow->guest);
}

/* Start connecting. Returns 0, -EINPROGRESS, or a negative errno. */
static int host_connect(struct relay *relay, struct flow_tcp *flow)
{
	struct fdnet_name target = relay_host_name(relay, &flow->dst);
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(&target, &sa);
	int rc;

	flow->src.fd = sys_socket(sa.ss_family, SOCK_STREAM);
	if (flow->src.fd < 0)
		return flow->src.fd;
	/* a host that vanishes must not hold the connection for ever */
	sys_setopt(flow->src.fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	rc = sys_connect(flow->src.fd, (struct sockaddr *)&sa, len);
	/* within this machine it is decided by now: no need to be woken */
	if (rc == -EINPROGRESS && fdnet_ip_is_loopback(&target.ip)) {
		rc = sys_connect(flow->src.fd, (struct sockaddr *)&sa, len);
		if (rc == -EALREADY)
			rc = -EINPROGRESS;
		else if (rc == -EISCONN)
			rc = 0;
	}
	if (rc && rc != -EINPROGRESS)
		return rc;
	if (loop_add(&relay->loop, &flow->src,
		     EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET))
		return -ENOBUFS;
	return rc;
}

void flow_tcp_request(struct guest *guest, struct fdnet_sock *so)
{
	struct relay *relay = guest->relay;
	struct fdnet_name dst, src;
	struct flow_tcp *flow;
	struct rule *rule;
	const char *name;
	int rc;

	if (fdnet_sock_name(so, &dst) || fdnet_sock_peer(so, &src)) {
		fdnet_sock_refuse(so, ECONNREFUSED);
		return;
	}
	addr_normalise(&dst.ip);
	/* only our own listeners are there, and they took no request */
	if (net_is_dns(&relay->opts->net, &dst.ip)) {
		fdnet_sock_refuse(so, ECONNREFUSED);
		return;
	}
	if (!relay_decide(relay, guest, POLICY_TCP, &src, &dst, &rule)) {
		count(&relay->counters, C_TCP_DENIED);
		fdnet_sock_refuse(so, EACCES);
		return;
	}
	flow = flow_tcp_new(guest, so, -1, FLOW_TO_HOST);
	if (!flow) {
		fdnet_sock_refuse(so, ENETUNREACH);
		return;
	}
	flow->dst = dst;
	flow->guest_name = src;
	flow->item.owner = flows_owner(guest, POLICY_TCP, &src, &dst);
	flow_tcp_use_rule(flow, rule);
	name = names_of(&relay->names, &dst.ip, relay->now_us);
	flow->name = name ? strdup(name) : NULL;
	rc = host_connect(relay, flow);
	flow_tcp_keep_node(flow);
	if (!rc)
		flow_tcp_admit(flow);
	else if (rc != -EINPROGRESS)
		flow_tcp_failed(flow, -rc);
}

/* ---- a client of a published port connects into the guest ---- */

/* The client's own address if it is free, else any port of it. */
static int bind_as(struct fdnet_sock *so, const struct fdnet_name *client)
{
	struct fdnet_name name = *client;
	int rc = fdnet_sock_bind_foreign(so, &name);

	for (int i = 0; rc == -EADDRINUSE && i < 64; i++) {
		name.port = (uint16_t)(49152 + (client->port + i * 251) % 16384);
		rc = fdnet_sock_bind_foreign(so, &name);
	}
	return rc;
}

static int guest_connect(struct guest *guest, const struct fdnet_name *client,
			 const struct fdnet_name *target,
			 struct fdnet_sock **ret_so)
{
	struct fdnet_sock *so;
	int rc = fdnet_sock_open(guest->stack, target->ip.family,
				 FDNET_SOCK_STREAM, POLICY_TCP, &so);

	if (rc)
		return rc;
	rc = bind_as(so, client);
	if (!rc)
		rc = fdnet_sock_connect(so, target);
	if (rc && rc != -EINPROGRESS) {
		fdnet_sock_close(so);
		return rc;
	}
	*ret_so = so;
	return 0;
}

int flow_tcp_publish(struct guest *guest, int fd, const struct fdnet_name *client,
		     const struct fdnet_name *target, struct rule *rule)
{
	struct relay *relay = guest->relay;
	struct fdnet_sock *so;
	struct flow_tcp *flow;
	int rc;

	fdnet_stack_set_time(guest->stack, relay->now_us);
	rc = guest_connect(guest, client, target, &so);
	if (rc) {
		sys_close_reset(fd);
		return rc;
	}
	flow = flow_tcp_new(guest, so, fd, FLOW_TO_GUEST);
	if (!flow) {
		sys_close_reset(fd);
		fdnet_sock_abort(so);
		return -ENOBUFS;
	}
	flow->is_published = true;
	sys_setopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	flow->dst = *client;
	flow->guest_name = *target;
	flow->item.owner = flows_owner(guest, POLICY_TCP, target, NULL);
	flow_tcp_use_rule(flow, rule);
	rc = loop_add(&relay->loop, &flow->src,
		      EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	if (rc) {
		flow_tcp_guest_reset(flow, "no memory");
		return rc;
	}
	guest_touch(guest);
	return 0;
}

/* @so's connect has ended: well or not? */
void flow_tcp_guest_connected(struct flow_tcp *flow, uint32_t events)
{
	struct relay *relay = flow->guest->relay;
	int error = 0;
	uint32_t len = sizeof(error);

	fdnet_sock_getopt(flow->so, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error || events & FDNET_EV_HUP) {
		count(&relay->counters, C_PUBLISH_REFUSED);
		flow_tcp_note(flow, RECORD_FAIL, error ? error : ECONNREFUSED,
			      NULL);
		flow_tcp_close_host(flow, true);
		flow_tcp_forget_sock(flow);
		fdnet_sock_abort(flow->so);
		flow_tcp_free(flow);
		return;
	}
	if (!(events & FDNET_EV_OUT))
		return;
	flow_tcp_set_state(flow, FLOW_OPEN);
	flow->host_out = true;
	flow->host_in = true;
	flow_tcp_note(flow, RECORD_OPEN, 0, NULL);
	flow_tcp_pump(flow);
}
