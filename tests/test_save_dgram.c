/* SPDX-License-Identifier: Apache-2.0 */
/* Saved datagram, ping and raw sockets; want of memory for any socket. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/dgram.h"
#include "stack/mcast.h"
#include "stack/tcp_internal.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

static struct stack_pair *pair;

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

/* ---- helpers ---- */

static struct fdnet_sock *udp(int side, const char *ip, uint16_t port)
{
	struct fdnet_sock *so = sock_open(pair->s[side], strchr(ip, ':') ? 6 : 4,
					  FDNET_SOCK_DGRAM, 17);

	sock_bind(so, ip, port);
	return so;
}

static void *save(struct fdnet_sock *so, size_t *ret_len)
{
	ssize_t len = fdnet_sock_save(so, NULL, 0);
	void *bytes;

	ck_assert_int_gt(len, 0);
	bytes = malloc((size_t)len);
	ck_assert_int_eq(fdnet_sock_save(so, bytes, (size_t)len), len);
	*ret_len = (size_t)len;
	return bytes;
}

static struct fdnet_sock *move(struct fdnet_sock *so, struct fdnet_stack *to)
{
	size_t len, again_len;
	void *bytes = save(so, &len), *again;

	fdnet_sock_forget(so);
	ck_assert_int_eq(fdnet_sock_restore(to, bytes, len, &so), 0);
	again = save(so, &again_len);
	ck_assert_uint_eq(len, again_len);
	ck_assert_int_eq(memcmp(bytes, again, len), 0);
	free(bytes);
	free(again);
	return so;
}

/* ---- UDP ---- */

static const struct {
	const char *label, *a, *b;
	size_t len;
} kinds[] = {
	{"v4", "10.0.0.1", "10.0.0.2", 11},
	{"v4 empty", "10.0.0.1", "10.0.0.2", 0},
	{"v4 in fragments", "10.0.0.1", "10.0.0.2", 20000},
	{"v6", "fd00::1", "fd00::2", 1000},
};

START_TEST(what_was_received_and_not_sent_goes_along)
{
	static uint8_t data[20000], got[20001];
	struct fdnet_sock *a = udp(0, kinds[_i].a, 5000);
	struct fdnet_sock *b = udp(1, kinds[_i].b, 5001);
	struct fdnet_name to_a = name_of(kinds[_i].a, 5000), from;
	struct fdnet_name to_b = name_of(kinds[_i].b, 5001);
	size_t len = kinds[_i].len;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7);
	for (int i = 0; i < 3; i++) {
		if (len)
			data[0] = (uint8_t)i;
		sock_send(b, data, len, &to_a);
		stack_pair_run(pair);
	}
	ck_assert_int_eq(fdnet_sock_connect(a, &to_b), 0);
	ck_assert_int_eq(sock_send(a, data, len, NULL), (ssize_t)len);
	a = move(a, pair->s[0]);
	ck_assert_uint_eq(fdnet_sock_poll(a) & FDNET_EV_IN, FDNET_EV_IN);
	for (int i = 0; i < 3; i++) {
		if (len)
			data[0] = (uint8_t)i;
		ck_assert_int_eq(sock_recv(a, got, sizeof(got), &from),
				 (ssize_t)len);
		ck_assert_int_eq(memcmp(got, data, len), 0);
		ck_assert_uint_eq(from.port, 5001);
	}
	ck_assert_int_eq(sock_recv(a, got, sizeof(got), NULL), -EAGAIN);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, got, sizeof(got), &from), (ssize_t)len);
	ck_assert_int_eq(memcmp(got, data, len), 0);
	ck_assert_uint_eq(from.port, 5000);
	ck_assert_int_eq(fdnet_sock_peer(a, &from), 0);
}
END_TEST

