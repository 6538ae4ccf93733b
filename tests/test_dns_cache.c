/* SPDX-License-Identifier: Apache-2.0 */
/* Answers kept and given again, on virtual time; OPT records. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/dns_cache.h"
#include "relay/hash.h"
#include "relay/limits.h"
#include "stack/wire/bytes.h"

#define SECOND 1000000ull

static struct dns_cache cache;

static void setup(void)
{
	static const uint8_t key[16] = "0123456789abcde";

	hash_seed(key);
	dns_cache_init(&cache);
}

static void teardown(void)
{
	dns_cache_flush(&cache);
	ck_assert_uint_eq(cache.count, 0);
	ck_assert(!cache.table && !cache.lru);
}

/* A question for @name of one label. */
static struct dns_question question(const char *name, uint16_t type)
{
	struct dns_question q = { .type = type, .class = 1, .udp_max = 512 };
	size_t len = strlen(name);

	strcpy(q.name, name);
	q.raw[0] = (uint8_t)len;
	memcpy(q.raw + 1, name, len);
	q.raw[len + 1] = 0;
	fdnet_put16(q.raw + len + 2, type);
	fdnet_put16(q.raw + len + 4, 1);
	q.raw_len = len + 6;
	return q;
}

static size_t put_record(uint8_t *msg, size_t at, uint16_t type,
			 uint32_t ttl_s, const void *data, size_t len)
{
	fdnet_put16(msg + at, 0xc00c);
	fdnet_put16(msg + at + 2, type);
	fdnet_put16(msg + at + 4, 1);
	fdnet_put32(msg + at + 6, ttl_s);
	fdnet_put16(msg + at + 10, (uint16_t)len);
	memcpy(msg + at + 12, data, len);
	return at + 12 + len;
}

/* Two addresses. */
static size_t answer(uint8_t *msg, const struct dns_question *q,
		     uint32_t first_s, uint32_t second_s)
{
	size_t at = dns_answer_error(msg, q, DNS_NOERROR);

	fdnet_put16(msg + 6, 2);
	at = put_record(msg, at, DNS_A, first_s, "\x5d\x00\x02\x01", 4);
	return put_record(msg, at, DNS_A, second_s, "\x5d\x00\x02\x02", 4);
}

/* "No", with a SOA record: its TTL, and the one for negative answers. */
static size_t no_answer(uint8_t *msg, const struct dns_question *q,
			enum dns_rcode rcode, uint32_t ttl_s, uint32_t min_s)
{
	uint8_t soa[22] = { 0 };
	size_t at = dns_answer_error(msg, q, rcode);

	fdnet_put32(soa + 18, min_s);
	fdnet_put16(msg + 8, 1);
	return put_record(msg, at, DNS_SOA, ttl_s, soa, sizeof(soa));
}

static bool first_ttl(void *arg, const struct fdnet_ip *ip, uint32_t ttl_s)
{
	*(uint32_t *)arg = ttl_s;
	return false;
}

START_TEST(an_answer_lives_as_long_as_its_shortest_record)
{
	struct dns_question q = question("a", DNS_A);
	uint8_t msg[512], got[DNS_CACHE_MSG_MAX];
	size_t len = answer(msg, &q, 100, 60);
	uint32_t ttl_s = 0;

	ck_assert_uint_eq(dns_cache_get(&cache, &q, 0, got), 0);
	dns_cache_put(&cache, &q, msg, len, 0);
	ck_assert_uint_eq(dns_cache_get(&cache, &q, 0, got), len);
	ck_assert_mem_eq(got, msg, len);
	ck_assert_uint_eq(dns_cache_get(&cache, &q, 59 * SECOND, got), len);
	dns_answer_walk(got, len, first_ttl, &ttl_s);
	ck_assert_uint_eq(ttl_s, 41);
	ck_assert_uint_eq(dns_cache_get(&cache, &q, 60 * SECOND, got), 0);
	ck_assert_uint_eq(cache.count, 0);
	ck_assert_uint_eq(cache.hits, 2);
}
END_TEST

START_TEST(types_and_names_are_apart)
{
	struct dns_question a = question("a", DNS_A);
	struct dns_question aaaa = question("a", DNS_AAAA);
	struct dns_question b = question("b", DNS_A);
	uint8_t msg[512], got[DNS_CACHE_MSG_MAX];

	dns_cache_put(&cache, &a, msg, answer(msg, &a, 100, 100), 0);
	ck_assert_uint_eq(dns_cache_get(&cache, &aaaa, 0, got), 0);
	ck_assert_uint_eq(dns_cache_get(&cache, &b, 0, got), 0);
	ck_assert_uint_gt(dns_cache_get(&cache, &a, 0, got), 0);
}
END_TEST

/* What it says, and for how long that is kept. */
static const struct {
	const char *label;
	enum dns_rcode rcode;
	uint32_t ttl_s, min_s;
	uint32_t life_s;
	bool soa;
} nos[] = {
	{ "no such name", DNS_NXDOMAIN, 900, 60, 60, true },
	{ "the SOA record's own TTL", DNS_NXDOMAIN, 50, 60, 50, true },
	{ "five minutes at most", DNS_NXDOMAIN, 900, 900, 300, true },
	{ "no such record", DNS_NOERROR, 900, 60, 60, true },
	{ "without SOA", DNS_NXDOMAIN, 900, 60, 0, false },
	{ "none of it", DNS_NOERROR, 900, 0, 0, true },
	{ "a failure", DNS_SERVFAIL, 900, 60, 0, true },
	{ "a refusal", DNS_REFUSED, 900, 60, 0, true },
};

