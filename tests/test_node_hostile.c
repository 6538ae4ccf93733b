/* SPDX-License-Identifier: Apache-2.0 */
/* Lies and floods on a node channel. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/node_case.h"
#include "tests/suite_main.h"

/* TAKE with a state of these bytes. */
static const struct {
	const char *label;
	bool memfd;
	uint32_t bytes;
	int rc;
} bad_states[] = {
	{ "zeros", true, 4096, -EPROTO },
	{ "less than said", true, 8192, -EPROTO },
	{ "nothing", true, 0, -EPROTO },
	{ "far too much", true, 1u << 30, -EFBIG },
	{ "a pipe", false, 16, -EINVAL },
};

START_TEST(bad_states_are_refused)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_TAKE, .cookie = 5 };
	int state = memfd_create("socket", MFD_CLOEXEC), pair[2], fds[2];
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len;

	open_node("");
	ck_assert_int_eq(ftruncate(state, 4096), 0);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	req.bytes = bad_states[_i].bytes;
	len = fdnet_node_req_encode(buf, &req);
	fdnet_msg_send(&calls, chan, buf, len,
		       (int[]){ pair[1],
				bad_states[_i].memfd ? state : fds[0] },
		       2, 0);
	ck_assert_msg(told() == bad_states[_i].rc, "%s: %d",
		      bad_states[_i].label, ans.error);
	rg_stop(&relay);
}
END_TEST


static const struct {
	const char *label;
	int domain, kind;
	int rc;
} wrong_fds[] = {
	{ "a packet socket for a stream", AF_UNIX, SOCK_SEQPACKET, -EINVAL },
	{ "a datagram pair", AF_UNIX, SOCK_DGRAM, -EINVAL },
	{ "no socket", -1, 0, -ENOTSOCK },
	{ "no fd", -2, 0, -EBADF },
};

START_TEST(unfit_fds_are_refused)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_NEW, .cookie = 5,
				      .family = 4, .type = 1, .proto = 6 };
	int fds[2] = { -1, -1 };

	open_node("");
	if (wrong_fds[_i].domain == AF_UNIX)
		ck_assert_int_eq(socketpair(AF_UNIX, wrong_fds[_i].kind, 0,
					    fds),
				 0);
	else if (wrong_fds[_i].domain == -1)
		ck_assert_int_eq(pipe(fds), 0);
	tell(req, fds[1]);
	ck_assert_msg(told() == wrong_fds[_i].rc, "%s: %d",
		      wrong_fds[_i].label, ans.error);
	rg_stop(&relay);
}
END_TEST

START_TEST(nonsense_is_counted_and_dropped)
{
	int fd;

	open_node("");
	ck_assert_int_eq(send(chan, "nonsense", 8, 0), 8);
	memset(text, 0xff, sizeof(text));
	ck_assert_int_eq(send(chan, text, 4096, 0), 4096);
	ck_assert_int_eq(send(chan, text, 0, 0), 0);
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_names(fd), 0);
	/* the same cookie twice */
	tell((struct fdnet_node_req){ .op = FDNET_NODE_NEW,
				      .cookie = cookie_of(fd), .family = 4,
				      .type = 1, .proto = 6 },
	     fd);
	ck_assert_int_eq(told(), -EEXIST);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(who_reads_no_answers_loses_the_channel)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_NAMES };
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len = fdnet_node_req_encode(buf, &req);
	int fd;

	open_node("");
	for (int i = 0; i < 20000; i++) {
		if (send(chan, buf, len, MSG_NOSIGNAL) < 0) {
			if (errno == EPIPE)
				break;
			rg_drive(&relay, 1);
		}
	}
	rg_drive(&relay, 20);
	ck_assert_int_lt(send(chan, buf, len, MSG_NOSIGNAL), 0);
	ck_assert(errno == EPIPE || errno == ECONNRESET);
	close(chan);
	chan = rg_node(&relay);
	fd = node_socket(FDNET_SOCK_STREAM, 0);
	ck_assert_int_eq(node_names(fd), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

static Suite *node_suite(void)
{
	Suite *s = suite_create("node_hostile");
	TCase *tc = tcase_create("enemies");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, bad_states_are_refused, 0, N_ROWS(bad_states));
	tcase_add_loop_test(tc, unfit_fds_are_refused, 0, N_ROWS(wrong_fds));
	tcase_add_test(tc, nonsense_is_counted_and_dropped);
	tcase_add_test(tc, who_reads_no_answers_loses_the_channel);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(node_suite());
}
