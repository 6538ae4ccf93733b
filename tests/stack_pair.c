/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/stack_pair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- counted memory ---- */

static void *counted_alloc(void *arg, size_t size)
{
	struct stack_pair *p = arg;

	if (p->fail_after >= 0 && p->fail_after-- == 0)
		return NULL;
	p->allocated += size;
	return calloc(1, size);
}

static void counted_free(void *arg, void *ptr, size_t size)
{
	struct stack_pair *p = arg;

	ck_assert_uint_ge(p->allocated, size);
	p->allocated -= size;
	free(ptr);
}

/* ---- the pair ---- */

void stack_pair_config(struct fdnet_stack_config *cfg, int side)
{
	fdnet_stack_config_init(cfg);
	memset(cfg->seed, 0x11 + side, sizeof(cfg->seed));
}

static void make_side(struct stack_pair *p, int side,
		      const struct fdnet_stack_config *want)
{
	static const char *const ip4[] = { "10.0.0.1", "10.0.0.2" };
	static const char *const ip6[] = { "fd00::1", "fd00::2" };
	struct fdnet_stack_config cfg;
	struct fdnet_ip ip;

	if (want)
		cfg = *want;
	else
		stack_pair_config(&cfg, side);
	cfg.mem = &p->mem;
	cfg.pool = p->pool;
	ck_assert_int_eq(fdnet_stack_new(&cfg, p->now_us, &p->s[side]), 0);
	fdnet_ip_parse(ip4[side], &ip);
	ck_assert_int_eq(fdnet_stack_add_addr(p->s[side], &ip, 24), 0);
	fdnet_ip_parse(ip6[side], &ip);
	ck_assert_int_eq(fdnet_stack_add_addr(p->s[side], &ip, 64), 0);
}

struct stack_pair *stack_pair_new(const struct fdnet_stack_config *cfg0,
				  const struct fdnet_stack_config *cfg1)
{
	struct stack_pair *p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	p->mem.alloc = counted_alloc;
	p->mem.free = counted_free;
	p->mem.arg = p;
	p->fail_after = -1;
	p->now_us = 1000000;
	p->pool = fdnet_pkt_pool_new(&p->mem, 64, 0);
	ck_assert_ptr_nonnull(p->pool);
	make_side(p, 0, cfg0);
	make_side(p, 1, cfg1);
	return p;
}

void stack_pair_free(struct stack_pair *p)
{
	struct stack_pair_wire_pkt *w;

	p->fail_after = -1;
	while ((w = p->wire)) {
		p->wire = w->next;
		fdnet_pkt_free(w->pkt);
		free(w);
	}
	fdnet_stack_free(p->s[0]);
	fdnet_stack_free(p->s[1]);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(p->pool), 0);
	fdnet_pkt_pool_free(p->pool);
	ck_assert_uint_eq(p->allocated, 0);
	free(p);
}

/* Header bytes linear, the rest in buffers, as endpoint/link.c reads. */
static struct fdnet_pkt *copy_pkt(struct stack_pair *p,
				  const struct fdnet_pkt *pkt)
{
	uint32_t total = fdnet_pkt_total(pkt), done, n;
	struct fdnet_pkt *copy = fdnet_pkt_new(p->pool);
	struct fdnet_buf *buf;

	if (!copy)
		return NULL;
	done = total <= 1800 ? total : 120;
	fdnet_pkt_copy_out(pkt, 0, fdnet_pkt_put(copy, done), done);
	for (; done < total; done += n) {
		n = total - done < FDNET_BUF_SIZE ? total - done :
						    FDNET_BUF_SIZE;
		buf = fdnet_buf_new(p->pool);
		if (!buf) {
			fdnet_pkt_free(copy);
			return NULL;
		}
		fdnet_pkt_copy_out(pkt, done, buf->data, n);
		fdnet_pkt_add_slice(copy, buf, buf->data, n);
		fdnet_buf_unref(buf);
	}
	copy->flags = pkt->flags;
	copy->gso_type = pkt->gso_type;
	copy->gso_size = pkt->gso_size;
	copy->csum_start = pkt->csum_start;
	copy->csum_offset = pkt->csum_offset;
	copy->ethertype = pkt->ethertype;
	memcpy(copy->link_src, pkt->link_src, sizeof(copy->link_src));
	memcpy(copy->link_dst, pkt->link_dst, sizeof(copy->link_dst));
	return copy;
}

