/* SPDX-License-Identifier: Apache-2.0 */
/* Redirects on an Ethernet: of whom, about what and how long. */
#include "config.h"

#include <string.h>

#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "tests/ether_net.h"
#include "tests/suite_main.h"

static void no_redirects(struct fdnet_stack_config *cfg)
{
	cfg->no_redirects = true;
}

/* The gateway is .2 or fe80::2; a socket sends to 8.8.8.8 or
 * 2001:db8:9::1, port 53, from port 1000. */
static void begin_redirect(int family)
{
	bool v4 = family == 4;
	struct fdnet_name any = name_of(v4 ? "0.0.0.0" : "::", 0);
	struct fdnet_name gw = name_of(v4 ? "10.0.0.2" : "fe80::2", 0);
	struct fdnet_name far = name_of(v4 ? "8.8.8.8" : "2001:db8:9::1", 53);
	struct fdnet_sock *so = ether_udp(0, family, v4 ? 1000 : 1001);

	fdnet_stack_add_route(ether_stack, &any.ip, 0, &gw.ip);
	ck_assert_int_eq(sock_send(so, "x", 1, &far), 1);
	ether_drain();
}

struct redirect4 {
	const char *label, *src, *hop, *dst, *from;
	uint8_t code;
	uint16_t port;
	const char *after; /* the hop to 8.8.8.8 */
};

static const struct redirect4 redirects4[] = {
	{ "for a host", "10.0.0.2", "10.0.0.7", "8.8.8.8", "10.0.0.1", 1, 1000,
	  "10.0.0.7" },
	{ "for a network", "10.0.0.2", "10.0.0.7", "8.8.8.8", "10.0.0.1", 0,
	  1000, "10.0.0.7" },
	{ "not the gateway", "10.0.0.3", "10.0.0.7", "8.8.8.8", "10.0.0.1", 1,
	  1000, "10.0.0.2" },
	{ "not on the link", "10.0.0.2", "10.1.0.7", "8.8.8.8", "10.0.0.1", 1,
	  1000, "10.0.0.2" },
	{ "to ourselves", "10.0.0.2", "10.0.0.1", "8.8.8.8", "10.0.0.1", 1,
	  1000, "10.0.0.2" },
	{ "to everybody", "10.0.0.2", "10.0.0.255", "8.8.8.8", "10.0.0.1", 1,
	  1000, "10.0.0.2" },
	{ "to a group", "10.0.0.2", "224.0.0.1", "8.8.8.8", "10.0.0.1", 1,
	  1000, "10.0.0.2" },
	{ "nobody sent that", "10.0.0.2", "10.0.0.7", "8.8.8.8", "10.0.0.1",
	  1, 1001, "10.0.0.2" },
	{ "not our packet", "10.0.0.2", "10.0.0.7", "8.8.8.8", "10.0.0.5", 1,
	  1000, "10.0.0.2" },
	{ "code unknown", "10.0.0.2", "10.0.0.7", "8.8.8.8", "10.0.0.1", 4,
	  1000, "10.0.0.2" },
	{ "a neighbour", "10.0.0.2", "10.0.0.7", "10.0.0.2", "10.0.0.1", 1,
	  1000, "10.0.0.2" },
};

static void put_ip4(uint8_t *p, const char *src, const char *dst,
		    uint8_t proto, uint16_t len)
{
	struct fdnet_ipv4 hdr = {
		.hdr_len = 20,
		.total_len = len,
		.ttl = 64,
		.proto = proto,
	};

	memcpy(hdr.src, name_of(src, 0).ip.bytes, 4);
	memcpy(hdr.dst, name_of(dst, 0).ip.bytes, 4);
	fdnet_ipv4_encode(p, &hdr);
}

/* The message, or @cut bytes less of it. */
static void send_redirect4(const struct redirect4 *r, size_t cut)
{
	uint8_t p[20 + 8 + 28] = { 0 }, *icmp = p + 20;
	size_t len = sizeof(p) - cut;

	put_ip4(p, r->src, "10.0.0.1", FDNET_PROTO_ICMP, (uint16_t)len);
	icmp[0] = FDNET_ICMP_REDIRECT;
	icmp[1] = r->code;
	memcpy(icmp + 4, name_of(r->hop, 0).ip.bytes, 4);
	put_ip4(icmp + 8, r->from, r->dst, FDNET_PROTO_UDP, 29);
	fdnet_put16(icmp + 28, r->port);
	fdnet_put16(icmp + 30, 53);
	if (len >= 24)
		fdnet_csum_store(icmp + 2, fdnet_csum_add(0, icmp, len - 20));
	ether_frame(FDNET_ETHERTYPE_IPV4, ether_macs[0], p, len);
}

START_TEST(redirects_are_believed_of_the_gateway_only)
{
	const struct redirect4 *r = &redirects4[_i];
	size_t cut;

	begin_redirect(4);
	for (cut = 1; cut <= 36; cut++)
		send_redirect4(r, cut);
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_IN), 0);
	send_redirect4(r, 0);
	ck_assert_msg(!strcmp(ether_hop("8.8.8.8"), r->after), "%s: %s",
		      r->label, ether_hop("8.8.8.8"));
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_IN),
			  strcmp(r->after, "10.0.0.2") != 0);
	/* others go as before */
	ck_assert_str_eq(ether_hop("8.8.4.4"), "10.0.0.2");
}
END_TEST

struct redirect6 {
	const char *label, *src, *target, *dst;
	uint8_t hops, code;
	const char *after; /* the hop to 2001:db8:9::1 */
};

