/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours: two stacks on an Ethernet. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/neigh.h"
#include "stack/wire/arp.h"
#include "stack/wire/icmp.h"
#include "tests/ether_net.h"
#include "tests/suite_main.h"

/* ---- finding ---- */

START_TEST(neighbours_are_found_and_remembered)
{
	struct fdnet_sock *a = ether_udp(0, _i, 0), *b = ether_udp(1, _i, 7);
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.2" : "fd00::2", 7);
	struct fdnet_name from;
	static char data[20000];
	unsigned int before;

	ck_assert_int_eq(sock_send(a, data, sizeof(data), &to), sizeof(data));
	stack_pair_run(ether_pair);
	ck_assert_int_eq(sock_recv(b, data, sizeof(data), &from),
			 sizeof(data));
	/* the question, and all fragments */
	before = ether_pair->crossed[0];
	ck_assert_uint_eq(before, 15);
	ck_assert_uint_eq(ether_pair->crossed[1], 1);
	ck_assert_int_eq(sock_send(b, data, 5, &from), 5);
	ck_assert_int_eq(sock_send(a, data, 5, &to), 5);
	stack_pair_run(ether_pair);
	ck_assert_int_eq(sock_recv(a, data, 5, NULL), 5);
	ck_assert_uint_le(ether_pair->crossed[0], before + 2);
}
END_TEST

START_TEST(questions_go_to_all_and_answers_to_one)
{
	struct fdnet_sock *a = ether_udp(0, 4, 0);
	struct fdnet_name to = name_of("10.0.0.2", 7);

	sock_send(a, "x", 1, &to);
	ether_expect(FDNET_ETHERTYPE_ARP, ether_everybody);
	ck_assert_ptr_null(fdnet_stack_output(ether_stack));
	ether_arp(FDNET_ARP_REPLY, ether_macs[1], "10.0.0.2", "10.0.0.1");
	ether_expect(FDNET_ETHERTYPE_IPV4, ether_macs[1]);
	ether_arp(FDNET_ARP_REQUEST, ether_macs[1], "10.0.0.2", "10.0.0.1");
	ether_expect(FDNET_ETHERTYPE_ARP, ether_macs[1]);
	/* somebody else's business */
	ether_arp(FDNET_ARP_REQUEST, ether_macs[1], "10.0.0.2", "10.0.0.9");
	ck_assert_ptr_null(fdnet_stack_output(ether_stack));
}
END_TEST

START_TEST(groups_and_broadcasts_need_no_question)
{
	static const uint8_t group4[6] = { 1, 0, 0x5e, 1, 2, 3 };
	static const uint8_t group6[6] = { 0x33, 0x33, 0, 0, 0, 0xfb };
	struct fdnet_sock *a = ether_udp(0, 4, 0), *a6 = ether_udp(0, 6, 0);
	struct fdnet_name to = name_of("239.129.2.3", 7);

	sock_send(a, "x", 1, &to);
	ether_expect(FDNET_ETHERTYPE_IPV4, group4);
	to = name_of("ff02::fb", 7);
	sock_send(a6, "x", 1, &to);
	ether_expect(FDNET_ETHERTYPE_IPV6, group6);
	to = name_of("10.0.0.255", 7);
	sock_set_int(a, SOL_SOCKET, SO_BROADCAST, 1);
	sock_send(a, "x", 1, &to);
	ether_expect(FDNET_ETHERTYPE_IPV4, ether_everybody);
}
END_TEST

