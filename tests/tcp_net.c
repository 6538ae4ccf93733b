/* SPDX-License-Identifier: Apache-2.0 */
/* Two stacks and a wire. */
#include "config.h"

#include "tests/tcp_net.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int live_allocs;

static void *count_alloc(void *arg, size_t size)
{
	live_allocs++;
	return calloc(1, size);
}

static void count_free(void *arg, void *ptr, size_t size)
{
	live_allocs--;
	free(ptr);
}

const struct fdnet_mem tnet_mem = {
	.alloc = count_alloc,
	.free = count_free,
};

uint32_t tnet_rand(struct tnet *n)
{
	n->rng = n->rng * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(n->rng >> 33);
}

struct fdnet_name tnet_name(int side, uint16_t port)
{
	return (struct fdnet_name){
		.ip = fdnet_ip4(0x0a000001 + (uint32_t)side),
		.port = port,
	};
}

struct fdnet_name tnet_name6(int side, uint16_t port)
{
	return (struct fdnet_name){
		.ip = {.family = 6, .bytes = {0xfd, [15] = (uint8_t)(1 + side)}},
		.port = port,
	};
}

uint64_t tnet_clock(const struct tnet *n, int side)
{
	return n->now_us + n->ahead_us[side];
}

struct fdnet_stack *tnet_stack(struct tnet *n, int side)
{
	struct fdnet_stack *stack;
	struct fdnet_stack_config cfg;
	struct fdnet_name name = tnet_name(side, 0);
	struct fdnet_name name6 = tnet_name6(side, 0);

	fdnet_stack_config_init(&cfg);
	cfg.mem = &tnet_mem;
	cfg.pool = n->pool;
	memset(cfg.seed, 0x11 * (side + 1) + (int)(n->cfg.seed & 0xff),
	       sizeof(cfg.seed));
	cfg.mtu = n->cfg.mtu;
	cfg.gso_max = n->cfg.gso_max;
	cfg.csum_offload = n->cfg.lossless;
	cfg.lossless = n->cfg.lossless;
	cfg.gateway = cfg.forward = side == 1 && n->cfg.forward;
	cfg.tcp_sndbuf = n->cfg.sndbuf;
	cfg.tcp_rcvbuf = n->cfg.rcvbuf;
	ck_assert_int_eq(fdnet_stack_new(&cfg, tnet_clock(n, side), &stack), 0);
	ck_assert_int_eq(fdnet_stack_add_addr(stack, &name.ip, 24), 0);
	ck_assert_int_eq(fdnet_stack_add_addr(stack, &name6.ip, 64), 0);
	return stack;
}

void tnet_init(struct tnet *n, const struct tnet_cfg *cfg)
{
	static const struct tnet_cfg quick = {
		.lossless = true,
		.mtu = 65520,
		.gso_max = 65000,
		.delay_us = 10,
	};

	memset(n, 0, sizeof(*n));
	n->cfg = cfg ? *cfg : quick;
	if (!n->cfg.mtu)
		n->cfg.mtu = 1500;
	n->now_us = 1000000;
	n->rng = n->cfg.seed * 7919 + 12345;
	live_allocs = 0;
	n->pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 64, 0);
	ck_assert_ptr_nonnull(n->pool);
	n->s[0] = tnet_stack(n, 0);
	n->s[1] = tnet_stack(n, 1);
}

void tnet_done(struct tnet *n)
{
	while (n->wire) {
		struct tnet_item *item = n->wire;

		n->wire = item->next;
		fdnet_pkt_free(item->pkt);
		free(item);
	}
	fdnet_stack_free(n->s[0]);
	fdnet_stack_free(n->s[1]);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(n->pool), 0);
	ck_assert_int_eq(live_allocs, 0);
	fdnet_pkt_pool_free(n->pool);
}

static bool chance(struct tnet *n, unsigned int ppm)
{
	return ppm && tnet_rand(n) % 1000000 < ppm;
}

static void put_on_wire(struct tnet *n, struct fdnet_pkt *pkt, int to,
			uint64_t at_us)
{
	struct tnet_item *item = calloc(1, sizeof(*item)), **link = &n->wire;

	item->pkt = pkt;
	item->at_us = at_us;
	item->to = to;
	while (*link && (*link)->at_us <= at_us)
		link = &(*link)->next;
	item->next = *link;
	*link = item;
}

/* A copy, one byte of it changed. Its checksums are as they were: a burst that
 * leaves them to the link cannot be corrupted by it. */
