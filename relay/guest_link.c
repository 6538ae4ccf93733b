/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's link: packets through the switch, hello and control messages. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "endpoint/packet_internal.h"
#include "relay/addrclass.h"
#include "relay/dns.h"
#include "relay/flow_echo.h"
#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/guest.h"
#include "relay/impair_link.h"
#include "relay/hold.h"
#include "relay/node.h"
#include "relay/peer.h"
#include "relay/socklist.h"
#include "relay/synth.h"
#include "stack/link_out.h"
#include "stack/wire/control.h"
#include "stack/wire/icmp.h"

/* What a packet in a queue is taken to cost besides its payload buffers. */
#define PKT_COST 4096
#define FEATURES \
	(FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO | FDNET_LINK_F_BIG | \
	 FDNET_LINK_F_AREA | FDNET_LINK_F_BATCH | FDNET_LINK_F_LOSSY | \
	 FDNET_LINK_F_RING)

/* ---- towards the guest ---- */

void guest_link_wait(struct guest *guest)
{
	uint32_t events = guest->throttle.is_stopped ? 0 : EPOLLIN;

	if (guest->want_out)
		events |= EPOLLOUT;
	loop_change(&guest->relay->loop, &guest->src, events);
}

static void wait_writable(struct guest *guest, bool want)
{
	if (guest->want_out == want)
		return;
	guest->want_out = want;
	guest_link_wait(guest);
}

static size_t pkt_cost(const struct fdnet_pkt *pkt)
{
	size_t cost = PKT_COST;

	/* a slice keeps all of its buffer, however small it is */
	for (unsigned int i = 0; i < pkt->nslices; i++)
		cost += pkt->slices[i].buf->size;
	return cost;
}

static struct fdnet_pkt *txq_pop(struct guest *guest)
{
	struct fdnet_pkt *pkt = guest->txq;
	size_t cost = pkt_cost(pkt);

	guest->txq = pkt->next;
	pkt->next = NULL;
	guest->txq_bytes -= cost;
	guest->relay->txq_bytes -= cost;
	return pkt;
}

static void txq_push(struct guest *guest, struct fdnet_pkt *pkt)
{
	struct relay *relay = guest->relay;
	size_t cost = pkt_cost(pkt);

	if (guest->txq_bytes + cost > LIMIT_TXQ_BYTES ||
	    relay->txq_bytes + cost > LIMIT_TXQ_ALL_BYTES) {
		count(&relay->counters, C_TXQ_DROP);
		fdnet_pkt_free(pkt);
		return;
	}
	pkt->next = NULL;
	if (guest->txq)
		guest->txq_last->next = pkt;
	else
		guest->txq = pkt;
	guest->txq_last = pkt;
	guest->txq_bytes += cost;
	relay->txq_bytes += cost;
}

static bool flush_replies(struct guest *guest)
{
	while (guest->nreplies) {
		struct guest_reply *reply =
			&guest->replies[guest->reply_first];
		int rc = fdnet_link_send_control(guest->link,
						 FDNET_LINK_CONTROL,
						 reply->body, reply->len, -1);

		if (rc == -EAGAIN)
			return false;
		guest->reply_first = (guest->reply_first + 1) % LIMIT_REPLIES;
		guest->nreplies--;
	}
	return true;
}

static void tell_held(struct guest *guest);

bool guest_link_flush(struct guest *guest)
{
	if (!guest->link || !guest->greeted)
		return false;
	if (!flush_replies(guest))
		goto full;
	while (guest->txq) {
		struct fdnet_pkt *pkt = guest->txq;
		struct fdnet_pkt *next = pkt->next;
		size_t cost = pkt_cost(pkt);

		pkt->next = NULL;
		if (fdnet_link_send(guest->link, pkt) == -EAGAIN) {
			pkt->next = next;
			goto full;
		}
		guest->txq = next;
		guest->txq_bytes -= cost;
		guest->relay->txq_bytes -= cost;
	}
	if (guest->holds.age[false])
		tell_held(guest);
	return true;
full:
	wait_writable(guest, true);
	return false;
}

