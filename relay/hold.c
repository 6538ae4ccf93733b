/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/node.h"
#include "relay/take.h"
#include "stack/wire/icmp.h"
#include "stack/wire/tcp.h"
#include "relay/state.h"

/* What a kept packet is taken to cost besides its payload. */
#define PKT_COST 1024

static void set_names(struct hold *hold, const struct fdnet_ctl *ctl)
{
	hold->proto = ctl->proto;
	hold->local.ip.family = hold->peer.ip.family = ctl->family;
	memcpy(hold->local.ip.bytes, ctl->addr, 16);
	memcpy(hold->peer.ip.bytes, ctl->peer, 16);
	hold->local.port = ctl->port;
	hold->peer.port = ctl->peer_port;
}

int hold_new(struct guest *guest, const struct fdnet_ctl *ctl)
{
	struct hold *hold;
	unsigned int n = 0;

	DL_COUNT(guest->holds, hold, n);
	if (n >= LIMIT_HOLDS) {
		count(&guest->relay->counters, C_HOLD_LIMIT);
		return -ENOBUFS;
	}
	hold = calloc(1, sizeof(*hold));
	if (!hold)
		return -ENOMEM;
	hold->guest = guest;
	set_names(hold, ctl);
	hold->id = ctl->id;
	hold->expiry_us = guest->relay->now_us + LIMIT_HOLD_US;
	/* the latest first: it may be the same flow again */
	DL_PREPEND(guest->holds, hold);
	return 0;
}

static bool is_held(const struct hold *hold, uint8_t proto,
		    const struct fdnet_ip *local, uint16_t local_port,
		    const struct fdnet_ip *peer, uint16_t peer_port)
{
	if (hold->proto != proto || hold->local.port != local_port)
		return false;
	if (!hold->peer.port)
		return fdnet_ip_is_any(&hold->local.ip) ||
		       fdnet_ip_equal(&hold->local.ip, local);
	return hold->peer.port == peer_port &&
	       fdnet_ip_equal(&hold->local.ip, local) &&
	       fdnet_ip_equal(&hold->peer.ip, peer);
}

static bool is_same(const struct hold *hold, uint8_t proto,
		    const struct fdnet_name *local,
		    const struct fdnet_name *peer)
{
	return hold->proto == proto && hold->local.port == local->port &&
	       fdnet_ip_equal(&hold->local.ip, &local->ip) &&
	       hold->peer.port == peer->port &&
	       (!peer->port || fdnet_ip_equal(&hold->peer.ip, &peer->ip));
}

void hold_end(struct guest *guest, const struct fdnet_ctl *ctl)
{
	struct hold key, *hold, *tmp;
	struct fdnet_pkt *pkts, *pkt;

	set_names(&key, ctl);
	DL_FOREACH_SAFE(guest->holds, hold, tmp) {
		if (hold->moved ||
		    !is_same(hold, key.proto, &key.local, &key.peer))
			continue;
		pkts = hold->pkts;
		hold->pkts = NULL;
		hold_free(hold);
		/* not before: it would catch them again */
		while ((pkt = pkts)) {
			pkts = pkt->next;
			pkt->next = NULL;
			guest_link_forward(guest, pkt);
		}
		return;
	}
}

struct hold *hold_find(struct relay *relay, uint8_t proto,
		       const struct fdnet_name *local,
		       const struct fdnet_name *peer)
{
	struct guest *guest;
	struct hold *hold;

	for (guest = relay->guests; guest; guest = guest->hh.next)
		DL_FOREACH(guest->holds, hold)
			if (!hold->moved &&
			    is_same(hold, proto, local, peer))
				return hold;
	return NULL;
}

/* A listener's hold is for connections that it has not given out; the others
 * at its port are the guest's own. After the move the node knows. */
