/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/take.h"

#include <fcntl.h>
#include <stdlib.h>

#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/hold.h"
#include "relay/impair_link.h"
#include "relay/node_ops.h"
#include "relay/pumped_internal.h"
#include "relay/sys.h"
#include "stack/tcp.h"
#include "stack/wire/icmp.h"
#include "stack/wire/udp.h"

/* Messages read from the owner's link before its socket moves: it has sent
 * the last of them before it sent TAKE. */
#define DRAIN_TURNS 64

/* ---- reading ---- */

/* Only a memfd has seals; reading anything else might block. */
int take_read(int fd, uint32_t len, uint32_t max, uint8_t **ret_data)
{
	uint8_t *data;
	ssize_t rc;

	if (fd < 0)
		return -EBADF;
	if (len > max)
		return -EFBIG;
	if (fcntl(fd, F_GET_SEALS) < 0)
		return -EINVAL;
	data = malloc(len ? len : 1);
	if (!data)
		return -ENOMEM;
	rc = SYS_RETRY(pread(fd, data, len, 0));
	if (rc != (ssize_t)len) {
		free(data);
		return -EPROTO;
	}
	*ret_data = data;
	return 0;
}

/* What the owner has sent on its link comes before the move. */
static void drain(struct relay *relay, uint32_t id)
{
	for (int i = 0; i < DRAIN_TURNS; i++) {
		struct guest *guest = guest_find(relay, id);

		if (!guest || !guest->link || guest->doomed ||
		    !guest_link_drain(guest))
			return;
	}
}

/* ---- what belongs to the socket ---- */

int take_connection(struct node *node, struct guest *from,
		    const struct fdnet_name *local,
		    const struct fdnet_name *peer)
{
	struct relay *relay = node->relay;
	struct switch_seqs seqs = { 0 };
	struct fdnet_sock *so;

	if (net_is_sandbox(&relay->opts->net, &peer->ip)) {
		so = fdnet_stack_find(node->stack, FDNET_PROTO_TCP, local,
				      peer);
		if (so)
			fdnet_tcp_seqs(so, &seqs.snd, &seqs.rcv,
				       &seqs.snd_fin, &seqs.rcv_fin);
		return switch_move(&relay->sw, local, peer, so ? &seqs : NULL,
				   from->id, node->guest->id, relay->now_us);
	}
	return flow_tcp_move(from, node->guest, local, peer);
}

struct children {
	struct node *node;
	struct guest *from;
};

/* A connection of a listener that nobody has accepted yet. */
static void move_child(void *arg, const struct fdnet_name *local,
		       const struct fdnet_name *peer)
{
	struct children *children = arg;

	take_connection(children->node, children->from, local, peer);
}

static int move_claim(struct pumped *sock, struct guest *from,
		      const struct fdnet_saved *saved)
{
	struct node *node = sock->node;
	struct pumped_claim *claim;
	int rc;

	if (!saved->local.port || !fdnet_has_ports(saved->proto))
		return 0;
	claim = calloc(1, sizeof(*claim));
	if (!claim)
		return -ENOMEM;
	claim->refs = 1;
	claim->claim = (struct registry_claim){
		.proto = (uint8_t)saved->proto,
		.ip = saved->local.ip,
		.port = saved->local.port,
	};
	rc = registry_move(&node->relay->registry, from->id, node->guest->id,
			   &claim->claim);
	if (rc)
		free(claim);
	else
		sock->claim = claim;
	return rc;
}

static int move_rest(struct pumped *sock, struct guest *from,
		     const struct fdnet_saved *saved, uint32_t flags)
{
	struct node *node = sock->node;
	int rc = 0;

	if (flags & FDNET_NODE_CLAIM)
		rc = move_claim(sock, from, saved);
	if (rc)
		return rc;
	if (saved->proto == FDNET_PROTO_UDP) {
		flow_udp_move(node->relay, from->id, node->guest->id,
			      &saved->local);
		impair_move(from, node->guest, FDNET_PROTO_UDP, &saved->local,
			    NULL);
	} else if (saved->state == FDNET_TCP_LISTEN) {
		fdnet_tcp_each_queued(sock->so, move_child,
				      &(struct children){ node, from });
	} else if (saved->type == FDNET_SOCK_STREAM && saved->peer.port &&
		   saved->state != FDNET_TCP_CLOSE) {
		return take_connection(node, from, &saved->local,
				       &saved->peer);
	}
	return 0;
}

