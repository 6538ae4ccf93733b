/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP client, and a server made of a table on the other side. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/object.h"
#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/dhcp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/udp.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define SEC	1000000ull
#define MASK	0xffffff00u
#define SERVER	0x0a0000fe /* 10.0.0.254 */
#define ROUTER	0x0a0000fd
#define GIVEN	0x0a000032 /* 10.0.0.50 */
#define LEASE_S 1000u

static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 1 },
				    { 2, 0, 0, 0, 0, 2 } };
static struct fdnet_mem mem;
static struct fdnet_pkt_pool *pool;
static struct fdnet_stack *stack;
static uint64_t now_us;

/* What the client sent last, and where to. */
static struct fdnet_dhcp_msg asked;
static uint32_t asked_dst, asked_src;
static unsigned int messages;
static bool answers_arp; /* somebody has GIVEN */

static void setup(void)
{
	struct fdnet_stack_config cfg;

	mem = *fdnet_mem_libc();
	pool = fdnet_pkt_pool_new(&mem, 16, 0);
	fdnet_stack_config_init(&cfg);
	cfg.mem = &mem;
	cfg.pool = pool;
	cfg.mtu = 1500;
	cfg.ethernet = true;
	memcpy(cfg.link_addr, macs[0], 6);
	now_us = 5 * SEC;
	ck_assert_int_eq(fdnet_stack_new(&cfg, now_us, &stack), 0);
	ck_assert_int_eq(fdnet_stack_dhcp_start(stack), 0);
	memset(&asked, 0, sizeof(asked));
	messages = 0;
	answers_arp = false;
}

static void teardown(void)
{
	fdnet_stack_free(stack);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}

static void frame(uint16_t ethertype, const uint8_t *p, size_t len)
{
	struct fdnet_pkt *pkt = pkt_from_bytes(pool, p, len);

	pkt->ethertype = ethertype;
	memcpy(pkt->link_src, macs[1], 6);
	memset(pkt->link_dst, 0xff, 6);
	fdnet_stack_input(stack, pkt);
}

/* ---- the server ---- */

/* What the options of a message are, in the order of their numbers. */
struct reply {
	uint8_t type;
	uint32_t yiaddr, server, mask, router, lease_s, t1_s, t2_s;
	uint16_t mtu;
	bool other_xid, other_mac;
};

static const struct reply offer = { FDNET_DHCP_OFFER, GIVEN, SERVER, MASK,
				    ROUTER, LEASE_S };

static uint8_t *option(uint8_t *p, uint8_t code, uint32_t value, uint8_t len)
{
	uint8_t bytes[4];

	if (!value)
		return p;
	fdnet_put32(bytes, value);
	p[0] = code;
	p[1] = len;
	memcpy(p + 2, bytes + 4 - len, len);
	return p + 2 + len;
}

static size_t encode(uint8_t *p, const struct reply *r)
{
	uint8_t *o = p + 240;

	memset(p, 0, 300);
	p[0] = 2;
	p[1] = 1;
	p[2] = 6;
	fdnet_put32(p + 4, asked.xid + r->other_xid);
	fdnet_put32(p + 16, r->yiaddr);
	memcpy(p + 28, macs[0], 6);
	p[33] += r->other_mac;
	fdnet_put32(p + 236, 0x63825363);
	o = option(o, 53, r->type, 1);
	o = option(o, 54, r->server, 4);
	o = option(o, 1, r->mask, 4);
	*o++ = 0; /* padding */
	o = option(o, 3, r->router, 4);
	o = option(o, 6, 0x08080808, 4);
	o = option(o, 26, r->mtu, 2);
	o = option(o, 51, r->lease_s, 4);
	o = option(o, 58, r->t1_s, 4);
	o = option(o, 59, r->t2_s, 4);
	*o++ = 255;
	return (size_t)(o - p);
}

