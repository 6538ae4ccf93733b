/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/node_ops.h"

#include <stdlib.h>
#include <string.h>

#include "relay/addrclass.h"
#include "relay/flow_tcp.h"
#include "relay/guest.h"
#include "relay/pumped_internal.h"
#include "relay/sys.h"
#include "relay/take.h"
#include "stack/wire/udp.h"

/* ---- new sockets ---- */

int node_check_pair(int fd, uint8_t type)
{
	int domain, kind, rc;

	if (fd < 0)
		return -EBADF;
	rc = sys_get_int(fd, SO_DOMAIN, &domain);
	if (!rc)
		rc = sys_get_int(fd, SO_TYPE, &kind);
	if (rc)
		return rc;
	if (domain != AF_UNIX ||
	    kind != (type == FDNET_SOCK_STREAM ? SOCK_STREAM : SOCK_SEQPACKET))
		return -EINVAL;
	return 0;
}

static int op_new(struct node *node, const struct fdnet_node_req *req,
		  uint32_t pid, int *fds)
{
	struct fdnet_sock *so;
	int rc = node_check_pair(fds[0], req->type);

	if (!rc)
		rc = fdnet_sock_open(node->stack, req->family, req->type,
				     req->proto, &so);
	if (rc)
		return rc;
	rc = pumped_new(node, so, fds[0], req->cookie, req->sock_flags, pid,
			NULL);
	if (rc)
		fdnet_sock_close(so);
	else
		fds[0] = -1;
	return rc;
}

/* ---- names and ports ---- */

static bool has_option(struct pumped *sock, int level, int name)
{
	uint32_t len = sizeof(int);
	int on = 0;

	return !fdnet_sock_getopt(sock->so, level, name, &on, &len) && on;
}

static int claim(struct pumped *sock, const struct fdnet_name *name)
{
	struct node *node = sock->node;
	struct pumped_claim *held;
	int rc;

	if (!name->port || !fdnet_has_ports(sock->proto))
		return 0;
	held = calloc(1, sizeof(*held));
	if (!held)
		return -ENOMEM;
	held->refs = 1;
	held->claim = (struct registry_claim){
		.proto = (uint8_t)sock->proto,
		.ip = name->ip,
		.port = name->port,
	};
	if (has_option(sock, SOL_SOCKET, SO_REUSEADDR))
		held->claim.flags |= REGISTRY_REUSEADDR;
	if (has_option(sock, SOL_SOCKET, SO_REUSEPORT))
		held->claim.flags |= REGISTRY_REUSEPORT;
	if (sock->family == 6 && has_option(sock, IPPROTO_IPV6, IPV6_V6ONLY))
		held->claim.flags |= REGISTRY_V6ONLY;
	rc = registry_bind(&node->relay->registry, node->guest->id,
			   &held->claim);
	if (rc)
		free(held);
	else
		sock->claim = held;
	return rc;
}

/* What the stack would say, before a port is claimed. */
static int check_bind(struct pumped *sock, const struct fdnet_name *name)
{
	struct fdnet_name own;

	if (!fdnet_sock_name(sock->so, &own) && own.port)
		return -EINVAL;
	if (!name->ip.family)
		return -EAFNOSUPPORT;
	if (!fdnet_ip_is_any(&name->ip) &&
	    !fdnet_ip_is_multicast(&name->ip) &&
	    !fdnet_stack_is_local(sock->node->stack, &name->ip) &&
	    !has_option(sock, IPPROTO_IP, IP_FREEBIND))
		return -EADDRNOTAVAIL;
	return 0;
}

static int bind_leased(struct pumped *sock, const struct fdnet_name *name)
{
	int rc = fdnet_sock_bind(sock->so, name);

	if (rc != -EADDRNOTAVAIL || name->port)
		return rc;
	if (node_lease(sock->node, (uint8_t)sock->proto))
		return -EADDRINUSE;
	return fdnet_sock_bind(sock->so, name);
}

static int claim_and_bind(struct pumped *sock, const struct fdnet_name *name)
{
	int rc = claim(sock, name);

	if (!rc) {
		rc = bind_leased(sock, name);
		if (rc)
			pumped_put_claim(sock);
	}
	return rc;
}