START_TEST(errors_go_along)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 5000);
	struct fdnet_name nobody = name_of("10.0.0.2", 9);
	char buf[16] = "";
	struct iovec iov = {buf, sizeof(buf)};
	struct fdnet_msg msg = {
		.iov = &iov, .iovcnt = 1, .flags = FDNET_MSG_ERRQUEUE};

	ck_assert_int_eq(sock_set_int(a, IPPROTO_IP, IP_RECVERR, 1), 0);
	fdnet_sock_connect(a, &nobody);
	sock_send(a, "hello", 5, NULL);
	stack_pair_run(pair);
	a = move(a, pair->s[0]);
	ck_assert_uint_eq(fdnet_sock_poll(a) & FDNET_EV_ERR, FDNET_EV_ERR);
	ck_assert_int_eq(fdnet_sock_recv(a, &msg), 5);
	ck_assert_str_eq(buf, "hello");
	ck_assert_int_eq(msg.err.error, ECONNREFUSED);
	ck_assert_uint_eq(msg.to_from.port, 9);
	ck_assert_int_eq(sock_get_int(a, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
}
END_TEST

START_TEST(a_corked_datagram_is_finished_elsewhere)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 5000);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 5001);
	struct fdnet_name to = name_of("10.0.0.2", 5001);
	char buf[16] = "";

	ck_assert_int_eq(sock_set_int(a, IPPROTO_UDP, UDP_CORK, 1), 0);
	sock_send(a, "one", 3, &to);
	a = move(a, pair->s[0]);
	sock_send(a, "two", 3, &to);
	ck_assert_int_eq(sock_set_int(a, IPPROTO_UDP, UDP_CORK, 0), 0);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, buf, sizeof(buf), NULL), 6);
	ck_assert_str_eq(buf, "onetwo");
}
END_TEST

START_TEST(groups_are_joined_again)
{
	struct fdnet_sock *a = udp(0, "0.0.0.0", 5000);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 5001);
	struct fdnet_name group = name_of("239.1.2.3", 5000);
	struct ip_mreq mreq = {0};
	char buf[16];

	mreq.imr_multiaddr.s_addr = inet_addr("239.1.2.3");
	ck_assert_int_eq(fdnet_sock_setopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 0);
	a = move(a, pair->s[0]);
	sock_send(b, "x", 1, &group);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(a, buf, sizeof(buf), NULL), 1);
	ck_assert_int_eq(fdnet_sock_setopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 0);
}
END_TEST

START_TEST(of_two_at_one_port_the_same_one_is_asked)
{
	struct fdnet_sock *old = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *new = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 5001);
	struct fdnet_name to = name_of("10.0.0.1", 5000);
	struct fdnet_stack_config cfg;
	ssize_t len;
	void *bytes;
	char buf[4];

	/* bound in another order than made */
	ck_assert_int_eq(sock_set_int(old, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	ck_assert_int_eq(sock_set_int(new, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	sock_bind(new, "10.0.0.1", 5000);
	sock_bind(old, "10.0.0.1", 5000);
	ck_assert_int_eq(sock_set_int(new, SOL_SOCKET, SO_REUSEADDR, 0), 0);
	stack_pair_config(&cfg, 0);
	cfg.mem = &pair->mem;
	cfg.pool = pair->pool;
	len = fdnet_stack_save(pair->s[0], NULL, NULL, NULL, 0);
	bytes = malloc((size_t)len);
	fdnet_stack_save(pair->s[0], NULL, NULL, bytes, (size_t)len);
	sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(old, buf, sizeof(buf), NULL), 1);
	fdnet_stack_free(pair->s[0]);
	ck_assert_int_eq(fdnet_stack_restore(&cfg, pair->now_us, bytes,
					     (size_t)len, NULL, NULL, &pair->s[0]),
			 0);
	free(bytes);
	/* nobody claimed them: closed */
	ck_assert_uint_eq(fdnet_stack_socks(pair->s[0]), 0);
}
END_TEST

/* ---- a link that does without checksums ---- */

START_TEST(checksums_are_filled_in_where_they_are_wanted)
{
	struct fdnet_stack_config cfg;
	struct fdnet_stack *trusting;
	struct fdnet_ip own = name_of("10.0.0.1", 0).ip;
	struct fdnet_name to = name_of("10.0.0.2", 5001);
	struct fdnet_sock *a, *b = udp(1, "10.0.0.2", 5001);
	size_t len;
	void *bytes;
	char buf[8];

	stack_pair_config(&cfg, 0);
	cfg.mem = &pair->mem;
	cfg.pool = pair->pool;
	cfg.csum_offload = true;
	ck_assert_int_eq(fdnet_stack_new(&cfg, pair->now_us, &trusting), 0);
	fdnet_stack_add_addr(trusting, &own, 24);
	a = sock_open(trusting, 4, FDNET_SOCK_DGRAM, 17);
	sock_bind(a, "10.0.0.1", 5000);
	sock_send(a, "hello", 5, &to);
	bytes = save(a, &len);
	ck_assert_int_eq(fdnet_sock_restore(pair->s[0], bytes, len, &a), 0);
	free(bytes);
	fdnet_stack_free(trusting);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, buf, sizeof(buf), NULL), 5);
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[1], FDNET_C_UDP_BAD), 0);
}
END_TEST

