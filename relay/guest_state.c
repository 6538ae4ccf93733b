/* SPDX-License-Identifier: Apache-2.0 */
/* Guests in the state that another relay takes over. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "endpoint/area.h"
#include "endpoint/packet_internal.h"
#include "relay/dns.h"
#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/guest.h"
#include "relay/hold.h"
#include "relay/impair_link.h"
#include "relay/node.h"
#include "relay/peer.h"
#include "relay/state.h"
#include "relay/sys.h"

enum guest_kind {
	GUEST_LINK,
	GUEST_ORPHAN,
	GUEST_NODE,
	GUEST_PEER,
	GUEST_KINDS
};

/* ---- the engine ---- */

static uint64_t tag(void *arg, struct fdnet_sock *so)
{
	const struct state *st = arg;
	struct user *user = fdnet_sock_user(so);

	if (!user)
		return 0;
	switch (user->kind) {
	case USER_FLOW_TCP:
		return flow_tcp_tag(user);
	case USER_UDP_GATE:
		return flow_udp_tag(st->guest, so);
	case USER_DNS_UDP:
	case USER_DNS_LISTEN:
	case USER_DNS_CONN:
		return dns_tag(st->guest, so);
	}
	return 0;
}

static void engine(struct state *st, struct guest *guest)
{
	struct relay *relay = st->relay;
	struct fdnet_stack_config cfg = {
		.mem = relay->mem,
		.pool = relay->pool,
		.payload_pool = guest->payload_pool,
	};

	if (!fdnet_save_bool(&st->s, guest->stack))
		return;
	st->guest = guest;
	guest->stack = state_engine(st, guest->stack, 2 * (uint64_t)guest->id,
				    tag, &cfg);
	flow_udp_guest_state(st, guest);
	dns_guest_state(st, guest);
}

/* ---- the link ---- */

static void read_area(struct state *st, struct guest *guest,
		      const uint32_t *sent)
{
	struct relay *relay = st->relay;
	struct fdnet_area *area;

	fdnet_save_check(&st->s, guest->area_fd >= 0);
	if (!st->s.rc)
		fdnet_save_fail(&st->s, fdnet_area_adopt(relay->mem,
							 guest->area_fd, sent,
							 &area));
	if (st->s.rc)
		return;
	/* taken from once it is ours (state_begin()) */
	fdnet_link_set_area(guest->link, area);
	guest->restored_area = area;
	guest->payload.pool = relay->pool;
	guest->payload_pool = fdnet_pkt_pool_new(relay->mem, 0, 0);
	if (guest->payload_pool)
		fdnet_pkt_pool_set_bufs(guest->payload_pool,
					fdnet_area_pool_take, &guest->payload);
	else
		fdnet_save_fail(&st->s, -ENOMEM);
}

static void area(struct state *st, struct guest *guest)
{
	uint32_t sent[FDNET_AREA_BLOCKS] = { 0 };
	bool has = fdnet_save_bool(&st->s, guest->payload.area);

	if (!has)
		return;
	if (!st->s.reading)
		fdnet_area_counts(guest->payload.area, sent);
	for (int i = 0; i < FDNET_AREA_BLOCKS; i++)
		sent[i] = fdnet_save_u32(&st->s, sent[i]);
	guest->area_fd = state_fd(st, guest->area_fd);
	if (st->s.reading)
		read_area(st, guest, sent);
}

static void queue(struct state *st, struct guest *guest)
{
	struct fdnet_pkt *pkt = NULL, *next;
	uint32_t n = 0;

	LL_COUNT(guest->txq, pkt, n);
	pkt = st->s.reading ? NULL : guest->txq;
	n = fdnet_save_count(&st->s, n, LIMIT_TXQ_BYTES / 64, 21);
	for (; n && !st->s.rc; n--, pkt = next) {
		next = pkt ? pkt->next : NULL;
		pkt = state_pkt(st, pkt);
		if (st->s.reading && pkt)
			guest_link_queue(guest, pkt);
	}
}

