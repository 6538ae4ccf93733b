/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack against the kernel's TCP, over TUN devices, with an emulated path.
 *
 *	tun_tcp wire TUN1 DELAY_US LOSS_PPM SEED PID TUN2
 *		joins TUN1 here and TUN2 in the network namespace of PID: kernel
 *		to kernel over the same path
 *	tun_tcp send TUN DELAY_US LOSS_PPM SEED LOCAL PEER PORT BYTES
 *		connects to PEER and sends; ends when all is acknowledged
 *	tun_tcp recv TUN DELAY_US LOSS_PPM SEED LOCAL PORT
 *		listens, takes one connection, reads to its end, closes
 *
 * Delay and loss are applied in each direction; TUN_TCP_RATE in the environment
 * limits each to so many Mbit/s, with a queue of TUN_TCP_QUEUE packets (1000). Needs CAP_NET_ADMIN in its
 * network namespace; bench/tun_tcp.sh makes one.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <fdnet/stack.h>

#include "base/mem.h"

#define QUEUE 65536
#define MTU   1500
#define LINGER_US 5000000

struct item {
	uint64_t at_us;
	uint16_t len;
	uint8_t data[MTU];
};

/* One direction of the path: a ring, first in first out. */
struct path {
	struct item *ring;
	unsigned int head, tail;
	unsigned int waiting; /* index of the first not yet on the wire */
	uint64_t free_us;     /* when the wire is free again */
	unsigned long dropped;
};

static uint64_t delay_us, rng;
static unsigned int loss_ppm, rate_mbit, queue_pkts = 1000;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint32_t rnd(void)
{
	rng = rng * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rng >> 33);
}

static void die(const char *what)
{
	fprintf(stderr, "tun_tcp: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr))
		die(name);
	return fd;
}

static void path_init(struct path *p)
{
	memset(p, 0, sizeof(*p));
	p->ring = calloc(QUEUE, sizeof(*p->ring));
	if (!p->ring)
		die("memory");
}

/* The place for one more packet, or NULL when the queue is full. */
static struct item *path_slot(struct path *p)
{
	return p->head - p->tail < QUEUE ? &p->ring[p->head % QUEUE] : NULL;
}

/* The time at which the wire has sent @item; false: the queue is full. */
static bool take_turn(struct path *p, struct item *item)
{
	while (p->waiting != p->head &&
	       p->ring[p->waiting % QUEUE].at_us <= item->at_us + delay_us)
		p->waiting++;
	if (p->head - p->waiting >= queue_pkts) {
		p->dropped++;
		return false;
	}
	if (p->free_us > item->at_us)
		item->at_us = p->free_us;
	item->at_us += item->len * 8u / rate_mbit;
	p->free_us = item->at_us;
	return true;
}

static void path_commit(struct path *p, size_t len)
{
	struct item *item = &p->ring[p->head % QUEUE];

	if (loss_ppm && rnd() % 1000000 < loss_ppm) {
		p->dropped++;
		return;
	}
	item->len = (uint16_t)len;
	item->at_us = now_us();
	if (rate_mbit && !take_turn(p, item))
		return;
	item->at_us += delay_us;
	p->head++;
}

static struct item *path_due(struct path *p, uint64_t now)
{
	struct item *item = &p->ring[p->tail % QUEUE];

	return p->tail != p->head && item->at_us <= now ? item : NULL;
}

static uint64_t path_next(const struct path *p)
{
	return p->tail != p->head ? p->ring[p->tail % QUEUE].at_us : FDNET_NEVER;
}

static void read_tun(int fd, struct path *p)
{
	struct item *slot;
	ssize_t n;

	while ((slot = path_slot(p))) {
		n = read(fd, slot->data, sizeof(slot->data));
		if (n <= 0)
			return;
		path_commit(p, (size_t)n);
	}
}

static void write_tun(int fd, struct path *p, uint64_t now)
{
	struct item *item;

	while ((item = path_due(p, now))) {
		if (write(fd, item->data, item->len) < 0 && errno == EAGAIN)
			return;
		p->tail++;
	}
}

static void wait_for(struct pollfd *pfd, unsigned int n, uint64_t until)
{
	uint64_t now = now_us();
	struct timespec ts = {.tv_sec = 1};

	if (until <= now)
		return;
	if (until - now < 1000000) {
		ts.tv_sec = 0;
		ts.tv_nsec = (long)(until - now) * 1000;
	}
	ppoll(pfd, n, &ts, NULL);
}

static void enter_ns(const char *pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(path);
	close(fd);
}

static void run_wire(const char *near, const char *pid, const char *far)
{
	struct pollfd pfd[2];
	struct path path[2];

	for (int i = 0; i < 2; i++) {
		if (i)
			enter_ns(pid);
		pfd[i].fd = open_tun(i ? far : near);
		pfd[i].events = POLLIN;
		path_init(&path[i]);
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		uint64_t now, next;

		for (int i = 0; i < 2; i++)
			read_tun(pfd[i].fd, &path[i]);
		now = now_us();
		for (int i = 0; i < 2; i++)
			write_tun(pfd[!i].fd, &path[i], now);
		next = path_next(&path[0]);
		if (path_next(&path[1]) < next)
			next = path_next(&path[1]);
		wait_for(pfd, 2, next);
	}
}

/* ---- the stack at one end ---- */

static struct fdnet_stack *stack;
static struct fdnet_pkt_pool *pool;
static struct path to_tun, from_tun;
static int tun;

static void setup_stack(const char *dev, const char *local)
{
	struct fdnet_stack_config cfg;
	struct fdnet_ip ip;

	tun = open_tun(dev);
	path_init(&to_tun);
	path_init(&from_tun);
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 256, 0);
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = pool;
	cfg.mtu = MTU;
	for (int i = 0; i < 16; i++)
		cfg.seed[i] = (uint8_t)rnd();
	if (fdnet_stack_new(&cfg, now_us(), &stack) ||
	    fdnet_ip_parse(local, &ip) || fdnet_stack_add_addr(stack, &ip, 24))
		die("stack");
	puts("ready");
	fflush(stdout);
}

