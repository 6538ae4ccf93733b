/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack against the kernel's TCP, over TUN devices, with an emulated path.
 *
 *	tun_tcp wire TUN1 DELAY_US LOSS_PPM SEED PID TUN2
 *		joins TUN1 here and TUN2 in the network namespace of PID, which
 *		has the sender of data: kernel to kernel over the same path
 *	tun_tcp send TUN DELAY_US LOSS_PPM SEED LOCAL PEER PORT BYTES
 *		connects to PEER and sends; ends when all is acknowledged
 *	tun_tcp recv TUN DELAY_US LOSS_PPM SEED LOCAL PORT
 *		listens, takes one connection, reads to its end, closes
 *
 * Delay and loss are applied in each direction; see path.h for what the
 * environment may add. What is sent is a pattern, and what is received must be
 * it: tun_tcp.py is the other end. Needs CAP_NET_ADMIN in its network
 * namespace; tun_tcp.sh makes one.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <fdnet/stack.h>

#include "base/mem.h"
#include "bench/path.h"

#define LINGER_US 5000000
#define PERIOD 65521 /* of the pattern */

static struct path_cfg path_cfg;
static uint8_t pattern[2 * PERIOD];
static volatile sig_atomic_t stopped;

static void make_pattern(void)
{
	uint32_t x = 1;

	for (int i = 0; i < PERIOD; i++) {
		x = (x * 1103515245u + 12345u) & 0x7fffffff;
		pattern[i] = pattern[i + PERIOD] = (uint8_t)(x >> 16);
	}
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

static void wait_for(struct pollfd *pfd, unsigned int n, uint64_t until)
{
	uint64_t now = path_now_us();
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
	struct path path[2]; /* from the near one, from the far one */

	for (int i = 0; i < 2; i++) {
		if (i)
			enter_ns(pid);
		pfd[i].fd = open_tun(i ? far : near);
		pfd[i].events = POLLIN;
		path_init(&path[i], &path_cfg, !i);
	}
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		uint64_t now, next;

		for (int i = 0; i < 2; i++)
			path_read(&path[i], pfd[i].fd);
		now = path_now_us();
		for (int i = 0; i < 2; i++)
			path_write(&path[i], pfd[!i].fd, now);
		next = path_next(&path[0]);
		if (path_next(&path[1]) < next)
			next = path_next(&path[1]);
		wait_for(pfd, 2, next);
	}
	path_report(&path[1], "wire, data");
	path_report(&path[0], "wire, ACKs");
}

/* ---- the stack at one end ---- */

static struct fdnet_stack *stack;
static struct fdnet_pkt_pool *pool;
static struct path to_tun, from_tun;
static int tun, family;

static void setup_stack(const char *dev, const char *local, bool sends)
{
	struct fdnet_stack_config cfg;
	struct fdnet_ip ip;

	tun = open_tun(dev);
	path_init(&to_tun, &path_cfg, !sends);
	path_init(&from_tun, &path_cfg, sends);
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 256, 0);
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = pool;
	cfg.mtu = PATH_MTU;
	for (int i = 0; i < 16; i++)
		cfg.seed[i] = (uint8_t)(path_cfg.seed >> i % 8);
	if (fdnet_stack_new(&cfg, path_now_us(), &stack) ||
	    fdnet_ip_parse(local, &ip) || fdnet_stack_add_addr(stack, &ip, ip.family == 6 ? 64 : 24))
		die("stack");
	family = ip.family;
	puts("ready");
	fflush(stdout);
}

static void take_in(void)
{
	uint64_t now = path_now_us();
	const struct path_item *item;

	fdnet_stack_set_time(stack, now);
	while ((item = path_due(&from_tun, now))) {
		struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
		uint8_t *dst = fdnet_pkt_put(pkt, item->len);

		memcpy(dst, item->data, item->len);
		fdnet_stack_input(stack, pkt);
		path_pop(&from_tun, now);
	}
	fdnet_stack_advance(stack);
}

