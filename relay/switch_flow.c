/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/switch_flow.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "relay/limits.h"
#include "relay/synth.h"
#include "stack/wire/tcp.h"
#include "relay/state.h"

/* Both directions of a connection make the same key. Returns the sender's
 * side. */
static unsigned int make_key(const struct head *head, struct switch_key *key)
{
	int order = memcmp(&head->src, &head->dst, sizeof(head->src));
	unsigned int side;

	if (!order)
		order = head->sport - head->dport;
	side = order > 0;
	memset(key, 0, sizeof(*key));
	key->ip[side] = head->src;
	key->ip[!side] = head->dst;
	key->port[side] = head->sport;
	key->port[!side] = head->dport;
	return side;
}

struct switch_flow *switch_flow_find(struct switch_table *sw,
				     const struct head *head,
				     unsigned int *ret_side)
{
	struct switch_flow *flow;
	struct switch_key key;

	*ret_side = make_key(head, &key);
	HASH_FIND(hh, sw->flows, &key, sizeof(key), flow);
	return flow;
}

static void unschedule(struct switch_table *sw, struct switch_flow *flow)
{
	if (flow->expiry_us != FDNET_NEVER)
		DL_DELETE(sw->ending[flow->list], flow);
	flow->expiry_us = FDNET_NEVER;
}

static void schedule(struct switch_table *sw, struct switch_flow *flow,
		     enum switch_list list, uint64_t now_us)
{
	unschedule(sw, flow);
	flow->list = list;
	flow->expiry_us = now_us + (list == SWITCH_CLOSED ? SWITCH_CLOSED_US :
							    SWITCH_FIN_US);
	DL_APPEND(sw->ending[list], flow);
}

void switch_flow_free(struct switch_table *sw, struct switch_flow *flow)
{
	unschedule(sw, flow);
	HASH_DEL(sw->flows, flow);
	sw->count--;
	free(flow);
}

void switch_done(struct switch_table *sw)
{
	struct switch_flow *flow, *tmp;

	HASH_ITER(hh, sw->flows, flow, tmp)
		switch_flow_free(sw, flow);
}

bool switch_flow_is_over(const struct switch_flow *flow)
{
	return (flow->fin[0] || !flow->guest[0]) &&
	       (flow->fin[1] || !flow->guest[1]);
}

/* When the table is full a flow that has ended makes room. */
static int make_room(struct switch_table *sw)
{
	struct switch_flow *flow;

	if (sw->count < LIMIT_SWITCH_FLOWS)
		return 0;
	flow = sw->ending[SWITCH_CLOSED];
	if (!flow)
		return -ENOBUFS;
	switch_flow_free(sw, flow);
	return 0;
}

int switch_flow_new(struct switch_table *sw, uint32_t from, uint32_t to,
		    const struct head *head, uint64_t now_us)
{
	struct switch_flow *flow;
	unsigned int side;
	int rc = make_room(sw);

	if (rc)
		return rc;
	if (head->sport == head->dport &&
	    fdnet_ip_equal(&head->src, &head->dst))
		return -EINVAL;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	side = make_key(head, &flow->key);
	flow->expiry_us = FDNET_NEVER;
	flow->guest[side] = from;
	flow->guest[!side] = to;
	flow->seen[side] = true;
	flow->nxt[side] = head->seq + head->seg_len;
	flow->start[side] = flow->nxt[side];
	HASH_ADD(hh, sw->flows, key, sizeof(flow->key), flow);
	if (!hash_added(flow)) {
		free(flow);
		return -ENOMEM;
	}
	sw->count++;
	return 0;
}

/* ---- moving a side ---- */

/* Inside one engine nothing is on its way: what was sent has arrived. */
static void set_seqs(struct switch_flow *flow, unsigned int side,
		     const struct switch_seqs *seqs)
{
	flow->seen[side] = flow->seen[!side] = true;
	flow->acked[side] = flow->acked[!side] = true;
	flow->nxt[side] = flow->ack[!side] = seqs->snd;
	flow->nxt[!side] = flow->ack[side] = seqs->rcv;
	flow->fin[side] = seqs->snd_fin;
	flow->fin[!side] = seqs->rcv_fin;
}

