/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_echo.h"

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/packet_internal.h"
#include "relay/state.h"
#include "relay/synth.h"
#include "relay/sys.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"

/* Largest request, with its header. */
#define ECHO_MAX 65507
#define IDENT_OFFSET 4
#define TTL_DEFAULT 64
/* Answers of one socket in one turn. */
#define BUDGET 32
/* What is kept of the last request, to be quoted in an error. */
#define QUOTE 64

/**
 * struct flow_echo
 * @local, @remote:  the guest's address, and the other end as it knows it;
 *             the port of @local is the identifier
 * @ttl:       the socket's at present
 * @quote:     the last request's first @quoted bytes, from the ICMP header
 */
struct flow_echo {
	struct source src;
	struct flow item;
	uint32_t guest;
	struct fdnet_name local, remote;
	uint8_t ttl;
	struct rule *rule;
	uint64_t start_us, last_us;
	uint64_t bytes_out, bytes_in, pkts_out, pkts_in;
	uint8_t quote[QUOTE];
	uint32_t quoted;
	struct flow_echo *prev, *next; /* the longest idle first */
};

static struct flow_echo *of_item(struct flow *item)
{
	return (struct flow_echo *)((char *)item -
				    offsetof(struct flow_echo, item));
}

/* ---- life ---- */

static void note(struct relay *relay, const struct flow_echo *flow,
		 enum record_kind kind, int error, const char *reason)
{
	struct record_event event = {
		.kind = kind,
		.flow = flow->item.id,
		.proto = POLICY_ICMP,
		.guest = flow->guest,
		.pid = flow->item.owner.pid,
		.comm = flow->item.owner.comm,
		.src.ip = flow->local.ip,
		.dst = flow->remote,
		.name = names_of(&relay->names, &flow->remote.ip,
				 relay->now_us),
		.rule = flow->rule ? flow->rule->text : NULL,
		.reason = reason,
		.error = error,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.pkts_out = flow->pkts_out,
		.pkts_in = flow->pkts_in,
		.duration_us = relay->now_us - flow->start_us,
	};

	record_event(&relay->record, relay->now_us, &event);
}

static void free_source(struct source *src)
{
	free((struct flow_echo *)src);
}

static void end(struct relay *relay, struct flow_echo *flow,
		const char *reason)
{
	note(relay, flow, RECORD_CLOSE, 0, reason);
	flows_remove(&relay->flows, &flow->item);
	rule_drop(flow->rule);
	DL_DELETE(relay->echoes, flow);
	relay->nechoes--;
	loop_remove(&relay->loop, &flow->src);
	if (flow->src.fd >= 0)
		close(flow->src.fd);
	loop_bury(&relay->loop, &flow->src, free_source);
}

static struct flow_echo *find(struct relay *relay, const struct guest *guest,
			      const struct fdnet_name *local,
			      const struct fdnet_name *remote)
{
	struct flow_echo *flow;

	DL_FOREACH(relay->echoes, flow) {
		if (flow->guest == guest->id &&
		    flow->local.port == local->port &&
		    fdnet_ip_equal(&flow->local.ip, &local->ip) &&
		    fdnet_ip_equal(&flow->remote.ip, &remote->ip))
			return flow;
	}
	return NULL;
}

static struct flow_echo *flow_new(struct guest *guest,
				  const struct fdnet_name *local,
				  const struct fdnet_name *remote,
				  struct rule *rule)
{
	struct relay *relay = guest->relay;
	struct flow_echo *flow;

	if (relay->nechoes >= LIMIT_ECHO_FLOWS)
		end(relay, relay->echoes, "too many flows");
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	flow->src = (struct source){ .type = SOURCE_FLOW_ECHO, .fd = -1 };
	flow->guest = guest->id;
	flow->local = *local;
	flow->remote = *remote;
	flow->ttl = TTL_DEFAULT;
	flow->rule = rule;
	rule_take(rule);
	flow->start_us = flow->last_us = relay->now_us;
	flows_add(&relay->flows, &flow->item, FLOW_KIND_ECHO);
	flow->item.owner = flows_owner(guest, POLICY_ICMP, local, NULL);
	DL_APPEND(relay->echoes, flow);
	relay->nechoes++;
	return flow;
}

/* ---- from the guest ---- */

