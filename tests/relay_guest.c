/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/relay_guest.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define MAX_MSG (256u << 10)

bool relay_area;

uint64_t rg_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- links ---- */

static int attach_with(struct rg_relay *relay, uint16_t flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	uint8_t data[FDNET_LINK_HDR_LEN + FDNET_ATTACH_LEN];
	struct fdnet_link_hdr hdr = { .type = FDNET_LINK_ATTACH,
				      .hdr_len = FDNET_ATTACH_LEN };
	struct fdnet_attach attach = { .version = FDNET_CTL_VERSION,
				       .flags = flags,
				       .pid = 4711 };
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2], size = 4 << 20;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
						     SOCK_NONBLOCK,
				    0, pair),
			 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fdnet_link_hdr_encode(data, &hdr);
	fdnet_attach_encode(data + FDNET_LINK_HDR_LEN, &attach);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &pair[1], sizeof(int));
	ck_assert_int_eq(sendmsg(relay->attach_fd, &msg, MSG_NOSIGNAL),
			 sizeof(data));
	close(pair[1]);
	return pair[0];
}

int rg_link(struct rg_relay *relay)
{
	return attach_with(relay, 0);
}

int rg_node(struct rg_relay *relay)
{
	return attach_with(relay, FDNET_ATTACH_NODE);
}

static void make_stack(struct rg *g)
{
	struct fdnet_stack_config cfg;
	struct fdnet_ip ip = { .family = 4 };

	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = g->pool;
	memset(cfg.seed, 7, sizeof(cfg.seed));
	cfg.mtu = g->welcome.mtu;
	cfg.gso_max = g->welcome.gso_max;
	cfg.csum_offload = true;
	cfg.switched = true;
	cfg.lossless = true;
	cfg.ephemeral_lo = g->welcome.lease_lo;
	cfg.ephemeral_hi = g->welcome.lease_hi;
	ck_assert_int_eq(fdnet_stack_new(&cfg, rg_now_us(), &g->stack), 0);
	memcpy(ip.bytes, g->welcome.ip4, 4);
	ck_assert_int_eq(fdnet_stack_add_addr(g->stack, &ip, g->welcome.bits4),
			 0);
	ip.family = 6;
	memcpy(ip.bytes, g->welcome.ip6, 16);
	ck_assert_int_eq(fdnet_stack_add_addr(g->stack, &ip, g->welcome.bits6),
			 0);
}

static void take_packet(void *arg, struct fdnet_pkt *pkt)
{
	struct rg *g = arg;

	if (g->stack)
		fdnet_stack_input(g->stack, pkt);
	else
		fdnet_pkt_free(pkt);
}

static void take_control(void *arg, enum fdnet_link_type type,
			 const uint8_t *body, size_t len, int fd)
{
	struct rg *g = arg;

	if (fd >= 0) {
		struct fdnet_area *area;

		ck_assert(relay_area);
		if (!fdnet_area_map(fdnet_mem_libc(), fd, &area))
			fdnet_link_set_area(g->link, area);
		close(fd);
	}
	if (type == FDNET_LINK_WELCOME) {
		ck_assert_int_eq(fdnet_welcome_decode(body, len, &g->welcome),
				 0);
		g->welcomed = true;
		return;
	}
	ck_assert_int_eq(type, FDNET_LINK_CONTROL);
	ck_assert_int_eq(fdnet_ctl_decode(body, len, &g->reply), 0);
	g->replies++;
}

static bool is_welcomed(void *arg)
{
	struct rg *g = arg;

	return g->welcomed || g->ended;
}

struct rg *rg_attach(struct rg_relay *relay)
{
	struct rg *g = rg_try_attach(relay);

	ck_assert_ptr_nonnull(g);
	return g;
}

struct rg *rg_try_attach(struct rg_relay *relay)
{
	static const struct fdnet_link_ops ops = { take_packet, take_control };
	struct fdnet_hello hello = {
		.version = FDNET_CTL_VERSION,
		.features = FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO |
			    FDNET_LINK_F_BIG |
			    (relay_area ? FDNET_LINK_F_AREA |
						  FDNET_LINK_F_RING :
					  0),
		.max_msg = MAX_MSG,
		.pid = 4711,
		.comm = "scripted",
	};
	struct fdnet_link_config cfg;
	uint8_t body[FDNET_HELLO_LEN];
	struct rg *g = calloc(1, sizeof(*g));
	int i = 0;

	g->relay = relay;
	g->fd = rg_link(relay);
	g->pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 64, 0);
	cfg = (struct fdnet_link_config){
		.mem = fdnet_mem_libc(),
		.pool = g->pool,
		.fd = g->fd,
		.accept_fds = relay_area,
		.max_msg = MAX_MSG,
		.ops = &ops,
		.arg = g,
	};
	ck_assert_int_eq(fdnet_link_new(&cfg, &g->link), 0);
	fdnet_hello_encode(body, &hello);
	while (relay->guests[i])
		i++;
	ck_assert_int_lt(i, RG_GUESTS);
	relay->guests[i] = g;
	if (fdnet_link_send_control(g->link, FDNET_LINK_HELLO, body,
				    sizeof(body), -1))
		g->ended = true; /* refused at once */
	ck_assert(rg_until(relay, RG_PATIENCE_MS, is_welcomed, g));
	if (!g->welcomed || g->welcome.status) {
		rg_kill(g);
		return NULL;
	}
	fdnet_link_set_features(g->link, g->welcome.features);
	make_stack(g);
	return g;
}

