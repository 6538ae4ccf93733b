/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours, routers and routes: two stacks on an Ethernet. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/neigh.h"
#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv6.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

static const uint8_t macs[2][6] = {
	{ 2, 0, 0, 0, 0, 1 },
	{ 2, 0, 0, 0, 0, 2 },
};
static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };

static struct stack_pair *pair;
static struct fdnet_stack *stack;

static void setup(void)
{
	struct fdnet_stack_config cfg[2];
	int i;

	for (i = 0; i < 2; i++) {
		stack_pair_config(&cfg[i], i);
		cfg[i].ethernet = true;
		memcpy(cfg[i].link_addr, macs[i], 6);
	}
	pair = stack_pair_new(&cfg[0], &cfg[1]);
	stack = pair->s[0];
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static uint64_t counter(enum fdnet_stack_counter which)
{
	return fdnet_stack_counter(stack, which);
}

static struct fdnet_sock *udp(int side, int family, uint16_t port)
{
	struct fdnet_sock *so = sock_open(pair->s[side], family,
					  FDNET_SOCK_DGRAM, 17);

	if (port)
		sock_bind(so, family == 4 ? "0.0.0.0" : "::", port);
	return so;
}

/* What the stack sends next must be this kind of frame, to this address. */
static void expect_frame(uint16_t ethertype, const uint8_t dst[6])
{
	struct fdnet_pkt *pkt = fdnet_stack_output(stack);

	ck_assert_ptr_nonnull(pkt);
	ck_assert_uint_eq(pkt->ethertype, ethertype);
	ck_assert_mem_eq(pkt->link_dst, dst, 6);
	ck_assert_mem_eq(pkt->link_src, macs[0], 6);
	fdnet_pkt_free(pkt);
}

static void frame(uint16_t ethertype, const uint8_t dst[6], const void *data,
		  size_t len)
{
	struct fdnet_pkt *pkt = pkt_from_bytes(pair->pool, data, len);

	memcpy(pkt->link_dst, dst, 6);
	memcpy(pkt->link_src, macs[1], 6);
	pkt->ethertype = ethertype;
	fdnet_stack_input(stack, pkt);
}

static void arp(uint16_t op, const uint8_t *mac, const char *sender,
		const char *target)
{
	struct fdnet_arp a = { .op = op };
	uint8_t bytes[FDNET_ARP_LEN];

	memcpy(a.sender_mac, mac, 6);
	memcpy(a.sender_ip, name_of(sender, 0).ip.bytes, 4);
	memcpy(a.target_ip, name_of(target, 0).ip.bytes, 4);
	fdnet_arp_encode(bytes, &a);
	frame(FDNET_ETHERTYPE_ARP, broadcast, bytes, sizeof(bytes));
}

/* ---- finding ---- */

START_TEST(neighbours_are_found_and_remembered)
{
	struct fdnet_sock *a = udp(0, _i, 0), *b = udp(1, _i, 7);
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.2" : "fd00::2", 7);
	struct fdnet_name from;
	static char data[20000];
	unsigned int before;

	ck_assert_int_eq(sock_send(a, data, sizeof(data), &to), sizeof(data));
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, data, sizeof(data), &from),
			 sizeof(data));
	/* the question, and all fragments */
	before = pair->crossed[0];
	ck_assert_uint_eq(before, 15);
	ck_assert_uint_eq(pair->crossed[1], 1);
	ck_assert_int_eq(sock_send(b, data, 5, &from), 5);
	ck_assert_int_eq(sock_send(a, data, 5, &to), 5);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(a, data, 5, NULL), 5);
	ck_assert_uint_le(pair->crossed[0], before + 2);
}
END_TEST