static int open_socket(struct relay *relay, struct flow_echo *flow)
{
	struct fdnet_name target = { .ip = flow->remote.ip };
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(&target, &sa);
	bool v4 = sa.ss_family == AF_INET;
	int rc, fd = (int)SYS_RETRY(
			socket(sa.ss_family,
			       SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			       v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6));

	if (fd < 0)
		return fd;
	sys_setopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		   v4 ? IP_RECVERR : IPV6_RECVERR, 1);
	rc = sys_connect(fd, (struct sockaddr *)&sa, len);
	flow->src.fd = fd;
	return rc ? rc : loop_add(&relay->loop, &flow->src, EPOLLIN);
}

static void set_ttl(struct flow_echo *flow, uint8_t ttl)
{
	bool v4 = flow->remote.ip.family == 4;

	if (flow->ttl == ttl || !ttl)
		return;
	flow->ttl = ttl;
	sys_setopt(flow->src.fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		   v4 ? IP_TTL : IPV6_UNICAST_HOPS, ttl);
}

static void send_on(struct relay *relay, struct flow_echo *flow, uint8_t ttl,
		    const uint8_t *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!rule_pass(flow->rule, 0, len, relay->now_us)) {
		count(&relay->counters, C_RULE_DROP);
		return;
	}
	flow->last_us = relay->now_us;
	DL_DELETE(relay->echoes, flow);
	DL_APPEND(relay->echoes, flow);
	flow->quoted = len < QUOTE ? (uint32_t)len : QUOTE;
	memcpy(flow->quote, data, flow->quoted);
	set_ttl(flow, ttl);
	/* one that cannot be sent is one that was lost */
	if (sys_sendmsg(flow->src.fd, &msg) < 0)
		return;
	flow->bytes_out += len;
	flow->pkts_out++;
}

/* What the kernel's refusal means, once for each relay. */
static void explain(struct relay *relay, struct flow_echo *flow, int rc)
{
	static const char why[] =
		"the kernel gives ping sockets only to the groups in "
		"net.ipv4.ping_group_range, and this user is in none of them";

	note(relay, flow, RECORD_FAIL, -rc, rc == -EACCES ? why : NULL);
	if (rc == -EACCES && !relay->told_ping)
		fprintf(stderr, "fdnet-relay: echo requests: %s\n", why);
	relay->told_ping |= rc == -EACCES;
}

static struct flow_echo *flow_open(struct guest *guest,
				   const struct fdnet_name *local,
				   const struct fdnet_name *remote)
{
	struct relay *relay = guest->relay;
	struct flow_echo *flow;
	struct rule *rule;
	int rc;

	if (!relay_decide(relay, guest, POLICY_ICMP, local, remote, &rule))
		return NULL;
	flow = flow_new(guest, local, remote, rule);
	if (!flow)
		return NULL;
	rc = open_socket(relay, flow);
	if (!rc) {
		note(relay, flow, RECORD_OPEN, 0, NULL);
		return flow;
	}
	explain(relay, flow, rc);
	end(relay, flow, "failed");
	return NULL;
}

static uint8_t packet_ttl(const struct fdnet_pkt *pkt, int family)
{
	return pkt->data[family == 4 ? 8 : 7];
}

bool flow_echo_request(struct guest *guest, struct fdnet_pkt *pkt,
		       const struct head *head)
{
	/* of the process: one at a time */
	static uint8_t data[ECHO_MAX];
	struct relay *relay = guest->relay;
	struct fdnet_name local = { .ip = head->src };
	struct fdnet_name remote = { .ip = head->dst };
	uint32_t len = head->len - head->l4;
	struct flow_echo *flow;
	struct fdnet_pkt *error;

	if (head->fragment || len < FDNET_ICMP_LEN || len > sizeof(data) ||
	    head->type != (head->proto == FDNET_PROTO_ICMP ? FDNET_ICMP_ECHO :
							     FDNET_ICMP6_ECHO))
		return false;
	addr_normalise(&remote.ip);
	if (remote.ip.family != head->dst.family)
		return false;
	fdnet_pkt_copy_out(pkt, head->l4, data, len);
	local.port = fdnet_get16(data + IDENT_OFFSET);
	flow = find(relay, guest, &local, &remote);
	if (!flow)
		flow = flow_open(guest, &local, &remote);
	if (flow) {
		send_on(relay, flow, packet_ttl(pkt, head->src.family), data,
			len);
	} else {
		error = synth_unreachable(
			relay->pool, SYNTH_PROHIBITED,
			&net_family(&relay->opts->net, head->src.family)
				 ->gateway,
			head, pkt);
		if (error)
			guest_link_forward(guest, error);
	}
	fdnet_pkt_free(pkt);
	return true;
}

