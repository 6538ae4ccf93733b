/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments and what becomes of them. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/reass.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "tests/ip_case.h"
#include "tests/suite_main.h"

/* ---- fragments ---- */

struct cut {
	uint16_t offset, len;
	bool mf;
};

static void send_fragment4(const uint8_t *whole, const struct cut *cut,
			   uint16_t ident)
{
	uint8_t p[2048];
	struct fdnet_ipv4 hdr;

	ck_assert_int_eq(fdnet_ipv4_decode(whole, 20, &hdr), 0);
	hdr.total_len = (uint16_t)(20 + cut->len);
	hdr.offset = cut->offset;
	hdr.mf = cut->mf;
	hdr.ident = ident;
	fdnet_ipv4_encode(p, &hdr);
	memcpy(p + 20, whole + 20 + cut->offset, cut->len);
	ip_input(p, 20u + cut->len);
}

static void send_fragment6_of(const uint8_t *whole, const struct cut *cut,
			      uint32_t ident, uint8_t next)
{
	struct fdnet_ipv6_frag frag = { next, cut->offset, cut->mf, ident };
	uint8_t p[2048];

	memcpy(p, whole, 40);
	p[6] = FDNET_IPV6_FRAGMENT;
	fdnet_put16(p + 4, (uint16_t)(8 + cut->len));
	fdnet_ipv6_frag_encode(p + 40, &frag);
	memcpy(p + 48, whole + 40 + cut->offset, cut->len);
	ip_input(p, 48u + cut->len);
}

static void send_fragment6(const uint8_t *whole, const struct cut *cut,
			   uint32_t ident)
{
	send_fragment6_of(whole, cut, ident, 17);
}

/* A datagram of 92 bytes payload: 100 behind the IP header. */
static const struct {
	const char *label;
	struct cut cuts[6];
	bool arrives, bad;
} fragments[] = {
	{ "in order", { { 0, 48, true }, { 48, 52, false } }, true, false },
	{ "last first", { { 48, 52, false }, { 0, 48, true } }, true, false },
	{ "middle last",
	  { { 0, 16, true }, { 64, 36, false }, { 16, 48, true } },
	  true, false },
	{ "four, mixed",
	  { { 24, 24, true }, { 72, 28, false }, { 48, 24, true },
	    { 0, 24, true } },
	  true, false },
	{ "same twice",
	  { { 0, 48, true }, { 0, 48, true }, { 48, 52, false } },
	  true, false },
	{ "part of one again",
	  { { 0, 48, true }, { 8, 16, true }, { 48, 52, false } },
	  true, false },
	{ "overlap at the end",
	  { { 0, 48, true }, { 40, 60, false } },
	  false, true },
	{ "overlap at the start",
	  { { 48, 52, false }, { 0, 56, true } },
	  false, true },
	{ "one covers another",
	  { { 16, 16, true }, { 0, 48, true }, { 48, 52, false } },
	  false, true },
	{ "two ends", { { 48, 52, false }, { 48, 44, false } }, false, true },
	{ "beyond the end", { { 48, 52, false }, { 104, 8, true } }, false,
	  true },
	{ "end before what is there",
	  { { 64, 32, true }, { 48, 8, false } },
	  false, true },
	{ "length not in eights", { { 0, 47, true } }, false, true },
	{ "empty", { { 0, 0, true } }, false, false },
};

START_TEST(fragments_are_joined)
{
	uint8_t whole[300];
	int i;

	if (_i & 1)
		ip_udp6(whole, "fd00::2", "fd00::1", 92);
	else
		ip_udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	for (i = 0; fragments[_i / 2].cuts[i].len; i++) {
		if (_i & 1)
			send_fragment6(whole, &fragments[_i / 2].cuts[i], 7);
		else
			send_fragment4(whole, &fragments[_i / 2].cuts[i], 7);
	}
	ck_assert_msg((ip_received() == 92) == fragments[_i / 2].arrives, "%s",
		      fragments[_i / 2].label);
	ck_assert_msg((ip_counter(FDNET_C_FRAG_BAD) > 0) ==
			      fragments[_i / 2].bad,
		      "%s", fragments[_i / 2].label);
	if (fragments[_i / 2].arrives)
		ck_assert_mem_eq(ip_buf, whole + (_i & 1 ? 48 : 28), 92);
}
END_TEST