START_TEST(questions_go_to_all_and_answers_to_one)
{
	struct fdnet_sock *a = udp(0, 4, 0);
	struct fdnet_name to = name_of("10.0.0.2", 7);

	sock_send(a, "x", 1, &to);
	expect_frame(FDNET_ETHERTYPE_ARP, broadcast);
	ck_assert_ptr_null(fdnet_stack_output(stack));
	arp(FDNET_ARP_REPLY, macs[1], "10.0.0.2", "10.0.0.1");
	expect_frame(FDNET_ETHERTYPE_IPV4, macs[1]);
	arp(FDNET_ARP_REQUEST, macs[1], "10.0.0.2", "10.0.0.1");
	expect_frame(FDNET_ETHERTYPE_ARP, macs[1]);
	/* somebody else's business */
	arp(FDNET_ARP_REQUEST, macs[1], "10.0.0.2", "10.0.0.9");
	ck_assert_ptr_null(fdnet_stack_output(stack));
}
END_TEST

START_TEST(groups_and_broadcasts_need_no_question)
{
	static const uint8_t group4[6] = { 1, 0, 0x5e, 1, 2, 3 };
	static const uint8_t group6[6] = { 0x33, 0x33, 0, 0, 0, 0xfb };
	struct fdnet_sock *a = udp(0, 4, 0), *a6 = udp(0, 6, 0);
	struct fdnet_name to = name_of("239.129.2.3", 7);

	sock_send(a, "x", 1, &to);
	expect_frame(FDNET_ETHERTYPE_IPV4, group4);
	to = name_of("ff02::fb", 7);
	sock_send(a6, "x", 1, &to);
	expect_frame(FDNET_ETHERTYPE_IPV6, group6);
	to = name_of("10.0.0.255", 7);
	sock_set_int(a, SOL_SOCKET, SO_BROADCAST, 1);
	sock_send(a, "x", 1, &to);
	expect_frame(FDNET_ETHERTYPE_IPV4, broadcast);
}
END_TEST

START_TEST(a_silent_neighbour_is_asked_three_times_and_given_up)
{
	struct fdnet_sock *a = udp(0, _i, 0);
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.9" : "fd00::9", 7);
	struct fdnet_msg msg = { .flags = FDNET_MSG_ERRQUEUE };

	sock_set_int(a, _i == 4 ? IPPROTO_IP : IPPROTO_IPV6,
		     _i == 4 ? IP_RECVERR : IPV6_RECVERR, 1);
	ck_assert_int_eq(fdnet_sock_connect(a, &to), 0);
	sock_send(a, "x", 1, NULL);
	stack_pair_pass(pair, 2900000);
	ck_assert_uint_eq(pair->crossed[0], 3);
	ck_assert_int_eq(sock_get_int(a, SOL_SOCKET, SO_ERROR), 0);
	stack_pair_pass(pair, 200000);
	ck_assert_uint_eq(counter(FDNET_C_NEIGH_FAILED), 1);
	ck_assert_int_eq(sock_get_int(a, SOL_SOCKET, SO_ERROR),
			 EHOSTUNREACH);
	ck_assert_int_eq(fdnet_sock_recv(a, &msg), 0);
	ck_assert_int_eq(msg.err.error, EHOSTUNREACH);
	/* and anew, should it wake up */
	sock_send(a, "x", 1, NULL);
	stack_pair_run(pair);
	ck_assert_uint_eq(pair->crossed[0], 4);
}
END_TEST

START_TEST(an_old_entry_is_confirmed_without_losing_packets)
{
	struct fdnet_sock *a = udp(0, 4, 0), *b = udp(1, 4, 7);
	struct fdnet_name to = name_of("10.0.0.2", 7);
	char c;

	sock_send(a, "x", 1, &to);
	stack_pair_run(pair);
	stack_pair_pass(pair, FDNET_NEIGH_REACHABLE_US + 1);
	sock_recv(b, &c, 1, NULL);
	sock_send(a, "y", 1, &to);
	/* the packet, and a question to the neighbour alone */
	expect_frame(FDNET_ETHERTYPE_IPV4, macs[1]);
	expect_frame(FDNET_ETHERTYPE_ARP, macs[1]);
	arp(FDNET_ARP_REPLY, macs[1], "10.0.0.2", "10.0.0.1");
	sock_send(a, "y", 1, &to);
	expect_frame(FDNET_ETHERTYPE_IPV4, macs[1]);
	ck_assert_ptr_null(fdnet_stack_output(stack));
}
END_TEST

