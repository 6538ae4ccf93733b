/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the stack's work per packet and per timer grow with the number of
 * sockets? One line for each number, processor time per operation:
 *
 *	socks	open_ns	lookup_ns	timer_ns	bytes
 *
 * lookup_ns: fdnet_demux_find() of a random connected socket; timer_ns: one
 * fdnet_timer_set() to a random time among as many; bytes: of memory for a
 * socket, tables included.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stack/internal.h"

#define ROUNDS 1000000

static size_t allocated;

static void *counted_alloc(void *arg, size_t size)
{
	allocated += size;
	return calloc(1, size);
}

static void counted_free(void *arg, void *ptr, size_t size)
{
	allocated -= size;
	free(ptr);
}

static const struct fdnet_mem mem = { counted_alloc, counted_free, NULL };

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "stack_scale: %s\n", what);
	exit(1);
}

static struct fdnet_stack *make_stack(struct fdnet_pkt_pool *pool)
{
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;
	struct fdnet_ip ip = fdnet_ip4(0x0a000001);

	fdnet_stack_config_init(&cfg);
	cfg.mem = &mem;
	cfg.pool = pool;
	if (fdnet_stack_new(&cfg, 0, &stack))
		die("no stack");
	fdnet_stack_add_addr(stack, &ip, 8);
	return stack;
}

/* The @i-th peer: a thousand hosts, each with many ports. */
static struct fdnet_name peer_of(unsigned int i)
{
	struct fdnet_name name = {
		.ip = fdnet_ip4(0x0a010000 + i % 1000),
		.port = (uint16_t)(1 + i / 1000),
	};

	return name;
}

/* All of them on one local port: what a server's table looks like. */
static void open_one(struct fdnet_stack *stack, unsigned int i)
{
	struct fdnet_name local = { .ip = fdnet_ip4(0x0a000001), .port = 80 };
	struct fdnet_name peer = peer_of(i);
	struct fdnet_sock *so;
	int on = 1;

	if (fdnet_sock_open(stack, 4, FDNET_SOCK_DGRAM, 17, &so))
		die("no socket");
	fdnet_sock_setopt(so, 1, 15 /* SO_REUSEPORT */, &on, sizeof(on));
	so->local = local;
	so->peer = peer;
	if (fdnet_demux_connect(so))
		die("no connection");
}

static double time_lookups(struct fdnet_stack *stack, unsigned int socks)
{
	struct fdnet_name local = { .ip = fdnet_ip4(0x0a000001), .port = 80 };
	struct fdnet_name peer;
	double start = now_ns();
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		peer = peer_of((i * 7919u) % socks);
		if (!fdnet_demux_find(stack, 17, &local, &peer))
			die("socket not found");
	}
	return (now_ns() - start) / ROUNDS;
}

static void fire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
}

static double time_timers(struct fdnet_stack *stack, unsigned int socks)
{
	struct fdnet_timer *timers = calloc(socks, sizeof(*timers));
	double start, spent;
	unsigned int i;

	if (!timers || fdnet_timer_reserve(stack, socks))
		die("no timers");
	srand(1);
	for (i = 0; i < socks; i++) {
		fdnet_timer_init(&timers[i], fire);
		fdnet_timer_set(stack, &timers[i],
				(uint64_t)rand() % 10000000);
	}
	start = now_ns();
	for (i = 0; i < ROUNDS; i++)
		fdnet_timer_set(stack, &timers[(i * 7919u) % socks],
				(uint64_t)rand() % 10000000);
	spent = (now_ns() - start) / ROUNDS;
	for (i = 0; i < socks; i++)
		fdnet_timer_cancel(stack, &timers[i]);
	fdnet_timer_unreserve(stack, socks);
	free(timers);
	return spent;
}

static void measure(unsigned int socks)
{
	struct fdnet_pkt_pool *pool = fdnet_pkt_pool_new(&mem, 16, 0);
	struct fdnet_stack *stack = make_stack(pool);
	size_t before = allocated, bytes;
	double start = now_ns(), opened;
	unsigned int i;

	for (i = 0; i < socks; i++)
		open_one(stack, i);
	opened = (now_ns() - start) / socks;
	bytes = (allocated - before) / socks;
	printf("%u\t%.0f\t%.0f\t%.0f\t%zu\n", socks, opened,
	       time_lookups(stack, socks), time_timers(stack, socks), bytes);
	fdnet_stack_free(stack);
	fdnet_pkt_pool_free(pool);
}

int main(void)
{
	unsigned int socks;

	printf("socks\topen_ns\tlookup_ns\ttimer_ns\tbytes\n");
	for (socks = 100; socks <= 100000; socks *= 10)
		measure(socks);
	return 0;
}