static const struct redirect6 redirects6[] = {
	{ "another router", "fe80::2", "fe80::7", "2001:db8:9::1", 255, 0,
	  "fe80::7" },
	{ "a neighbour", "fe80::2", "2001:db8:9::1", "2001:db8:9::1", 255, 0,
	  "2001:db8:9::1" },
	{ "not the router", "fe80::3", "fe80::7", "2001:db8:9::1", 255, 0,
	  "fe80::2" },
	{ "no router's address", "fd00::2", "fe80::7", "2001:db8:9::1", 255, 0,
	  "fe80::2" },
	{ "from afar", "fe80::2", "fe80::7", "2001:db8:9::1", 254, 0,
	  "fe80::2" },
	{ "code", "fe80::2", "fe80::7", "2001:db8:9::1", 255, 1, "fe80::2" },
	{ "neither router nor neighbour", "fe80::2", "2001:db8::7",
	  "2001:db8:9::1", 255, 0, "fe80::2" },
	{ "a group", "fe80::2", "fe80::7", "ff02::1", 255, 0, "fe80::2" },
	{ "ourselves", "fe80::2", "fe80::7", "fd00::1", 255, 0, "fe80::2" },
	{ "on the link", "fe80::2", "fe80::7", "fd00::2", 255, 0, "fe80::2" },
};

static void send_redirect6(const struct redirect6 *r, size_t cut)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
	uint8_t p[FDNET_ND_REDIRECT_LEN + 8] = { FDNET_ND_REDIRECT, r->code };
	struct fdnet_name target = name_of(r->target, 0);
	struct fdnet_name dst = name_of(r->dst, 0);

	memcpy(p + 8, target.ip.bytes, 16);
	memcpy(p + 24, dst.ip.bytes, 16);
	p[40] = FDNET_ND_OPT_TARGET;
	p[41] = 1;
	memcpy(p + 42, mac, 6);
	ether_icmp6(r->src, "fd00::1", r->hops, p, sizeof(p) - cut);
}

START_TEST(redirects_of_ipv6_are_checked)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
	const struct redirect6 *r = &redirects6[_i];
	struct fdnet_name far = name_of("2001:db8:9::1", 53);
	struct fdnet_sock *so;
	size_t cut;

	begin_redirect(6);
	for (cut = 1; cut <= 48; cut++)
		if (cut != 8) /* whole, without its option */
			send_redirect6(r, cut);
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_IN), 0);
	send_redirect6(r, 0);
	ck_assert_msg(!strcmp(ether_hop("2001:db8:9::1"), r->after), "%s: %s",
		      r->label, ether_hop("2001:db8:9::1"));
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_IN),
			  strcmp(r->after, "fe80::2") != 0);
	if (!strcmp(r->after, "fe80::2"))
		return;
	/* the new one need not be asked who it is */
	so = ether_udp(0, 6, 0);
	sock_send(so, "x", 1, &far);
	ether_expect(FDNET_ETHERTYPE_IPV6, mac);
}
END_TEST

START_TEST(redirects_have_an_end)
{
	struct fdnet_name hop = name_of("10.0.0.7", 0);

	begin_redirect(4);
	send_redirect4(&redirects4[0], 0);
	stack_pair_pass(ether_pair, FDNET_REDIRECT_US - 1);
	ck_assert_str_eq(ether_hop("8.8.8.8"), "10.0.0.7");
	stack_pair_pass(ether_pair, 1);
	ck_assert_str_eq(ether_hop("8.8.8.8"), "10.0.0.2");
	send_redirect4(&redirects4[0], 0);
	ck_assert_str_eq(ether_hop("8.8.8.8"), "10.0.0.7");
	fdnet_route_silent(ether_stack, &hop.ip);
	ck_assert_str_eq(ether_hop("8.8.8.8"), "10.0.0.2");
}
END_TEST

START_TEST(redirects_can_be_refused)
{
	ether_teardown();
	ether_setup_with(no_redirects);
	begin_redirect(4);
	begin_redirect(6);
	send_redirect4(&redirects4[0], 0);
	send_redirect6(&redirects6[0], 0);
	ck_assert_str_eq(ether_hop("8.8.8.8"), "10.0.0.2");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::2");
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_BAD), 2);
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_IN), 0);
}
END_TEST

static void one_redirect(struct fdnet_stack_config *cfg)
{
	cfg->limits.redirects = 1;
}

START_TEST(a_newer_redirect_takes_the_place)
{
	ether_teardown();
	ether_setup_with(one_redirect);
	begin_redirect(4);
	send_redirect4(&redirects4[0], 0);
	send_redirect4(&redirects4[0], 0);
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_LIMIT), 0);
	begin_redirect(6);
	send_redirect6(&redirects6[0], 0);
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::7");
	ck_assert_str_eq(ether_hop("8.8.8.8"), "10.0.0.2");
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_LIMIT), 1);
}
END_TEST

static Suite *redirect_suite(void)
{
	Suite *s = suite_create("redirect");
	TCase *tc = tcase_create("redirect");

	tcase_add_checked_fixture(tc, ether_setup, ether_teardown);
	tcase_add_loop_test(tc, redirects_are_believed_of_the_gateway_only, 0,
			    N_ROWS(redirects4));
	tcase_add_loop_test(tc, redirects_of_ipv6_are_checked, 0,
			    N_ROWS(redirects6));
	tcase_add_test(tc, redirects_have_an_end);
	tcase_add_test(tc, redirects_can_be_refused);
	tcase_add_test(tc, a_newer_redirect_takes_the_place);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(redirect_suite)
