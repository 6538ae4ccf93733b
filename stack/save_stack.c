/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved state: a whole stack.
 *
 * Left behind: fragments and packets that wait for a neighbour (counted), the
 * rate of ICMP errors, redirects (routers send them again), the cookies that fast open got from peers (they give
 * new ones), reports of multicast groups (joining the groups again makes new
 * ones).
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "stack/object.h"
#include "stack/save.h"
#include "stack/tcp.h"

#define MAGIC 0x54534446 /* "FDST" */
/* The least bytes of what is counted. */
#define ADDR_BYTES  2
#define ROUTE_BYTES 3
#define PMTU_BYTES  13
#define PKT_BYTES   31
#define SOCK_BYTES  32

/* ---- settings ---- */

static void tcp_settings(struct fdnet_save *s, struct fdnet_tcp_settings *t)
{
	t->ecn = (uint8_t)fdnet_save_int(s, t->ecn, 0, FDNET_TCP_ECN_NEVER);
	t->no_timestamps = fdnet_save_bool(s, t->no_timestamps);
	t->no_sack = fdnet_save_bool(s, t->no_sack);
	t->no_wscale = fdnet_save_bool(s, t->no_wscale);
	t->fastopen = fdnet_save_u32(s, t->fastopen);
	fdnet_save_bytes(s, t->fastopen_key, sizeof(t->fastopen_key));
	t->pacing = fdnet_save_bool(s, t->pacing);
	t->burst_min = fdnet_save_u8(s, t->burst_min);
	t->mtu_probing = (uint8_t)fdnet_save_int(s, t->mtu_probing, 0,
						 FDNET_TCP_PROBE_NEVER);
	t->base_mss = fdnet_save_u16(s, t->base_mss);
}

static void config(struct fdnet_save *s, struct fdnet_stack_config *c)
{
	c->mtu = fdnet_save_u32(s, c->mtu);
	c->gso_max = fdnet_save_u32(s, c->gso_max);
	c->csum_offload = fdnet_save_bool(s, c->csum_offload);
	c->switched = fdnet_save_bool(s, c->switched);
	c->gateway = fdnet_save_bool(s, c->gateway);
	c->forward = fdnet_save_bool(s, c->forward);
	c->lossless = fdnet_save_bool(s, c->lossless);
	c->ethernet = fdnet_save_bool(s, c->ethernet);
	c->autoconf = fdnet_save_bool(s, c->autoconf);
	c->no_redirects = fdnet_save_bool(s, c->no_redirects);
	c->mcast_max = fdnet_save_u16(s, c->mcast_max);
	c->mcast_src4_max = fdnet_save_u8(s, c->mcast_src4_max);
	c->mcast_src6_max = fdnet_save_u8(s, c->mcast_src6_max);
	c->ephemeral_lo = fdnet_save_u16(s, c->ephemeral_lo);
	c->ephemeral_hi = fdnet_save_u16(s, c->ephemeral_hi);
	c->max_socks = fdnet_save_u32(s, c->max_socks);
	c->tcp_sndbuf = fdnet_save_u32(s, c->tcp_sndbuf);
	c->tcp_rcvbuf = fdnet_save_u32(s, c->tcp_rcvbuf);
	c->tcp_buf_max = fdnet_save_u32(s, c->tcp_buf_max);
	c->tcp_mem = fdnet_save_u64(s, c->tcp_mem);
	c->udp_sndbuf = fdnet_save_u32(s, c->udp_sndbuf);
	c->udp_rcvbuf = fdnet_save_u32(s, c->udp_rcvbuf);
	fdnet_save_bytes(s, c->link_addr, sizeof(c->link_addr));
	tcp_settings(s, &c->tcp);
}

static void keys(struct fdnet_save *s, struct fdnet_stack *stack)
{
	int i;

	for (i = 0; i < 2; i++) {
		stack->key[i] = fdnet_save_u64(s, stack->key[i]);
		stack->rnd_key[i] = fdnet_save_u64(s, stack->rnd_key[i]);
	}
	stack->rnd_count = fdnet_save_u64(s, stack->rnd_count);
	stack->ident = fdnet_save_u16(s, stack->ident);
	stack->ident6 = fdnet_save_u32(s, stack->ident6);
	stack->dead = fdnet_save_bool(s, stack->dead);
}

