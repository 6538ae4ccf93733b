/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket a packet is for, and who may hold which port.
 *
 * How it works: two hash tables with a keyed hash, which double when they are
 * full. One finds connections by protocol and 4-tuple. The other finds a local
 * port (protocol and number), whose holders are the sockets bound to it; a
 * packet of no connection goes to the most specific of them. The children of
 * a listener also hold its port, so that bind() refuses what the kernel's
 * would, but in a list of their own that no packet ever walks.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "stack/mcast.h"
#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"

#define FIRST_SIZE 64

int fdnet_demux_init(struct fdnet_stack *stack)
{
	stack->ports = fdnet_mem_alloc(stack->mem,
				       FIRST_SIZE * sizeof(*stack->ports));
	stack->conns = fdnet_mem_alloc(stack->mem,
				       FIRST_SIZE * sizeof(*stack->conns));
	if (stack->ports)
		stack->ports_size = FIRST_SIZE;
	if (stack->conns)
		stack->conns_size = FIRST_SIZE;
	return stack->ports && stack->conns ? 0 : -ENOMEM;
}

void fdnet_demux_done(struct fdnet_stack *stack)
{
	fdnet_mem_free(stack->mem, stack->ports,
		       stack->ports_size * sizeof(*stack->ports));
	fdnet_mem_free(stack->mem, stack->conns,
		       stack->conns_size * sizeof(*stack->conns));
}

/* ---- ports ---- */

/* Needs no key: who can choose ports here harms only himself. */
static uint32_t port_hash(uint8_t proto, uint16_t port)
{
	uint32_t h = ((uint32_t)proto << 16 | port) * 0x9e3779b1u;

	return h ^ h >> 16;
}

static struct fdnet_port *port_find(const struct fdnet_stack *stack,
				    uint8_t proto, uint16_t port)
{
	struct fdnet_port *p;

	p = stack->ports[port_hash(proto, port) &
			 (stack->ports_size - 1)];
	while (p && (p->port != port || p->proto != proto))
		p = p->next;
	return p;
}

/* Failing to grow costs speed only. */
static void ports_grow(struct fdnet_stack *stack)
{
	uint32_t size = stack->ports_size * 2, i, slot;
	struct fdnet_port **ports, *p;

	ports = fdnet_mem_alloc(stack->mem, size * sizeof(*ports));
	if (!ports)
		return;
	for (i = 0; i < stack->ports_size; i++) {
		while ((p = stack->ports[i])) {
			stack->ports[i] = p->next;
			slot = port_hash(p->proto, p->port) &
			       (size - 1);
			p->next = ports[slot];
			ports[slot] = p;
		}
	}
	fdnet_mem_free(stack->mem, stack->ports,
		       stack->ports_size * sizeof(*ports));
	stack->ports = ports;
	stack->ports_size = size;
}

static struct fdnet_port *port_get(struct fdnet_stack *stack, uint8_t proto,
				   uint16_t port)
{
	struct fdnet_port *p = port_find(stack, proto, port);
	uint32_t slot;

	if (p)
		return p;
	if (stack->nports * 2 >= stack->ports_size)
		ports_grow(stack);
	p = fdnet_mem_alloc(stack->mem, sizeof(*p));
	if (!p)
		return NULL;
	p->proto = proto;
	p->port = port;
	slot = port_hash(proto, port) & (stack->ports_size - 1);
	p->next = stack->ports[slot];
	stack->ports[slot] = p;
	stack->nports++;
	return p;
}

static void port_put(struct fdnet_stack *stack, struct fdnet_port *port)
{
	struct fdnet_port **pp;

	if (port->owners || port->children)
		return;
	pp = &stack->ports[port_hash(port->proto, port->port) &
			   (stack->ports_size - 1)];
	while (*pp != port)
		pp = &(*pp)->next;
	*pp = port->next;
	stack->nports--;
	fdnet_mem_free(stack->mem, port, sizeof(*port));
}

/* New owners stand in front: of equal ones the last bound gets the packets,
 * as in the kernel. */
static void port_join(struct fdnet_port *port, struct fdnet_sock *so,
		      bool child)
{
	so->port = port;
	so->port_child = child;
	if (child)
		DL_PREPEND2(port->children, so, bound_prev, bound_next);
	else
		DL_PREPEND2(port->owners, so, bound_prev, bound_next);
}

static void port_leave(struct fdnet_sock *so)
{
	struct fdnet_port *port = so->port;

	if (!port)
		return;
	if (so->port_child)
		DL_DELETE2(port->children, so, bound_prev, bound_next);
	else
		DL_DELETE2(port->owners, so, bound_prev, bound_next);
	so->port = NULL;
	port_put(so->stack, port);
}

