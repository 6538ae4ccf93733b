/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/limits.h"
#include "relay/state.h"
#include "stack/wire/udp.h"

struct binding {
	uint32_t guest;
	struct fdnet_ip ip;
	uint16_t flags;
	bool listening;
	struct binding *prev, *next;
};

struct registry_port {
	uint32_t key; /* protocol << 16 | port */
	struct binding *bindings;
	UT_hash_handle hh;
};

/* What one guest holds. */
struct registry_use {
	uint32_t guest;
	unsigned int binds;
	unsigned int leases[2];
	UT_hash_handle hh;
};

void registry_init(struct registry *registry)
{
	memset(registry, 0, sizeof(*registry));
}

static uint32_t port_key(uint8_t proto, uint16_t port)
{
	return (uint32_t)proto << 16 | port;
}

static struct registry_port *port_find(struct registry *registry,
				       uint8_t proto, uint16_t port)
{
	uint32_t key = port_key(proto, port);
	struct registry_port *entry;

	HASH_FIND(hh, registry->ports, &key, sizeof(key), entry);
	return entry;
}

static struct registry_port *port_get(struct registry *registry, uint8_t proto,
				      uint16_t port)
{
	struct registry_port *entry = port_find(registry, proto, port);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->key = port_key(proto, port);
	HASH_ADD(hh, registry->ports, key, sizeof(entry->key), entry);
	if (hash_added(entry))
		return entry;
	free(entry);
	return NULL;
}

static void port_put(struct registry *registry, struct registry_port *entry)
{
	if (entry->bindings)
		return;
	HASH_DEL(registry->ports, entry);
	free(entry);
}

static struct registry_use *use_find(struct registry *registry, uint32_t guest)
{
	struct registry_use *use;

	HASH_FIND(hh, registry->uses, &guest, sizeof(guest), use);
	return use;
}

static struct registry_use *use_get(struct registry *registry, uint32_t guest)
{
	struct registry_use *use = use_find(registry, guest);

	if (use)
		return use;
	use = calloc(1, sizeof(*use));
	if (!use)
		return NULL;
	use->guest = guest;
	HASH_ADD(hh, registry->uses, guest, sizeof(guest), use);
	if (hash_added(use))
		return use;
	free(use);
	return NULL;
}

void registry_done(struct registry *registry)
{
	struct registry_port *entry, *entry_tmp;
	struct registry_use *use, *use_tmp;
	struct binding *binding, *tmp;

	HASH_ITER(hh, registry->ports, entry, entry_tmp) {
		DL_FOREACH_SAFE(entry->bindings, binding, tmp) {
			DL_DELETE(entry->bindings, binding);
			free(binding);
		}
		port_put(registry, entry);
	}
	HASH_ITER(hh, registry->uses, use, use_tmp) {
		HASH_DEL(registry->uses, use);
		free(use);
	}
	registry_init(registry);
}

/* Do two local addresses have an address in common? A :: without V6ONLY is
 * also every IPv4 address (ipv6_rcv_saddr_equal()). */
static bool overlaps(const struct fdnet_ip *a, uint16_t a_flags,
		     const struct fdnet_ip *b, uint16_t b_flags)
{
	bool a_any = fdnet_ip_is_any(a), b_any = fdnet_ip_is_any(b);

	if (a->family == b->family)
		return a_any || b_any || fdnet_ip_equal(a, b);
	if (a->family == 6)
		return a_any && !(a_flags & REGISTRY_V6ONLY);
	return b_any && !(b_flags & REGISTRY_V6ONLY);
}

/* May @with have the port that @other has? Who listens first has it: another
 * that is only bound stays bound (inet_csk_bind_conflict(),
 * udp_lib_get_port()). */
static bool may_share(const struct binding *other, const struct binding *with,
		      uint8_t proto)
{
	uint16_t both = other->flags & with->flags;

	if (both & REGISTRY_REUSEPORT)
		return true;
	if (!(both & REGISTRY_REUSEADDR))
		return false;
	return proto != 6 || !other->listening;
}

static bool conflicts(const struct registry_port *entry,
		      const struct binding *with, uint8_t proto)
{
	struct binding *other;

	DL_FOREACH(entry->bindings, other) {
		if (other != with &&
		    overlaps(&other->ip, other->flags, &with->ip,
			     with->flags) &&
		    !may_share(other, with, proto))
			return true;
	}
	return false;
}