static void counters(struct fdnet_save *s, struct fdnet_stack *stack)
{
	uint32_t n = fdnet_save_count(s, FDNET_C_MAX, FDNET_C_MAX, 8), i;

	fdnet_save_check(s, n == FDNET_C_MAX);
	for (i = 0; i < n; i++)
		stack->counters[i] = fdnet_save_u64(s, stack->counters[i]);
}

/* ---- addresses and ways ---- */

static void prefix(struct fdnet_save *s, struct fdnet_ip *ip, uint8_t *bits)
{
	fdnet_save_ip(s, ip);
	*bits = fdnet_save_u8(s, *bits);
	fdnet_save_check(s, ip->family && *bits <= (ip->family == 4 ? 32 : 128));
}

static void address(struct fdnet_save *s, struct fdnet_stack_addr *a)
{
	prefix(s, &a->ip, &a->bits);
	a->tentative = fdnet_save_bool(s, a->tentative);
	a->advertised = fdnet_save_bool(s, a->advertised);
	a->probes = fdnet_save_u8(s, a->probes);
	a->announces = fdnet_save_u8(s, a->announces);
	a->due_us = fdnet_save_time(s, a->due_us);
	a->valid_us = fdnet_save_time(s, a->valid_us);
	a->preferred_us = fdnet_save_time(s, a->preferred_us);
	fdnet_save_ip(s, &a->router);
}

static void addresses(struct fdnet_save *s, struct fdnet_stack *stack)
{
	uint32_t n, i;

	n = fdnet_save_count(s, stack->naddrs, FDNET_MAX_ADDRS, ADDR_BYTES);
	stack->naddrs = n;
	for (i = 0; i < n; i++)
		address(s, &stack->addrs[i]);
	n = fdnet_save_count(s, stack->nroutes, FDNET_MAX_ROUTES, ROUTE_BYTES);
	stack->nroutes = n;
	for (i = 0; i < n; i++) {
		prefix(s, &stack->routes[i].net, &stack->routes[i].bits);
		fdnet_save_ip(s, &stack->routes[i].gateway);
		stack->routes[i].until_us =
			fdnet_save_time(s, stack->routes[i].until_us);
		stack->routes[i].silent_us =
			fdnet_save_time(s, stack->routes[i].silent_us);
		stack->routes[i].advertised =
			fdnet_save_bool(s, stack->routes[i].advertised);
		stack->routes[i].pref =
			(int8_t)fdnet_save_int(s, stack->routes[i].pref, -1, 1);
	}
	stack->autoconf.hops6 = fdnet_save_u8(s, stack->autoconf.hops6);
	stack->autoconf.mtu6 = fdnet_save_u16(s, stack->autoconf.mtu6);
	fdnet_save_check(s, !stack->autoconf.mtu6 ||
				    stack->autoconf.mtu6 >= FDNET_PMTU_MIN6);
	stack->neighs.reachable6_ms =
		fdnet_save_u32(s, stack->neighs.reachable6_ms);
	stack->neighs.retry6_ms = fdnet_save_u32(s, stack->neighs.retry6_ms);
	stack->autoconf.solicits_left =
		fdnet_save_u8(s, stack->autoconf.solicits_left);
	stack->autoconf.solicit_us =
		fdnet_save_time(s, stack->autoconf.solicit_us);
	if (s->reading && !s->rc)
		fdnet_autoconf_restart(stack);
}