static int op_bind(struct pumped *sock, const struct fdnet_name *name,
		   struct fdnet_name *ret_local)
{
	int rc = check_bind(sock, name);

	if (!rc)
		rc = claim_and_bind(sock, name);
	/* of a close that came before this we may not have heard yet */
	if (rc == -EADDRINUSE &&
	    pumped_reap(sock->node, (uint8_t)sock->proto, name->port))
		rc = claim_and_bind(sock, name);
	return rc ? rc : fdnet_sock_name(sock->so, ret_local);
}

static int choose_port(struct pumped *sock)
{
	int rc = fdnet_sock_choose_port(sock->so);

	if (rc != -EADDRNOTAVAIL)
		return rc;
	if (node_lease(sock->node, (uint8_t)sock->proto))
		return -EADDRINUSE;
	return fdnet_sock_choose_port(sock->so);
}

/* A listener's port is known to the registry, also when it was chosen from a
 * lease. */
static int claim_listener(struct pumped *sock)
{
	struct node *node = sock->node;
	struct fdnet_name name;
	int rc = 0;

	if (!sock->claim) {
		rc = fdnet_sock_name(sock->so, &name);
		if (!rc && !name.port) {
			rc = choose_port(sock);
			if (!rc)
				rc = fdnet_sock_name(sock->so, &name);
		}
		if (!rc)
			rc = claim(sock, &name);
		if (!rc && !sock->claim)
			rc = -EINVAL;
	}
	return rc ? rc :
		    registry_listen(&node->relay->registry, node->guest->id,
				    &sock->claim->claim);
}

static int op_listen(struct pumped *sock, uint32_t backlog)
{
	int state, rc;

	if (sock->type != FDNET_SOCK_STREAM)
		return -EOPNOTSUPP;
	state = fdnet_sock_state(sock->so);
	if (state != FDNET_TCP_CLOSE && state != FDNET_TCP_LISTEN)
		return -EINVAL;
	if (state == FDNET_TCP_CLOSE) {
		rc = claim_listener(sock);
		if (rc)
			return rc;
	}
	rc = fdnet_sock_listen(sock->so, (int)backlog);
	if (!rc)
		pumped_set_listening(sock);
	return rc;
}

/* ---- connections ---- */

/* As the kernel: the port of a bind() stays when a connection has failed. */
static int op_renew(struct node *node, struct pumped *sock,
		    const struct fdnet_node_req *req, int *fds)
{
	struct fdnet_name local;
	int rc = node_check_pair(fds[0], sock->type);

	if (!rc && (!pumped_is_dead(sock) || !req->renewed))
		rc = -EINVAL;
	if (!rc && sock->claimed && sock->so &&
	    !fdnet_sock_name(sock->so, &local))
		rc = claim(sock, &local);
	if (!rc)
		rc = pumped_renew(sock, fds[0], req->renewed);
	if (!rc)
		fds[0] = -1;
	else if (pumped_is_dead(sock))
		pumped_put_claim(sock);
	return rc;
}

static int start_connect(struct pumped *sock, const struct fdnet_name *name)
{
	int rc = fdnet_sock_connect(sock->so, name);

	if (rc != -EADDRNOTAVAIL)
		return rc;
	if (node_lease(sock->node, (uint8_t)sock->proto))
		return rc;
	return fdnet_sock_connect(sock->so, name);
}

static int op_connect(struct pumped *sock, struct node_chan *chan,
		      const struct fdnet_node_req *req,
		      struct fdnet_name *ret_local)
{
	int rc = start_connect(sock, &req->name);
	bool waits = !(req->flags & FDNET_NODE_NONBLOCK);

	sock->target = req->name;
	pumped_wake(sock);
	if (sock->type == FDNET_SOCK_STREAM && !req->name.ip.family) {
		/* its pair would show what was */
		if (!rc && (sock->joined || sock->connecting))
			pumped_die(sock, 0, PUMPED_AGAIN);
		return rc;
	}
	if (rc == -EINPROGRESS || (rc == -EALREADY && sock->connecting)) {
		sock->connecting = true;
		if (!waits || sock->waiter)
			return rc;
		sock->waiter = chan;
		sock->waiter_id = req->id;
		return NODE_OP_LATER;
	}
	if (rc)
		return rc;
	if (sock->type == FDNET_SOCK_STREAM && !sock->joined)
		sock->connecting = true; /* and decided at once */
	if (sock->type == FDNET_SOCK_DGRAM && req->flags & FDNET_NODE_UNFRAME)
		sock->framed = !req->name.ip.family;
	return fdnet_sock_name(sock->so, ret_local);
}