static void take_in(void)
{
	uint64_t now = now_us();
	struct item *item;

	fdnet_stack_set_time(stack, now);
	while ((item = path_due(&from_tun, now))) {
		struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
		uint8_t *dst = fdnet_pkt_put(pkt, item->len);

		memcpy(dst, item->data, item->len);
		fdnet_stack_input(stack, pkt);
		from_tun.tail++;
	}
	fdnet_stack_advance(stack);
}

static void give_out(void)
{
	struct fdnet_pkt *pkt;
	struct item *slot;

	while ((slot = path_slot(&to_tun)) && (pkt = fdnet_stack_output(stack))) {
		uint32_t len = fdnet_pkt_total(pkt);

		fdnet_pkt_copy_out(pkt, 0, slot->data, len);
		path_commit(&to_tun, len);
		fdnet_pkt_free(pkt);
	}
}

static void drive(void)
{
	struct pollfd pfd = {.fd = tun, .events = POLLIN};
	uint32_t ev;
	uint64_t next;

	give_out();
	next = fdnet_stack_expiry(stack);
	if (path_next(&to_tun) < next)
		next = path_next(&to_tun);
	if (path_next(&from_tun) < next)
		next = path_next(&from_tun);
	wait_for(&pfd, 1, next);
	read_tun(tun, &from_tun);
	take_in();
	give_out();
	write_tun(tun, &to_tun, now_us());
	while (fdnet_stack_next_event(stack, &ev))
		;
}

static void report(const char *what, uint64_t bytes, uint64_t start)
{
	double took = (double)(now_us() - start) / 1e6;

	printf("%s %llu bytes %.3f s %.2f Mbit/s retrans %llu rto %llu\n", what,
	       (unsigned long long)bytes, took, (double)bytes * 8 / took / 1e6,
	       (unsigned long long)fdnet_stack_counter(stack, FDNET_C_TCP_RETRANS),
	       (unsigned long long)fdnet_stack_counter(stack, FDNET_C_TCP_RTO));
}

