/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets and stacks as bytes: moved in every state, in the middle of
 * transfers, with loss; bytes that are cut, changed or for somebody else.
 * FDNET_SEEDS says how many wires are tried (default 200).
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suite_main.h"
#include "tests/tcp_net.h"

#define SEC 1000000ull

static struct tnet net;

/* ---- moving ---- */

static void *save_sock(struct fdnet_sock *so, size_t *ret_len)
{
	ssize_t len = fdnet_sock_save(so, NULL, 0);
	void *bytes;

	ck_assert_int_gt(len, 0);
	bytes = malloc((size_t)len);
	ck_assert_int_eq(fdnet_sock_save(so, bytes, (size_t)len), len);
	*ret_len = (size_t)len;
	return bytes;
}

/* Restored at the same time in the same kind of stack, it saves as the same
 * bytes: nothing was left out. */
static void expect_same(struct fdnet_sock *so, const void *bytes, size_t len)
{
	size_t again_len;
	uint8_t *again = save_sock(so, &again_len);

	ck_assert_uint_eq(again_len, len);
	for (size_t i = 0; i < len; i++)
		if (again[i] != ((const uint8_t *)bytes)[i])
			ck_abort_msg("byte %zu of %zu differs, state %d", i,
				     len, fdnet_sock_state(so));
	free(again);
}

/* @to: another stack of this side, or the same one */
static struct fdnet_sock *move_to(struct fdnet_sock *so, struct fdnet_stack *to)
{
	struct fdnet_saved saved;
	size_t len;
	void *bytes;
	int state = fdnet_sock_state(so), rc;

	fdnet_sock_poll(so); /* who is asked is owed an answer */
	bytes = save_sock(so, &len);
	fdnet_sock_forget(so);
	ck_assert_int_eq(fdnet_sock_saved(bytes, len, &saved), 0);
	ck_assert_int_eq(saved.state, state);
	rc = fdnet_sock_restore(to, bytes, len, &so);
	if (rc)
		ck_abort_msg("state %d: %s", state, strerror(-rc));
	expect_same(so, bytes, len);
	free(bytes);
	return so;
}

/* What the application of a side holds. */
struct held {
	struct fdnet_sock **socks[4];
	int n;
};

static uint64_t tag_of(void *arg, struct fdnet_sock *so)
{
	struct held *h = arg;

	for (int i = 0; i < h->n; i++)
		if (*h->socks[i] == so)
			return (uint64_t)i + 1;
	ck_abort_msg("a socket that nobody holds");
	return 0;
}

static void claim(void *arg, struct fdnet_sock *so, uint64_t tag)
{
	struct held *h = arg;

	ck_assert_uint_ge(tag, 1);
	ck_assert_uint_le(tag, (uint64_t)h->n);
	*h->socks[tag - 1] = so;
}

/* The clock may be another one afterwards. */
static void move_stack(struct tnet *n, int side, struct held *h, uint64_t ahead_us)
{
	struct fdnet_stack_config cfg = {.mem = &tnet_mem, .pool = n->pool};
	unsigned int socks = fdnet_stack_socks(n->s[side]);
	ssize_t len = fdnet_stack_save(n->s[side], tag_of, h, NULL, 0);
	void *bytes;

	ck_assert_int_gt(len, 0);
	bytes = malloc((size_t)len);
	ck_assert_int_eq(
		fdnet_stack_save(n->s[side], tag_of, h, bytes, (size_t)len), len);
	fdnet_stack_free(n->s[side]);
	n->ahead_us[side] = ahead_us;
	ck_assert_int_eq(fdnet_stack_restore(&cfg, tnet_clock(n, side), bytes,
					     (size_t)len, claim, h, &n->s[side]),
			 0);
	ck_assert_uint_eq(fdnet_stack_socks(n->s[side]), socks);
	free(bytes);
}

/* All sockets of the side go to a new stack, one by one. */
static void move_each(struct tnet *n, int side, struct held *h)
{
	struct fdnet_stack *to = tnet_stack(n, side), *from = n->s[side];

	tnet_pump(n);
	for (int i = 0; i < h->n; i++)
		if (*h->socks[i])
			*h->socks[i] = move_to(*h->socks[i], to);
	ck_assert_ptr_null(fdnet_stack_output(from));
	fdnet_stack_free(from);
	n->s[side] = to;
}

