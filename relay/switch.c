/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/switch.h"

#include <string.h>

#include "relay/hash.h"
#include "relay/switch_flow.h"
#include "stack/wire/icmp.h"
#include "stack/wire/tcp.h"
#include "stack/wire/udp.h"

void switch_init(struct switch_table *sw)
{
	sw->flows = NULL;
	memset(sw->ending, 0, sizeof(sw->ending));
	sw->count = 0;
	sw->next_frag = sw->next_ping = 0;
	memset(sw->frags, 0, sizeof(sw->frags));
	memset(sw->pings, 0, sizeof(sw->pings));
}

static enum switch_verdict drop(struct switch_table *sw, enum counter why)
{
	count(sw->counters, why);
	return SWITCH_DROP;
}

/* ---- other sandboxes (peer.h) ---- */

static uint32_t find_peer(struct switch_table *sw, const struct fdnet_ip *ip)
{
	return sw->find_peer ? sw->find_peer(sw->arg, ip) : 0;
}

/* A peer's ports are its own business: what comes from its address is its. */
static bool may_send(struct switch_table *sw, uint32_t from,
		     const struct head *head, uint8_t proto, uint16_t port)
{
	return !net_is_sandbox(sw->net, &head->src) ||
	       registry_owns(sw->registry, from, proto, port);
}

static uint32_t find_owner(struct switch_table *sw, uint8_t proto,
			   const struct fdnet_ip *ip, uint16_t port,
			   uint32_t hash)
{
	uint32_t peer = find_peer(sw, ip);

	return peer ? peer :
		      registry_find(sw->registry, proto, ip, port, hash);
}

/* ---- TCP between guests ---- */

static enum switch_verdict route_syn(struct switch_table *sw, uint32_t from,
				     const struct head *head, uint64_t now_us,
				     uint32_t *ret_to)
{
	uint32_t to, hash = head->seq ^ head->sport;

	if (!may_send(sw, from, head, FDNET_PROTO_TCP, head->sport))
		return drop(sw, C_PKT_PORT);
	to = find_owner(sw, FDNET_PROTO_TCP, &head->dst, head->dport, hash);
	/* an owner that sent it out itself does not listen after all */
	if (!to || to == from)
		return SWITCH_REFUSE;
	if (switch_flow_new(sw, from, to, head, now_us)) {
		count(sw->counters, C_SWITCH_LIMIT);
		return SWITCH_REFUSE;
	}
	*ret_to = to;
	return SWITCH_FORWARD;
}

static enum switch_verdict route_tcp(struct switch_table *sw, uint32_t from,
				     const struct head *head, uint64_t now_us,
				     uint32_t *ret_to)
{
	bool syn = (head->flags & (FDNET_TH_SYN | FDNET_TH_ACK)) ==
		   FDNET_TH_SYN;
	struct switch_flow *flow;
	unsigned int side;

	flow = switch_flow_find(sw, head, &side);
	/* the same ports again after the end of a connection, by the next who
	 * has them in its lease perhaps */
	if (flow && syn && switch_flow_is_over(flow)) {
		switch_flow_free(sw, flow);
		flow = NULL;
	}
	if (flow && flow->guest[side] != from)
		return drop(sw, C_PKT_PORT);
	if (!flow && syn)
		return route_syn(sw, from, head, now_us, ret_to);
	if (!flow)
		return head->flags & FDNET_TH_RST ? drop(sw, C_PKT_REFUSED) :
						    SWITCH_REFUSE;
	*ret_to = flow->guest[!side];
	if (!*ret_to) {
		switch_flow_answer(sw, flow, side, head, now_us);
		return SWITCH_DROP;
	}
	switch_flow_note(sw, flow, side, head, now_us);
	return SWITCH_FORWARD;
}

/* ---- UDP and ICMP errors between guests ---- */

static enum switch_verdict route_udp(struct switch_table *sw, uint32_t from,
				     const struct head *head, uint32_t *ret_to)
{
	uint32_t key[2] = { head->sport, head->dport };

	if (!may_send(sw, from, head, head->proto, head->sport))
		return drop(sw, C_PKT_PORT);
	*ret_to = find_owner(sw, head->proto, &head->dst, head->dport,
			     (uint32_t)hash_bytes(key, sizeof(key)));
	return *ret_to && *ret_to != from ? SWITCH_FORWARD : SWITCH_REFUSE;
}

