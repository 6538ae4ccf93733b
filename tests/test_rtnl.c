/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stddef.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/ifreq.h"
#include "tests/suite_main.h"

static struct fdnet_rtnl net;
static struct fdnet_rtnl_out out;

static struct fdnet_rtnl_ip ip_of(const char *text, uint8_t bits)
{
	struct fdnet_rtnl_ip ip = { .family = AF_INET, .bits = bits };

	if (inet_pton(AF_INET, text, ip.bytes) == 1)
		return ip;
	ip.family = AF_INET6;
	ck_assert_int_eq(inet_pton(AF_INET6, text, ip.bytes), 1);
	return ip;
}

static void set_up(void)
{
	struct fdnet_rtnl_ip ip4 = ip_of("10.0.2.15", 24);
	struct fdnet_rtnl_ip gw4 = ip_of("10.0.2.2", 32);
	struct fdnet_rtnl_ip ip6 = ip_of("fd00::15", 64);
	struct fdnet_rtnl_ip gw6 = ip_of("fd00::2", 128);

	fdnet_rtnl_sandbox(&net, &ip4, &gw4, &ip6, &gw6, 1500);
}

/* A request: header, fixed body of @size bytes, perhaps one attribute. */
struct request {
	struct nlmsghdr h;
	uint8_t body[128];
};

static struct request ask(uint16_t type, uint16_t flags, uint8_t family,
			  size_t size)
{
	struct request r = { .h = { .nlmsg_type = type,
				    .nlmsg_flags = NLM_F_REQUEST | flags,
				    .nlmsg_seq = 7,
				    .nlmsg_len = NLMSG_LENGTH(size) } };

	r.body[0] = family;
	return r;
}

static void add_attr(struct request *r, uint16_t type, const void *data,
		     size_t len)
{
	struct rtattr a = { .rta_type = type,
			    .rta_len = (unsigned short)RTA_LENGTH(len) };
	uint8_t *at = (uint8_t *)r + NLMSG_ALIGN(r->h.nlmsg_len);

	memcpy(at, &a, sizeof(a));
	memcpy(at + RTA_LENGTH(0), data, len);
	r->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->h.nlmsg_len) +
				    RTA_SPACE(len));
}

/* Walks the answer: messages of @type, all with our sequence and port. */
static int count(uint16_t type)
{
	uint32_t at = 0;
	unsigned int i;
	int n = 0;

	for (i = 0; i < out.n; i++) {
		ck_assert_uint_le(out.ends[i], sizeof(out.bytes));
		while (at < out.ends[i]) {
			struct nlmsghdr h;

			memcpy(&h, out.bytes + at, sizeof(h));
			ck_assert_uint_ge(h.nlmsg_len, NLMSG_HDRLEN);
			ck_assert_uint_le(at + h.nlmsg_len, out.ends[i]);
			ck_assert_uint_eq(h.nlmsg_seq, 7);
			ck_assert_uint_eq(h.nlmsg_pid, 42);
			if (h.nlmsg_type == type)
				n++;
			at += NLMSG_ALIGN(h.nlmsg_len);
		}
		ck_assert_uint_eq(at, out.ends[i]);
	}
	return n;
}

/* The error a single request gets, or 1 when there is none in the answer. */
static int error_of(void)
{
	struct nlmsghdr h;
	struct nlmsgerr e;

	if (out.n == 0)
		return 1;
	memcpy(&h, out.bytes, sizeof(h));
	if (h.nlmsg_type != NLMSG_ERROR)
		return 1;
	memcpy(&e, out.bytes + NLMSG_HDRLEN, sizeof(e));
	return e.error;
}

static void answer(const struct request *r)
{
	fdnet_rtnl_answer(&net, r, r->h.nlmsg_len, 42, &out);
}