/* ---- may they share? ---- */

/* Can a packet to an address of this family be for the socket? */
static bool takes_family(const struct fdnet_sock *so, uint8_t family)
{
	if (so->local.ip.family == 4 || so->family == 4)
		return family == 4;
	return family == 6 || !so->opts.v6only;
}

/* inet_rcv_saddr_equal() with match_wildcard: could both get one packet? */
static bool addresses_meet(const struct fdnet_sock *a,
			   const struct fdnet_sock *b)
{
	bool any_a = fdnet_ip_is_any(&a->local.ip);
	bool any_b = fdnet_ip_is_any(&b->local.ip);

	if (any_a && any_b)
		return (takes_family(a, 4) && takes_family(b, 4)) ||
		       (takes_family(a, 6) && takes_family(b, 6));
	if (any_a)
		return takes_family(a, b->local.ip.family);
	if (any_b)
		return takes_family(b, a->local.ip.family);
	return fdnet_ip_equal(&a->local.ip, &b->local.ip);
}

static bool devices_meet(const struct fdnet_sock *a,
			 const struct fdnet_sock *b)
{
	return !a->opts.bound_dev || !b->opts.bound_dev ||
	       a->opts.bound_dev == b->opts.bound_dev;
}

/*
 * The kernel's rules: udp_lib_lport_inuse() and inet_csk_bind_conflict().
 * @exclusive: sharing is not wanted (an automatic port).
 */
static bool conflict(const struct fdnet_sock *so, const struct fdnet_sock *old,
		     bool exclusive)
{
	if (so == old || !devices_meet(so, old) || !addresses_meet(so, old))
		return false;
	if (exclusive)
		return true;
	/* a gateway's connections towards guests are told apart by peer */
	if (so->foreign && old->foreign && so->type == FDNET_SOCK_STREAM)
		return old->listening;
	if (so->opts.reuseport && old->opts.reuseport)
		return false;
	if (so->opts.reuseaddr && old->opts.reuseaddr)
		return so->type == FDNET_SOCK_STREAM && old->listening;
	return true;
}

static bool port_conflicts(const struct fdnet_port *port,
			   const struct fdnet_sock *so, bool exclusive)
{
	const struct fdnet_sock *old;

	for (old = port->owners; old; old = old->bound_next)
		if (conflict(so, old, exclusive))
			return true;
	for (old = port->children; old; old = old->bound_next)
		if (conflict(so, old, exclusive))
			return true;
	return false;
}

static int port_claim(struct fdnet_sock *so, uint16_t number, bool exclusive,
		      bool shared)
{
	struct fdnet_port *port = port_get(so->stack, so->proto, number);

	if (!port)
		return -ENOMEM;
	if (port_conflicts(port, so, exclusive)) {
		port_put(so->stack, port);
		return -EADDRINUSE;
	}
	port->shared = shared && !port->owners && !port->children;
	port_join(port, so, false);
	so->local.port = number;
	so->bound = true;
	return 0;
}

int fdnet_demux_bind(struct fdnet_sock *so)
{
	return port_claim(so, so->local.port, false, false);
}

int fdnet_demux_bind_auto(struct fdnet_sock *so, uint16_t number, bool shared)
{
	return port_claim(so, number, true, shared);
}

int fdnet_demux_share(struct fdnet_sock *so, uint16_t number)
{
	struct fdnet_port *port = port_find(so->stack, so->proto, number);
	struct fdnet_name local = so->local;

	local.port = number;
	if (!port || !port->shared ||
	    fdnet_demux_find_conn(so->stack, so->proto, &local, &so->peer))
		return -EADDRINUSE;
	so->local.port = number;
	port_join(port, so, false);
	so->bound = true;
	return 0;
}

/* Two that listen, or take datagrams, at one address. Connections do not
 * matter: they are told apart by their peers. */
static bool steals(const struct fdnet_sock *so, const struct fdnet_sock *old)
{
	if (so->type == FDNET_SOCK_STREAM &&
	    !(so->listening && old->listening))
		return false;
	return conflict(so, old, false);
}

int fdnet_demux_restore(struct fdnet_sock *so, bool shared, bool check)
{
	struct fdnet_port *port =
		port_get(so->stack, so->proto, so->local.port);
	const struct fdnet_sock *old;

	if (!port)
		return -ENOMEM;
	for (old = check ? port->owners : NULL; old; old = old->bound_next) {
		if (steals(so, old)) {
			port_put(so->stack, port);
			return -EADDRINUSE;
		}
	}
	if (!port->owners && !port->children)
		port->shared = shared;
	else
		port->shared = port->shared && shared;
	port_join(port, so, false);
	return 0;
}

