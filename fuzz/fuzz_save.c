/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved sockets and stacks from an enemy. What is taken must be fit for use:
 * by the application, by a peer that acknowledges, by the clock, and to be
 * saved and taken once more.
 *
 * The first byte of the input says into what kind of stack it goes.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <fdnet/stack.h>

#include "base/mem.h"
#include "stack/wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum how {
	HOW_LOSSLESS = 1,
	HOW_GATEWAY = 2,
	HOW_STACK = 4, /* the input is a whole stack */
	HOW_SWITCHED = 8,
};

static struct fdnet_pkt_pool *pool;
/* of the last TCP segment seen */
static struct fdnet_tcp_hdr seen;
static uint32_t seen_len;

static struct fdnet_stack *new_stack(uint8_t how)
{
	struct fdnet_ip own = fdnet_ip4(0x0a000001);
	struct fdnet_ip own6 = {6, {0xfd, [15] = 1}};
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;

	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = pool;
	cfg.lossless = how & HOW_LOSSLESS;
	cfg.gateway = cfg.forward = how & HOW_GATEWAY;
	cfg.switched = how & HOW_SWITCHED;
	cfg.gso_max = how & HOW_LOSSLESS ? 65000 : 0;
	if (fdnet_stack_new(&cfg, 5000000, &stack))
		abort();
	fdnet_stack_add_addr(stack, &own, 24);
	fdnet_stack_add_addr(stack, &own6, 64);
	return stack;
}

static void drain(struct fdnet_stack *stack)
{
	struct fdnet_pkt *pkt;

	for (int i = 0; i < 100 && (pkt = fdnet_stack_output(stack)); i++) {
		struct fdnet_tcp_hdr hdr;

		if (pkt->len >= 40 && pkt->data[0] == 0x45 && pkt->data[9] == 6 &&
		    !fdnet_tcp_hdr_decode(pkt->data + 20, pkt->len - 20, &hdr)) {
			seen = hdr;
			seen_len = fdnet_pkt_total(pkt) - 20 - hdr.hdr_len +
				   !!(hdr.flags & 3);
		}
		fdnet_pkt_free(pkt);
	}
}

static void pass_time(struct fdnet_stack *stack, uint64_t us)
{
	fdnet_stack_set_time(stack, fdnet_stack_time(stack) + us);
	fdnet_stack_advance(stack);
	drain(stack);
}

/* The peer answers the last segment, and says something itself. */
static void answer(struct fdnet_stack *stack, struct fdnet_sock *so)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	struct fdnet_name own, peer;
	struct fdnet_tcp_hdr hdr = {
		.sport = seen.dport,
		.dport = seen.sport,
		.seq = seen.ack,
		.ack = seen.seq + seen_len,
		.flags = FDNET_TH_ACK,
		.wnd = 60000,
		.wscale = 0xff,
	};
	uint8_t *p;

	if (fdnet_sock_name(so, &own) || fdnet_sock_peer(so, &peer) ||
	    own.ip.family != 4 || peer.ip.family != 4) {
		fdnet_pkt_free(pkt);
		return;
	}
	memset(fdnet_pkt_put(pkt, 100), 'x', 100);
	fdnet_tcp_hdr_encode(fdnet_pkt_push(pkt, 20), &hdr);
	p = fdnet_pkt_push(pkt, 20);
	memset(p, 0, 20);
	p[0] = 0x45;
	p[3] = 140;
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, peer.ip.bytes, 4);
	memcpy(p + 16, own.ip.bytes, 4);
	for (uint32_t i = 0, sum = 0; i < 20; i += 2) {
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
		if (i == 18) {
			sum = (sum & 0xffff) + (sum >> 16);
			sum = (sum & 0xffff) + (sum >> 16);
			p[10] = (uint8_t)(~sum >> 8);
			p[11] = (uint8_t)~sum;
		}
	}
	pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	fdnet_stack_input(stack, pkt);
	drain(stack);
}

static void use(struct fdnet_stack *stack, struct fdnet_sock *so)
{
	static uint8_t buf[3000];
	struct iovec iov = {buf, sizeof(buf)};
	struct fdnet_msg msg;
	struct fdnet_sock *child;

	drain(stack);
	for (int i = 0; i < 2; i++) {
		answer(stack, so);
		msg = (struct fdnet_msg){.iov = &iov, .iovcnt = 1};
		fdnet_sock_send(so, &msg);
		msg = (struct fdnet_msg){
			.iov = &iov, .iovcnt = 1, .flags = i == 1 ? 0x2000 : 0};
		fdnet_sock_recv(so, &msg);
		fdnet_sock_poll(so);
		if (!fdnet_sock_accept(so, &child))
			fdnet_sock_close(child);
		pass_time(stack, 900000);
	}
}

/* What was accepted can be saved, and is accepted again. */
static void again(struct fdnet_sock *so, uint8_t how)
{
	struct fdnet_stack *stack = new_stack(how);
	ssize_t len = fdnet_sock_save(so, NULL, 0);
	uint8_t *bytes;
	struct fdnet_sock *copy;

	if (len < 0)
		abort();
	bytes = malloc((size_t)len);
	if (!bytes || fdnet_sock_save(so, bytes, (size_t)len) != len ||
	    fdnet_sock_restore(stack, bytes, (size_t)len, &copy))
		abort();
	free(bytes);
	use(stack, copy);
	fdnet_stack_free(stack);
}

static void one_sock(const uint8_t *data, size_t size, uint8_t how)
{
	struct fdnet_stack *stack = new_stack(how);
	struct fdnet_saved saved;
	struct fdnet_sock *so;

	fdnet_sock_saved(data, size, &saved);
	if (!fdnet_sock_restore(stack, data, size, &so)) {
		again(so, how);
		if (fdnet_stack_next_request(stack) == so)
			fdnet_sock_admit(so);
		use(stack, so);
		fdnet_sock_close(so);
		pass_time(stack, 100000000);
	}
	fdnet_stack_free(stack);
}

#define HELD_MAX 8

struct held {
	struct fdnet_sock *socks[HELD_MAX];
	unsigned int n;
};

static void hold(void *arg, struct fdnet_sock *so, uint64_t tag)
{
	struct held *h = arg;

	if (h->n < HELD_MAX)
		h->socks[h->n++] = so;
}

static void one_stack(const uint8_t *data, size_t size)
{
	struct fdnet_stack_config cfg = {.mem = fdnet_mem_libc(), .pool = pool};
	struct held h = {.n = 0};
	struct fdnet_stack *stack;

	if (fdnet_stack_restore(&cfg, 5000000, data, size, hold, &h, &stack))
		return;
	drain(stack);
	for (unsigned int i = 0; i < h.n; i++)
		use(stack, h.socks[i]);
	pass_time(stack, 1000000);
	pass_time(stack, 100000000);
	fdnet_stack_free(stack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = size ? *data : 0;

	if (!size)
		return 0;
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 4, 0);
	if (how & HOW_STACK)
		one_stack(data + 1, size - 1);
	else
		one_sock(data + 1, size - 1, how);
	if (fdnet_pkt_pool_outstanding(pool))
		abort();
	fdnet_pkt_pool_free(pool);
	return 0;
}
