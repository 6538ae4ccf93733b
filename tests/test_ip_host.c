/* SPDX-License-Identifier: Apache-2.0 */
/* The host: what it sends, its addresses and settings, texts and sums. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "stack/wire/csum.h"
#include "stack/wire/ipv4.h"
#include "tests/ip_case.h"
#include "tests/suite_main.h"

/* ---- what goes out ---- */

START_TEST(fragments_sent_fit_the_mtu)
{
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.2" : "fd00::2", 5);
	struct fdnet_sock *so = sock_open(ip_stack, _i, FDNET_SOCK_DGRAM, 17);
	size_t len, sum = 0, n = 0;
	uint8_t p[2000];

	memset(ip_buf, 0x55, 10000);
	ck_assert_int_eq(sock_send(so, ip_buf, 10000, &to), 10000);
	while ((len = ip_output(p, sizeof(p)))) {
		ck_assert_uint_le(len, 1500);
		if (_i == 4)
			ck_assert(fdnet_ipv4_csum_ok(p, 20));
		sum += len - (_i == 4 ? 20 : 48);
		n++;
	}
	ck_assert_uint_eq(sum, 10008);
	ck_assert_uint_eq(n, 7);
	ck_assert_uint_eq(ip_counter(FDNET_C_FRAG_OUT), 7);
}
END_TEST

/* RFC 6864 4: an identification is unique where there may be fragments, and
 * tells nothing elsewhere. */
