/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>

#include "stack/internal.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define MANY 2000

struct probe {
	struct fdnet_timer timer;
	unsigned int fired;
	uint64_t at_us;
	uint64_t again_us; /* set anew while firing; 0: no */
	struct probe *cancels;
};

static struct stack_pair *pair;
static struct fdnet_stack *stack;
static unsigned int reserved;

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
	stack = pair->s[0];
	reserved = 0;
}

static void teardown(void)
{
	fdnet_timer_unreserve(stack, reserved);
	stack_pair_free(pair);
}

static void fire(struct fdnet_stack *s, struct fdnet_timer *timer)
{
	struct probe *p = (struct probe *)timer;

	p->fired++;
	p->at_us = fdnet_stack_time(s);
	if (p->again_us) {
		fdnet_timer_set(s, timer, p->at_us + p->again_us);
		p->again_us = 0;
	}
	if (p->cancels)
		fdnet_timer_cancel(s, &p->cancels->timer);
}

static void reserve(unsigned int n)
{
	ck_assert_int_eq(fdnet_timer_reserve(stack, n), 0);
	reserved += n;
}

static void go_to(uint64_t us)
{
	fdnet_stack_set_time(stack, us);
	fdnet_stack_advance(stack);
}

START_TEST(timers_fire_in_their_order)
{
	struct probe *p = calloc(MANY, sizeof(*p));
	uint64_t now = fdnet_stack_time(stack), due;
	unsigned int i, left = MANY;

	reserve(MANY);
	srand(1);
	for (i = 0; i < MANY; i++) {
		fdnet_timer_init(&p[i].timer, fire);
		fdnet_timer_set(stack, &p[i].timer,
				now + 1 + (uint64_t)(rand() % 5000));
	}
	while ((due = fdnet_stack_expiry(stack)) != FDNET_NEVER) {
		ck_assert_uint_gt(due, fdnet_stack_time(stack));
		go_to(due);
		for (i = 0; i < MANY; i++) {
			if (!p[i].fired || p[i].at_us != due)
				continue;
			ck_assert_uint_eq(p[i].fired, 1);
			left--;
		}
	}
	ck_assert_uint_eq(left, 0);
	free(p);
}
END_TEST

START_TEST(moved_and_cancelled_timers_keep_the_heap_right)
{
	struct probe *p = calloc(MANY, sizeof(*p));
	uint64_t now = fdnet_stack_time(stack), *want;
	unsigned int i, step;

	want = calloc(MANY, sizeof(*want));
	reserve(MANY);
	srand(2);
	for (i = 0; i < MANY; i++)
		fdnet_timer_init(&p[i].timer, fire);
	for (step = 0; step < 20000; step++) {
		i = (unsigned int)rand() % MANY;
		if (rand() % 3) {
			want[i] = now + 1 + (uint64_t)(rand() % 100000);
			fdnet_timer_set(stack, &p[i].timer, want[i]);
		} else {
			want[i] = 0;
			fdnet_timer_cancel(stack, &p[i].timer);
		}
	}
	go_to(now + 50000);
	for (i = 0; i < MANY; i++)
		ck_assert_uint_eq(p[i].fired,
				  want[i] && want[i] <= now + 50000);
	go_to(now + 200000);
	for (i = 0; i < MANY; i++)
		ck_assert_uint_eq(p[i].fired, want[i] != 0);
	ck_assert_uint_eq(fdnet_stack_expiry(stack), FDNET_NEVER);
	free(p);
	free(want);
}
END_TEST

START_TEST(a_firing_timer_may_set_itself_again)
{
	struct probe p = { .again_us = 10 };
	uint64_t now = fdnet_stack_time(stack);

	reserve(1);
	fdnet_timer_init(&p.timer, fire);
	fdnet_timer_set(stack, &p.timer, now + 5);
	go_to(now + 5);
	ck_assert_uint_eq(p.fired, 1);
	ck_assert_uint_eq(fdnet_stack_expiry(stack), now + 15);
	go_to(now + 15);
	ck_assert_uint_eq(p.fired, 2);
}
END_TEST

START_TEST(a_firing_timer_may_cancel_another)
{
	struct probe b = { 0 }, a = { .cancels = &b };
	uint64_t now = fdnet_stack_time(stack);

	reserve(2);
	fdnet_timer_init(&a.timer, fire);
	fdnet_timer_init(&b.timer, fire);
	fdnet_timer_set(stack, &a.timer, now + 1);
	fdnet_timer_set(stack, &b.timer, now + 2);
	go_to(now + 10);
	ck_assert_uint_eq(a.fired, 1);
	ck_assert_uint_eq(b.fired, 0);
}
END_TEST

START_TEST(never_is_the_same_as_cancel)
{
	struct probe p = { 0 };
	uint64_t now = fdnet_stack_time(stack);

	reserve(1);
	fdnet_timer_init(&p.timer, fire);
	fdnet_timer_set(stack, &p.timer, now + 1);
	fdnet_timer_set(stack, &p.timer, FDNET_NEVER);
	fdnet_timer_cancel(stack, &p.timer);
	go_to(now + 10);
	ck_assert_uint_eq(p.fired, 0);
}
END_TEST

START_TEST(time_does_not_run_backwards)
{
	uint64_t now = fdnet_stack_time(stack);

	fdnet_stack_set_time(stack, now - 1);
	ck_assert_uint_eq(fdnet_stack_time(stack), now);
}
END_TEST

START_TEST(no_memory_is_told_when_reserving)
{
	pair->fail_after = 0;
	ck_assert_int_lt(fdnet_timer_reserve(stack, 100000), 0);
}
END_TEST

static Suite *timer_suite(void)
{
	Suite *s = suite_create("timer");
	TCase *tc = tcase_create("timer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, timers_fire_in_their_order);
	tcase_add_test(tc, moved_and_cancelled_timers_keep_the_heap_right);
	tcase_add_test(tc, a_firing_timer_may_set_itself_again);
	tcase_add_test(tc, a_firing_timer_may_cancel_another);
	tcase_add_test(tc, never_is_the_same_as_cancel);
	tcase_add_test(tc, time_does_not_run_backwards);
	tcase_add_test(tc, no_memory_is_told_when_reserving);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(timer_suite)
