/* SPDX-License-Identifier: Apache-2.0 */
/* Data handed over inside one stack: when, and that nothing else notices. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>

#include "stack/tcp_direct.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define STEP	 (1u << 24)
#define PORT	 7000

static struct stack_pair *net;
static struct fdnet_sock *writer, *reader;

static void setup(void)
{
	struct fdnet_name at = name_of("127.0.0.1", PORT);
	struct fdnet_sock *listener;

	net = stack_pair_new(NULL, NULL);
	listener = sock_open(net->s[0], 4, FDNET_SOCK_STREAM, 6);
	sock_bind(listener, "127.0.0.1", PORT);
	ck_assert_int_eq(fdnet_sock_listen(listener, 1), 0);
	writer = sock_open(net->s[0], 4, FDNET_SOCK_STREAM, 6);
	fdnet_sock_connect(writer, &at);
	stack_pair_run(net);
	ck_assert_int_eq(fdnet_sock_accept(listener, &reader), 0);
	fdnet_sock_close(listener);
	stack_pair_run(net);
}

static void teardown(void)
{
	if (writer)
		fdnet_sock_close(writer);
	if (reader)
		fdnet_sock_close(reader);
	stack_pair_pass(net, 120000000);
	stack_pair_free(net);
}

static enum fdnet_direct ask(struct fdnet_sock *so)
{
	struct fdnet_sock *peer = NULL;
	enum fdnet_direct rc = fdnet_sock_direct(so, &peer);

	ck_assert((rc == FDNET_DIRECT_NEVER) == !peer);
	return rc;
}

/* Whatever was written before is acknowledged, if asked for. */
static void wait_now(struct fdnet_sock *so)
{
	enum fdnet_direct rc = ask(so);

	if (rc == FDNET_DIRECT_FLUSH) {
		stack_pair_run(net);
		rc = ask(so);
	}
	ck_assert_int_eq(rc, FDNET_DIRECT_NOW);
}

static void crosses(struct fdnet_sock *from, struct fdnet_sock *to,
		    const char *text)
{
	char buf[100];
	size_t len = strlen(text);

	ck_assert_int_eq(sock_send(from, text, len, NULL), len);
	stack_pair_run(net);
	ck_assert_int_eq(sock_recv(to, buf, sizeof(buf), NULL), len);
	ck_assert_int_eq(memcmp(buf, text, len), 0);
}

START_TEST(both_ends_go_on_afterwards)
{
	for (int i = 0; i < 3; i++) {
		wait_now(writer);
		fdnet_sock_direct_pass(writer, reader, 100000);
		crosses(writer, reader, "there");
		crosses(reader, writer, "and back");
		wait_now(reader);
		fdnet_sock_direct_pass(reader, writer, 7);
	}
	fdnet_sock_close(writer);
	writer = NULL;
	stack_pair_run(net);
	ck_assert_int_eq(sock_recv(reader, &(char){0}, 1, NULL), 0);
}
END_TEST

/* More than half of the sequence space, with hardly a packet in between. */
START_TEST(sequence_numbers_wrap)
{
	for (int i = 0; i < 1100; i++) {
		wait_now(writer);
		fdnet_sock_direct_pass(writer, reader, STEP);
		if (i % 100 == 50)
			crosses(reader, writer, "still there?");
		if (i % 260 == 200)
			crosses(writer, reader, "yes");
	}
	crosses(writer, reader, "there");
	crosses(reader, writer, "and back");
}
END_TEST

START_TEST(both_count_it)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);

	wait_now(writer);
	fdnet_sock_direct_pass(writer, reader, 5000);
	ck_assert_int_eq(fdnet_sock_getopt(writer, 6, TCP_INFO, &info, &len),
			 0);
	ck_assert_uint_eq(info.tcpi_bytes_acked, 5000);
	ck_assert_int_eq(fdnet_sock_getopt(reader, 6, TCP_INFO, &info, &len),
			 0);
	ck_assert_uint_eq(info.tcpi_bytes_received, 5000);
}
END_TEST

