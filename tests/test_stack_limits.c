/* SPDX-License-Identifier: Apache-2.0 */
/* struct fdnet_stack_limits: each setting bounds what it is for, and the
 * counter says so. The defaults are tested where the thing itself is; those of
 * a connection and a listener by script (limits.tcp). */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/errq.h"
#include "stack/wire/bytes.h"
#include "stack/wire/ipv4.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

static struct stack_pair *pair;

static void setup(void)
{
	struct fdnet_stack_config cfg;

	stack_pair_config(&cfg, 0);
	cfg.max_socks = 8;
	cfg.mcast_max = 2;
	cfg.limits = (struct fdnet_stack_limits){
		.reassembly = 3,
		.neighbours = 4,
		.icmp_per_s = 10,
		.icmp_burst = 5,
		.path_mtus = 2,
		.errors = 3,
	};
	pair = stack_pair_new(&cfg, NULL);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static uint64_t counter(enum fdnet_stack_counter which)
{
	return fdnet_stack_counter(pair->s[0], which);
}

START_TEST(sockets_have_an_end)
{
	struct fdnet_sock *so;
	int i;

	for (i = 0; i < 8; i++)
		sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	ck_assert_int_eq(fdnet_sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17, &so),
			 -ENFILE);
	ck_assert_uint_eq(counter(FDNET_C_SOCK_LIMIT), 1);
}
END_TEST

START_TEST(groups_have_an_end)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct ip_mreq mreq = {{htonl(0xe0000201)}, {0}};

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP,
						   IP_ADD_MEMBERSHIP, &mreq,
						   sizeof(mreq)),
				 0);
		mreq.imr_multiaddr.s_addr += htonl(1);
	}
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 -ENOBUFS);
	ck_assert_uint_eq(counter(FDNET_C_MCAST_LIMIT), 1);
}
END_TEST

START_TEST(icmp_errors_have_a_rate)
{
	struct fdnet_sock *so = sock_open(pair->s[1], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_name to = name_of("10.0.0.1", 9);

	for (int i = 0; i < 20; i++) {
		sock_send(so, "x", 1, &to);
		stack_pair_run(pair);
	}
	ck_assert_uint_eq(counter(FDNET_C_ICMP_OUT), 5);
	ck_assert_uint_eq(counter(FDNET_C_ICMP_LIMITED), 15);
	stack_pair_pass(pair, 100000);
	for (int i = 0; i < 3; i++) {
		sock_send(so, "x", 1, &to);
		stack_pair_run(pair);
	}
	ck_assert_uint_eq(counter(FDNET_C_ICMP_OUT), 6);
}
END_TEST

/* The first fragment of a datagram that never gets whole. */
static void begin_datagram(uint16_t ident)
{
	struct fdnet_ipv4 hdr = {
		.hdr_len = 20,
		.total_len = 28,
		.ident = ident,
		.mf = true,
		.ttl = 64,
		.proto = 17,
	};
	uint8_t p[28] = {0};

	fdnet_put32(hdr.src, 0x0a000002);
	fdnet_put32(hdr.dst, 0x0a000001);
	fdnet_ipv4_encode(p, &hdr);
	fdnet_stack_input(pair->s[0], pkt_from_bytes(pair->pool, p, sizeof(p)));
}

START_TEST(datagrams_in_fragments_have_an_end)
{
	for (uint16_t i = 0; i < 3; i++)
		begin_datagram(i);
	ck_assert_uint_eq(counter(FDNET_C_FRAG_LIMIT), 0);
	begin_datagram(3);
	ck_assert_uint_eq(counter(FDNET_C_FRAG_LIMIT), 1);
}
END_TEST

START_TEST(neighbours_have_an_end)
{
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;
	struct fdnet_ip ip = fdnet_ip4(0x0a000001);
	struct fdnet_sock *so;
	struct fdnet_name to = name_of("10.0.0.3", 7);
	struct fdnet_pkt *pkt;

	stack_pair_config(&cfg, 0);
	cfg.mem = &pair->mem;
	cfg.pool = pair->pool;
	cfg.ethernet = true;
	memset(cfg.link_addr, 2, sizeof(cfg.link_addr));
	cfg.limits.neighbours = 4;
	ck_assert_int_eq(fdnet_stack_new(&cfg, 1000000, &stack), 0);
	ck_assert_int_eq(fdnet_stack_add_addr(stack, &ip, 24), 0);
	so = sock_open(stack, 4, FDNET_SOCK_DGRAM, 17);
	for (int i = 0; i < 6; i++) {
		sock_send(so, "x", 1, &to);
		to.ip.bytes[3]++;
		while ((pkt = fdnet_stack_output(stack)))
			fdnet_pkt_free(pkt);
	}
	ck_assert_uint_eq(fdnet_stack_counter(stack, FDNET_C_NEIGH_LIMIT), 2);
	fdnet_stack_free(stack);
}
END_TEST

START_TEST(path_mtus_have_an_end)
{
	struct fdnet_ip dst = fdnet_ip4(0x0a000002);

	for (int i = 0; i < 20; i++) {
		fdnet_pmtu_update(pair->s[0], &dst, 1000);
		ck_assert_uint_eq(fdnet_ip_mtu(pair->s[0], &dst), 1000);
		dst.bytes[3]++;
	}
	/* two places: at most so many are new ones */
	ck_assert_uint_ge(counter(FDNET_C_PMTU_LIMIT), 18);
	/* what is forgotten is in nobody's way */
	stack_pair_pass(pair, 600000001);
	ck_assert_uint_eq(fdnet_ip_mtu(pair->s[0], &dst), 1500);
	fdnet_pmtu_update(pair->s[0], &dst, 1000);
	ck_assert_uint_le(counter(FDNET_C_PMTU_LIMIT), 19);
}
END_TEST

START_TEST(error_queues_have_an_end)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock_error err = { .error = 1, .origin = 1 };

	for (int i = 0; i < 5; i++)
		fdnet_errq_push(so, &err, NULL, 0);
	ck_assert_uint_eq(counter(FDNET_C_ERRQ_LIMIT), 2);
}
END_TEST