static void give_out(void)
{
	struct fdnet_pkt *pkt;
	uint8_t *slot;

	while ((slot = path_slot(&to_tun)) && (pkt = fdnet_stack_output(stack))) {
		uint32_t len = fdnet_pkt_total(pkt);

		fdnet_pkt_copy_out(pkt, 0, slot, len);
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
	path_read(&from_tun, tun);
	take_in();
	give_out();
	path_write(&to_tun, tun, path_now_us());
	while (fdnet_stack_next_event(stack, &ev))
		;
}

static void report(const char *what, uint64_t bytes, uint64_t start)
{
	double took = (double)(path_now_us() - start) / 1e6;

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
	struct fdnet_name name = {.port = (uint16_t)port};
	struct iovec iov;
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
	struct fdnet_sock *so;
	uint64_t sent = 0, start;
	ssize_t rc;

	if (fdnet_ip_parse(peer, &name.ip))
		die(peer);
	so = connect_patiently(&name);
	start = path_now_us();
	while (sent < total) {
		iov.iov_base = pattern + sent % PERIOD;
		iov.iov_len = total - sent < PERIOD ? total - sent : PERIOD;
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

static struct fdnet_sock *take_connection(int port)
{
	struct fdnet_name name = {.ip = {.family = (uint8_t)family},
				  .port = (uint16_t)port};
	struct fdnet_sock *so, *child;

	if (fdnet_sock_open(stack, family, FDNET_SOCK_STREAM, 6, &so) ||
	    fdnet_sock_bind(so, &name) || fdnet_sock_listen(so, 8))
		die("listen");
	while (fdnet_sock_accept(so, &child))
		drive();
	return child;
}

static int run_recv(int port)
{
	static uint8_t buf[PERIOD];
	struct iovec iov = {buf, sizeof(buf)};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
	struct fdnet_sock *so = take_connection(port);
	uint64_t got = 0, start = path_now_us();
	ssize_t rc;

	while ((rc = fdnet_sock_recv(so, &msg))) {
		if (rc == -EAGAIN) {
			drive();
			continue;
		}
		if (rc < 0)
			return fprintf(stderr, "recv: %s\n", strerror((int)-rc)),
			       1;
		if (memcmp(buf, pattern + got % PERIOD, (size_t)rc))
			return fprintf(stderr, "wrong bytes\n"), 1;
		got += (uint64_t)rc;
	}
	report("received", got, start);
	fdnet_sock_close(so);
	/* the peer waits for our FIN, which may have to go again */
	start = path_now_us();
	while (fdnet_stack_has_work(stack) && path_now_us() - start < LINGER_US)
		drive();
	return 0;
}

static int run_stack(int argc, char **argv)
{
	bool sends = argc == 10 && !strcmp(argv[1], "send");
	int rc;

	if (!sends && !(argc == 8 && !strcmp(argv[1], "recv")))
		return 2;
	make_pattern();
	setup_stack(argv[2], argv[6], sends);
	rc = sends ? run_send(argv[7], atoi(argv[8]),
			      strtoull(argv[9], NULL, 10))
		   : run_recv(atoi(argv[7]));
	path_report(&to_tun, "from the stack");
	path_report(&from_tun, "to the stack");
	return rc;
}

static void on_term(int sig)
{
	(void)sig;
	stopped = 1;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_term};

	if (argc < 8)
		return fprintf(stderr, "usage: see the source\n"), 2;
	path_config(&path_cfg);
	path_cfg.delay_us = strtoull(argv[3], NULL, 10);
	path_cfg.loss_ppm = (unsigned int)atoi(argv[4]);
	path_cfg.seed = strtoull(argv[5], NULL, 10);
	if (strcmp(argv[1], "wire"))
		return run_stack(argc, argv);
	sigaction(SIGTERM, &sa, NULL);
	if (argc == 8)
		run_wire(argv[2], argv[6], argv[7]);
	return 0;
}