static void send_bytes(const uint8_t *dhcp, size_t len)
{
	uint8_t p[28 + 400];
	struct fdnet_ip src = fdnet_ip4(SERVER), dst = fdnet_ip4(0xffffffff);
	struct fdnet_udp udp = { 67, 68, (uint16_t)(8 + len) };
	struct fdnet_ipv4 hdr = { .hdr_len = 20,
				  .total_len = (uint16_t)(28 + len),
				  .ttl = 64,
				  .proto = 17 };

	memcpy(hdr.src, src.bytes, 4);
	memcpy(hdr.dst, dst.bytes, 4);
	fdnet_ipv4_encode(p, &hdr);
	fdnet_udp_encode(p + 20, &udp);
	memcpy(p + 28, dhcp, len);
	fdnet_csum_store(p + 26,
			 fdnet_csum_add(fdnet_pseudo_csum(&src, &dst, 17,
							  (uint32_t)len + 8),
					p + 20, len + 8));
	frame(FDNET_ETHERTYPE_IPV4, p, 28 + len);
}

static void reply(const struct reply *r)
{
	uint8_t p[400];

	send_bytes(p, encode(p, r));
}

static void reply_as(uint8_t type)
{
	struct reply r = offer;

	r.type = type;
	reply(&r);
}

/* ---- the link ---- */

static void note_dhcp(const uint8_t *p, size_t len)
{
	struct fdnet_dhcp_msg msg = { 0 };
	const uint8_t *o;

	if (len != 28 + 300 || p[9] != 17 || fdnet_get16(p + 22) != 67)
		return;
	ck_assert_uint_eq(fdnet_get16(p + 20), 68);
	asked_src = fdnet_get32(p + 12);
	asked_dst = fdnet_get32(p + 16);
	p += 28;
	ck_assert_uint_eq(p[0], 1);
	ck_assert_mem_eq(p + 28, macs[0], 6);
	msg.xid = fdnet_get32(p + 4);
	msg.secs = fdnet_get16(p + 8);
	msg.broadcast = p[10] & 0x80;
	msg.ciaddr = fdnet_get32(p + 12);
	for (o = p + 240; *o != 255; o += 2 + o[1]) {
		if (*o == 53)
			msg.type = o[2];
		else if (*o == 50)
			msg.requested = fdnet_get32(o + 2);
		else if (*o == 54)
			msg.server = fdnet_get32(o + 2);
	}
	asked = msg;
	messages++;
}

static void answer_arp(const uint8_t *p, size_t len)
{
	struct fdnet_arp arp, back = { .op = FDNET_ARP_REPLY };
	uint8_t out[FDNET_ARP_LEN];

	if (fdnet_arp_decode(p, (uint32_t)len, &arp) ||
	    arp.op != FDNET_ARP_REQUEST)
		return;
	if (fdnet_get32(arp.target_ip) == GIVEN && !answers_arp)
		return;
	memcpy(back.sender_mac, macs[1], 6);
	memcpy(back.sender_ip, arp.target_ip, 4);
	memcpy(back.target_mac, arp.sender_mac, 6);
	memcpy(back.target_ip, arp.sender_ip, 4);
	fdnet_arp_encode(out, &back);
	frame(FDNET_ETHERTYPE_ARP, out, sizeof(out));
}

static void drain(void)
{
	struct fdnet_pkt *pkt;
	uint8_t p[2000];
	size_t len;
	uint16_t type;

	while ((pkt = fdnet_stack_output(stack))) {
		len = fdnet_pkt_copy_out(pkt, 0, p, sizeof(p));
		type = pkt->ethertype;
		fdnet_pkt_free(pkt);
		if (type == FDNET_ETHERTYPE_ARP)
			answer_arp(p, len);
		else
			note_dhcp(p, len);
	}
}

/* Let time go by; returns how many messages the client sent. */
static unsigned int pass(uint64_t us)
{
	uint64_t end = now_us + us, next;
	unsigned int before = messages;

	for (;;) {
		next = fdnet_stack_expiry(stack);
		now_us = next > end ? end : next > now_us ? next : now_us;
		fdnet_stack_set_time(stack, now_us);
		fdnet_stack_advance(stack);
		drain();
		if (next > end)
			return messages - before;
	}
}

static bool has_address(void)
{
	struct fdnet_ip ip = fdnet_ip4(GIVEN);

	return fdnet_stack_is_local(stack, &ip);
}