START_TEST(a_silent_neighbour_is_asked_three_times_and_given_up)
{
	struct fdnet_sock *a = ether_udp(0, _i, 0);
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.9" : "fd00::9", 7);
	struct fdnet_msg msg = { .flags = FDNET_MSG_ERRQUEUE };

	sock_set_int(a, _i == 4 ? IPPROTO_IP : IPPROTO_IPV6,
		     _i == 4 ? IP_RECVERR : IPV6_RECVERR, 1);
	ck_assert_int_eq(fdnet_sock_connect(a, &to), 0);
	sock_send(a, "x", 1, NULL);
	stack_pair_pass(ether_pair, 2900000);
	ck_assert_uint_eq(ether_pair->crossed[0], 3);
	ck_assert_int_eq(sock_get_int(a, SOL_SOCKET, SO_ERROR), 0);
	stack_pair_pass(ether_pair, 200000);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 1);
	ck_assert_int_eq(sock_get_int(a, SOL_SOCKET, SO_ERROR),
			 EHOSTUNREACH);
	ck_assert_int_eq(fdnet_sock_recv(a, &msg), 0);
	ck_assert_int_eq(msg.err.error, EHOSTUNREACH);
	/* and anew, should it wake up */
	sock_send(a, "x", 1, NULL);
	stack_pair_run(ether_pair);
	ck_assert_uint_eq(ether_pair->crossed[0], 4);
}
END_TEST

START_TEST(the_table_has_an_end)
{
	struct fdnet_sock *a = ether_udp(0, 4, 0);
	struct fdnet_name to = name_of("10.0.0.3", 7);
	struct fdnet_pkt *pkt;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		to.ip.bytes[3] = (uint8_t)(3 + i % 250);
		to.ip.bytes[2] = (uint8_t)(i / 250);
		to.ip.bytes[1] = 0;
		sock_send(a, "x", 1, &to);
		while ((pkt = fdnet_stack_output(ether_stack)))
			fdnet_pkt_free(pkt);
	}
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_LIMIT), 300 - 256);
}
END_TEST

START_TEST(the_queue_of_an_entry_has_an_end)
{
	struct fdnet_sock *a = ether_udp(0, 4, 0), *b = ether_udp(1, 4, 7);
	struct fdnet_name to = name_of("10.0.0.2", 7);
	struct fdnet_pkt *pkt;
	int i, n = 0;
	char c;

	for (i = 0; i < 100; i++) {
		c = (char)i;
		sock_send(a, &c, 1, &to);
		while ((pkt = fdnet_stack_output(ether_stack)))
			fdnet_pkt_free(pkt);
	}
	ether_arp(FDNET_ARP_REPLY, ether_macs[1], "10.0.0.2", "10.0.0.1");
	stack_pair_run(ether_pair);
	/* the latest are kept */
	while (sock_recv(b, &c, 1, NULL) == 1)
		ck_assert_int_eq(c, 100 - FDNET_NEIGH_QUEUE + n++);
	ck_assert_int_eq(n, FDNET_NEIGH_QUEUE);
}
END_TEST

/* ---- hearing ---- */

START_TEST(broken_arp_is_dropped)
{
	struct fdnet_arp a = { .op = FDNET_ARP_REQUEST };
	uint8_t bytes[FDNET_ARP_LEN];
	size_t i;

	memcpy(a.sender_mac, ether_macs[1], 6);
	memcpy(a.sender_ip, name_of("10.0.0.2", 0).ip.bytes, 4);
	memcpy(a.target_ip, name_of("10.0.0.1", 0).ip.bytes, 4);
	fdnet_arp_encode(bytes, &a);
	for (i = 0; i < sizeof(bytes); i++)
		ether_frame(FDNET_ETHERTYPE_ARP, ether_macs[0], bytes, i);
	for (i = 0; i < 8; i++) {
		bytes[i] ^= 0x10;
		ether_frame(FDNET_ETHERTYPE_ARP, ether_macs[0], bytes, sizeof(bytes));
		bytes[i] ^= 0x10;
	}
	ck_assert_uint_eq(ether_counter(FDNET_C_ARP_BAD), FDNET_ARP_LEN + 8);
	ck_assert_ptr_null(fdnet_stack_output(ether_stack));
	ether_frame(FDNET_ETHERTYPE_ARP, ether_macs[0], bytes, sizeof(bytes));
	ether_expect(FDNET_ETHERTYPE_ARP, ether_macs[1]);
}
END_TEST