static void move_somehow(struct tnet *n, int side, struct held *h, bool orphans)
{
	switch (tnet_rand(n) % (orphans ? 1 : 3)) {
	case 0:
		move_stack(n, side, h, tnet_rand(n) % 100000000);
		break;
	case 1:
		move_each(n, side, h);
		break;
	case 2:
		for (int i = 0; i < h->n; i++)
			if (*h->socks[i])
				*h->socks[i] = move_to(*h->socks[i], n->s[side]);
		break;
	}
}

/* ---- in the middle of everything ---- */

static unsigned int seed_count(void)
{
	const char *text = getenv("FDNET_SEEDS");
	int n = text ? atoi(text) : 200;

	return n > 0 ? (unsigned int)n : 1;
}

static struct tnet_cfg cfg_of(unsigned int seed)
{
	static const uint64_t delays[] = {50, 1000, 20000, 200000};
	struct tnet r = {.rng = seed * 2654435761u + 7};
	struct tnet_cfg cfg = {.seed = seed, .mtu = 1500};

	tnet_rand(&r);
	cfg.delay_us = delays[tnet_rand(&r) % 4];
	if (tnet_rand(&r) % 5 == 0) {
		cfg.lossless = true;
		cfg.mtu = 65520;
		cfg.gso_max = 65000;
		return cfg;
	}
	cfg.loss_ppm = tnet_rand(&r) % 3 ? tnet_rand(&r) % 100000 : 0;
	cfg.dup_ppm = tnet_rand(&r) % 2 ? tnet_rand(&r) % 50000 : 0;
	cfg.reorder_ppm = tnet_rand(&r) % 2 ? tnet_rand(&r) % 200000 : 0;
	if (tnet_rand(&r) % 3 == 0)
		cfg.gso_max = 65535;
	if (tnet_rand(&r) % 4 == 0)
		cfg.sndbuf = 4096 + tnet_rand(&r) % 100000;
	if (tnet_rand(&r) % 4 == 0)
		cfg.rcvbuf = 4096 + tnet_rand(&r) % 100000;
	return cfg;
}

static bool connected(const struct fdnet_sock *so)
{
	return fdnet_sock_state(so) == FDNET_TCP_ESTABLISHED;
}

/* Every so often, a side is moved. */
static void maybe_move(struct tnet *n, struct held h[2], unsigned int every,
		       bool orphans)
{
	int side = (int)(tnet_rand(n) % 2);

	if (tnet_rand(n) % every == 0)
		move_somehow(n, side, &h[side], orphans);
}

START_TEST(moved_at_any_time_every_byte_arrives)
{
	struct tnet_cfg cfg = cfg_of((unsigned int)_i);
	struct fdnet_sock *so[2] = {NULL, NULL}, *listener;
	struct held h[2] = {{{&so[0]}, 1}, {{&listener}, 1}};
	struct tnet_flow f[2];
	uint64_t until;

	tnet_init(&net, &cfg);
	until = net.now_us + 4000 * SEC;
	listener = tnet_listener(&net, 1, 8);
	so[0] = tnet_connect(&net, 0, 1);
	while (!so[1] || !connected(so[0])) {
		if (!so[1] && !fdnet_sock_accept(listener, &so[1]))
			h[1] = (struct held){{&listener, &so[1]}, 2};
		maybe_move(&net, h, 3, false);
		if (!so[1] || !connected(so[0]))
			ck_assert(tnet_step(&net, until));
	}
	h[1] = (struct held){{&so[1]}, 1};
	fdnet_sock_close(listener);
	for (int i = 0; i < 2; i++)
		f[i] = (struct tnet_flow){
			.from = so[i],
			.to = so[!i],
			.total = 1 + tnet_rand(&net) % 300000,
			.read_max = tnet_rand(&net) % 2 ? 3000 : 0,
		};
	while (!f[0].eof || !f[1].eof) {
		for (int i = 0; i < 2; i++) {
			tnet_flow_send(&f[i]);
			if (!f[i].eof)
				tnet_flow_recv(&f[i]);
		}
		maybe_move(&net, h, 40, false);
		for (int i = 0; i < 2; i++) {
			f[i].from = so[i];
			f[i].to = so[!i];
		}
		if ((!f[0].eof || !f[1].eof) && !tnet_step(&net, until))
			ck_abort_msg("seed %d stalled", _i);
	}
	ck_assert_uint_eq(f[0].got, f[0].total);
	ck_assert_uint_eq(f[1].got, f[1].total);
	/* what is left lives in the stacks alone */
	fdnet_sock_close(so[0]);
	fdnet_sock_close(so[1]);
	h[0].n = h[1].n = 0;
	until = net.now_us + 2000 * SEC;
	while (tnet_step(&net, until))
		maybe_move(&net, h, 3, true);
	tnet_run(&net, until);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[0]), 0);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	tnet_done(&net);
}
END_TEST