void rg_kill(struct rg *g)
{
	for (int i = 0; i < RG_GUESTS; i++)
		if (g->relay->guests[i] == g)
			g->relay->guests[i] = NULL;
	fdnet_stack_free(g->stack);
	fdnet_link_free(g->link);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(g->pool), 0);
	fdnet_pkt_pool_free(g->pool);
	close(g->fd);
	free(g);
}

/* ---- driving ---- */

void rg_push(struct rg *g)
{
	struct fdnet_pkt *pkt;
	uint32_t events;

	g->full = false;
	while ((pkt = fdnet_stack_output(g->stack))) {
		if (fdnet_link_send(g->link, pkt) == -EAGAIN) {
			fdnet_stack_unget(g->stack, pkt);
			g->full = true;
			break;
		}
	}
	while (fdnet_stack_next_event(g->stack, &events))
		;
}

static void run_one(struct rg *g)
{
	int rc;

	if (g->ended)
		return;
	if (g->stack)
		fdnet_stack_set_time(g->stack, rg_now_us());
	rc = fdnet_link_recv(g->link, 64);
	if (rc < 0)
		g->ended = true;
	if (!g->stack)
		return;
	fdnet_stack_advance(g->stack);
	rg_push(g);
}

static int wait_ms(const struct rg_relay *relay, int ms)
{
	for (int i = 0; i < RG_GUESTS; i++) {
		struct rg *g = relay->guests[i];
		uint64_t expiry, now = rg_now_us();

		if (!g || !g->stack || g->ended)
			continue;
		expiry = fdnet_stack_expiry(g->stack);
		if (expiry <= now)
			return 0;
		if (expiry != FDNET_NEVER &&
		    (int64_t)(expiry - now) / 1000 < ms)
			ms = (int)((expiry - now) / 1000) + 1;
	}
	return ms;
}

/* One turn of everybody. Returns false when nothing came within @ms. */
bool rg_turn(struct rg_relay *relay, int ms)
{
	struct pollfd pfds[RG_GUESTS + 1];
	nfds_t n = 0;
	int rc;

	for (int i = 0; i < RG_GUESTS; i++)
		if (relay->guests[i])
			run_one(relay->guests[i]);
	for (int i = 0; i < RG_GUESTS; i++) {
		struct rg *g = relay->guests[i];

		if (g && !g->ended)
			pfds[n++] = (struct pollfd){
				g->fd,
				(short)(POLLIN | (g->full ? POLLOUT : 0)), 0
			};
	}
	if (relay->host_fd >= 0)
		pfds[n++] = (struct pollfd){ relay->host_fd,
					     relay->host_events, 0 };
	rc = poll(pfds, n, wait_ms(relay, ms));
	for (int i = 0; i < RG_GUESTS; i++)
		if (relay->guests[i])
			run_one(relay->guests[i]);
	return rc > 0;
}

void rg_drive(struct rg_relay *relay, int ms)
{
	uint64_t end_us = rg_now_us() + (uint64_t)ms * 1000;

	do
		rg_turn(relay, ms ? 5 : 1);
	while (rg_now_us() < end_us);
}

bool rg_until(struct rg_relay *relay, int ms, bool (*cond)(void *arg),
	      void *arg)
{
	uint64_t end_us = rg_now_us() + (uint64_t)ms * 1000;

	while (!cond(arg)) {
		if (rg_now_us() >= end_us)
			return false;
		rg_turn(relay, 5);
	}
	return true;
}

/* ---- control ---- */

struct expected {
	struct rg *g;
	unsigned int replies;
};

static bool has_reply(void *arg)
{
	struct expected *expected = arg;

	return expected->g->replies > expected->replies ||
	       expected->g->ended;
}

int rg_ask(struct rg *g, const struct fdnet_ctl *ctl)
{
	struct expected expected = { g, g->replies };
	uint8_t body[FDNET_CTL_MAX_LEN];
	size_t len = fdnet_ctl_encode(body, ctl);

	ck_assert_int_eq(fdnet_link_send_control(g->link, FDNET_LINK_CONTROL,
						 body, len, -1),
			 0);
	ck_assert(rg_until(g->relay, RG_PATIENCE_MS, has_reply, &expected));
	ck_assert(!g->ended);
	ck_assert_int_eq(g->reply.op, ctl->op | FDNET_CTL_REPLY);
	ck_assert_uint_eq(g->reply.id, ctl->id);
	return -(int)g->reply.error;
}

int rg_claim(struct rg *g, uint8_t op, uint8_t proto, uint16_t port)
{
	struct fdnet_ctl ctl = {
		.op = op,
		.id = 77,
		.proto = proto,
		.family = 4,
		.port = port,
	};

	return rg_ask(g, &ctl);
}