/* One datagram, to where its name says whatever the socket is connected to. */
static int op_send(struct pumped *sock, const struct fdnet_node_req *req,
		   int fd)
{
	struct iovec iov = { .iov_len = req->bytes };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = req->name,
		.local = req->from,
		.ttl = req->ttl1 - 1,
		.tos = req->tos1 - 1,
		.gso_size = req->gso,
	};
	uint8_t *data;
	ssize_t rc;

	if (sock->type == FDNET_SOCK_STREAM)
		return -EOPNOTSUPP;
	rc = take_read(fd, req->bytes, PUMPED_DGRAM_MAX, &data);
	if (rc)
		return (int)rc;
	iov.iov_base = data;
	rc = fdnet_sock_send(sock->so, &msg);
	if (rc == -EADDRNOTAVAIL &&
	    !node_lease(sock->node, (uint8_t)sock->proto))
		rc = fdnet_sock_send(sock->so, &msg);
	free(data);
	pumped_wake(sock);
	return rc < 0 ? (int)rc : 0;
}

static int op_cancel(struct pumped *sock, const struct node_chan *chan,
		     uint32_t id)
{
	if (sock->waiter != chan || sock->waiter_id != id)
		return -ENOENT;
	pumped_answer_connect(sock, EINTR);
	return 0;
}

/* ---- what can be asked ---- */

static void names_of_living(const struct pumped *sock,
			    struct fdnet_node_ans *ans)
{
	int state = fdnet_sock_state(sock->so);

	if (fdnet_sock_name(sock->so, &ans->local))
		memset(&ans->local, 0, sizeof(ans->local));
	if (fdnet_sock_peer(sock->so, &ans->peer))
		memset(&ans->peer, 0, sizeof(ans->peer));
	if (sock->listening)
		ans->state |= FDNET_NODE_LISTENING;
	else if (sock->connecting)
		ans->state |= FDNET_NODE_CONNECTING;
	else if (sock->joined || (state == FDNET_TCP_ESTABLISHED &&
				  ans->peer.ip.family))
		ans->state |= FDNET_NODE_CONNECTED;
}

static void op_names(const struct pumped *sock, struct fdnet_node_ans *ans)
{
	if (pumped_is_dead(sock)) {
		ans->local = sock->local;
		ans->peer = sock->peer;
	} else {
		names_of_living(sock, ans);
	}
	ans->family = sock->family;
	ans->type = sock->type;
	ans->proto = sock->proto;
	if (sock->framed)
		ans->state |= FDNET_NODE_IS_FRAMED;
}

static int fetch_error(struct pumped *sock)
{
	uint32_t len = sizeof(int);
	int error = sock->error;

	sock->error = 0;
	sock->told = false;
	if (!error && sock->so && !sock->connecting)
		fdnet_sock_getopt(sock->so, SOL_SOCKET, SO_ERROR, &error,
				  &len);
	return error;
}

static int ask_ioctl(struct pumped *sock, int name)
{
	if (!sock->so)
		return 0;
	switch (name) {
	case FDNET_NODE_INQ:
		return (int)fdnet_sock_inq(sock->so);
	case FDNET_NODE_OUTQ:
		return (int)fdnet_sock_outq(sock->so);
	case FDNET_NODE_ATMARK:
		return fdnet_sock_at_mark(sock->so);
	default:
		return -EINVAL;
	}
}

static int op_getopt(struct pumped *sock, const struct fdnet_node_req *req,
		     struct fdnet_node_ans *ans, uint8_t *value)
{
	int answer;

	ans->len = req->optlen;
	if (req->level == FDNET_NODE_SOL_IOCTL)
		answer = ask_ioctl(sock, req->optname);
	else if (req->level == SOL_SOCKET && req->optname == SO_ERROR)
		answer = fetch_error(sock);
	else if (!sock->so)
		return -EINVAL;
	else
		return fdnet_sock_getopt(sock->so, req->level, req->optname,
					 value, &ans->len);
	if (answer < 0)
		return answer;
	if (ans->len > sizeof(answer))
		ans->len = sizeof(answer);
	memcpy(value, &answer, ans->len);
	return 0;
}

