/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages, and the hosts file. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/dns_msg.h"
#include "relay/hosts.h"

/* A question for A of www.Example.com, recursion desired. */
static const uint8_t question[] = {
	0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 7, 'E', 'x', 'a', 'm', 'p', 'l', 'e',
	3, 'c', 'o', 'm', 0, 0, 1, 0, 1,
};

/* The same with an OPT record that offers 1232 bytes. */
static const uint8_t edns_question[] = {
	0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1,
	3, 'w', 'w', 'w', 7, 'E', 'x', 'a', 'm', 'p', 'l', 'e',
	3, 'c', 'o', 'm', 0, 0, 1, 0, 1,
	0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0,
};

/* What a name server answers: a CNAME, then two addresses, compressed. */
static const uint8_t answer[] = {
	0x77, 0x77, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e',
	3, 'c', 'o', 'm', 0, 0, 1, 0, 1,
	0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6,
	3, 'c', 'd', 'n', 0xc0, 16,
	0xc0, 45, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1,
	0xc0, 45, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 2,
};

START_TEST(a_question_is_read)
{
	struct dns_question q;

	ck_assert_int_eq(dns_question_parse(question, sizeof(question), &q),
			 0);
	ck_assert_str_eq(q.name, "www.example.com");
	ck_assert_int_eq(q.type, DNS_A);
	ck_assert_int_eq(q.id, 0x1234);
	ck_assert_uint_eq(q.raw_len, sizeof(question) - DNS_HEADER_LEN);
	ck_assert_int_eq(q.udp_max, 512);
	ck_assert_int_eq(dns_question_parse(edns_question,
					    sizeof(edns_question), &q),
			 0);
	ck_assert_int_eq(q.udp_max, 1232);
}
END_TEST

START_TEST(every_shorter_question_is_refused)
{
	struct dns_question q;
	uint8_t msg[DNS_QUESTION_MAX];

	for (size_t len = 0; len < sizeof(question); len++) {
		uint8_t *copy = malloc(len ? len : 1);
		int rc;

		memcpy(copy, question, len);
		rc = dns_question_parse(copy, len, &q);
		ck_assert_int_eq(rc, len < DNS_HEADER_LEN ? -EBADMSG :
							    DNS_FORMERR);
		if (rc > 0)
			ck_assert_uint_eq(dns_answer_error(msg, &q, rc),
					  DNS_HEADER_LEN);
		free(copy);
	}
}
END_TEST

/* All values of each byte: no crash, and what is read can be answered. */
START_TEST(changed_questions_never_hurt)
{
	uint8_t copy[sizeof(edns_question)], msg[DNS_QUESTION_MAX];
	struct dns_question q;

	for (int v = 0; v < 256; v++) {
		memcpy(copy, edns_question, sizeof(copy));
		copy[_i] = (uint8_t)v;
		if (dns_question_parse(copy, sizeof(copy), &q) < 0)
			continue;
		ck_assert_uint_lt(strlen(q.name), sizeof(q.name));
		ck_assert_uint_le(dns_answer_error(msg, &q, DNS_REFUSED),
				  sizeof(msg));
	}
}
END_TEST

static const struct {
	size_t at;
	uint8_t value;
	int result;
} odd[] = {
	{ 2, 0x81, -EBADMSG },	   /* an answer */
	{ 2, 0x29, DNS_NOTIMP },   /* an update */
	{ 5, 2, DNS_FORMERR },	   /* two questions */
	{ 5, 0, DNS_FORMERR },	   /* none */
	{ 13, '.', DNS_NXDOMAIN }, /* a dot inside a label */
	{ 13, 0, DNS_NXDOMAIN },   /* binary */
	{ 12, 0xc0, DNS_FORMERR }, /* compressed */
	{ 32, 3, DNS_REFUSED },	   /* chaos */
};

START_TEST(odd_questions_get_the_right_code)
{
	uint8_t copy[sizeof(question)];
	struct dns_question q;

	memcpy(copy, question, sizeof(copy));
	copy[odd[_i].at] = odd[_i].value;
	ck_assert_int_eq(dns_question_parse(copy, sizeof(copy), &q),
			 odd[_i].result);
}
END_TEST