START_TEST(our_address_is_defended_now_and_then)
{
	ether_arp(FDNET_ARP_REQUEST, ether_macs[1], "10.0.0.1", "10.0.0.1");
	ether_expect(FDNET_ETHERTYPE_ARP, ether_everybody);
	ether_arp(FDNET_ARP_REQUEST, ether_macs[1], "10.0.0.1", "10.0.0.1");
	ck_assert_ptr_null(fdnet_stack_output(ether_stack));
	ck_assert_uint_eq(ether_counter(FDNET_C_ADDR_CONFLICT), 2);
	stack_pair_pass(ether_pair, 10000000);
	ether_arp(FDNET_ARP_REQUEST, ether_macs[1], "10.0.0.1", "10.0.0.1");
	ether_expect(FDNET_ETHERTYPE_ARP, ether_everybody);
	/* a probe for it (RFC 5227) is answered */
	ether_arp(FDNET_ARP_REQUEST, ether_macs[1], "0.0.0.0", "10.0.0.1");
	ether_expect(FDNET_ETHERTYPE_ARP, ether_macs[1]);
}
END_TEST

START_TEST(other_peoples_frames_are_dropped)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 9 };
	uint8_t ip[20] = { 0x45 };

	ether_frame(FDNET_ETHERTYPE_IPV4, other, ip, sizeof(ip));
	ether_frame(0x88cc, ether_macs[0], ip, sizeof(ip));
	ck_assert_uint_eq(ether_counter(FDNET_C_LINK_BAD), 2);
	ck_assert_uint_eq(ether_counter(FDNET_C_IP_IN), 0);
}
END_TEST

START_TEST(no_error_is_sent_about_a_group_frame)
{
	struct fdnet_pkt *pkt;
	struct fdnet_sock *b = ether_udp(1, 4, 0);
	struct fdnet_name to = name_of("10.0.0.1", 9);

	/* a unicast packet in a ether_everybody ether_frame: RFC 1122 3.2.2 */
	ether_arp(FDNET_ARP_REQUEST, ether_macs[1], "10.0.0.2", "10.0.0.1");
	while ((pkt = fdnet_stack_output(ether_stack)))
		fdnet_pkt_free(pkt);
	sock_send(b, "x", 1, &to);
	pkt = fdnet_stack_output(ether_pair->s[1]);
	fdnet_pkt_free(pkt); /* its question */
	stack_pair_pass(ether_pair, 0);
	ck_assert_uint_eq(ether_counter(FDNET_C_ICMP_OUT), 0);
}
END_TEST

/* ---- is it still there? ---- */

/* Side 0 has an entry for 10.0.0.2 or fd00::2 that nobody has confirmed for
 * long; the packet just sent is the first since. */
static struct fdnet_sock *old_entry(int family)
{
	struct fdnet_name to = name_of(family == 4 ? "10.0.0.2" : "fd00::2",
				       7);
	struct fdnet_sock *so = ether_udp(0, family, 0);

	ether_udp(1, family, 7);
	ck_assert_int_eq(fdnet_sock_connect(so, &to), 0);
	sock_send(so, "x", 1, NULL);
	stack_pair_run(ether_pair);
	stack_pair_pass(ether_pair, 2 * FDNET_NEIGH_REACHABLE_US);
	sock_send(so, "y", 1, NULL);
	ether_expect(family == 4 ? FDNET_ETHERTYPE_IPV4 : FDNET_ETHERTYPE_IPV6,
		     ether_macs[1]);
	ether_expect_none();
	return so;
}