static void onto_wire(struct stack_pair *p, int from, struct fdnet_pkt *pkt)
{
	struct stack_pair_wire_pkt *w, **tail = &p->wire;
	struct fdnet_pkt *copy = copy_pkt(p, pkt);

	fdnet_pkt_free(pkt);
	if (!copy)
		return;
	if (p->filter && !p->filter(p->filter_arg, from, copy)) {
		fdnet_pkt_free(copy);
		return;
	}
	p->crossed[from]++;
	w = calloc(1, sizeof(*w));
	ck_assert_ptr_nonnull(w);
	w->pkt = copy;
	w->to = !from;
	w->due_us = p->now_us + p->delay_us;
	while (*tail && (*tail)->due_us <= w->due_us)
		tail = &(*tail)->next;
	w->next = *tail;
	*tail = w;
}

static bool deliver_due(struct stack_pair *p)
{
	struct stack_pair_wire_pkt *w;
	bool any = false;

	while ((w = p->wire) && w->due_us <= p->now_us) {
		p->wire = w->next;
		fdnet_stack_input(p->s[w->to], w->pkt);
		free(w);
		any = true;
	}
	return any;
}

void stack_pair_run(struct stack_pair *p)
{
	struct fdnet_pkt *pkt;
	unsigned int rounds = 0;
	bool any = true;
	int i;

	while (any) {
		for (i = 0; i < 2; i++)
			fdnet_stack_set_time(p->s[i], p->now_us);
		any = deliver_due(p);
		for (i = 0; i < 2; i++) {
			fdnet_stack_advance(p->s[i]);
			while ((pkt = fdnet_stack_output(p->s[i]))) {
				onto_wire(p, i, pkt);
				any = true;
			}
		}
		ck_assert_uint_lt(rounds++, 1000000);
	}
}

static uint64_t next_due(struct stack_pair *p)
{
	uint64_t due = p->wire ? p->wire->due_us : FDNET_NEVER, t;
	int i;

	for (i = 0; i < 2; i++) {
		t = fdnet_stack_expiry(p->s[i]);
		if (t < due)
			due = t;
	}
	return due;
}

bool stack_pair_step(struct stack_pair *p, uint64_t max_us)
{
	uint64_t end = p->now_us + max_us, due;

	stack_pair_run(p);
	due = next_due(p);
	if (due > end) {
		p->now_us = end;
		stack_pair_run(p);
		return false;
	}
	if (due > p->now_us)
		p->now_us = due;
	stack_pair_run(p);
	return true;
}

void stack_pair_pass(struct stack_pair *p, uint64_t us)
{
	uint64_t end = p->now_us + us;

	while (stack_pair_step(p, end - p->now_us))
		;
}

bool stack_pair_until(struct stack_pair *p, uint64_t max_us,
		      bool (*cond)(void *arg), void *arg)
{
	uint64_t end = p->now_us + max_us;

	stack_pair_run(p);
	while (!cond(arg))
		if (!stack_pair_step(p, end - p->now_us))
			return cond(arg);
	return true;
}

/* ---- short words for the tests ---- */

struct fdnet_name name_of(const char *ip, uint16_t port)
{
	struct fdnet_name name = { .port = port };

	ck_assert_int_eq(fdnet_ip_parse(ip, &name.ip), 0);
	return name;
}

struct fdnet_sock *sock_open(struct fdnet_stack *stack, int family, int type,
			     int proto)
{
	struct fdnet_sock *so = NULL;

	ck_assert_int_eq(fdnet_sock_open(stack, family, type, proto, &so), 0);
	return so;
}

void sock_bind(struct fdnet_sock *so, const char *ip, uint16_t port)
{
	struct fdnet_name name = name_of(ip, port);

	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
}

ssize_t sock_send(struct fdnet_sock *so, const void *data, size_t len,
		  const struct fdnet_name *to)
{
	struct iovec iov = { (void *)data, len };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.ttl = -1,
		.tos = -1,
	};

	if (to)
		msg.to_from = *to;
	return fdnet_sock_send(so, &msg);
}

ssize_t sock_recv(struct fdnet_sock *so, void *data, size_t len,
		  struct fdnet_name *ret_from)
{
	struct iovec iov = { data, len };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
	ssize_t rc = fdnet_sock_recv(so, &msg);

	if (rc >= 0 && ret_from)
		*ret_from = msg.to_from;
	return rc;
}

int sock_get_int(struct fdnet_sock *so, int level, int name)
{
	uint32_t len = sizeof(int);
	int value = 0;

	ck_assert_int_eq(fdnet_sock_getopt(so, level, name, &value, &len), 0);
	return value;
}

int sock_set_int(struct fdnet_sock *so, int level, int name, int value)
{
	return fdnet_sock_setopt(so, level, name, &value, sizeof(value));
}

struct fdnet_pkt *pkt_from_bytes(struct fdnet_pkt_pool *pool, const void *data,
				 size_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);

	ck_assert_ptr_nonnull(pkt);
	memcpy(fdnet_pkt_put(pkt, (uint32_t)len), data, len);
	return pkt;
}
