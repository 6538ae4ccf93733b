/* SPDX-License-Identifier: Apache-2.0 */
/* UDP-Lite: what is not as in UDP, which test_udp.c tests. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/udplite.h"
#include "stack/wire/ipv4.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define HEADERS 28 /* of IPv4 and UDP-Lite */

static struct stack_pair *pair;
static struct fdnet_sock *a, *b;
static struct fdnet_name to_b;
static char data[9000], back[9000];

static struct fdnet_sock *lite(int side, const char *ip, uint16_t port)
{
	struct fdnet_sock *so = sock_open(pair->s[side], strchr(ip, ':') ? 6 : 4,
					  FDNET_SOCK_DGRAM, IPPROTO_UDPLITE);

	if (port)
		sock_bind(so, ip, port);
	return so;
}

static void setup(void)
{
	size_t i;

	pair = stack_pair_new(NULL, NULL);
	a = lite(0, "10.0.0.1", 1111);
	b = lite(1, "10.0.0.2", 2222);
	to_b = name_of("10.0.0.2", 2222);
	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

/* @len bytes from one to the other; what recv() says there. */
static ssize_t cross(struct fdnet_sock *from, struct fdnet_sock *to,
		     const struct fdnet_name *name, size_t len)
{
	ssize_t n;

	ck_assert_int_eq(sock_send(from, data, len, name), (ssize_t)len);
	stack_pair_run(pair);
	n = sock_recv(to, back, sizeof(back), NULL);
	if (n > 0)
		ck_assert_mem_eq(back, data, (size_t)n);
	return n;
}

/* ---- exchange ---- */

static const struct {
	const char *label, *from, *to;
	size_t len;
	int cover;
} exchanges[] = {
	{"v4", "10.0.0.1", "10.0.0.2", 100, 0},
	{"v4, empty", "10.0.0.1", "10.0.0.2", 0, 0},
	{"v4, header covered", "10.0.0.1", "10.0.0.2", 100, 8},
	{"v4, odd", "10.0.0.1", "10.0.0.2", 101, 33},
	{"v4, more than there is", "10.0.0.1", "10.0.0.2", 10, 500},
	{"v4, fragments", "10.0.0.1", "10.0.0.2", 5001, 0},
	{"v4, fragments, in part", "10.0.0.1", "10.0.0.2", 5001, 2999},
	{"v6", "fd00::1", "fd00::2", 100, 0},
	{"v6, in part", "fd00::1", "fd00::2", 100, 20},
	{"v6, fragments, in part", "fd00::1", "fd00::2", 8000, 4001},
	{"loop", "127.0.0.1", "127.0.0.1", 100, 20},
	{"loop, v6", "::1", "::1", 8000, 20},
};

START_TEST(datagrams_cross_whatever_is_covered)
{
	const char *label = exchanges[_i].label;
	bool loop = !strcmp(exchanges[_i].from, exchanges[_i].to);
	struct fdnet_sock *from = lite(0, exchanges[_i].from, 3333);
	struct fdnet_sock *to = lite(loop ? 0 : 1, exchanges[_i].to, 4444);
	struct fdnet_name name = name_of(exchanges[_i].to, 4444);

	ck_assert_int_eq(sock_set_int(from, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV,
				      exchanges[_i].cover),
			 0);
	ck_assert_msg(cross(from, to, &name, exchanges[_i].len) ==
			      (ssize_t)exchanges[_i].len,
		      "%s", label);
}
END_TEST

START_TEST(ports_are_not_those_of_udp)
{
	struct fdnet_sock *udp = sock_open(pair->s[1], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *second =
		sock_open(pair->s[1], 4, FDNET_SOCK_DGRAM, IPPROTO_UDPLITE);

	sock_bind(udp, "10.0.0.2", 2222);
	ck_assert_int_eq(fdnet_sock_bind(second, &to_b), -EADDRINUSE);
	ck_assert_int_eq(cross(a, b, &to_b, 5), 5);
	ck_assert_int_eq(sock_recv(udp, back, 9, NULL), -EAGAIN);
	ck_assert_int_eq(sock_get_int(b, SOL_SOCKET, SO_PROTOCOL),
			 IPPROTO_UDPLITE);
}
END_TEST

START_TEST(a_closed_port_is_refused)
{
	struct fdnet_name nobody = name_of("10.0.0.2", 9);

	ck_assert_int_eq(fdnet_sock_connect(a, &nobody), 0);
	ck_assert_int_eq(sock_send(a, "x", 1, NULL), 1);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(a, back, 1, NULL), -ECONNREFUSED);
}
END_TEST

START_TEST(bursts_are_not_cut)
{
	ck_assert_int_eq(sock_set_int(a, IPPROTO_UDP, UDP_SEGMENT, 100), 0);
	ck_assert_int_eq(sock_send(a, data, 50, &to_b), -EIO);
	ck_assert_int_eq(sock_send(a, data, 500, &to_b), -EIO);
}
END_TEST

/* ---- what is refused ---- */

struct damage {
	uint32_t at; /* from the start of the UDP-Lite header */
	int length;  /* put there instead; -1: not changed */
	bool no_csum;
};

static bool damage_it(void *arg, int from, struct fdnet_pkt *pkt)
{
	const struct damage *d = arg;
	uint8_t *p = pkt->data + 20;

	if (d->at)
		p[d->at] ^= 0x55;
	if (d->length >= 0) {
		p[4] = (uint8_t)(d->length >> 8);
		p[5] = (uint8_t)d->length;
	}
	if (d->no_csum)
		p[6] = p[7] = 0;
	return true;
}

static const struct {
	const char *label;
	int cover;
	struct damage damage;
	bool taken;
} damages[] = {
	{"payload, all covered", 0, {50, -1, false}, false},
	{"payload, not covered", 20, {50, -1, false}, true},
	{"first byte not covered", 20, {20, -1, false}, true},
	{"last byte covered", 20, {19, -1, false}, false},
	{"port", 8, {1, -1, false}, false},
	{"checksum", 8, {7, -1, false}, false},
	{"no checksum", 20, {0, -1, true}, false},
	{"all covered, said by 0", 0, {0, 0, false}, false},
	{"less than a header covered", 20, {0, 7, false}, false},
	{"more than there is covered", 20, {0, 109, false}, false},
};

START_TEST(only_damage_to_what_is_covered_matters)
{
	struct damage damage = damages[_i].damage;
	bool taken = damages[_i].taken;

	sock_set_int(a, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, damages[_i].cover);
	pair->filter = damage_it;
	pair->filter_arg = &damage;
	ck_assert_int_eq(sock_send(a, data, 100, &to_b), 100);
	stack_pair_run(pair);
	ck_assert_msg(sock_recv(b, back, 200, NULL) == (taken ? 100 : -EAGAIN),
		      "%s", damages[_i].label);
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[1], FDNET_C_UDP_BAD),
			  !taken);
}
END_TEST