static bool has_route(void)
{
	struct fdnet_ip far = fdnet_ip4(0x08080808), hop;

	return !fdnet_route_find(stack, &far, &hop) &&
	       fdnet_get32(hop.bytes) == ROUTER;
}

static void get_lease_as(const struct reply *r)
{
	struct reply ack = *r;

	pass(SEC);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DISCOVER);
	reply(r);
	drain();
	ck_assert_uint_eq(asked.type, FDNET_DHCP_REQUEST);
	ack.type = FDNET_DHCP_ACK;
	reply(&ack);
	pass(10 * SEC); /* it is probed */
}

/* ---- tests ---- */

START_TEST(an_address_is_asked_for_probed_and_used)
{
	struct fdnet_lease lease;
	struct fdnet_ip server = fdnet_ip4(SERVER), dns = fdnet_ip4(0x08080808);

	ck_assert_int_eq(fdnet_stack_dhcp_start(stack), -EALREADY);
	ck_assert_int_eq(fdnet_stack_dhcp_lease(stack, &lease), -EINPROGRESS);
	ck_assert_uint_eq(pass(SEC), 1);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DISCOVER);
	ck_assert_uint_eq(asked_dst, 0xffffffff);
	ck_assert_uint_eq(asked_src, 0);
	ck_assert(asked.broadcast);
	reply(&offer);
	drain();
	ck_assert_uint_eq(asked.type, FDNET_DHCP_REQUEST);
	ck_assert_uint_eq(asked.requested, GIVEN);
	ck_assert_uint_eq(asked.server, SERVER);
	ck_assert_uint_eq(asked.ciaddr, 0);
	ck_assert_uint_eq(asked_dst, 0xffffffff);
	reply_as(FDNET_DHCP_ACK);
	drain();
	ck_assert(!has_address());
	pass(10 * SEC);
	ck_assert(has_address());
	ck_assert(has_route());
	ck_assert_int_eq(fdnet_stack_dhcp_lease(stack, &lease), 0);
	ck_assert_uint_eq(lease.bits, 24);
	ck_assert_uint_eq(lease.ndns, 1);
	ck_assert(fdnet_ip_equal(&lease.dns[0], &dns));
	ck_assert(fdnet_ip_equal(&lease.server, &server));
	/* the lease counts from the request on */
	ck_assert_uint_gt(lease.expiry_us, now_us + (LEASE_S - 15) * SEC);
	ck_assert_uint_lt(lease.expiry_us, now_us + LEASE_S * SEC);
}
END_TEST

START_TEST(silence_is_asked_again_with_growing_patience)
{
	/* 4, 8, 16, 32, 64, 64 seconds, one more or less each */
	ck_assert_uint_eq(pass(1 * SEC), 1);
	ck_assert_uint_eq(pass(6 * SEC), 1);
	ck_assert_uint_eq(pass(10 * SEC), 1);
	ck_assert_uint_ge(pass(600 * SEC), 9);
	ck_assert_uint_le(messages, 16);
	ck_assert_uint_gt(asked.secs, 500);
	reply(&offer);
	drain();
	/* four requests, then from the beginning */
	ck_assert_uint_eq(asked.type, FDNET_DHCP_REQUEST);
	pass(70 * SEC);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DISCOVER);
	ck_assert_uint_eq(asked.requested, GIVEN);
}
END_TEST

START_TEST(a_lease_is_renewed_at_its_server)
{
	get_lease_as(&offer);
	ck_assert_uint_eq(pass(480 * SEC), 0);
	ck_assert_uint_eq(pass(12 * SEC), 1);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_REQUEST);
	ck_assert_uint_eq(asked.ciaddr, GIVEN);
	ck_assert_uint_eq(asked.requested, 0);
	ck_assert_uint_eq(asked.server, 0);
	ck_assert_uint_eq(asked_src, GIVEN);
	ck_assert_uint_eq(asked_dst, SERVER);
	reply_as(FDNET_DHCP_ACK);
	ck_assert_uint_eq(pass(490 * SEC), 0);
	ck_assert_uint_eq(pass(20 * SEC), 1);
	ck_assert(has_address());
}
END_TEST

