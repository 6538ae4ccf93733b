/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/node_tag.h"
#include "tests/suite_main.h"

#define NAME4                                                                  \
	{                                                                      \
		.ip = { 4, { 10, 0, 2, 15 } }, .port = 8080                    \
	}
#define NAME6                                                                  \
	{                                                                      \
		.ip = { 6, { 0xfd, [15] = 0x15 } }, .port = 53, .scope = 2     \
	}

static const struct fdnet_node_req requests[] = {
	{ .op = FDNET_NODE_NEW, .id = 1, .cookie = 7, .family = 6, .type = 1,
	  .proto = 6 },
	{ .op = FDNET_NODE_NEW, .id = 2, .cookie = 8, .family = 4, .type = 2,
	  .proto = 17, .sock_flags = FDNET_NODE_FRAMED },
	{ .op = FDNET_NODE_NEW, .id = 2, .cookie = 8, .family = 4, .type = 1,
	  .proto = 6, .sock_flags = FDNET_NODE_PLAIN },
	{ .op = FDNET_NODE_TAKE, .id = 3, .cookie = 9,
	  .sock_flags = FDNET_NODE_CLAIM | FDNET_NODE_HELD, .bytes = 12345 },
	{ .op = FDNET_NODE_BIND, .id = 4, .cookie = 9, .name = NAME4 },
	{ .op = FDNET_NODE_CONNECT, .id = 5, .cookie = 9, .name = NAME6,
	  .flags = FDNET_NODE_NONBLOCK },
	{ .op = FDNET_NODE_CONNECT, .id = 5, .cookie = 9 },
	{ .op = FDNET_NODE_LISTEN, .id = 6, .cookie = 9, .arg = 128 },
	{ .op = FDNET_NODE_NAMES, .id = 7, .cookie = ~0ull },
	{ .op = FDNET_NODE_SETOPT, .id = 8, .cookie = 9, .level = 1,
	  .optname = 2, .optlen = 4, .value = "\1\0\0\0" },
	{ .op = FDNET_NODE_SETOPT, .id = 8, .cookie = 9, .level = -1,
	  .optname = 2, .optlen = 0 },
	{ .op = FDNET_NODE_GETOPT, .id = 9, .cookie = 9, .level = 1,
	  .optname = 4, .optlen = 4 },
	{ .op = FDNET_NODE_SHUTDOWN, .id = 10, .cookie = 9, .arg = 1 },
	{ .op = FDNET_NODE_CANCEL, .id = 11, .cookie = 9, .arg = 5 },
	{ .op = FDNET_NODE_SEND, .id = 12, .cookie = 9, .name = NAME4,
	  .bytes = 65507 },
	{ .op = FDNET_NODE_SEND, .id = 12, .cookie = 9, .name = NAME6,
	  .bytes = 3, .from = NAME6, .ttl1 = 65, .tos1 = 1, .gso = 1200 },
	{ .op = FDNET_NODE_ERRQUEUE, .id = 13, .cookie = 9 },
	{ .op = FDNET_NODE_RENEW, .id = 14, .cookie = 9, .renewed = 1ull << 40 },
};

static const struct fdnet_node_ans answers[] = {
	{ .op = FDNET_NODE_NEW, .id = 1, .cookie = 7 },
	{ .op = FDNET_NODE_CONNECT, .id = 1, .cookie = 7,
	  .error = ECONNREFUSED },
	{ .op = FDNET_NODE_CONNECT, .id = 1, .cookie = 7, .local = NAME4 },
	{ .op = FDNET_NODE_BIND, .id = 1, .cookie = 7, .local = NAME6 },
	{ .op = FDNET_NODE_NAMES, .id = 1, .cookie = 7, .local = NAME6,
	  .peer = NAME4, .family = 6, .type = 1, .proto = 6,
	  .state = FDNET_NODE_CONNECTED },
	{ .op = FDNET_NODE_GETOPT, .id = 1, .cookie = 7, .len = 4,
	  .value = "abcd" },
	{ .op = FDNET_NODE_GETOPT, .id = 1, .cookie = 7 },
	{ .op = FDNET_NODE_SHUTDOWN, .id = 1, .cookie = 7 },
	{ .op = FDNET_NODE_SEND, .id = 1, .cookie = 7 },
	{ .op = FDNET_NODE_ERRQUEUE, .id = 1, .cookie = 7, .len = 5,
	  .value = "error" },
};