/* An error about a datagram: to who sent that, if we sent it to @from. */
static enum switch_verdict route_error(struct switch_table *sw, uint32_t from,
				       const struct head *head,
				       uint32_t *ret_to)
{
	const struct head_inner *inner = &head->inner;

	if (!head->has_inner || !fdnet_is_udp(inner->proto) ||
	    !(net_is_sandbox(sw->net, &inner->src) || find_peer(sw, &inner->src)) ||
	    !(net_is_sandbox(sw->net, &inner->dst) || find_peer(sw, &inner->dst)))
		return drop(sw, C_PKT_PROTO);
	if (!may_send(sw, from, head, inner->proto, inner->dport))
		return drop(sw, C_PKT_PORT);
	*ret_to = find_owner(sw, inner->proto, &inner->src, inner->sport, 0);
	return *ret_to && *ret_to != from ? SWITCH_FORWARD :
					    drop(sw, C_PKT_PORT);
}

/* ---- echo requests between sandboxes ---- */

static void note_ping(struct switch_table *sw, uint32_t from, uint32_t to,
		      const struct head *head)
{
	struct switch_ping ping = { from, to, head->echo_id, head->proto };

	for (unsigned int i = 0; i < SWITCH_PINGS; i++)
		if (sw->pings[i].from == from && sw->pings[i].to == to &&
		    sw->pings[i].id == ping.id &&
		    sw->pings[i].proto == ping.proto)
			return;
	sw->pings[sw->next_ping++ % SWITCH_PINGS] = ping;
}

static enum switch_verdict route_echo(struct switch_table *sw, uint32_t from,
				      const struct head *head,
				      uint32_t *ret_to)
{
	bool v4 = head->proto == FDNET_PROTO_ICMP;
	bool asks = head->type == (v4 ? FDNET_ICMP_ECHO : FDNET_ICMP6_ECHO);
	uint32_t peer = find_peer(sw, &head->dst);

	if (asks && peer) {
		note_ping(sw, from, peer, head);
		*ret_to = peer;
		return SWITCH_FORWARD;
	}
	/* within the sandbox each program answers itself */
	if (find_peer(sw, &head->src) != from)
		return drop(sw, C_PKT_PROTO);
	if (asks)
		return SWITCH_ECHO;
	for (unsigned int i = 0; i < SWITCH_PINGS; i++) {
		const struct switch_ping *ping = &sw->pings[i];

		if (ping->to != from || ping->id != head->echo_id ||
		    ping->proto != head->proto)
			continue;
		*ret_to = ping->from;
		return SWITCH_FORWARD;
	}
	return drop(sw, C_PKT_PORT);
}

static bool is_echo(const struct head *head)
{
	if (head->proto == FDNET_PROTO_ICMP)
		return head->type == FDNET_ICMP_ECHO ||
		       head->type == FDNET_ICMP_ECHO_REPLY;
	return head->proto == FDNET_PROTO_ICMP6 &&
	       (head->type == FDNET_ICMP6_ECHO ||
		head->type == FDNET_ICMP6_ECHO_REPLY);
}

/* ---- fragments: the later ones follow the first ---- */

static struct switch_frag *find_frag(struct switch_table *sw, uint32_t from,
				     const struct head *head)
{
	for (unsigned int i = 0; i < SWITCH_FRAGS; i++) {
		struct switch_frag *frag = &sw->frags[i];

		if (frag->from == from && frag->id == head->frag_id &&
		    frag->proto == head->proto &&
		    fdnet_ip_equal(&frag->src, &head->src) &&
		    fdnet_ip_equal(&frag->dst, &head->dst))
			return frag;
	}
	return NULL;
}

static void note_frag(struct switch_table *sw, uint32_t from,
		      const struct head *head, uint32_t to)
{
	struct switch_frag *frag = find_frag(sw, from, head);

	if (!frag)
		frag = &sw->frags[sw->next_frag++ % SWITCH_FRAGS];
	*frag = (struct switch_frag){
		.from = from,
		.to = to,
		.id = head->frag_id,
		.src = head->src,
		.dst = head->dst,
		.proto = head->proto,
	};
}

