/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of IPv4 and IPv6: what is taken in, what is dropped, what is
 * answered. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "tests/ip_case.h"
#include "tests/suite_main.h"

/* ---- headers ---- */

START_TEST(good_packets_arrive)
{
	uint8_t p[200];

	ip_input(p, ip_udp4(p, "10.0.0.2", "10.0.0.1", 10));
	ck_assert_int_eq(ip_received(), 10);
	ip_input(p, ip_udp6(p, "fd00::2", "fd00::1", 11));
	ck_assert_int_eq(ip_received(), 11);
}
END_TEST

START_TEST(link_padding_is_cut)
{
	uint8_t p[200] = { 0 };

	ip_udp4(p, "10.0.0.2", "10.0.0.1", 10);
	ip_input(p, 60);
	ck_assert_int_eq(ip_received(), 10);
	ip_udp6(p, "fd00::2", "fd00::1", 3);
	ip_input(p, 90);
	ck_assert_int_eq(ip_received(), 3);
}
END_TEST

START_TEST(truncated_packets_are_dropped)
{
	uint8_t p[200];
	size_t len = _i == 4 ? ip_udp4(p, "10.0.0.2", "10.0.0.1", 20) :
			       ip_udp6(p, "fd00::2", "fd00::1", 20);
	size_t n;

	for (n = 0; n < len; n++) {
		ip_input(p, n);
		ck_assert_int_eq(ip_received(), -EAGAIN);
	}
	ck_assert_uint_eq(ip_counter(FDNET_C_IP_IN), len);
	ck_assert_uint_eq(ip_counter(FDNET_C_IP_SHORT) +
				  ip_counter(FDNET_C_IP_BAD_HEADER),
			  len);
}
END_TEST

/* No single changed byte of a header goes unnoticed, but those the checksums
 * do not cover: IPv6's class, flow and hop limit; and of the fields that say
 * who sent it nobody can know, so the sums must. */
START_TEST(changed_bytes_are_noticed)
{
	uint8_t p[200], copy[200];
	size_t len = _i == 4 ? ip_udp4(p, "10.0.0.2", "10.0.0.1", 20) :
			       ip_udp6(p, "fd00::2", "fd00::1", 20);
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			bool free_byte = _i == 6 && ((i < 4 && i > 0) ||
						     i == 7);

			if (_i == 6 && i == 0 && bit < 4)
				continue; /* class */
			memcpy(copy, p, len);
			copy[i] ^= (uint8_t)(1 << bit);
			ip_input(copy, len);
			ck_assert_msg(ip_received() ==
					      (free_byte ? 20 : -EAGAIN),
				      "byte %zu bit %d", i, bit);
		}
	}
}
END_TEST

START_TEST(udp_without_checksum_is_taken_on_ipv4_only)
{
	uint8_t p[200];
	size_t len = ip_udp4(p, "10.0.0.2", "10.0.0.1", 20);

	memset(p + 26, 0, 2);
	ip_input(p, len);
	ck_assert_int_eq(ip_received(), 20);
	len = ip_udp6(p, "fd00::2", "fd00::1", 20);
	memset(p + 46, 0, 2);
	ip_input(p, len);
	ck_assert_int_eq(ip_received(), -EAGAIN);
	ck_assert_uint_eq(ip_counter(FDNET_C_UDP_BAD), 1);
}
END_TEST

static const struct {
	const char *label, *src, *dst;
	enum fdnet_stack_counter why;
} strangers[] = {
	{ "not ours", "10.0.0.2", "10.0.0.3", FDNET_C_IP_NOT_OURS },
	{ "not ours v6", "fd00::2", "fd00::3", FDNET_C_IP_NOT_OURS },
	{ "group nobody joined", "10.0.0.2", "224.1.2.3",
	  FDNET_C_IP_NOT_OURS },
	{ "loopback from outside", "127.0.0.1", "10.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "to loopback from outside", "10.0.0.2", "127.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "v6 loopback from outside", "::1", "fd00::1", FDNET_C_IP_MARTIAN },
	{ "multicast source", "224.0.0.1", "10.0.0.1", FDNET_C_IP_MARTIAN },
	{ "broadcast source", "255.255.255.255", "10.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "network broadcast source", "10.0.0.255", "10.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "v6 multicast source", "ff02::1", "fd00::1", FDNET_C_IP_MARTIAN },
};