START_TEST(without_its_server_all_are_asked_and_in_the_end_it_is_gone)
{
	get_lease_as(&offer);
	pass(860 * SEC); /* since 500 s: half of what is left to 875 s */
	ck_assert_uint_eq(asked_dst, SERVER);
	ck_assert_uint_ge(messages, 2 + 3);
	ck_assert_uint_le(messages, 2 + 5);
	pass(20 * SEC);
	ck_assert_uint_eq(asked_dst, 0xffffffff);
	ck_assert_uint_eq(asked.ciaddr, GIVEN);
	ck_assert(has_address());
	pass(130 * SEC);
	ck_assert(!has_address());
	ck_assert(!has_route());
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DISCOVER);
}
END_TEST

START_TEST(another_server_may_take_over_while_rebinding)
{
	struct reply r = offer;

	get_lease_as(&offer);
	pass(880 * SEC);
	r.type = FDNET_DHCP_ACK;
	r.server = 0x0a0000fc;
	reply(&r);
	pass(400 * SEC);
	ck_assert(has_address());
	ck_assert_uint_ne(asked_dst, r.server);
	pass(150 * SEC);
	ck_assert_uint_eq(asked_dst, r.server);
}
END_TEST

START_TEST(an_address_that_somebody_has_is_declined)
{
	answers_arp = true;
	pass(SEC);
	reply(&offer);
	drain();
	reply_as(FDNET_DHCP_ACK);
	pass(3 * SEC);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DECLINE);
	ck_assert_uint_eq(asked.requested, GIVEN);
	ck_assert_uint_eq(asked.server, SERVER);
	ck_assert_uint_eq(asked.ciaddr, 0);
	ck_assert(!has_address());
	/* not at once again, and not that one */
	ck_assert_uint_eq(pass(6 * SEC), 0);
	ck_assert_uint_eq(pass(5 * SEC), 1);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DISCOVER);
	ck_assert_uint_eq(asked.requested, 0);
}
END_TEST

START_TEST(a_refusal_begins_anew)
{
	struct reply nak = { FDNET_DHCP_NAK, 0, SERVER };

	get_lease_as(&offer);
	reply(&nak); /* nobody asked */
	ck_assert(has_address());
	pass(495 * SEC);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_REQUEST);
	reply(&nak);
	ck_assert(!has_address());
	ck_assert(!has_route());
	pass(2 * SEC);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DISCOVER);
}
END_TEST

START_TEST(stopping_gives_it_back)
{
	struct fdnet_lease lease;

	get_lease_as(&offer);
	fdnet_stack_dhcp_stop(stack);
	drain();
	ck_assert_uint_eq(asked.type, FDNET_DHCP_RELEASE);
	ck_assert_uint_eq(asked.ciaddr, GIVEN);
	ck_assert_uint_eq(asked.server, SERVER);
	ck_assert(!has_address());
	ck_assert(!has_route());
	ck_assert_int_eq(fdnet_stack_dhcp_lease(stack, &lease), -ENOENT);
	ck_assert_uint_eq(pass(10000 * SEC), 0);
	ck_assert_int_eq(fdnet_stack_dhcp_start(stack), 0);
	ck_assert_uint_ge(pass(SEC), 1);
}
END_TEST

/* Offers that a client must not take. */
static const struct {
	const char *label;
	struct reply r;
} bad[] = {
	{ "an ACK to no request", { FDNET_DHCP_ACK, GIVEN, SERVER, MASK, 0, 9 } },
	{ "no address", { FDNET_DHCP_OFFER, 0, SERVER, MASK, 0, 9 } },
	{ "loopback", { FDNET_DHCP_OFFER, 0x7f000001, SERVER, MASK, 0, 9 } },
	{ "a group", { FDNET_DHCP_OFFER, 0xe0000001, SERVER, MASK, 0, 9 } },
	{ "no server", { FDNET_DHCP_OFFER, GIVEN, 0, MASK, 0, 9 } },
	{ "no lease", { FDNET_DHCP_OFFER, GIVEN, SERVER, MASK, 0, 0 } },
	{ "a mask with holes",
	  { FDNET_DHCP_OFFER, GIVEN, SERVER, 0xff00ff00, 0, 9 } },
	{ "another exchange",
	  { FDNET_DHCP_OFFER, GIVEN, SERVER, MASK, 0, 9, .other_xid = true } },
	{ "another client",
	  { FDNET_DHCP_OFFER, GIVEN, SERVER, MASK, 0, 9, .other_mac = true } },
};