static int claim_check(const struct registry_claim *claim)
{
	if (!fdnet_has_ports(claim->proto))
		return -EINVAL;
	if (!claim->port || (claim->ip.family != 4 && claim->ip.family != 6))
		return -EINVAL;
	return 0;
}

static int add_binding(struct registry *registry, uint32_t guest,
		       const struct registry_claim *claim, bool listening)
{
	struct registry_use *use = use_get(registry, guest);
	struct registry_port *entry;
	struct binding *binding;

	if (!use)
		return -ENOMEM;
	if (use->binds >= LIMIT_BINDS)
		return -ENOBUFS;
	entry = port_get(registry, claim->proto, claim->port);
	binding = calloc(1, sizeof(*binding));
	if (!entry || !binding) {
		free(binding);
		if (entry)
			port_put(registry, entry);
		return -ENOMEM;
	}
	*binding = (struct binding){
		.guest = guest,
		.ip = claim->ip,
		.flags = claim->flags,
		.listening = listening,
	};
	if (conflicts(entry, binding, claim->proto)) {
		free(binding);
		port_put(registry, entry);
		return -EADDRINUSE;
	}
	DL_PREPEND(entry->bindings, binding);
	use->binds++;
	return 0;
}

static struct binding *find_binding(struct registry *registry, uint32_t guest,
				    const struct registry_claim *claim,
				    int listening)
{
	struct registry_port *entry =
		port_find(registry, claim->proto, claim->port);
	struct binding *binding;

	if (!entry)
		return NULL;
	DL_FOREACH(entry->bindings, binding) {
		if (binding->guest == guest &&
		    fdnet_ip_equal(&binding->ip, &claim->ip) &&
		    (listening < 0 || binding->listening == (bool)listening))
			return binding;
	}
	return NULL;
}

int registry_bind(struct registry *registry, uint32_t guest,
		  const struct registry_claim *claim)
{
	int rc = claim_check(claim);

	return rc ? rc : add_binding(registry, guest, claim, false);
}

int registry_listen(struct registry *registry, uint32_t guest,
		    const struct registry_claim *claim)
{
	struct registry_port *entry;
	struct binding *binding;
	int rc = claim_check(claim);

	if (rc)
		return rc;
	if (claim->proto != 6)
		return -EINVAL;
	binding = find_binding(registry, guest, claim, false);
	if (!binding && find_binding(registry, guest, claim, true))
		return 0; /* listen(2) again, for another backlog */
	if (!binding)
		return add_binding(registry, guest, claim, true);
	entry = port_find(registry, claim->proto, claim->port);
	binding->flags = claim->flags;
	binding->listening = true;
	if (!conflicts(entry, binding, claim->proto))
		return 0;
	binding->listening = false;
	return -EADDRINUSE;
}

static void drop_binding(struct registry *registry,
			 struct registry_port *entry, struct binding *binding)
{
	struct registry_use *use = use_find(registry, binding->guest);

	if (use)
		use->binds--;
	DL_DELETE(entry->bindings, binding);
	free(binding);
}

void registry_unbind(struct registry *registry, uint32_t guest,
		     const struct registry_claim *claim)
{
	struct registry_port *entry =
		port_find(registry, claim->proto, claim->port);
	struct binding *binding = find_binding(registry, guest, claim, -1);

	if (!binding)
		return;
	drop_binding(registry, entry, binding);
	port_put(registry, entry);
}

/* What @guest has at this port: listening first, then this very address. */
static struct binding *best_binding(struct registry *registry, uint32_t guest,
				    const struct registry_claim *claim)
{
	struct registry_port *entry =
		port_find(registry, claim->proto, claim->port);
	struct binding *binding, *best = NULL;
	int score, best_score = -1;

	if (!entry)
		return NULL;
	DL_FOREACH(entry->bindings, binding) {
		score = 2 * binding->listening +
			fdnet_ip_equal(&binding->ip, &claim->ip);
		if (binding->guest == guest && score > best_score) {
			best = binding;
			best_score = score;
		}
	}
	return best;
}

int registry_move(struct registry *registry, uint32_t from, uint32_t to,
		  struct registry_claim *claim)
{
	struct registry_use *from_use = use_find(registry, from), *to_use;
	struct binding *binding = best_binding(registry, from, claim);

	if (!binding) {
		if (!registry_owns(registry, from, claim->proto, claim->port))
			return -EPERM;
		return add_binding(registry, to, claim, false);
	}
	to_use = use_get(registry, to);
	if (!to_use)
		return -ENOMEM;
	if (to_use->binds >= LIMIT_BINDS)
		return -ENOBUFS;
	from_use->binds--;
	to_use->binds++;
	binding->guest = to;
	claim->ip = binding->ip;
	claim->flags = binding->flags;
	return 0;
}

