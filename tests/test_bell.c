/* SPDX-License-Identifier: Apache-2.0 */
/* The bells of waiting threads, and what is woken when the lock is released. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "shim/bell.h"
#include "shim/lock.h"

/* More than one release of the lock remembers. */
#define SLEEPERS 40

static struct shim_bell bells[SLEEPERS];
static int woken;

static void *sleeper(void *arg)
{
	struct shim_bell *bell = arg;
	int rc;

	do
		rc = shim_bell_sleep(bell, NULL);
	while (!__atomic_load_n(&bell->word, __ATOMIC_ACQUIRE));
	shim_lock_only();
	woken += !rc;
	shim_unlock_only();
	return NULL;
}

START_TEST(all_that_are_rung_wake_up)
{
	pthread_t threads[SLEEPERS];
	int i;

	for (i = 0; i < SLEEPERS; i++) {
		ck_assert_int_eq(shim_bell_open(&bells[i], false), 0);
		ck_assert_int_eq(bells[i].fd, -1);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, sleeper,
						&bells[i]),
				 0);
	}
	shim_lock_only();
	for (i = 0; i < SLEEPERS; i++)
		shim_bell_ring(&bells[i]);
	ck_assert_int_eq(woken, 0);
	shim_unlock_only();
	for (i = 0; i < SLEEPERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_int_eq(woken, SLEEPERS);
	for (i = 0; i < SLEEPERS; i++)
		shim_bell_close(&bells[i]);
}
END_TEST

START_TEST(a_ring_before_the_sleep_is_not_lost)
{
	struct shim_bell bell;

	ck_assert_int_eq(shim_bell_open(&bell, false), 0);
	shim_lock_only();
	shim_bell_ring(&bell);
	shim_unlock_only();
	ck_assert_int_eq(shim_bell_sleep(&bell, NULL), 0);
	shim_bell_close(&bell);
}
END_TEST

START_TEST(a_sleep_ends_with_its_time)
{
	const struct timespec ts = { .tv_nsec = 1000000 };
	struct shim_bell bell;

	ck_assert_int_eq(shim_bell_open(&bell, false), 0);
	ck_assert_int_eq(shim_bell_sleep(&bell, &ts), -ETIMEDOUT);
	shim_bell_close(&bell);
}
END_TEST

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

START_TEST(an_fd_is_readable_when_rung_and_quiet_when_used_again)
{
	struct shim_bell bell;
	int fd;

	ck_assert_int_eq(shim_bell_open(&bell, true), 0);
	fd = bell.fd;
	ck_assert_int_ge(fd, 0);
	ck_assert(!is_readable(fd));
	shim_bell_ring(&bell);
	ck_assert(is_readable(fd));
	shim_bell_close(&bell);
	ck_assert_int_eq(shim_bell_open(&bell, true), 0);
	ck_assert_int_eq(bell.fd, fd);
	ck_assert(!is_readable(fd));
	shim_bell_close(&bell);
}
END_TEST

static Suite *bell_suite(void)
{
	Suite *s = suite_create("bell");
	TCase *tc = tcase_create("core");

	tcase_add_test(tc, all_that_are_rung_wake_up);
	tcase_add_test(tc, a_ring_before_the_sleep_is_not_lost);
	tcase_add_test(tc, a_sleep_ends_with_its_time);
	tcase_add_test(tc, an_fd_is_readable_when_rung_and_quiet_when_used_again);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(bell_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
