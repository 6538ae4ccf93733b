/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A web server with a TCP/IP stack of its own, on a TUN device.
 *
 *	cc httpd.c $(pkg-config --cflags --libs libfdnetstack) -o httpd
 *	./httpd tun0 10.9.0.2 &                            (as root)
 *	ip addr add 10.9.0.1 peer 10.9.0.2 dev tun0; ip link set tun0 up
 *	curl http://10.9.0.2/      curl http://10.9.0.2/bytes/1000000
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <fdnet/endpoint.h>
#include <fdnet/stack.h>

#define MTU	 1500
#define TEXT	 "fdnet: hello from user space\n"
#define TEXT_LEN (sizeof(TEXT) - 1)

/* One connection: a request comes in, then an answer goes out. */
struct client {
	char request[2048];
	size_t got;
	char head[256];
	size_t head_len, body_len, sent; /* head_len 0: still reading */
};

static struct fdnet_endpoint *ep;
static struct fdnet_stack *stack;
static char page[65536]; /* TEXT, again and again */

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- HTTP ---- */

/* "GET /bytes/N" asks for N bytes, anything else for a line of text. */
static void prepare_answer(struct client *c)
{
	if (sscanf(c->request, "GET /bytes/%zu", &c->body_len) != 1)
		c->body_len = TEXT_LEN;
	c->head_len = (size_t)snprintf(c->head, sizeof(c->head),
				       "HTTP/1.1 200 OK\r\n"
				       "Content-Type: text/plain\r\n"
				       "Content-Length: %zu\r\n"
				       "Connection: close\r\n\r\n",
				       c->body_len);
}

/* What comes next of the answer; false: nothing. */
static bool next_piece(struct client *c, struct iovec *iov)
{
	size_t pos = c->sent, left = c->head_len + c->body_len - pos;

	if (pos < c->head_len)
		*iov = (struct iovec){c->head + pos, c->head_len - pos};
	else
		*iov = (struct iovec){page + (pos - c->head_len) % TEXT_LEN,
				      sizeof(page) - TEXT_LEN};
	if (iov->iov_len > left)
		iov->iov_len = left;
	return iov->iov_len;
}

/* Read the request; then write what the send buffer takes. An event says when
 * there is more to read, or room again. */
static void serve(struct fdnet_sock *so, struct client *c)
{
	struct iovec iov = {c->request + c->got, sizeof(c->request) - 1 - c->got};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
	ssize_t rc = 1;

	if (!c->head_len) {
		rc = fdnet_sock_recv(so, &msg);
		if (rc > 0 && !strstr(c->request, "\r\n\r\n")) {
			c->got += (size_t)rc;
			return;
		}
		if (rc > 0)
			prepare_answer(c);
	}
	while (rc > 0 && next_piece(c, &iov)) {
		msg.flags = 0;
		rc = fdnet_sock_send(so, &msg);
		c->sent += rc > 0 ? (size_t)rc : 0;
	}
	if (rc == -EAGAIN)
		return;
	free(c);
	fdnet_sock_close(so); /* what was sent is still delivered */
}

static void accept_all(struct fdnet_sock *listener)
{
	struct fdnet_sock *so;
	struct client *c;

	while (!fdnet_sock_accept(listener, &so)) {
		c = calloc(1, sizeof(*c));
		fdnet_sock_set_user(so, c);
		if (c)
			serve(so, c);
		else
			fdnet_sock_abort(so);
	}
}

/* ---- the device and the stack ---- */

static void deliver(void *arg, struct fdnet_endpoint *from, struct fdnet_pkt *pkt)
{
	fdnet_stack_input(stack, pkt);
}

static int open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	return fd < 0 || ioctl(fd, TUNSETIFF, &ifr) ? -1 : fd;
}

static int set_up(int fd, const char *address, struct fdnet_sock **listener)
{
	static const struct fdnet_dispatcher disp = {.deliver = deliver};
	struct fdnet_fd_options opts = {.fds = &fd, .nfds = 1, .mtu = MTU};
	struct fdnet_name name = {.port = 80};
	struct fdnet_stack_config cfg;

	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.mtu = MTU;
	if (getentropy(cfg.seed, sizeof(cfg.seed)) ||
	    fdnet_ip_parse(address, &name.ip) ||
	    fdnet_fd_endpoint_new(&opts, &ep, NULL))
		return -1;
	cfg.pool = fdnet_endpoint_pool(ep);
	if (fdnet_stack_new(&cfg, now_us(), &stack) ||
	    fdnet_stack_add_addr(stack, &name.ip, 24) ||
	    fdnet_sock_open(stack, name.ip.family, FDNET_SOCK_STREAM, 6,
			    listener) ||
	    fdnet_sock_bind(*listener, &name) ||
	    fdnet_sock_listen(*listener, 128))
		return -1;
	return fdnet_endpoint_attach(ep, &disp, NULL, FDNET_ATTACH_POLLED);
}

int main(int argc, char **argv)
{
	struct fdnet_sock *listener, *so;
	struct fdnet_pkt *pkt;
	struct pollfd pfd;
	uint64_t expiry;
	uint32_t events;
	int timeout;
	int fd = argc == 3 ? open_tun(argv[1]) : -1;

	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = TEXT[i % TEXT_LEN];
	if (fd < 0 || set_up(fd, argv[2], &listener)) {
		fprintf(stderr, "usage: %s DEVICE ADDRESS (as root)\n", argv[0]);
		return 1;
	}
	for (;;) {
		fdnet_stack_set_time(stack, now_us());
		fdnet_stack_advance(stack);
		while ((so = fdnet_stack_next_event(stack, &events)))
			if (so == listener)
				accept_all(so);
			else
				serve(so, fdnet_sock_user(so));
		while ((pkt = fdnet_stack_output(stack)))
			fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt);
		expiry = fdnet_stack_expiry(stack);
		fdnet_endpoint_poll_set(ep, &pfd, 1);
		timeout = expiry > now_us() + 1000000 ? 1000
			  : expiry > now_us()
				  ? (int)(expiry - now_us()) / 1000 + 1
				  : 0;
		poll(&pfd, 1, timeout);
		fdnet_stack_set_time(stack, now_us());
		fdnet_endpoint_dispatch(ep, 0, 64);
	}
}