static const struct {
	const char *label;
	uint16_t type;
	uint8_t family;
	size_t body;
	uint16_t reply;
	int n;
} dumps[] = {
	{ "links", RTM_GETLINK, AF_UNSPEC, 16, RTM_NEWLINK, 2 },
	{ "links, the short form", RTM_GETLINK, AF_PACKET, 1, RTM_NEWLINK, 2 },
	{ "all addresses", RTM_GETADDR, AF_UNSPEC, 8, RTM_NEWADDR, 4 },
	{ "IPv4 addresses", RTM_GETADDR, AF_INET, 1, RTM_NEWADDR, 2 },
	{ "IPv6 addresses", RTM_GETADDR, AF_INET6, 8, RTM_NEWADDR, 2 },
	{ "IPv4 routes", RTM_GETROUTE, AF_INET, 12, RTM_NEWROUTE, 5 },
	{ "IPv6 routes", RTM_GETROUTE, AF_INET6, 12, RTM_NEWROUTE, 4 },
	{ "all routes", RTM_GETROUTE, AF_UNSPEC, 12, RTM_NEWROUTE, 9 },
	{ "rules", RTM_GETRULE, AF_INET, 12, RTM_NEWRULE, 3 },
	{ "neighbours", RTM_GETNEIGH, AF_UNSPEC, 12, RTM_NEWNEIGH, 0 },
	{ "queues", RTM_GETQDISC, AF_UNSPEC, 20, RTM_NEWQDISC, 0 },
};

START_TEST(dumps_are_complete_and_end)
{
	struct request r = ask(dumps[_i].type, NLM_F_DUMP, dumps[_i].family,
			       dumps[_i].body);

	answer(&r);
	ck_assert_msg(count(dumps[_i].reply) == dumps[_i].n, "%s: %d",
		      dumps[_i].label, count(dumps[_i].reply));
	ck_assert_msg(count(NLMSG_DONE) == 1, "%s", dumps[_i].label);
	ck_assert_int_eq(count(NLMSG_ERROR), 0);
}
END_TEST

static const struct {
	const char *label;
	uint16_t type, flags;
	uint8_t family;
	size_t body;
	int error; /* 1: no error message */
} singles[] = {
	{ "changing a link", RTM_SETLINK, NLM_F_ACK, 0, 16, -EPERM },
	{ "adding an address", RTM_NEWADDR, NLM_F_ACK, AF_INET, 8, -EPERM },
	{ "a new route", RTM_NEWROUTE, 0, AF_INET, 12, -EPERM },
	{ "unknown type", 4000, 0, 0, 16, -EOPNOTSUPP },
	{ "control message", NLMSG_NOOP, NLM_F_ACK, 0, 0, 0 },
	{ "control message, quiet", NLMSG_NOOP, 0, 0, 0, 1 },
	{ "one address", RTM_GETADDR, 0, AF_INET, 8, -EOPNOTSUPP },
	{ "no such link", RTM_GETLINK, 0, 0, 16, -EINVAL },
	{ "body too short", RTM_GETLINK, 0, 0, 0, 1 },
	{ "one neighbour", RTM_GETNEIGH, 0, AF_INET, 12, -ENOENT },
	{ "a dump of an unknown kind", RTM_GETDCB, NLM_F_DUMP, 0, 4,
	  -EOPNOTSUPP },
};

START_TEST(what_cannot_be_is_refused)
{
	struct request r = ask(singles[_i].type, singles[_i].flags,
			       singles[_i].family, singles[_i].body);

	answer(&r);
	ck_assert_msg(error_of() == singles[_i].error, "%s: %d",
		      singles[_i].label, error_of());
	count(0);
}
END_TEST