/* ---- leases ---- */

/* TCP's, and UDP's, of which UDP-Lite's sockets have the same numbers. */
static unsigned int proto_index(uint8_t proto)
{
	return proto != 6;
}

static unsigned int block_of(uint16_t port)
{
	return (port - REGISTRY_LOW_LO) / REGISTRY_BLOCK;
}

static uint16_t block_port(unsigned int block)
{
	return (uint16_t)(REGISTRY_LOW_LO + block * REGISTRY_BLOCK);
}

/* Has somebody else bound a port of this block? Then better another one. */
static bool block_is_used(struct registry *registry, uint8_t proto,
			  unsigned int block)
{
	for (unsigned int i = 0; i < REGISTRY_BLOCK; i++)
		if (port_find(registry, proto,
			      (uint16_t)(block_port(block) + i)))
			return true;
	return false;
}

static bool block_is_free(struct registry *registry, unsigned int protos,
			  unsigned int block)
{
	return (!(protos & 1) || !registry->blocks[0][block]) &&
	       (!(protos & 2) || !registry->blocks[1][block]);
}

/* A free block; those that nobody has bound a port in come first. They are
 * taken in turn: in one that was given back connections may still be ending,
 * from ports that nobody should choose again soon. */
static int find_block(struct registry *registry, unsigned int protos)
{
	static const struct {
		uint16_t lo, hi;
	} tiers[] = {
		{ REGISTRY_LO, REGISTRY_HI },
		{ REGISTRY_LOW_LO, REGISTRY_LO - 1 },
	};
	int second = -1;

	for (unsigned int tier = 0; tier < 2; tier++) {
		unsigned int first = block_of(tiers[tier].lo);
		unsigned int last = block_of(tiers[tier].hi);

		for (unsigned int n = 0; n <= last - first; n++) {
			unsigned int i = first + (registry->cursor + n) %
						(last - first + 1);

			if (!block_is_free(registry, protos, i))
				continue;
			if ((protos & 1 && block_is_used(registry, 6, i)) ||
			    (protos & 2 && (block_is_used(registry, 17, i) ||
					    block_is_used(registry, 136, i)))) {
				if (second < 0)
					second = (int)i;
				continue;
			}
			registry->cursor = i - first + 1;
			return (int)i;
		}
	}
	return second < 0 ? -EADDRNOTAVAIL : second;
}

static void take_block(struct registry *registry, struct registry_use *use,
		       unsigned int protos, unsigned int block)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (!(protos & 1u << i))
			continue;
		registry->blocks[i][block] = use->guest;
		use->leases[i]++;
	}
}

static int lease(struct registry *registry, uint32_t guest,
		 unsigned int protos, unsigned int count, uint16_t *ret_lo,
		 uint16_t *ret_hi)
{
	struct registry_use *use = use_get(registry, guest);
	unsigned int blocks = (count + REGISTRY_BLOCK - 1) / REGISTRY_BLOCK;
	int first, next;

	if (!use)
		return -ENOMEM;
	if ((protos & 1 && use->leases[0] >= LIMIT_LEASES) ||
	    (protos & 2 && use->leases[1] >= LIMIT_LEASES))
		return -EADDRNOTAVAIL;
	/* who needs many gets twice as many each time, so that few ranges
	 * and few questions do */
	if (protos != 3 && blocks < use->leases[protos == 2])
		blocks = use->leases[protos == 2];
	first = find_block(registry, protos);
	if (first < 0)
		return first;
	take_block(registry, use, protos, (unsigned int)first);
	for (next = first + 1; --blocks && next < REGISTRY_BLOCKS &&
			       block_port((unsigned int)next) < REGISTRY_HI;
	     next++) {
		if (!block_is_free(registry, protos, (unsigned int)next) ||
		    use->leases[protos == 2] >= LIMIT_LEASES)
			break;
		take_block(registry, use, protos, (unsigned int)next);
	}
	*ret_lo = block_port((unsigned int)first);
	*ret_hi = (uint16_t)(block_port((unsigned int)next - 1) +
			     REGISTRY_BLOCK - 1);
	return 0;
}

int registry_lease(struct registry *registry, uint32_t guest, uint8_t proto,
		   unsigned int count, uint16_t *ret_lo, uint16_t *ret_hi)
{
	if (!fdnet_has_ports(proto) || !count)
		return -EINVAL;
	return lease(registry, guest, 1u << proto_index(proto), count, ret_lo,
		     ret_hi);
}

