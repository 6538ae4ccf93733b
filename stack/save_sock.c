/* SPDX-License-Identifier: Apache-2.0 */
/* Saved state: one socket of any kind, and what is common to all kinds. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/mcast.h"
#include "stack/object.h"
#include "stack/save.h"
#include "stack/tcp.h"

#define MAGIC	    0x4b534446 /* "FDSK" */
#define MCAST_BYTES 6

/* ---- the parts ---- */

static bool is_tcp(const struct fdnet_sock *so)
{
	return so->ops == &fdnet_tcp_ops;
}

/* May a socket of this stack have this address? */
static bool is_own(const struct fdnet_sock *so, const struct fdnet_ip *ip)
{
	if (so->foreign)
		return so->stack->cfg.gateway;
	if (fdnet_ip_is_any(ip) || fdnet_stack_is_local(so->stack, ip))
		return true;
	return so->type != FDNET_SOCK_STREAM &&
	       (fdnet_ip_is_multicast(ip) ||
		fdnet_ip_is_broadcast(so->stack, ip));
}

static void names(struct fdnet_save *s, struct fdnet_sock *so)
{
	so->foreign = fdnet_save_bool(s, so->foreign);
	so->user_addr = fdnet_save_bool(s, so->user_addr);
	so->user_port = fdnet_save_bool(s, so->user_port);
	fdnet_save_name(s, &so->local);
	fdnet_save_name(s, &so->peer);
	fdnet_save_check(s,
			 so->local.ip.family == so->family ||
				 (so->family == 6 && so->local.ip.family == 4));
	fdnet_save_check(s, !so->peer.ip.family || so->family == 6 ||
				    so->peer.ip.family == 4);
	if (s->reading && !s->rc && !is_own(so, &so->local.ip))
		fdnet_save_fail(s, -EADDRNOTAVAIL);
}

/* How it stands in the tables. */
struct place {
	bool bound, port, child, shared, connected, listening;
};

static struct place place_of(struct fdnet_save *s, const struct fdnet_sock *so)
{
	struct place p = {
		.bound = so->bound,
		.port = so->port,
		.child = so->port && so->port_child,
		.shared = so->port && so->port->shared,
		.connected = so->connected,
		.listening = so->listening,
	};

	p.bound = fdnet_save_bool(s, p.bound);
	p.port = fdnet_save_bool(s, p.port);
	p.child = fdnet_save_bool(s, p.child);
	p.shared = fdnet_save_bool(s, p.shared);
	p.connected = fdnet_save_bool(s, p.connected);
	p.listening = fdnet_save_bool(s, p.listening);
	if (so->type == FDNET_SOCK_RAW)
		fdnet_save_check(s, !p.port && !p.child && !p.connected &&
					    so->local.port == so->proto);
	else
		fdnet_save_check(s, p.bound == (p.port && !p.child));
	/* a place among the children is a connection's */
	fdnet_save_check(s, !p.child || (p.connected && is_tcp(so)));
	fdnet_save_check(s, !p.connected ||
				    (p.port && so->peer.ip.family &&
				     so->local.ip.family == so->peer.ip.family));
	fdnet_save_check(s, !p.port || so->local.port || so->foreign);
	return p;
}

static void take_place(struct fdnet_save *s, struct fdnet_sock *so,
		       const struct place *p)
{
	int rc = 0;

	if (!s->reading || s->rc)
		return;
	so->bound = p->bound;
	so->listening = p->listening;
	if (p->port && !p->child)
		rc = fdnet_demux_restore(so, p->shared, !s->whole);
	if (!rc && p->connected)
		rc = fdnet_demux_connect(so);
	if (rc)
		fdnet_save_fail(s, rc);
}