START_TEST(a_link_is_found_by_index_or_name)
{
	struct request r = ask(RTM_GETLINK, 0, 0, 16);
	int index = 2;

	memcpy(r.body + 4, &index, sizeof(index));
	answer(&r);
	ck_assert_int_eq(count(RTM_NEWLINK), 1);
	index = 3;
	memcpy(r.body + 4, &index, sizeof(index));
	answer(&r);
	ck_assert_int_eq(error_of(), -ENODEV);
	r = ask(RTM_GETLINK, NLM_F_ACK, 0, 16);
	add_attr(&r, IFLA_IFNAME, "eth0", 5);
	answer(&r);
	ck_assert_int_eq(count(RTM_NEWLINK), 1);
	ck_assert_int_eq(count(NLMSG_ERROR), 1); /* the acknowledgement */
	r = ask(RTM_GETLINK, 0, 0, 16);
	add_attr(&r, IFLA_IFNAME, "a-name-that-is-far-too-long", 27);
	answer(&r);
	ck_assert_int_eq(error_of(), -ENODEV);
}
END_TEST

static const struct {
	const char *to;
	int index; /* of the way out */
	uint8_t table;
	bool gateway;
} ways[] = {
	{ "1.2.3.4", 2, RT_TABLE_MAIN, true },
	{ "10.0.2.3", 2, RT_TABLE_MAIN, false },
	{ "10.0.2.15", 2, RT_TABLE_LOCAL, false },
	{ "127.0.0.9", 1, RT_TABLE_LOCAL, false },
	{ "2001:db8::1", 2, RT_TABLE_MAIN, true },
	{ "fd00::7", 2, RT_TABLE_MAIN, false },
	{ "::1", 1, RT_TABLE_LOCAL, false },
};

START_TEST(the_way_to_an_address)
{
	struct fdnet_rtnl_ip to = ip_of(ways[_i].to, 0);
	struct request r = ask(RTM_GETROUTE, 0, to.family, 12);
	size_t at = NLMSG_SPACE(sizeof(struct rtmsg));
	bool gateway = false, named = _i % 2;
	uint32_t lookup = RTM_F_LOOKUP_TABLE;
	int index = 0;
	struct rtattr a;
	struct rtmsg m;

	if (named)
		memcpy(r.body + offsetof(struct rtmsg, rtm_flags), &lookup,
		       sizeof(lookup));
	add_attr(&r, RTA_DST, to.bytes, to.family == AF_INET ? 4 : 16);
	answer(&r);
	ck_assert_int_eq(count(RTM_NEWROUTE), 1);
	memcpy(&m, out.bytes + NLMSG_HDRLEN, sizeof(m));
	/* the kernel says which table only when asked */
	ck_assert_msg(m.rtm_table == (named ? ways[_i].table : RT_TABLE_MAIN),
		      "%s", ways[_i].to);
	ck_assert(m.rtm_flags & RTM_F_CLONED);
	for (; at < out.ends[0]; at += RTA_ALIGN(a.rta_len)) {
		memcpy(&a, out.bytes + at, sizeof(a));
		if (a.rta_type == RTA_OIF)
			memcpy(&index, out.bytes + at + RTA_LENGTH(0), 4);
		if (a.rta_type == RTA_GATEWAY)
			gateway = true;
		/* as the kernel orders them; nmap reads no further */
		if (a.rta_type == RTA_PREFSRC)
			ck_assert_int_ne(index, 0);
	}
	ck_assert_msg(index == ways[_i].index, "%s: %d", ways[_i].to, index);
	ck_assert_msg(gateway == ways[_i].gateway, "%s", ways[_i].to);
}
END_TEST

START_TEST(without_ipv6_there_is_none)
{
	struct fdnet_rtnl_ip ip4 = ip_of("10.0.2.15", 24), none = { 0 };
	struct request r = ask(RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC, 8);

	fdnet_rtnl_sandbox(&net, &ip4, &none, &none, &none, 1500);
	answer(&r);
	ck_assert_int_eq(count(RTM_NEWADDR), 2);
	r = ask(RTM_GETROUTE, 0, AF_INET6, 12);
	answer(&r);
	ck_assert_int_eq(error_of(), -ENETUNREACH);
	/* and no gateway: only what is near */
	r = ask(RTM_GETROUTE, 0, AF_INET, 12);
	add_attr(&r, RTA_DST, "\1\2\3\4", 4);
	answer(&r);
	ck_assert_int_eq(error_of(), -ENETUNREACH);
}
END_TEST