/* ---- ping and raw ---- */

START_TEST(ping_sockets_keep_their_identifier)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 1);
	uint8_t echo[16] = {8}, got[32];
	struct fdnet_name to = name_of("10.0.0.2", 0);

	ck_assert_int_eq(sock_send(so, echo, sizeof(echo), &to), 16);
	so = move(so, pair->s[0]); /* not sent yet */
	stack_pair_run(pair);
	so = move(so, pair->s[0]); /* answered */
	ck_assert_int_eq(sock_recv(so, got, sizeof(got), NULL), 16);
	ck_assert_uint_eq(got[0], 0);
}
END_TEST

START_TEST(raw_sockets_keep_their_filter)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_RAW, 1);
	uint8_t echo[16] = {8, 0, 0xf7, 0xff}, got[64];
	struct fdnet_name to = name_of("10.0.0.2", 0);
	uint32_t all = UINT32_MAX, none = 0;

	ck_assert_int_eq(fdnet_sock_setopt(so, 255, 1, &all, 4), 0);
	so = move(so, pair->s[0]);
	sock_send(so, echo, sizeof(echo), &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, got, sizeof(got), NULL), -EAGAIN);
	ck_assert_int_eq(fdnet_sock_setopt(so, 255, 1, &none, 4), 0);
	sock_send(so, echo, sizeof(echo), &to);
	stack_pair_run(pair);
	so = move(so, pair->s[0]);
	ck_assert_int_ge(sock_recv(so, got, sizeof(got), NULL), 36);
}
END_TEST

/* ---- nothing is forgotten ---- */

#if __SIZEOF_POINTER__ == 8 && !defined(__SANITIZE_ADDRESS__)
/* Each without what is in the table for itself. */
#define SOCK sizeof(struct fdnet_sock)
#define OPTS sizeof(struct fdnet_sock_opts)
#define STACK                                                                  \
	(sizeof(struct fdnet_stack) - sizeof(struct fdnet_stack_config) -      \
	 sizeof(uint64_t) * FDNET_C_MAX)

static const struct {
	const char *name;
	size_t size, known;
} structs[] = {
	{"fdnet_sock", sizeof(struct fdnet_sock) - OPTS, 208},
	{"fdnet_sock_opts", OPTS, 104},
	{"fdnet_dgram", sizeof(struct fdnet_dgram) - SOCK, 96},
	{"fdnet_mcast", sizeof(struct fdnet_mcast), 56},
	{"fdnet_tcp", sizeof(struct fdnet_tcp) - SOCK, 632},
	{"fdnet_stack", STACK, 3912},
	{"fdnet_stack_config", sizeof(struct fdnet_stack_config), 184},
};

/* Who adds a field learns here that it has to be saved. */
START_TEST(what_grows_is_saved_too)
{
	ck_assert_msg(structs[_i].size == structs[_i].known,
		      "struct %s has %zu bytes: let stack/save*.c take the new "
		      "field along, or say there why not, raise "
		      "FDNET_SAVE_VERSION, and note the size here",
		      structs[_i].name, structs[_i].size);
}
END_TEST
#endif

/* ---- limits ---- */

/* A socket with everything that takes memory. */
static struct fdnet_sock *rich(bool stream)
{
	static uint8_t data[40000];
	struct fdnet_sock *a, *b;
	struct fdnet_name to = name_of("10.0.0.1", 5000);