/* RFC 3168 5.3, as the kernel's ip_frag_ecn_table[] */
static const struct {
	uint8_t first, second;
	int ecn; /* of the whole; -1: dropped */
} marks[] = {
	{ 0, 0, 0 },  { 1, 1, 1 },  { 2, 2, 2 },  { 3, 3, 3 },	{ 2, 3, 3 },
	{ 3, 2, 3 },  { 1, 3, 3 },  { 2, 1, 2 },  { 0, 3, -1 }, { 3, 0, -1 },
	{ 0, 2, -1 }, { 1, 0, -1 },
};

START_TEST(a_congestion_mark_survives_reassembly)
{
	struct cut cuts[2] = { { 0, 48, true }, { 48, 52, false } };
	uint8_t ecn[2] = { marks[_i / 2].first, marks[_i / 2].second };
	struct fdnet_msg msg = { .iov = &(struct iovec){ ip_buf, 200 },
				 .iovcnt = 1 };
	uint8_t whole[300];
	ssize_t rc;
	int i;

	for (i = 0; i < 2; i++) {
		if (_i & 1) {
			ip_udp6(whole, "fd00::2", "fd00::1", 92);
			whole[1] |= (uint8_t)(ecn[i] << 4);
			send_fragment6(whole, &cuts[i], 7);
		} else {
			ip_udp4(whole, "10.0.0.2", "10.0.0.1", 92);
			whole[1] |= ecn[i];
			send_fragment4(whole, &cuts[i], 7);
		}
	}
	rc = fdnet_sock_recv(ip_server, &msg);
	if (marks[_i / 2].ecn < 0) {
		ck_assert_int_eq(rc, -EAGAIN);
		ck_assert_uint_eq(ip_counter(FDNET_C_FRAG_BAD), 1);
	} else {
		ck_assert_int_eq(rc, 92);
		ck_assert_int_eq(msg.tos & 3, marks[_i / 2].ecn);
	}
}
END_TEST

/* RFC 8200 4.5 */
static const struct {
	const char *label;
	struct cut cut;
	uint8_t next; /* 0: UDP */
	uint8_t code;
	uint32_t pointer;
} bad_fragments[] = {
	{ "length not in eights", { 0, 47, true }, 0, 0, 4 },
	{ "beyond 65535 bytes", { 65528, 16, false }, 0, 0, 42 },
	{ "half an upper header", { 0, 16, true }, FDNET_PROTO_TCP, 3, 0 },
	{ "an extension header that goes on",
	  { 0, 8, true },
	  FDNET_IPV6_DSTOPTS,
	  3,
	  0 },
};

START_TEST(bad_fragments_are_told)
{
	struct cut cut = bad_fragments[_i].cut;
	uint8_t whole[70000] = { 0 }, p[1500];

	ip_udp6(whole, "fd00::2", "fd00::1", 92);
	if (bad_fragments[_i].next)
		whole[40 + 1] = 1; /* an extension header of 16 bytes */
	send_fragment6_of(whole, &cut, 7,
			  bad_fragments[_i].next ? bad_fragments[_i].next : 17);
	ck_assert_uint_eq(ip_output(p, sizeof(p)), 40u + 8 + 48 + cut.len);
	ck_assert_uint_eq(p[40], FDNET_ICMP6_PARAM);
	ck_assert_uint_eq(p[41], bad_fragments[_i].code);
	ck_assert_uint_eq(fdnet_get32(p + 44), bad_fragments[_i].pointer);
	ck_assert_mem_eq(p + 48 + 48, whole + 40 + cut.offset, cut.len);
	ck_assert_uint_eq(ip_counter(FDNET_C_FRAG_BAD), 1);
}
END_TEST

START_TEST(a_datagram_beyond_the_largest_is_refused)
{
	uint8_t whole[70000] = { 0 };
	struct cut cut = { 65528, 16, false };

	ip_udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	send_fragment4(whole, &cut, 7);
	ck_assert_uint_eq(ip_counter(FDNET_C_FRAG_BAD), 1);
}
END_TEST

START_TEST(too_many_gaps_are_refused)
{
	uint8_t whole[3000] = { 0 };
	struct cut cut = { 0, 8, true };
	unsigned int i;

	ip_udp4(whole, "10.0.0.2", "10.0.0.1", 2000);
	for (i = 0; i <= FDNET_REASS_RANGES; i++) {
		cut.offset = (uint16_t)(i * 16);
		send_fragment4(whole, &cut, 7);
	}
	ck_assert_uint_eq(ip_counter(FDNET_C_FRAG_BAD), 1);
}
END_TEST