START_TEST(strangers_are_dropped)
{
	const char *src = strangers[_i].src, *dst = strangers[_i].dst;
	uint8_t p[200];
	size_t len = strchr(src, ':') ? ip_udp6(p, src, dst, 5) :
					ip_udp4(p, src, dst, 5);

	ip_input(p, len);
	ck_assert_int_eq(ip_received(), -EAGAIN);
	ck_assert_msg(ip_counter(strangers[_i].why) == 1, "%s",
		      strangers[_i].label);
	ck_assert_uint_eq(ip_output(p, sizeof(p)), 0);
}
END_TEST

/* ---- IPv4 options ---- */

static size_t with_options(uint8_t *p, const uint8_t *opts, uint8_t n)
{
	uint8_t plain[200];
	size_t len = ip_udp4(plain, "10.0.0.2", "10.0.0.1", 5);

	memcpy(p, plain, 20);
	memcpy(p + 20, opts, n);
	memcpy(p + 20 + n, plain + 20, len - 20);
	p[0] = (uint8_t)(0x40 | (20 + n) / 4);
	fdnet_put16(p + 2, (uint16_t)(len + n));
	fdnet_ipv4_set_csum(p, (uint8_t)(20 + n));
	return len + n;
}

static const struct {
	const char *label;
	uint8_t opts[8];
	bool arrives;
	int problem; /* pointer of the parameter problem sent, or -1 */
} options[] = {
	{ "padding", { 1, 1, 1, 1, 1, 1, 1, 0 }, true, -1 },
	{ "router alert", { 148, 4, 0, 0, 0, 0, 0, 0 }, true, -1 },
	{ "unknown", { 200, 8, 1, 2, 3, 4, 5, 6 }, true, -1 },
	{ "loose source route", { 131, 7, 4, 10, 0, 0, 9, 0 }, false, -1 },
	{ "strict source route", { 137, 7, 4, 10, 0, 0, 9, 0 }, false, -1 },
	{ "length 0", { 1, 148, 0, 0, 0, 0, 0, 0 }, false, 21 },
	{ "too long", { 148, 9, 0, 0, 0, 0, 0, 0 }, false, 20 },
	{ "length missing", { 1, 1, 1, 1, 1, 1, 1, 148 }, false, 27 },
};

START_TEST(options_are_checked)
{
	uint8_t p[200];

	ip_input(p, with_options(p, options[_i].opts, 8));
	ck_assert_msg((ip_received() == 5) == options[_i].arrives, "%s",
		      options[_i].label);
	if (options[_i].problem < 0) {
		ck_assert_uint_eq(ip_output(p, sizeof(p)), 0);
		return;
	}
	ck_assert_uint_gt(ip_output(p, sizeof(p)), 28);
	ck_assert_uint_eq(p[20], FDNET_ICMP_PARAM);
	ck_assert_int_eq(p[24], options[_i].problem);
}
END_TEST

/* ---- IPv6 extension headers ---- */

/* Puts @n bytes of headers, whose first is @next, between IPv6 and UDP. */
static size_t with_headers(uint8_t *p, uint8_t next, const uint8_t *hdrs,
			   size_t n)
{
	uint8_t plain[200];
	size_t len = ip_udp6(plain, "fd00::2", "fd00::1", 5);

	memcpy(p, plain, 40);
	memcpy(p + 40, hdrs, n);
	memcpy(p + 40 + n, plain + 40, len - 40);
	p[6] = next;
	fdnet_put16(p + 4, (uint16_t)(len - 40 + n));
	return len + n;
}