/* ---- each state ---- */

static void none(struct fdnet_sock *so[2])
{
}

static void we_finish(struct fdnet_sock *so[2])
{
	fdnet_sock_shutdown(so[0], FDNET_SHUT_WR);
}

static void they_finish(struct fdnet_sock *so[2])
{
	fdnet_sock_shutdown(so[1], FDNET_SHUT_WR);
	tnet_run_for(&net, SEC);
}

static void we_are_done(struct fdnet_sock *so[2])
{
	we_finish(so);
	tnet_run_for(&net, SEC);
}

static void they_then_we(struct fdnet_sock *so[2])
{
	they_finish(so);
	we_finish(so);
}

static void both_finish(struct fdnet_sock *so[2])
{
	we_finish(so);
	fdnet_sock_shutdown(so[1], FDNET_SHUT_WR);
	tnet_run_for(&net, 15000); /* the FINs have crossed */
}

static void reset(struct fdnet_sock *so[2])
{
	fdnet_sock_abort(so[1]);
	so[1] = NULL;
	tnet_run_for(&net, SEC);
}

static void fill_both(struct fdnet_sock *so[2])
{
	static const uint8_t data[100000];

	tnet_send(so[0], data, sizeof(data));
	tnet_send(so[1], data, sizeof(data));
	tnet_run_for(&net, 30000);
	tnet_send(so[0], data, sizeof(data));
}

static void urgent(struct fdnet_sock *so[2])
{
	char abc[] = "abc";
	struct iovec iov = {abc, 3};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1, .flags = FDNET_MSG_OOB};

	fdnet_sock_send(so[0], &msg);
	fdnet_sock_send(so[1], &msg);
	tnet_run_for(&net, SEC);
}

static const struct state_case {
	const char *label;
	void (*prepare)(struct fdnet_sock *so[2]);
	int state;
} state_cases[] = {
	{"established", none, FDNET_TCP_ESTABLISHED},
	{"established, data both ways", fill_both, FDNET_TCP_ESTABLISHED},
	{"established, urgent data", urgent, FDNET_TCP_ESTABLISHED},
	{"fin wait 1", we_finish, FDNET_TCP_FIN_WAIT1},
	{"fin wait 2", we_are_done, FDNET_TCP_FIN_WAIT2},
	{"close wait", they_finish, FDNET_TCP_CLOSE_WAIT},
	{"last ack", they_then_we, FDNET_TCP_LAST_ACK},
	{"closing", both_finish, FDNET_TCP_CLOSING},
	{"reset", reset, FDNET_TCP_CLOSE},
};

static const struct tnet_cfg slow = {.delay_us = 10000, .mtu = 1500};

/* All that a caller can see. */
static void expect_alike(struct fdnet_sock *so, const struct fdnet_sock *old,
			 const char *label)
{
	struct fdnet_name a, b;

	ck_assert_int_eq(fdnet_sock_name(so, &a), fdnet_sock_name(old, &b));
	ck_assert_msg(!memcmp(&a, &b, sizeof(a)), "%s: name", label);
	ck_assert_int_eq(fdnet_sock_peer(so, &a), fdnet_sock_peer(old, &b));
	ck_assert_uint_eq(fdnet_sock_inq(so), fdnet_sock_inq(old));
	ck_assert_uint_eq(fdnet_sock_outq(so), fdnet_sock_outq(old));
	ck_assert_uint_eq(fdnet_sock_unsent(so), fdnet_sock_unsent(old));
	ck_assert_int_eq(fdnet_sock_at_mark(so), fdnet_sock_at_mark(old));
	ck_assert_msg(fdnet_sock_poll(so) ==
			      fdnet_sock_poll((struct fdnet_sock *)old),
		      "%s: readiness", label);
}