static int add_moved(struct switch_table *sw, const struct head *head,
		     const struct switch_seqs *seqs, uint32_t from,
		     uint32_t to, uint64_t now_us)
{
	struct switch_flow *flow;
	struct switch_key key;
	unsigned int side;
	int rc = switch_flow_new(sw, to, from, head, now_us);

	if (rc)
		return rc;
	side = make_key(head, &key);
	HASH_FIND(hh, sw->flows, &key, sizeof(key), flow);
	set_seqs(flow, side, seqs);
	if (flow->fin[0] && flow->fin[1])
		schedule(sw, flow, SWITCH_CLOSED, now_us);
	return 0;
}

/* Is @flow of an earlier connection between the same names? It may have ended
 * unseen, inside one engine, or is remembered for its last ACK; and the one
 * that moves has begun inside @from, which the switch does not see. */
static bool is_earlier(const struct switch_flow *flow, unsigned int side,
		       const struct switch_seqs *seqs, uint32_t from,
		       uint32_t to)
{
	const uint32_t *guest = flow->guest;

	if (!seqs || !flow->seen[side] || flow->nxt[side] == seqs->snd)
		return false;
	return switch_flow_is_over(flow) ||
	       ((guest[0] == from || guest[0] == to) &&
		(guest[1] == from || guest[1] == to));
}

int switch_move(struct switch_table *sw, const struct fdnet_name *local,
		const struct fdnet_name *peer, const struct switch_seqs *seqs,
		uint32_t from, uint32_t to, uint64_t now_us)
{
	struct head head = {
		.src = local->ip,
		.dst = peer->ip,
		.sport = local->port,
		.dport = peer->port,
	};
	struct switch_flow *flow;
	unsigned int side;

	flow = switch_flow_find(sw, &head, &side);
	if (flow && is_earlier(flow, side, seqs, from, to)) {
		switch_flow_free(sw, flow);
		flow = NULL;
	}
	if (!flow && !seqs)
		return -ENOENT;
	if (!flow)
		return add_moved(sw, &head, seqs, from, to, now_us);
	if (flow->guest[side] != from)
		return -EPERM;
	flow->guest[side] = to;
	/* inside one engine from now on, which needs no switch */
	if (flow->guest[!side] == to)
		switch_flow_free(sw, flow);
	return 0;
}

/* ---- for people ---- */

static int state_of(const struct switch_flow *flow, unsigned int side)
{
	if (!flow->seen[!side])
		return TCP_SYN_SENT;
	if (!flow->seen[side])
		return TCP_SYN_RECV;
	if (flow->fin[side])
		return flow->fin[!side] ? TCP_TIME_WAIT : TCP_FIN_WAIT2;
	return flow->fin[!side] ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
}

int switch_nth(const struct switch_table *sw, uint32_t *n, uint32_t *ret_guest,
	       struct fdnet_name *ret_local, struct fdnet_name *ret_peer)
{
	const struct switch_flow *flow, *tmp;
	unsigned int side;

	HASH_ITER(hh, sw->flows, flow, tmp) {
		for (side = 0; side < 2; side++) {
			if ((*n)-- > 0)
				continue;
			*ret_guest = flow->guest[side];
			*ret_local = (struct fdnet_name){
				.ip = flow->key.ip[side],
				.port = flow->key.port[side],
			};
			*ret_peer = (struct fdnet_name){
				.ip = flow->key.ip[!side],
				.port = flow->key.port[!side],
			};
			return state_of(flow, side);
		}
	}
	return -ENOENT;
}

/* ---- what is said ---- */

/* What @side says, into the flow. */
static void take_in(struct switch_flow *flow, unsigned int side,
		    const struct head *head)
{
	uint32_t end = head->seq + head->seg_len;

	if (!flow->seen[side] || seq_gt(end, flow->nxt[side]))
		flow->nxt[side] = end;
	if (head->flags & FDNET_TH_ACK &&
	    (!flow->acked[side] || seq_gt(head->ack, flow->ack[side]))) {
		flow->ack[side] = head->ack;
		flow->acked[side] = true; /* a SYN was seen before it */
	}
	flow->seen[side] = true;
	if (head->flags & FDNET_TH_SYN)
		flow->start[side] = end;
	if (head->flags & FDNET_TH_FIN)
		flow->fin[side] = true;
}

void switch_flow_note(struct switch_table *sw, struct switch_flow *flow,
		      unsigned int side, const struct head *head,
		      uint64_t now_us)
{
	if (head->flags & FDNET_TH_RST) {
		switch_flow_free(sw, flow);
		return;
	}
	take_in(flow, side, head);
	if (flow->fin[0] && flow->fin[1])
		schedule(sw, flow, SWITCH_CLOSED, now_us);
}

