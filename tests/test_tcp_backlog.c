/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners whose queue is full: who waits, who is let in, and when. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "stack/tcp.h"
#include "tests/suite_main.h"
#include "tests/tcp_net.h"

#define SEC 1000000ull

static struct tnet net;

static void start(void)
{
	tnet_init(&net, NULL);
}

static void stop(void)
{
	tnet_done(&net);
}

static unsigned int count_established(struct fdnet_sock *const *c, int n)
{
	unsigned int count = 0;

	for (int i = 0; i < n; i++)
		count += fdnet_sock_state(c[i]) == FDNET_TCP_ESTABLISHED;
	return count;
}

/* A listener with a backlog of 2, and @n that want to be accepted. */
static struct fdnet_sock *crowd(struct fdnet_sock **c, int n)
{
	struct fdnet_sock *l = tnet_listener(&net, 1, 2);

	for (int i = 0; i < n; i++) {
		c[i] = tnet_connect(&net, 0, 1);
		tnet_idle(&net);
	}
	/* one more than asked, as the kernel */
	ck_assert_uint_eq(count_established(c, n), n < 3 ? n : 3);
	return l;
}

static struct fdnet_name accept_one(struct fdnet_sock *l)
{
	struct fdnet_sock *a;
	struct fdnet_name peer;

	ck_assert_int_eq(fdnet_sock_accept(l, &a), 0);
	ck_assert_int_eq(fdnet_sock_peer(a, &peer), 0);
	tnet_idle(&net);
	return peer;
}

START_TEST(backlog_limits_what_waits)
{
	struct fdnet_sock *l, *c[6], *a;
	const struct tnet_cfg lossy = {.delay_us = 10};

	tnet_init(&net, &lossy);
	l = crowd(c, 6);
	ck_assert_uint_eq(fdnet_stack_counter(net.s[1], FDNET_C_TCP_BACKLOG), 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fdnet_sock_accept(l, &a), 0);
	ck_assert_int_eq(fdnet_sock_accept(l, &a), -EAGAIN);
	tnet_run_for(&net, 10 * SEC);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fdnet_sock_accept(l, &a), 0);
	fdnet_sock_close(l);
	stop();
}
END_TEST

START_TEST(room_in_the_backlog_is_taken_at_once)
{
	struct fdnet_sock *l, *c[6], *a;
	struct fdnet_name peer, name;
	uint64_t start_us;

	start();
	l = crowd(c, 6);
	start_us = net.now_us;
	for (int i = 0; i < 6; i++) {
		peer = accept_one(l);
		ck_assert_int_eq(fdnet_sock_name(c[i], &name), 0);
		ck_assert_uint_eq(peer.port, name.port); /* in order */
		ck_assert_uint_eq(count_established(c, 6), i < 3 ? 4 + i : 6);
	}
	ck_assert_int_eq(fdnet_sock_accept(l, &a), -EAGAIN);
	/* nobody had to try again */
	ck_assert_uint_lt(net.now_us - start_us, 1000);
	ck_assert_uint_eq(fdnet_stack_counter(net.s[1], FDNET_C_TCP_BACKLOG), 0);
	fdnet_sock_close(l);
	stop();
}
END_TEST

START_TEST(room_is_made_by_a_larger_backlog)
{
	struct fdnet_sock *l, *c[6];

	start();
	l = crowd(c, 6);
	ck_assert_int_eq(fdnet_sock_listen(l, 4), 0);
	tnet_idle(&net);
	ck_assert_uint_eq(count_established(c, 6), 5);
	fdnet_sock_close(l);
	stop();
}
END_TEST

static void give_up_by_abort(struct fdnet_sock *so)
{
	fdnet_sock_abort(so);
}

static void give_up_by_shutdown(struct fdnet_sock *so)
{
	fdnet_sock_shutdown(so, FDNET_SHUT_RDWR);
	fdnet_sock_close(so);
}

static void give_up_in_time(struct fdnet_sock *so)
{
	tnet_run_for(&net, 130 * SEC);
	fdnet_sock_close(so);
}

static void (*const give_up[])(struct fdnet_sock *so) = {
	fdnet_sock_close,
	give_up_by_abort,
	give_up_by_shutdown,
	give_up_in_time,
};

