/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes, each with a stack of its own: a ping over a SEQPACKET pair.
 * cc ping.c $(pkg-config --cflags --libs libfdnetstack)
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fdnet/endpoint.h>
#include <fdnet/stack.h>

struct host {
	struct fdnet_endpoint *ep;
	struct fdnet_stack *stack;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void deliver(void *arg, struct fdnet_endpoint *e, struct fdnet_pkt *pkt)
{
	fdnet_stack_input(((struct host *)arg)->stack, pkt);
}

/* An endpoint on @fd, and a stack with address 10.0.0.@last over it. */
static int host_open(struct host *h, int fd, uint32_t last)
{
	static const struct fdnet_dispatcher disp = { .deliver = deliver };
	struct fdnet_fd_options opts = { .fds = &fd, .nfds = 1, .mtu = 1500 };
	struct fdnet_ip addr = fdnet_ip4(10u << 24 | last);
	struct fdnet_stack_config cfg;

	if (fdnet_fd_endpoint_new(&opts, &h->ep, NULL))
		return -1;
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = fdnet_endpoint_pool(h->ep);
	if (fdnet_stack_new(&cfg, now_us(), &h->stack) ||
	    fdnet_stack_add_addr(h->stack, &addr, 24))
		return -1;
	return fdnet_endpoint_attach(h->ep, &disp, h, FDNET_ATTACH_POLLED);
}

/* Sleep until a packet comes, take it, and send what follows from it. */
static int host_step(struct host *h)
{
	struct fdnet_pkt *pkt;
	struct pollfd pfd;
	int rc;

	while ((pkt = fdnet_stack_output(h->stack)))
		fdnet_endpoint_write_packet(h->ep, NULL, NULL, 0, pkt);
	fdnet_endpoint_poll_set(h->ep, &pfd, 1);
	poll(&pfd, 1, 5000);
	fdnet_stack_set_time(h->stack, now_us());
	rc = fdnet_endpoint_dispatch(h->ep, now_us(), 64);
	fdnet_stack_advance(h->stack);
	return rc > 0;
}

int main(void)
{
	uint8_t echo[16] = { 8, [8] = 'h', 'e', 'l', 'l', 'o' }, got[64];
	struct iovec out = { echo, 16 }, in = { got, 64 };
	struct fdnet_msg msg = { .iov = &out, .iovcnt = 1, .ttl = -1, .tos = -1 };
	struct fdnet_sock *so;
	struct host h;
	int fds[2];

	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds);
	if (fork() == 0) { /* 10.0.0.2 answers until we are gone */
		close(fds[0]);
		for (host_open(&h, fds[1], 2); host_step(&h);)
			;
		_exit(0);
	}
	close(fds[1]);
	msg.to_from.ip = fdnet_ip4(10u << 24 | 2);
	if (host_open(&h, fds[0], 1) ||
	    fdnet_sock_open(h.stack, 4, FDNET_SOCK_DGRAM, 1, &so) ||
	    fdnet_sock_send(so, &msg) != 16 || !host_step(&h))
		return 1;
	msg.iov = &in;
	if (fdnet_sock_recv(so, &msg) != 16 || memcmp(got + 8, "hello", 5))
		return 1;
	puts("10.0.0.2 answered: hello");
	fdnet_stack_free(h.stack);
	fdnet_endpoint_free(h.ep);
	return 0;
}