void guest_link_queue(struct guest *guest, struct fdnet_pkt *pkt)
{
	txq_push(guest, pkt);
}

void guest_link_full(struct guest *guest)
{
	if (guest->link)
		wait_writable(guest, true);
}

void guest_link_forward(struct guest *guest, struct fdnet_pkt *pkt)
{
	if (guest->node) {
		node_input(guest->node, pkt);
		return;
	}
	if (hold_catch(guest, pkt))
		return;
	if (!guest->link || !guest->greeted) {
		fdnet_pkt_free(pkt);
		return;
	}
	if (!guest->txq && !guest->want_out &&
	    fdnet_link_send(guest->link, pkt) != -EAGAIN)
		return;
	txq_push(guest, pkt);
	wait_writable(guest, true);
}

/* As fdnet_stack_send(), one packet, while somebody looks at each. */
static int send_one(struct guest *guest)
{
	struct fdnet_pkt *pkt = fdnet_stack_output(guest->stack);

	if (!pkt)
		return 0;
	if (!guest->captured)
		capture(&guest->relay->capture, pkt);
	guest->captured = false;
	if (hold_catch(guest, pkt))
		return 1;
	if (guest->relay->impairing && impair_to(guest, pkt))
		return 1;
	if (fdnet_link_send(guest->link, pkt) != -EAGAIN)
		return 1;
	fdnet_stack_unget(guest->stack, pkt);
	guest->captured = true;
	return -EAGAIN;
}

/* The node's link is a call. */
static void node_link_output(struct guest *guest)
{
	struct relay *relay = guest->relay;
	struct fdnet_pkt *pkt;

	while ((pkt = fdnet_stack_output(guest->stack))) {
		capture(&relay->capture, pkt);
		if (!relay->impairing || !impair_to(guest, pkt))
			node_input(guest->node, pkt);
	}
}

void guest_link_output(struct guest *guest)
{
	struct fdnet_pkt *pkt;
	bool is_watched;
	int rc;

	if (guest->node) {
		node_link_output(guest);
		return;
	}
	if (!guest->link) {
		/* nobody to hear it; a stack must be asked all the same */
		while ((pkt = fdnet_stack_output(guest->stack)))
			if (!hold_catch(guest, pkt))
				fdnet_pkt_free(pkt);
		return;
	}
	if (guest->want_out)
		return;
	is_watched = hold_any(guest) || guest->relay->impairing ||
		     guest->relay->capture.fd >= 0;
	do {
		rc = is_watched ? send_one(guest) :
				  fdnet_stack_send(guest->stack, guest->link);
	} while (rc > 0);
	if (rc == -EAGAIN)
		wait_writable(guest, true);
}

/* ---- from the guest: packets ---- */

static void refuse(struct guest *guest, const struct head *head,
		   struct fdnet_pkt *pkt, enum switch_verdict verdict)
{
	struct relay *relay = guest->relay;
	const struct net_family *half =
		net_family(&relay->opts->net, head->src.family);
	struct fdnet_pkt *answer;

	count(&relay->counters, C_PKT_REFUSED);
	if (verdict == SWITCH_PROHIBIT)
		answer = synth_unreachable(relay->pool, SYNTH_PROHIBITED,
					   &half->gateway, head, pkt);
	else if (head->proto == FDNET_PROTO_TCP)
		answer = synth_reset(relay->pool, head);
	else
		answer = synth_unreachable(relay->pool, SYNTH_PORT, &head->dst,
					   head, pkt);
	fdnet_pkt_free(pkt);
	if (!answer)
		return;
	capture(&relay->capture, answer);
	guest_link_forward(guest, answer);
}