static void membership(struct fdnet_save *s, struct fdnet_sock *so,
		       const struct fdnet_mcast *m)
{
	struct fdnet_ip group = m ? m->group : (struct fdnet_ip){0};
	struct fdnet_ip srcs[FDNET_MCAST_SRC_MOST];
	struct fdnet_mcast_filter f = {.srcs = srcs};
	int ifindex, rc;
	uint32_t i;

	fdnet_save_ip(s, &group);
	ifindex = fdnet_save_int(s, m ? m->ifindex : 0, 1, 2);
	f.exclude = fdnet_save_bool(s, m && m->filter.exclude);
	f.n = (uint16_t)fdnet_save_count(s, m ? m->filter.n : 0,
					 FDNET_MCAST_SRC_MOST, 5);
	for (i = 0; i < f.n; i++) {
		srcs[i] = m ? m->filter.srcs[i] : (struct fdnet_ip){0};
		fdnet_save_ip(s, &srcs[i]);
		fdnet_save_check(s, srcs[i].family == group.family);
	}
	if (!s->reading || s->rc)
		return;
	rc = fdnet_mcast_join(so, &group, ifindex, !f.exclude);
	if (!rc && f.n)
		rc = fdnet_mcast_set_filter(so, &group, ifindex, &f);
	if (rc)
		fdnet_save_fail(s, rc == -ENOMEM ? rc : -EPROTO);
}

static void groups(struct fdnet_save *s, struct fdnet_sock *so)
{
	const struct fdnet_mcast *m, *first = so->mcast;
	uint32_t n = 0, i;

	if (so->type == FDNET_SOCK_STREAM) /* they have none */
		return;
	for (m = first; m; m = m->next)
		n++;
	n = fdnet_save_count(s, n, FDNET_MCAST_MOST, MCAST_BYTES);
	for (i = 0, m = s->reading ? NULL : first; i < n && !s->rc; i++) {
		membership(s, so, m);
		m = m ? m->next : NULL;
	}
}

/* The kind, and when reading an empty socket of it. */
static struct fdnet_sock *make(struct fdnet_save *s, struct fdnet_sock *so)
{
	const struct fdnet_proto_ops *ops = NULL;
	uint8_t family, type;
	int proto;

	family = fdnet_save_u8(s, so ? so->family : 0);
	type = fdnet_save_u8(s, so ? so->type : 0);
	proto = fdnet_save_int(s, so ? so->proto : 0, 0, 255);
	if (!s->reading)
		return so;
	if (!s->rc && (family == 4 || family == 6))
		ops = fdnet_proto_find(family, type, proto);
	fdnet_save_check(s, ops);
	if (s->rc)
		return NULL;
	if (s->stack->nsocks >= s->stack->cfg.max_socks)
		fdnet_save_fail(s, -ENFILE);
	else
		so = fdnet_sock_new(s->stack, ops, family, type, proto);
	if (!so)
		fdnet_save_fail(s, -ENOMEM);
	return so;
}

struct fdnet_sock *fdnet_save_sock(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct place place;
	bool time_wait = so && so->type == FDNET_SOCK_STREAM && !is_tcp(so);

	time_wait = fdnet_save_bool(s, time_wait);
	if (time_wait) {
		fdnet_save_check(s, s->whole);
		return fdnet_save_time_wait(s, so);
	}
	so = make(s, so);
	if (!so)
		return NULL;
	so->detached = fdnet_save_bool(s, so->detached);
	fdnet_save_check(s, !so->detached || (s->whole && is_tcp(so)));
	so->error = fdnet_save_error(s, so->error);
	names(s, so);
	place = place_of(s, so);
	fdnet_save_opts(s, so);
	groups(s, so);
	take_place(s, so, &place);
	so->ops->save(s, so);
	if (!s->reading)
		return so;
	if (s->rc) {
		fdnet_sock_forget(so);
		return NULL;
	}
	return so;
}

/* ---- the calls ---- */

static uint32_t unread(const struct fdnet_sock *so)
{
	return is_tcp(so) ? fdnet_tcp_queued_in(so) : fdnet_sock_inq(so);
}

