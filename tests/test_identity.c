/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc/PID/status says of a caller (sandbox/identity.c), and who is at
 * the other end of a connection (sandbox/peers.c). */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/identity.h"
#include "sandbox/peers.h"

/* As Linux 6.18 writes it, shortened behind what is read. */
static const char good[] = "Name:\tcat\n"
			   "Umask:\t0027\n"
			   "State:\tR (running)\n"
			   "Tgid:\t4711\n"
			   "Ngid:\t0\n"
			   "Pid:\t4712\n"
			   "PPid:\t4000\n"
			   "TracerPid:\t0\n"
			   "Uid:\t1000\t1001\t1002\t1003\n"
			   "Gid:\t2000\t2001\t2002\t2003\n"
			   "FDSize:\t64\n"
			   "Groups:\t4 24 4294967294 \n"
			   "NStgid:\t4711\t12\n"
			   "NSpid:\t4712\t13\n"
			   "VmPeak:\t    3820 kB\n"
			   "CapInh:\t0000000000000000\n"
			   "CapPrm:\t000001ffffffffff\n"
			   "CapEff:\t00000000a80425fb\n"
			   "CapBnd:\t000001ffffffffff\n";

static struct identity who;

START_TEST(all_that_matters_is_read)
{
	ck_assert_int_eq(identity_parse(good, &who), 0);
	ck_assert_uint_eq(who.umask, 027);
	ck_assert_int_eq(who.pid, 12);
	ck_assert_uint_eq(who.euid, 1001);
	ck_assert_uint_eq(who.fsuid, 1003);
	ck_assert_uint_eq(who.egid, 2001);
	ck_assert_uint_eq(who.fsgid, 2003);
	ck_assert_uint_eq(who.group_count, 3);
	ck_assert_uint_eq(who.groups[0], 4);
	ck_assert_uint_eq(who.groups[2], 4294967294u);
	ck_assert_uint_eq(who.permitted, 0x1ffffffffff);
	ck_assert_uint_eq(who.caps, 0xa80425fb);
}
END_TEST

/* A shorter text must not be somebody with fewer groups, or root. */
START_TEST(every_shorter_text_is_refused)
{
	const char *last = strstr(good, "CapEff:\t00000000a80425fb\n");
	size_t need = (size_t)(last - good) + strlen("CapEff:\t0"), len;
	char text[sizeof(good)];

	for (len = 0; len < need; len++) {
		memcpy(text, good, len);
		text[len] = '\0';
		ck_assert_int_eq(identity_parse(text, &who), -EINVAL);
	}
}
END_TEST

/* Any one byte changed: refused, or read as something; never beyond. */
START_TEST(changed_bytes_do_no_harm)
{
	static const char bytes[] = "\0\n\t :-0x9A";
	char *text;
	size_t at, i;

	for (at = 0; at < sizeof(good) - 1; at++)
		for (i = 0; i < sizeof(bytes) - 1; i++) {
			text = strdup(good); /* ends where the memory ends */
			text[at] = bytes[i];
			identity_parse(text, &who);
			ck_assert_uint_le(who.group_count, IDENTITY_GROUPS);
			free(text);
		}
}
END_TEST

START_TEST(as_many_groups_as_the_kernel_knows)
{
	char *text = malloc(IDENTITY_GROUPS * 11 + 2048), *at = text;
	const char *groups = strstr(good, "4 24");
	int i;

	at += sprintf(at, "%.*s", (int)(groups - good), good);
	for (i = 0; i < IDENTITY_GROUPS; i++)
		at += sprintf(at, "%d ", 100000 + i);
	sprintf(at, "%s", strchr(groups, '\n'));
	ck_assert_int_eq(identity_parse(text, &who), 0);
	ck_assert_uint_eq(who.group_count, IDENTITY_GROUPS);
	ck_assert_uint_eq(who.groups[IDENTITY_GROUPS - 1],
			  100000 + IDENTITY_GROUPS - 1);
	sprintf(at, "7 %s", strchr(groups, '\n'));
	ck_assert_int_eq(identity_parse(text, &who), -EINVAL);
	free(text);
}
END_TEST

/* The first line is what the program calls itself. */
START_TEST(a_name_is_not_taken_for_the_rest)
{
	static const char *const names[] = {"Uid:\t0\t0\t0\t0", "Umask:\t0",
					    "\nUid:\t0\t0\t0", "CapEff:\tffff"};
	char text[8192] = "";
	FILE *file;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ck_assert_int_eq(prctl(PR_SET_NAME, names[i]), 0);
		file = fopen("/proc/self/status", "r");
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		fclose(file);
		ck_assert_int_eq(identity_parse(text, &who), 0);
		ck_assert_uint_eq(who.euid, geteuid());
		ck_assert_uint_eq(who.fsuid, geteuid());
		ck_assert_uint_ne(who.umask, 01000);
		ck_assert_int_eq(who.pid, getpid());
	}
}
END_TEST

