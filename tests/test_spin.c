/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting awake: when it is tried, and when it is left. */
#include "config.h"

#include <check.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "relay/spin.h"
#include "tests/suite_main.h"

static int epfd, bell;
static struct fdnet_spin spin;
static struct epoll_event events[4];

static void setup(void)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = 7};

	epfd = epoll_create1(0);
	bell = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_eq(epoll_ctl(epfd, EPOLL_CTL_ADD, bell, &ev), 0);
	spin = (struct fdnet_spin){.enabled = true};
}

static void teardown(void)
{
	close(bell);
	close(epfd);
}

static void ring(void)
{
	uint64_t one = 1;

	ck_assert_int_eq(write(bell, &one, sizeof(one)), sizeof(one));
}

static int wait_ms(int ms)
{
	return spin_wait(&spin, epfd, events, 4, ms, NULL);
}

START_TEST(an_event_is_given_awake_or_asleep)
{
	spin.enabled = _i;
	ring();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(wait_ms(i - 1), 1);
		ck_assert_int_eq(events[0].data.fd, 7);
	}
}
END_TEST

START_TEST(on_one_core_nothing_is_spent)
{
	spin.enabled = false;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(wait_ms(1), 0);
	ck_assert_uint_eq(spin.spent_us, 0);
}
END_TEST

START_TEST(a_look_without_waiting_spends_nothing)
{
	ck_assert_int_eq(wait_ms(0), 0);
	ck_assert_uint_eq(spin.spent_us, 0);
}
END_TEST

START_TEST(what_does_not_pay_is_tried_less_often)
{
	unsigned int last = 0;

	for (int i = 0; i < 8; i++) {
		while (spin.skip)
			ck_assert_int_eq(wait_ms(1), 0);
		ck_assert_int_eq(wait_ms(1), 0);
		ck_assert_uint_gt(spin.backoff, last);
		ck_assert_uint_eq(spin.skip, spin.backoff);
		last = spin.backoff;
		if (last > 32)
			break;
	}
	ck_assert_uint_gt(last, 4);
	/* what pays is tried more often again */
	spin.skip = 0;
	spin.spent_us = 0;
	ring();
	ck_assert_int_eq(wait_ms(100), 1);
	ck_assert_uint_lt(spin.backoff, last);
}
END_TEST

START_TEST(a_window_has_a_limit)
{
	for (int i = 0; i < 3; i++) {
		spin.skip = spin.backoff = 0;
		spin.window_us = UINT64_MAX / 2; /* in the future: it stays */
		spin.spent_us = 1000000;
		ck_assert_int_eq(wait_ms(1), 0);
		ck_assert_uint_eq(spin.backoff, 0);
	}
}
END_TEST

/* The third look comes late, and finds something. */
static bool late(void *arg)
{
	int *looks = arg;

	if (++*looks < 3)
		return false;
	usleep(2 * FDNET_SPIN_AWAY_US);
	return true;
}

static bool no_sleep(void *arg)
{
	(void)arg;
	return false;
}

static void after_sleep(void *arg)
{
	(void)arg;
}

START_TEST(who_gets_the_core_back_late_rather_sleeps)
{
	int looks = 0;
	const struct spin_also also = {
		.any = late,
		.sleep = no_sleep,
		.awake = after_sleep,
		.arg = &looks,
	};

	ck_assert_int_eq(
		spin_wait(&spin, epfd, events, 4, 1000, &also), 0);
	/* 2 where this machine itself took the core away */
	ck_assert_int_ge(looks, 2);
	ck_assert_uint_gt(spin.backoff, 0);
	ck_assert_uint_gt(spin.skip, 0);
}
END_TEST

static Suite *spin_suite(void)
{
	Suite *s = suite_create("spin");
	TCase *tc = tcase_create("spin");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, an_event_is_given_awake_or_asleep, 0, 2);
	tcase_add_test(tc, on_one_core_nothing_is_spent);
	tcase_add_test(tc, a_look_without_waiting_spends_nothing);
	tcase_add_test(tc, what_does_not_pay_is_tried_less_often);
	tcase_add_test(tc, a_window_has_a_limit);
	tcase_add_test(tc, who_gets_the_core_back_late_rather_sleeps);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(spin_suite)