static bool count_questions(void *arg, int from, struct fdnet_pkt *pkt)
{
	unsigned int *n = arg;

	if (!from && pkt->ethertype == FDNET_ETHERTYPE_ARP)
		*n += pkt->data[7] == FDNET_ARP_REQUEST;
	else if (!from && pkt->ethertype == FDNET_ETHERTYPE_IPV6)
		*n += pkt->data[40] == FDNET_ND_NS;
	return true;
}

/* How often does side 0 ask? */
static unsigned int asked_within(uint64_t us)
{
	unsigned int n = 0;

	ether_pair->filter = count_questions;
	ether_pair->filter_arg = &n;
	stack_pair_pass(ether_pair, us);
	ether_pair->filter = NULL;
	return n;
}

START_TEST(an_old_entry_is_asked_after_a_delay)
{
	old_entry(_i);
	ck_assert_uint_eq(asked_within(FDNET_NEIGH_DELAY_US - 1), 0);
	ck_assert_uint_eq(asked_within(1), 1);
	/* and the answer holds */
	ck_assert_uint_eq(asked_within(FDNET_NEIGH_REACHABLE_US / 3), 0);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 0);
}
END_TEST

START_TEST(a_confirmed_entry_is_not_asked)
{
	struct fdnet_sock *so = old_entry(_i);
	struct fdnet_msg msg = { .iovcnt = 0, .flags = FDNET_MSG_CONFIRM };

	stack_pair_pass(ether_pair, FDNET_NEIGH_DELAY_US / 2);
	ck_assert_int_eq(fdnet_sock_send(so, &msg), 0);
	ck_assert_uint_eq(asked_within(FDNET_NEIGH_REACHABLE_US / 3), 0);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 0);
}
END_TEST

static bool drop_questions(void *arg, int from, struct fdnet_pkt *pkt)
{
	unsigned int *questions = arg;
	bool is_question = pkt->ethertype == FDNET_ETHERTYPE_ARP ||
			   (pkt->ethertype == FDNET_ETHERTYPE_IPV6 &&
			    pkt->data[6] == 58);

	*questions += is_question;
	return !is_question;
}

/* A transfer in either direction for minutes without one question. */
START_TEST(the_progress_of_a_stream_is_a_confirmation)
{
	int family = _i & 4 ? 4 : 6, sender = _i & 1;
	struct fdnet_sock *so[2], *listener;
	struct fdnet_name to = name_of(family == 4 ? "10.0.0.2" : "fd00::2",
				       80);
	unsigned int questions = 0;
	char data[100];
	int i;

	listener = sock_open(ether_pair->s[1], family, FDNET_SOCK_STREAM, 6);
	sock_bind(listener, family == 4 ? "0.0.0.0" : "::", 80);
	ck_assert_int_eq(fdnet_sock_listen(listener, 1), 0);
	so[0] = sock_open(ether_stack, family, FDNET_SOCK_STREAM, 6);
	ck_assert_int_eq(fdnet_sock_connect(so[0], &to), -EINPROGRESS);
	stack_pair_pass(ether_pair, 100000);
	ck_assert_int_eq(fdnet_sock_accept(listener, &so[1]), 0);
	ether_pair->filter = drop_questions;
	ether_pair->filter_arg = &questions;
	for (i = 0; i < 60; i++) {
		ck_assert_int_eq(sock_send(so[sender], data, sizeof(data),
					   NULL), sizeof(data));
		stack_pair_pass(ether_pair, 4000000);
		ck_assert_int_eq(sock_recv(so[!sender], data, sizeof(data),
					   NULL), sizeof(data));
	}
	ck_assert_uint_eq(questions, 0);
	ether_pair->filter = NULL;
}
END_TEST