static enum switch_verdict route_fragment(struct switch_table *sw,
					  uint32_t from,
					  const struct head *head,
					  uint32_t *ret_to)
{
	enum switch_verdict verdict;
	struct switch_frag *frag;

	/* TCP never fragments: the link's MTU is known to both ends */
	if (!fdnet_is_udp(head->proto))
		return drop(sw, C_PKT_PROTO);
	if (head->has_ports) {
		verdict = route_udp(sw, from, head, ret_to);
		if (verdict == SWITCH_FORWARD)
			note_frag(sw, from, head, *ret_to);
		return verdict;
	}
	frag = find_frag(sw, from, head);
	if (!frag)
		return drop(sw, C_PKT_PORT);
	*ret_to = frag->to;
	return SWITCH_FORWARD;
}

/* ---- all ---- */

static enum switch_verdict route_inside(struct switch_table *sw, uint32_t from,
					const struct head *head,
					uint64_t now_us, uint32_t *ret_to)
{
	if (head->fragment)
		return route_fragment(sw, from, head, ret_to);
	if (head->proto == FDNET_PROTO_TCP)
		return route_tcp(sw, from, head, now_us, ret_to);
	if (fdnet_is_udp(head->proto))
		return route_udp(sw, from, head, ret_to);
	if (head->icmp_error)
		return route_error(sw, from, head, ret_to);
	if (is_echo(head))
		return route_echo(sw, from, head, ret_to);
	return drop(sw, C_PKT_PROTO);
}

static enum switch_verdict route_outside(struct switch_table *sw,
					 const struct head *head)
{
	if (fdnet_ip_is_multicast(&head->dst))
		return drop(sw, C_PKT_DST);
	if (head->proto == FDNET_PROTO_TCP || head->proto == FDNET_PROTO_UDP)
		return SWITCH_ENGINE;
	/* there are no flows of it */
	if (head->proto == FDNET_PROTO_UDPLITE && !head->fragment)
		return SWITCH_PROHIBIT;
	if (head->proto != FDNET_PROTO_ICMP &&
	    head->proto != FDNET_PROTO_ICMP6)
		return drop(sw, C_PKT_PROTO);
	/* the engine answers echo requests as whoever it is asked to be */
	if (head->icmp_error || net_is_gateway(sw->net, &head->dst) ||
	    net_is_dns(sw->net, &head->dst))
		return SWITCH_ENGINE;
	return head->fragment ? drop(sw, C_PKT_PROTO) : SWITCH_PROHIBIT;
}

/* A question to a name server on the machine's loopback (systemd-resolved's
 * 127.0.0.53), unless the sandbox has one of its own there. */
static bool is_host_dns(struct switch_table *sw, const struct head *head)
{
	return head->has_ports && head->dport == DNS_PORT &&
	       head->proto != FDNET_PROTO_UDPLITE &&
	       net_is_host_dns(sw->net, &head->dst) &&
	       !registry_find(sw->registry, head->proto, &head->dst,
			      head->dport, 0);
}

enum switch_verdict switch_route(struct switch_table *sw, uint32_t from,
				 const struct head *head, uint64_t now_us,
				 uint32_t *ret_to)
{
	bool inside = net_is_sandbox(sw->net, &head->dst);
	uint32_t peer = find_peer(sw, &head->src);

	/* whose link it came over has been looked at */
	if (peer)
		return inside && peer == from &&
				       !fdnet_ip_is_loopback(&head->dst) ?
			       route_inside(sw, from, head, now_us, ret_to) :
			       drop(sw, C_PKT_SRC);
	if (!net_is_sandbox(sw->net, &head->src) ||
	    (!inside && fdnet_ip_is_loopback(&head->src)))
		return drop(sw, C_PKT_SRC);
	if (inside && is_host_dns(sw, head))
		return SWITCH_ENGINE;
	if (inside || find_peer(sw, &head->dst))
		return route_inside(sw, from, head, now_us, ret_to);
	return route_outside(sw, head);
}
