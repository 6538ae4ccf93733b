/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/impair_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/wire/icmp.h"
#include "relay/state.h"

/* A rule's packets of one guest; the line [0] from it, [1] to it. */
struct impair_path {
	const struct rule *rule; /* NULL: --impair's own */
	struct impair_line lines[2];
	struct impair_path *next;
};

bool impair_any(const struct relay *relay)
{
	for (unsigned int i = 0; i < relay->policy->count; i++)
		if (relay->policy->rules[i].impair.on)
			return true;
	return relay->opts->impair.on;
}

/* ---- which line? ---- */

static uint8_t policy_proto(uint8_t proto)
{
	return proto == FDNET_PROTO_ICMP6 ? POLICY_ICMP : proto;
}

static const struct rule *find_client_rule(struct relay *relay, uint8_t proto,
					   const struct fdnet_name *remote,
					   uint16_t port)
{
	struct policy_query query =
		relay_query_client(relay, proto, remote, port);

	return policy_find(relay->policy, &query);
}

static const struct rule *find_rule(struct relay *relay, uint8_t proto,
				    const struct fdnet_name *remote)
{
	struct policy_query query = {
		.proto = proto,
		.ip = remote->ip,
		.port = remote->port,
		.names = &relay->names,
		.now_us = relay->now_us,
	};

	query.cls = relay_classify(relay, &query.ip);
	return policy_find(relay->policy, &query);
}

static struct impair_path *path_get(struct guest *guest,
				    const struct rule *rule)
{
	const struct impair *how = rule ? &rule->impair :
					  &guest->relay->opts->impair;
	struct impair_path *path;

	LL_FOREACH(guest->impaired, path) {
		if (path->rule == rule)
			return path;
	}
	path = calloc(1, sizeof(*path));
	if (!path)
		return NULL;
	path->rule = rule;
	for (uint64_t i = 0; i < 2; i++)
		impair_line_init(&path->lines[i], how, guest->id * 2 + i);
	LL_PREPEND(guest->impaired, path);
	return path;
}

static struct impair_line *find_line(struct guest *guest, uint8_t proto,
				     const struct fdnet_name *remote,
				     uint16_t port, int dir)
{
	struct relay *relay = guest->relay;
	struct fdnet_name name = *remote;
	const struct rule *rule;
	struct impair_path *path;

	addr_normalise(&name.ip);
	proto = policy_proto(proto);
	rule = find_rule(relay, proto, &name);
	if (!rule || !rule->impair.on)
		rule = find_client_rule(relay, proto, &name, port);
	if (!rule || !rule->impair.on)
		rule = NULL;
	if (!rule && !relay->opts->impair.on)
		return NULL;
	path = path_get(guest, rule);
	return path ? &path->lines[dir] : NULL;
}

bool impair_from(struct guest *guest, struct fdnet_pkt *pkt,
		 const struct head *head)
{
	struct fdnet_name remote = { .ip = head->dst, .port = head->dport };
	struct impair_line *line =
		find_line(guest, head->proto, &remote, head->sport, 0);

	if (!line)
		return false;
	impair_put(line, pkt, guest->relay->now_us);
	return true;
}

bool impair_to(struct guest *guest, struct fdnet_pkt *pkt)
{
	struct fdnet_name remote;
	struct impair_line *line;
	struct head head;

	if (head_parse_pkt(pkt, &head))
		return false;
	remote = (struct fdnet_name){ .ip = head.src, .port = head.sport };
	line = find_line(guest, head.proto, &remote, head.dport, 1);
	if (!line)
		return false;
	impair_put(line, pkt, guest->relay->now_us);
	return true;
}

/* ---- time ---- */

static void release(struct guest *guest, struct impair_path *path,
		    uint64_t now_us)
{
	struct fdnet_pkt *pkt;

	while ((pkt = impair_get(&path->lines[0], now_us)))
		fdnet_stack_input(guest->stack, pkt);
	while ((pkt = impair_get(&path->lines[1], now_us)))
		guest_link_forward(guest, pkt);
}

void impair_advance(struct guest *guest)
{
	struct impair_path *path;

	LL_FOREACH(guest->impaired, path)
		release(guest, path, guest->relay->now_us);
}