static struct fdnet_pkt *corrupt(struct tnet *n, struct fdnet_pkt *pkt)
{
	uint32_t len = fdnet_pkt_total(pkt), linear = FDNET_PKT_LINEAR / 2;
	uint32_t at = tnet_rand(n) % len;
	uint8_t change = (uint8_t)(1 + tnet_rand(n) % 255);
	struct fdnet_pkt *copy = fdnet_pkt_new(n->pool);
	struct fdnet_buf *buf = fdnet_buf_new(n->pool);
	uint8_t *dst;

	if (linear > len)
		linear = len;
	dst = fdnet_pkt_put(copy, linear);
	ck_assert(dst && len - linear <= buf->size);
	fdnet_pkt_copy_out(pkt, 0, dst, linear);
	fdnet_pkt_copy_out(pkt, linear, buf->data, len - linear);
	if (at < linear)
		dst[at] ^= change;
	else
		buf->data[at - linear] ^= change;
	if (len > linear)
		fdnet_pkt_add_slice(copy, buf, buf->data, len - linear);
	fdnet_buf_unref(buf); /* the slice holds it */
	fdnet_pkt_free(pkt);
	n->corrupted++;
	return copy;
}

static void send_pkt(struct tnet *n, int from, struct fdnet_pkt *pkt)
{
	uint64_t at = n->now_us + n->cfg.delay_us;

	n->pkts[from]++;
	if (n->filter && n->filter(n, from, pkt)) {
		fdnet_pkt_free(pkt);
		return;
	}
	if (chance(n, n->cfg.loss_ppm)) {
		n->lost++;
		fdnet_pkt_free(pkt);
		return;
	}
	if (n->cfg.jitter_us)
		at += tnet_rand(n) % n->cfg.jitter_us;
	if (chance(n, n->cfg.reorder_ppm)) {
		at += n->cfg.delay_us / 2 + 100;
		n->reordered++;
	}
	if (chance(n, n->cfg.dup_ppm)) {
		put_on_wire(n, fdnet_pkt_clone(pkt), !from,
			    at + tnet_rand(n) % 1000);
		n->duplicated++;
	}
	if (chance(n, n->cfg.corrupt_ppm))
		pkt = corrupt(n, pkt);
	put_on_wire(n, pkt, !from, at);
}

bool tnet_pump(struct tnet *n)
{
	bool any = false;

	for (int side = 0; side < 2; side++) {
		struct fdnet_pkt *pkt;

		while ((pkt = fdnet_stack_output(n->s[side]))) {
			send_pkt(n, side, pkt);
			any = true;
		}
	}
	return any;
}

static void set_time(struct tnet *n, uint64_t at_us)
{
	if (at_us > n->now_us)
		n->now_us = at_us;
	for (int side = 0; side < 2; side++) {
		fdnet_stack_set_time(n->s[side], tnet_clock(n, side));
		fdnet_stack_advance(n->s[side]);
	}
}

static void deliver_first(struct tnet *n)
{
	struct tnet_item *item = n->wire;

	n->wire = item->next;
	set_time(n, item->at_us);
	fdnet_stack_input(n->s[item->to], item->pkt);
	free(item);
}

static uint64_t expiry(const struct tnet *n, int side)
{
	uint64_t at = fdnet_stack_expiry(n->s[side]);

	if (at == FDNET_NEVER)
		return at;
	return at > n->ahead_us[side] ? at - n->ahead_us[side] : 0;
}

bool tnet_step(struct tnet *n, uint64_t until_us)
{
	uint64_t next;

	if (tnet_pump(n))
		return true;
	next = expiry(n, 0);
	if (expiry(n, 1) < next)
		next = expiry(n, 1);
	if (n->wire && n->wire->at_us <= next && n->wire->at_us <= until_us) {
		deliver_first(n);
		return true;
	}
	if (next > until_us)
		return false;
	set_time(n, next);
	return true;
}

void tnet_run(struct tnet *n, uint64_t until_us)
{
	while (tnet_step(n, until_us))
		;
	set_time(n, until_us);
	tnet_pump(n);
}

void tnet_run_for(struct tnet *n, uint64_t us)
{
	tnet_run(n, n->now_us + us);
}

void tnet_idle(struct tnet *n)
{
	while (tnet_pump(n) || n->wire) {
		if (n->wire)
			deliver_first(n);
	}
}