static bool cut_it(void *arg, int from, struct fdnet_pkt *pkt)
{
	uint32_t left = *(uint32_t *)arg;

	if (from != 0)
		return true;
	fdnet_pkt_trim(pkt, left);
	pkt->data[2] = (uint8_t)(left >> 8);
	pkt->data[3] = (uint8_t)left;
	fdnet_ipv4_set_csum(pkt->data, 20);
	return true;
}

/* Every shorter datagram, down to none of its header. */
START_TEST(what_is_cut_short_is_dropped)
{
	uint32_t left = HEADERS + 100;

	sock_set_int(a, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, 20);
	pair->filter = cut_it;
	pair->filter_arg = &left;
	while (--left >= 20) {
		sock_send(a, data, 100, &to_b);
		stack_pair_run(pair);
		ck_assert_int_eq(sock_recv(b, back, 200, NULL), -EAGAIN);
	}
}
END_TEST

/* ---- how much must be covered ---- */

static const struct {
	const char *label;
	int send, recv; /* recv: -1, not set */
	bool taken;
} wants[] = {
	{"nothing asked for, all", 0, -1, true},
	{"nothing asked for, a part", 20, -1, true},
	{"all asked for, all", 0, 0, true},
	{"all asked for, a part", 20, 0, false},
	{"a part asked for, that", 20, 20, true},
	{"a part asked for, less", 20, 21, false},
	{"a part asked for, more", 21, 20, true},
	{"more than there is asked for, all", 0, 60000, true},
	{"more than there is asked for, a part", 107, 60000, false},
};