static void record_prohibited(struct guest *guest, const struct head *head)
{
	struct record_event event = {
		.kind = RECORD_DENY,
		.proto = head->proto == FDNET_PROTO_UDPLITE ? head->proto
							    : FDNET_PROTO_ICMP,
		.guest = guest->id,
		.pid = guest->pid,
		.comm = guest->comm,
		.src = {.ip = head->src, .port = head->sport},
		.dst = {.ip = head->dst, .port = head->dport},
		.forbidden = true,
	};

	record_event(&guest->relay->record, guest->relay->now_us, &event);
}

void guest_link_packet(struct guest *guest, struct fdnet_pkt *pkt)
{
	struct guest *to;
	struct relay *relay = guest->relay;
	enum switch_verdict verdict;
	struct head head;
	uint32_t to_id;

	if (!guest->greeted || head_parse_pkt(pkt, &head)) {
		count(&relay->counters, C_PKT_BAD);
		fdnet_pkt_free(pkt);
		return;
	}
	if (guest->peer && !peer_owns(guest, &head.src)) {
		count(&relay->counters, C_PKT_SRC);
		fdnet_pkt_free(pkt);
		return;
	}
	capture(&relay->capture, pkt);
	verdict = switch_route(&relay->sw, guest->id, &head, relay->now_us,
			       &to_id);
	switch (verdict) {
	case SWITCH_ENGINE:
		if (relay->impairing && impair_from(guest, pkt, &head))
			return;
		fdnet_stack_input(guest->stack, pkt);
		return;
	case SWITCH_FORWARD:
		to = guest_find(relay, to_id);
		if (!to)
			break;
		count(&relay->counters, C_PKT_FORWARDED);
		guest_link_forward(to, pkt);
		return;
	case SWITCH_PROHIBIT:
		if (head.proto != FDNET_PROTO_UDPLITE &&
		    flow_echo_request(guest, pkt, &head))
			return;
		record_prohibited(guest, &head);
		refuse(guest, &head, pkt, verdict);
		return;
	case SWITCH_REFUSE:
		/* from one socket of the guest's to another, which is on its
		 * way to the node */
		if (hold_catch(guest, pkt))
			return;
		refuse(guest, &head, pkt, verdict);
		return;
	case SWITCH_ECHO:
		peer_echo(guest, pkt, &head);
		return;
	case SWITCH_DROP:
		break;
	}
	fdnet_pkt_free(pkt);
}

static void link_packet(void *arg, struct fdnet_pkt *pkt)
{
	guest_link_packet(arg, pkt);
}

/* ---- from the guest: messages ---- */

static void bad_message(struct guest *guest, enum counter why)
{
	count(&guest->relay->counters, why);
	guest->doomed = true;
	guest_touch(guest);
}

static void fill_family(const struct net_family *half, uint8_t *ip,
			uint8_t *gateway, uint8_t *dns, size_t size)
{
	memcpy(ip, half->ip.bytes, size);
	memcpy(gateway, half->gateway.bytes, size);
	memcpy(dns, half->dns.bytes, size);
}

/* Bulk goes through memory of both; without it, all else works the same. */
static int open_area(struct guest *guest)
{
	struct relay *relay = guest->relay;
	struct fdnet_area *area;
	int fd, rc = fdnet_area_create(relay->mem, &area, &fd);

	if (rc)
		return rc;
	guest->payload.area = area;
	guest->area_fd = fd;
	guest->payload.pool = relay->pool;
	guest->payload_pool = fdnet_pkt_pool_new(relay->mem, 0, 0);
	if (!guest->payload_pool) {
		guest->payload.area = NULL;
		fdnet_area_free(area);
		return -ENOMEM;
	}
	fdnet_pkt_pool_set_bufs(guest->payload_pool, fdnet_area_pool_take,
				&guest->payload);
	fdnet_link_set_area(guest->link, area);
	return fd;
}