/* What can be told of a socket without making it. */
static void preview(struct fdnet_save *s, const struct fdnet_sock *so,
		    struct fdnet_saved *v)
{
	if (so)
		*v = (struct fdnet_saved){
			.family = so->family,
			.type = so->type,
			.proto = so->proto,
			.state = fdnet_sock_state(so),
			.local = so->local,
			.peer = so->peer,
			.bound = so->bound,
			.foreign = so->foreign,
			.unread = unread(so),
			.unsent = fdnet_sock_outq(so),
			.queued = is_tcp(so) ? fdnet_tcp_backlog(so) : 0,
		};
	v->family = fdnet_save_int(s, v->family, 4, 6);
	v->type = fdnet_save_int(s, v->type, 1, 3);
	v->proto = fdnet_save_int(s, v->proto, 0, 255);
	v->state = fdnet_save_int(s, v->state, 0, 255);
	fdnet_save_name(s, &v->local);
	fdnet_save_name(s, &v->peer);
	v->bound = fdnet_save_bool(s, v->bound);
	v->foreign = fdnet_save_bool(s, v->foreign);
	v->unread = fdnet_save_u32(s, v->unread);
	v->unsent = fdnet_save_u32(s, v->unsent);
	v->queued = fdnet_save_u32(s, v->queued);
}

static bool names_equal(const struct fdnet_name *a, const struct fdnet_name *b)
{
	return a->port == b->port && a->scope == b->scope &&
	       fdnet_ip_equal(&a->ip, &b->ip);
}

/* Who looked before must not be deceived. */
static bool as_told(const struct fdnet_saved *v, const struct fdnet_sock *so)
{
	if (is_tcp(so) &&
	    (v->unread != unread(so) || v->unsent != fdnet_sock_outq(so) ||
	     v->queued != fdnet_tcp_backlog(so) || fdnet_tcp_is_queued(so)))
		return false;
	return v->family == so->family && v->type == so->type &&
	       v->proto == so->proto && v->state == fdnet_sock_state(so) &&
	       names_equal(&v->local, &so->local) &&
	       names_equal(&v->peer, &so->peer) && v->bound == so->bound &&
	       v->foreign == so->foreign;
}

ssize_t fdnet_sock_save(struct fdnet_sock *so, void *dst, size_t len)
{
	struct fdnet_save s = {.stack = so->stack, .dst = dst, .len = len};
	struct fdnet_saved v;

	if (!so->ops->save || (is_tcp(so) && fdnet_tcp_is_queued(so)))
		return -EOPNOTSUPP;
	fdnet_save_head(&s, MAGIC);
	preview(&s, so, &v);
	fdnet_save_sock(&s, so);
	return fdnet_save_done(&s);
}

int fdnet_sock_saved(const void *src, size_t len, struct fdnet_saved *ret_saved)
{
	struct fdnet_save s = {.reading = true, .src = src, .len = len};
	struct fdnet_saved v = {0};

	fdnet_save_head(&s, MAGIC);
	preview(&s, NULL, &v);
	if (s.rc)
		return s.rc;
	*ret_saved = v;
	return 0;
}

int fdnet_sock_restore(struct fdnet_stack *stack, const void *src, size_t len,
		       struct fdnet_sock **ret_so)
{
	struct fdnet_save s = {
		.stack = stack,
		.reading = true,
		.src = src,
		.len = len,
	};
	struct fdnet_saved v = {0};
	struct fdnet_sock *so = NULL;
	ssize_t rc;

	fdnet_save_head(&s, MAGIC);
	preview(&s, NULL, &v);
	if (!s.rc)
		so = fdnet_save_sock(&s, NULL);
	if (so)
		fdnet_save_check(&s, s.pos == len && as_told(&v, so));
	rc = fdnet_save_done(&s);
	if (rc < 0) {
		if (so)
			fdnet_sock_forget(so);
		return (int)rc;
	}
	*ret_so = so;
	return 0;
}

void fdnet_sock_forget(struct fdnet_sock *so)
{
	if (is_tcp(so))
		fdnet_tcp_forget_queue(so);
	if (so->ops->destroy)
		so->ops->destroy(so);
	fdnet_sock_release(so);
}