/* Into a copy of the stack, while the original is still there. */
START_TEST(every_state_looks_the_same_elsewhere)
{
	const struct state_case *c = &state_cases[_i];
	struct fdnet_sock *so[2], *copy;
	struct fdnet_stack *other;
	size_t len;
	void *bytes;
	uint32_t ev;

	tnet_init(&net, &slow);
	tnet_pair(&net, so);
	c->prepare(so);
	ck_assert_msg(fdnet_sock_state(so[0]) == c->state, "%s: state %d",
		      c->label, fdnet_sock_state(so[0]));
	other = tnet_stack(&net, 0);
	fdnet_sock_poll(so[0]);
	bytes = save_sock(so[0], &len);
	ck_assert_int_eq(fdnet_sock_restore(other, bytes, len, &copy), 0);
	expect_alike(copy, so[0], c->label);
	expect_same(copy, bytes, len);
	ev = tnet_events(other, copy);
	ck_assert_msg(ev == fdnet_sock_poll(so[0]), "%s: events %x", c->label,
		      ev);
	free(bytes);
	fdnet_stack_free(other);
	tnet_done(&net);
}
END_TEST

START_TEST(options_and_error_go_along)
{
	static const struct {
		int level, name, value;
	} opts[] = {
		{1, 2, 1},  {1, 9, 1},	   {1, 8, 70000}, {1, 7, 80000},
		{1, 18, 3}, {6, 1, 1},	   {6, 4, 100},	  {6, 5, 20},
		{6, 6, 7},  {6, 18, 9000}, {0, 2, 77},	  {0, 1, 0x20},
	};
	struct fdnet_sock *so[2];
	uint32_t len;
	int value, before[N_ROWS(opts)];
	char cc[16] = "";

	tnet_init(&net, &slow);
	tnet_pair(&net, so);
	ck_assert_int_eq(fdnet_sock_setopt(so[0], 6, 13, "reno", 4), 0);
	for (int i = 0; i < N_ROWS(opts); i++) {
		ck_assert_int_eq(fdnet_sock_setopt(so[0], opts[i].level,
						   opts[i].name, &opts[i].value,
						   4),
				 0);
		len = 4;
		fdnet_sock_getopt(so[0], opts[i].level, opts[i].name,
				  &before[i], &len);
	}
	reset(so);
	so[0] = move_to(so[0], net.s[0]);
	for (int i = 0; i < N_ROWS(opts); i++) {
		len = 4;
		ck_assert_int_eq(fdnet_sock_getopt(so[0], opts[i].level,
						   opts[i].name, &value, &len),
				 0);
		ck_assert_msg(value == before[i], "option %d", opts[i].name);
	}
	len = sizeof(cc);
	ck_assert_int_eq(fdnet_sock_getopt(so[0], 6, 13, cc, &len), 0);
	ck_assert_str_eq(cc, "reno");
	len = 4;
	ck_assert_int_eq(fdnet_sock_getopt(so[0], 1, 4, &value, &len), 0);
	ck_assert_int_eq(value, ECONNRESET);
	tnet_done(&net);
}
END_TEST

/* ---- listeners ---- */