static void send_welcome(struct guest *guest, struct fdnet_welcome *welcome,
			 int area_fd)
{
	const struct net *net = &guest->relay->opts->net;
	uint8_t body[FDNET_WELCOME_LEN];

	welcome->version = FDNET_CTL_VERSION;
	welcome->mtu = guest->relay->opts->mtu;
	welcome->sandbox = 1;
	fill_family(&net->v4, welcome->ip4, welcome->gateway4, welcome->dns4,
		    4);
	fill_family(&net->v6, welcome->ip6, welcome->gateway6, welcome->dns6,
		    16);
	welcome->bits4 = net->v4.bits;
	welcome->bits6 = net->v6.bits;
	fdnet_welcome_encode(body, welcome);
	/* the first message on a fresh link: there is room for it */
	if (fdnet_link_send_control(guest->link, FDNET_LINK_WELCOME, body,
				    sizeof(body), area_fd))
		bad_message(guest, C_HELLO_BAD);
}

static uint32_t gso_max_for(uint32_t features, uint32_t max_msg)
{
	uint32_t gso_max = GUEST_GSO_MAX;

	if (!(features & FDNET_LINK_F_GSO))
		return 0;
	if (max_msg - 1024 < gso_max)
		gso_max = max_msg - 1024;
	/* without BIG the IP length field must hold it */
	if (!(features & FDNET_LINK_F_BIG) && gso_max > 65535 - 120)
		gso_max = 65535 - 120;
	return gso_max;
}

static void take_hello(struct guest *guest, const struct fdnet_hello *hello)
{
	struct fdnet_welcome welcome = { .max_msg = GUEST_MAX_MSG };
	struct relay *relay = guest->relay;
	struct record_event event = { .kind = RECORD_ATTACH };
	int rc, area_fd = -1;

	welcome.features = hello->features & FEATURES;
	/* one loss is one packet's there, and somebody must make up for it */
	if (relay->impairing)
		welcome.features &= FDNET_LINK_F_CSUM | FDNET_LINK_F_LOSSY;
	else
		welcome.features &= ~(uint32_t)FDNET_LINK_F_LOSSY;
	guest->pid = hello->pid;
	memcpy(guest->comm, hello->comm, sizeof(guest->comm));
	guest->comm[sizeof(guest->comm) - 1] = '\0';
	/* every packet must fit into a message of the guest's, else TCP would
	 * never get past the first one that does not */
	if (hello->max_msg < relay->opts->mtu + FDNET_LINK_HDR_LEN)
		rc = -EMSGSIZE;
	else
		rc = registry_lease_both(&relay->registry, guest->id,
					 &welcome.lease_lo, &welcome.lease_hi);
	if (!rc && welcome.features & FDNET_LINK_F_AREA)
		area_fd = open_area(guest);
	if (area_fd < 0)
		welcome.features &=
			~(uint32_t)(FDNET_LINK_F_AREA | FDNET_LINK_F_RING);
	welcome.gso_max = gso_max_for(welcome.features, hello->max_msg);
	if (!rc)
		rc = guest_greet(guest, welcome.features, welcome.gso_max);
	if (rc) {
		welcome = (struct fdnet_welcome){ .status = (uint16_t)-rc };
		send_welcome(guest, &welcome, -1);
		bad_message(guest, C_HELLO_BAD);
	} else {
		send_welcome(guest, &welcome, area_fd);
	}
	if (rc)
		return;
	fdnet_link_set_features(guest->link, welcome.features);
	event.guest = guest->id;
	event.pid = guest->pid;
	event.comm = guest->comm;
	record_event(&relay->record, relay->now_us, &event);
}

static void queue_reply(struct guest *guest, const struct fdnet_ctl *ctl)
{
	struct guest_reply *reply;

	if (guest->nreplies == LIMIT_REPLIES) {
		bad_message(guest, C_REPLY_LIMIT);
		return;
	}
	reply = &guest->replies[(guest->reply_first + guest->nreplies++) %
				LIMIT_REPLIES];
	reply->len = (uint8_t)fdnet_ctl_encode(reply->body, ctl);
	if (!flush_replies(guest))
		wait_writable(guest, true);
}

