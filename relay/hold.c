/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/node.h"
#include "relay/take.h"
#include "stack/internal.h"
#include "stack/wire/icmp.h"
#include "stack/wire/tcp.h"
#include "relay/state.h"

/* What a kept packet is taken to cost besides its payload. */
#define PKT_COST 1024

/* ---- a guest's holds ---- */

static struct hold_key make_key(uint8_t proto, const struct fdnet_ip *local,
				uint16_t local_port,
				const struct fdnet_ip *peer, uint16_t peer_port)
{
	struct hold_key key;

	memset(&key, 0, sizeof(key)); /* hashed with its padding */
	key.proto = proto;
	key.local = *local;
	key.peer = *peer;
	key.local_port = local_port;
	key.peer_port = peer_port;
	return key;
}

static struct hold *find_flow(struct guest *guest, const struct hold_key *key)
{
	struct hold *hold;

	HASH_FIND(hh, guest->holds.flows, key, sizeof(*key), hold);
	return hold;
}

/* The latest of this name. */
static struct hold *find(struct guest *guest, const struct hold_key *key)
{
	struct hold *hold;

	if (key->peer_port)
		return find_flow(guest, key);
	DL_FOREACH2(guest->holds.names, hold, name_next)
		if (hold->key.proto == key->proto &&
		    hold->key.local_port == key->local_port &&
		    fdnet_ip_equal(&hold->key.local, &key->local))
			return hold;
	return NULL;
}

static struct hold *find_waiting(struct guest *guest, const struct hold_key *key)
{
	struct hold *hold = find(guest, key);

	return hold && !hold->moved ? hold : NULL;
}

static int add(struct hold *hold)
{
	struct holds *holds = &hold->guest->holds;

	if (hold->key.peer_port) {
		HASH_ADD(hh, holds->flows, key, sizeof(hold->key), hold);
		if (!hash_added(hold))
			return -ENOMEM;
	} else {
		DL_PREPEND2(holds->names, hold, name_prev, name_next);
	}
	DL_APPEND(holds->age[hold->moved], hold);
	holds->n[hold->moved]++;
	return 0;
}

/* Among those that wait, or that have moved, it is the youngest now. */
static void renew(struct hold *hold, bool moved)
{
	struct holds *holds = &hold->guest->holds;

	DL_DELETE(holds->age[hold->moved], hold);
	holds->n[hold->moved]--;
	hold->moved = moved;
	hold->expiry_us = hold->guest->relay->now_us + LIMIT_HOLD_US;
	DL_APPEND(holds->age[moved], hold);
	holds->n[moved]++;
}

static void drop_pkts(struct hold *hold)
{
	struct fdnet_pkt *pkt;

	while ((pkt = hold->pkts)) {
		hold->pkts = pkt->next;
		fdnet_pkt_free(pkt);
	}
	hold->bytes = 0;
}

static void hold_free(struct hold *hold)
{
	struct holds *holds = &hold->guest->holds;

	drop_pkts(hold);
	if (hold->key.peer_port)
		HASH_DEL(holds->flows, hold);
	else
		DL_DELETE2(holds->names, hold, name_prev, name_next);
	DL_DELETE(holds->age[hold->moved], hold);
	holds->n[hold->moved]--;
	free(hold);
}

void hold_free_all(struct guest *guest)
{
	for (int moved = 0; moved < 2; moved++)
		while (guest->holds.age[moved])
			hold_free(guest->holds.age[moved]);
}

/* ---- requests ---- */

static struct hold_key key_of_ctl(const struct fdnet_ctl *ctl)
{
	struct fdnet_ip local = { .family = ctl->family };
	struct fdnet_ip peer = { .family = ctl->family };

	memcpy(local.bytes, ctl->addr, 16);
	memcpy(peer.bytes, ctl->peer, 16);
	return make_key(ctl->proto, &local, ctl->port, &peer, ctl->peer_port);
}

int hold_new(struct guest *guest, const struct fdnet_ctl *ctl)
{
	struct hold_key key = key_of_ctl(ctl);
	struct hold *hold = find(guest, &key);
	int rc;

	if (guest->holds.n[false] >= LIMIT_HOLDS) {
		count(&guest->relay->counters, C_HOLD_LIMIT);
		return -ENOBUFS;
	}
	/* another of the same name, or once more after a failure */
	if (hold) {
		renew(hold, false);
		hold->id = ctl->id;
		hold->told = false;
		return 0;
	}
	hold = calloc(1, sizeof(*hold));
	if (!hold)
		return -ENOMEM;
	hold->guest = guest;
	hold->key = key;
	hold->id = ctl->id;
	hold->expiry_us = guest->relay->now_us + LIMIT_HOLD_US;
	rc = add(hold);
	if (rc)
		free(hold);
	return rc;
}