/* What went wrong with a datagram that was sent, and its first bytes. */
static int op_errqueue(struct pumped *sock, struct fdnet_node_ans *ans,
		       uint8_t *value)
{
	struct iovec iov = { value + FDNET_NODE_ERROR_LEN,
			     FDNET_NODE_VALUE_MAX - FDNET_NODE_ERROR_LEN };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.flags = FDNET_MSG_ERRQUEUE,
	};
	ssize_t rc = fdnet_sock_recv(sock->so, &msg);

	if (rc < 0)
		return (int)rc;
	sock->told = false;
	msg.err.about = msg.to_from;
	fdnet_node_error_encode(value, &msg.err);
	ans->len = FDNET_NODE_ERROR_LEN + (uint32_t)rc;
	pumped_wake(sock);
	return 0;
}

/* The host's socket is to be kept alive as this one. */
static void keep(struct pumped *sock)
{
	struct fdnet_name local, peer;
	struct flow_keep wants;

	if (sock->type != FDNET_SOCK_STREAM ||
	    fdnet_sock_name(sock->so, &local) ||
	    fdnet_sock_peer(sock->so, &peer))
		return;
	addr_normalise(&local.ip);
	addr_normalise(&peer.ip);
	wants = flow_tcp_keep_of(sock->so);
	flow_tcp_keep(sock->node->guest, &local, &peer, &wants);
}

static int op_setopt(struct pumped *sock, const struct fdnet_node_req *req)
{
	int rc = fdnet_sock_setopt(sock->so, req->level, req->optname,
				   req->value, req->optlen);

	pumped_learn_wants(sock);
	if (!rc && (req->level == IPPROTO_TCP || req->optname == SO_KEEPALIVE))
		keep(sock);
	return rc;
}

static int dead_op(struct pumped *sock, const struct fdnet_node_req *req)
{
	switch (req->op) {
	case FDNET_NODE_SHUTDOWN:
		return -ENOTCONN;
	case FDNET_NODE_CONNECT:
		return pumped_dead_connect(sock, &req->name);
	case FDNET_NODE_SETOPT:
		return sock->so ? op_setopt(sock, req) : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* ---- all ---- */

int node_op(struct node *node, struct node_chan *chan, uint32_t pid,
	    const struct fdnet_node_req *req, int *fds,
	    struct fdnet_node_ans *ans, uint8_t *value)
{
	struct pumped *sock;

	if (req->op == FDNET_NODE_NEW)
		return op_new(node, req, pid, fds);
	if (req->op == FDNET_NODE_TAKE)
		return take_socket(node, req, pid, fds);
	sock = pumped_find(node, req->cookie);
	if (!sock)
		return -ENOENT;
	if (req->op == FDNET_NODE_NAMES) {
		op_names(sock, ans);
		return 0;
	}
	if (req->op == FDNET_NODE_GETOPT)
		return op_getopt(sock, req, ans, value);
	if (req->op == FDNET_NODE_RENEW)
		return op_renew(node, sock, req, fds);
	if (pumped_is_dead(sock))
		return dead_op(sock, req);
	switch (req->op) {
	case FDNET_NODE_BIND:
		return op_bind(sock, &req->name, &ans->local);
	case FDNET_NODE_CONNECT:
		return op_connect(sock, chan, req, &ans->local);
	case FDNET_NODE_LISTEN:
		return op_listen(sock, req->arg);
	case FDNET_NODE_SETOPT:
		return op_setopt(sock, req);
	case FDNET_NODE_ERRQUEUE:
		return op_errqueue(sock, ans, value);
	case FDNET_NODE_SHUTDOWN:
		return pumped_shutdown(sock, (int)req->arg);
	case FDNET_NODE_SEND:
		return op_send(sock, req, fds[0]);
	case FDNET_NODE_CANCEL:
		return op_cancel(sock, chan, req->arg);
	default:
		return -EOPNOTSUPP;
	}
}
