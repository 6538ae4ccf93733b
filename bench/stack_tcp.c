/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two stacks wired in memory on one core: what TCP itself costs.
 *
 *	bench/stack_tcp [seconds] [test...]
 *
 * Prints one line a test: name, value, unit. Packets are handed over by
 * pointer, so what is measured is the engine and the copies at its edges.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fdnet/stack.h>

#include "base/mem.h"

#define PORT  7777
#define CHUNK 131072

static size_t allocated;

static void *count_alloc(void *arg, size_t size)
{
	allocated += size;
	return calloc(1, size);
}

static void count_free(void *arg, void *ptr, size_t size)
{
	allocated -= size;
	free(ptr);
}

static const struct fdnet_mem mem = {
	.alloc = count_alloc,
	.free = count_free,
};

static struct fdnet_pkt_pool *pool;
static struct fdnet_stack *stacks[2];
static struct fdnet_sock *socks[2], *listener;
static char buf[CHUNK];
static double seconds = 1;
static unsigned long long packets;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct fdnet_name name_of(int side)
{
	return (struct fdnet_name){
		.ip = fdnet_ip4(0x0a000001 + (uint32_t)side),
		.port = PORT,
	};
}

static void die(const char *what, int rc)
{
	fprintf(stderr, "stack_tcp: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void setup(bool lossless, uint32_t mtu, uint32_t gso_max)
{
	pool = fdnet_pkt_pool_new(&mem, 256, 0);
	for (int i = 0; i < 2; i++) {
		struct fdnet_stack_config cfg;
		struct fdnet_name name = name_of(i);
		int rc;

		fdnet_stack_config_init(&cfg);
		cfg.mem = &mem;
		cfg.pool = pool;
		cfg.mtu = mtu;
		cfg.gso_max = gso_max;
		cfg.lossless = lossless;
		cfg.csum_offload = lossless;
		cfg.max_socks = 300000;
		cfg.ephemeral_lo = 1024;
		cfg.ephemeral_hi = 65535;
		memset(cfg.seed, i + 1, 16);
		rc = fdnet_stack_new(&cfg, now_us(), &stacks[i]);
		if (rc)
			die("fdnet_stack_new", rc);
		fdnet_stack_add_addr(stacks[i], &name.ip, 24);
	}
}

static void teardown(void)
{
	fdnet_stack_free(stacks[0]);
	fdnet_stack_free(stacks[1]);
	fdnet_pkt_pool_free(pool);
}

/* Hands over what either side has to send, until neither has any. */
static void shuttle(void)
{
	bool any = true;
	uint64_t now = now_us();

	fdnet_stack_set_time(stacks[0], now);
	fdnet_stack_set_time(stacks[1], now);
	while (any) {
		any = false;
		for (int i = 0; i < 2; i++) {
			struct fdnet_pkt *pkt;

			while ((pkt = fdnet_stack_output(stacks[i]))) {
				fdnet_stack_input(stacks[!i], pkt);
				packets++;
				any = true;
			}
		}
	}
	if (fdnet_stack_expiry(stacks[0]) <= now)
		fdnet_stack_advance(stacks[0]);
	if (fdnet_stack_expiry(stacks[1]) <= now)
		fdnet_stack_advance(stacks[1]);
}

static ssize_t put(struct fdnet_sock *so, size_t len)
{
	struct iovec iov = {buf, len};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};

	return fdnet_sock_send(so, &msg);
}

static ssize_t get(struct fdnet_sock *so, size_t len)
{
	struct iovec iov = {buf, len};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};

	return fdnet_sock_recv(so, &msg);
}

static void start_listening(void)
{
	struct fdnet_name any = name_of(1);
	int rc = fdnet_sock_open(stacks[1], 4, FDNET_SOCK_STREAM, 6, &listener);

	if (!rc)
		rc = fdnet_sock_bind(listener, &any);
	if (!rc)
		rc = fdnet_sock_listen(listener, 4096);
	if (rc)
		die("listen", rc);
}

static void make_pair(void)
{
	struct fdnet_name dst = name_of(1);
	int rc = fdnet_sock_open(stacks[0], 4, FDNET_SOCK_STREAM, 6, &socks[0]);

	if (!rc)
		rc = fdnet_sock_connect(socks[0], &dst);
	if (rc != -EINPROGRESS)
		die("connect", rc);
	shuttle();
	rc = fdnet_sock_accept(listener, &socks[1]);
	if (rc)
		die("accept", rc);
}

static void drop_events(void)
{
	uint32_t ev;

	for (int i = 0; i < 2; i++) {
		while (fdnet_stack_next_event(stacks[i], &ev))
			;
	}
}