static void leases(struct fdnet_save *s, struct fdnet_stack *stack)
{
	struct fdnet_port_range *r;
	uint32_t n, i;
	int t;

	for (t = 0; t < 2; t++) {
		n = fdnet_save_count(s, stack->nranges[t], FDNET_MAX_RANGES, 4);
		stack->nranges[t] = n;
		for (i = 0; i < n; i++) {
			r = &stack->ranges[t][i];
			r->lo = fdnet_save_u16(s, r->lo);
			r->hi = fdnet_save_u16(s, r->hi);
			fdnet_save_check(s, r->lo && r->lo <= r->hi);
		}
		stack->next_port[t] = fdnet_save_u32(s, stack->next_port[t]);
	}
}

static void path_mtu(struct fdnet_save *s, struct fdnet_pmtu *p)
{
	struct fdnet_pmtu one = p ? *p : (struct fdnet_pmtu){ .mtu = 0 };

	fdnet_save_ip(s, &one.dst);
	one.mtu = fdnet_save_u32(s, one.mtu);
	one.expiry_us = fdnet_save_time(s, one.expiry_us);
	fdnet_save_check(s, one.mtu >= FDNET_PMTU_MIN4 && one.mtu <= 65535);
	if (!s->reading || s->rc)
		return;
	/* of two that meet there, one is enough */
	p = fdnet_pmtu_slot(s->stack, &one.dst);
	if (p)
		*p = one;
	else
		fdnet_save_fail(s, -ENOMEM);
}

static void path_mtus(struct fdnet_save *s, struct fdnet_stack *stack)
{
	uint32_t n = 0, i, slot = 0, size;

	size = stack->pmtus ? stack->cfg.limits.path_mtus : 0;
	for (i = 0; i < size; i++)
		n += stack->pmtus[i].dst.family != 0;
	n = fdnet_save_count(s, n, UINT32_MAX, PMTU_BYTES);
	for (i = 0; i < n && !s->rc; i++, slot++) {
		while (!s->reading && !stack->pmtus[slot].dst.family)
			slot++;
		path_mtu(s, s->reading ? NULL : &stack->pmtus[slot]);
	}
	stack->pmtu_until_us = fdnet_save_time(s, stack->pmtu_until_us);
}

/* ---- packets ---- */

static void queue(struct fdnet_save *s, struct fdnet_pktq *q)
{
	struct fdnet_pkt *pkt = s->reading ? NULL : q->head, *next;
	uint32_t n = fdnet_save_count(s, q->pkts, UINT32_MAX, PKT_BYTES), i;

	for (i = 0; i < n && !s->rc; i++, pkt = next) {
		next = pkt ? pkt->next : NULL;
		pkt = fdnet_save_pkt(s, pkt);
		if (s->reading && pkt)
			fdnet_pktq_push(q, pkt);
	}
}

/* What does not go along is lost, and counted where it is missed. */
static void losses(struct fdnet_save *s, struct fdnet_stack *stack)
{
	uint32_t frags = 0, waiting = 0, i;

	for (i = 0; stack->reass.entries && i < stack->reass.used; i++)
		frags += stack->reass.entries[i].buf != NULL;
	for (i = 0; i < stack->neighs.used; i++)
		waiting += stack->neighs.entries[i].nwait;
	frags = fdnet_save_u32(s, frags);
	waiting = fdnet_save_u32(s, waiting);
	if (!s->reading)
		return;
	stack->counters[FDNET_C_FRAG_TIMEOUT] += frags;
	stack->counters[FDNET_C_NEIGH_FAILED] += waiting;
}

/* ---- sockets ---- */

struct walk {
	struct fdnet_save *s;
	fdnet_save_tag_fn tag;
	fdnet_restore_fn claim;
	void *arg;
};

/* One that waits to be accepted goes with its listener. */
static bool goes_along(const struct fdnet_sock *so)
{
	return so->ops != &fdnet_tcp_ops || !fdnet_tcp_is_queued(so);
}

/* Does the application know it? */
static bool is_held(const struct fdnet_sock *so)
{
	return !so->detached && !so->in_req_list;
}

static void write_sock(struct walk *w, struct fdnet_sock *so)
{
	uint64_t tag = 0;

	if (!goes_along(so))
		return;
	if (is_held(so) && w->tag)
		tag = w->tag(w->arg, so);
	fdnet_save_bool(w->s, true);
	fdnet_save_u64(w->s, tag);
	fdnet_save_sock(w->s, so);
}