START_TEST(a_listener_takes_its_queues_along)
{
	struct fdnet_sock *listener, *so[3], *got;
	struct fdnet_saved saved;
	size_t len;
	void *bytes;

	tnet_init(&net, &slow);
	listener = tnet_listener(&net, 1, 8);
	so[0] = tnet_connect(&net, 0, 1);
	so[1] = tnet_connect(&net, 0, 1);
	tnet_run_for(&net, SEC);
	ck_assert_int_eq(tnet_send(so[0], "hello", 5), 5);
	so[2] = tnet_connect(&net, 0, 1); /* half open when it is moved */
	tnet_run_for(&net, 15000);
	bytes = save_sock(listener, &len);
	ck_assert_int_eq(fdnet_sock_saved(bytes, len, &saved), 0);
	ck_assert_uint_eq(saved.queued, 2);
	ck_assert_int_eq(saved.state, FDNET_TCP_LISTEN);
	free(bytes);
	listener = move_to(listener, net.s[1]);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 3);
	tnet_run_for(&net, SEC);
	for (int i = 0; i < 3; i++) {
		char buf[8];

		ck_assert_int_eq(fdnet_sock_accept(listener, &got), 0);
		ck_assert_int_eq(fdnet_sock_state(got), FDNET_TCP_ESTABLISHED);
		if (!i)
			ck_assert_int_eq(tnet_recv(got, buf, 8), 5);
		fdnet_sock_close(got);
	}
	ck_assert_int_eq(fdnet_sock_accept(listener, &got), -EAGAIN);
	tnet_done(&net);
}
END_TEST

/* On a lossless way, and there is no room: they are held in their order. */
START_TEST(a_full_listener_takes_along_whom_it_holds)
{
	struct fdnet_sock *listener, *so[12], *got;
	struct held h = {{&listener}, 1};
	struct fdnet_name peer, name;

	tnet_init(&net, NULL);
	listener = tnet_listener(&net, 1, 1);
	for (int i = 0; i < 12; i++) {
		so[i] = tnet_connect(&net, 0, 1);
		tnet_idle(&net);
	}
	for (int i = 0; i < 12; i++) {
		if (i == 4 && _i)
			move_stack(&net, 1, &h, 77);
		else if (i == 4)
			listener = move_to(listener, net.s[1]);
		tnet_idle(&net);
		ck_assert_int_eq(fdnet_sock_accept(listener, &got), 0);
		tnet_idle(&net);
		ck_assert_int_eq(fdnet_sock_peer(got, &peer), 0);
		ck_assert_int_eq(fdnet_sock_name(so[i], &name), 0);
		ck_assert_uint_eq(peer.port, name.port);
		ck_assert(connected(so[i]));
		fdnet_sock_abort(got);
	}
	ck_assert_int_eq(fdnet_sock_accept(listener, &got), -EAGAIN);
	ck_assert_uint_lt(net.now_us, 1100000); /* nobody tried again */
	tnet_done(&net);
}
END_TEST

START_TEST(who_waits_to_be_accepted_is_not_moved_alone)
{
	struct fdnet_sock *listener, *so;

	tnet_init(&net, &slow);
	listener = tnet_listener(&net, 1, 8);
	tnet_connect(&net, 0, 1);
	tnet_run_for(&net, SEC);
	fdnet_sock_forget(listener); /* and its queue */
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 0);
	ck_assert_ptr_null(fdnet_stack_output(net.s[1]));
	listener = tnet_listener(&net, 1, 8); /* the port is free again */
	ck_assert_int_eq(fdnet_sock_accept(listener, &so), -EAGAIN);
	tnet_done(&net);
}
END_TEST

/* ---- gateways ---- */

START_TEST(requests_go_along)
{
	struct tnet_cfg cfg = slow;
	struct fdnet_name far = {.ip = fdnet_ip4(0x08080808), .port = 80};
	struct fdnet_sock *so, *req;
	struct held nobody = {.n = 0}, held = {{&req}, 1};

	cfg.forward = true;
	tnet_init(&net, &cfg);
	fdnet_sock_open(net.s[0], 4, FDNET_SOCK_STREAM, 6, &so);
	ck_assert_int_eq(fdnet_sock_connect(so, &far), -EINPROGRESS);
	tnet_run_for(&net, 100000);
	move_stack(&net, 1, &nobody, 5); /* nobody was told of it yet */
	req = fdnet_stack_next_request(net.s[1]);
	ck_assert_ptr_nonnull(req);
	move_stack(&net, 1, &held, 7);
	req = move_to(req, net.s[1]);
	ck_assert_ptr_null(fdnet_stack_next_request(net.s[1]));
	ck_assert_int_eq(fdnet_sock_admit(req), 0);
	tnet_run_for(&net, SEC);
	ck_assert_int_eq(fdnet_sock_state(so), FDNET_TCP_ESTABLISHED);
	ck_assert_int_eq(tnet_send(req, "x", 1), 1);
	tnet_done(&net);
}
END_TEST

