/* SPDX-License-Identifier: Apache-2.0 */
/* Routers and routes on an Ethernet: what they advertise, which of several is
 * taken. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "tests/ether_net.h"
#include "tests/suite_main.h"

#define SEC 1000000ull

/* No question and no answer of neighbours. */
static bool is_deaf(void *arg, int from, struct fdnet_pkt *pkt)
{
	return false;
}

/* ---- routers ---- */

START_TEST(other_networks_are_behind_the_gateway)
{
	struct fdnet_sock *a = ether_udp(0, 4, 0);
	struct fdnet_name any = name_of("0.0.0.0", 0);
	struct fdnet_name gw = name_of("10.0.0.2", 0);
	struct fdnet_name net = name_of("192.168.0.0", 0);
	struct fdnet_name far = name_of("8.8.8.8", 53);
	struct fdnet_name other = name_of("192.168.7.7", 53);
	struct fdnet_name near = name_of("10.0.0.3", 53);
	struct fdnet_name group = name_of("224.0.0.9", 53);

	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &net.ip, 16, &gw.ip), 0);
	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &net.ip, 16, &gw.ip),
			 -EEXIST);
	ck_assert_int_eq(sock_send(a, "x", 1, &far), -ENETUNREACH);
	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &any.ip, 0, &gw.ip), 0);
	ether_arp(FDNET_ARP_REPLY, ether_macs[1], "10.0.0.2", "10.0.0.1");
	ck_assert_int_eq(sock_send(a, "x", 1, &far), 1);
	ether_expect(FDNET_ETHERTYPE_IPV4, ether_macs[1]);
	ck_assert_int_eq(sock_send(a, "x", 1, &other), 1);
	ether_expect(FDNET_ETHERTYPE_IPV4, ether_macs[1]);
	/* a neighbour is asked itself */
	ck_assert_int_eq(sock_send(a, "x", 1, &near), 1);
	ether_expect(FDNET_ETHERTYPE_ARP, ether_everybody);
	/* a group is not the gateway's business */
	ck_assert_int_eq(sock_send(a, "x", 1, &group), 1);
	ether_expect(FDNET_ETHERTYPE_IPV4,
		     (const uint8_t[]){ 1, 0, 0x5e, 0, 0, 9 });
	ck_assert_int_eq(fdnet_stack_del_route(ether_stack, &any.ip, 0), 0);
	ck_assert_int_eq(fdnet_stack_del_route(ether_stack, &any.ip, 0), -ESRCH);
	ck_assert_int_eq(sock_send(a, "x", 1, &far), -ENETUNREACH);
}
END_TEST

START_TEST(routes_are_checked)
{
	struct fdnet_name net = name_of("192.168.0.0", 0);
	struct fdnet_name gw6 = name_of("fd00::2", 0);
	struct fdnet_name own = name_of("10.0.0.1", 0);
	int i, rc = 0;

	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &net.ip, 33, NULL),
			 -EINVAL);
	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &net.ip, 16, &gw6.ip),
			 -EINVAL);
	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &net.ip, 16, &own.ip),
			 -EINVAL);
	for (i = 0; i < 100 && !rc; i++) {
		net.ip.bytes[1] = (uint8_t)i;
		rc = fdnet_stack_add_route(ether_stack, &net.ip, 16, NULL);
	}
	ck_assert_int_eq(rc, -ENOSPC);
}
END_TEST

/* ---- advertisements ---- */

/* One that grows by options. */
struct ra {
	uint8_t p[1024];
	size_t len;
};

/* @pref: the two bits of RFC 4191 */
static struct ra ra_begin(uint8_t pref, uint16_t life_s)
{
	struct ra ra = { .p = { FDNET_ND_RA }, .len = FDNET_ND_RA_LEN };

	ra.p[5] = (uint8_t)(pref << 3);
	fdnet_put16(ra.p + 6, life_s);
	return ra;
}