void hold_end(struct guest *guest, const struct fdnet_ctl *ctl)
{
	struct hold_key key = key_of_ctl(ctl);
	struct hold *hold = find_waiting(guest, &key);
	struct fdnet_pkt *pkts, *pkt;

	if (!hold)
		return;
	pkts = hold->pkts;
	hold->pkts = NULL;
	hold_free(hold);
	/* not before: it would catch them again */
	while ((pkt = pkts)) {
		pkts = pkt->next;
		pkt->next = NULL;
		guest_link_forward(guest, pkt);
	}
}

struct hold *hold_find(struct relay *relay, uint8_t proto,
		       const struct fdnet_name *local,
		       const struct fdnet_name *peer)
{
	struct hold_key key = make_key(proto, &local->ip, local->port,
				       &peer->ip, peer->port);
	struct guest *guest;
	struct hold *hold;

	for (guest = relay->guests; guest; guest = guest->hh.next) {
		hold = find_waiting(guest, &key);
		if (hold)
			return hold;
	}
	return NULL;
}

/* ---- packets ---- */

static bool is_syn(const struct head *head)
{
	return head->proto == FDNET_PROTO_TCP &&
	       (head->flags & (FDNET_TH_SYN | FDNET_TH_ACK)) == FDNET_TH_SYN;
}

/*
 * After the move: has the node a socket for it? The one that has moved may have
 * ended, and another be at its port or between its names: clients use theirs
 * again, after a second even. A listener's hold is for connections that it has
 * not given out; the others at its port are the guest's own.
 */
static bool is_nodes(const struct hold *hold, const struct head *head)
{
	struct fdnet_stack *stack = hold->guest->relay->node->stack;
	struct fdnet_name local = { .ip = head->dst, .port = head->dport };
	struct fdnet_name peer = { .ip = head->src, .port = head->sport };

	if (head->proto == FDNET_PROTO_TCP &&
	    (hold->key.peer_port || !is_syn(head)))
		return fdnet_stack_find(stack, FDNET_PROTO_TCP, &local, &peer);
	return fdnet_demux_find(stack, head->proto, &local, &peer);
}

static void keep(struct hold *hold, struct fdnet_pkt *pkt)
{
	size_t cost = PKT_COST + fdnet_pkt_total(pkt);

	if (hold->bytes + cost > LIMIT_HOLD_BYTES) {
		count(&hold->guest->relay->counters, C_HOLD_DROP);
		fdnet_pkt_free(pkt);
		return;
	}
	hold->bytes += cost;
	pkt->next = NULL;
	if (hold->pkts)
		hold->pkts_last->next = pkt;
	else
		hold->pkts = pkt;
	hold->pkts_last = pkt;
}

/* The latest that is for such packets. */
static struct hold *find_for(struct guest *guest, const struct head *head)
{
	struct hold_key key = make_key(head->proto, &head->dst, head->dport,
				       &head->src, head->sport);
	struct hold *hold = find_flow(guest, &key);

	if (hold)
		return hold;
	DL_FOREACH2(guest->holds.names, hold, name_next)
		if (hold->key.proto == head->proto &&
		    hold->key.local_port == head->dport &&
		    (fdnet_ip_is_any(&hold->key.local) ||
		     fdnet_ip_equal(&hold->key.local, &head->dst)))
			return hold;
	return NULL;
}

bool hold_catch(struct guest *guest, struct fdnet_pkt *pkt)
{
	struct hold *hold;
	struct head head;

	if (!hold_any(guest) || head_parse_pkt(pkt, &head) || !head.has_ports)
		return false;
	hold = find_for(guest, &head);
	if (!hold)
		return false;
	if (!hold->moved) {
		keep(hold, pkt);
		return true;
	}
	if (!is_nodes(hold, &head))
		return false;
	node_input(guest->relay->node, pkt);
	return true;
}

/* A connection that began while its listener moved: the switch, or the
 * gateway, knows the guest for its owner still. */