START_TEST(a_refused_request_still_quotes_the_syn)
{
	struct tnet_cfg cfg = slow;
	struct fdnet_name far = {.ip = fdnet_ip4(0x08080808), .port = 80};
	struct fdnet_sock *so, *req;
	struct held held = {{&req}, 1};
	int value;
	uint32_t len = 4;

	cfg.forward = true;
	tnet_init(&net, &cfg);
	fdnet_sock_open(net.s[0], 4, FDNET_SOCK_STREAM, 6, &so);
	ck_assert_int_eq(fdnet_sock_connect(so, &far), -EINPROGRESS);
	tnet_run_for(&net, 100000);
	req = fdnet_stack_next_request(net.s[1]);
	move_stack(&net, 1, &held, 7);
	fdnet_sock_refuse(req, EHOSTUNREACH);
	tnet_run_for(&net, 100000);
	ck_assert_int_eq(fdnet_sock_getopt(so, 1, 4, &value, &len), 0);
	ck_assert_int_eq(value, EHOSTUNREACH);
	tnet_done(&net);
}
END_TEST

/* ---- on a lossless link ---- */

/* The mover's part: drained before, held back meanwhile. */
START_TEST(moved_with_care_nothing_is_sent_twice)
{
	struct fdnet_sock *so[2];
	struct held h = {{&so[0]}, 1};
	struct tnet_flow f[2];

	tnet_init(&net, NULL);
	tnet_pair(&net, so);
	f[0] = (struct tnet_flow){.from = so[0], .to = so[1], .total = 9000000};
	f[1] = (struct tnet_flow){.from = so[1], .to = so[0], .total = 9000000};
	for (int i = 0; !f[0].eof || !f[1].eof; i++) {
		for (int k = 0; k < 2; k++) {
			tnet_flow_send(&f[k]);
			if (!f[k].eof)
				tnet_flow_recv(&f[k]);
		}
		tnet_step(&net, net.now_us + SEC);
		if (i % 50 == 0)
			move_each(&net, 0, &h);
		f[0].from = f[1].to = so[0];
	}
	ck_assert_uint_eq(net.now_us / SEC, 1); /* no timeout was waited for */
	ck_assert_uint_eq(fdnet_stack_counter(net.s[1], FDNET_C_TCP_RETRANS), 0);
	ck_assert_uint_eq(fdnet_stack_counter(net.s[1], FDNET_C_TCP_DUP), 0);
	tnet_done(&net);
}
END_TEST

START_TEST(to_another_kind_of_link)
{
	struct tnet_cfg lossy = slow;
	struct fdnet_sock *so[2];
	struct fdnet_stack *to, *from;
	struct tnet_flow f;
	size_t len;
	void *bytes;

	lossy.loss_ppm = 20000;
	tnet_init(&net, NULL);
	tnet_pair(&net, so);
	net.cfg = lossy;
	for (int side = 0; side < 2; side++) {
		to = tnet_stack(&net, side);
		from = net.s[side];
		bytes = save_sock(so[side], &len);
		fdnet_sock_forget(so[side]);
		ck_assert_int_eq(fdnet_sock_restore(to, bytes, len, &so[side]),
				 0);
		free(bytes);
		fdnet_stack_free(from);
		net.s[side] = to;
	}
	f = (struct tnet_flow){.from = so[0], .to = so[1], .total = 1000000};
	tnet_flow_run(&net, &f, 1000 * SEC);
	tnet_done(&net);
}
END_TEST

/* ---- what may not be ---- */