static uint8_t *ra_option(struct ra *ra, uint8_t type, uint8_t units)
{
	uint8_t *opt = ra->p + ra->len;

	ck_assert_uint_le(ra->len + units * 8u, sizeof(ra->p));
	opt[0] = type;
	opt[1] = units;
	ra->len += units * 8u;
	return opt;
}

static void ra_prefix(struct ra *ra, const char *net, uint8_t bits,
		      uint8_t flags, uint32_t life_s)
{
	uint8_t *opt = ra_option(ra, FDNET_ND_OPT_PREFIX, 4);

	opt[2] = bits;
	opt[3] = flags;
	fdnet_put32(opt + 4, life_s);
	fdnet_put32(opt + 8, life_s);
	memcpy(opt + 16, name_of(net, 0).ip.bytes, 16);
}

static void ra_route(struct ra *ra, const char *net, uint8_t bits,
		     uint8_t units, uint8_t pref, uint32_t life_s)
{
	uint8_t *opt = ra_option(ra, FDNET_ND_OPT_ROUTE, units);

	opt[2] = bits;
	opt[3] = (uint8_t)(pref << 3);
	fdnet_put32(opt + 4, life_s);
	memcpy(opt + 8, name_of(net, 0).ip.bytes, (units - 1) * 8u);
}

static void ra_send(const struct ra *ra, const char *src)
{
	ether_icmp6(src, "ff02::1", 255, ra->p, ra->len);
}

/* A whole one, with our second address as its link-layer address. */
static struct ra usual_ra(void)
{
	struct ra ra = ra_begin(0, 1800);

	memcpy(ra_option(&ra, FDNET_ND_OPT_SOURCE, 1) + 2, ether_macs[1], 6);
	ra_prefix(&ra, "2001:db8::", 64, 0xc0, 3600);
	return ra;
}

START_TEST(a_router_gives_a_way_and_an_address)
{
	struct fdnet_sock *a = ether_udp(0, 6, 0);
	struct fdnet_name far = name_of("2001:db8:9::1", 53);
	struct fdnet_name own = name_of("2001:db8::ff:fe00:1", 0);
	struct ra ra = usual_ra(), bad;
	size_t len;

	/* cut short, an option without length, from afar, not from a router:
	 * nothing */
	for (len = 0; len < ra.len; len++) {
		if (len >= FDNET_ND_RA_LEN && !(len % 8))
			continue; /* whole without some options */
		ether_icmp6("fe80::2", "ff02::1", 255, ra.p, len);
	}
	for (len = FDNET_ND_RA_LEN; len < ra.len; len += 8) {
		bad = ra;
		bad.p[FDNET_ND_RA_LEN + 1] = 0;
		ra_send(&bad, "fe80::2");
	}
	ether_icmp6("fe80::2", "ff02::1", 254, ra.p, ra.len);
	ra_send(&ra, "fd00::2");
	bad = ra;
	bad.p[1] = 1; /* the code */
	ra_send(&bad, "fe80::2");
	ck_assert(!fdnet_stack_is_local(ether_stack, &own.ip));
	ck_assert_uint_eq(ether_stack->nroutes, 0);
	ra_send(&ra, "fe80::2");
	ck_assert(fdnet_stack_is_local(ether_stack, &own.ip));
	ck_assert_int_eq(sock_send(a, "x", 1, &far), 1);
	ether_expect(FDNET_ETHERTYPE_IPV6, ether_macs[1]);
	/* and takes the way back */
	ra = ra_begin(0, 0);
	ra_send(&ra, "fe80::2");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "none");
}
END_TEST

/* Any single byte changed: nothing but a different meaning comes of it. */
START_TEST(changed_advertisements_do_no_harm)
{
	struct ra ra = usual_ra(), bad;
	size_t at;

	memcpy(ra_option(&ra, FDNET_ND_OPT_MTU, 1) + 4, "\0\0\x05\x78", 4);
	ra_route(&ra, "2001:db8:5::", 48, 2, 1, 600);
	for (at = 1; at < ra.len; at++) {
		bad = ra;
		bad.p[at] ^= 0xff;
		ra_send(&bad, "fe80::2");
		ck_assert_uint_le(ether_stack->nroutes,
				  FDNET_MAX_ADVERTISED);
	}
	ether_drain();
}
END_TEST