static void replies(struct state *st, struct guest *guest)
{
	struct fdnet_save *s = &st->s;
	uint32_t n = fdnet_save_count(s, guest->nreplies, LIMIT_REPLIES, 1);

	for (uint32_t i = 0; i < n && !s->rc; i++) {
		struct guest_reply *reply =
			&guest->replies[(guest->reply_first + i) %
					LIMIT_REPLIES];

		reply->len = fdnet_save_u8(s, reply->len);
		fdnet_save_check(s, reply->len <= sizeof(reply->body));
		if (!s->rc)
			fdnet_save_bytes(s, reply->body, reply->len);
	}
	guest->nreplies = s->rc && s->reading ? 0 : n;
}

static void link_open(struct state *st, struct guest *guest, int fd)
{
	struct relay *relay = st->relay;
	int rc;

	guest->src.fd = fd;
	throttle_init(&guest->throttle, relay, &guest->src,
		      relay->opts->limits.control_rate, EPOLLIN);
	rc = guest_link_open(guest);
	if (!rc) {
		relay->nguests++;
		rc = loop_add(&relay->loop, &guest->src, EPOLLIN);
	}
	fdnet_save_fail(&st->s, rc);
}

/* How far each has come in the rings. */
static void rings(struct state *st, struct guest *guest)
{
	struct fdnet_link_rings at = { 0 };
	struct fdnet_save *s = &st->s;

	if (!s->reading)
		fdnet_link_get_rings(guest->link, &at);
	at.tx_open = fdnet_save_bool(s, at.tx_open);
	at.rx_open = fdnet_save_bool(s, at.rx_open);
	at.tx_pos = fdnet_save_u32(s, at.tx_pos);
	at.rx_pos = fdnet_save_u32(s, at.rx_pos);
	if (s->reading && !s->rc)
		fdnet_save_fail(s, fdnet_link_set_rings(guest->link, &at));
}

static void link_state(struct state *st, struct guest *guest)
{
	uint32_t features = 0;
	int fd;

	if (!st->s.reading)
		features = fdnet_link_features(guest->link);
	features = fdnet_save_u32(&st->s, features);
	fd = state_socket(st, guest->src.fd, AF_UNIX, SOCK_SEQPACKET);
	fdnet_save_check(&st->s, fd >= 0);
	if (st->s.reading && fd >= 0)
		link_open(st, guest, fd);
	if (st->s.rc)
		return;
	area(st, guest);
	if (st->s.reading && !st->s.rc && guest->greeted)
		fdnet_link_set_features(guest->link, features);
	rings(st, guest);
	queue(st, guest);
	replies(st, guest);
}

/* ---- another sandbox's ---- */

static void peer(struct state *st, struct guest *guest)
{
	struct peer *peer = guest->peer;

	if (st->s.reading) {
		peer = state_alloc(&st->s, sizeof(*peer));
		if (!peer)
			return;
		peer->guest = guest;
		guest->peer = peer;
		LL_PREPEND(st->relay->peers, peer);
	}
	state_chars(&st->s, peer->name, sizeof(peer->name));
	for (int i = 0; i < 2; i++) {
		fdnet_save_ip(&st->s, &peer->ip[i]);
		fdnet_save_check(&st->s,
				 peer->ip[i].family == (i ? 6 : 4));
	}
}

/* ---- all ---- */

static enum guest_kind kind_of(const struct guest *guest)
{
	if (guest->node)
		return GUEST_NODE;
	if (guest->peer)
		return GUEST_PEER;
	return guest->link ? GUEST_LINK : GUEST_ORPHAN;
}