static void check_name(const struct fdnet_name *a, const struct fdnet_name *b)
{
	ck_assert(fdnet_ip_equal(&a->ip, &b->ip));
	ck_assert_uint_eq(a->port, b->port);
	ck_assert_uint_eq(a->scope, b->scope);
}

START_TEST(requests_survive_the_wire)
{
	const struct fdnet_node_req *req = &requests[_i];
	uint8_t buf[FDNET_NODE_MAX_LEN];
	struct fdnet_node_req got;
	size_t len = fdnet_node_req_encode(buf, req);

	ck_assert_int_eq(fdnet_node_req_decode(buf, len, &got), 0);
	ck_assert_uint_eq(got.op, req->op);
	ck_assert_uint_eq(got.flags, req->flags);
	ck_assert_uint_eq(got.id, req->id);
	ck_assert_uint_eq(got.cookie, req->cookie);
	ck_assert_uint_eq(got.family, req->family);
	ck_assert_uint_eq(got.type, req->type);
	ck_assert_uint_eq(got.proto, req->proto);
	ck_assert_uint_eq(got.sock_flags, req->sock_flags);
	ck_assert_uint_eq(got.bytes, req->bytes);
	ck_assert_uint_eq(got.arg, req->arg);
	ck_assert_uint_eq(got.renewed, req->renewed);
	ck_assert_int_eq(got.level, req->level);
	ck_assert_int_eq(got.optname, req->optname);
	ck_assert_uint_eq(got.optlen, req->optlen);
	if (req->op == FDNET_NODE_SETOPT && req->optlen)
		ck_assert_mem_eq(got.value, req->value, req->optlen);
	check_name(&got.name, &req->name);
	check_name(&got.from, &req->from);
	ck_assert_uint_eq(got.ttl1, req->ttl1);
	ck_assert_uint_eq(got.tos1, req->tos1);
	ck_assert_uint_eq(got.gso, req->gso);
}
END_TEST

START_TEST(answers_survive_the_wire)
{
	const struct fdnet_node_ans *ans = &answers[_i];
	uint8_t buf[FDNET_NODE_MAX_LEN];
	struct fdnet_node_ans got;
	size_t len = fdnet_node_ans_encode(buf, ans);

	ck_assert_int_eq(fdnet_node_ans_decode(buf, len, &got), 0);
	ck_assert_uint_eq(got.op, ans->op);
	ck_assert_uint_eq(got.error, ans->error);
	ck_assert_uint_eq(got.id, ans->id);
	ck_assert_uint_eq(got.cookie, ans->cookie);
	ck_assert_uint_eq(got.family, ans->family);
	ck_assert_uint_eq(got.type, ans->type);
	ck_assert_uint_eq(got.proto, ans->proto);
	ck_assert_uint_eq(got.state, ans->state);
	ck_assert_uint_eq(got.len, ans->len);
	if (ans->len)
		ck_assert_mem_eq(got.value, ans->value, ans->len);
	check_name(&got.local, &ans->local);
	check_name(&got.peer, &ans->peer);
}
END_TEST

START_TEST(other_lengths_of_requests_are_refused)
{
	uint8_t buf[FDNET_NODE_MAX_LEN + 1] = { 0 };
	struct fdnet_node_req got;
	size_t full = fdnet_node_req_encode(buf, &requests[_i]);

	for (size_t len = 0; len <= full + 1; len++)
		ck_assert_int_eq(fdnet_node_req_decode(buf, len, &got),
				 len == full ? 0 : -EBADMSG);
}
END_TEST