START_TEST(the_table_has_an_end)
{
	struct fdnet_sock *a = udp(0, 4, 0);
	struct fdnet_name to = name_of("10.0.0.3", 7);
	struct fdnet_pkt *pkt;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		to.ip.bytes[3] = (uint8_t)(3 + i % 250);
		to.ip.bytes[2] = (uint8_t)(i / 250);
		to.ip.bytes[1] = 0;
		sock_send(a, "x", 1, &to);
		while ((pkt = fdnet_stack_output(stack)))
			fdnet_pkt_free(pkt);
	}
	ck_assert_uint_eq(counter(FDNET_C_NEIGH_LIMIT), 300 - FDNET_NEIGH_MAX);
}
END_TEST

START_TEST(the_queue_of_an_entry_has_an_end)
{
	struct fdnet_sock *a = udp(0, 4, 0), *b = udp(1, 4, 7);
	struct fdnet_name to = name_of("10.0.0.2", 7);
	struct fdnet_pkt *pkt;
	int i, n = 0;
	char c;

	for (i = 0; i < 100; i++) {
		c = (char)i;
		sock_send(a, &c, 1, &to);
		while ((pkt = fdnet_stack_output(stack)))
			fdnet_pkt_free(pkt);
	}
	arp(FDNET_ARP_REPLY, macs[1], "10.0.0.2", "10.0.0.1");
	stack_pair_run(pair);
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

	memcpy(a.sender_mac, macs[1], 6);
	memcpy(a.sender_ip, name_of("10.0.0.2", 0).ip.bytes, 4);
	memcpy(a.target_ip, name_of("10.0.0.1", 0).ip.bytes, 4);
	fdnet_arp_encode(bytes, &a);
	for (i = 0; i < sizeof(bytes); i++)
		frame(FDNET_ETHERTYPE_ARP, macs[0], bytes, i);
	for (i = 0; i < 8; i++) {
		bytes[i] ^= 0x10;
		frame(FDNET_ETHERTYPE_ARP, macs[0], bytes, sizeof(bytes));
		bytes[i] ^= 0x10;
	}
	ck_assert_uint_eq(counter(FDNET_C_ARP_BAD), FDNET_ARP_LEN + 8);
	ck_assert_ptr_null(fdnet_stack_output(stack));
	frame(FDNET_ETHERTYPE_ARP, macs[0], bytes, sizeof(bytes));
	expect_frame(FDNET_ETHERTYPE_ARP, macs[1]);
}
END_TEST

START_TEST(our_address_is_defended_now_and_then)
{
	arp(FDNET_ARP_REQUEST, macs[1], "10.0.0.1", "10.0.0.1");
	expect_frame(FDNET_ETHERTYPE_ARP, broadcast);
	arp(FDNET_ARP_REQUEST, macs[1], "10.0.0.1", "10.0.0.1");
	ck_assert_ptr_null(fdnet_stack_output(stack));
	ck_assert_uint_eq(counter(FDNET_C_ADDR_CONFLICT), 2);
	stack_pair_pass(pair, 10000000);
	arp(FDNET_ARP_REQUEST, macs[1], "10.0.0.1", "10.0.0.1");
	expect_frame(FDNET_ETHERTYPE_ARP, broadcast);
	/* a probe for it (RFC 5227) is answered */
	arp(FDNET_ARP_REQUEST, macs[1], "0.0.0.0", "10.0.0.1");
	expect_frame(FDNET_ETHERTYPE_ARP, macs[1]);
}
END_TEST

START_TEST(other_peoples_frames_are_dropped)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 9 };
	uint8_t ip[20] = { 0x45 };

	frame(FDNET_ETHERTYPE_IPV4, other, ip, sizeof(ip));
	frame(0x88cc, macs[0], ip, sizeof(ip));
	ck_assert_uint_eq(counter(FDNET_C_LINK_BAD), 2);
	ck_assert_uint_eq(counter(FDNET_C_IP_IN), 0);
}
END_TEST