START_TEST(tables_of_the_settings_have_an_end)
{
	struct fdnet_ip ip = fdnet_ip4(0x0a010000);
	int rc = 0;

	for (int i = 0; i < 33 && !rc; i++, ip.bytes[2]++)
		rc = fdnet_stack_add_route(pair->s[0], &ip, 24, NULL);
	ck_assert_int_eq(rc, -ENOSPC);
	rc = 0;
	for (int i = 0; i < 17 && !rc; i++, ip.bytes[2]++)
		rc = fdnet_stack_add_addr(pair->s[0], &ip, 24);
	ck_assert_int_eq(rc, -ENOSPC);
	rc = 0;
	for (uint16_t i = 0; i < 17 && !rc; i++)
		rc = fdnet_stack_lease(pair->s[0], 17, 100 + i, 100 + i);
	ck_assert_int_eq(rc, -ENOSPC);
	ck_assert_uint_eq(counter(FDNET_C_TABLE_LIMIT), 3);
}
END_TEST

static const struct {
	const char *label;
	struct fdnet_stack_limits limits;
} wrong[] = {
	{"half_open", {.half_open = UINT32_MAX}},
	{"backlog", {.backlog = UINT32_MAX}},
	{"ooo_pkts", {.ooo_pkts = UINT32_MAX}},
	{"reassembly", {.reassembly = 4097}},
	{"neighbours", {.neighbours = UINT32_MAX}},
	{"icmp_per_s", {.icmp_per_s = 1000001}},
	{"icmp_burst", {.icmp_burst = UINT32_MAX}},
	{"path_mtus", {.path_mtus = UINT32_MAX}},
	{"redirects", {.redirects = UINT32_MAX}},
	{"errors", {.errors = 65537}},
};

START_TEST(what_would_be_no_limit_is_refused)
{
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;

	stack_pair_config(&cfg, 0);
	cfg.mem = &pair->mem;
	cfg.pool = pair->pool;
	cfg.limits = wrong[_i].limits;
	ck_assert_msg(fdnet_stack_new(&cfg, 0, &stack) == -EINVAL, "%s",
		      wrong[_i].label);
}
END_TEST

static Suite *stack_limits_suite(void)
{
	Suite *s = suite_create("stack_limits");
	TCase *tc = tcase_create("stack_limits");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, sockets_have_an_end);
	tcase_add_test(tc, groups_have_an_end);
	tcase_add_test(tc, icmp_errors_have_a_rate);
	tcase_add_test(tc, datagrams_in_fragments_have_an_end);
	tcase_add_test(tc, neighbours_have_an_end);
	tcase_add_test(tc, path_mtus_have_an_end);
	tcase_add_test(tc, error_queues_have_an_end);
	tcase_add_test(tc, tables_of_the_settings_have_an_end);
	tcase_add_loop_test(tc, what_would_be_no_limit_is_refused, 0,
			    N_ROWS(wrong));
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(stack_limits_suite)