static void fields(struct state *st, struct guest *guest)
{
	struct fdnet_save *s = &st->s;

	guest->pid = fdnet_save_u32(s, guest->pid);
	state_chars(s, guest->comm, sizeof(guest->comm));
	guest->greeted = fdnet_save_bool(s, guest->greeted);
	guest->doomed = fdnet_save_bool(s, guest->doomed);
	guest->captured = fdnet_save_bool(s, guest->captured);
	guest->udp_more = fdnet_save_bool(s, guest->udp_more);
	guest->dns_more = fdnet_save_bool(s, guest->dns_more);
	guest->deadline_us = fdnet_save_u64(s, guest->deadline_us);
}

static void parts(struct state *st, struct guest *guest, enum guest_kind kind)
{
	struct fdnet_save *s = &st->s;

	fields(st, guest);
	if (kind == GUEST_LINK || kind == GUEST_PEER)
		link_state(st, guest);
	if (kind == GUEST_PEER && !s->rc)
		peer(st, guest);
	if (!s->rc)
		engine(st, guest);
	/* what runs a guest looks at no more than this */
	fdnet_save_check(s, kind == GUEST_PEER || kind == GUEST_ORPHAN ||
				    guest->greeted == (guest->stack != NULL));
	fdnet_save_check(s, kind != GUEST_PEER ||
				    (guest->greeted && !guest->stack));
	fdnet_save_check(s, kind != GUEST_NODE || guest->stack);
	if (!s->rc)
		hold_state(st, guest);
	if (!s->rc && guest->stack)
		impair_state(st, guest);
}

static struct guest *read_guest(struct state *st, uint32_t id)
{
	struct guest *guest;

	fdnet_save_check(&st->s, id && !guest_find(st->relay, id));
	guest = state_alloc(&st->s, sizeof(*guest));
	if (!guest)
		return NULL;
	guest->relay = st->relay;
	guest->src = (struct source){ .type = SOURCE_GUEST, .fd = -1 };
	guest->area_fd = -1;
	guest->id = id;
	HASH_ADD(hh, st->relay->guests, id, sizeof(guest->id), guest);
	if (hash_added(guest))
		return guest;
	fdnet_save_fail(&st->s, -ENOMEM);
	free(guest);
	return NULL;
}

static void guest_state(struct state *st, struct guest *guest)
{
	uint32_t id = fdnet_save_u32(&st->s, guest ? guest->id : 0);
	int kind = fdnet_save_int(&st->s, guest ? (int)kind_of(guest) : 0, 0,
				  GUEST_KINDS - 1);

	if (st->s.reading)
		guest = read_guest(st, id);
	if (!guest)
		return;
	parts(st, guest, (enum guest_kind)kind);
	if (kind == GUEST_NODE && !st->s.rc)
		node_state(st, guest);
}

void guests_state(struct state *st)
{
	struct relay *relay = st->relay;
	uint32_t n = fdnet_save_count(&st->s, HASH_COUNT(relay->guests),
				      65536, 40);
	struct guest *guest = st->s.reading ? NULL : relay->guests;

	for (; n && !st->s.rc; n--) {
		guest_state(st, guest);
		if (guest)
			guest = guest->hh.next;
	}
	relay->last_id = fdnet_save_u32(&st->s, relay->last_id);
}

void guests_begin(struct relay *relay)
{
	struct guest *guest;

	for (guest = relay->guests; guest; guest = guest->hh.next) {
		guest->payload.area = guest->restored_area;
		guest->restored_area = NULL;
		if (guest->link) /* it may not have kicked anybody */
			guest_ring_use(guest, true);
		if (guest->txq || guest->nreplies)
			guest_link_full(guest);
		guest_touch(guest);
	}
}

void guests_release(struct relay *relay)
{
	struct guest *guest;
	struct fdnet_pkt *pkt;

	for (guest = relay->guests; guest; guest = guest->hh.next) {
		while ((pkt = guest->txq)) {
			guest->txq = pkt->next;
			fdnet_pkt_free(pkt);
		}
		hold_free_all(guest);
		impair_forget(guest, true);
		fdnet_stack_free(guest->stack);
		guest->stack = NULL;
	}
	if (relay->node)
		fdnet_stack_free(relay->node->stack);
}