START_TEST(long_names_are_refused)
{
	uint8_t msg[DNS_HEADER_LEN + 300] = { 0, 0, 0, 0, 0, 1 };
	struct dns_question q;
	size_t at = DNS_HEADER_LEN;

	for (int i = 0; i < 4; i++) {
		msg[at] = i < 3 ? 63 : 61;
		memset(msg + at + 1, 'a', msg[at]);
		at += 1u + msg[at];
	}
	msg[at + 2] = DNS_A;
	msg[at + 4] = 1;
	ck_assert_int_eq(dns_question_parse(msg, at + 5, &q), 0);
	ck_assert_uint_eq(strlen(q.name), 253);
	memmove(msg + at + 1, msg + at, 5);
	msg[at] = 'a';
	msg[at - 62] = 62;
	ck_assert_int_eq(dns_question_parse(msg, at + 6, &q), DNS_FORMERR);
}
END_TEST

static struct fdnet_ip found[8];
static unsigned int nfound;
static unsigned int stop_at;

static bool take(void *arg, const struct fdnet_ip *ip, uint32_t ttl_s)
{
	ck_assert_uint_lt(nfound, 8);
	found[nfound++] = *ip;
	return nfound != stop_at;
}

START_TEST(own_answers_can_be_read_back)
{
	struct fdnet_ip ips[3] = { fdnet_ip4(0xc0000201),
				   fdnet_ip4(0xc0000202),
				   fdnet_ip4(0xc0000203) };
	struct dns_question q;
	uint8_t msg[DNS_QUESTION_MAX];
	size_t len;

	dns_question_parse(question, sizeof(question), &q);
	len = dns_answer_addrs(msg, &q, ips, 3, 60);
	nfound = 0;
	ck_assert_int_eq(dns_answer_walk(msg, len, take, NULL), 0);
	ck_assert_uint_eq(nfound, 3);
	for (int i = 0; i < 3; i++)
		ck_assert(fdnet_ip_equal(&found[i], &ips[i]));
	/* the asker's own spelling comes back */
	ck_assert_mem_eq(msg + DNS_HEADER_LEN, question + DNS_HEADER_LEN,
			 q.raw_len);
	ck_assert_int_eq(msg[0] << 8 | msg[1], 0x1234);
	ck_assert_int_eq(msg[2], 0x81);
	ck_assert_int_eq(msg[3], 0x80);
	nfound = 0;
	stop_at = 2;
	ck_assert_int_eq(dns_answer_walk(msg, len, take, NULL), -ECANCELED);
}
END_TEST

START_TEST(a_servers_answer_is_adopted)
{
	uint8_t msg[sizeof(answer)];
	struct dns_question q;

	dns_question_parse(question, sizeof(question), &q);
	memcpy(msg, answer, sizeof(msg));
	ck_assert_int_eq(dns_answer_adopt(msg, sizeof(msg), &q), 0);
	ck_assert_int_eq(msg[0] << 8 | msg[1], 0x1234);
	ck_assert_mem_eq(msg + DNS_HEADER_LEN, q.raw, q.raw_len);
	nfound = 0;
	ck_assert_int_eq(dns_answer_walk(msg, sizeof(msg), take, NULL), 0);
	ck_assert_uint_eq(nfound, 2);
	/* an answer to something else is none */
	memcpy(msg, answer, sizeof(msg));
	msg[17] = 'y';
	ck_assert_int_eq(dns_answer_adopt(msg, sizeof(msg), &q), -EBADMSG);
	memcpy(msg, answer, sizeof(msg));
	msg[30] = DNS_AAAA;
	ck_assert_int_eq(dns_answer_adopt(msg, sizeof(msg), &q), -EBADMSG);
}
END_TEST

START_TEST(mangled_answers_never_hurt)
{
	struct dns_question q;

	dns_question_parse(question, sizeof(question), &q);
	for (size_t len = 0; len < sizeof(answer); len++) {
		uint8_t *copy = malloc(len ? len : 1);

		memcpy(copy, answer, len);
		ck_assert_int_eq(dns_answer_adopt(copy, len, &q), -EBADMSG);
		nfound = 0;
		ck_assert_int_eq(dns_answer_walk(copy, len, take, NULL),
				 -EBADMSG);
		free(copy);
	}
	for (size_t at = 0; at < sizeof(answer); at++) {
		for (int v = 0; v < 256; v++) {
			uint8_t copy[sizeof(answer)];

			memcpy(copy, answer, sizeof(copy));
			copy[at] = (uint8_t)v;
			nfound = 0;
			stop_at = 7;
			dns_answer_walk(copy, sizeof(copy), take, NULL);
			dns_answer_adopt(copy, sizeof(copy), &q);
		}
	}
}
END_TEST