/* RFC 4861 7.2.5: what an advertisement does to an entry. */
static const struct {
	const char *label;
	bool known; /* the entry had an address, which was confirmed */
	uint8_t flags;
	int mac; /* -1: none told; 0: the known one; 1: another */
	enum fdnet_neigh_state after;
	bool moved; /* the other address is used */
} adverts[] = {
	{ "answer", false, 0x60, 0, FDNET_NEIGH_REACHABLE, false },
	{ "unasked", false, 0x20, 0, FDNET_NEIGH_STALE, false },
	{ "nothing to learn", false, 0x60, -1, FDNET_NEIGH_INCOMPLETE, false },
	{ "proxy", true, 0x40, 1, FDNET_NEIGH_STALE, false },
	{ "moved", true, 0x20, 1, FDNET_NEIGH_STALE, true },
	{ "moved, answer", true, 0x60, 1, FDNET_NEIGH_REACHABLE, true },
	{ "the same", true, 0x20, 0, FDNET_NEIGH_REACHABLE, false },
	{ "answer without address", true, 0x40, -1, FDNET_NEIGH_REACHABLE,
	  false },
};

START_TEST(an_advertisement_does_as_the_rfc_says)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 7 };
	struct fdnet_name to = name_of("fd00::2", 7);
	struct fdnet_sock *a = ether_udp(0, 6, 0);
	struct fdnet_neigh *e;

	sock_send(a, "x", 1, &to);
	ether_drain();
	e = &ether_stack->neighs.entries[0];
	if (adverts[_i].known)
		ether_advert("fd00::2", 0x60, ether_macs[1]);
	ether_drain();
	ether_advert("fd00::2", adverts[_i].flags,
		     adverts[_i].mac < 0 ? NULL :
		     adverts[_i].mac	 ? other :
					   ether_macs[1]);
	ck_assert_msg(e->state == adverts[_i].after, "%s: state %d",
		      adverts[_i].label, e->state);
	if (e->state != FDNET_NEIGH_INCOMPLETE)
		ck_assert_mem_eq(e->mac, adverts[_i].moved ? other :
							     ether_macs[1], 6);
	/* a group address is nobody's */
	ether_advert("fd00::2", 0x60, ether_everybody);
	ck_assert_mem_ne(e->mac, ether_everybody, 6);
}
END_TEST

static Suite *neigh_suite(void)
{
	Suite *s = suite_create("neigh");
	TCase *tc = tcase_create("neigh");

	tcase_add_checked_fixture(tc, ether_setup, ether_teardown);
	tcase_add_loop_test(tc, neighbours_are_found_and_remembered, 4, 5);
	tcase_add_loop_test(tc, neighbours_are_found_and_remembered, 6, 7);
	tcase_add_test(tc, questions_go_to_all_and_answers_to_one);
	tcase_add_test(tc, groups_and_broadcasts_need_no_question);
	tcase_add_loop_test(
		tc, a_silent_neighbour_is_asked_three_times_and_given_up, 4,
		5);
	tcase_add_loop_test(
		tc, a_silent_neighbour_is_asked_three_times_and_given_up, 6,
		7);
	tcase_add_loop_test(tc, an_old_entry_is_asked_after_a_delay, 4, 5);
	tcase_add_loop_test(tc, an_old_entry_is_asked_after_a_delay, 6, 7);
	tcase_add_loop_test(tc, a_confirmed_entry_is_not_asked, 4, 5);
	tcase_add_loop_test(tc, a_confirmed_entry_is_not_asked, 6, 7);
	tcase_add_loop_test(tc, the_progress_of_a_stream_is_a_confirmation, 2,
			    6);
	tcase_add_loop_test(tc, an_advertisement_does_as_the_rfc_says, 0,
			    sizeof(adverts) / sizeof(adverts[0]));
	tcase_add_test(tc, the_table_has_an_end);
	tcase_add_test(tc, the_queue_of_an_entry_has_an_end);
	tcase_add_test(tc, broken_arp_is_dropped);
	tcase_add_test(tc, our_address_is_defended_now_and_then);
	tcase_add_test(tc, other_peoples_frames_are_dropped);
	tcase_add_test(tc, no_error_is_sent_about_a_group_frame);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(neigh_suite)
