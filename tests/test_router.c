/* SPDX-License-Identifier: Apache-2.0 */
/* Routers and routes on an Ethernet: what they advertise, which of several is
 * taken, redirects. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/wire/arp.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "tests/ether_net.h"
#include "tests/suite_main.h"

#define SEC 1000000ull

/* Where packets to @dst go. */
static const char *hop_of(const char *dst)
{
	static char text[FDNET_IP_STRLEN];
	struct fdnet_name to = name_of(dst, 0);
	struct fdnet_ip hop;

	if (fdnet_route_find(ether_stack, &to.ip, &hop))
		return "none";
	return fdnet_ip_format(&hop, text);
}

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
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "none");
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
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::3");
	ra = ra_begin(2, 2000); /* reserved: medium */
	ra_send(&ra, "fe80::4");
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::4");
	ra = ra_begin(1, 1000); /* high */
	ra_send(&ra, "fe80::5");
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::5");
	/* each has its end */
	stack_pair_pass(ether_pair, 1001 * SEC);
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::4");
	stack_pair_pass(ether_pair, 1000 * SEC);
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::3");
	/* and may change its mind */
	ra = ra_begin(1, 1000);
	ra_send(&ra, "fe80::4");
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::4");
	ra = ra_begin(3, 1000);
	ra_send(&ra, "fe80::4");
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::3");
	stack_pair_pass(ether_pair, 1001 * SEC);
	ck_assert_uint_eq(ether_stack->nroutes, 0);
}
END_TEST

START_TEST(who_is_no_router_any_more_is_not_used)
{
	struct ra ra = usual_ra();

	ra_send(&ra, "fe80::2");
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::2");
	ether_advert("fe80::2", 0xe0, ether_macs[1]);
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::2");
	ether_advert("fe80::2", 0x60, ether_macs[1]);
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "none");
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
	ck_assert_msg(!strcmp(hop_of("2001:db8:5::1"), infos[_i].hop),
		      "%s: %s", infos[_i].label, hop_of("2001:db8:5::1"));
	ck_assert_str_eq(hop_of("fe80::77"), "fe80::77");
	stack_pair_pass(ether_pair, 601 * SEC);
	ck_assert_str_eq(hop_of("2001:db8:5::1"),
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
	ck_assert_str_eq(hop_of("2001:db8:1::9"), "fe80::2");
	ck_assert_str_eq(hop_of("2001:db8:2::9"), "2001:db8:2::9");
	ck_assert_str_eq(hop_of("2001:db8:3::9"), "2001:db8:3::9");
	ck_assert_uint_eq(ether_stack->naddrs, before + 1);
	stack_pair_pass(ether_pair, 601 * SEC);
	ck_assert_str_eq(hop_of("2001:db8:2::9"), "fe80::2");
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

	ck_assert_str_eq(hop_of(g.far), g.one);
	sock_send(so, "x", 1, &far);
	stack_pair_pass(ether_pair, 3100000);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 1);
	/* the other, and a minute later the first is asked again */
	ck_assert_str_eq(hop_of(g.far), g.two);
	sock_send(so, "x", 1, &far);
	stack_pair_run(ether_pair);
	answer_of(g.two);
	ether_drain();
	stack_pair_pass(ether_pair, 55 * SEC);
	ck_assert_str_eq(hop_of(g.far), g.two);
	ether_expect_none();
	stack_pair_pass(ether_pair, 5 * SEC);
	ck_assert_str_eq(hop_of(g.far), g.two);
	ck_assert_ptr_nonnull(ether_stack->frags.head); /* the question */
	stack_pair_pass(ether_pair, 5 * SEC);
	ck_assert_uint_eq(ether_counter(FDNET_C_NEIGH_FAILED), 2);
	ck_assert_str_eq(hop_of(g.far), g.two);
	stack_pair_pass(ether_pair, 61 * SEC);
	ck_assert_str_eq(hop_of(g.far), g.two);
	stack_pair_run(ether_pair);
	answer_of(g.one);
	ck_assert_str_eq(hop_of(g.far), g.one);
}
END_TEST

START_TEST(when_all_are_silent_each_is_tried)
{
	struct gateways g = gateways_of(_i);
	struct fdnet_sock *so = two_gateways(_i);
	struct fdnet_name far = name_of(g.far, 53);
	int i;

	for (i = 0; i < 6; i++) {
		ck_assert_str_eq(hop_of(g.far), i & 1 ? g.two : g.one);
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
	ck_assert_str_eq(hop_of("2001:db8:5::1"), "fe80::2");
	fdnet_route_silent(ether_stack, &two.ip);
	fdnet_route_silent(ether_stack, &gw2.ip);
	ck_assert_str_eq(hop_of("2001:db8:5::1"), "fd00::9");
	ck_assert_str_eq(hop_of("2001:db8:6::1"), "fd00::8");
}
END_TEST

/* ---- redirects ---- */

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
	ck_assert_msg(!strcmp(hop_of("8.8.8.8"), r->after), "%s: %s",
		      r->label, hop_of("8.8.8.8"));
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_IN),
			  strcmp(r->after, "10.0.0.2") != 0);
	/* others go as before */
	ck_assert_str_eq(hop_of("8.8.4.4"), "10.0.0.2");
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
	ck_assert_msg(!strcmp(hop_of("2001:db8:9::1"), r->after), "%s: %s",
		      r->label, hop_of("2001:db8:9::1"));
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
	ck_assert_str_eq(hop_of("8.8.8.8"), "10.0.0.7");
	stack_pair_pass(ether_pair, 1);
	ck_assert_str_eq(hop_of("8.8.8.8"), "10.0.0.2");
	send_redirect4(&redirects4[0], 0);
	ck_assert_str_eq(hop_of("8.8.8.8"), "10.0.0.7");
	fdnet_route_silent(ether_stack, &hop.ip);
	ck_assert_str_eq(hop_of("8.8.8.8"), "10.0.0.2");
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
	ck_assert_str_eq(hop_of("8.8.8.8"), "10.0.0.2");
	ck_assert_str_eq(hop_of("2001:db8:9::1"), "fe80::2");
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_BAD), 2);
	ck_assert_uint_eq(ether_counter(FDNET_C_REDIRECT_IN), 0);
}
END_TEST

#define N(table) (sizeof(table) / sizeof((table)[0]))

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
	tcase_add_loop_test(tc, routers_tell_routes, 0, N(infos));
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
	tcase_add_loop_test(tc, redirects_are_believed_of_the_gateway_only, 0,
			    N(redirects4));
	tcase_add_loop_test(tc, redirects_of_ipv6_are_checked, 0,
			    N(redirects6));
	tcase_add_test(tc, redirects_have_an_end);
	tcase_add_test(tc, redirects_can_be_refused);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(router_suite)