START_TEST(nothing_there_is_said)
{
	struct request r = ask(20, NLM_F_DUMP, AF_INET, 56);

	fdnet_rtnl_answer(NULL, &r, r.h.nlmsg_len, 42, &out);
	ck_assert_int_eq(error_of(), -ENOENT);
}
END_TEST

START_TEST(several_requests_in_one_datagram)
{
	struct {
		struct request one, two;
	} both = { ask(RTM_GETLINK, NLM_F_DUMP, 0, 16),
		   ask(RTM_GETADDR, NLM_F_DUMP, 0, 8) };
	size_t first = both.one.h.nlmsg_len;

	memmove((uint8_t *)&both + first, &both.two, both.two.h.nlmsg_len);
	fdnet_rtnl_answer(&net, &both, first + both.two.h.nlmsg_len, 42, &out);
	ck_assert_int_eq(count(NLMSG_DONE), 2);
	ck_assert_int_eq(count(RTM_NEWADDR), 4);
}
END_TEST

/* However often it is asked, the answer stays within its bounds. */
START_TEST(too_much_is_left_out)
{
	struct nlmsghdr many[1000];
	unsigned int i;

	for (i = 0; i < 1000; i++)
		many[i] = (struct nlmsghdr){ .nlmsg_len = NLMSG_HDRLEN,
					     .nlmsg_type = 4000,
					     .nlmsg_seq = 7,
					     .nlmsg_flags = NLM_F_REQUEST };
	fdnet_rtnl_answer(&net, many, sizeof(many), 42, &out);
	ck_assert_uint_eq(out.n, FDNET_RTNL_MSGS);
	count(0);
}
END_TEST

static const struct {
	unsigned long request;
	const char *name;
	int index, rc;
} if_rows[] = {
	{SIOCGIFINDEX, "lo", 0, 0},
	{SIOCGIFINDEX, "eth0", 0, 0},
	{SIOCGIFINDEX, "eth1", 0, -ENODEV},
	{SIOCGIFINDEX, "a name of 16 ab.", 0, -ENODEV},
	{SIOCGIFINDEX, "", 0, -ENODEV},
	{SIOCGIFNAME, "", 0, -ENODEV},
	{SIOCGIFNAME, "", 2, 0},
	{SIOCGIFNAME, "", 3, -ENODEV},
	{SIOCGIFNAME, "", -1, -ENODEV},
	{SIOCGIFADDR, "eth0", 0, 0},
	{SIOCGIFNETMASK, "eth0", 0, 0},
	{SIOCGIFDSTADDR, "eth0", 0, 0},
	{SIOCGIFBRDADDR, "eth0", 0, -EADDRNOTAVAIL},
	{SIOCGIFFLAGS, "lo", 0, 0},
	{SIOCGIFMTU, "eth0", 0, 0},
	{SIOCGIFHWADDR, "lo", 0, 0},
	{SIOCGIFTXQLEN, "eth0", 0, 0},
	{SIOCGIFMETRIC, "eth0", 0, 0},
	{SIOCGIFMAP, "eth0", 0, 0},
	{SIOCETHTOOL, "eth0", 0, -EOPNOTSUPP},
	{SIOCSIFADDR, "eth0", 0, -EPERM},
	{SIOCSIFFLAGS, "eth0", 0, -EPERM},
	{SIOCADDRT, "eth0", 0, -EPERM},
};

START_TEST(what_ifconfig_asks)
{
	struct ifreq req = {0};

	set_up();
	memcpy(req.ifr_name, if_rows[_i].name, strlen(if_rows[_i].name));
	if (if_rows[_i].request == SIOCGIFNAME)
		req.ifr_ifindex = if_rows[_i].index;
	ck_assert(fdnet_ifreq_is(if_rows[_i].request));
	ck_assert_int_eq(fdnet_ifreq_answer(&net, if_rows[_i].request, &req),
			 if_rows[_i].rc);
}
END_TEST