START_TEST(what_is_unread_comes_first)
{
	char buf[10];

	sock_send(writer, "first", 5, NULL);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_UNSENT);
	stack_pair_run(net);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_UNREAD);
	ck_assert_int_eq(sock_recv(reader, buf, sizeof(buf), NULL), 5);
	wait_now(writer);
}
END_TEST

START_TEST(a_corked_writer_is_left_alone)
{
	ck_assert_int_eq(sock_set_int(writer, 6, TCP_CORK, 1), 0);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_UNSENT);
	ck_assert_int_eq(sock_set_int(writer, 6, TCP_CORK, 0), 0);
	wait_now(writer);
}
END_TEST

START_TEST(a_reader_of_many_is_left_alone)
{
	ck_assert_int_eq(sock_set_int(reader, 1, 18 /* SO_RCVLOWAT */, 1000),
			 0);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_UNSENT);
}
END_TEST

START_TEST(an_urgent_byte_keeps_its_place)
{
	struct iovec iov = {(void *)"u", 1};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1, .ttl = -1, .tos = -1};

	msg.flags = FDNET_MSG_OOB;
	ck_assert_int_eq(fdnet_sock_send(writer, &msg), 1);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_UNSENT);
	stack_pair_run(net);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_UNSENT);
}
END_TEST

START_TEST(not_once_an_end_has_ended)
{
	fdnet_sock_shutdown(reader, FDNET_SHUT_WR);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_NEVER);
	ck_assert_int_eq(ask(reader), FDNET_DIRECT_NEVER);
	stack_pair_run(net);
	ck_assert_int_eq(ask(writer), FDNET_DIRECT_NEVER);
	crosses(writer, reader, "one way is open");
}
END_TEST

START_TEST(not_to_another_stack)
{
	struct fdnet_name at = name_of("10.0.0.2", PORT);
	struct fdnet_sock *there, *here, *child;

	there = sock_open(net->s[1], 4, FDNET_SOCK_STREAM, 6);
	sock_bind(there, "10.0.0.2", PORT);
	ck_assert_int_eq(fdnet_sock_listen(there, 1), 0);
	here = sock_open(net->s[0], 4, FDNET_SOCK_STREAM, 6);
	fdnet_sock_connect(here, &at);
	stack_pair_run(net);
	ck_assert_int_eq(fdnet_sock_accept(there, &child), 0);
	ck_assert_int_eq(ask(here), FDNET_DIRECT_NEVER);
	fdnet_sock_close(there);
	fdnet_sock_close(child);
	fdnet_sock_close(here);
}
END_TEST

START_TEST(not_for_datagrams)
{
	struct fdnet_sock *so = sock_open(net->s[0], 4, FDNET_SOCK_DGRAM, 17);

	ck_assert_int_eq(ask(so), FDNET_DIRECT_NEVER);
	fdnet_sock_close(so);
}
END_TEST

static Suite *tcp_direct_suite(void)
{
	Suite *suite = suite_create("tcp_direct");
	TCase *tc = tcase_create("direct");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, both_ends_go_on_afterwards);
	tcase_add_test(tc, sequence_numbers_wrap);
	tcase_add_test(tc, both_count_it);
	tcase_add_test(tc, what_is_unread_comes_first);
	tcase_add_test(tc, a_corked_writer_is_left_alone);
	tcase_add_test(tc, a_reader_of_many_is_left_alone);
	tcase_add_test(tc, an_urgent_byte_keeps_its_place);
	tcase_add_test(tc, not_once_an_end_has_ended);
	tcase_add_test(tc, not_to_another_stack);
	tcase_add_test(tc, not_for_datagrams);
	suite_add_tcase(suite, tc);
	return suite;
}

SUITE_MAIN(tcp_direct_suite)
