/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Automatic ports: the ranges leased to this stack, and choosing from them.
 * Every choice starts where the last one ended, so that a busy range is not
 * searched from its start again and again; the first start is random.
 */
#include "config.h"

#include <errno.h>

#include "stack/object.h"
#include "stack/ports.h"
#include "stack/wire/icmp.h"
#include "stack/wire/udp.h"

#define FEW 64
#define AVOIDED_LEN (65536 / 8)

static unsigned int table_of(uint8_t proto)
{
	return proto == FDNET_PROTO_TCP ? 0 : 1;
}

int fdnet_stack_lease(struct fdnet_stack *stack, uint8_t proto, uint16_t lo,
		      uint16_t hi)
{
	unsigned int t = table_of(proto), n = stack->nranges[t];

	if (!fdnet_has_ports(proto) || !lo || lo > hi)
		return -EINVAL;
	if (n == FDNET_MAX_RANGES) {
		stack->counters[FDNET_C_TABLE_LIMIT]++;
		return -ENOSPC;
	}
	stack->ranges[t][n].lo = lo;
	stack->ranges[t][n].hi = hi;
	stack->nranges[t]++;
	return 0;
}

static bool is_leased(const struct fdnet_stack *stack, unsigned int t,
		      uint16_t port)
{
	unsigned int i;

	for (i = 0; i < stack->nranges[t]; i++)
		if (port >= stack->ranges[t][i].lo &&
		    port <= stack->ranges[t][i].hi)
			return true;
	return false;
}

int fdnet_stack_avoid(struct fdnet_stack *stack, uint8_t proto, uint16_t port,
		      bool avoid)
{
	uint64_t **bits = &stack->avoided[table_of(proto)];

	if (avoid && !is_leased(stack, table_of(proto), port))
		return -ERANGE;
	if (!*bits && !avoid)
		return 0;
	if (!*bits)
		*bits = fdnet_mem_alloc(stack->mem, AVOIDED_LEN);
	if (!*bits)
		return -ENOMEM;
	if (avoid)
		(*bits)[port / 64] |= 1ull << port % 64;
	else
		(*bits)[port / 64] &= ~(1ull << port % 64);
	return 0;
}

void fdnet_ports_done(struct fdnet_stack *stack)
{
	for (unsigned int t = 0; t < 2; t++)
		if (stack->avoided[t])
			fdnet_mem_free(stack->mem, stack->avoided[t],
				       AVOIDED_LEN);
}

static bool is_avoided(const struct fdnet_stack *stack, unsigned int t,
		       uint16_t port)
{
	return stack->avoided[t] &&
	       stack->avoided[t][port / 64] >> port % 64 & 1;
}

static uint32_t count_ports(const struct fdnet_stack *stack, unsigned int t)
{
	uint32_t sum = 0;
	unsigned int i;

	for (i = 0; i < stack->nranges[t]; i++)
		sum += stack->ranges[t][i].hi - stack->ranges[t][i].lo + 1u;
	return sum;
}

static uint16_t nth_port(const struct fdnet_stack *stack, unsigned int t,
			 uint32_t n)
{
	unsigned int i;

	for (i = 0;; i++) {
		uint32_t size = stack->ranges[t][i].hi -
				stack->ranges[t][i].lo + 1u;

		if (n < size)
			return (uint16_t)(stack->ranges[t][i].lo + n);
		n -= size;
	}
}

/* Ping sockets have identifiers, not ports: any will do. */
static int autobind_ping(struct fdnet_sock *so)
{
	unsigned int i;
	uint16_t id;

	for (i = 0; i < 65536; i++) {
		id = (uint16_t)++so->stack->next_port[1];
		if (id && !fdnet_demux_bind_auto(so, id, false))
			return 0;
	}
	return -EADDRNOTAVAIL;
}

/* Looks at @tries of @total ports. */
static int search(struct fdnet_sock *so, uint32_t total, uint32_t tries,
		  bool shared)
{
	struct fdnet_stack *stack = so->stack;
	unsigned int t = table_of(so->proto);
	uint32_t start = stack->next_port[t], i;
	uint16_t port;
	int rc;

	for (i = 0; i < tries; i++) {
		port = nth_port(stack, t, (start + i) % total);
		if (is_avoided(stack, t, port))
			continue;
		rc = shared ? fdnet_demux_share(so, port) :
			      fdnet_demux_bind_auto(so, port,
						    so->peer.port != 0);
		if (rc == -EADDRINUSE)
			continue;
		stack->next_port[t] = start + i + 1;
		return rc;
	}
	return -EADDRNOTAVAIL;
}

int fdnet_sock_autobind(struct fdnet_sock *so, const struct fdnet_ip *dst)
{
	uint32_t total;
	int rc;

	if (so->port)
		return 0;
	if (so->proto == FDNET_PROTO_ICMP || so->proto == FDNET_PROTO_ICMP6)
		return autobind_ping(so);
	total = count_ports(so->stack, table_of(so->proto));
	if (so->type != FDNET_SOCK_STREAM || !so->peer.port || so->listening)
		return search(so, total, total, false);
	/* A connection may share its port with others to other peers. Where
	 * most ports are taken, one is shared rather than all looked at. */
	rc = search(so, total, total < FEW ? total : FEW, false);
	if (rc == -EADDRNOTAVAIL)
		rc = search(so, total, total, true);
	if (rc == -EADDRNOTAVAIL)
		rc = search(so, total, total, false);
	return rc;
}