	if (!stream) {
		a = udp(0, "10.0.0.1", 5000);
		b = udp(1, "10.0.0.2", 5001);
		sock_set_int(a, IPPROTO_IP, IP_RECVERR, 1);
		sock_send(b, data, 30000, &to);
		to = name_of("10.0.0.2", 9);
		sock_send(a, "x", 1, &to);
		stack_pair_run(pair);
		sock_send(a, data, 3000, &to);
		sock_set_int(a, IPPROTO_UDP, UDP_CORK, 1);
		sock_send(a, data, 300, &to);
		return a;
	}
	a = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	sock_bind(a, "10.0.0.1", 5000);
	ck_assert_int_eq(fdnet_sock_listen(a, 5), 0);
	b = sock_open(pair->s[1], 4, FDNET_SOCK_STREAM, 6);
	fdnet_sock_connect(b, &to);
	stack_pair_run(pair);
	sock_send(b, data, sizeof(data), NULL);
	stack_pair_run(pair);
	return a;
}

START_TEST(without_memory_nothing_is_left)
{
	struct fdnet_sock *so = rich(_i), *copy;
	unsigned int socks, outstanding;
	size_t len, held;
	void *bytes = save(so, &len);
	int rc = -ENOMEM;

	fdnet_sock_forget(so);
	/* tables that grow stay so */
	ck_assert_int_eq(fdnet_sock_restore(pair->s[0], bytes, len, &so), 0);
	fdnet_sock_forget(so);
	socks = fdnet_stack_socks(pair->s[0]);
	outstanding = fdnet_pkt_pool_outstanding(pair->pool);
	held = pair->allocated;
	for (long n = 0; rc; n++) {
		ck_assert_int_lt(n, 200);
		pair->fail_after = n;
		rc = fdnet_sock_restore(pair->s[0], bytes, len, &copy);
		pair->fail_after = -1;
		if (!rc)
			break;
		ck_assert_int_eq(rc, -ENOMEM);
		ck_assert_uint_eq(fdnet_stack_socks(pair->s[0]), socks);
		ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pair->pool),
				  outstanding);
		ck_assert_uint_eq(pair->allocated, held);
	}
	free(bytes);
}
END_TEST

START_TEST(too_many_sockets_are_told)
{
	struct fdnet_stack_config cfg;
	struct fdnet_stack *small;
	struct fdnet_sock *so = rich(false), *copy;
	struct fdnet_ip own = name_of("10.0.0.1", 0).ip;
	size_t len;
	void *bytes = save(so, &len);

	stack_pair_config(&cfg, 0);
	cfg.mem = &pair->mem;
	cfg.pool = pair->pool;
	cfg.max_socks = 1;
	ck_assert_int_eq(fdnet_stack_new(&cfg, pair->now_us, &small), 0);
	fdnet_stack_add_addr(small, &own, 24);
	ck_assert_int_eq(fdnet_sock_restore(small, bytes, len, &copy), 0);
	ck_assert_int_eq(fdnet_sock_restore(small, bytes, len, &copy), -ENFILE);
	fdnet_stack_free(small);
	free(bytes);
}
END_TEST

static Suite *save_dgram_suite(void)
{
	Suite *suite = suite_create("save_dgram");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_was_received_and_not_sent_goes_along, 0,
			    N_ROWS(kinds));
	tcase_add_test(tc, errors_go_along);
	tcase_add_test(tc, a_corked_datagram_is_finished_elsewhere);
	tcase_add_test(tc, groups_are_joined_again);
	tcase_add_test(tc, of_two_at_one_port_the_same_one_is_asked);
	tcase_add_test(tc, checksums_are_filled_in_where_they_are_wanted);
	tcase_add_test(tc, ping_sockets_keep_their_identifier);
	tcase_add_test(tc, raw_sockets_keep_their_filter);
#if __SIZEOF_POINTER__ == 8 && !defined(__SANITIZE_ADDRESS__)
	tcase_add_loop_test(tc, what_grows_is_saved_too, 0, N_ROWS(structs));
#endif
	tcase_add_loop_test(tc, without_memory_nothing_is_left, 0, 2);
	tcase_add_test(tc, too_many_sockets_are_told);
	suite_add_tcase(suite, tc);
	return suite;
}

SUITE_MAIN(save_dgram_suite)