START_TEST(of_several_routers_the_preferred_is_used)
{
	struct ra ra = ra_begin(3, 3000); /* low */

	ra_send(&ra, "fe80::3");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::3");
	ra = ra_begin(2, 2000); /* reserved: medium */
	ra_send(&ra, "fe80::4");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::4");
	ra = ra_begin(1, 1000); /* high */
	ra_send(&ra, "fe80::5");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::5");
	/* each has its end */
	stack_pair_pass(ether_pair, 1001 * SEC);
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::4");
	stack_pair_pass(ether_pair, 1000 * SEC);
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::3");
	/* and may change its mind */
	ra = ra_begin(1, 1000);
	ra_send(&ra, "fe80::4");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::4");
	ra = ra_begin(3, 1000);
	ra_send(&ra, "fe80::4");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::3");
	stack_pair_pass(ether_pair, 1001 * SEC);
	ck_assert_uint_eq(ether_stack->nroutes, 0);
}
END_TEST

START_TEST(who_is_no_router_any_more_is_not_used)
{
	struct ra ra = usual_ra();

	ra_send(&ra, "fe80::2");
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::2");
	ether_advert("fe80::2", 0xe0, ether_macs[1]);
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "fe80::2");
	ether_advert("fe80::2", 0x60, ether_macs[1]);
	ck_assert_str_eq(ether_hop("2001:db8:9::1"), "none");
}
END_TEST

/* RFC 4191 2.3 */
static const struct {
	const char *label, *net;
	uint8_t bits, units, pref;
	uint32_t life_s;
	const char *hop; /* to 2001:db8:5::1; fe80::2 is the default */
} infos[] = {
	{ "a network", "2001:db8:5::", 48, 2, 0, 600, "fe80::3" },
	{ "low, but longer", "2001:db8:5::", 48, 2, 3, 600, "fe80::3" },
	{ "for ever", "2001:db8:5::", 48, 2, 0, UINT32_MAX, "fe80::3" },
	{ "one host", "2001:db8:5::1", 128, 3, 0, 600, "fe80::3" },
	{ "bits behind the prefix", "2001:db8:5:ffff::", 40, 2, 0, 600,
	  "fe80::3" },
	{ "another", "2001:db8:6::", 48, 2, 0, 600, "fe80::2" },
	{ "everything, preferred", "::", 0, 1, 1, 600, "fe80::3" },
	{ "everything, not preferred", "::", 0, 1, 3, 600, "fe80::2" },
	{ "reserved preference", "2001:db8:5::", 48, 2, 2, 600, "fe80::2" },
	{ "no room for the prefix", "2001:db8:5::", 48, 1, 0, 600,
	  "fe80::2" },
	{ "no room for a long one", "2001:db8:5::1", 128, 2, 0, 600,
	  "fe80::2" },
	{ "too long", "2001:db8:5::", 129, 3, 0, 600, "fe80::2" },
	{ "no life", "2001:db8:5::", 48, 2, 0, 0, "fe80::2" },
	{ "link-local", "fe80::", 10, 2, 0, 600, "fe80::2" },
};

START_TEST(routers_tell_routes)
{
	struct ra ra = ra_begin(0, 1800);

	ra_send(&ra, "fe80::2");
	ra = ra_begin(0, 0);
	ra_route(&ra, infos[_i].net, infos[_i].bits, infos[_i].units,
		 infos[_i].pref, infos[_i].life_s);
	ra_send(&ra, "fe80::3");
	ck_assert_msg(!strcmp(ether_hop("2001:db8:5::1"), infos[_i].hop),
		      "%s: %s", infos[_i].label, ether_hop("2001:db8:5::1"));
	ck_assert_str_eq(ether_hop("fe80::77"), "fe80::77");
	stack_pair_pass(ether_pair, 601 * SEC);
	ck_assert_str_eq(ether_hop("2001:db8:5::1"),
			 infos[_i].life_s == UINT32_MAX ? "fe80::3" :
							  "fe80::2");
}
END_TEST