/* ---- all ---- */

static void set_kind(struct pumped *sock, int state, bool ended)
{
	if (sock->type != FDNET_SOCK_STREAM)
		return;
	if (state == FDNET_TCP_LISTEN)
		pumped_set_listening(sock);
	else if (state == FDNET_TCP_SYN_SENT || state == FDNET_TCP_SYN_RECV)
		sock->connecting = true;
	else if (state != FDNET_TCP_CLOSE || ended)
		sock->joined = true;
}

static int restore(struct node *node, const struct fdnet_node_req *req,
		   uint32_t pid, int *fds, const uint8_t *data,
		   const struct fdnet_saved *saved, struct hold *hold)
{
	struct fdnet_sock *so;
	struct pumped *sock;
	int rc;

	rc = fdnet_sock_restore(node->stack, data, req->bytes, &so);
	if (rc)
		return rc;
	rc = pumped_new(node, so, fds[0], req->cookie, req->sock_flags, pid,
			&sock);
	if (rc) {
		fdnet_sock_forget(so);
		return rc;
	}
	fds[0] = -1;
	set_kind(sock, saved->state, req->sock_flags & FDNET_NODE_ENDED);
	if (hold) {
		rc = move_rest(sock, hold->guest, saved, req->sock_flags);
		if (rc) {
			pumped_drop(sock);
			return rc;
		}
		hold_release(hold);
		guest_touch(hold->guest);
	}
	/* what a poll() has told of is there before the owner goes on */
	pumped_run(sock);
	return 0;
}

static int check(const struct fdnet_node_req *req,
		 const struct fdnet_saved *saved)
{
	bool is_named = saved->local.port || saved->peer.port;
	bool has_ended = saved->type == FDNET_SOCK_STREAM &&
			 saved->state == FDNET_TCP_CLOSE &&
			 req->sock_flags & FDNET_NODE_ENDED;

	if (saved->foreign || saved->type < FDNET_SOCK_STREAM ||
	    saved->type > FDNET_SOCK_RAW)
		return -EPROTO;
	/* a port, and a flow, must be given up by who had it */
	if (is_named && !has_ended && saved->type != FDNET_SOCK_RAW &&
	    !(req->sock_flags & FDNET_NODE_HELD))
		return -ESTALE;
	return 0;
}

static int take(struct node *node, const struct fdnet_node_req *req,
		uint32_t pid, int *fds, const uint8_t *data)
{
	struct fdnet_saved saved;
	struct hold *hold = NULL;
	int rc = fdnet_sock_saved(data, req->bytes, &saved);

	if (!rc)
		rc = check(req, &saved);
	if (!rc)
		rc = node_check_pair(fds[0], (uint8_t)saved.type);
	if (rc)
		return rc;
	if (req->sock_flags & FDNET_NODE_HELD) {
		hold = hold_find(node->relay, (uint8_t)saved.proto,
				 &saved.local, &saved.peer);
		if (!hold)
			return -ESTALE;
		drain(node->relay, hold->guest->id);
		hold = hold_find(node->relay, (uint8_t)saved.proto,
				 &saved.local, &saved.peer);
		if (!hold)
			return -ESTALE;
	}
	node_set_time(node);
	return restore(node, req, pid, fds, data, &saved, hold);
}

int take_socket(struct node *node, const struct fdnet_node_req *req,
		uint32_t pid, int *fds)
{
	uint8_t *data;
	int rc = take_read(fds[1], req->bytes, LIMIT_TAKE_BYTES, &data);

	if (rc)
		return rc;
	rc = take(node, req, pid, fds, data);
	free(data);
	if (rc)
		count(&node->relay->counters, C_TAKE_BAD);
	return rc;
}