int registry_lease_both(struct registry *registry, uint32_t guest,
			uint16_t *ret_lo, uint16_t *ret_hi)
{
	return lease(registry, guest, 3, 1, ret_lo, ret_hi);
}

void registry_release(struct registry *registry, uint32_t guest, uint8_t proto,
		      uint16_t lo)
{
	struct registry_use *use = use_find(registry, guest);
	unsigned int i = proto_index(proto);

	if (!use || lo < REGISTRY_LOW_LO ||
	    (lo - REGISTRY_LOW_LO) % REGISTRY_BLOCK ||
	    registry->blocks[i][block_of(lo)] != guest)
		return;
	registry->blocks[i][block_of(lo)] = 0;
	use->leases[i]--;
}

/* ---- whole guests, and lookups ---- */

void registry_gone(struct registry *registry, uint32_t guest)
{
	struct registry_use *use = use_find(registry, guest);
	struct registry_port *entry, *entry_tmp;
	struct binding *binding, *tmp;

	if (!use)
		return;
	HASH_ITER(hh, registry->ports, entry, entry_tmp) {
		if (!use->binds)
			break;
		DL_FOREACH_SAFE(entry->bindings, binding, tmp) {
			if (binding->guest == guest)
				drop_binding(registry, entry, binding);
		}
		port_put(registry, entry);
	}
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int b = 0; b < REGISTRY_BLOCKS; b++)
			if (registry->blocks[i][b] == guest)
				registry->blocks[i][b] = 0;
	HASH_DEL(registry->uses, use);
	free(use);
}

static uint32_t leaseholder(const struct registry *registry, uint8_t proto,
			    uint16_t port)
{
	if (port < REGISTRY_LOW_LO)
		return 0;
	return registry->blocks[proto_index(proto)][block_of(port)];
}

int registry_nth(const struct registry *registry, uint32_t *n,
		 struct registry_claim *ret_claim, bool *ret_listening)
{
	const struct registry_port *entry, *tmp;
	const struct binding *binding;

	HASH_ITER(hh, registry->ports, entry, tmp) {
		DL_FOREACH(entry->bindings, binding) {
			if ((*n)-- > 0)
				continue;
			*ret_claim = (struct registry_claim){
				.proto = (uint8_t)(entry->key >> 16),
				.ip = binding->ip,
				.port = (uint16_t)entry->key,
				.flags = binding->flags,
			};
			*ret_listening = binding->listening;
			return 0;
		}
	}
	return -ENOENT;
}

bool registry_owns(struct registry *registry, uint32_t guest, uint8_t proto,
		   uint16_t port)
{
	struct registry_port *entry;
	struct binding *binding;

	if (leaseholder(registry, proto, port) == guest)
		return true;
	entry = port_find(registry, proto, port);
	if (!entry)
		return false;
	DL_FOREACH(entry->bindings, binding) {
		if (binding->guest == guest)
			return true;
	}
	return false;
}

/* How well a binding fits: the same address before any, the same family
 * before a dual-stack socket; 0: not at all (compute_score()). */
static int score(const struct binding *binding, const struct fdnet_ip *ip)
{
	if (binding->ip.family == ip->family) {
		if (fdnet_ip_is_any(&binding->ip))
			return 2;
		return fdnet_ip_equal(&binding->ip, ip) ? 3 : 0;
	}
	if (binding->ip.family == 6 && fdnet_ip_is_any(&binding->ip) &&
	    !(binding->flags & REGISTRY_V6ONLY))
		return 1;
	return 0;
}

static bool receives(const struct binding *binding, uint8_t proto)
{
	return proto != 6 || binding->listening;
}

/* The @nth of those bindings that fit as well as @best. */
static struct binding *pick(struct registry_port *entry, uint8_t proto,
			    const struct fdnet_ip *ip, int best,
			    unsigned int nth)
{
	struct binding *binding;

	DL_FOREACH(entry->bindings, binding) {
		if (receives(binding, proto) && score(binding, ip) == best &&
		    !nth--)
			return binding;
	}
	return NULL;
}