/* Send a segment from @side to the other. */
static void speak(struct switch_table *sw, const struct switch_flow *flow,
		  unsigned int side, uint32_t seq, uint8_t flags)
{
	struct synth_segment segment = {
		.src = { .ip = flow->key.ip[side],
			 .port = flow->key.port[side] },
		.dst = { .ip = flow->key.ip[!side],
			 .port = flow->key.port[!side] },
		.seq = seq,
		.ack = flow->nxt[!side],
		.flags = flags | FDNET_TH_ACK,
	};
	struct fdnet_pkt *pkt = synth_tcp(sw->pool, &segment);

	if (pkt)
		sw->send(sw->arg, flow->guest[!side], pkt);
	else
		count(sw->counters, C_NOMEM);
}

static void reset(struct switch_table *sw, struct switch_flow *flow,
		  unsigned int dead)
{
	speak(sw, flow, dead, flow->seen[dead] ? flow->nxt[dead] : 0,
	      FDNET_TH_RST);
	switch_flow_free(sw, flow);
}

void switch_flow_answer(struct switch_table *sw, struct switch_flow *flow,
			unsigned int side, const struct head *head,
			uint64_t now_us)
{
	unsigned int dead = !side;
	bool fin = head->flags & FDNET_TH_FIN;

	if (head->flags & FDNET_TH_RST) {
		switch_flow_free(sw, flow);
		return;
	}
	take_in(flow, side, head);
	if (head->seg_len > fin) {
		/* nobody will read this: as a closed socket answers */
		reset(sw, flow, dead);
		return;
	}
	if (fin)
		speak(sw, flow, dead, flow->nxt[dead], 0);
	if (!seq_geq(flow->ack[side], flow->nxt[dead]))
		return; /* our FIN is repeated until it is taken */
	if (switch_flow_is_over(flow) && flow->fin[side])
		schedule(sw, flow, SWITCH_CLOSED, now_us);
	else
		unschedule(sw, flow);
}

/* One flow whose side @dead has just died. */
static void bury(struct switch_table *sw, struct switch_flow *flow,
		 unsigned int dead, uint64_t now_us)
{
	unsigned int side = !dead;

	flow->guest[dead] = 0;
	if (!flow->guest[side]) {
		switch_flow_free(sw, flow);
		return;
	}
	if (flow->fin[0] && flow->fin[1])
		return; /* its sweep is due already */
	/* half open, or data that the dead guest had not read; on links that
	 * lose nothing the handshake's last ACK waits for the first data */
	if (!flow->acked[dead])
		flow->ack[dead] = flow->start[side];
	if (!flow->seen[side] || !flow->seen[dead] ||
	    seq_lt(flow->ack[dead], flow->nxt[side] - flow->fin[side])) {
		reset(sw, flow, dead);
		return;
	}
	if (!flow->fin[dead]) {
		flow->fin[dead] = true;
		flow->nxt[dead]++;
	}
	flow->tries = 1;
	speak(sw, flow, dead, flow->nxt[dead] - 1, FDNET_TH_FIN);
	schedule(sw, flow, SWITCH_FIN, now_us);
}

void switch_gone(struct switch_table *sw, uint32_t guest, uint64_t now_us)
{
	struct switch_flow *flow, *tmp;

	HASH_ITER(hh, sw->flows, flow, tmp) {
		if (flow->guest[0] == guest)
			bury(sw, flow, 0, now_us);
		else if (flow->guest[1] == guest)
			bury(sw, flow, 1, now_us);
	}
	for (unsigned int i = 0; i < SWITCH_FRAGS; i++)
		if (sw->frags[i].from == guest || sw->frags[i].to == guest)
			sw->frags[i].from = 0;
}

uint64_t switch_expiry(const struct switch_table *sw)
{
	uint64_t expiry_us = FDNET_NEVER;

	for (unsigned int i = 0; i < SWITCH_LISTS; i++)
		if (sw->ending[i] && sw->ending[i]->expiry_us < expiry_us)
			expiry_us = sw->ending[i]->expiry_us;
	return expiry_us;
}

/* The FIN sent for a dead side was not answered. */
static void retry_fin(struct switch_table *sw, struct switch_flow *flow,
		      uint64_t now_us)
{
	unsigned int dead = flow->guest[0] != 0;

	if (flow->tries++ >= SWITCH_FIN_TRIES) {
		reset(sw, flow, dead);
		return;
	}
	speak(sw, flow, dead, flow->nxt[dead] - 1, FDNET_TH_FIN);
	schedule(sw, flow, SWITCH_FIN, now_us);
}