START_TEST(a_receiver_gets_what_is_covered_enough)
{
	sock_set_int(a, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, wants[_i].send);
	if (wants[_i].recv >= 0)
		sock_set_int(b, IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV,
			     wants[_i].recv);
	ck_assert_msg(cross(a, b, &to_b, 100) == (wants[_i].taken ? 100 : -EAGAIN),
		      "%s", wants[_i].label);
}
END_TEST

/* ---- options ---- */

static const struct {
	int value, kept;
} coverages[] = {
	{0, 0},	  {1, 8},	  {7, 8},	  {8, 8},
	{20, 20}, {65535, 65535}, {65536, 65535}, {-1, 8},
};

START_TEST(coverage_is_set_and_read_as_linux_does)
{
	static const int names[] = {UDPLITE_SEND_CSCOV, UDPLITE_RECV_CSCOV};
	struct fdnet_sock *udp = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *tcp = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	int name = names[_i % 2], value = coverages[_i / 2].value;
	uint32_t len = 2;

	ck_assert_int_eq(sock_set_int(a, IPPROTO_UDPLITE, name, value), 0);
	ck_assert_int_eq(sock_get_int(a, IPPROTO_UDPLITE, name),
			 coverages[_i / 2].kept);
	/* UDP's level has it too */
	ck_assert_int_eq(sock_set_int(a, IPPROTO_UDP, name, 99), 0);
	ck_assert_int_eq(sock_get_int(a, IPPROTO_UDP, name), 99);
	ck_assert_int_eq(fdnet_sock_setopt(a, IPPROTO_UDPLITE, name, &value, 2),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_getopt(a, IPPROTO_UDPLITE, name, back, &len),
			 0);
	ck_assert_uint_eq(len, 2);
	/* of UDP it can be read only */
	ck_assert_int_eq(sock_set_int(udp, IPPROTO_UDP, name, value),
			 -ENOPROTOOPT);
	ck_assert_int_eq(sock_get_int(udp, IPPROTO_UDPLITE, name), 0);
	ck_assert_int_eq(sock_set_int(udp, IPPROTO_UDPLITE, UDP_CORK, 0), 0);
	ck_assert_int_eq(sock_set_int(tcp, IPPROTO_UDPLITE, name, value),
			 -ENOPROTOOPT);
}
END_TEST

/* ---- saved ---- */

START_TEST(a_moved_socket_keeps_its_coverage)
{
	uint8_t bytes[20000];
	struct fdnet_sock *moved;
	ssize_t len;

	sock_set_int(b, IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV, 20);
	sock_set_int(b, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, 30);
	ck_assert_int_eq(sock_send(a, data, 100, &to_b), 100);
	stack_pair_run(pair);
	len = fdnet_sock_save(b, bytes, sizeof(bytes));
	ck_assert_int_gt(len, 0);
	fdnet_sock_forget(b);
	ck_assert_int_eq(
		fdnet_sock_restore(pair->s[1], bytes, (size_t)len, &moved), 0);
	ck_assert_int_eq(sock_recv(moved, back, 200, NULL), 100);
	ck_assert_int_eq(
		sock_get_int(moved, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV), 30);
	sock_set_int(a, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, 19);
	ck_assert_int_eq(cross(a, moved, &to_b, 100), -EAGAIN);
	sock_set_int(a, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, 20);
	ck_assert_int_eq(cross(a, moved, &to_b, 100), 100);
}
END_TEST

static Suite *udplite_suite(void)
{
	Suite *s = suite_create("udplite");
	TCase *tc = tcase_create("udplite");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, datagrams_cross_whatever_is_covered, 0,
			    N_ROWS(exchanges));
	tcase_add_test(tc, ports_are_not_those_of_udp);
	tcase_add_test(tc, a_closed_port_is_refused);
	tcase_add_test(tc, bursts_are_not_cut);
	tcase_add_loop_test(tc, only_damage_to_what_is_covered_matters, 0,
			    N_ROWS(damages));
	tcase_add_test(tc, what_is_cut_short_is_dropped);
	tcase_add_loop_test(tc, a_receiver_gets_what_is_covered_enough, 0,
			    N_ROWS(wants));
	tcase_add_loop_test(tc, coverage_is_set_and_read_as_linux_does, 0,
			    2 * N_ROWS(coverages));
	tcase_add_test(tc, a_moved_socket_keeps_its_coverage);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(udplite_suite)
