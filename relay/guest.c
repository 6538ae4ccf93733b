/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "relay/dns.h"
#include "relay/flow_echo.h"
#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/impair_link.h"
#include "relay/hold.h"
#include "relay/node.h"
#include "relay/sys.h"

/* Rounds of one run; what is left then waits until others had a turn. */
#define RUN_ROUNDS 8

struct guest *guest_find(struct relay *relay, uint32_t id)
{
	struct guest *guest;

	HASH_FIND(hh, relay->guests, &id, sizeof(id), guest);
	return guest;
}

static uint32_t next_id(struct relay *relay)
{
	do
		relay->last_id++;
	while (!relay->last_id || guest_find(relay, relay->last_id));
	return relay->last_id;
}

int guest_new(struct relay *relay, int fd, uint32_t pid)
{
	struct guest *guest;
	int rc;

	if (HASH_COUNT(relay->guests) >= relay->opts->limits.guests)
		return -ENOBUFS;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return -ENOMEM;
	guest->relay = relay;
	guest->src = (struct source){ .type = SOURCE_GUEST, .fd = fd };
	guest->area_fd = -1;
	guest->id = next_id(relay);
	guest->pid = pid;
	guest->deadline_us = relay->now_us + LIMIT_HELLO_US;
	guest->expiry_us = guest->deadline_us;
	sys_set_buffers(fd, GUEST_SOCKBUF);
	rc = guest_link_open(guest);
	if (rc)
		goto err_free;
	throttle_init(&guest->throttle, relay, &guest->src,
		      relay->opts->limits.control_rate, EPOLLIN);
	rc = loop_add(&relay->loop, &guest->src, EPOLLIN);
	if (rc)
		goto err_link;
	HASH_ADD(hh, relay->guests, id, sizeof(guest->id), guest);
	if (!hash_added(guest)) {
		rc = -ENOMEM;
		goto err_loop;
	}
	relay->nguests++;
	return 0;
err_loop:
	loop_remove(&relay->loop, &guest->src);
err_link:
	fdnet_link_free(guest->link);
err_free:
	free(guest);
	return rc;
}

int guest_new_node(struct relay *relay, struct node *node)
{
	struct guest *guest;
	int rc;

	if (HASH_COUNT(relay->guests) >= LIMIT_GUESTS)
		return -ENOBUFS;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return -ENOMEM;
	guest->relay = relay;
	guest->src = (struct source){ .type = SOURCE_GUEST, .fd = -1 };
	guest->area_fd = -1;
	guest->id = next_id(relay);
	memcpy(guest->comm, "(shared)", sizeof("(shared)"));
	HASH_ADD(hh, relay->guests, id, sizeof(guest->id), guest);
	if (!hash_added(guest)) {
		free(guest);
		return -ENOMEM;
	}
	/* as of other guests' links: one loss is one packet's */
	if (relay->impairing)
		rc = guest_greet(guest, FDNET_LINK_F_CSUM | FDNET_LINK_F_LOSSY,
				 0);
	else
		rc = guest_greet(guest, FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO |
						FDNET_LINK_F_BIG,
				 GUEST_GSO_MAX);
	if (rc) {
		guest_free(guest);
		return rc;
	}
	guest->node = node;
	node->guest = guest;
	return 0;
}

static int open_engine(struct guest *guest, uint32_t features,
		       uint32_t gso_max)
{
	struct relay *relay = guest->relay;
	struct fdnet_stack_config cfg;

	fdnet_stack_config_init(&cfg);
	cfg.mem = relay->mem;
	cfg.pool = relay->pool;
	cfg.payload_pool = guest->payload_pool;
	if (getrandom(cfg.seed, sizeof(cfg.seed), 0) != sizeof(cfg.seed))
		return -EIO;
	cfg.mtu = relay->opts->mtu;
	cfg.gso_max = gso_max;
	cfg.csum_offload = features & FDNET_LINK_F_CSUM;
	cfg.gateway = true;
	cfg.forward = true;
	cfg.lossless = !(features & FDNET_LINK_F_LOSSY);
	/* a name server of the machine's may have a loopback address */
	cfg.switched = true;
	cfg.max_socks = (uint32_t)(2 * relay->opts->limits.tcp_flows) + 64;
	/* windows get small well before there is no memory at all */
	cfg.tcp_mem = relay->opts->limits.bytes / 4;
	cfg.udp_sndbuf = 4u << 20;
	cfg.udp_rcvbuf = 4u << 20;
	return fdnet_stack_new(&cfg, relay->now_us, &guest->stack);
}

static int add_addresses(struct guest *guest, const struct net_family *half)
{
	int rc = fdnet_stack_add_addr(guest->stack, &half->gateway,
				      half->bits);

	return rc ? rc : fdnet_stack_add_addr(guest->stack, &half->dns,
					      half->bits);
}

int guest_greet(struct guest *guest, uint32_t features, uint32_t gso_max)
{
	int rc = open_engine(guest, features, gso_max);

	if (!rc)
		rc = add_addresses(guest, &guest->relay->opts->net.v4);
	if (!rc)
		rc = add_addresses(guest, &guest->relay->opts->net.v6);
	if (!rc)
		rc = flow_udp_open(guest);
	if (!rc)
		rc = dns_open_guest(guest);
	guest->greeted = !rc;
	return rc;
}