/* The server may still be starting. */
static struct fdnet_sock *connect_patiently(const struct fdnet_name *name)
{
	struct fdnet_sock *so;

	for (int i = 0; i < 100; i++) {
		if (fdnet_sock_open(stack, name->ip.family, FDNET_SOCK_STREAM,
				    6, &so) ||
		    fdnet_sock_connect(so, name) != -EINPROGRESS)
			die("connect");
		while (fdnet_sock_state(so) == FDNET_TCP_SYN_SENT)
			drive();
		if (fdnet_sock_state(so) == FDNET_TCP_ESTABLISHED)
			return so;
		fdnet_sock_close(so);
		usleep(100000);
	}
	die("no answer");
	return NULL;
}

static int run_send(const char *peer, int port, uint64_t total)
{
	static char buf[65536];
	struct fdnet_name name = {.port = (uint16_t)port};
	struct iovec iov = {buf, sizeof(buf)};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
	struct fdnet_sock *so;
	uint64_t sent = 0, start;
	ssize_t rc;

	if (fdnet_ip_parse(peer, &name.ip))
		die(peer);
	so = connect_patiently(&name);
	start = now_us();
	while (sent < total) {
		if (total - sent < sizeof(buf))
			iov.iov_len = total - sent;
		rc = fdnet_sock_send(so, &msg);
		if (rc > 0)
			sent += (uint64_t)rc;
		else if (rc != -EAGAIN)
			return fprintf(stderr, "send: %s\n", strerror((int)-rc)),
			       1;
		else
			drive();
	}
	fdnet_sock_shutdown(so, FDNET_SHUT_WR);
	while (fdnet_sock_outq(so) || fdnet_sock_state(so) == FDNET_TCP_FIN_WAIT1)
		drive();
	report("sent", total, start);
	return 0;
}

static int run_recv(int port)
{
	static char buf[65536];
	struct fdnet_name name = {.ip = {.family = 4}, .port = (uint16_t)port};
	struct iovec iov = {buf, sizeof(buf)};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
	struct fdnet_sock *so, *child;
	uint64_t got = 0, start;
	ssize_t rc;

	if (fdnet_sock_open(stack, 4, FDNET_SOCK_STREAM, 6, &so) ||
	    fdnet_sock_bind(so, &name) || fdnet_sock_listen(so, 8))
		die("listen");
	while (fdnet_sock_accept(so, &child))
		drive();
	start = now_us();
	while ((rc = fdnet_sock_recv(child, &msg))) {
		if (rc > 0)
			got += (uint64_t)rc;
		else if (rc != -EAGAIN)
			return fprintf(stderr, "recv: %s\n", strerror((int)-rc)),
			       1;
		else
			drive();
	}
	report("received", got, start);
	fdnet_sock_close(child);
	/* the peer waits for our FIN, which may have to go again */
	start = now_us();
	while (fdnet_stack_has_work(stack) && now_us() - start < LINGER_US)
		drive();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 8)
		return fprintf(stderr, "usage: see the source\n"), 2;
	if (getenv("TUN_TCP_RATE"))
		rate_mbit = (unsigned int)atoi(getenv("TUN_TCP_RATE"));
	if (getenv("TUN_TCP_QUEUE"))
		queue_pkts = (unsigned int)atoi(getenv("TUN_TCP_QUEUE"));
	delay_us = strtoull(argv[3], NULL, 10);
	loss_ppm = (unsigned int)atoi(argv[4]);
	rng = strtoull(argv[5], NULL, 10);
	if (argc == 8 && !strcmp(argv[1], "wire"))
		run_wire(argv[2], argv[6], argv[7]);
	setup_stack(argv[2], argv[6]);
	if (argc == 10 && !strcmp(argv[1], "send"))
		return run_send(argv[7], atoi(argv[8]),
				strtoull(argv[9], NULL, 10));
	if (argc == 8 && !strcmp(argv[1], "recv"))
		return run_recv(atoi(argv[7]));
	return 2;
}