static void bulk(const char *name, bool lossless, uint32_t mtu, uint32_t gso)
{
	uint64_t start, bytes = 0, pkts;
	double took;

	setup(lossless, mtu, gso);
	start_listening();
	make_pair();
	start = now_us();
	pkts = packets;
	do {
		while (put(socks[0], CHUNK) > 0)
			;
		shuttle();
		for (;;) {
			ssize_t rc = get(socks[1], CHUNK);

			if (rc <= 0)
				break;
			bytes += (uint64_t)rc;
		}
		shuttle();
		drop_events();
		took = (double)(now_us() - start) / 1e6;
	} while (took < seconds);
	printf("%-24s %10.2f GB/s   %8.0f packets/GB\n", name,
	       (double)bytes / took / 1e9,
	       (double)(packets - pkts) / ((double)bytes / 1e9));
	teardown();
}

static void test_bulk(void)
{
	bulk("bulk_lossless_64k", true, 65520, 65536);
	bulk("bulk_lossless_128k", true, 65520, 131072);
	bulk("bulk_lossless_256k", true, 65520, 262144);
	bulk("bulk_lossless_mtu1500", true, 1500, 0);
	bulk("bulk_plain_mtu1500", false, 1500, 0);
	bulk("bulk_plain_mtu1500_gso", false, 1500, 65535);
}

static void test_rr(void)
{
	uint64_t start, n = 0, pkts;
	double took = 0;

	setup(true, 65520, 65536);
	start_listening();
	make_pair();
	start = now_us();
	pkts = packets;
	while (took < seconds) {
		for (int i = 0; i < 1000; i++, n++) {
			put(socks[0], 1);
			shuttle();
			get(socks[1], CHUNK);
			put(socks[1], 1);
			shuttle();
			get(socks[0], CHUNK);
		}
		drop_events();
		took = (double)(now_us() - start) / 1e6;
	}
	printf("%-24s %10.0f /s     %8.2f packets each, %.0f ns\n", "rr_1byte",
	       (double)n / took, (double)(packets - pkts) / (double)n,
	       took * 1e9 / (double)n);
	teardown();
}

static void test_crr(void)
{
	uint64_t start, n = 0, pkts;
	double took = 0;

	setup(true, 65520, 65536);
	start_listening();
	start = now_us();
	pkts = packets;
	while (took < seconds) {
		for (int i = 0; i < 100; i++, n++) {
			make_pair();
			put(socks[0], 1);
			shuttle();
			get(socks[1], CHUNK);
			put(socks[1], 1);
			fdnet_sock_close(socks[1]);
			shuttle();
			get(socks[0], CHUNK);
			fdnet_sock_close(socks[0]);
			shuttle();
		}
		drop_events();
		took = (double)(now_us() - start) / 1e6;
	}
	printf("%-24s %10.0f /s     %8.2f packets each, %.0f ns\n", "crr",
	       (double)n / took, (double)(packets - pkts) / (double)n,
	       took * 1e9 / (double)n);
	teardown();
}

static void test_many(void)
{
	const int counts[] = {1000, 10000, 60000};
	struct fdnet_sock **all = calloc(60000 * 2, sizeof(*all));

	for (unsigned int c = 0; c < 3; c++) {
		int n = counts[c];
		uint64_t start, rounds = 0;
		size_t before;
		double took;

		setup(true, 65520, 65536);
		start_listening();
		before = allocated;
		start = now_us();
		for (int i = 0; i < n; i++) {
			make_pair();
			all[2 * i] = socks[0];
			all[2 * i + 1] = socks[1];
		}
		took = (double)(now_us() - start) / 1e6;
		drop_events();
		usleep(50000);
		shuttle();
		shuttle();
		printf("open_%-19d %10.0f /s     %8.0f bytes each end\n", n,
		       n / took, (double)(allocated - before) / n / 2);
		start = now_us();
		took = 0;
		while (took < seconds) {
			for (int k = 0; k < 1000; k++, rounds++) {
				int i = (int)((rounds * 7919) % (unsigned)n);

				put(all[2 * i], 1);
				shuttle();
				get(all[2 * i + 1], CHUNK);
				put(all[2 * i + 1], 1);
				shuttle();
				get(all[2 * i], CHUNK);
			}
			drop_events();
			took = (double)(now_us() - start) / 1e6;
		}
		printf("rr_over_%-16d %10.0f /s     %8.0f ns each\n", n,
		       (double)rounds / took, took * 1e9 / (double)rounds);
		teardown();
	}
	free(all);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"bulk", test_bulk},
	{"rr", test_rr},
	{"crr", test_crr},
	{"many", test_many},
};

int main(int argc, char **argv)
{
	if (argc > 1)
		seconds = atof(argv[1]);
	for (unsigned int i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		bool wanted = argc < 3;

		for (int k = 2; k < argc; k++)
			wanted |= !strcmp(argv[k], tests[i].name);
		if (wanted)
			tests[i].run();
	}
	return 0;
}
