/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses are probed before they are used; what routers say has an end. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "stack/autoconf.h"
#include "stack/object.h"
#include "stack/wire/arp.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define SEC 1000000ull

static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
static struct stack_pair *pair;
static unsigned int probes, announces, solicits, others;

static bool watch(void *arg, int from, struct fdnet_pkt *pkt)
{
	struct fdnet_arp arp;

	if (from)
		return true;
	if (pkt->ethertype == FDNET_ETHERTYPE_ARP &&
	    !fdnet_arp_decode(pkt->data, pkt->len, &arp)) {
		if (!memcmp(arp.sender_ip, arp.target_ip, 4))
			announces++;
		else if (!memcmp(arp.sender_ip, "\0\0\0\0", 4))
			probes++;
		else
			others++;
	} else if (pkt->ethertype == FDNET_ETHERTYPE_IPV6 && pkt->len > 40) {
		solicits += pkt->data[6] == 58 && pkt->data[40] == 133;
	}
	return true;
}

static void setup(void)
{
	struct fdnet_stack_config cfg[2];

	for (int i = 0; i < 2; i++) {
		stack_pair_config(&cfg[i], i);
		cfg[i].ethernet = true;
		memcpy(cfg[i].link_addr, macs[i], 6);
	}
	cfg[0].autoconf = true;
	pair = stack_pair_new(&cfg[0], &cfg[1]);
	pair->filter = watch;
	probes = announces = solicits = others = 0;
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static int state(const char *ip)
{
	struct fdnet_name name = name_of(ip, 0);

	return fdnet_stack_addr_state(pair->s[0], &name.ip);
}

START_TEST(an_address_is_used_when_nobody_answered)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_name own = name_of("10.0.0.1", 7);
	struct fdnet_name to = name_of("10.0.0.2", 7);

	ck_assert_int_eq(state("10.0.0.1"), -EINPROGRESS);
	ck_assert_int_eq(state("fd00::1"), -EINPROGRESS);
	ck_assert_int_eq(fdnet_sock_bind(so, &own), -EADDRNOTAVAIL);
	ck_assert_int_eq(sock_send(so, "x", 1, &to), -ENETUNREACH);
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_int_eq(state("fd00::1"), 0);
	stack_pair_pass(pair, 10 * SEC);
	ck_assert_int_eq(state("10.0.0.1"), 0);
	ck_assert_uint_eq(probes, 3);
	ck_assert_uint_eq(announces, 2);
	ck_assert_uint_eq(others, 0);
	so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	ck_assert_int_eq(fdnet_sock_bind(so, &own), 0);
	ck_assert_int_eq(sock_send(so, "x", 1, &to), 1);
	/* and routers were asked for, three times and no more */
	stack_pair_pass(pair, 60 * SEC);
	ck_assert_uint_eq(solicits, 3);
	ck_assert_uint_eq(announces, 2);
}
END_TEST

START_TEST(an_address_that_somebody_has_is_given_up)
{
	struct fdnet_name four = name_of("10.0.0.2", 0);
	struct fdnet_name six = name_of("fd00::2", 0);

	ck_assert_int_eq(fdnet_stack_add_addr(pair->s[0], &four.ip, 24), 0);
	ck_assert_int_eq(fdnet_stack_add_addr(pair->s[0], &four.ip, 24),
			 -EEXIST);
	ck_assert_int_eq(fdnet_stack_add_addr(pair->s[0], &six.ip, 64), 0);
	stack_pair_pass(pair, 10 * SEC);
	ck_assert_int_eq(state("10.0.0.2"), -EADDRNOTAVAIL);
	ck_assert_int_eq(state("fd00::2"), -EADDRNOTAVAIL);
	ck_assert_int_eq(state("10.0.0.1"), 0);
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[0], FDNET_C_ADDR_CONFLICT),
			  2);
}
END_TEST