START_TEST(other_lengths_of_answers_are_refused)
{
	uint8_t buf[FDNET_NODE_MAX_LEN + 1] = { 0 };
	struct fdnet_node_ans got;
	size_t full = fdnet_node_ans_encode(buf, &answers[_i]);

	for (size_t len = 0; len <= full + 1; len++)
		ck_assert_int_eq(fdnet_node_ans_decode(buf, len, &got),
				 len == full ? 0 : -EBADMSG);
}
END_TEST

/* One byte changed: refused, or decoded to what gives those bytes again. */
START_TEST(changed_requests_are_refused_or_whole)
{
	uint8_t buf[FDNET_NODE_MAX_LEN], again[FDNET_NODE_MAX_LEN];
	size_t len = fdnet_node_req_encode(buf, &requests[_i]);
	struct fdnet_node_req got;

	for (size_t at = 0; at < len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			buf[at] ^= (uint8_t)(1 << bit);
			if (!fdnet_node_req_decode(buf, len, &got)) {
				ck_assert_uint_eq(
					fdnet_node_req_encode(again, &got),
					len);
			}
			buf[at] ^= (uint8_t)(1 << bit);
		}
	}
}
END_TEST

/* Bytes nobody may send; offset and value. */
static const struct {
	const char *label;
	int which;
	size_t at;
	uint8_t value;
} bad[] = {
	{ "unknown op", 0, 0, 0x30 },
	{ "op 0", 0, 0, 0 },
	{ "unknown flag", 0, 1, 0x80 },
	{ "reserved", 0, 2, 1 },
	{ "family 5", 0, 16, 5 },
	{ "type 4", 0, 17, 4 },
	{ "type 0", 0, 17, 0 },
	{ "NEW with a claim", 0, 20, FDNET_NODE_CLAIM },
	{ "unknown TAKE flag", 3, 16, 16 },
	{ "name of family 7", 4, 16, 7 },
	{ "none with a port", 6, 18, 1 },
	{ "IPv4 with a tail", 4, 39, 1 },
	{ "huge option", 11, 26, 1 },
	{ "value shorter than said", 9, 24, 5 },
	{ "no such ttl", 15, 69, 2 },
	{ "no such tos", 15, 71, 1 },
	{ "SEND, reserved", 15, 74, 1 },
};

START_TEST(bad_values_are_refused)
{
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len = fdnet_node_req_encode(buf, &requests[bad[_i].which]);
	struct fdnet_node_req got;

	buf[bad[_i].at] = bad[_i].value;
	ck_assert_msg(fdnet_node_req_decode(buf, len, &got) == -EBADMSG, "%s",
		      bad[_i].label);
}
END_TEST

/* ---- what stands beside a datagram ---- */

static const struct fdnet_node_tag tags[] = {
	{ .from = NAME4 },
	{ .from = NAME6 },
	{ 0 },
	{ .flags = FDNET_TAG_ERROR },
	{ .flags = FDNET_TAG_ALL, .from = NAME4, .local = NAME4, .ifindex = 2,
	  .gso = 1200, .ttl = 64, .tos = 3 },
};