static void send_reply(struct guest *guest, const struct fdnet_ctl *ask,
		       int rc, uint16_t lo, uint16_t hi)
{
	struct fdnet_ctl ctl = {
		.op = ask->op | FDNET_CTL_REPLY,
		.error = (uint16_t)-rc,
		.id = ask->id,
		.port = ask->port,
		.lo = lo,
		.hi = hi,
	};

	queue_reply(guest, &ctl);
}

static void send_socket(struct guest *guest, const struct fdnet_ctl *ask)
{
	struct fdnet_ctl ctl = {
		.op = FDNET_CTL_SOCKET | FDNET_CTL_REPLY,
		.id = ask->id,
	};

	ctl.error = (uint16_t)-socklist_get(guest->relay, ask->index, &ctl);
	queue_reply(guest, &ctl);
}

/* All that was sent before the hold is on the link. */
static void tell_held(struct guest *guest)
{
	struct fdnet_ctl ask = { .op = FDNET_CTL_HOLD };
	struct hold *hold;

	DL_FOREACH(guest->holds.age[false], hold) {
		if (hold->told)
			continue;
		hold->told = true;
		ask.id = hold->id;
		send_reply(guest, &ask, 0, 0, 0);
	}
}

/* In front of it on the link is the SYN, whose flow is to be begun first. */
static void take_keep(struct guest *guest, const struct fdnet_ctl *ctl)
{
	const struct flow_keep keep = {
		.on = ctl->keep_on,
		.idle_s = ctl->keep_idle_s,
		.intvl_s = ctl->keep_intvl_s,
		.cnt = ctl->keep_cnt,
		.user_timeout_ms = ctl->user_timeout_ms > INT_MAX ?
					   INT_MAX :
					   (int)ctl->user_timeout_ms,
	};
	struct fdnet_name local = { .port = ctl->port };
	struct fdnet_name peer = { .port = ctl->peer_port };
	struct fdnet_sock *so;

	local.ip.family = peer.ip.family = ctl->family;
	memcpy(local.ip.bytes, ctl->addr, 16);
	memcpy(peer.ip.bytes, ctl->peer, 16);
	addr_normalise(&local.ip);
	addr_normalise(&peer.ip);
	fdnet_stack_set_time(guest->stack, guest->relay->now_us);
	while ((so = fdnet_stack_next_request(guest->stack)))
		flow_tcp_request(guest, so);
	flow_tcp_keep(guest, &local, &peer, &keep);
}

static void take_control(struct guest *guest, const struct fdnet_ctl *ctl)
{
	struct registry *registry = &guest->relay->registry;
	struct registry_claim claim = {
		.proto = ctl->proto,
		.ip.family = ctl->family,
		.port = ctl->port,
		.flags = ctl->flags,
	};
	uint16_t lo = 0, hi = 0;
	int rc;

	memcpy(claim.ip.bytes, ctl->addr, ctl->family == 4 ? 4 : 16);
	switch (ctl->op) {
	case FDNET_CTL_BIND:
		rc = registry_bind(registry, guest->id, &claim);
		break;
	case FDNET_CTL_LISTEN:
		rc = registry_listen(registry, guest->id, &claim);
		break;
	case FDNET_CTL_LEASE:
		rc = registry_lease(registry, guest->id, ctl->proto,
				    ctl->count, &lo, &hi);
		break;
	case FDNET_CTL_SOCKET:
		send_socket(guest, ctl);
		return;
	case FDNET_CTL_UNBIND:
		registry_unbind(registry, guest->id, &claim);
		return;
	case FDNET_CTL_RELEASE:
		registry_release(registry, guest->id, ctl->proto, ctl->lo);
		return;
	case FDNET_CTL_KEEP:
		take_keep(guest, ctl);
		return;
	case FDNET_CTL_UNHOLD:
		hold_end(guest, ctl);
		return;
	case FDNET_CTL_HOLD:
		rc = hold_new(guest, ctl);
		if (rc)
			break;
		if (!guest->txq)
			tell_held(guest);
		return;
	default:
		count(&guest->relay->counters, C_CONTROL_BAD);
		return;
	}
	send_reply(guest, ctl, rc, lo, hi);
}