static struct switch_flow *due(struct switch_table *sw, enum switch_list list,
			       uint64_t now_us)
{
	struct switch_flow *flow = sw->ending[list];

	return flow && flow->expiry_us <= now_us ? flow : NULL;
}

void switch_advance(struct switch_table *sw, uint64_t now_us)
{
	struct switch_flow *flow;

	while ((flow = due(sw, SWITCH_CLOSED, now_us)))
		switch_flow_free(sw, flow);
	while ((flow = due(sw, SWITCH_FIN, now_us)))
		retry_fin(sw, flow, now_us);
}

/* ---- state.h ---- */

static void flow_fields(struct fdnet_save *s, struct switch_flow *flow)
{
	for (int i = 0; i < 2; i++) {
		fdnet_save_ip(s, &flow->key.ip[i]);
		flow->key.port[i] = fdnet_save_u16(s, flow->key.port[i]);
		flow->guest[i] = fdnet_save_u32(s, flow->guest[i]);
		flow->seen[i] = fdnet_save_bool(s, flow->seen[i]);
		flow->acked[i] = fdnet_save_bool(s, flow->acked[i]);
		flow->fin[i] = fdnet_save_bool(s, flow->fin[i]);
		flow->nxt[i] = fdnet_save_u32(s, flow->nxt[i]);
		flow->ack[i] = fdnet_save_u32(s, flow->ack[i]);
		flow->start[i] = fdnet_save_u32(s, flow->start[i]);
	}
	fdnet_save_check(s, flow->key.ip[0].family &&
				    flow->key.ip[0].family ==
					    flow->key.ip[1].family);
	flow->tries = fdnet_save_u32(s, flow->tries);
	flow->list = (enum switch_list)fdnet_save_int(s, (int)flow->list, 0,
						      SWITCH_LISTS - 1);
	flow->expiry_us = fdnet_save_u64(s, flow->expiry_us);
}

static void read_flow(struct fdnet_save *s, struct switch_table *sw)
{
	struct switch_flow *flow = state_alloc(s, sizeof(*flow));

	if (!flow)
		return;
	flow_fields(s, flow);
	if (!s->rc) {
		HASH_ADD(hh, sw->flows, key, sizeof(flow->key), flow);
		if (!hash_added(flow))
			fdnet_save_fail(s, -ENOMEM);
	}
	if (s->rc) {
		free(flow);
		return;
	}
	sw->count++;
	if (flow->expiry_us != FDNET_NEVER)
		DL_APPEND(sw->ending[flow->list], flow);
}

static void frags_state(struct fdnet_save *s, struct switch_table *sw)
{
	uint32_t n = 0;

	for (int i = 0; i < SWITCH_FRAGS; i++)
		n += sw->frags[i].from != 0;
	/* the table is filled from its beginning */
	n = fdnet_save_count(s, n, SWITCH_FRAGS, 15);
	for (uint32_t i = 0; i < n && !s->rc; i++) {
		struct switch_frag *frag = &sw->frags[i];

		frag->from = fdnet_save_u32(s, frag->from);
		frag->to = fdnet_save_u32(s, frag->to);
		frag->id = fdnet_save_u32(s, frag->id);
		fdnet_save_ip(s, &frag->src);
		fdnet_save_ip(s, &frag->dst);
		frag->proto = fdnet_save_u8(s, frag->proto);
	}
	sw->next_frag = fdnet_save_u32(s, sw->next_frag);
	if (s->reading)
		sw->next_frag %= SWITCH_FRAGS;
}

/* Those that end stand in the order of their time. */
void switch_state(struct switch_table *sw, struct fdnet_save *s)
{
	uint32_t n = fdnet_save_count(s, sw->count, LIMIT_SWITCH_FLOWS, 60);
	struct switch_flow *flow;

	if (s->reading) {
		for (; n && !s->rc; n--)
			read_flow(s, sw);
	} else {
		for (int i = 0; i < SWITCH_LISTS; i++)
			DL_FOREACH(sw->ending[i], flow)
				flow_fields(s, flow);
		for (flow = sw->flows; flow; flow = flow->hh.next)
			if (flow->expiry_us == FDNET_NEVER)
				flow_fields(s, flow);
	}
	frags_state(s, sw);
}
