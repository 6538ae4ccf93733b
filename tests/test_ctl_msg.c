/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of the control socket, and the JSON in them. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/capture.h"
#include "relay/ctl_msg.h"
#include "relay/json.h"

static const char body[] = "allow any";
#define BODY_LEN (sizeof(body) - 1)

static size_t make_request(uint8_t *dst)
{
	struct ctl_request request = {
		.op = CTL_CLOSE,
		.arg = 0x0102030405060708,
		.len = BODY_LEN,
	};

	ctl_request_encode(dst, &request);
	memcpy(dst + CTL_REQUEST_LEN, body, BODY_LEN);
	return CTL_REQUEST_LEN + BODY_LEN;
}

static size_t make_reply(uint8_t *dst)
{
	struct ctl_reply reply = {
		.op = CTL_FLOWS,
		.error = ENOENT,
		.more = true,
		.next = 0x1112131415161718,
		.len = BODY_LEN,
	};

	ctl_reply_encode(dst, &reply);
	memcpy(dst + CTL_REPLY_LEN, body, BODY_LEN);
	return CTL_REPLY_LEN + BODY_LEN;
}

START_TEST(a_request_is_read_back)
{
	uint8_t msg[64];
	size_t len = make_request(msg);
	struct ctl_request request;

	ck_assert_int_eq(ctl_request_decode(msg, len, &request), 0);
	ck_assert_int_eq(request.op, CTL_CLOSE);
	ck_assert_uint_eq(request.arg, 0x0102030405060708);
	ck_assert_uint_eq(request.len, BODY_LEN);
	ck_assert_mem_eq(request.body, body, BODY_LEN);
}
END_TEST

START_TEST(a_reply_is_read_back)
{
	uint8_t msg[64];
	size_t len = make_reply(msg);
	struct ctl_reply reply;

	ck_assert_int_eq(ctl_reply_decode(msg, len, &reply), 0);
	ck_assert_int_eq(reply.op, CTL_FLOWS);
	ck_assert_int_eq(reply.error, ENOENT);
	ck_assert(reply.more);
	ck_assert_uint_eq(reply.next, 0x1112131415161718);
	ck_assert_uint_eq(reply.len, BODY_LEN);
}
END_TEST

/* Copies of exactly that size, so that the sanitizer sees a byte beyond. */
START_TEST(no_other_length_will_do)
{
	uint8_t msg[80] = { 0 };
	struct ctl_request request;
	struct ctl_reply reply;

	for (size_t len = 0; len < 70; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		size_t good = make_request(msg);

		memcpy(copy, msg, len);
		ck_assert_int_eq(ctl_request_decode(copy, len, &request),
				 len == good ? 0 : -EBADMSG);
		good = make_reply(msg);
		memcpy(copy, msg, len);
		ck_assert_int_eq(ctl_reply_decode(copy, len, &reply),
				 len == good ? 0 : -EBADMSG);
		free(copy);
	}
}
END_TEST

START_TEST(changed_messages_never_hurt)
{
	uint8_t msg[64];
	struct ctl_request request;
	struct ctl_reply reply;
	size_t len;

	for (int value = 0; value < 256; value++) {
		len = make_request(msg);
		if ((size_t)_i < len)
			msg[_i] = (uint8_t)value;
		if (!ctl_request_decode(msg, len, &request)) {
			ck_assert_int_gt(request.op, 0);
			ck_assert_int_lt(request.op, CTL_OPS);
			ck_assert_uint_eq(request.len, BODY_LEN);
		}
		len = make_reply(msg);
		if ((size_t)_i < len)
			msg[_i] = (uint8_t)value;
		if (!ctl_reply_decode(msg, len, &reply))
			ck_assert_uint_eq(reply.len, BODY_LEN);
	}
}
END_TEST

START_TEST(a_captured_packets_header_is_read_back)
{
	struct capture_hdr hdr = { 1700000000, 999999, 65536 }, back;
	uint8_t bytes[CAPTURE_HDR_LEN];

	capture_hdr_encode(bytes, &hdr);
	capture_hdr_decode(bytes, &back);
	ck_assert_mem_eq(&hdr, &back, sizeof(hdr));
}
END_TEST

START_TEST(json_is_nested_and_escaped)
{
	struct fdnet_name name = { .ip = fdnet_ip4(0x0a00020f), .port = 80 };
	struct json json;
	char buf[200];

	json_init(&json, buf, sizeof(buf));
	json_open(&json, NULL, '{');
	json_text(&json, "a", "x\"\n");
	json_text(&json, "none", NULL);
	json_open(&json, "b", '[');
	json_u64(&json, NULL, 1);
	json_bool(&json, NULL, true);
	json_close(&json, ']');
	json_name(&json, "c", &name);
	json_close(&json, '}');
	ck_assert(!json.full);
	ck_assert_str_eq(buf, "{\"a\":\"x\\\"\\u000a\",\"b\":[1,true],"
			      "\"c\":\"10.0.2.15:80\"}");
}
END_TEST

START_TEST(json_that_does_not_fit_is_taken_back)
{
	struct json json, mark;
	char buf[16];

	json_init(&json, buf, sizeof(buf));
	json_open(&json, NULL, '[');
	json_u64(&json, NULL, 12345);
	mark = json_mark(&json);
	json_u64(&json, NULL, 1234567890123);
	ck_assert(json.full);
	json_rewind(&json, &mark);
	json_close(&json, ']');
	ck_assert(!json.full);
	ck_assert_str_eq(buf, "[12345]");
}
END_TEST

static Suite *ctl_msg_suite(void)
{
	Suite *s = suite_create("ctl_msg");
	TCase *tc = tcase_create("ctl_msg");

	tcase_add_test(tc, a_request_is_read_back);
	tcase_add_test(tc, a_reply_is_read_back);
	tcase_add_test(tc, no_other_length_will_do);
	tcase_add_loop_test(tc, changed_messages_never_hurt, 0,
			    CTL_REPLY_LEN + BODY_LEN);
	tcase_add_test(tc, a_captured_packets_header_is_read_back);
	tcase_add_test(tc, json_is_nested_and_escaped);
	tcase_add_test(tc, json_that_does_not_fit_is_taken_back);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(ctl_msg_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