struct fdnet_sock *tnet_listener(struct tnet *n, int side, int backlog)
{
	struct fdnet_name any = {.ip = {.family = 4}, .port = TNET_PORT};
	struct fdnet_sock *so;

	ck_assert_int_eq(
		fdnet_sock_open(n->s[side], 4, FDNET_SOCK_STREAM, 6, &so), 0);
	ck_assert_int_eq(fdnet_sock_bind(so, &any), 0);
	ck_assert_int_eq(fdnet_sock_listen(so, backlog), 0);
	return so;
}

struct fdnet_sock *tnet_connect(struct tnet *n, int from, int to)
{
	struct fdnet_name name = tnet_name(to, TNET_PORT);
	struct fdnet_sock *so;

	ck_assert_int_eq(
		fdnet_sock_open(n->s[from], 4, FDNET_SOCK_STREAM, 6, &so), 0);
	ck_assert_int_eq(fdnet_sock_connect(so, &name), -EINPROGRESS);
	return so;
}

void tnet_pair(struct tnet *n, struct fdnet_sock *so[2])
{
	struct fdnet_sock *listener = tnet_listener(n, 1, 8);
	uint64_t until = n->now_us + 600000000;

	so[0] = tnet_connect(n, 0, 1);
	while (fdnet_sock_accept(listener, &so[1]))
		ck_assert(tnet_step(n, until));
	while (fdnet_sock_state(so[0]) != FDNET_TCP_ESTABLISHED)
		ck_assert(tnet_step(n, until));
	fdnet_sock_close(listener);
}

ssize_t tnet_send(struct fdnet_sock *so, const void *data, size_t len)
{
	struct iovec iov = {(void *)data, len};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};

	return fdnet_sock_send(so, &msg);
}

ssize_t tnet_recv(struct fdnet_sock *so, void *data, size_t len)
{
	struct iovec iov = {data, len};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};

	return fdnet_sock_recv(so, &msg);
}

uint32_t tnet_events(struct fdnet_stack *s, const struct fdnet_sock *so)
{
	uint32_t all = 0, ev;
	struct fdnet_sock *who;

	while ((who = fdnet_stack_next_event(s, &ev))) {
		if (who == so)
			all |= ev;
	}
	return all;
}

/* ---- data ---- */

static uint8_t pattern(uint64_t pos)
{
	return (uint8_t)(pos * 131 + (pos >> 8) * 17 + (pos >> 16));
}

void tnet_flow_send(struct tnet_flow *f)
{
	uint8_t buf[20000];

	while (f->sent < f->total) {
		size_t n = f->write_max ? f->write_max : sizeof(buf);
		ssize_t rc;

		if (n > f->total - f->sent)
			n = f->total - f->sent;
		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(f->sent + i);
		rc = tnet_send(f->from, buf, n);
		if (rc == -EAGAIN)
			return;
		ck_assert_int_gt(rc, 0);
		f->sent += (uint64_t)rc;
		if (f->sent == f->total)
			ck_assert_int_eq(
				fdnet_sock_shutdown(f->from, FDNET_SHUT_WR), 0);
	}
}

void tnet_flow_recv(struct tnet_flow *f)
{
	static uint8_t buf[200000];
	size_t max = f->read_max ? f->read_max : sizeof(buf);
	ssize_t rc;

	while ((rc = tnet_recv(f->to, buf, max)) > 0) {
		for (ssize_t i = 0; i < rc; i++) {
			if (buf[i] != pattern(f->got + (uint64_t)i))
				ck_abort_msg("byte %llu differs",
					     (unsigned long long)(f->got +
								  (uint64_t)i));
		}
		f->got += (uint64_t)rc;
	}
	if (!rc)
		f->eof = true;
	else
		ck_assert_int_eq(rc, -EAGAIN);
}

void tnet_flow_run(struct tnet *n, struct tnet_flow *f, uint64_t limit_us)
{
	uint64_t until = n->now_us + limit_us;

	while (!f->eof) {
		uint64_t before = f->sent + f->got;

		tnet_flow_send(f);
		tnet_flow_recv(f);
		/* what is looped inside a stack moves unseen by the wire */
		if (!f->eof && !tnet_step(n, until) && f->sent + f->got == before)
			ck_abort_msg("stalled: sent %llu got %llu of %llu",
				     (unsigned long long)f->sent,
				     (unsigned long long)f->got,
				     (unsigned long long)f->total);
	}
	ck_assert_uint_eq(f->got, f->total);
}