START_TEST(no_is_kept_for_as_long_as_its_soa_record_says)
{
	struct dns_question q = question("a", DNS_A);
	uint8_t msg[512];
	size_t len = no_answer(msg, &q, nos[_i].rcode, nos[_i].ttl_s,
			       nos[_i].min_s);

	if (!nos[_i].soa)
		len = dns_answer_error(msg, &q, nos[_i].rcode);
	ck_assert_msg(dns_answer_life(msg, len, DNS_CACHE_MAX_S,
				      DNS_CACHE_NO_S) == nos[_i].life_s,
		      "%s", nos[_i].label);
	dns_cache_put(&cache, &q, msg, len, 0);
	ck_assert_uint_eq(cache.count, nos[_i].life_s ? 1 : 0);
}
END_TEST

START_TEST(lives_have_limits)
{
	struct dns_question q = question("a", DNS_A);
	uint8_t msg[512];
	size_t len = answer(msg, &q, 1000000, 1000000);

	ck_assert_uint_eq(dns_answer_life(msg, len, 3600, 300), 3600);
	len = answer(msg, &q, 0x80000000, 60);
	ck_assert_uint_eq(dns_answer_life(msg, len, 3600, 300), 0);
	len = answer(msg, &q, 60, 0);
	ck_assert_uint_eq(dns_answer_life(msg, len, 3600, 300), 0);
	/* cut for a datagram */
	len = answer(msg, &q, 60, 60);
	msg[2] |= 2;
	ck_assert_uint_eq(dns_answer_life(msg, len, 3600, 300), 0);
}
END_TEST

START_TEST(the_longest_unused_goes_when_there_are_too_many)
{
	uint8_t msg[512], got[DNS_CACHE_MSG_MAX];
	struct dns_question q;
	char name[16];

	for (int i = 0; i < LIMIT_DNS_CACHE + 10; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		q = question(name, DNS_A);
		dns_cache_put(&cache, &q, msg, answer(msg, &q, 60, 60), 0);
		q = question("n0", DNS_A);
		ck_assert_uint_gt(dns_cache_get(&cache, &q, 0, got), 0);
	}
	ck_assert_uint_eq(cache.count, LIMIT_DNS_CACHE);
	q = question("n1", DNS_A);
	ck_assert_uint_eq(dns_cache_get(&cache, &q, 0, got), 0);
}
END_TEST

START_TEST(mangled_answers_never_hurt)
{
	struct dns_question q = question("a", DNS_A);
	uint8_t msg[512], got[DNS_CACHE_MSG_MAX];
	size_t len = answer(msg, &q, 60, 60);

	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, msg, cut);
		ck_assert_uint_eq(dns_answer_life(copy, cut, 3600, 300), 0);
		dns_answer_age(copy, cut, 5);
		free(copy);
	}
	for (size_t at = 0; at < len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			msg[at] ^= (uint8_t)(1 << bit);
			dns_cache_put(&cache, &q, msg, len, 0);
			dns_cache_get(&cache, &q, SECOND, got);
			msg[at] ^= (uint8_t)(1 << bit);
		}
	}
}
END_TEST

START_TEST(an_asker_with_edns_gets_an_opt_record)
{
	struct dns_question q = question("a", DNS_A);
	uint8_t msg[512];
	size_t len = answer(msg, &q, 60, 60);

	ck_assert_uint_eq(dns_answer_add_opt(msg, len, &q), len);
	q.edns = true;
	ck_assert_uint_eq(dns_answer_add_opt(msg, len, &q),
			  len + DNS_OPT_LEN);
	ck_assert_uint_eq(fdnet_get16(msg + 10), 1);
	ck_assert_uint_eq(fdnet_get16(msg + len + 1), DNS_OPT);
	/* not twice */
	len += DNS_OPT_LEN;
	ck_assert_uint_eq(dns_answer_add_opt(msg, len, &q), len);
	/* its fixed part is no TTL */
	dns_answer_age(msg, len, 10);
	ck_assert_uint_eq(fdnet_get32(msg + len - 6), 0);
	ck_assert_uint_eq(dns_answer_life(msg, len, 3600, 300), 50);
}
END_TEST

static Suite *dns_cache_suite(void)
{
	Suite *s = suite_create("dns_cache");
	TCase *tc = tcase_create("dns_cache");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_answer_lives_as_long_as_its_shortest_record);
	tcase_add_test(tc, types_and_names_are_apart);
	tcase_add_loop_test(tc, no_is_kept_for_as_long_as_its_soa_record_says,
			    0, sizeof(nos) / sizeof(nos[0]));
	tcase_add_test(tc, lives_have_limits);
	tcase_add_test(tc, the_longest_unused_goes_when_there_are_too_many);
	tcase_add_test(tc, mangled_answers_never_hurt);
	tcase_add_test(tc, an_asker_with_edns_gets_an_opt_record);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(dns_cache_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