START_TEST(what_makes_no_sense_is_not_taken)
{
	pass(SEC);
	reply(&bad[_i].r);
	drain();
	ck_assert_msg(asked.type == FDNET_DHCP_DISCOVER, "%s", bad[_i].label);
}
END_TEST

static const struct {
	uint32_t lease_s, t1_s, t2_s;
	unsigned int t1, t2; /* what is made of it */
} times[] = {
	{ 1000, 0, 0, 500, 875 },     { 1000, 300, 700, 300, 700 },
	{ 1000, 800, 700, 500, 700 }, { 1000, 300, 2000, 300, 875 },
	{ 1000, 0, 100, 100, 100 },   { UINT32_MAX, 5, 6, 0, 0 },
	{ 60, 0, 0, 30, 52 },
};

START_TEST(times_are_put_in_order)
{
	struct reply r = offer;
	uint64_t from;

	r.lease_s = times[_i].lease_s;
	r.t1_s = times[_i].t1_s;
	r.t2_s = times[_i].t2_s;
	get_lease_as(&r);
	from = stack->dhcp.begun_us;
	if (!times[_i].t1) {
		ck_assert_uint_eq(pass(10000000 * SEC), 0);
		ck_assert(has_address());
		return;
	}
	ck_assert_uint_eq((stack->dhcp.t1_us - from) / SEC, times[_i].t1);
	ck_assert_uint_eq((stack->dhcp.t2_us - from) / SEC, times[_i].t2);
}
END_TEST

START_TEST(a_smaller_mtu_is_obeyed_as_long_as_the_lease)
{
	struct fdnet_ip far = fdnet_ip4(0x08080808);
	struct reply r = offer;

	r.mtu = 1400;
	get_lease_as(&r);
	ck_assert_uint_eq(fdnet_ip_mtu(stack, &far), 1400);
	fdnet_stack_dhcp_stop(stack);
	drain();
	ck_assert_uint_eq(fdnet_ip_mtu(stack, &far), 1500);
	fdnet_stack_dhcp_start(stack);
	r.mtu = 100; /* no IP host can have that */
	get_lease_as(&r);
	ck_assert_uint_eq(fdnet_ip_mtu(stack, &far), 1500);
}
END_TEST

START_TEST(a_route_set_by_hand_stays)
{
	struct fdnet_ip any = { .family = 4 }, gw = fdnet_ip4(0x0a000009), hop;
	struct fdnet_ip far = fdnet_ip4(0x08080808);

	ck_assert_int_eq(fdnet_stack_add_route(stack, &any, 0, &gw), 0);
	get_lease_as(&offer);
	fdnet_route_find(stack, &far, &hop);
	ck_assert(fdnet_ip_equal(&hop, &gw));
	fdnet_stack_dhcp_stop(stack);
	ck_assert_int_eq(fdnet_stack_del_route(stack, &any, 0), 0);
}
END_TEST

START_TEST(a_lease_survives_being_saved)
{
	struct fdnet_stack_config cfg = stack->cfg;
	struct fdnet_stack *copy;
	ssize_t len;
	void *p;

	get_lease_as(&offer);
	len = fdnet_stack_save(stack, NULL, NULL, NULL, 0);
	p = malloc((size_t)len);
	fdnet_stack_save(stack, NULL, NULL, p, (size_t)len);
	now_us += 90000 * SEC; /* another clock */
	ck_assert_int_eq(fdnet_stack_restore(&cfg, now_us, p, (size_t)len, NULL,
					     NULL, &copy),
			 0);
	free(p);
	fdnet_stack_free(stack);
	stack = copy;
	ck_assert(has_address());
	ck_assert_uint_eq(pass(480 * SEC), 0);
	ck_assert_uint_eq(pass(15 * SEC), 1);
	ck_assert_uint_eq(asked_dst, SERVER);
}
END_TEST