/* ---- peers ---- */

static struct peers peers;
static const struct ucred a = {10, 1, 1}, b = {11, 1, 1}, c = {12, 2, 2};

static void peers_setup(void)
{
	memset(&peers, 0, sizeof(peers));
}

static void peers_teardown(void)
{
	peers_end(&peers);
	ck_assert_uint_eq(peers.listener_count, 0);
	ck_assert_uint_eq(peers.waiting_count, 0);
	ck_assert_ptr_null(peers.listeners);
}

static void expect(uint64_t cookie, pid_t pid, uid_t uid)
{
	const struct ucred *cred = peers_find(&peers, cookie);

	ck_assert_ptr_nonnull(cred);
	ck_assert_int_eq(cred->pid, pid);
	ck_assert_uint_eq(cred->uid, uid);
}

START_TEST(both_ends_know_each_other)
{
	peers_listens(&peers, -1, 5, &a);
	peers_connected(&peers, 5, 6, &b);
	peers_connected(&peers, 5, 7, &c);
	expect(6, 10, 1);
	expect(7, 10, 1);
	peers_accepted(&peers, 5, 8, &(struct ucred){99, 1, 1});
	peers_accepted(&peers, 5, 9, &(struct ucred){99, 2, 2});
	expect(8, 11, 1);
	expect(9, 12, 2);
	ck_assert_ptr_null(peers_find(&peers, 5));
	ck_assert_ptr_null(peers_find(&peers, 0));
}
END_TEST

/* The user is the kernel's word, the number is only ours. */
START_TEST(a_number_that_may_be_anothers_is_not_told)
{
	peers_listens(&peers, -1, 5, &a);
	peers_connected(&peers, 5, 6, &b);
	peers_connected(&peers, 5, 7, &c);
	/* the first was taken by somebody else */
	peers_accepted(&peers, 5, 8, &(struct ucred){99, 2, 2});
	expect(8, 0, 2);
	peers_accepted(&peers, 5, 9, &(struct ucred){99, 3, 3});
	expect(9, 0, 3);
	peers_accepted(&peers, 5, 10, &(struct ucred){99, 3, 3});
	expect(10, 0, 3);
	/* a listener that we never heard of */
	peers_accepted(&peers, 50, 11, &(struct ucred){99, 4, 4});
	expect(11, 0, 4);
}
END_TEST

START_TEST(what_waits_is_bounded)
{
	int i;

	for (i = 0; i < PEERS_LISTENERS + 10; i++)
		peers_listens(&peers, -1, 100 + i, &a);
	ck_assert_uint_eq(peers.listener_count, PEERS_LISTENERS);
	for (i = 0; i < PEERS_WAITING + 10; i++)
		peers_connected(&peers, 1000, 5000 + i, &b);
	ck_assert_uint_eq(peers.waiting_count, PEERS_WAITING);
	/* nobody knows any more who the last were */
	peers_accepted(&peers, 1000, 3, &(struct ucred){99, 1, 1});
	expect(3, 0, 1);
	/* the oldest listeners are forgotten, with those who wait */
	for (i = 0; i < PEERS_LISTENERS; i++)
		peers_listens(&peers, -1, 100000 + i, &a);
	ck_assert_uint_eq(peers.waiting_count, 0);
}
END_TEST

START_TEST(abstract_names_are_found)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sun);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&sun, sizeof(sun.sun_family)), 0);
	getsockname(fd, (struct sockaddr *)&sun, &len);
	peers_listens(&peers, fd, 5, &a);
	ck_assert_uint_eq(peers_find_name(&peers, &sun, len), 5);
	ck_assert_uint_eq(peers_find_name(&peers, &sun, len - 1), 0);
	/* its next owner */
	peers_listens(&peers, fd, 6, &a);
	ck_assert_uint_eq(peers_find_name(&peers, &sun, len), 6);
	close(fd);
}
END_TEST

static Suite *identity_suite(void)
{
	Suite *suite = suite_create("identity");
	TCase *tc = tcase_create("parse");

	tcase_add_test(tc, all_that_matters_is_read);
	tcase_add_test(tc, every_shorter_text_is_refused);
	tcase_add_test(tc, changed_bytes_do_no_harm);
	tcase_add_test(tc, as_many_groups_as_the_kernel_knows);
	tcase_add_test(tc, a_name_is_not_taken_for_the_rest);
	suite_add_tcase(suite, tc);
	tc = tcase_create("peers");
	tcase_add_checked_fixture(tc, peers_setup, peers_teardown);
	tcase_add_test(tc, both_ends_know_each_other);
	tcase_add_test(tc, a_number_that_may_be_anothers_is_not_told);
	tcase_add_test(tc, what_waits_is_bounded);
	tcase_add_test(tc, abstract_names_are_found);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(identity_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