START_TEST(the_oldest_gives_way_when_too_many_are_under_way)
{
	struct cut first = { 0, 48, true }, last = { 48, 52, false };
	uint8_t whole[300];
	uint16_t i;

	ip_udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	for (i = 0; i <= 32; i++) {
		ip_pair->now_us += 10;
		fdnet_stack_set_time(ip_stack, ip_pair->now_us);
		send_fragment4(whole, &first, i);
	}
	ck_assert_uint_eq(ip_counter(FDNET_C_FRAG_LIMIT), 1);
	send_fragment4(whole, &last, 1);
	ck_assert_int_eq(ip_received(), 92);
	send_fragment4(whole, &last, 0);
	ck_assert_int_eq(ip_received(), -EAGAIN);
}
END_TEST

START_TEST(what_never_gets_whole_is_dropped_and_told)
{
	struct cut first = { 0, 48, true }, last = { 48, 52, false };
	uint8_t whole[300], p[300];

	ip_udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	/* with its first fragment: time exceeded goes back; without: silence */
	send_fragment4(whole, &first, 1);
	send_fragment4(whole, &last, 2);
	fdnet_stack_set_time(ip_stack, ip_pair->now_us + FDNET_REASS_V4_US);
	fdnet_stack_advance(ip_stack);
	ck_assert_uint_eq(ip_counter(FDNET_C_FRAG_TIMEOUT), 2);
	ck_assert_uint_eq(ip_output(p, sizeof(p)), 20 + 8 + 20 + 48);
	ck_assert_uint_eq(p[20], FDNET_ICMP_TIME_EXCEEDED);
	ck_assert_uint_eq(p[21], 1);
	ck_assert_uint_eq(ip_output(p, sizeof(p)), 0);
	ck_assert_uint_eq(fdnet_stack_expiry(ip_stack), FDNET_NEVER);
}
END_TEST

START_TEST(fragments_of_different_senders_do_not_mix)
{
	struct cut first = { 0, 48, true }, last = { 48, 52, false };
	uint8_t a[300], b[300];

	ip_udp4(a, "10.0.0.2", "10.0.0.1", 92);
	ip_udp4(b, "10.0.0.3", "10.0.0.1", 92);
	send_fragment4(a, &first, 1);
	send_fragment4(b, &last, 1);
	ck_assert_int_eq(ip_received(), -EAGAIN);
	send_fragment4(a, &last, 1);
	ck_assert_int_eq(ip_received(), 92);
}
END_TEST

START_TEST(an_atomic_fragment_does_not_mix_with_others)
{
	struct cut first = { 0, 48, true }, all = { 0, 100, false };
	struct cut last = { 48, 52, false };
	uint8_t whole[300];

	ip_udp6(whole, "fd00::2", "fd00::1", 92);
	send_fragment6(whole, &first, 1);
	send_fragment6(whole, &all, 1);
	ck_assert_int_eq(ip_received(), 92);
	send_fragment6(whole, &last, 1);
	ck_assert_int_eq(ip_received(), 92);
}
END_TEST

static Suite *ip_frag_suite(void)
{
	Suite *s = suite_create("ip_frag");
	TCase *tc = tcase_create("ip_frag");

	tcase_add_checked_fixture(tc, ip_setup, ip_teardown);
	tcase_add_loop_test(tc, fragments_are_joined, 0,
			    2 * N_ROWS(fragments));
	tcase_add_loop_test(tc, a_congestion_mark_survives_reassembly, 0,
			    2 * N_ROWS(marks));
	tcase_add_loop_test(tc, bad_fragments_are_told, 0,
			    N_ROWS(bad_fragments));
	tcase_add_test(tc, a_datagram_beyond_the_largest_is_refused);
	tcase_add_test(tc, too_many_gaps_are_refused);
	tcase_add_test(tc, the_oldest_gives_way_when_too_many_are_under_way);
	tcase_add_test(tc, what_never_gets_whole_is_dropped_and_told);
	tcase_add_test(tc, fragments_of_different_senders_do_not_mix);
	tcase_add_test(tc, an_atomic_fragment_does_not_mix_with_others);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(ip_frag_suite)