START_TEST(the_names_must_be_free_and_ours)
{
	struct fdnet_sock *so[2], *listener, *other;
	size_t len, llen;
	void *bytes, *lbytes;

	tnet_init(&net, &slow);
	listener = tnet_listener(&net, 1, 8);
	lbytes = save_sock(listener, &llen);
	ck_assert_int_eq(fdnet_sock_restore(net.s[1], lbytes, llen, &other),
			 -EADDRINUSE);
	fdnet_sock_forget(listener);
	tnet_pair(&net, so);
	bytes = save_sock(so[0], &len);
	ck_assert_int_eq(fdnet_sock_restore(net.s[0], bytes, len, &other),
			 -EADDRINUSE);
	ck_assert_int_eq(fdnet_sock_restore(net.s[1], bytes, len, &other),
			 -EADDRNOTAVAIL);
	ck_assert_uint_eq(fdnet_stack_socks(net.s[1]), 1);
	/* a child of it does not keep a listener away */
	ck_assert_int_eq(fdnet_sock_restore(net.s[1], lbytes, llen, &other), 0);
	free(bytes);
	free(lbytes);
	tnet_done(&net);
}
END_TEST

/* Sockets of all sorts, for the tests that spoil bytes. */
static struct fdnet_sock *specimen(struct tnet *n, int which)
{
	struct fdnet_name any = {.ip = {.family = 4}, .port = 900};
	struct fdnet_name peer = tnet_name(1, 901);
	struct fdnet_sock *so[2], *u;

	switch (which) {
	case 0: /* holes on both sides */
		n->cfg.loss_ppm = 50000;
		tnet_pair(n, so);
		fill_both(so);
		fill_both(so);
		return so[0];
	case 1:
		tnet_pair(n, so);
		urgent(so);
		they_finish(so);
		return so[0];
	case 2:
		u = tnet_listener(n, 0, 8);
		tnet_connect(n, 1, 0);
		tnet_run_for(n, SEC);
		tnet_connect(n, 1, 0);
		tnet_run_for(n, 15000);
		return u;
	case 3:
		return tnet_connect(n, 0, 1);
	default:
		fdnet_sock_open(n->s[0], 4, FDNET_SOCK_DGRAM, 17, &u);
		fdnet_sock_bind(u, &any);
		fdnet_sock_open(n->s[1], 4, FDNET_SOCK_DGRAM, 17, &so[1]);
		fdnet_sock_bind(so[1], &peer);
		any.ip = tnet_name(0, 0).ip;
		fdnet_sock_connect(so[1], &any);
		fdnet_sock_connect(u, &peer);
		for (int i = 0; i < 3; i++)
			tnet_send(so[1], "some bytes", 10);
		tnet_run_for(n, SEC);
		tnet_send(u, "others", 6);
		return u;
	}
}

/* Uses a socket of unknown state, and ends it. */
static void use(struct fdnet_stack *stack, struct fdnet_sock *so)
{
	static uint8_t buf[50000];
	struct fdnet_pkt *pkt;
	struct fdnet_sock *child;
	uint64_t now = fdnet_stack_time(stack);

	for (int i = 0; i < 4; i++) {
		fdnet_sock_poll(so);
		tnet_send(so, buf, sizeof(buf));
		tnet_recv(so, buf, 3000);
		if (!fdnet_sock_accept(so, &child))
			fdnet_sock_close(child);
		for (int k = 0; k < 200 && (pkt = fdnet_stack_output(stack)); k++)
			fdnet_pkt_free(pkt);
		now += SEC;
		fdnet_stack_set_time(stack, now);
		fdnet_stack_advance(stack);
	}
	fdnet_sock_close(so);
	for (int i = 0; i < 5; i++) {
		while ((pkt = fdnet_stack_output(stack)))
			fdnet_pkt_free(pkt);
		now += 1000 * SEC;
		fdnet_stack_set_time(stack, now);
		fdnet_stack_advance(stack);
	}
}

START_TEST(cut_short_it_is_refused)
{
	struct fdnet_stack *to;
	struct fdnet_sock *so;
	uint8_t *bytes, *part;
	size_t len;

	tnet_init(&net, &slow);
	so = specimen(&net, _i);
	bytes = save_sock(so, &len);
	to = tnet_stack(&net, 0);
	/* of what is mostly payload, not every single one */
	for (size_t n = 0; n < len; n += n < 2000 ? 1 : 1 + len / 300) {
		part = malloc(n + !n); /* so that reading on is noticed */
		memcpy(part, bytes, n);
		ck_assert_int_eq(fdnet_sock_restore(to, part, n, &so), -EPROTO);
		ck_assert_uint_eq(fdnet_stack_socks(to), 0);
		free(part);
	}
	fdnet_stack_free(to);
	free(bytes);
	tnet_done(&net);
}
END_TEST

