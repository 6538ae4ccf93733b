/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/control.h"
#include "tests/suite_main.h"

/* ---- hello, welcome, attach ---- */

static const struct fdnet_hello hello = {
	.version = 1,
	.features = 7,
	.max_msg = 262144,
	.pid = 4711,
	.comm = "curl",
};

static const struct fdnet_welcome welcome = {
	.version = 1,
	.features = 7,
	.max_msg = 262144,
	.mtu = 65520,
	.gso_max = 131072,
	.ip4 = { 10, 0, 2, 15 },
	.gateway4 = { 10, 0, 2, 2 },
	.dns4 = { 10, 0, 2, 3 },
	.bits4 = 24,
	.bits6 = 64,
	.ip6 = { 0xfd, [15] = 0x15 },
	.gateway6 = { 0xfd, [15] = 2 },
	.dns6 = { 0xfd, [15] = 3 },
	.lease_lo = 32768,
	.lease_hi = 33791,
	.sandbox = 5,
};

START_TEST(hello_survives_the_wire)
{
	uint8_t buf[FDNET_HELLO_LEN];
	struct fdnet_hello got = { 0 };

	fdnet_hello_encode(buf, &hello);
	ck_assert_int_eq(fdnet_hello_decode(buf, sizeof(buf), &got), 0);
	ck_assert_uint_eq(got.version, hello.version);
	ck_assert_uint_eq(got.features, hello.features);
	ck_assert_uint_eq(got.max_msg, hello.max_msg);
	ck_assert_uint_eq(got.pid, hello.pid);
	ck_assert_str_eq(got.comm, hello.comm);
}
END_TEST

START_TEST(hello_name_is_always_terminated)
{
	uint8_t buf[FDNET_HELLO_LEN];
	struct fdnet_hello got;

	fdnet_hello_encode(buf, &hello);
	memset(buf + 24, 'x', 16);
	ck_assert_int_eq(fdnet_hello_decode(buf, sizeof(buf), &got), 0);
	ck_assert_uint_eq(strlen(got.comm), 15);
}
END_TEST

START_TEST(welcome_survives_the_wire)
{
	uint8_t buf[FDNET_WELCOME_LEN], again[FDNET_WELCOME_LEN];
	struct fdnet_welcome got = { 0 };

	fdnet_welcome_encode(buf, &welcome);
	ck_assert_int_eq(fdnet_welcome_decode(buf, sizeof(buf), &got), 0);
	ck_assert_uint_eq(got.mtu, welcome.mtu);
	ck_assert_uint_eq(got.gso_max, welcome.gso_max);
	ck_assert_uint_eq(got.lease_hi, welcome.lease_hi);
	ck_assert_uint_eq(got.bits6, 64);
	ck_assert_mem_eq(got.ip6, welcome.ip6, 16);
	fdnet_welcome_encode(again, &got);
	ck_assert_mem_eq(buf, again, sizeof(buf));
}
END_TEST

START_TEST(refusal_needs_no_settings)
{
	struct fdnet_welcome no = { .version = 1, .status = EACCES }, got;
	uint8_t buf[FDNET_WELCOME_LEN];

	fdnet_welcome_encode(buf, &no);
	ck_assert_int_eq(fdnet_welcome_decode(buf, sizeof(buf), &got), 0);
	ck_assert_uint_eq(got.status, EACCES);
}
END_TEST

START_TEST(attach_survives_the_wire)
{
	struct fdnet_attach attach = { 1, FDNET_ATTACH_NODE, 99 };
	struct fdnet_attach got = { 0 };
	uint8_t buf[FDNET_ATTACH_LEN];

	fdnet_attach_encode(buf, &attach);
	ck_assert_int_eq(fdnet_attach_decode(buf, sizeof(buf), &got), 0);
	ck_assert_uint_eq(got.pid, 99);
	ck_assert_uint_eq(got.flags, FDNET_ATTACH_NODE);
	buf[6] = 2;
	ck_assert_int_eq(fdnet_attach_decode(buf, sizeof(buf), &got),
			 -EBADMSG);
}
END_TEST

static int decode_any(int which, const uint8_t *src, size_t len)
{
	struct fdnet_hello h;
	struct fdnet_welcome w;
	struct fdnet_attach a;

	if (which == 0)
		return fdnet_hello_decode(src, len, &h);
	if (which == 1)
		return fdnet_welcome_decode(src, len, &w);
	return fdnet_attach_decode(src, len, &a);
}

static size_t encode_any(int which, uint8_t *dst)
{
	static const struct fdnet_attach attach = { 1, 0, 99 };

	if (which == 0) {
		fdnet_hello_encode(dst, &hello);
		return FDNET_HELLO_LEN;
	}
	if (which == 1) {
		fdnet_welcome_encode(dst, &welcome);
		return FDNET_WELCOME_LEN;
	}
	fdnet_attach_encode(dst, &attach);
	return FDNET_ATTACH_LEN;
}