int fdnet_demux_listen(struct fdnet_sock *so)
{
	so->listening = true;
	if (so->port && port_conflicts(so->port, so, false)) {
		so->listening = false;
		return -EADDRINUSE;
	}
	return 0;
}

/* ---- connections ---- */

static uint32_t conn_hash(const struct fdnet_stack *stack, uint8_t proto,
			  const struct fdnet_name *local,
			  const struct fdnet_name *remote)
{
	uint8_t key[40];

	if (local->ip.family == 4) {
		memcpy(key, local->ip.bytes, 4);
		memcpy(key + 4, remote->ip.bytes, 4);
		fdnet_put16(key + 8, local->port);
		fdnet_put16(key + 10, remote->port);
		key[12] = proto;
		return (uint32_t)fdnet_stack_hash(stack, key, 13);
	}
	memcpy(key, local->ip.bytes, 16);
	memcpy(key + 16, remote->ip.bytes, 16);
	fdnet_put16(key + 32, local->port);
	fdnet_put16(key + 34, remote->port);
	key[36] = proto;
	return (uint32_t)fdnet_stack_hash(stack, key, 37);
}

static bool name_equal(const struct fdnet_name *a, const struct fdnet_name *b)
{
	uint32_t a4, b4;

	if (a->port != b->port || a->ip.family != b->ip.family)
		return false;
	if (a->ip.family != 4)
		return !memcmp(a->ip.bytes, b->ip.bytes, 16);
	memcpy(&a4, a->ip.bytes, 4);
	memcpy(&b4, b->ip.bytes, 4);
	return a4 == b4;
}

static struct fdnet_sock *conn_find(const struct fdnet_stack *stack,
				    uint32_t hash, uint8_t proto,
				    const struct fdnet_name *local,
				    const struct fdnet_name *remote)
{
	struct fdnet_sock *so = stack->conns[hash & (stack->conns_size - 1)];

	while (so && (so->conn_hash != hash || so->proto != proto ||
		      !name_equal(&so->local, local) ||
		      !name_equal(&so->peer, remote)))
		so = so->conn_next;
	return so;
}

static void conns_grow(struct fdnet_stack *stack)
{
	uint32_t size = stack->conns_size * 2, i, slot;
	struct fdnet_sock **conns, *so;

	conns = fdnet_mem_alloc(stack->mem, size * sizeof(*conns));
	if (!conns)
		return;
	for (i = 0; i < stack->conns_size; i++) {
		while ((so = stack->conns[i])) {
			stack->conns[i] = so->conn_next;
			slot = so->conn_hash & (size - 1);
			so->conn_next = conns[slot];
			conns[slot] = so;
		}
	}
	fdnet_mem_free(stack->mem, stack->conns,
		       stack->conns_size * sizeof(*conns));
	stack->conns = conns;
	stack->conns_size = size;
}

int fdnet_demux_connect(struct fdnet_sock *so)
{
	struct fdnet_stack *stack = so->stack;
	struct fdnet_port *port;
	uint32_t hash;

	assert(!so->connected);
	hash = conn_hash(stack, so->proto, &so->local, &so->peer);
	if (so->type == FDNET_SOCK_STREAM &&
	    conn_find(stack, hash, so->proto, &so->local, &so->peer))
		return -EADDRINUSE;
	if (!so->port) {
		port = port_get(stack, so->proto, so->local.port);
		if (!port)
			return -ENOMEM;
		port_join(port, so, true);
	}
	if (stack->nconns * 2 >= stack->conns_size)
		conns_grow(stack);
	so->conn_hash = hash;
	so->conn_next = stack->conns[hash & (stack->conns_size - 1)];
	stack->conns[hash & (stack->conns_size - 1)] = so;
	stack->nconns++;
	so->connected = true;
	return 0;
}

void fdnet_demux_disconnect(struct fdnet_sock *so)
{
	struct fdnet_stack *stack = so->stack;
	struct fdnet_sock **pp;

	if (!so->connected)
		return;
	pp = &stack->conns[so->conn_hash & (stack->conns_size - 1)];
	while (*pp != so)
		pp = &(*pp)->conn_next;
	*pp = so->conn_next;
	stack->nconns--;
	so->connected = false;
}

void fdnet_demux_remove(struct fdnet_sock *so)
{
	fdnet_demux_disconnect(so);
	port_leave(so);
	so->bound = false;
	so->listening = false;
}

struct fdnet_sock *fdnet_demux_find_conn(struct fdnet_stack *stack,
					 uint8_t proto,
					 const struct fdnet_name *local,
					 const struct fdnet_name *remote)
{
	return conn_find(stack, conn_hash(stack, proto, local, remote), proto,
			 local, remote);
}

