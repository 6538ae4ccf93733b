/* SPDX-License-Identifier: Apache-2.0 */
/* Datagram flows in the state that another relay takes over. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "relay/flow_udp_internal.h"
#include "relay/publish.h"
#include "relay/state.h"
#include "relay/sys.h"

static void key_state(struct state *st, struct flow_key *key)
{
	struct fdnet_save *s = &st->s;
	struct flow_key k;

	/* hashed with its padding */
	memset(&k, 0, sizeof(k));
	if (!s->reading)
		memcpy(&k, key, sizeof(k));
	k.guest = fdnet_save_u32(s, k.guest);
	fdnet_save_name(s, &k.local);
	fdnet_save_name(s, &k.remote);
	fdnet_save_check(s, k.local.ip.family && k.remote.ip.family);
	if (s->reading)
		memcpy(key, &k, sizeof(k));
}

/* A client of a published port: no socket of its own. */
static void published_state(struct state *st, struct flow_udp *flow)
{
	struct fdnet_save *s = &st->s;
	uint32_t index = st->s.reading ? 0 :
					 publish_index(st->relay, flow->fd);
	uint32_t len = flow->real_len;

	index = fdnet_save_u32(s, index);
	len = fdnet_save_count(s, len, sizeof(flow->real), 1);
	fdnet_save_bytes(s, &flow->real, len);
	flow->real_len = len;
	if (!s->reading)
		return;
	flow->fd = publish_fd(st->relay, index);
	fdnet_save_check(s, flow->fd >= 0 &&
				    (flow->real.ss_family == AF_INET ||
				     flow->real.ss_family == AF_INET6));
}

static void fields(struct state *st, struct flow_udp *flow)
{
	struct fdnet_save *s = &st->s;

	key_state(st, &flow->key);
	flow->list = (enum flow_list)fdnet_save_int(s, (int)flow->list, 0,
						    LISTS - 1);
	flow->no_segments = fdnet_save_bool(s, flow->no_segments);
	flow->start_us = fdnet_save_u64(s, flow->start_us);
	flow->last_us = fdnet_save_u64(s, flow->last_us);
	flow->bytes_out = fdnet_save_u64(s, flow->bytes_out);
	flow->bytes_in = fdnet_save_u64(s, flow->bytes_in);
	flow->pkts_out = fdnet_save_u64(s, flow->pkts_out);
	flow->pkts_in = fdnet_save_u64(s, flow->pkts_in);
	flow->sent = fdnet_save_count(s, flow->sent, QUOTE, 1);
	fdnet_save_bytes(s, flow->quote, flow->sent);
	flow->published = fdnet_save_bool(s, flow->published);
	if (flow->published) {
		published_state(st, flow);
		return;
	}
	flow->src.fd = state_socket(st, flow->src.fd, 0, SOCK_DGRAM);
	flow->fd = flow->src.fd;
	fdnet_save_check(s, flow->fd >= 0);
	flow->port = udp_port_state(&st->relay->udp->ports, s, flow->key.guest,
				    &flow->key.local, flow->port);
}

static void enter(struct state *st, struct flow_udp *flow, struct rule *rule)
{
	struct relay *relay = st->relay;
	struct flow_udp_table *udp = relay->udp;

	rule_take(rule);
	flow->rule = rule;
	DL_APPEND(udp->idle[flow->list], flow);
	udp->count++;
	DL_APPEND(relay->flows.list, &flow->item);
	/* one that waited for room looks again */
	if (flow->src.fd >= 0)
		fdnet_save_fail(&st->s, loop_add(&relay->loop, &flow->src,
						 EPOLLIN));
}

static void read_flow(struct state *st, uint64_t id)
{
	struct flow_udp *flow = state_alloc(&st->s, sizeof(*flow));
	struct flow_udp_table *udp = st->relay->udp;
	struct rule *rule;

	if (!flow)
		return;
	flow->src = (struct source){ .type = SOURCE_FLOW_UDP, .fd = -1 };
	flow->fd = -1;
	flow->item.kind = FLOW_KIND_UDP;
	flow->item.id = id;
	rule = state_rule(st, NULL);
	fields(st, flow);
	if (!st->s.rc) {
		HASH_ADD(hh, udp->flows, key, sizeof(flow->key), flow);
		if (!hash_added(flow))
			fdnet_save_fail(&st->s, -ENOMEM);
	}
	if (!st->s.rc) {
		enter(st, flow, rule);
		return;
	}
	if (flow->src.fd >= 0)
		close(flow->src.fd);
	udp_port_put(&udp->ports, flow->port);
	free(flow);
}

void flow_udp_state(struct state *st, struct flow *item, uint64_t id)
{
	struct flow_udp *flow;

	if (st->s.reading) {
		read_flow(st, id);
		return;
	}
	flow = (struct flow_udp *)((char *)item -
				   offsetof(struct flow_udp, item));
	state_rule(st, flow->rule);
	fields(st, flow);
}

static int older(const struct flow_udp *a, const struct flow_udp *b)
{
	return a->last_us < b->last_us ? -1 : a->last_us > b->last_us;
}

void flow_udp_sort(struct relay *relay)
{
	for (int i = 0; i < LISTS; i++)
		DL_SORT(relay->udp->idle[i], older);
}

uint64_t flow_udp_tag(const struct guest *guest, const struct fdnet_sock *so)
{
	return guest_tag(USER_UDP_GATE, so == guest->udp_gate[1]);
}

void flow_udp_guest_state(struct state *st, struct guest *guest)
{
	guest->gate_user.kind = USER_UDP_GATE;
	for (unsigned int i = 0; st->s.reading && i < 2; i++) {
		guest->udp_gate[i] =
			state_claim(st, 2 * (uint64_t)guest->id,
				    guest_tag(USER_UDP_GATE, i));
		if (guest->udp_gate[i])
			fdnet_sock_set_user(guest->udp_gate[i],
					    &guest->gate_user);
	}
}