/* RFC 4861 6.3.4, RFC 5942: an address says nothing of who is on the link. */
START_TEST(only_the_flag_says_what_is_on_the_link)
{
	struct ra ra = ra_begin(0, 1800);
	unsigned int before = ether_stack->naddrs;

	ra_prefix(&ra, "2001:db8:1::", 64, 0x40, 600);
	ra_prefix(&ra, "2001:db8:2::", 64, 0x80, 600);
	ra_prefix(&ra, "2001:db8:3::", 48, 0xc0, 600);
	ra_prefix(&ra, "fe80::", 64, 0xc0, 600);
	ra_send(&ra, "fe80::2");
	ck_assert_str_eq(ether_hop("2001:db8:1::9"), "fe80::2");
	ck_assert_str_eq(ether_hop("2001:db8:2::9"), "2001:db8:2::9");
	ck_assert_str_eq(ether_hop("2001:db8:3::9"), "2001:db8:3::9");
	ck_assert_uint_eq(ether_stack->naddrs, before + 1);
	stack_pair_pass(ether_pair, 601 * SEC);
	ck_assert_str_eq(ether_hop("2001:db8:2::9"), "fe80::2");
}
END_TEST

START_TEST(routers_set_what_holds_for_the_link)
{
	struct fdnet_sock *a = ether_udp(0, 6, 0);
	struct fdnet_name far = name_of("2001:db8:9::1", 53);
	struct fdnet_pkt *pkt;
	struct ra ra = usual_ra();

	ra.p[4] = 33;
	fdnet_put32(ra.p + 8, 7000);
	fdnet_put32(ra.p + 12, 250);
	fdnet_put32(ra_option(&ra, FDNET_ND_OPT_MTU, 1) + 4, 1400);
	ra_send(&ra, "fe80::2");
	ck_assert_uint_eq(fdnet_ip_mtu(ether_stack, &far.ip), 1400);
	ck_assert_int_eq(sock_get_int(a, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 33);
	sock_send(a, "x", 1, &far);
	pkt = fdnet_stack_output(ether_stack);
	ck_assert_uint_eq(pkt->data[7], 33);
	fdnet_pkt_free(pkt);
	ck_assert_uint_eq(ether_stack->neighs.reachable6_ms, 7000);
	/* three questions at that pace */
	far = name_of("fd00::77", 7);
	sock_send(a, "x", 1, &far);
	ether_pair->filter = is_deaf;
	stack_pair_pass(ether_pair, 740000);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 0);
	stack_pair_pass(ether_pair, 20000);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 1);
	/* nothing said, or nonsense: all stays */
	ra = usual_ra();
	fdnet_put32(ra.p + 8, 3600001);
	fdnet_put32(ra_option(&ra, FDNET_ND_OPT_MTU, 1) + 4, 1279);
	fdnet_put32(ra_option(&ra, FDNET_ND_OPT_MTU, 1) + 4, 1501);
	ra_send(&ra, "fe80::2");
	far = name_of("2001:db8:9::1", 53);
	ck_assert_uint_eq(fdnet_ip_mtu(ether_stack, &far.ip), 1400);
	ck_assert_uint_eq(ether_stack->autoconf.hops6, 33);
	ck_assert_uint_eq(ether_stack->neighs.reachable6_ms, 7000);
	ck_assert_uint_eq(ether_stack->neighs.retry6_ms, 250);
}
END_TEST