static const struct {
	const char *label;
	uint8_t next;
	uint8_t hdrs[24];
	size_t n;
	bool arrives;
	int type, code, pointer; /* of the ICMPv6 answer; type 0: none */
} headers[] = {
	{ "hop-by-hop, padding", 0, { 17, 0, 1, 4 }, 8, true, 0, 0, 0 },
	{ "destination, skip unknown", 60, { 17, 0, 0x1e, 4 }, 8, true, 0, 0,
	  0 },
	{ "destination, discard", 60, { 17, 0, 0x5e, 4 }, 8, false, 0, 0, 0 },
	{ "destination, discard and tell", 60, { 17, 0, 0x9e, 4 }, 8, false,
	  4, 2, 42 },
	{ "destination, tell if unicast", 60, { 17, 0, 0xde, 4 }, 8, false, 4,
	  2, 42 },
	{ "option beyond the header", 60, { 17, 0, 0x1e, 5 }, 8, false, 4, 0,
	  42 },
	{ "both", 0, { 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4 }, 16, true, 0, 0,
	  0 },
	{ "hop-by-hop second", 60, { 0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4 },
	  16, false, 4, 1, 40 },
	{ "routing, nothing left", 43, { 17, 0, 0, 0 }, 8, true, 0, 0, 0 },
	{ "routing, one left", 43, { 17, 0, 0, 1 }, 8, false, 4, 0, 42 },
	{ "no next header", 59, { 0 }, 8, false, 0, 0, 0 },
	{ "unknown next header", 253, { 0 }, 8, false, 4, 1, 6 },
	{ "header longer than the packet", 60, { 17, 9, 1, 4 }, 8, false, 0, 0,
	  0 },
	{ "whole in one fragment", 44, { 17, 0, 0, 0, 1, 2, 3, 4 }, 8, true, 0,
	  0, 0 },
};

START_TEST(extension_headers_are_walked)
{
	uint8_t p[300];

	ip_input(p, with_headers(p, headers[_i].next, headers[_i].hdrs,
			      headers[_i].n));
	ck_assert_msg((ip_received() == 5) == headers[_i].arrives, "%s",
		      headers[_i].label);
	if (!headers[_i].type) {
		ck_assert_msg(!ip_output(p, sizeof(p)), "%s", headers[_i].label);
		return;
	}
	ck_assert_msg(ip_output(p, sizeof(p)) > 48, "%s", headers[_i].label);
	ck_assert_int_eq(p[40], headers[_i].type);
	ck_assert_int_eq(p[41], headers[_i].code);
	ck_assert_int_eq(p[47], headers[_i].pointer);
}
END_TEST

START_TEST(truncated_headers_are_dropped)
{
	uint8_t p[300];
	size_t len = with_headers(p, 0, headers[6].hdrs, headers[6].n), n;

	for (n = 0; n < len; n++) {
		/* lengths agree; the headers end early */
		if (n >= 40)
			fdnet_put16(p + 4, (uint16_t)(n - 40));
		ip_input(p, n);
		ck_assert_int_eq(ip_received(), -EAGAIN);
	}
}
END_TEST

static Suite *ip_suite(void)
{
	Suite *s = suite_create("ip");
	TCase *tc = tcase_create("ip");

	tcase_add_checked_fixture(tc, ip_setup, ip_teardown);
	tcase_add_test(tc, good_packets_arrive);
	tcase_add_test(tc, link_padding_is_cut);
	tcase_add_loop_test(tc, truncated_packets_are_dropped, 4, 5);
	tcase_add_loop_test(tc, truncated_packets_are_dropped, 6, 7);
	tcase_add_loop_test(tc, changed_bytes_are_noticed, 4, 5);
	tcase_add_loop_test(tc, changed_bytes_are_noticed, 6, 7);
	tcase_add_test(tc, udp_without_checksum_is_taken_on_ipv4_only);
	tcase_add_loop_test(tc, strangers_are_dropped, 0, N_ROWS(strangers));
	tcase_add_loop_test(tc, options_are_checked, 0, N_ROWS(options));
	tcase_add_loop_test(tc, extension_headers_are_walked, 0,
			    N_ROWS(headers));
	tcase_add_test(tc, truncated_headers_are_dropped);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(ip_suite)
