/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP input: segments, calls and time on a connection that a peer made.
 *
 * The input is a list of operations. Sequence numbers are offsets from what
 * the connection expects, so that random bytes get past the first checks.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <fdnet/stack.h>

#include "base/mem.h"
#include "stack/wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	const uint8_t *data;
	size_t left;
	struct fdnet_pkt_pool *pool;
	struct fdnet_stack *stack;
	struct fdnet_sock *listener, *so;
	uint64_t now_us;
	uint32_t peer_nxt, stack_nxt; /* next expected of each side */
	uint16_t port;
};

static uint8_t byte(struct fuzz *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->data++;
}

static uint16_t word(struct fuzz *f)
{
	uint16_t high = byte(f);

	return (uint16_t)(high << 8 | byte(f));
}

static void drain(struct fuzz *f)
{
	struct fdnet_pkt *pkt;
	struct fdnet_tcp_hdr hdr;
	uint32_t ev;

	while ((pkt = fdnet_stack_output(f->stack))) {
		if (pkt->len >= 40 && pkt->data[9] == 6 &&
		    !fdnet_tcp_hdr_decode(pkt->data + 20, pkt->len - 20, &hdr) &&
		    !(hdr.flags & FDNET_TH_RST))
			f->stack_nxt = hdr.seq + fdnet_pkt_total(pkt) - 20 -
				       hdr.hdr_len + !!(hdr.flags & 3);
		fdnet_pkt_free(pkt);
	}
	while (fdnet_stack_next_event(f->stack, &ev))
		;
	if (!f->so)
		fdnet_sock_accept(f->listener, &f->so);
}

static void put_ip(struct fdnet_pkt *pkt, uint8_t tos)
{
	uint32_t total = fdnet_pkt_total(pkt) + 20, sum = 0;
	uint8_t *p = fdnet_pkt_push(pkt, 20);
	static const uint8_t addrs[8] = {10, 0, 0, 2, 10, 0, 0, 1};

	memset(p, 0, 20);
	p[0] = 0x45;
	p[1] = tos;
	p[2] = (uint8_t)(total >> 8);
	p[3] = (uint8_t)total;
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, addrs, 8);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	p[10] = (uint8_t)(~sum >> 8);
	p[11] = (uint8_t)~sum;
}

/* @raw: options are bytes of the input; else none */
static void segment(struct fuzz *f, uint8_t flags, int16_t seq, int16_t ack,
		    uint16_t win, uint16_t len, uint8_t raw)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(f->pool);
	struct fdnet_tcp_hdr hdr = {
		.sport = f->port,
		.dport = 80,
		.seq = f->peer_nxt + (uint32_t)(int32_t)seq,
		.ack = f->stack_nxt + (uint32_t)(int32_t)ack,
		.flags = flags,
		.wnd = win,
		.urg = raw & 0x80 ? len : 0,
		.wscale = 0xff,
	};
	uint32_t opts = raw & 0x28u;
	uint8_t *p;

	len %= 1900;
	memset(fdnet_pkt_put(pkt, len), 'x', len);
	p = fdnet_pkt_push(pkt, 20 + opts);
	fdnet_tcp_hdr_encode(p, &hdr);
	p[12] = (uint8_t)((20 + opts) / 4 << 4);
	for (uint32_t i = 0; i < opts; i++)
		p[20 + i] = byte(f);
	put_ip(pkt, raw & 3);
	pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	if (!seq)
		f->peer_nxt += len + !!(flags & 3);
	fdnet_stack_input(f->stack, pkt);
	drain(f);
}