START_TEST(only_what_may_be_cut_has_an_identification)
{
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_sock *so = sock_open(ip_stack, 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_ipv4 hdr;
	uint16_t last = 0;
	uint8_t p[2000];
	int i;

	for (i = 0; i < 3; i++) {
		sock_send(so, "x", 1, &to);
		ip_output(p, sizeof(p));
		fdnet_ipv4_decode(p, 20, &hdr);
		ck_assert(hdr.df);
		ck_assert_uint_eq(hdr.ident, 0);
	}
	sock_set_int(so, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	for (i = 0; i < 3; i++) {
		sock_send(so, "x", 1, &to);
		ip_output(p, sizeof(p));
		fdnet_ipv4_decode(p, 20, &hdr);
		ck_assert(!hdr.df);
		if (i)
			ck_assert_uint_eq(hdr.ident, (uint16_t)(last + 1));
		last = hdr.ident;
	}
}
END_TEST

START_TEST(what_was_given_back_comes_first)
{
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_sock *so = sock_open(ip_stack, 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_pkt *one, *two;

	ck_assert(!fdnet_stack_has_work(ip_stack));
	sock_send(so, "1", 1, &to);
	sock_send(so, "2", 1, &to);
	ck_assert(fdnet_stack_has_work(ip_stack));
	one = fdnet_stack_output(ip_stack);
	two = fdnet_stack_output(ip_stack);
	ck_assert_uint_eq(one->data[28], '1');
	fdnet_stack_unget(ip_stack, two);
	fdnet_stack_unget(ip_stack, one);
	ck_assert(fdnet_stack_has_work(ip_stack));
	ck_assert_ptr_eq(fdnet_stack_output(ip_stack), one);
	ck_assert_ptr_eq(fdnet_stack_output(ip_stack), two);
	ck_assert_ptr_eq(fdnet_stack_output(ip_stack), NULL);
	ck_assert_uint_eq(ip_counter(FDNET_C_IP_OUT), 2);
	fdnet_pkt_free(one);
	fdnet_pkt_free(two);
}
END_TEST

START_TEST(sockets_take_turns)
{
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_sock *a = sock_open(ip_stack, 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *b = sock_open(ip_stack, 4, FDNET_SOCK_DGRAM, 17);
	uint8_t p[100];
	int i;

	for (i = 0; i < 3; i++)
		sock_send(a, "a", 1, &to);
	for (i = 0; i < 3; i++)
		sock_send(b, "b", 1, &to);
	for (i = 0; i < 6; i++) {
		ck_assert_uint_eq(ip_output(p, sizeof(p)), 29);
		ck_assert_uint_eq(p[28], i & 1 ? 'b' : 'a');
	}
}
END_TEST

/* ---- our addresses ---- */

static const struct {
	const char *dst, *src; /* src NULL: no route */
} sources[] = {
	{ "127.0.0.1", "127.0.0.1" },  { "127.1.2.3", "127.0.0.1" },
	{ "10.0.0.1", "10.0.0.1" },    { "10.0.0.7", "10.0.0.1" },
	{ "8.8.8.8", "10.0.0.1" },     { "192.168.5.9", "192.168.5.1" },
	{ "::1", "::1" },	       { "fd00::9", "fd00::1" },
	{ "2001:db8::1", "2001:db8:1::1" },
	{ "fe80::9", "fe80::1" },
};

START_TEST(sources_are_chosen)
{
	struct fdnet_name dst = name_of(sources[_i].dst, 0);
	struct fdnet_name more[] = {
		name_of("192.168.5.1", 0),
		name_of("2001:db8:1::1", 0),
		name_of("fe80::1", 0),
	};
	char text[FDNET_IP_STRLEN];
	struct fdnet_ip src;
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(fdnet_stack_add_addr(ip_stack, &more[i].ip,
						      i ? 64 : 24),
				 0);
	ck_assert_int_eq(fdnet_ip_source(ip_stack, &dst.ip, &src), 0);
	ck_assert_str_eq(fdnet_ip_format(&src, text), sources[_i].src);
}
END_TEST

START_TEST(without_an_address_there_is_no_way)
{
	struct fdnet_stack_config cfg;
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_stack *bare;
	struct fdnet_sock *so;

	stack_pair_config(&cfg, 0);
	cfg.mem = &ip_pair->mem;
	cfg.pool = ip_pair->pool;
	ck_assert_int_eq(fdnet_stack_new(&cfg, 0, &bare), 0);
	so = sock_open(bare, 4, FDNET_SOCK_DGRAM, 17);
	ck_assert_int_eq(sock_send(so, "x", 1, &to), -ENETUNREACH);
	ck_assert_int_eq(fdnet_sock_connect(so, &to), -ENETUNREACH);
	fdnet_stack_free(bare);
}
END_TEST

START_TEST(addresses_are_checked)
{
	struct fdnet_name n = name_of("10.0.0.1", 0);
	int i, rc = 0;

	ck_assert_int_eq(fdnet_stack_add_addr(ip_stack, &n.ip, 24), -EEXIST);
	n = name_of("10.0.0.9", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(ip_stack, &n.ip, 33), -EINVAL);
	n = name_of("0.0.0.0", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(ip_stack, &n.ip, 8), -EINVAL);
	n = name_of("224.0.0.1", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(ip_stack, &n.ip, 8), -EINVAL);
	n = name_of("127.0.0.1", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(ip_stack, &n.ip, 8), -EINVAL);
	n = name_of("10.0.1.0", 0);
	for (i = 0; i < 100 && !rc; i++) {
		n.ip.bytes[3]++;
		rc = fdnet_stack_add_addr(ip_stack, &n.ip, 24);
	}
	ck_assert_int_eq(rc, -ENOSPC);
}
END_TEST

START_TEST(settings_are_checked)
{
	struct fdnet_stack_config cfg, bad;
	struct fdnet_stack *s;
	long n;

	stack_pair_config(&cfg, 0);
	cfg.mem = &ip_pair->mem;
	cfg.pool = ip_pair->pool;
	bad = cfg;
	bad.mtu = 575;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	bad.mtu = 65536;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	bad = cfg;
	bad.ephemeral_lo = 5;
	bad.ephemeral_hi = 4;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	bad = cfg;
	bad.pool = NULL;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	for (n = 0; n < 4; n++) {
		ip_pair->fail_after = n;
		ck_assert_int_eq(fdnet_stack_new(&cfg, 0, &s), -ENOMEM);
	}
	ip_pair->fail_after = -1;
	fdnet_stack_free(NULL);
}
END_TEST

/* ---- text ---- */

static const struct {
	const char *text;
	bool ok;
} texts[] = {
	{ "1.2.3.4", true },	{ "255.255.255.255", true },
	{ "::", true },		{ "fd00::1", true },
	{ "1.2.3", false },	{ "1.2.3.256", false },
	{ "", false },		{ "::g", false },
};

START_TEST(text_and_back)
{
	struct fdnet_ip ip;
	char text[FDNET_IP_STRLEN];
	int rc = fdnet_ip_parse(texts[_i].text, &ip);

	ck_assert_int_eq(rc, texts[_i].ok ? 0 : -EINVAL);
	if (!rc)
		ck_assert_str_eq(fdnet_ip_format(&ip, text), texts[_i].text);
}
END_TEST

START_TEST(prefixes_are_compared)
{
	struct fdnet_ip a = name_of("10.1.2.3", 0).ip;
	struct fdnet_ip b = name_of("10.1.3.3", 0).ip;
	struct fdnet_ip c = name_of("fd00::", 0).ip;

	ck_assert(fdnet_ip_in_prefix(&a, &b, 23));
	ck_assert(!fdnet_ip_in_prefix(&a, &b, 24));
	ck_assert(fdnet_ip_in_prefix(&a, &b, 0));
	ck_assert(!fdnet_ip_in_prefix(&a, &b, 33));
	ck_assert(fdnet_ip_in_prefix(&a, &a, 32));
	ck_assert(!fdnet_ip_in_prefix(&a, &c, 0));
}
END_TEST

START_TEST(counters_have_names)
{
	int i;

	for (i = 0; i < FDNET_C_MAX; i++)
		ck_assert_ptr_nonnull(fdnet_stack_counter_name(i));
	ck_assert_ptr_null(fdnet_stack_counter_name(FDNET_C_MAX));
	ck_assert_uint_eq(fdnet_stack_counter(ip_stack, FDNET_C_MAX), 0);
}
END_TEST

START_TEST(sums_do_not_depend_on_how_bytes_are_split)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(ip_pair->pool);
	struct fdnet_buf *b = fdnet_buf_new(ip_pair->pool);
	uint32_t whole, i;

	for (i = 0; i < 1001; i++)
		b->data[i] = (uint8_t)(i * 37);
	memcpy(fdnet_pkt_put(pkt, 7), b->data, 7);
	fdnet_pkt_add_slice(pkt, b, b->data + 7, 100);
	/* not neighbours, or they would be merged */
	memcpy(b->data + 2000, b->data + 107, 33);
	fdnet_pkt_add_slice(pkt, b, b->data + 2000, 33);
	fdnet_pkt_add_slice(pkt, b, b->data + 140, 861);
	ck_assert_uint_eq(fdnet_pkt_total(pkt), 1001);
	for (i = 0; i < 1001; i += 2) {
		whole = fdnet_csum_add(0, b->data + i, 1001 - i);
		ck_assert_uint_eq(fdnet_csum_fold(fdnet_csum_pkt(0, pkt, i)),
				  fdnet_csum_fold(whole));
	}
	fdnet_buf_unref(b);
	fdnet_pkt_free(pkt);
}
END_TEST

static Suite *ip_host_suite(void)
{
	Suite *s = suite_create("ip_host");
	TCase *tc = tcase_create("ip_host");

	tcase_add_checked_fixture(tc, ip_setup, ip_teardown);
	tcase_add_test(tc, only_what_may_be_cut_has_an_identification);
	tcase_add_loop_test(tc, fragments_sent_fit_the_mtu, 4, 5);
	tcase_add_loop_test(tc, fragments_sent_fit_the_mtu, 6, 7);
	tcase_add_test(tc, what_was_given_back_comes_first);
	tcase_add_test(tc, sockets_take_turns);
	tcase_add_loop_test(tc, sources_are_chosen, 0, N_ROWS(sources));
	tcase_add_test(tc, without_an_address_there_is_no_way);
	tcase_add_test(tc, addresses_are_checked);
	tcase_add_test(tc, settings_are_checked);
	tcase_add_loop_test(tc, text_and_back, 0, N_ROWS(texts));
	tcase_add_test(tc, prefixes_are_compared);
	tcase_add_test(tc, counters_have_names);
	tcase_add_test(tc, sums_do_not_depend_on_how_bytes_are_split);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(ip_host_suite)