START_TEST(no_error_is_sent_about_a_group_frame)
{
	struct fdnet_pkt *pkt;
	struct fdnet_sock *b = udp(1, 4, 0);
	struct fdnet_name to = name_of("10.0.0.1", 9);

	/* a unicast packet in a broadcast frame: RFC 1122 3.2.2 */
	arp(FDNET_ARP_REQUEST, macs[1], "10.0.0.2", "10.0.0.1");
	while ((pkt = fdnet_stack_output(stack)))
		fdnet_pkt_free(pkt);
	sock_send(b, "x", 1, &to);
	pkt = fdnet_stack_output(pair->s[1]);
	fdnet_pkt_free(pkt); /* its question */
	stack_pair_pass(pair, 0);
	ck_assert_uint_eq(counter(FDNET_C_ICMP_OUT), 0);
}
END_TEST

/* ---- routers ---- */

START_TEST(other_networks_are_behind_the_gateway)
{
	struct fdnet_sock *a = udp(0, 4, 0);
	struct fdnet_name any = name_of("0.0.0.0", 0);
	struct fdnet_name gw = name_of("10.0.0.2", 0);
	struct fdnet_name net = name_of("192.168.0.0", 0);
	struct fdnet_name far = name_of("8.8.8.8", 53);
	struct fdnet_name other = name_of("192.168.7.7", 53);
	struct fdnet_name near = name_of("10.0.0.3", 53);
	struct fdnet_name group = name_of("224.0.0.9", 53);

	ck_assert_int_eq(fdnet_stack_add_route(stack, &net.ip, 16, &gw.ip), 0);
	ck_assert_int_eq(fdnet_stack_add_route(stack, &net.ip, 16, &gw.ip),
			 -EEXIST);
	ck_assert_int_eq(sock_send(a, "x", 1, &far), -ENETUNREACH);
	ck_assert_int_eq(fdnet_stack_add_route(stack, &any.ip, 0, &gw.ip), 0);
	arp(FDNET_ARP_REPLY, macs[1], "10.0.0.2", "10.0.0.1");
	ck_assert_int_eq(sock_send(a, "x", 1, &far), 1);
	expect_frame(FDNET_ETHERTYPE_IPV4, macs[1]);
	ck_assert_int_eq(sock_send(a, "x", 1, &other), 1);
	expect_frame(FDNET_ETHERTYPE_IPV4, macs[1]);
	/* a neighbour is asked itself */
	ck_assert_int_eq(sock_send(a, "x", 1, &near), 1);
	expect_frame(FDNET_ETHERTYPE_ARP, broadcast);
	/* a group is not the gateway's business */
	ck_assert_int_eq(sock_send(a, "x", 1, &group), 1);
	expect_frame(FDNET_ETHERTYPE_IPV4,
		     (const uint8_t[]){ 1, 0, 0x5e, 0, 0, 9 });
	ck_assert_int_eq(fdnet_stack_del_route(stack, &any.ip, 0), 0);
	ck_assert_int_eq(fdnet_stack_del_route(stack, &any.ip, 0), -ESRCH);
	ck_assert_int_eq(sock_send(a, "x", 1, &far), -ENETUNREACH);
}
END_TEST

START_TEST(routes_are_checked)
{
	struct fdnet_name net = name_of("192.168.0.0", 0);
	struct fdnet_name gw6 = name_of("fd00::2", 0);
	struct fdnet_name own = name_of("10.0.0.1", 0);
	int i, rc = 0;

	ck_assert_int_eq(fdnet_stack_add_route(stack, &net.ip, 33, NULL),
			 -EINVAL);
	ck_assert_int_eq(fdnet_stack_add_route(stack, &net.ip, 16, &gw6.ip),
			 -EINVAL);
	ck_assert_int_eq(fdnet_stack_add_route(stack, &net.ip, 16, &own.ip),
			 -EINVAL);
	for (i = 0; i < 100 && !rc; i++) {
		net.ip.bytes[1] = (uint8_t)i;
		rc = fdnet_stack_add_route(stack, &net.ip, 16, NULL);
	}
	ck_assert_int_eq(rc, -ENOSPC);
}
END_TEST