struct fdnet_sock *fdnet_stack_find(struct fdnet_stack *stack, uint8_t proto,
				    const struct fdnet_name *local,
				    const struct fdnet_name *peer)
{
	return fdnet_demux_find_conn(stack, proto, local, peer);
}

/* ---- bound sockets ---- */

/* compute_score(): the more of the packet a socket names, the better. */
int fdnet_demux_matches(const struct fdnet_sock *so,
			const struct fdnet_name *local,
			const struct fdnet_name *remote)
{
	int score = so->local.ip.family == 4 || so->family == 4 ? 2 : 1;

	if (so->connected)
		return 0;
	if (so->peer.ip.family && so->type == FDNET_SOCK_DGRAM &&
	    !fdnet_ip_equal(&so->peer.ip, &remote->ip))
		return 0;
	if (so->type == FDNET_SOCK_STREAM && !so->listening)
		return 0;
	if (!takes_family(so, local->ip.family) ||
	    !fdnet_sock_on_device(so, &local->ip))
		return 0;
	if (fdnet_ip_is_any(&so->local.ip)) {
		/* in a gateway "any" means its own addresses */
		if (so->stack->cfg.gateway && !so->foreign &&
		    !fdnet_stack_is_local(so->stack, &local->ip))
			return 0;
		return score;
	}
	if (!fdnet_ip_equal(&so->local.ip, &local->ip))
		return 0;
	return score + 4 + (so->peer.ip.family ? 4 : 0);
}

static struct fdnet_sock *best_owner(struct fdnet_stack *stack,
				     const struct fdnet_port *port,
				     const struct fdnet_name *local,
				     const struct fdnet_name *remote,
				     uint32_t hash)
{
	struct fdnet_sock *so, *best = NULL;
	int score, best_score = 0;
	uint32_t group = 0;

	for (so = port->owners; so; so = so->bound_next) {
		score = fdnet_demux_matches(so, local, remote);
		if (!score || score < best_score)
			continue;
		if (score > best_score) {
			best = so;
			best_score = score;
			group = 1;
			continue;
		}
		/* SO_REUSEPORT: each of the n equal ones with 1/n, the same
		 * for all packets of a flow */
		if (so->opts.reuseport && best->opts.reuseport) {
			group++;
			hash = hash * 0x9e3779b1u + 0x7f4a7c15u;
			if ((uint64_t)hash * group >> 32 == 0)
				best = so;
		}
	}
	return best;
}

struct fdnet_sock *fdnet_demux_find(struct fdnet_stack *stack, uint8_t proto,
				    const struct fdnet_name *local,
				    const struct fdnet_name *remote)
{
	uint32_t hash = conn_hash(stack, proto, local, remote);
	struct fdnet_sock *so;
	struct fdnet_port *port;

	so = conn_find(stack, hash, proto, local, remote);
	if (so)
		return so;
	port = port_find(stack, proto, local->port);
	if (port)
		so = best_owner(stack, port, local, remote, hash);
	if (so || !stack->cfg.gateway)
		return so;
	/* a gateway's socket for all destinations */
	port = port_find(stack, proto, 0);
	return port ? best_owner(stack, port, local, remote, hash) : NULL;
}

static bool in_group(const struct fdnet_sock *so,
		     const struct fdnet_name *local,
		     const struct fdnet_name *remote)
{
	if (!takes_family(so, local->ip.family))
		return false;
	if (!fdnet_ip_is_any(&so->local.ip) &&
	    !fdnet_ip_equal(&so->local.ip, &local->ip) && !so->connected)
		return false;
	if (so->connected && !name_equal(&so->peer, remote))
		return false;
	return true;
}

unsigned int fdnet_demux_group(struct fdnet_stack *stack, uint8_t proto,
			       const struct fdnet_name *local,
			       const struct fdnet_name *remote, int ifindex,
			       struct fdnet_sock **ret_socks, unsigned int max)
{
	struct fdnet_port *port = port_find(stack, proto, local->port);
	struct fdnet_sock *so;
	unsigned int n = 0;

	if (!port)
		return 0;
	for (so = port->owners; so; so = so->bound_next) {
		if (!in_group(so, local, remote) ||
		    (so->opts.bound_dev && so->opts.bound_dev != ifindex))
			continue;
		if (fdnet_ip_is_multicast(&local->ip) &&
		    !fdnet_mcast_has(so, &local->ip, &remote->ip, ifindex))
			continue;
		if (n < max)
			ret_socks[n] = so;
		n++;
	}
	return n < max ? n : max;
}