static int bring_along(struct hold *hold, const struct head *head)
{
	struct fdnet_name local = { .ip = head->dst, .port = head->dport };
	struct fdnet_name peer = { .ip = head->src, .port = head->sport };

	if (!is_syn(head) || hold->key.peer_port)
		return 0;
	return take_connection(hold->guest->relay->node, hold->guest, &local,
			       &peer);
}

void hold_release(struct hold *hold)
{
	struct guest *guest = hold->guest;
	struct fdnet_pkt *pkt;
	struct head head;

	renew(hold, true);
	while ((pkt = hold->pkts)) {
		hold->pkts = pkt->next;
		pkt->next = NULL;
		if (head_parse_pkt(pkt, &head) || !is_nodes(hold, &head)) {
			guest_link_forward(guest, pkt);
			continue;
		}
		/* from the guest to itself: it finds its way now */
		if (bring_along(hold, &head) == -ENOENT)
			guest_link_packet(guest, pkt);
		else
			node_input(guest->relay->node, pkt);
	}
	hold->bytes = 0;
	/* what has moved long ago has nothing on its way any more */
	if (guest->holds.n[true] > LIMIT_HOLDS_MOVED)
		hold_free(guest->holds.age[true]);
}

static uint64_t oldest_us(const struct guest *guest, bool moved)
{
	const struct hold *hold = guest->holds.age[moved];

	return hold ? hold->expiry_us : FDNET_NEVER;
}

uint64_t hold_expiry(const struct guest *guest)
{
	uint64_t waiting_us = oldest_us(guest, false);
	uint64_t moved_us = oldest_us(guest, true);

	return waiting_us < moved_us ? waiting_us : moved_us;
}

void hold_advance(struct guest *guest)
{
	for (int moved = 0; moved < 2; moved++)
		while (oldest_us(guest, moved) <= guest->relay->now_us)
			hold_free(guest->holds.age[moved]);
}

/* ---- state.h ---- */

static void key_fields(struct fdnet_save *s, struct hold_key *key)
{
	struct fdnet_name local = { .ip = key->local, .port = key->local_port };
	struct fdnet_name peer = { .ip = key->peer, .port = key->peer_port };

	key->proto = fdnet_save_u8(s, key->proto);
	fdnet_save_name(s, &local);
	fdnet_save_name(s, &peer);
	*key = make_key(key->proto, &local.ip, local.port, &peer.ip, peer.port);
}

static void hold_fields(struct state *st, struct hold *hold)
{
	struct fdnet_save *s = &st->s;
	struct fdnet_pkt *pkt = s->reading ? NULL : hold->pkts;
	uint32_t n = 0;

	key_fields(s, &hold->key);
	hold->id = fdnet_save_u32(s, hold->id);
	hold->told = fdnet_save_bool(s, hold->told);
	hold->moved = fdnet_save_bool(s, hold->moved);
	hold->expiry_us = fdnet_save_u64(s, hold->expiry_us);
	LL_COUNT(hold->pkts, pkt, n);
	pkt = hold->pkts;
	n = fdnet_save_count(s, n, LIMIT_HOLD_BYTES / PKT_COST, 21);
	for (; n && !s->rc; n--) {
		struct fdnet_pkt *next = pkt ? pkt->next : NULL;

		pkt = state_pkt(st, pkt);
		if (s->reading && pkt)
			keep(hold, pkt);
		pkt = next;
	}
}

static void read_hold(struct state *st, struct guest *guest)
{
	struct hold *hold = state_alloc(&st->s, sizeof(*hold));

	if (!hold)
		return;
	hold->guest = guest;
	hold_fields(st, hold);
	/* one of each name, as hold_new() makes them */
	if (!st->s.rc && !find(guest, &hold->key)) {
		fdnet_save_fail(&st->s, add(hold));
		if (!st->s.rc)
			return;
	}
	drop_pkts(hold);
	free(hold);
}

/* Those that wait and then those that have moved, the oldest first. */
void hold_state(struct state *st, struct guest *guest)
{
	struct holds *holds = &guest->holds;
	struct hold *hold;
	uint32_t n;

	n = fdnet_save_count(&st->s, holds->n[false] + holds->n[true],
			     LIMIT_HOLDS + LIMIT_HOLDS_MOVED, 31);
	if (st->s.reading) {
		for (; n && !st->s.rc; n--)
			read_hold(st, guest);
		return;
	}
	for (int moved = 0; moved < 2; moved++)
		DL_FOREACH(holds->age[moved], hold)
			hold_fields(st, hold);
}
