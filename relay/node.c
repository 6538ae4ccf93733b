/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/node.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "relay/guest.h"
#include "relay/node_chan.h"
#include "relay/pumped.h"
#include "relay/sys.h"

/* Ports asked for when the last lease ran out. */
#define LEASE_PORTS 512

/* ---- life ---- */

static int add_address(struct node *node, const struct net_family *half)
{
	return fdnet_stack_add_addr(node->stack, &half->ip, half->bits);
}

static int open_stack(struct node *node, uint16_t lo, uint16_t hi)
{
	struct relay *relay = node->relay;
	struct fdnet_stack_config cfg;
	int rc;

	fdnet_stack_config_init(&cfg);
	cfg.mem = relay->mem;
	cfg.pool = relay->pool;
	if (getrandom(cfg.seed, sizeof(cfg.seed), 0) != sizeof(cfg.seed))
		return -EIO;
	cfg.mtu = relay->opts->mtu;
	cfg.gso_max = relay->impairing ? 0 : GUEST_GSO_MAX;
	cfg.csum_offload = true;
	cfg.switched = true;
	cfg.lossless = !relay->impairing;
	cfg.ephemeral_lo = lo;
	cfg.ephemeral_hi = hi;
	cfg.max_socks = 2 * LIMIT_NODE_SOCKS;
	rc = fdnet_stack_new(&cfg, relay->now_us, &node->stack);
	if (!rc)
		rc = add_address(node, &relay->opts->net.v4);
	if (!rc)
		rc = add_address(node, &relay->opts->net.v6);
	return rc;
}

int node_get(struct relay *relay, struct node **ret_node)
{
	struct node *node;
	uint16_t lo, hi;
	int rc;

	if (relay->node) {
		*ret_node = relay->node;
		return 0;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->relay = relay;
	nametag_init(node->tags);
	node->buf = malloc(PUMPED_DGRAM_MAX);
	rc = node->buf ? guest_new_node(relay, node) : -ENOMEM;
	if (rc) {
		free(node->buf);
		free(node);
		return rc;
	}
	rc = registry_lease_both(&relay->registry, node->guest->id, &lo, &hi);
	if (!rc)
		rc = open_stack(node, lo, hi);
	if (rc) {
		guest_free(node->guest);
		return rc;
	}
	relay->node = node;
	*ret_node = node;
	return 0;
}

void node_free(struct node *node)
{
	if (!node)
		return;
	node_chan_end_all(node);
	pumped_end_all(node);
	fdnet_stack_free(node->stack);
	if (node->relay->node == node)
		node->relay->node = NULL;
	nametag_done(node->tags);
	free(node->buf);
	free(node);
}

/* ---- the engine ---- */

void node_set_time(struct node *node)
{
	fdnet_stack_set_time(node->stack, node->relay->now_us);
}

void node_input(struct node *node, struct fdnet_pkt *pkt)
{
	node_set_time(node);
	fdnet_stack_input(node->stack, pkt);
	guest_touch(node->guest);
}

static void take_events(struct node *node)
{
	struct fdnet_sock *so;
	uint32_t events;

	while ((so = fdnet_stack_next_event(node->stack, &events))) {
		struct pumped *sock = fdnet_sock_user(so);

		if (sock)
			pumped_sock_event(sock, events);
	}
}

bool node_output(struct node *node)
{
	struct fdnet_pkt *pkt;
	bool any = false;

	while ((pkt = fdnet_stack_output(node->stack))) {
		guest_link_packet(node->guest, pkt);
		any = true;
	}
	return any;
}

bool node_run(struct node *node)
{
	bool more;

	node_set_time(node);
	fdnet_stack_advance(node->stack);
	take_events(node);
	pumped_run_ready(node);
	more = node_output(node);
	/* what goes from one socket of the node to another never comes out:
	 * its arrival is an event of this very turn */
	take_events(node);
	return more || node->ready;
}

uint64_t node_expiry(struct node *node)
{
	uint64_t expiry_us = fdnet_stack_expiry(node->stack);

	if (node->ready)
		return 0;
	if (node->idle_us && node->idle_us + LIMIT_ORPHAN_US < expiry_us)
		expiry_us = node->idle_us + LIMIT_ORPHAN_US;
	return expiry_us;
}

bool node_is_idle(struct node *node)
{
	if (node->count) {
		node->idle_us = 0;
		return false;
	}
	if (!node->guest->nflows && !fdnet_stack_has_work(node->stack))
		return true;
	if (!node->idle_us)
		node->idle_us = node->relay->now_us;
	return node->relay->now_us - node->idle_us >= LIMIT_ORPHAN_US;
}

int node_lease(struct node *node, uint8_t proto)
{
	uint16_t lo, hi;
	int rc;

	rc = registry_lease(&node->relay->registry, node->guest->id, proto,
			    LEASE_PORTS, &lo, &hi);
	return rc ? rc : fdnet_stack_lease(node->stack, proto, lo, hi);
}

/* ---- who ---- */

static void name_process(struct relay *relay, uint32_t pid, char *comm)
{
	struct guest *guest;

	memset(comm, 0, 16);
	for (guest = relay->guests; guest; guest = guest->hh.next)
		if (guest->link && guest->pid == pid) {
			memcpy(comm, guest->comm, 16);
			return;
		}
}

bool node_owner(struct node *node, uint8_t proto,
		const struct fdnet_name *name, const struct fdnet_name *peer,
		uint32_t *ret_pid, char *comm)
{
	const struct pumped *sock = NULL;
	struct fdnet_sock *so = NULL;

	/* there may be very many connections */
	if (peer && proto == POLICY_TCP)
		so = fdnet_stack_find(node->stack, proto, name, peer);
	if (so)
		sock = fdnet_sock_user(so);
	if (!sock)
		sock = pumped_find_name(node, proto, name);
	if (!sock)
		return false;
	*ret_pid = sock->pid;
	name_process(node->relay, sock->pid, comm);
	return true;
}