/* ---- from the host ---- */

static void deliver(struct relay *relay, struct flow_echo *flow,
		    const struct fdnet_ip *from, uint8_t *data, size_t len)
{
	struct guest *guest = guest_find(relay, flow->guest);
	struct fdnet_pkt *pkt;

	if (!guest || !guest_is_up(guest))
		return;
	pkt = synth_icmp(relay->pool, from, &flow->local.ip, data,
			 (uint32_t)len);
	if (!pkt)
		return;
	capture(&relay->capture, pkt);
	guest_link_forward(guest, pkt);
}

static void take_answer(struct relay *relay, struct flow_echo *flow,
			uint8_t *data, size_t len)
{
	if (len < FDNET_ICMP_LEN)
		return;
	if (!rule_pass(flow->rule, 1, len, relay->now_us)) {
		count(&relay->counters, C_RULE_DROP);
		return;
	}
	/* the guest's own identifier */
	fdnet_put16(data + IDENT_OFFSET, flow->local.port);
	flow->bytes_in += len;
	flow->pkts_in++;
	deliver(relay, flow, &flow->remote.ip, data, len);
}

/* An error quotes the guest's request, in a header as the guest sent it. */
static void pass_error(struct relay *relay, struct flow_echo *flow,
		       const struct sock_extended_err *ee,
		       const struct fdnet_ip *from)
{
	uint8_t data[FDNET_ICMP_LEN + SYNTH_HDR_MAX + QUOTE];
	struct fdnet_icmp icmp = {
		.type = ee->ee_type,
		.code = ee->ee_code,
	};
	size_t len;

	fdnet_icmp_encode(data, &icmp);
	len = FDNET_ICMP_LEN;
	len += synth_header(data + len, &flow->local.ip, &flow->remote.ip,
			    flow->quoted);
	memcpy(data + len, flow->quote, flow->quoted);
	deliver(relay, flow, from, data, len + flow->quoted);
}

static void take_errors(struct relay *relay, struct flow_echo *flow)
{
	union {
		char buf[512];
		struct cmsghdr align;
	} control;
	uint8_t byte;
	struct iovec iov = { &byte, sizeof(byte) };

	sys_so_error(flow->src.fd);
	for (int i = 0; i < BUDGET; i++) {
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		struct {
			struct sock_extended_err ee;
			struct sockaddr_storage sa;
		} error = { { 0 } };
		struct fdnet_name from;
		struct cmsghdr *cmsg;
		size_t len;

		if (recvmsg(flow->src.fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) <
		    0)
			return;
		cmsg = CMSG_FIRSTHDR(&msg);
		if (!cmsg || cmsg->cmsg_len < CMSG_LEN(sizeof(error.ee)))
			continue;
		len = cmsg->cmsg_len - CMSG_LEN(0);
		memcpy(&error, CMSG_DATA(cmsg),
		       len < sizeof(error) ? len : sizeof(error));
		/* what the machine itself found out has no sender */
		if ((error.ee.ee_origin == SO_EE_ORIGIN_ICMP ||
		     error.ee.ee_origin == SO_EE_ORIGIN_ICMP6) &&
		    !sys_to_name(&error.sa, &from) &&
		    from.ip.family == flow->local.ip.family)
			pass_error(relay, flow, &error.ee, &from.ip);
	}
}

void flow_echo_host_event(struct relay *relay, struct source *src,
			  uint32_t events)
{
	static uint8_t data[ECHO_MAX];
	struct flow_echo *flow = (struct flow_echo *)src;

	if (events & EPOLLERR)
		take_errors(relay, flow);
	for (int i = 0; i < BUDGET; i++) {
		ssize_t len = SYS_RETRY(recv(src->fd, data, sizeof(data),
					     MSG_DONTWAIT));

		if (len < 0)
			return;
		take_answer(relay, flow, data, (size_t)len);
	}
}

/* ---- all ---- */