START_TEST(changed_it_is_refused_or_harmless)
{
	static const uint8_t changes[] = {0x01, 0x80, 0xff, 0x10};
	struct fdnet_stack *to;
	struct fdnet_sock *so;
	uint8_t *bytes;
	size_t len;

	tnet_init(&net, &slow);
	so = specimen(&net, _i);
	bytes = save_sock(so, &len);
	for (size_t n = 0; n < len; n += n < 1200 ? 1 : 1 + len / 100) {
		for (size_t k = 0; k < sizeof(changes); k++) {
			to = tnet_stack(&net, 0);
			bytes[n] ^= changes[k];
			if (!fdnet_sock_restore(to, bytes, len, &so))
				use(to, so);
			bytes[n] ^= changes[k];
			fdnet_stack_free(to);
		}
	}
	free(bytes);
	tnet_done(&net);
}
END_TEST

START_TEST(a_spoiled_stack_is_refused_or_harmless)
{
	struct fdnet_stack_config cfg = {.mem = &tnet_mem};
	struct fdnet_stack *to;
	uint8_t *bytes;
	ssize_t len;

	tnet_init(&net, &slow);
	cfg.pool = net.pool;
	specimen(&net, 0);
	specimen(&net, 4);
	len = fdnet_stack_save(net.s[0], NULL, NULL, NULL, 0);
	bytes = malloc((size_t)len);
	fdnet_stack_save(net.s[0], NULL, NULL, bytes, (size_t)len);
	for (size_t n = 0; n < (size_t)len; n += n < 1500 ? 1 : 997) {
		struct fdnet_pkt *pkt;

		ck_assert_int_ne(fdnet_stack_restore(&cfg, net.now_us, bytes, n,
						     NULL, NULL, &to),
				 0);
		bytes[n] ^= 0x81;
		if (!fdnet_stack_restore(&cfg, net.now_us, bytes, (size_t)len,
					 NULL, NULL, &to)) {
			for (int i = 0; i < 100; i++) {
				pkt = fdnet_stack_output(to);
				fdnet_pkt_free(pkt);
			}
			fdnet_stack_free(to);
		}
		bytes[n] ^= 0x81;
	}
	free(bytes);
	tnet_done(&net);
}
END_TEST

static Suite *save_suite(void)
{
	Suite *suite = suite_create("save");
	TCase *tc = tcase_create("seeds");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, moved_at_any_time_every_byte_arrives, 0,
			    (int)seed_count());
	suite_add_tcase(suite, tc);
	tc = tcase_create("states");
	tcase_add_loop_test(tc, every_state_looks_the_same_elsewhere, 0,
			    N_ROWS(state_cases));
	tcase_add_test(tc, options_and_error_go_along);
	tcase_add_test(tc, a_listener_takes_its_queues_along);
	tcase_add_loop_test(tc, a_full_listener_takes_along_whom_it_holds, 0, 2);
	tcase_add_test(tc, who_waits_to_be_accepted_is_not_moved_alone);
	tcase_add_test(tc, requests_go_along);
	tcase_add_test(tc, a_refused_request_still_quotes_the_syn);
	tcase_add_test(tc, moved_with_care_nothing_is_sent_twice);
	tcase_add_test(tc, to_another_kind_of_link);
	suite_add_tcase(suite, tc);
	tc = tcase_create("hostile");
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, the_names_must_be_free_and_ours);
	tcase_add_loop_test(tc, cut_short_it_is_refused, 0, 5);
	tcase_add_loop_test(tc, changed_it_is_refused_or_harmless, 0, 5);
	tcase_add_test(tc, a_spoiled_stack_is_refused_or_harmless);
	suite_add_tcase(suite, tc);
	return suite;
}

SUITE_MAIN(save_suite)