START_TEST(routers_do_not_take_all_the_room)
{
	struct fdnet_name net = name_of("10.9.0.0", 0);
	unsigned int before = ether_stack->naddrs;
	char text[40];
	int i;

	for (i = 0; i < 40; i++) {
		struct ra ra = ra_begin(0, 1800);

		snprintf(text, sizeof(text), "2001:db8:%x::", i + 1);
		ra_prefix(&ra, text, 64, 0x40, 3600);
		snprintf(text, sizeof(text), "fe80::%x", i + 2);
		ra_send(&ra, text);
	}
	ck_assert_uint_eq(ether_stack->nroutes, FDNET_MAX_ADVERTISED);
	ck_assert_uint_eq(ether_stack->naddrs,
			  before + FDNET_MAX_ADVERTISED_ADDRS);
	ck_assert_uint_eq(ether_counter(FDNET_C_RA_LIMIT),
			  80 - FDNET_MAX_ADVERTISED -
				  FDNET_MAX_ADVERTISED_ADDRS);
	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &net.ip, 16, NULL),
			 0);
}
END_TEST

/* RFC 6724 rule 5.5: two providers, each with its router and its prefix. */
START_TEST(the_source_is_of_the_router_in_use)
{
	struct fdnet_name far = name_of("2001:db8:9::1", 0), src;
	struct ra ra = ra_begin(0, 1800);

	ra_prefix(&ra, "2001:db8:1::", 64, 0x40, 3600);
	ra_send(&ra, "fe80::2");
	ra = ra_begin(1, 600);
	ra_prefix(&ra, "2001:db8:8::", 64, 0x40, 3600);
	ra_send(&ra, "fe80::3");
	ck_assert_int_eq(fdnet_ip_source(ether_stack, &far.ip, &src.ip), 0);
	ck_assert_mem_eq(src.ip.bytes, name_of("2001:db8:8::", 0).ip.bytes, 8);
	stack_pair_pass(ether_pair, 601 * SEC);
	ck_assert_int_eq(fdnet_ip_source(ether_stack, &far.ip, &src.ip), 0);
	ck_assert_mem_eq(src.ip.bytes, name_of("2001:db8:1::", 0).ip.bytes, 8);
}
END_TEST

/* ---- several gateways ---- */

static struct gateways {
	const char *far, *one, *two, *any;
} gateways_of(int family)
{
	return family == 4 ? (struct gateways){ "8.8.8.8", "10.0.0.8",
						"10.0.0.9", "0.0.0.0" } :
			     (struct gateways){ "2001:db8::1", "fd00::8",
						"fd00::9", "::" };
}

/* Two by hand; nobody is at home. */
static struct fdnet_sock *two_gateways(int family)
{
	struct gateways g = gateways_of(family);
	struct fdnet_name any = name_of(g.any, 0);
	struct fdnet_name one = name_of(g.one, 0), two = name_of(g.two, 0);

	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &any.ip, 0,
					       &one.ip), 0);
	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &any.ip, 0,
					       &two.ip), 0);
	ck_assert_int_eq(fdnet_stack_add_route(ether_stack, &any.ip, 0,
					       &two.ip), -EEXIST);
	ether_pair->filter = is_deaf;
	return ether_udp(0, family, 0);
}

static void answer_of(const char *ip)
{
	if (strchr(ip, ':'))
		ether_advert(ip, 0xe0, ether_macs[1]);
	else
		ether_arp(FDNET_ARP_REPLY, ether_macs[1], ip, "10.0.0.1");
}

START_TEST(a_silent_gateway_is_left_until_it_answers)
{
	struct gateways g = gateways_of(_i);
	struct fdnet_sock *so = two_gateways(_i);
	struct fdnet_name far = name_of(g.far, 53);

	ck_assert_str_eq(ether_hop(g.far), g.one);
	sock_send(so, "x", 1, &far);
	stack_pair_pass(ether_pair, 3100000);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 1);
	/* the other, and a minute later the first is asked again */
	ck_assert_str_eq(ether_hop(g.far), g.two);
	sock_send(so, "x", 1, &far);
	stack_pair_run(ether_pair);
	answer_of(g.two);
	ether_drain();
	stack_pair_pass(ether_pair, 55 * SEC);
	ck_assert_str_eq(ether_hop(g.far), g.two);
	ether_expect_none();
	stack_pair_pass(ether_pair, 5 * SEC);
	ck_assert_str_eq(ether_hop(g.far), g.two);
	ck_assert_ptr_nonnull(ether_stack->frags.head); /* the question */
	stack_pair_pass(ether_pair, 5 * SEC);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 2);
	ck_assert_str_eq(ether_hop(g.far), g.two);
	stack_pair_pass(ether_pair, 61 * SEC);
	ck_assert_str_eq(ether_hop(g.far), g.two);
	stack_pair_run(ether_pair);
	answer_of(g.one);
	ck_assert_str_eq(ether_hop(g.far), g.one);
}
END_TEST