START_TEST(long_answers_are_cut_for_datagrams)
{
	uint8_t msg[1024];
	struct dns_question q;

	dns_question_parse(question, sizeof(question), &q);
	memset(msg, 0, sizeof(msg));
	memcpy(msg, answer, sizeof(answer));
	ck_assert_uint_eq(dns_answer_truncate(msg, 512, &q), 512);
	ck_assert_uint_eq(dns_answer_truncate(msg, 513, &q),
			  sizeof(question));
	ck_assert_int_eq(msg[2] & 2, 2);
	ck_assert_int_eq(msg[7], 0);
}
END_TEST

START_TEST(reverse_names_are_read_and_answered)
{
	struct dns_question q;
	struct fdnet_ip ip;
	uint8_t msg[DNS_QUESTION_MAX];
	char text[FDNET_IP_STRLEN];
	size_t len;

	ck_assert_int_eq(dns_ptr_address("1.2.0.192.in-addr.arpa", &ip), 0);
	ck_assert_str_eq(fdnet_ip_format(&ip, text), "192.0.2.1");
	ck_assert_int_eq(
		dns_ptr_address("5.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
				"0.0.0.0.0.0.0.0.d.f.ip6.arpa",
				&ip),
		0);
	ck_assert_str_eq(fdnet_ip_format(&ip, text), "fd00::15");
	ck_assert_int_eq(dns_ptr_address("", &ip), -EINVAL);
	ck_assert_int_eq(dns_ptr_address("example.com", &ip), -EINVAL);
	ck_assert_int_eq(dns_ptr_address("1.2.0.in-addr.arpa", &ip), -EINVAL);
	ck_assert_int_eq(dns_ptr_address("1.2.0.256.in-addr.arpa", &ip),
			 -EINVAL);
	ck_assert_int_eq(dns_ptr_address("1.2.3.4.5.in-addr.arpa", &ip),
			 -EINVAL);
	dns_question_parse(question, sizeof(question), &q);
	len = dns_answer_ptr(msg, &q, "host.fdnet", 60);
	ck_assert_mem_eq(msg + len - 12, "\4host\5fdnet\0", 12);
	ck_assert_int_eq(msg[len - 13], 12);
}
END_TEST

START_TEST(hosts_file_is_read)
{
	static char text[] = "127.0.0.1 localhost\n"
			     "# a comment\n"
			     "192.0.2.1\tWeb www.example.com # more\n"
			     "2001:db8::1 web\n"
			     "192.0.2.2 web\n"
			     "not-an-address name\n"
			     "192.0.2.3 bad..name ok\n"
			     "192.0.2.1 late";
	FILE *file = fmemopen(text, strlen(text), "r");
	struct fdnet_ip ips[HOSTS_ADDRS], ip;
	struct hosts hosts;

	hosts_init(&hosts);
	ck_assert_int_eq(hosts_read(&hosts, file), 0);
	fclose(file);
	ck_assert_int_eq(hosts_find(&hosts, "web", 4, ips), 2);
	ck_assert_int_eq(hosts_find(&hosts, "web", 6, ips), 1);
	ck_assert_int_eq(hosts_find(&hosts, "late", 6, ips), 0);
	ck_assert_int_eq(hosts_find(&hosts, "late", 4, ips), 1);
	ck_assert_int_eq(hosts_find(&hosts, "name", 4, ips), -ENOENT);
	ck_assert_int_eq(hosts_find(&hosts, "bad..name", 4, ips), -ENOENT);
	ck_assert_int_eq(hosts_find(&hosts, "ok", 4, ips), 1);
	ip = fdnet_ip4(0xc0000201);
	ck_assert_str_eq(hosts_name(&hosts, &ip), "web");
	ip = fdnet_ip4(0xc0000209);
	ck_assert_ptr_null(hosts_name(&hosts, &ip));
	hosts_done(&hosts);
}
END_TEST

static Suite *dns_msg_suite(void)
{
	Suite *s = suite_create("dns_msg");
	TCase *tc = tcase_create("dns_msg");

	tcase_add_test(tc, a_question_is_read);
	tcase_add_test(tc, every_shorter_question_is_refused);
	tcase_add_loop_test(tc, changed_questions_never_hurt, 0,
			    sizeof(edns_question));
	tcase_add_loop_test(tc, odd_questions_get_the_right_code, 0,
			    sizeof(odd) / sizeof(odd[0]));
	tcase_add_test(tc, long_names_are_refused);
	tcase_add_test(tc, own_answers_can_be_read_back);
	tcase_add_test(tc, a_servers_answer_is_adopted);
	tcase_add_test(tc, mangled_answers_never_hurt);
	tcase_add_test(tc, long_answers_are_cut_for_datagrams);
	tcase_add_test(tc, reverse_names_are_read_and_answered);
	tcase_add_test(tc, hosts_file_is_read);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(dns_msg_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