uint32_t registry_find(struct registry *registry, uint8_t proto,
		       const struct fdnet_ip *ip, uint16_t port, uint32_t hash)
{
	struct registry_port *entry = port_find(registry, proto, port);
	struct binding *binding;
	unsigned int group = 0, nth = 0;
	int best = 0;

	if (entry) {
		DL_FOREACH(entry->bindings, binding) {
			int s = receives(binding, proto) ? score(binding, ip) :
							   0;

			if (s > best) {
				best = s;
				group = 0;
			}
			if (s && s == best)
				group++;
		}
	}
	if (!best)
		return proto != 6 ? leaseholder(registry, proto, port) : 0;
	binding = pick(entry, proto, ip, best, 0);
	if (binding->flags & REGISTRY_REUSEPORT)
		nth = hash % group;
	return pick(entry, proto, ip, best, nth)->guest;
}

/* ---- state.h ---- */

static void read_binding(struct fdnet_save *s, struct registry *registry,
			 uint32_t key, const struct binding *like)
{
	struct registry_use *use = use_get(registry, like->guest);
	struct registry_port *entry =
		port_get(registry, (uint8_t)(key >> 16), (uint16_t)key);
	struct binding *binding = calloc(1, sizeof(*binding));

	if (!use || !entry || !binding) {
		free(binding);
		if (entry)
			port_put(registry, entry);
		fdnet_save_fail(s, -ENOMEM);
		return;
	}
	*binding = *like;
	DL_APPEND(entry->bindings, binding);
	use->binds++;
}

static void binding_state(struct fdnet_save *s, struct registry *registry,
			  uint32_t key, const struct binding *binding)
{
	struct binding b = { 0 };
	uint8_t proto;

	if (binding)
		b = *binding;
	key = fdnet_save_u32(s, key);
	proto = (uint8_t)(key >> 16);
	b.guest = fdnet_save_u32(s, b.guest);
	fdnet_save_ip(s, &b.ip);
	b.flags = fdnet_save_u16(s, b.flags);
	b.listening = fdnet_save_bool(s, b.listening);
	fdnet_save_check(s, fdnet_has_ports(proto) && key >> 24 == 0 &&
				    (uint16_t)key && b.guest && b.ip.family);
	b.prev = b.next = NULL;
	if (s->reading && !s->rc)
		read_binding(s, registry, key, &b);
}

/* Block @at of TCP or UDP, and who has it. */
static void lease_state(struct fdnet_save *s, struct registry *registry,
			uint32_t at)
{
	struct registry_use *use;
	uint32_t owner = 0;

	if (!s->reading)
		owner = registry->blocks[at % 2][at / 2];
	at = fdnet_save_u32(s, at);
	owner = fdnet_save_u32(s, owner);
	fdnet_save_check(s, owner && at < 2 * REGISTRY_BLOCKS);
	if (!s->reading || s->rc)
		return;
	fdnet_save_check(s, !registry->blocks[at % 2][at / 2]);
	use = use_get(registry, owner);
	if (!use)
		fdnet_save_fail(s, -ENOMEM);
	if (s->rc)
		return;
	registry->blocks[at % 2][at / 2] = owner;
	use->leases[at % 2]++;
}

static void leases_state(struct fdnet_save *s, struct registry *registry)
{
	uint32_t n = 0, i;

	for (i = 0; i < 2 * REGISTRY_BLOCKS; i++)
		n += registry->blocks[i % 2][i / 2] != 0;
	n = fdnet_save_count(s, n, 2 * REGISTRY_BLOCKS, 8);
	if (s->reading)
		for (; n && !s->rc; n--)
			lease_state(s, registry, 0);
	else
		for (i = 0; i < 2 * REGISTRY_BLOCKS; i++)
			if (registry->blocks[i % 2][i / 2])
				lease_state(s, registry, i);
	registry->cursor = fdnet_save_u32(s, registry->cursor);
	fdnet_save_check(s, registry->cursor < REGISTRY_BLOCKS);
	if (s->rc && s->reading)
		registry->cursor = 0;
}

void registry_state(struct registry *registry, struct fdnet_save *s)
{
	struct registry_port *entry;
	struct binding *binding;
	uint32_t n = 0;

	for (entry = registry->ports; entry; entry = entry->hh.next)
		DL_FOREACH(entry->bindings, binding)
			n++;
	n = fdnet_save_count(s, n, UINT32_MAX, 12);
	if (s->reading)
		for (; n && !s->rc; n--)
			binding_state(s, registry, 0, NULL);
	else
		for (entry = registry->ports; entry; entry = entry->hh.next)
			DL_FOREACH(entry->bindings, binding)
				binding_state(s, registry, entry->key,
					      binding);
	leases_state(s, registry);
}