static void link_control(void *arg, enum fdnet_link_type type,
			 const uint8_t *body, size_t len, int fd)
{
	struct guest *guest = arg;
	struct fdnet_hello hello;
	struct fdnet_ctl ctl;

	if (fd >= 0)
		close(fd);
	if (guest->doomed)
		return;
	throttle_spend(guest->relay, &guest->throttle);
	if (type == FDNET_LINK_HELLO && !guest->greeted) {
		if (fdnet_hello_decode(body, len, &hello) ||
		    hello.max_msg < 2048)
			bad_message(guest, C_HELLO_BAD);
		else
			take_hello(guest, &hello);
		return;
	}
	if (type != FDNET_LINK_CONTROL || !guest->greeted || guest->peer ||
	    fdnet_ctl_decode(body, len, &ctl)) {
		bad_message(guest, C_CONTROL_BAD);
		return;
	}
	take_control(guest, &ctl);
}

/* ---- the link as a whole ---- */

int guest_link_open(struct guest *guest)
{
	static const struct fdnet_link_ops ops = {
		.packet = link_packet,
		.control = link_control,
	};
	struct fdnet_link_config cfg = {
		.mem = guest->relay->mem,
		.pool = guest->relay->pool,
		.fd = guest->src.fd,
		.max_msg = GUEST_MAX_MSG,
		.ops = &ops,
		.arg = guest,
	};

	return fdnet_link_new(&cfg, &guest->link);
}

void guest_link_event(struct guest *guest, uint32_t events)
{
	int rc;

	if (!guest->link)
		return;
	if (guest->stack)
		fdnet_stack_set_time(guest->stack, guest->relay->now_us);
	if (events & EPOLLOUT) {
		wait_writable(guest, false);
		guest_link_flush(guest);
	}
	guest_touch(guest);
	guest_ring_use(guest, true);
	if (throttle_holds(guest->relay, &guest->throttle, events))
		return;
	rc = fdnet_link_recv(guest->link, LIMIT_LINK_BUDGET);
	if (rc < 0)
		guest->doomed = true;
}

bool guest_link_drain(struct guest *guest)
{
	int rc;

	fdnet_stack_set_time(guest->stack, guest->relay->now_us);
	rc = fdnet_link_recv(guest->link, LIMIT_LINK_BUDGET);
	if (rc < 0)
		guest->doomed = true;
	guest_touch(guest);
	return rc > 0;
}

void guest_link_end(struct guest *guest)
{
	struct relay *relay = guest->relay;
	struct record_event event = {
		.kind = RECORD_DETACH,
		.guest = guest->id,
		.pid = guest->pid,
		.comm = guest->comm,
	};

	throttle_done(relay, &guest->throttle);
	guest_ring_use(guest, false);
	loop_remove(&relay->loop, &guest->src);
	guest->payload.area = NULL; /* the link's */
	fdnet_link_free(guest->link);
	guest->link = NULL;
	close(guest->src.fd);
	guest->src.fd = -1;
	if (guest->area_fd >= 0)
		close(guest->area_fd);
	guest->area_fd = -1;
	while (guest->txq)
		fdnet_pkt_free(txq_pop(guest));
	relay->nguests--;
	registry_gone(&relay->registry, guest->id);
	switch_gone(&relay->sw, guest->id, relay->now_us);
	peer_gone(guest);
	flow_udp_end_all(guest);
	flow_echo_end_all(relay, guest);
	dns_end_guest(guest);
	if (guest->stack)
		fdnet_stack_peer_gone(guest->stack, false);
	flow_tcp_guest_gone(guest);
	guest->deadline_us = relay->now_us + LIMIT_ORPHAN_US;
	if (guest->greeted)
		record_event(&relay->record, relay->now_us, &event);
}