START_TEST(wrong_lengths_are_refused)
{
	uint8_t buf[128] = { 0 };
	size_t full = encode_any(_i, buf), len;

	for (len = 0; len < sizeof(buf); len++)
		ck_assert_int_eq(decode_any(_i, buf, len),
				 len == full ? 0 : -EBADMSG);
}
END_TEST

START_TEST(magic_and_version_are_checked)
{
	uint8_t buf[128];
	size_t len = encode_any(_i, buf), i;

	for (i = 0; i < 6; i++) {
		buf[i] ^= 0x40;
		ck_assert_int_eq(decode_any(_i, buf, len),
				 i < 4 ? -EBADMSG : -EPROTONOSUPPORT);
		buf[i] ^= 0x40;
	}
}
END_TEST

/* Settings nobody can honour; offset and value of a changed field. */
static const struct {
	const char *label;
	int which;
	size_t offset;
	uint32_t value;
	size_t size;
} bad_values[] = {
	{ "hello: small messages", 0, 12, 2047, 4 },
	{ "hello: huge messages", 0, 12, 1048577, 4 },
	{ "welcome: small messages", 1, 12, 100, 4 },
	{ "welcome: mtu 575", 1, 16, 575, 4 },
	{ "welcome: mtu 65536", 1, 16, 65536, 4 },
	{ "welcome: /33", 1, 36, 33, 1 },
	{ "welcome: /129", 1, 37, 129, 1 },
	{ "welcome: empty lease", 1, 88, 40000, 2 },
};

START_TEST(bad_settings_are_refused)
{
	uint8_t buf[128];
	size_t len = encode_any(bad_values[_i].which, buf);

	memcpy(buf + bad_values[_i].offset, &bad_values[_i].value,
	       bad_values[_i].size);
	ck_assert_msg(decode_any(bad_values[_i].which, buf, len) == -EBADMSG,
		      "%s", bad_values[_i].label);
}
END_TEST

/* ---- control ---- */

static const struct fdnet_ctl controls[] = {
	{ .op = FDNET_CTL_BIND, .id = 1, .proto = 6, .family = 4,
	  .flags = FDNET_BIND_REUSEADDR, .port = 80,
	  .addr = { 127, 0, 0, 1 } },
	{ .op = FDNET_CTL_BIND, .id = 2, .proto = 17, .family = 6,
	  .flags = FDNET_BIND_V6ONLY, .port = 53, .addr = { [15] = 1 } },
	{ .op = FDNET_CTL_UNBIND, .proto = 6, .family = 4, .port = 80 },
	{ .op = FDNET_CTL_LISTEN, .id = 3, .proto = 6, .family = 4,
	  .port = 80 },
	{ .op = FDNET_CTL_HOLD, .id = 9, .proto = 6, .family = 4, .port = 80,
	  .peer_port = 40000, .addr = { 10, 0, 2, 15 },
	  .peer = { 10, 0, 2, 2 } },
	{ .op = FDNET_CTL_KEEP, .proto = 6, .family = 4, .port = 40000,
	  .peer_port = 80, .addr = { 10, 0, 2, 15 }, .peer = { 10, 0, 2, 2 },
	  .keep_on = true, .keep_idle_s = 7200, .keep_intvl_s = 75,
	  .keep_cnt = 9, .user_timeout_ms = 0x12345678 },
	{ .op = FDNET_CTL_UNHOLD, .proto = 17, .family = 4, .port = 80,
	  .addr = { 10, 0, 2, 15 } },
	{ .op = FDNET_CTL_LEASE, .id = 4, .proto = 6, .count = 1024 },
	{ .op = FDNET_CTL_RELEASE, .proto = 17, .lo = 33792 },
	{ .op = FDNET_CTL_BIND, .id = 6, .proto = 136, .family = 4,
	  .port = 53 },
	{ .op = FDNET_CTL_LEASE, .id = 7, .proto = 136, .count = 64 },
	{ .op = FDNET_CTL_REPLY | FDNET_CTL_BIND, .id = 1, .port = 80 },
	{ .op = FDNET_CTL_REPLY | FDNET_CTL_BIND, .id = 2,
	  .error = EADDRINUSE },
	{ .op = FDNET_CTL_REPLY | FDNET_CTL_LISTEN, .id = 3, .port = 80 },
	{ .op = FDNET_CTL_REPLY | FDNET_CTL_LEASE, .id = 4, .lo = 33792,
	  .hi = 34815 },
	{ .op = FDNET_CTL_REPLY | FDNET_CTL_LEASE, .id = 5,
	  .error = EADDRNOTAVAIL },
	{ .op = FDNET_CTL_SOCKET, .id = 10, .index = 70000 },
	{ .op = FDNET_CTL_REPLY | FDNET_CTL_SOCKET, .id = 10, .proto = 6,
	  .family = 6, .flags = 1, .port = 80, .peer_port = 40000,
	  .addr = { 0xfd, [15] = 0x15 }, .peer = { 0xfd, [15] = 2 } },
	{ .op = FDNET_CTL_REPLY | FDNET_CTL_SOCKET, .id = 11,
	  .error = ENOENT },
};

