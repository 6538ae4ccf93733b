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
 *
 *	stack_scale tcp
 *
 * opens that many TCP connections between two stacks, sends a byte each way
 * on every one, and prints
 *
 *	conns	open_ns	echo_ns	bytes
 *
 * processor time of both ends together; bytes: of memory for one end of an
 * idle connection, tables included, nothing in its buffers; those, packets
 * too, are of a pool that both share and that is not counted.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* ---- connections ---- */

static struct fdnet_stack *make_host(struct fdnet_pkt_pool *pool, int side)
{
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;

	fdnet_stack_config_init(&cfg);
	cfg.mem = &mem;
	cfg.pool = pool;
	cfg.max_socks = 200000;
	cfg.ephemeral_lo = 10000;
	cfg.ephemeral_hi = 60999;
	if (fdnet_stack_new(&cfg, 1000000, &stack))
		die("no stack");
	for (uint32_t i = 0; i < 4; i++) {
		struct fdnet_ip ip =
			fdnet_ip4(0x0a000001 + (uint32_t)side + (i << 8));

		fdnet_stack_add_addr(stack, &ip, 8);
	}
	return stack;
}

/* Packets from one to the other until none moves. */
static void shuttle(struct fdnet_stack *s[2])
{
	struct fdnet_pkt *pkt;
	uint32_t events;
	bool moved = true;

	while (moved) {
		moved = false;
		for (int i = 0; i < 2; i++) {
			while ((pkt = fdnet_stack_output(s[i]))) {
				fdnet_stack_input(s[!i], pkt);
				moved = true;
			}
			while (fdnet_stack_next_event(s[i], &events))
				;
		}
	}
}

static void pass(struct fdnet_stack *s[2], uint64_t us)
{
	for (int i = 0; i < 2; i++) {
		fdnet_stack_set_time(s[i], fdnet_stack_time(s[i]) + us);
		fdnet_stack_advance(s[i]);
	}
	shuttle(s);
}

static struct fdnet_sock *connect_one(struct fdnet_stack *s[2], unsigned int i,
				      struct fdnet_sock *listener,
				      struct fdnet_sock **ret_child)
{
	struct fdnet_name to = {
		.ip = fdnet_ip4(0x0a000002 + (i / 50000 << 8)),
		.port = 80,
	};
	struct fdnet_sock *so;

	if (fdnet_sock_open(s[0], 4, FDNET_SOCK_STREAM, 6, &so) ||
	    fdnet_sock_connect(so, &to) != -115 /* EINPROGRESS */)
		die("no connection");
	shuttle(s);
	if (fdnet_sock_accept(listener, ret_child))
		die("not accepted");
	return so;
}

static void echo(struct fdnet_stack *s[2], struct fdnet_sock *from,
		 struct fdnet_sock *to)
{
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

	if (fdnet_sock_send(from, &msg) != 1)
		die("not sent");
	shuttle(s);
	msg.flags = 0;
	if (fdnet_sock_recv(to, &msg) != 1)
		die("not received");
	shuttle(s);
}

static void measure_tcp(unsigned int conns)
{
	struct fdnet_pkt_pool *pool = fdnet_pkt_pool_new(NULL, 16, 0);
	struct fdnet_stack *s[2] = { make_host(pool, 0), make_host(pool, 1) };
	struct fdnet_sock **so = calloc(2 * conns, sizeof(*so)), *listener;
	struct fdnet_name any = { .ip = { .family = 4 }, .port = 80 };
	size_t before = allocated;
	double start, opened, echoed;
	unsigned int i;

	if (!so || fdnet_sock_open(s[1], 4, FDNET_SOCK_STREAM, 6, &listener) ||
	    fdnet_sock_bind(listener, &any) || fdnet_sock_listen(listener, 16))
		die("no listener");
	start = now_ns();
	for (i = 0; i < conns; i++)
		so[2 * i] = connect_one(s, i, listener, &so[2 * i + 1]);
	opened = (now_ns() - start) / conns;
	start = now_ns();
	for (i = 0; i < conns; i++) {
		echo(s, so[2 * i], so[2 * i + 1]);
		echo(s, so[2 * i + 1], so[2 * i]);
	}
	echoed = (now_ns() - start) / conns;
	pass(s, 1000000);
	printf("%u\t%.0f\t%.0f\t%zu\n", conns, opened, echoed,
	       (allocated - before) / (2 * conns));
	fdnet_stack_free(s[0]);
	fdnet_stack_free(s[1]);
	fdnet_pkt_pool_free(pool);
	free(so);
}

int main(int argc, char **argv)
{
	bool tcp = argc > 1 && !strcmp(argv[1], "tcp");
	unsigned int socks;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts(tcp ? "conns\topen_ns\techo_ns\tbytes"
		 : "socks\topen_ns\tlookup_ns\ttimer_ns\tbytes");
	for (socks = 100; socks <= 100000; socks *= 10) {
		if (tcp)
			measure_tcp(socks);
		else
			measure(socks);
	}
	return 0;
}