void flow_echo_end_all(struct relay *relay, const struct guest *guest)
{
	struct flow_echo *flow, *tmp;

	DL_FOREACH_SAFE(relay->echoes, flow, tmp) {
		if (!guest || flow->guest == guest->id)
			end(relay, flow, "guest ended");
	}
}

uint64_t flow_echo_expiry(const struct relay *relay)
{
	return relay->echoes ? relay->echoes->last_us + LIMIT_ECHO_IDLE_US :
			       FDNET_NEVER;
}

void flow_echo_advance(struct relay *relay)
{
	while (flow_echo_expiry(relay) <= relay->now_us)
		end(relay, relay->echoes, "idle");
}

void flow_echo_describe(struct relay *relay, struct flow *item,
			struct flow_info *ret_info)
{
	const struct flow_echo *flow = of_item(item);

	*ret_info = (struct flow_info){
		.proto = POLICY_ICMP,
		.state = flow->pkts_in ? "two-way" : "one-way",
		.guest = flow->guest,
		.pid = flow->item.owner.pid,
		.comm = flow->item.owner.comm,
		.src.ip = flow->local.ip,
		.dst = flow->remote,
		.name = names_of(&relay->names, &flow->remote.ip,
				 relay->now_us),
		.rule = flow->rule,
		.start_us = flow->start_us,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.pkts_out = flow->pkts_out,
		.pkts_in = flow->pkts_in,
	};
}

void flow_echo_end(struct relay *relay, struct flow *item, const char *reason)
{
	end(relay, of_item(item), reason);
}

void flow_echo_set_rule(struct flow *item, struct rule *rule)
{
	struct flow_echo *flow = of_item(item);

	rule_take(rule);
	rule_drop(flow->rule);
	flow->rule = rule;
}

/* ---- state.h ---- */

static void fields(struct state *st, struct flow_echo *flow)
{
	struct fdnet_save *s = &st->s;

	flow->guest = fdnet_save_u32(s, flow->guest);
	fdnet_save_name(s, &flow->local);
	fdnet_save_name(s, &flow->remote);
	fdnet_save_check(s, flow->local.ip.family &&
				    flow->local.ip.family ==
					    flow->remote.ip.family);
	flow->ttl = fdnet_save_u8(s, flow->ttl);
	flow->start_us = fdnet_save_u64(s, flow->start_us);
	flow->last_us = fdnet_save_u64(s, flow->last_us);
	flow->bytes_out = fdnet_save_u64(s, flow->bytes_out);
	flow->bytes_in = fdnet_save_u64(s, flow->bytes_in);
	flow->pkts_out = fdnet_save_u64(s, flow->pkts_out);
	flow->pkts_in = fdnet_save_u64(s, flow->pkts_in);
	flow->quoted = fdnet_save_count(s, flow->quoted, QUOTE, 1);
	fdnet_save_bytes(s, flow->quote, flow->quoted);
	flow->src.fd = state_socket(st, flow->src.fd, 0, SOCK_DGRAM);
	fdnet_save_check(s, flow->src.fd >= 0);
}

static void read_flow(struct state *st, uint64_t id)
{
	struct flow_echo *flow = state_alloc(&st->s, sizeof(*flow));
	struct relay *relay = st->relay;

	if (!flow)
		return;
	flow->src = (struct source){ .type = SOURCE_FLOW_ECHO, .fd = -1 };
	flow->item.kind = FLOW_KIND_ECHO;
	flow->item.id = id;
	flow->rule = state_rule(st, NULL);
	fields(st, flow);
	if (st->s.rc) {
		if (flow->src.fd >= 0)
			close(flow->src.fd);
		free(flow);
		return;
	}
	rule_take(flow->rule);
	DL_APPEND(relay->flows.list, &flow->item);
	DL_APPEND(relay->echoes, flow);
	relay->nechoes++;
	fdnet_save_fail(&st->s, loop_add(&relay->loop, &flow->src, EPOLLIN));
}

void flow_echo_state(struct state *st, struct flow *item, uint64_t id)
{
	if (st->s.reading) {
		read_flow(st, id);
		return;
	}
	state_rule(st, of_item(item)->rule);
	fields(st, of_item(item));
}

static int older(const struct flow_echo *a, const struct flow_echo *b)
{
	return a->last_us < b->last_us ? -1 : a->last_us > b->last_us;
}

void flow_echo_sort(struct relay *relay)
{
	DL_SORT(relay->echoes, older);
}