uint64_t impair_next(const struct guest *guest)
{
	uint64_t next_us = FDNET_NEVER;
	const struct impair_path *path;

	LL_FOREACH(guest->impaired, path) {
		for (int i = 0; i < 2; i++) {
			uint64_t t = impair_expiry(&path->lines[i]);

			next_us = t < next_us ? t : next_us;
		}
	}
	return next_us;
}

/* ---- hand-overs ---- */

/* The flow that moves; @peer NULL: whatever @local's port has. */
struct moving {
	struct guest *to;
	uint8_t proto;
	const struct fdnet_name *local, *peer;
};

static bool is_end(const struct fdnet_name *name, const struct fdnet_ip *ip,
		   uint16_t port)
{
	return name->port == port && (fdnet_ip_is_any(&name->ip) ||
				      fdnet_ip_equal(&name->ip, ip));
}

static bool moves(const struct moving *moving, struct fdnet_pkt *pkt,
		  int dir)
{
	struct head h;

	if (head_parse_pkt(pkt, &h) || !h.has_ports ||
	    h.proto != moving->proto)
		return false;
	if (dir)
		return is_end(moving->local, &h.dst, h.dport) &&
		       (!moving->peer || is_end(moving->peer, &h.src, h.sport));
	return is_end(moving->local, &h.src, h.sport) &&
	       (!moving->peer || is_end(moving->peer, &h.dst, h.dport));
}

static void move_line(const struct moving *moving, struct impair_path *path,
		      int dir)
{
	struct impair_line *line = &path->lines[dir];
	struct fdnet_pkt *pkt = line->head, *next;

	line->head = line->tail = NULL;
	line->n = 0;
	for (; pkt; pkt = next) {
		struct impair_line *to = line;
		struct impair_path *other;

		next = pkt->next;
		if (moves(moving, pkt, dir)) {
			other = path_get(moving->to, path->rule);
			to = other ? &other->lines[dir] : NULL;
		}
		if (to && to->n < IMPAIR_QUEUE)
			impair_line_append(to, pkt);
		else
			fdnet_pkt_free(pkt);
	}
}

void impair_move(struct guest *from, struct guest *to, uint8_t proto,
		 const struct fdnet_name *local, const struct fdnet_name *peer)
{
	struct moving moving = { to, proto, local, peer };
	struct impair_path *path;

	if (from == to || !from->impaired)
		return;
	LL_FOREACH(from->impaired, path) {
		move_line(&moving, path, 0);
		move_line(&moving, path, 1);
	}
	guest_touch(to);
}

void impair_forget(struct guest *guest, bool drop)
{
	struct impair_path *path;

	while ((path = guest->impaired)) {
		LL_DELETE(guest->impaired, path);
		if (!drop)
			release(guest, path, FDNET_NEVER);
		impair_line_done(&path->lines[0]);
		impair_line_done(&path->lines[1]);
		free(path);
	}
}

/* ---- state.h ---- */

static void line_state(struct state *st, struct impair_line *line)
{
	struct fdnet_save *s = &st->s;
	struct fdnet_pkt *pkt = s->reading ? NULL : line->head;
	uint32_t n;

	line->rng = fdnet_save_u64(s, line->rng);
	line->free_us = fdnet_save_u64(s, line->free_us);
	line->last_us = fdnet_save_u64(s, line->last_us);
	line->lost = fdnet_save_u64(s, line->lost);
	n = fdnet_save_count(s, line->n, IMPAIR_QUEUE, 21);
	for (; n && !s->rc; n--) {
		struct fdnet_pkt *next = pkt ? pkt->next : NULL;

		pkt = state_pkt(st, pkt);
		if (s->reading && pkt)
			impair_line_append(line, pkt);
		pkt = next;
	}
}

void impair_state(struct state *st, struct guest *guest)
{
	struct fdnet_save *s = &st->s;
	struct impair_path *path = guest->impaired, *next;
	uint32_t n = 0;

	LL_COUNT(guest->impaired, path, n);
	path = guest->impaired;
	n = fdnet_save_count(s, n, LIMIT_RULES + 1, 76);
	for (; n && !s->rc; n--, path = next) {
		const struct rule *rule;

		next = path ? path->next : NULL;
		rule = state_rule(st, path ? path->rule : NULL);
		if (s->reading && !s->rc) {
			path = path_get(guest, rule);
			if (!path)
				fdnet_save_fail(s, -ENOMEM);
		}
		for (int i = 0; i < 2 && !s->rc; i++)
			line_state(st, &path->lines[i]);
	}
}