static void call(struct fuzz *f, uint8_t op, uint16_t arg)
{
	static uint8_t buf[65536];
	struct iovec iov[4] = {{buf, arg}};
	struct fdnet_msg msg = {
		.iov = iov, .iovcnt = 1, .flags = op & 0x10 ? FDNET_MSG_OOB : 0};
	int v = arg & 0xff;

	if (!f->so)
		return;
	switch (op % 8) {
	case 0:
		fdnet_sock_send(f->so, &msg);
		break;
	case 1:
		fdnet_sock_recv(f->so, &msg);
		break;
	case 2:
		fdnet_sock_shutdown(f->so, arg % 3);
		break;
	case 3:
		if (fdnet_sock_recv_peek(f->so, iov, 4) > 0)
			fdnet_sock_recv_consume(f->so, arg);
		break;
	case 4:
		if (fdnet_sock_send_reserve(f->so, iov, 4) > 0)
			fdnet_sock_send_commit(f->so, arg % iov[0].iov_len);
		break;
	case 5:
		fdnet_sock_setopt(f->so, 6, 1 + arg % 30, &v, sizeof(v));
		break;
	case 6:
		fdnet_sock_setopt(f->so, 1, arg % 20, &v, sizeof(v));
		break;
	case 7:
		if (arg % 16 == 0) {
			fdnet_sock_close(f->so);
			f->so = NULL;
			f->port++;
		} else {
			fdnet_sock_poll(f->so);
			fdnet_sock_at_mark(f->so);
		}
		break;
	}
	drain(f);
}

static void pass_time(struct fuzz *f, uint16_t ms)
{
	f->now_us += ms * 1000u + 1;
	fdnet_stack_set_time(f->stack, f->now_us);
	fdnet_stack_advance(f->stack);
	drain(f);
}

static void step(struct fuzz *f)
{
	uint8_t op = byte(f);
	uint8_t flags, raw;
	int16_t seq, ack;
	uint16_t win;

	switch (op & 3) {
	case 0: /* what a peer would send */
		segment(f, FDNET_TH_ACK | (op >> 2 & 9), 0, 0, 65535, word(f), 0);
		break;
	case 1:
		flags = byte(f);
		raw = byte(f);
		seq = (int16_t)word(f);
		ack = (int16_t)word(f);
		win = word(f);
		segment(f, flags, seq, ack, win, word(f), raw);
		break;
	case 2:
		call(f, op >> 2, word(f));
		break;
	case 3:
		pass_time(f, word(f));
		break;
	}
}

static void begin(struct fuzz *f, uint8_t how)
{
	struct fdnet_name any = {.ip = {.family = 4}, .port = 80};
	struct fdnet_ip own = fdnet_ip4(0x0a000001);
	struct fdnet_stack_config cfg;

	f->pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 4, 0);
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = f->pool;
	cfg.lossless = how & 1;
	cfg.gso_max = how & 2 ? 65535 : 0;
	if (how & 16)
		cfg.tcp.mtu_probing = FDNET_TCP_PROBE_ALWAYS;
	if (how & 4)
		cfg.tcp_rcvbuf = cfg.tcp_sndbuf = 5000;
	f->now_us = 1000000;
	f->port = 4000;
	if (fdnet_stack_new(&cfg, f->now_us, &f->stack))
		abort();
	fdnet_stack_add_addr(f->stack, &own, 24);
	fdnet_sock_open(f->stack, 4, FDNET_SOCK_STREAM, 6, &f->listener);
	fdnet_sock_bind(f->listener, &any);
	fdnet_sock_listen(f->listener, 4);
	f->peer_nxt = 0xffffff00u;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {.data = data, .left = size};
	uint8_t how = byte(&f);

	begin(&f, how);
	if (how & 8) { /* SACK, timestamps, window scale in the SYN */
		static const uint8_t syn[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
					      0, 9, 0, 0,   0, 0, 1, 3,	 3, 7};
		struct fuzz g = f;

		g.data = syn;
		g.left = sizeof(syn);
		segment(&g, FDNET_TH_SYN, 0, 0, 65535, 0, 0x20);
		g.data = f.data;
		g.left = f.left;
		f = g;
	} else {
		segment(&f, FDNET_TH_SYN, 0, 0, 65535, 0, 0);
	}
	segment(&f, FDNET_TH_ACK, 0, 0, 65535, 0, 0);
	while (f.left)
		step(&f);
	fdnet_stack_free(f.stack);
	if (fdnet_pkt_pool_outstanding(f.pool))
		abort();
	fdnet_pkt_pool_free(f.pool);
	return 0;
}