/* A router's advertisement, or a part of it, from @src with @hops. */
static void advertise(const char *src, uint8_t hops, uint16_t lifetime_s,
		      size_t len)
{
	uint8_t p[40 + 16 + 8 + 32] = { 0 };
	struct fdnet_name s = name_of(src, 0), d = name_of("ff02::1", 0);
	struct fdnet_ipv6 hdr = {
		.payload_len = (uint16_t)(len - 40),
		.next = 58,
		.hops = hops,
	};
	uint8_t *ra = p + 40, *opt = ra + 16;

	memcpy(hdr.src, s.ip.bytes, 16);
	memcpy(hdr.dst, d.ip.bytes, 16);
	fdnet_ipv6_encode(p, &hdr);
	ra[0] = 134;
	fdnet_put16(ra + 6, lifetime_s);
	opt[0] = 1;
	opt[1] = 1;
	memcpy(opt + 2, macs[1], 6);
	opt += 8;
	opt[0] = 3;
	opt[1] = 4;
	opt[2] = 64;
	opt[3] = 0xc0;
	fdnet_put32(opt + 4, 3600);
	fdnet_put32(opt + 8, 3600);
	memcpy(opt + 16, name_of("2001:db8::", 0).ip.bytes, 16);
	fdnet_csum_store(ra + 2,
			 fdnet_csum_add(fdnet_pseudo_csum(&s.ip, &d.ip, 58,
							  (uint32_t)len - 40),
					ra, len - 40));
	frame(FDNET_ETHERTYPE_IPV6, (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 },
	      p, len);
}

START_TEST(a_router_gives_a_way_and_an_address)
{
	struct fdnet_sock *a = udp(0, 6, 0);
	struct fdnet_name far = name_of("2001:db8:9::1", 53);
	struct fdnet_name own = name_of("2001:db8::ff:fe00:1", 0);
	struct fdnet_name any = name_of("::", 0);
	size_t len;

	/* cut short, from afar, or not from a router: nothing */
	for (len = 40; len < 96; len++)
		if (len < 56)
			advertise("fe80::2", 255, 1800, len);
	advertise("fe80::2", 254, 1800, 96);
	advertise("fd00::2", 255, 1800, 96);
	ck_assert(!fdnet_stack_is_local(stack, &own.ip));
	ck_assert_int_eq(fdnet_stack_del_route(stack, &any.ip, 0), -ESRCH);
	advertise("fe80::2", 255, 1800, 96);
	ck_assert(fdnet_stack_is_local(stack, &own.ip));
	ck_assert_int_eq(sock_send(a, "x", 1, &far), 1);
	expect_frame(FDNET_ETHERTYPE_IPV6, macs[1]);
	/* and takes the way back */
	advertise("fe80::2", 255, 0, 96);
	ck_assert_int_eq(fdnet_stack_del_route(stack, &any.ip, 0), -ESRCH);
}
END_TEST

static Suite *neigh_suite(void)
{
	Suite *s = suite_create("neigh");
	TCase *tc = tcase_create("neigh");

	tcase_add_checked_fixture(tc, setup, teardown);
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
	tcase_add_test(tc, an_old_entry_is_confirmed_without_losing_packets);
	tcase_add_test(tc, the_table_has_an_end);
	tcase_add_test(tc, the_queue_of_an_entry_has_an_end);
	tcase_add_test(tc, broken_arp_is_dropped);
	tcase_add_test(tc, our_address_is_defended_now_and_then);
	tcase_add_test(tc, other_peoples_frames_are_dropped);
	tcase_add_test(tc, no_error_is_sent_about_a_group_frame);
	tcase_add_test(tc, other_networks_are_behind_the_gateway);
	tcase_add_test(tc, routes_are_checked);
	tcase_add_test(tc, a_router_gives_a_way_and_an_address);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(neigh_suite)