static uint32_t address_in(const struct sockaddr *sa)
{
	struct sockaddr_in sin;

	memcpy(&sin, sa, sizeof(sin));
	return ntohl(sin.sin_addr.s_addr);
}

START_TEST(what_ifconfig_is_told)
{
	struct ifreq req = {.ifr_name = "eth0"}, list[FDNET_RTNL_IFACES];

	set_up();
	fdnet_ifreq_answer(&net, SIOCGIFINDEX, &req);
	ck_assert_int_eq(req.ifr_ifindex, 2);
	fdnet_ifreq_answer(&net, SIOCGIFNAME, &req);
	ck_assert_str_eq(req.ifr_name, "eth0");
	fdnet_ifreq_answer(&net, SIOCGIFADDR, &req);
	ck_assert_uint_eq(address_in(&req.ifr_addr), 0x0a00020f);
	fdnet_ifreq_answer(&net, SIOCGIFNETMASK, &req);
	ck_assert_uint_eq(address_in(&req.ifr_netmask), 0xffffff00);
	fdnet_ifreq_answer(&net, SIOCGIFMTU, &req);
	ck_assert_int_eq(req.ifr_mtu, 1500);
	ck_assert(!fdnet_ifreq_is(SIOCOUTQ));
	ck_assert_uint_eq(fdnet_ifreq_list(&net, list), 2);
	ck_assert_str_eq(list[0].ifr_name, "lo");
	ck_assert_uint_eq(address_in(&list[0].ifr_addr), 0x7f000001);
	ck_assert_str_eq(list[1].ifr_name, "eth0");
	net.naddrs = 0;
	ck_assert_uint_eq(fdnet_ifreq_list(&net, list), 0);
	ck_assert_int_eq(fdnet_ifreq_answer(&net, SIOCGIFADDR, &req),
			 -EADDRNOTAVAIL);
}
END_TEST

START_TEST(shorter_and_changed_requests_never_hurt)
{
	struct request r = ask(dumps[_i].type, 0, AF_INET, dumps[_i].body);
	size_t len;
	unsigned int i, v;

	add_attr(&r, 1, "\1\2\3\4\5\6\7\10", 8);
	for (len = 0; len <= r.h.nlmsg_len; len++) {
		fdnet_rtnl_answer(&net, &r, len, 42, &out);
		if (len < r.h.nlmsg_len)
			ck_assert_uint_eq(out.n, 0);
	}
	for (i = 0; i < r.h.nlmsg_len; i++)
		for (v = 0; v < 256; v++) {
			struct request bad = r;

			((uint8_t *)&bad)[i] = (uint8_t)v;
			fdnet_rtnl_answer(&net, &bad, r.h.nlmsg_len, 42, &out);
			ck_assert_uint_le(out.n, FDNET_RTNL_MSGS);
		}
}
END_TEST

static Suite *rtnl_suite(void)
{
	Suite *s = suite_create("rtnl");
	TCase *tc = tcase_create("rtnl");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_loop_test(tc, dumps_are_complete_and_end, 0, N_ROWS(dumps));
	tcase_add_loop_test(tc, what_cannot_be_is_refused, 0,
			    N_ROWS(singles));
	tcase_add_test(tc, a_link_is_found_by_index_or_name);
	tcase_add_loop_test(tc, the_way_to_an_address, 0, N_ROWS(ways));
	tcase_add_test(tc, without_ipv6_there_is_none);
	tcase_add_test(tc, nothing_there_is_said);
	tcase_add_test(tc, several_requests_in_one_datagram);
	tcase_add_test(tc, too_much_is_left_out);
	tcase_add_loop_test(tc, what_ifconfig_asks, 0, N_ROWS(if_rows));
	tcase_add_test(tc, what_ifconfig_is_told);
	tcase_add_loop_test(tc, shorter_and_changed_requests_never_hurt, 0,
			    N_ROWS(dumps));
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(rtnl_suite)