/* Of the sockets at one port the last bound comes first; those before it go
 * first, so that it is so again. */
static void write_owners(struct walk *w, struct fdnet_port *port)
{
	struct fdnet_sock *so = port->owners;

	while (so && so->bound_next)
		so = so->bound_next;
	for (; so; so = so == port->owners ? NULL : so->bound_prev)
		write_sock(w, so);
}

static void write_socks(struct walk *w, struct fdnet_stack *stack)
{
	struct fdnet_sock *so;
	struct fdnet_port *port;
	uint32_t i;

	for (i = 0; i < stack->ports_size; i++)
		for (port = stack->ports[i]; port; port = port->next)
			write_owners(w, port);
	/* the others, the oldest first */
	so = stack->all ? stack->all->all_prev : NULL;
	for (; so; so = so == stack->all ? NULL : so->all_prev)
		if (!so->port || so->port_child)
			write_sock(w, so);
	fdnet_save_bool(w->s, false);
}

static void read_socks(struct walk *w)
{
	struct fdnet_save *s = w->s;
	struct fdnet_sock *so;
	uint64_t tag;

	while (fdnet_save_bool(s, false) && !s->rc) {
		tag = fdnet_save_u64(s, 0);
		so = fdnet_save_sock(s, NULL);
		if (!so)
			return;
		fdnet_save_check(s, goes_along(so));
		if (s->rc)
			return;
		if (!is_held(so))
			continue;
		if (w->claim)
			w->claim(w->arg, so, tag);
		else
			fdnet_sock_close(so);
	}
}

/* ---- all of it ---- */

static void body(struct walk *w, struct fdnet_stack *stack)
{
	struct fdnet_save *s = w->s;

	keys(s, stack);
	counters(s, stack);
	addresses(s, stack);
	leases(s, stack);
	path_mtus(s, stack);
	fdnet_save_neighs(s);
	fdnet_save_dhcp(s, stack);
	queue(s, &stack->back);
	queue(s, &stack->frags);
	queue(s, &stack->queued);
	queue(s, &stack->orphans);
	losses(s, stack);
	if (s->rc)
		return;
	if (s->reading)
		read_socks(w);
	else
		write_socks(w, stack);
}

ssize_t fdnet_stack_save(struct fdnet_stack *stack, fdnet_save_tag_fn tag,
			 void *arg, void *dst, size_t len)
{
	struct fdnet_save s = {
		.stack = stack,
		.whole = true,
		.dst = dst,
		.len = len,
	};
	struct walk w = {.s = &s, .tag = tag, .arg = arg};

	fdnet_save_head(&s, MAGIC);
	config(&s, &stack->cfg);
	body(&w, stack);
	return fdnet_save_done(&s);
}

int fdnet_stack_restore(const struct fdnet_stack_config *cfg, uint64_t now_us,
			const void *src, size_t len, fdnet_restore_fn claim,
			void *arg, struct fdnet_stack **ret_stack)
{
	struct fdnet_save s = {
		.reading = true,
		.whole = true,
		.src = src,
		.len = len,
	};
	struct walk w = {.s = &s, .claim = claim, .arg = arg};
	struct fdnet_stack_config c = {
		.mem = cfg->mem,
		.pool = cfg->pool,
		.payload_pool = cfg->payload_pool,
	};
	struct fdnet_stack *stack;
	ssize_t rc;

	fdnet_save_head(&s, MAGIC);
	config(&s, &c);
	if (s.rc)
		return s.rc;
	rc = fdnet_stack_new(&c, now_us, &stack);
	if (rc)
		return rc == -EINVAL ? -EPROTO : (int)rc;
	s.stack = stack;
	body(&w, stack);
	fdnet_save_check(&s, s.pos == len);
	rc = fdnet_save_done(&s);
	if (rc < 0) {
		fdnet_stack_free(stack);
		return (int)rc;
	}
	*ret_stack = stack;
	return 0;
}