START_TEST(tags_survive_the_wire)
{
	const struct fdnet_node_tag *tag = &tags[_i];
	uint8_t buf[FDNET_NODE_TAG_LEN + 1] = { 0 };
	struct fdnet_node_tag got;
	size_t len = fdnet_node_tag_encode(buf, tag);

	ck_assert_uint_eq(len, tag->flags ? FDNET_NODE_TAG_LEN :
					    FDNET_NODE_TAG_SHORT);
	ck_assert_int_eq(fdnet_node_tag_decode(buf, len, &got), 0);
	ck_assert_uint_eq(got.flags, tag->flags);
	check_name(&got.from, &tag->from);
	check_name(&got.local, &tag->local);
	ck_assert_uint_eq(got.ifindex, tag->ifindex);
	ck_assert_uint_eq(got.gso, tag->gso);
	ck_assert_uint_eq(got.ttl, tag->ttl);
	ck_assert_uint_eq(got.tos, tag->tos);
	/* the name alone may be read of a longer one, and nothing else */
	for (len = 0; len <= sizeof(buf); len++)
		ck_assert_int_eq(
			fdnet_node_tag_decode(buf, len, &got),
			len == FDNET_NODE_TAG_SHORT ||
					(len == FDNET_NODE_TAG_LEN &&
					 tag->flags) ?
				0 :
				-EBADMSG);
}
END_TEST

START_TEST(changed_tags_are_refused_or_whole)
{
	uint8_t buf[FDNET_NODE_TAG_LEN], again[FDNET_NODE_TAG_LEN];
	size_t len = fdnet_node_tag_encode(buf, &tags[_i]);
	struct fdnet_node_tag got;

	for (size_t bit = 0; bit < 8 * len; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!fdnet_node_tag_decode(buf, len, &got)) {
			ck_assert_uint_eq(fdnet_node_tag_encode(again, &got),
					  len);
			ck_assert_mem_eq(again, buf, len);
		}
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(queued_errors_survive_the_wire)
{
	const struct fdnet_sock_error err = {
		.error = ECONNREFUSED, .origin = 2, .type = 3, .code = 3,
		.info = 1280, .offender = NAME4, .about = NAME6,
	};
	uint8_t buf[FDNET_NODE_ERROR_LEN + 3] = { 0 };
	struct fdnet_sock_error got;

	fdnet_node_error_encode(buf, &err);
	for (size_t len = 0; len < FDNET_NODE_ERROR_LEN; len++)
		ck_assert_int_eq(fdnet_node_error_decode(buf, len, &got),
				 -EBADMSG);
	ck_assert_int_eq(fdnet_node_error_decode(buf, sizeof(buf), &got), 0);
	ck_assert_int_eq(got.error, err.error);
	ck_assert_uint_eq(got.origin, err.origin);
	ck_assert_uint_eq(got.type, err.type);
	ck_assert_uint_eq(got.code, err.code);
	ck_assert_uint_eq(got.info, err.info);
	check_name(&got.offender, &err.offender);
	check_name(&got.about, &err.about);
	buf[7] = 1;
	ck_assert_int_eq(fdnet_node_error_decode(buf, sizeof(buf), &got),
			 -EBADMSG);
	buf[7] = 0;
	buf[1] = 0x10; /* 4096 and more */
	ck_assert_int_eq(fdnet_node_error_decode(buf, sizeof(buf), &got),
			 -EBADMSG);
}
END_TEST

static Suite *node_wire_suite(void)
{
	Suite *s = suite_create("node_wire");
	TCase *tc = tcase_create("messages");

	tcase_add_loop_test(tc, requests_survive_the_wire, 0, N_ROWS(requests));
	tcase_add_loop_test(tc, answers_survive_the_wire, 0, N_ROWS(answers));
	tcase_add_loop_test(tc, other_lengths_of_requests_are_refused, 0,
			    N_ROWS(requests));
	tcase_add_loop_test(tc, other_lengths_of_answers_are_refused, 0,
			    N_ROWS(answers));
	tcase_add_loop_test(tc, changed_requests_are_refused_or_whole, 0,
			    N_ROWS(requests));
	tcase_add_loop_test(tc, bad_values_are_refused, 0, N_ROWS(bad));
	tcase_add_loop_test(tc, tags_survive_the_wire, 0, N_ROWS(tags));
	tcase_add_loop_test(tc, changed_tags_are_refused_or_whole, 0,
			    N_ROWS(tags));
	tcase_add_test(tc, queued_errors_survive_the_wire);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(node_wire_suite)