START_TEST(when_all_are_silent_each_is_tried)
{
	struct gateways g = gateways_of(_i);
	struct fdnet_sock *so = two_gateways(_i);
	struct fdnet_name far = name_of(g.far, 53);
	int i;

	for (i = 0; i < 6; i++) {
		ck_assert_str_eq(ether_hop(g.far), i & 1 ? g.two : g.one);
		sock_send(so, "x", 1, &far);
		stack_pair_pass(ether_pair, 3100000);
		ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), i + 1);
		sock_get_int(so, SOL_SOCKET, SO_ERROR);
	}
}
END_TEST

/* RFC 4191 3.2: what is advertised for a network gives way to the default; a
 * tunnel that was given by hand does not. */
START_TEST(only_advertised_routes_give_way_to_shorter_ones)
{
	struct fdnet_name any = name_of("::", 0), gw = name_of("fd00::9", 0);
	struct fdnet_name net = name_of("2001:db8:5::", 0);
	struct fdnet_name two = name_of("fe80::2", 0);
	struct fdnet_name hand = name_of("2001:db8:6::", 0);
	struct fdnet_name gw2 = name_of("fd00::8", 0);

	fdnet_stack_add_route(ether_stack, &any.ip, 0, &gw.ip);
	fdnet_stack_add_route(ether_stack, &hand.ip, 48, &gw2.ip);
	fdnet_autoconf_route(ether_stack, &net.ip, 48, &two.ip, 0, 600);
	ck_assert_str_eq(ether_hop("2001:db8:5::1"), "fe80::2");
	fdnet_route_silent(ether_stack, &two.ip);
	fdnet_route_silent(ether_stack, &gw2.ip);
	ck_assert_str_eq(ether_hop("2001:db8:5::1"), "fd00::9");
	ck_assert_str_eq(ether_hop("2001:db8:6::1"), "fd00::8");
}
END_TEST

static Suite *router_suite(void)
{
	Suite *s = suite_create("router");
	TCase *tc = tcase_create("router");

	tcase_add_checked_fixture(tc, ether_setup, ether_teardown);
	tcase_add_test(tc, other_networks_are_behind_the_gateway);
	tcase_add_test(tc, routes_are_checked);
	tcase_add_test(tc, a_router_gives_a_way_and_an_address);
	tcase_add_test(tc, changed_advertisements_do_no_harm);
	tcase_add_test(tc, of_several_routers_the_preferred_is_used);
	tcase_add_test(tc, who_is_no_router_any_more_is_not_used);
	tcase_add_loop_test(tc, routers_tell_routes, 0, N_ROWS(infos));
	tcase_add_test(tc, only_the_flag_says_what_is_on_the_link);
	tcase_add_test(tc, routers_set_what_holds_for_the_link);
	tcase_add_test(tc, routers_do_not_take_all_the_room);
	tcase_add_test(tc, the_source_is_of_the_router_in_use);
	tcase_add_loop_test(tc, a_silent_gateway_is_left_until_it_answers, 4,
			    5);
	tcase_add_loop_test(tc, a_silent_gateway_is_left_until_it_answers, 6,
			    7);
	tcase_add_loop_test(tc, when_all_are_silent_each_is_tried, 4, 5);
	tcase_add_loop_test(tc, when_all_are_silent_each_is_tried, 6, 7);
	tcase_add_test(tc, only_advertised_routes_give_way_to_shorter_ones);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(router_suite)
