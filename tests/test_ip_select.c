/* SPDX-License-Identifier: Apache-2.0 */
/* Default address selection: the examples of RFC 6724, section 10. */
#include "config.h"

#include "stack/ip_select.h"

#include <check.h>
#include <string.h>

#include "stack/object.h"
#include "tests/suite_main.h"

#define MAX_ADDRS 4

static struct fdnet_pkt_pool *pool;
static struct fdnet_stack *stack;

static struct fdnet_ip ip_of(const char *text)
{
	struct fdnet_ip ip;

	ck_assert_int_eq(fdnet_ip_parse(text, &ip), 0);
	return ip;
}

static void setup(void)
{
	struct fdnet_stack_config cfg;

	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 4, false);
	ck_assert_ptr_nonnull(pool);
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = pool;
	ck_assert_int_eq(fdnet_stack_new(&cfg, 1000000, &stack), 0);
}

static void teardown(void)
{
	fdnet_stack_free(stack);
	fdnet_pkt_pool_free(pool);
}

/* "-" before an address: it is deprecated. */
static void configure(const char *const *addrs)
{
	int i;

	for (i = 0; i < MAX_ADDRS && addrs[i]; i++) {
		bool old = addrs[i][0] == '-';
		struct fdnet_ip ip = ip_of(addrs[i] + old);

		ck_assert_int_eq(fdnet_stack_add_addr(stack, &ip,
						      ip.family == 4 ? 24 : 64),
				 0);
		if (old)
			stack->addrs[stack->naddrs - 1].preferred_us = 1;
	}
}

static const struct {
	const char *label;
	const char *addrs[MAX_ADDRS];
	const char *dst, *src;
} sources[] = {
	{"appropriate scope", {"2001:db8:3::1", "fe80::1"},
	 "2001:db8:1::1", "2001:db8:3::1"},
	{"scope of a group", {"2001:db8:3::1", "fe80::1"},
	 "ff05::1", "2001:db8:3::1"},
	{"the same address", {"-2001:db8:1::1", "2001:db8:2::1"},
	 "2001:db8:1::1", "2001:db8:1::1"},
	{"scope before age", {"-fe80::2", "2001:db8:1::1"},
	 "fe80::1", "fe80::2"},
	{"longest prefix", {"2001:db8:1::2", "2001:db8:3::2"},
	 "2001:db8:1::1", "2001:db8:1::2"},
	{"longest prefix, other order", {"2001:db8:3::2", "2001:db8:1::2"},
	 "2001:db8:1::1", "2001:db8:1::2"},
	{"matching label", {"2001:db8:1::2", "2002:c633:6401::d5e3:0:1"},
	 "2002:c633:6401:7::1", "2002:c633:6401::d5e3:0:1"},
	{"local addresses for local ones", {"2001:db8:1::2", "fd00:1::2"},
	 "fd77::1", "fd00:1::2"},
	{"and not for others", {"fd00:1::2", "2001:db8:1::2"},
	 "2600::1", "2001:db8:1::2"},
	{"not a deprecated one", {"-2001:db8:1::2", "2001:db8:3::2"},
	 "2001:db8:7::1", "2001:db8:3::2"},
	{"the network of the next hop", {"10.0.0.1", "192.168.5.1"},
	 "192.168.5.9", "192.168.5.1"},
	{"the first of equals", {"10.0.0.1", "192.168.5.1"},
	 "8.8.8.8", "10.0.0.1"},
	{"no link-local one for the world", {"169.254.13.78", "10.0.0.1"},
	 "198.51.100.121", "10.0.0.1"},
};

START_TEST(a_source_is_chosen)
{
	struct fdnet_ip dst = ip_of(sources[_i].dst), src;
	char text[FDNET_IP_STRLEN];

	configure(sources[_i].addrs);
	ck_assert_int_eq(fdnet_ip_source(stack, &dst, &src), 0);
	fdnet_ip_format(&src, text);
	ck_assert_msg(!strcmp(text, sources[_i].src), "%s: %s, not %s",
		      sources[_i].label, text, sources[_i].src);
}
END_TEST

static const struct {
	const char *label;
	const char *addrs[MAX_ADDRS];
	const char *first, *second;
} dests[] = {
	{"matching scope", {"2001:db8:1::2", "fe80::1", "169.254.13.78"},
	 "2001:db8:1::1", "198.51.100.121"},
	{"matching scope, IPv4", {"fe80::1", "198.51.100.117"},
	 "198.51.100.121", "2001:db8:1::1"},
	{"higher precedence", {"2001:db8:1::2", "fe80::1", "10.1.2.4"},
	 "2001:db8:1::1", "10.1.2.3"},
	{"smaller scope", {"2001:db8:1::2", "fe80::2"},
	 "fe80::1", "2001:db8:1::1"},
	{"not a deprecated source", {"2001:db8:1::2", "-fe80::2"},
	 "2001:db8:1::1", "fe80::1"},
	{"longest prefix",
	 {"2001:db8:1::2", "2001:db8:3f44::2", "fe80::2"},
	 "2001:db8:1::1", "2001:db8:3ffe::1"},
	{"matching label", {"2002:c633:6401::2", "fe80::2"},
	 "2002:c633:6401::1", "2001:db8:1::1"},
	{"precedence of 6to4",
	 {"2002:c633:6401::2", "2001:db8:1::2", "fe80::2"},
	 "2001:db8:1::1", "2002:c633:6401::1"},
	{"what can be reached", {"10.1.2.4"}, "10.1.2.3", "2001:db8:1::1"},
	{"local addresses after IPv4", {"fd00:1::2", "10.1.2.4"},
	 "10.9.9.9", "2001:db8:1::1"},
};

START_TEST(destinations_are_ordered)
{
	struct fdnet_ip want[2] = {ip_of(dests[_i].first),
				   ip_of(dests[_i].second)};
	struct fdnet_ip list[2];
	int turn;

	configure(dests[_i].addrs);
	for (turn = 0; turn < 2; turn++) {
		list[0] = want[turn];
		list[1] = want[!turn];
		fdnet_stack_order(stack, list, 2);
		ck_assert_msg(fdnet_ip_equal(&list[0], &want[0]) &&
				      fdnet_ip_equal(&list[1], &want[1]),
			      "%s: given %s", dests[_i].label,
			      turn ? "the other way round" : "in order");
	}
}
END_TEST

START_TEST(equals_stay_in_order)
{
	const char *const addrs[MAX_ADDRS] = {"10.0.0.1"};
	struct fdnet_ip list[3] = {ip_of("198.51.100.3"), ip_of("203.0.113.1"),
				   ip_of("198.51.100.2")};
	struct fdnet_ip copy[3];

	configure(addrs);
	memcpy(copy, list, sizeof(copy));
	fdnet_stack_order(stack, list, 3);
	for (int i = 0; i < 3; i++)
		ck_assert(fdnet_ip_equal(&list[i], &copy[i]));
	fdnet_stack_order(stack, list, 0);
}
END_TEST

static Suite *ip_select_suite(void)
{
	Suite *s = suite_create("ip_select");
	TCase *tc = tcase_create("RFC 6724");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_source_is_chosen, 0, N_ROWS(sources));
	tcase_add_loop_test(tc, destinations_are_ordered, 0, N_ROWS(dests));
	tcase_add_test(tc, equals_stay_in_order);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(ip_select_suite)