START_TEST(control_survives_the_wire)
{
	uint8_t buf[FDNET_CTL_MAX_LEN], again[FDNET_CTL_MAX_LEN];
	struct fdnet_ctl got;
	size_t len = fdnet_ctl_encode(buf, &controls[_i]);

	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(fdnet_ctl_decode(buf, len, &got), 0);
	ck_assert_mem_eq(&got, &controls[_i], sizeof(got));
	ck_assert_uint_eq(fdnet_ctl_encode(again, &got), len);
	ck_assert_mem_eq(buf, again, len);
}
END_TEST

START_TEST(control_of_another_length_is_refused)
{
	uint8_t buf[64] = { 0 };
	struct fdnet_ctl got;
	size_t full = fdnet_ctl_encode(buf, &controls[_i]), len;

	for (len = 0; len < sizeof(buf); len++)
		if (len != full)
			ck_assert_int_eq(fdnet_ctl_decode(buf, len, &got),
					 -EBADMSG);
}
END_TEST

/* A changed byte gives an error, or something that encodes to itself. */
START_TEST(control_with_a_changed_byte_stays_sane)
{
	uint8_t buf[FDNET_CTL_MAX_LEN], again[FDNET_CTL_MAX_LEN];
	size_t len = fdnet_ctl_encode(buf, &controls[_i]), i;
	struct fdnet_ctl got;
	int v;

	for (i = 0; i < len; i++) {
		uint8_t old = buf[i];

		for (v = 0; v < 256; v++) {
			buf[i] = (uint8_t)v;
			if (fdnet_ctl_decode(buf, len, &got))
				continue;
			ck_assert_uint_eq(fdnet_ctl_encode(again, &got), len);
			ck_assert(got.family != 4 ||
				  !memcmp(again + 16, buf + 16, 4));
		}
		buf[i] = old;
	}
}
END_TEST

static const struct {
	const char *label;
	int row;
	size_t offset;
	uint8_t value;
} bad_controls[] = {
	{ "request with an error", 0, 2, 1 },
	{ "unknown protocol", 0, 8, 1 },
	{ "unknown family", 0, 9, 5 },
	{ "unknown flag", 0, 10, 8 },
	{ "port 0", 0, 12, 0 },
	{ "IPv4 address with a tail", 0, 20, 1 },
	{ "lease for ICMP", 4, 8, 1 },
	{ "unknown op", 4, 0, 0x7f },
	{ "silly errno", 7, 3, 0xff },
};

START_TEST(bad_controls_are_refused)
{
	uint8_t buf[FDNET_CTL_MAX_LEN];
	size_t len = fdnet_ctl_encode(buf, &controls[bad_controls[_i].row]);
	struct fdnet_ctl got;

	buf[bad_controls[_i].offset] = bad_controls[_i].value;
	ck_assert_msg(fdnet_ctl_decode(buf, len, &got) == -EBADMSG, "%s",
		      bad_controls[_i].label);
}
END_TEST

static Suite *control_suite(void)
{
	Suite *s = suite_create("control");
	TCase *tc = tcase_create("control");

	tcase_add_test(tc, hello_survives_the_wire);
	tcase_add_test(tc, hello_name_is_always_terminated);
	tcase_add_test(tc, welcome_survives_the_wire);
	tcase_add_test(tc, refusal_needs_no_settings);
	tcase_add_test(tc, attach_survives_the_wire);
	tcase_add_loop_test(tc, wrong_lengths_are_refused, 0, 3);
	tcase_add_loop_test(tc, magic_and_version_are_checked, 0, 3);
	tcase_add_loop_test(tc, bad_settings_are_refused, 0,
			    N_ROWS(bad_values));
	tcase_add_loop_test(tc, control_survives_the_wire, 0,
			    N_ROWS(controls));
	tcase_add_loop_test(tc, control_of_another_length_is_refused, 0,
			    N_ROWS(controls));
	tcase_add_loop_test(tc, control_with_a_changed_byte_stays_sane, 0,
			    N_ROWS(controls));
	tcase_add_loop_test(tc, bad_controls_are_refused, 0,
			    N_ROWS(bad_controls));
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(control_suite)