START_TEST(advertised_addresses_and_routers_have_an_end)
{
	struct fdnet_stack *s = pair->s[1]; /* without probing */
	struct fdnet_name ip = name_of("2001:db8::5", 0);
	struct fdnet_name router = name_of("fe80::9", 0);
	struct fdnet_name any = name_of("::", 0), src;
	struct fdnet_name far = name_of("2001:db8:1::1", 0);

	fdnet_autoconf_prefix(s, &ip.ip, 100, 200, &router.ip); /* makes no sense */
	ck_assert_int_eq(fdnet_stack_addr_state(s, &ip.ip), -EADDRNOTAVAIL);
	fdnet_autoconf_prefix(s, &ip.ip, 10000, 100, &router.ip);
	fdnet_autoconf_route(s, &any.ip, 0, &router.ip, 0, 1000);
	ck_assert_int_eq(fdnet_ip_source(s, &far.ip, &src.ip), 0);
	ck_assert(fdnet_ip_equal(&src.ip, &ip.ip));
	/* a short new life does not end it within two hours */
	fdnet_autoconf_prefix(s, &ip.ip, 1, 1, &router.ip);
	stack_pair_pass(pair, 7100 * SEC);
	ck_assert_int_eq(fdnet_stack_addr_state(s, &ip.ip), 0);
	ck_assert_int_eq(fdnet_stack_del_route(s, &any.ip, 0), -ESRCH);
	stack_pair_pass(pair, 200 * SEC);
	ck_assert_int_eq(fdnet_stack_addr_state(s, &ip.ip), -EADDRNOTAVAIL);
	/* what was set by hand stays */
	ip = name_of("fd00::2", 0);
	fdnet_autoconf_prefix(s, &ip.ip, 1, 1, &router.ip);
	stack_pair_pass(pair, 20000 * SEC);
	ck_assert_int_eq(fdnet_stack_addr_state(s, &ip.ip), 0);
	/* for ever is for ever */
	ip = name_of("2001:db8::6", 0);
	fdnet_autoconf_prefix(s, &ip.ip, UINT32_MAX, UINT32_MAX, &router.ip);
	fdnet_autoconf_route(s, &any.ip, 0, &router.ip, 0, 65535);
	fdnet_autoconf_route(s, &any.ip, 0, &router.ip, 0, 0);
	ck_assert_int_eq(fdnet_stack_del_route(s, &any.ip, 0), -ESRCH);
	stack_pair_pass(pair, 1000000 * SEC);
	ck_assert_int_eq(fdnet_stack_addr_state(s, &ip.ip), 0);
}
END_TEST

START_TEST(a_deprecated_address_is_the_last_choice)
{
	struct fdnet_stack *s = pair->s[1];
	struct fdnet_name a = name_of("2001:db8::5", 0), src;
	struct fdnet_name b = name_of("2001:db9::5", 0);
	struct fdnet_name router = name_of("fe80::9", 0);
	struct fdnet_name far = name_of("2001:db8:1::1", 0);

	fdnet_autoconf_prefix(s, &a.ip, 10000, 100, &router.ip);
	fdnet_autoconf_prefix(s, &b.ip, 10000, 5000, &router.ip);
	ck_assert_int_eq(fdnet_ip_source(s, &far.ip, &src.ip), 0);
	ck_assert(fdnet_ip_equal(&src.ip, &a.ip));
	stack_pair_pass(pair, 200 * SEC);
	ck_assert_int_eq(fdnet_ip_source(s, &far.ip, &src.ip), 0);
	ck_assert(fdnet_ip_equal(&src.ip, &b.ip));
}
END_TEST

static Suite *autoconf_suite(void)
{
	Suite *s = suite_create("autoconf");
	TCase *tc = tcase_create("autoconf");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_address_is_used_when_nobody_answered);
	tcase_add_test(tc, an_address_that_somebody_has_is_given_up);
	tcase_add_test(tc, advertised_addresses_and_routers_have_an_end);
	tcase_add_test(tc, a_deprecated_address_is_the_last_choice);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(autoconf_suite)
