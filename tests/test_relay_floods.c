/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest sends too fast waits, and the others are served.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stack/wire/node.h"
#include "tests/hostile_case.h"

/* ---- floods ---- */

static uint64_t counter(const char *said, const char *name)
{
	const char *at = strstr(said, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static size_t unbind(uint8_t *dst)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_UNBIND,
				 .proto = 6,
				 .family = 4,
				 .port = 1 };
	uint8_t body[FDNET_CTL_MAX_LEN];

	return typed(dst, FDNET_LINK_CONTROL, body,
		     fdnet_ctl_encode(body, &ctl));
}

/* What is sent too fast waits, and so does its sender in the end; all of it
 * is taken, and meanwhile the others are served. */
START_TEST(control_floods_are_slowed)
{
	uint8_t msg[128], hi[128];
	size_t len = unbind(msg);
	int fd, full = 0;

	start("--limit control-rate=100 --verbose");
	honest = rg_attach(&relay);
	fd = rg_link(&relay);
	say(fd, hi, hello(hi));
	for (int i = 0; i < 20000 && full < 20; i++) {
		if (send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			continue;
		ck_assert_int_eq(errno, EAGAIN);
		full++;
		ck_assert_int_eq(rg_claim(honest, FDNET_CTL_BIND, 6,
					  (uint16_t)full),
				 0);
	}
	/* 20,000 messages are not taken in an instant */
	ck_assert_int_eq(full, 20);
	close(fd);
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_claim(honest, FDNET_CTL_BIND, 6, 80), 0);
	ck_assert_uint_ge(counter(rg_finish(&relay), "control_slowed="), 1);
	rg_stop(&relay);
}
END_TEST

START_TEST(slowed_requests_are_all_answered)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_BIND,
				 .proto = 6,
				 .family = 4 };
	struct rg *hasty;

	start("--limit control-rate=100 --verbose");
	hasty = rg_attach(&relay);
	for (uint16_t i = 1; i <= 250; i++) {
		ctl.port = i;
		ck_assert_int_eq(rg_ask(hasty, &ctl), 0);
	}
	ck_assert_uint_ge(counter(rg_finish(&relay), "control_slowed="), 1);
	rg_stop(&relay);
}
END_TEST

START_TEST(floods_of_node_requests_are_slowed)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_NAMES, .cookie = 1 };
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len = fdnet_node_req_encode(buf, &req);
	int fd, answers = 0;

	start("--limit control-rate=100 --verbose");
	honest = rg_attach(&relay);
	fd = rg_node(&relay);
	for (int i = 0; i < 250; i++)
		say(fd, buf, len);
	while (answers < 250) {
		if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			answers++;
		else
			rg_drive(&relay, 5);
	}
	ck_assert_int_eq(rg_claim(honest, FDNET_CTL_BIND, 6, 80), 0);
	close(fd);
	ck_assert_uint_ge(counter(rg_finish(&relay), "control_slowed="), 1);
	rg_stop(&relay);
}
END_TEST

static Suite *relay_floods_suite(void)
{
	Suite *s = suite_create("relay_floods");
	TCase *tc = tcase_create("relay_floods");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, control_floods_are_slowed);
	tcase_add_test(tc, slowed_requests_are_all_answered);
	tcase_add_test(tc, floods_of_node_requests_are_slowed);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_floods_suite());
}