static bool is_nodes(const struct hold *hold, const struct head *head)
{
	struct fdnet_name local = { .ip = head->dst, .port = head->dport };
	struct fdnet_name peer = { .ip = head->src, .port = head->sport };

	if (hold->proto != FDNET_PROTO_TCP || hold->peer.port)
		return true;
	if ((head->flags & (FDNET_TH_SYN | FDNET_TH_ACK)) == FDNET_TH_SYN)
		return true;
	return fdnet_stack_find(hold->guest->relay->node->stack,
				FDNET_PROTO_TCP, &local, &peer);
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

bool hold_catch(struct guest *guest, struct fdnet_pkt *pkt)
{
	struct hold *hold;
	struct head head;

	if (head_parse_pkt(pkt, &head) || !head.has_ports)
		return false;
	DL_FOREACH(guest->holds, hold) {
		if (!is_held(hold, head.proto, &head.dst, head.dport,
			     &head.src, head.sport))
			continue;
		if (!hold->moved) {
			keep(hold, pkt);
			return true;
		}
		if (!is_nodes(hold, &head))
			return false;
		node_input(guest->relay->node, pkt);
		return true;
	}
	return false;
}

/* A connection that began while its listener moved: the switch, or the
 * gateway, knows the guest for its owner still. */
static int bring_along(struct hold *hold, const struct head *head)
{
	struct fdnet_name local = { .ip = head->dst, .port = head->dport };
	struct fdnet_name peer = { .ip = head->src, .port = head->sport };

	if (head->proto != FDNET_PROTO_TCP || hold->peer.port ||
	    (head->flags & (FDNET_TH_SYN | FDNET_TH_ACK)) != FDNET_TH_SYN)
		return 0;
	return take_connection(hold->guest->relay->node, hold->guest, &local,
			       &peer);
}

void hold_release(struct hold *hold)
{
	struct guest *guest = hold->guest;
	struct fdnet_pkt *pkt;
	struct head head;

	hold->moved = true;
	hold->expiry_us = guest->relay->now_us + LIMIT_HOLD_US;
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
}

void hold_free(struct hold *hold)
{
	struct fdnet_pkt *pkt;

	while ((pkt = hold->pkts)) {
		hold->pkts = pkt->next;
		fdnet_pkt_free(pkt);
	}
	DL_DELETE(hold->guest->holds, hold);
	free(hold);
}

uint64_t hold_expiry(const struct guest *guest)
{
	uint64_t expiry_us = FDNET_NEVER;
	const struct hold *hold;

	DL_FOREACH(guest->holds, hold)
		if (hold->expiry_us < expiry_us)
			expiry_us = hold->expiry_us;
	return expiry_us;
}

void hold_advance(struct guest *guest)
{
	struct hold *hold, *tmp;

	DL_FOREACH_SAFE(guest->holds, hold, tmp)
		if (hold->expiry_us <= guest->relay->now_us)
			hold_free(hold);
}

/* ---- state.h ---- */

static void hold_fields(struct state *st, struct hold *hold)
{
	struct fdnet_save *s = &st->s;
	struct fdnet_pkt *pkt = s->reading ? NULL : hold->pkts;
	uint32_t n = 0;

	hold->proto = fdnet_save_u8(s, hold->proto);
	fdnet_save_name(s, &hold->local);
	fdnet_save_name(s, &hold->peer);
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

/* The latest first, as they stand. */
void hold_state(struct state *st, struct guest *guest)
{
	struct hold *hold = NULL;
	uint32_t n = 0;

	DL_COUNT(guest->holds, hold, n);
	n = fdnet_save_count(&st->s, n, LIMIT_HOLDS, 31);
	if (!st->s.reading) {
		DL_FOREACH(guest->holds, hold)
			hold_fields(st, hold);
		return;
	}
	for (; n && !st->s.rc; n--) {
		hold = state_alloc(&st->s, sizeof(*hold));
		if (!hold)
			return;
		hold->guest = guest;
		DL_APPEND(guest->holds, hold);
		hold_fields(st, hold);
	}
}