START_TEST(who_gave_up_is_not_accepted)
{
	struct fdnet_sock *l, *c[6], *a;
	struct fdnet_name gone;
	int syn_cnt = 6;

	start();
	l = crowd(c, 6);
	for (int i = 3; i < 6; i++) /* all but one wait for longer */
		if (i != 4)
			ck_assert_int_eq(fdnet_sock_setopt(c[i], IPPROTO_TCP,
							   TCP_USER_TIMEOUT,
							   &(int){1000000}, 4),
					 0);
	ck_assert_int_eq(fdnet_sock_setopt(c[4], IPPROTO_TCP, TCP_SYNCNT,
					   &syn_cnt, 4), 0);
	ck_assert_int_eq(fdnet_sock_name(c[4], &gone), 0);
	give_up[_i](c[4]);
	tnet_idle(&net);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_ne(accept_one(l).port, gone.port);
	ck_assert_int_eq(fdnet_sock_accept(l, &a), -EAGAIN);
	fdnet_sock_close(l);
	stop();
}
END_TEST

/* TCP_DEFER_ACCEPT: those who were answered are not left out either. */
START_TEST(room_is_taken_at_once_by_deferred_ones)
{
	struct fdnet_sock *l, *c[9], *a;
	uint64_t start_us;
	int s = 10;

	start();
	l = tnet_listener(&net, 1, 2);
	ck_assert_int_eq(fdnet_sock_setopt(l, IPPROTO_TCP, TCP_DEFER_ACCEPT,
					   &s, 4), 0);
	for (int i = 0; i < 6; i++) {
		c[i] = tnet_connect(&net, 0, 1);
		tnet_idle(&net);
	}
	ck_assert_uint_eq(count_established(c, 6), 6);
	start_us = net.now_us;
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(tnet_send(c[i], "x", 1), 1);
	tnet_idle(&net);
	for (int i = 6; i < 9; i++) {
		c[i] = tnet_connect(&net, 0, 1);
		tnet_idle(&net);
	}
	ck_assert_uint_eq(count_established(c, 9), 6);
	for (int i = 0; i < 6; i++)
		accept_one(l);
	for (int i = 6; i < 9; i++) {
		ck_assert_int_eq(fdnet_sock_accept(l, &a), -EAGAIN);
		ck_assert_int_eq(tnet_send(c[i], "x", 1), 1);
		tnet_idle(&net);
		accept_one(l);
	}
	ck_assert_uint_lt(net.now_us - start_us, 1000);
	fdnet_sock_close(l);
	stop();
}
END_TEST

/* As many as the relay's own backlog; the rest is as with a kernel. */
START_TEST(no_more_are_held_than_may_be)
{
	struct fdnet_sock *l, *a;
	unsigned int n = 0;

	start();
	l = tnet_listener(&net, 1, 2);
	for (int i = 0; i < 5000; i++)
		tnet_connect(&net, 0, 1);
	tnet_idle(&net);
	ck_assert_uint_eq(fdnet_stack_counter(net.s[1], FDNET_C_TCP_BACKLOG),
			  5000 - 3 - 4096);
	while (!fdnet_sock_accept(l, &a)) {
		n++;
		tnet_idle(&net);
	}
	ck_assert_uint_eq(n, 3 + 4096);
	tnet_run_for(&net, SEC);
	while (!fdnet_sock_accept(l, &a)) {
		n++;
		tnet_idle(&net);
	}
	ck_assert_uint_eq(n, 5000);
	fdnet_sock_close(l);
	stop();
}
END_TEST

/* The kernel's client tries again after a second, and so does ours: there may
 * be another listener by then. */
START_TEST(closed_listener_forgets_whom_it_held)
{
	struct fdnet_sock *l, *c[6];

	start();
	l = crowd(c, 6);
	fdnet_sock_close(l);
	l = tnet_listener(&net, 1, 8);
	tnet_run_for(&net, 1100 * 1000);
	ck_assert_uint_eq(count_established(c + 3, 3), 3);
	fdnet_sock_close(l);
	stop();
}
END_TEST

static Suite *tcp_backlog_suite(void)
{
	Suite *suite = suite_create("tcp_backlog");
	TCase *tc = tcase_create("backlog");

	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	tcase_add_test(tc, backlog_limits_what_waits);
	tcase_add_test(tc, room_in_the_backlog_is_taken_at_once);
	tcase_add_test(tc, room_is_made_by_a_larger_backlog);
	tcase_add_loop_test(tc, who_gave_up_is_not_accepted, 0,
			    N_ROWS(give_up));
	tcase_add_test(tc, room_is_taken_at_once_by_deferred_ones);
	tcase_add_test(tc, no_more_are_held_than_may_be);
	tcase_add_test(tc, closed_listener_forgets_whom_it_held);
	return suite;
}

SUITE_MAIN(tcp_backlog_suite)