/* ---- the parser ---- */

START_TEST(every_prefix_and_every_byte_is_survived)
{
	uint8_t p[400], copy[400];
	struct fdnet_dhcp_msg msg;
	size_t len, n, i;
	uint8_t *exact;

	len = encode(p, &offer);
	ck_assert_int_eq(fdnet_dhcp_decode(p, len, &msg), 0);
	ck_assert_uint_eq(msg.yiaddr, GIVEN);
	ck_assert_uint_eq(msg.router, ROUTER);
	for (n = 0; n < len; n++) {
		exact = malloc(n ? n : 1); /* for AddressSanitizer's eyes */
		memcpy(exact, p, n);
		if (n < 243)
			ck_assert_int_eq(fdnet_dhcp_decode(exact, n, &msg),
					 -EBADMSG);
		else
			fdnet_dhcp_decode(exact, n, &msg);
		free(exact);
	}
	for (i = 0; i < len; i++) {
		for (n = 0; n < 256; n++) {
			memcpy(copy, p, len);
			copy[i] = (uint8_t)n;
			fdnet_dhcp_decode(copy, len, &msg);
		}
	}
}
END_TEST

START_TEST(options_may_stand_where_names_do)
{
	uint8_t p[400] = { 0 };
	struct fdnet_dhcp_msg msg;

	encode(p, &offer);
	memcpy(p + 240, "\x34\x01\x03\x35\x01\x02\xff", 7);
	memcpy(p + 108, "\x36\x04\x0a\0\0\xfe\xff", 7);	 /* file */
	memcpy(p + 44, "\x01\x04\xff\xff\0\0\xff", 7); /* sname */
	ck_assert_int_eq(fdnet_dhcp_decode(p, 247, &msg), 0);
	ck_assert_uint_eq(msg.type, FDNET_DHCP_OFFER);
	ck_assert_uint_eq(msg.server, SERVER);
	ck_assert_uint_eq(msg.mask, 0xffff0000);
	/* and they may be broken there */
	memset(p + 108, 200, 128);
	ck_assert_int_eq(fdnet_dhcp_decode(p, 247, &msg), -EBADMSG);
}
END_TEST

START_TEST(broken_messages_are_counted)
{
	uint8_t p[400];

	pass(SEC);
	encode(p, &offer);
	p[236] ^= 1;
	send_bytes(p, 300);
	ck_assert_uint_eq(fdnet_stack_counter(stack, FDNET_C_DHCP_BAD), 1);
	ck_assert_uint_eq(asked.type, FDNET_DHCP_DISCOVER);
}
END_TEST

static Suite *dhcp_suite(void)
{
	Suite *s = suite_create("dhcp");
	TCase *tc = tcase_create("dhcp");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_address_is_asked_for_probed_and_used);
	tcase_add_test(tc, silence_is_asked_again_with_growing_patience);
	tcase_add_test(tc, a_lease_is_renewed_at_its_server);
	tcase_add_test(
		tc, without_its_server_all_are_asked_and_in_the_end_it_is_gone);
	tcase_add_test(tc, another_server_may_take_over_while_rebinding);
	tcase_add_test(tc, an_address_that_somebody_has_is_declined);
	tcase_add_test(tc, a_refusal_begins_anew);
	tcase_add_test(tc, stopping_gives_it_back);
	tcase_add_loop_test(tc, what_makes_no_sense_is_not_taken, 0,
			    N_ROWS(bad));
	tcase_add_loop_test(tc, times_are_put_in_order, 0, N_ROWS(times));
	tcase_add_test(tc, a_smaller_mtu_is_obeyed_as_long_as_the_lease);
	tcase_add_test(tc, a_route_set_by_hand_stays);
	tcase_add_test(tc, a_lease_survives_being_saved);
	tcase_add_test(tc, every_prefix_and_every_byte_is_survived);
	tcase_add_test(tc, options_may_stand_where_names_do);
	tcase_add_test(tc, broken_messages_are_counted);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(dhcp_suite)