void guest_touch(struct guest *guest)
{
	if (guest->is_dirty)
		return;
	guest->is_dirty = true;
	guest->next_dirty = guest->relay->dirty;
	guest->relay->dirty = guest;
}

static void dispatch(struct guest *guest, struct fdnet_sock *so,
		     uint32_t events)
{
	struct user *user = fdnet_sock_user(so);

	if (!user)
		return;
	switch (user->kind) {
	case USER_FLOW_TCP:
		flow_tcp_guest_event(guest, user, events);
		break;
	case USER_UDP_GATE:
		flow_udp_guest_event(guest, so, events);
		break;
	case USER_DNS_UDP:
		dns_udp_event(guest, so);
		break;
	case USER_DNS_LISTEN:
		dns_listen_event(guest, so);
		break;
	case USER_DNS_CONN:
		dns_conn_event(guest, user);
		break;
	}
}

/* One round; is there more? */
static bool run_round(struct guest *guest)
{
	struct fdnet_sock *so;
	uint32_t events;
	bool more = false;

	/* what the link takes makes room, which is an event too */
	guest_link_output(guest);
	while ((so = fdnet_stack_next_request(guest->stack))) {
		flow_tcp_request(guest, so);
		more = true;
	}
	while ((so = fdnet_stack_next_event(guest->stack, &events))) {
		dispatch(guest, so, events);
		more = true;
	}
	guest_link_output(guest);
	if (guest->node && node_run(guest->node))
		more = true;
	return more;
}

/* An orphan lives until its flows have ended, or its time is over. */
static bool is_over(const struct guest *guest)
{
	if (guest_is_up(guest))
		return false;
	return !guest->flows || guest->relay->now_us >= guest->deadline_us;
}

static void set_expiry(struct guest *guest)
{
	uint64_t expiry_us = FDNET_NEVER;

	if (guest->stack)
		expiry_us = fdnet_stack_expiry(guest->stack);
	if (guest->impaired && impair_next(guest) < expiry_us)
		expiry_us = impair_next(guest);
	if (hold_expiry(guest) < expiry_us)
		expiry_us = hold_expiry(guest);
	if (guest->node && node_expiry(guest->node) < expiry_us)
		expiry_us = node_expiry(guest->node);
	if ((!guest->greeted || !guest_is_up(guest)) &&
	    guest->deadline_us < expiry_us)
		expiry_us = guest->deadline_us;
	guest->expiry_us = expiry_us;
}

static void run(struct guest *guest)
{
	if (!guest->greeted && guest->relay->now_us >= guest->deadline_us)
		guest->doomed = true;
	hold_advance(guest);
	if (guest->stack) {
		fdnet_stack_set_time(guest->stack, guest->relay->now_us);
		impair_advance(guest);
		fdnet_stack_advance(guest->stack);
		flow_tcp_run_ready(guest);
		flow_udp_run_more(guest);
		dns_run_more(guest);
		for (int i = 0; run_round(guest) && i < RUN_ROUNDS; i++)
			;
		flow_tcp_run_resetting(guest);
		guest_link_output(guest);
	}
	if (guest->doomed && guest->link) {
		guest_link_end(guest);
		flow_tcp_run_ready(guest);
		if (guest->stack)
			run_round(guest);
	}
	if (is_over(guest)) {
		guest_free(guest);
		return;
	}
	set_expiry(guest);
	if (guest->ready)
		guest_touch(guest);
}

void guest_run_all(struct relay *relay)
{
	struct guest *guest, *tmp, *list;

	HASH_ITER(hh, relay->guests, guest, tmp) {
		if (guest->expiry_us <= relay->now_us)
			guest_touch(guest);
	}
	/* those touched meanwhile have their turn in the next wake-up, which
	 * guest_expiry() says is now */
	list = relay->dirty;
	relay->dirty = NULL;
	while (list) {
		guest = list;
		list = guest->next_dirty;
		guest->is_dirty = false;
		run(guest);
	}
}

uint64_t guest_expiry(const struct relay *relay)
{
	uint64_t expiry_us = FDNET_NEVER;
	struct guest *guest;

	if (relay->dirty)
		return 0;
	for (guest = relay->guests; guest; guest = guest->hh.next)
		if (guest->expiry_us < expiry_us)
			expiry_us = guest->expiry_us;
	return expiry_us;
}

static void free_source(struct source *src)
{
	free((struct guest *)src);
}

static void forget_dirty(struct guest *guest)
{
	struct guest **at = &guest->relay->dirty;

	if (!guest->is_dirty)
		return;
	while (*at && *at != guest)
		at = &(*at)->next_dirty;
	if (*at)
		*at = guest->next_dirty;
	guest->is_dirty = false;
}

void guest_free(struct guest *guest)
{
	struct relay *relay = guest->relay;

	if (guest->link)
		guest_link_end(guest);
	if (guest->node) {
		node_free(guest->node);
		guest->node = NULL;
		registry_gone(&relay->registry, guest->id);
		switch_gone(&relay->sw, guest->id, relay->now_us);
	}
	hold_free_all(guest);
	impair_forget(guest, true);
	flow_tcp_end_all(guest);
	flow_udp_end_all(guest);
	flow_echo_end_all(relay, guest);
	dns_end_guest(guest);
	fdnet_stack_free(guest->stack);
	fdnet_pkt_pool_free(guest->payload_pool);
	forget_dirty(guest);
	HASH_DEL(relay->guests, guest);
	loop_bury(&relay->loop, &guest->src, free_source);
}
