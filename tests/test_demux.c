/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/internal.h"
#include "stack/ports.h"
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

/* ---- who may share a port: as Linux 6.18 decided ---- */

enum { RA = 1, RP = 2, V6ONLY = 4, LISTEN = 8 };

struct holder {
	int type;
	const char *ip;
	int flags;
};

static const struct {
	struct holder first, second;
	int bind_rc, listen_rc; /* of the second */
} conflicts[] = {
	{ { 2, "0.0.0.0", 0 }, { 2, "0.0.0.0", 0 }, -EADDRINUSE, 0 },
	{ { 2, "0.0.0.0", 0 }, { 2, "127.0.0.1", 0 }, -EADDRINUSE, 0 },
	{ { 2, "127.0.0.1", 0 }, { 2, "127.0.0.2", 0 }, 0, 0 },
	{ { 2, "127.0.0.1", RA }, { 2, "127.0.0.1", RA }, 0, 0 },
	{ { 2, "127.0.0.1", RA }, { 2, "127.0.0.1", 0 }, -EADDRINUSE, 0 },
	{ { 2, "127.0.0.1", RP }, { 2, "127.0.0.1", RP }, 0, 0 },
	{ { 2, "127.0.0.1", RP }, { 2, "127.0.0.1", RA }, -EADDRINUSE, 0 },
	{ { 2, "::", 0 }, { 2, "0.0.0.0", 0 }, -EADDRINUSE, 0 },
	{ { 2, "::", V6ONLY }, { 2, "0.0.0.0", 0 }, 0, 0 },
	{ { 2, "0.0.0.0", 0 }, { 2, "::", 0 }, -EADDRINUSE, 0 },
	{ { 2, "127.0.0.1", 0 }, { 2, "::", 0 }, -EADDRINUSE, 0 },
	{ { 2, "127.0.0.1", 0 }, { 2, "::", V6ONLY }, 0, 0 },
	{ { 2, "::1", 0 }, { 2, "::", V6ONLY }, -EADDRINUSE, 0 },
	{ { 2, "::1", 0 }, { 2, "0.0.0.0", 0 }, 0, 0 },
	{ { 2, "::1", 0 }, { 2, "fd00::1", 0 }, 0, 0 },
	{ { 1, "0.0.0.0", 0 }, { 2, "0.0.0.0", 0 }, 0, 0 },
	{ { 1, "0.0.0.0", 0 }, { 1, "0.0.0.0", 0 }, -EADDRINUSE, 0 },
	{ { 1, "0.0.0.0", RA }, { 1, "0.0.0.0", RA }, 0, 0 },
	{ { 1, "0.0.0.0", RA | LISTEN }, { 1, "0.0.0.0", RA }, -EADDRINUSE,
	  0 },
	{ { 1, "0.0.0.0", RA | LISTEN }, { 1, "127.0.0.1", RA }, -EADDRINUSE,
	  0 },
	{ { 1, "127.0.0.1", RA | LISTEN }, { 1, "127.0.0.2", RA | LISTEN }, 0,
	  0 },
	{ { 1, "0.0.0.0", RP | LISTEN }, { 1, "0.0.0.0", RP | LISTEN }, 0,
	  0 },
	{ { 1, "0.0.0.0", RA | RP | LISTEN },
	  { 1, "0.0.0.0", RA | RP | LISTEN }, 0, 0 },
	{ { 1, "0.0.0.0", RA | RP | LISTEN }, { 1, "0.0.0.0", RA },
	  -EADDRINUSE, 0 },
	{ { 1, "::", LISTEN }, { 1, "0.0.0.0", LISTEN }, -EADDRINUSE, 0 },
	{ { 1, "::", V6ONLY | LISTEN }, { 1, "0.0.0.0", LISTEN }, 0, 0 },
};

static struct fdnet_sock *make_holder(const struct holder *h)
{
	int family = strchr(h->ip, ':') ? 6 : 4;
	struct fdnet_sock *so = sock_open(pair->s[0], family, h->type,
					  h->type == 1 ? 6 : 17);

	if (h->flags & RA)
		sock_set_int(so, SOL_SOCKET, SO_REUSEADDR, 1);
	if (h->flags & RP)
		sock_set_int(so, SOL_SOCKET, SO_REUSEPORT, 1);
	if (h->flags & V6ONLY)
		sock_set_int(so, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return so;
}

static int bind_holder(const struct holder *h, struct fdnet_sock *so)
{
	struct fdnet_name name = name_of(h->ip, 7000);

	return fdnet_sock_bind(so, &name);
}

START_TEST(ports_are_shared_by_the_kernels_rules)
{
	const struct holder *first = &conflicts[_i].first;
	const struct holder *second = &conflicts[_i].second;
	struct fdnet_sock *a = make_holder(first), *b = make_holder(second);

	ck_assert_int_eq(bind_holder(first, a), 0);
	if (first->flags & LISTEN)
		ck_assert_int_eq(fdnet_sock_listen(a, 1), 0);
	ck_assert_msg(bind_holder(second, b) == conflicts[_i].bind_rc,
		      "%s then %s", first->ip, second->ip);
	if (second->flags & LISTEN && !conflicts[_i].bind_rc)
		ck_assert_int_eq(fdnet_sock_listen(b, 1),
				 conflicts[_i].listen_rc);
	/* and when the first is gone, always */
	fdnet_sock_close(a);
	if (conflicts[_i].bind_rc)
		ck_assert_int_eq(bind_holder(second, b), 0);
	fdnet_sock_close(b);
}
END_TEST

START_TEST(of_two_bound_the_second_may_not_listen)
{
	struct holder h = { 1, "0.0.0.0", RA };
	struct fdnet_sock *a = make_holder(&h), *b = make_holder(&h);

	ck_assert_int_eq(bind_holder(&h, a), 0);
	ck_assert_int_eq(bind_holder(&h, b), 0);
	ck_assert_int_eq(fdnet_sock_listen(a, 1), 0);
	ck_assert_int_eq(fdnet_sock_listen(b, 1), -EADDRINUSE);
}
END_TEST

/* ---- which socket gets a packet ---- */

static const char *const bound_to[] = {
	"0.0.0.0", "10.0.0.1", "::", "fd00::1",
};

/* Index in bound_to of the socket that gets a packet to @to when those of
 * @mask are bound; -1: nobody. */
static const struct {
	const char *to;
	unsigned int mask;
	int gets;
} choices[] = {
	{ "10.0.0.1", 1 << 0, 0 },
	{ "10.0.0.1", 1 << 0 | 1 << 1, 1 },
	{ "10.0.0.1", 1 << 2, 2 },
	{ "10.0.0.1", 1 << 3, -1 },
	{ "127.0.0.1", 1 << 1, -1 },
	{ "127.0.0.1", 1 << 0 | 1 << 1, 0 },
	{ "fd00::1", 1 << 0, -1 },
	{ "fd00::1", 1 << 2 | 1 << 3, 3 },
	{ "fd00::1", 1 << 2 | 1 << 1, 2 },
	{ "::1", 1 << 3, -1 },
};

START_TEST(the_most_specific_socket_gets_it)
{
	struct fdnet_name local = name_of(choices[_i].to, 7000);
	struct fdnet_name remote = name_of(local.ip.family == 4 ? "10.0.0.2" :
								  "fd00::2",
					   9);
	struct fdnet_sock *so[4] = { NULL };
	int i;

	for (i = 0; i < 4; i++) {
		struct holder h = { 2, bound_to[i], RA };

		if (!(choices[_i].mask & 1u << i))
			continue;
		so[i] = make_holder(&h);
		ck_assert_int_eq(bind_holder(&h, so[i]), 0);
	}
	ck_assert_ptr_eq(fdnet_demux_find(pair->s[0], 17, &local, &remote),
			 choices[_i].gets < 0 ? NULL : so[choices[_i].gets]);
}
END_TEST

START_TEST(a_connected_socket_comes_before_a_bound_one)
{
	struct holder h = { 2, "10.0.0.1", RA };
	struct fdnet_sock *a = make_holder(&h), *b = make_holder(&h);
	struct fdnet_name local = name_of("10.0.0.1", 7000);
	struct fdnet_name peer = name_of("10.0.0.2", 9);
	struct fdnet_name other = name_of("10.0.0.2", 10);

	ck_assert_int_eq(bind_holder(&h, a), 0);
	ck_assert_int_eq(bind_holder(&h, b), 0);
	ck_assert_int_eq(fdnet_sock_connect(a, &peer), 0);
	ck_assert_ptr_eq(fdnet_demux_find(pair->s[0], 17, &local, &peer), a);
	ck_assert_ptr_eq(fdnet_demux_find(pair->s[0], 17, &local, &other), b);
	ck_assert_ptr_eq(fdnet_demux_find_conn(pair->s[0], 17, &local, &other),
			 NULL);
	/* dissolved: bound again, and the later one is first */
	peer.ip.family = 0;
	ck_assert_int_eq(fdnet_sock_connect(a, &peer), 0);
	ck_assert_ptr_eq(fdnet_demux_find(pair->s[0], 17, &local, &other), b);
}
END_TEST

START_TEST(reuseport_spreads_flows_and_keeps_each)
{
	struct holder h = { 2, "0.0.0.0", RP };
	struct fdnet_name local = name_of("10.0.0.1", 7000);
	struct fdnet_name remote = name_of("10.0.0.2", 0);
	struct fdnet_sock *so[4], *got;
	unsigned int hits[4] = { 0 }, i, port;

	for (i = 0; i < 4; i++) {
		so[i] = make_holder(&h);
		ck_assert_int_eq(bind_holder(&h, so[i]), 0);
	}
	for (port = 1; port <= 4000; port++) {
		remote.port = (uint16_t)port;
		got = fdnet_demux_find(pair->s[0], 17, &local, &remote);
		ck_assert_ptr_eq(got, fdnet_demux_find(pair->s[0], 17, &local,
						       &remote));
		for (i = 0; i < 4; i++)
			hits[i] += got == so[i];
	}
	for (i = 0; i < 4; i++)
		ck_assert_msg(hits[i] > 850 && hits[i] < 1150, "%u: %u", i,
			      hits[i]);
}
END_TEST

/* ---- automatic ports ---- */

START_TEST(automatic_ports_are_all_used_and_then_there_are_none)
{
	struct fdnet_stack_config cfg;
	struct stack_pair *p;
	struct fdnet_sock *so[25];
	struct fdnet_name any = name_of("0.0.0.0", 0), name;
	bool seen[25] = { false };
	unsigned int i;

	stack_pair_config(&cfg, 0);
	cfg.ephemeral_lo = 40000;
	cfg.ephemeral_hi = 40019;
	p = stack_pair_new(&cfg, NULL);
	for (i = 0; i < 25; i++)
		so[i] = sock_open(p->s[0], 4, 2, 17);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(fdnet_sock_bind(so[i], &any), 0);
		fdnet_sock_name(so[i], &name);
		ck_assert(name.port >= 40000 && name.port < 40020);
		ck_assert(!seen[name.port - 40000]);
		seen[name.port - 40000] = true;
	}
	ck_assert_int_eq(fdnet_sock_bind(so[20], &any), -EADDRNOTAVAIL);
	/* more can be leased */
	ck_assert_int_eq(fdnet_stack_lease(p->s[0], 17, 50000, 50003), 0);
	for (i = 20; i < 24; i++)
		ck_assert_int_eq(fdnet_sock_bind(so[i], &any), 0);
	ck_assert_int_eq(fdnet_sock_bind(so[24], &any), -EADDRNOTAVAIL);
	/* and a closed one's comes free */
	fdnet_sock_close(so[3]);
	ck_assert_int_eq(fdnet_sock_bind(so[24], &any), 0);
	stack_pair_free(p);
}
END_TEST

/* What somebody else has is not chosen, but can be asked for by number. */
START_TEST(avoided_ports_are_not_chosen)
{
	struct fdnet_name any = name_of("0.0.0.0", 0), name = any;
	struct fdnet_sock *so[5];
	struct fdnet_stack_config cfg;
	struct stack_pair *p;
	unsigned int i;

	stack_pair_config(&cfg, 0);
	cfg.ephemeral_lo = 40000;
	cfg.ephemeral_hi = 40003;
	p = stack_pair_new(&cfg, NULL);
	ck_assert_int_eq(fdnet_stack_avoid(p->s[0], 17, 8080, true), -ERANGE);
	ck_assert_int_eq(fdnet_stack_avoid(p->s[0], 17, 40001, false), 0);
	ck_assert_int_eq(fdnet_stack_avoid(p->s[0], 17, 40002, true), 0);
	for (i = 0; i < 5; i++)
		so[i] = sock_open(p->s[0], 4, 2, 17);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(fdnet_sock_bind(so[i], &any), 0);
		fdnet_sock_name(so[i], &name);
		ck_assert_uint_ne(name.port, 40002);
	}
	ck_assert_int_eq(fdnet_sock_bind(so[3], &any), -EADDRNOTAVAIL);
	ck_assert_int_eq(fdnet_stack_avoid(p->s[0], 17, 40002, false), 0);
	ck_assert_int_eq(fdnet_sock_bind(so[3], &any), 0);
	/* the other protocol has its own */
	ck_assert_int_eq(fdnet_stack_avoid(p->s[0], 6, 40002, true), 0);
	fdnet_sock_close(so[3]);
	ck_assert_int_eq(fdnet_sock_bind(so[4], &any), 0);
	fdnet_sock_close(so[4]);
	ck_assert_int_eq(fdnet_stack_avoid(p->s[0], 17, 40002, true), 0);
	name = any;
	name.port = 40002;
	so[3] = sock_open(p->s[0], 4, 2, 17);
	ck_assert_int_eq(fdnet_sock_bind(so[3], &name), 0);
	stack_pair_free(p);
}
END_TEST

START_TEST(leases_are_checked)
{
	struct fdnet_stack *s = pair->s[0];
	int i, rc = 0;

	ck_assert_int_eq(fdnet_stack_lease(s, 1, 1, 2), -EINVAL);
	ck_assert_int_eq(fdnet_stack_lease(s, 6, 0, 2), -EINVAL);
	ck_assert_int_eq(fdnet_stack_lease(s, 6, 5, 2), -EINVAL);
	for (i = 0; i < 100 && !rc; i++)
		rc = fdnet_stack_lease(s, 6, 5, 6);
	ck_assert_int_eq(rc, -ENOSPC);
}
END_TEST

START_TEST(connections_to_different_peers_share_a_port)
{
	struct fdnet_stack_config cfg;
	struct fdnet_name to = name_of("10.0.0.2", 80), name;
	struct fdnet_sock *so;
	struct stack_pair *p;
	int i;

	stack_pair_config(&cfg, 0);
	cfg.ephemeral_lo = 40000;
	cfg.ephemeral_hi = 40000;
	p = stack_pair_new(&cfg, NULL);
	for (i = 0; i < 5; i++) {
		so = sock_open(p->s[0], 4, 1, 6);
		to.port = (uint16_t)(80 + i);
		ck_assert_int_eq(fdnet_sock_connect(so, &to), -EINPROGRESS);
		fdnet_sock_name(so, &name);
		ck_assert_uint_eq(name.port, 40000);
	}
	/* the same peer again cannot be */
	so = sock_open(p->s[0], 4, 1, 6);
	ck_assert_int_eq(fdnet_sock_connect(so, &to), -EADDRNOTAVAIL);
	/* nor may a port that bind() chose be shared */
	stack_pair_free(p);
}
END_TEST

/* ---- size ---- */

START_TEST(a_hundred_thousand_sockets_work)
{
	enum { N = 100000 };
	struct fdnet_sock **so = calloc(N, sizeof(*so));
	struct fdnet_name name = name_of("127.0.0.1", 0), remote;
	unsigned int i, step;

	for (i = 0; i < N; i++) {
		/* 127.0.x.y, port 1000 + i % 5000 */
		name.ip.bytes[2] = (uint8_t)(i / 5000);
		name.port = (uint16_t)(1000 + i % 5000);
		so[i] = sock_open(pair->s[0], 4, 2, 17);
		ck_assert_int_eq(fdnet_sock_bind(so[i], &name), 0);
		remote = name_of("127.0.0.1", (uint16_t)(1 + i % 60000));
		if (i & 1)
			ck_assert_int_eq(fdnet_sock_connect(so[i], &remote),
					 0);
	}
	ck_assert_uint_eq(fdnet_stack_socks(pair->s[0]), N);
	for (i = 0; i < N; i += 7) {
		name.ip.bytes[2] = (uint8_t)(i / 5000);
		name.port = (uint16_t)(1000 + i % 5000);
		remote = name_of("127.0.0.1", (uint16_t)(1 + i % 60000));
		ck_assert_ptr_eq(fdnet_demux_find(pair->s[0], 17, &name,
						  &remote),
				 so[i]);
	}
	/* leave in another order than they came */
	for (step = 0; step < 3; step++)
		for (i = step; i < N; i += 3)
			fdnet_sock_close(so[i]);
	ck_assert_uint_eq(fdnet_stack_socks(pair->s[0]), 0);
	free(so);
}
END_TEST

START_TEST(the_limit_of_sockets_is_told)
{
	struct fdnet_stack_config cfg;
	struct fdnet_sock *so;
	struct stack_pair *p;
	int i;

	stack_pair_config(&cfg, 0);
	cfg.max_socks = 3;
	p = stack_pair_new(&cfg, NULL);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(fdnet_sock_open(p->s[0], 4, 2, 17, &so), 0);
	ck_assert_int_eq(fdnet_sock_open(p->s[0], 4, 2, 17, &so), -ENFILE);
	fdnet_sock_close(so);
	ck_assert_int_eq(fdnet_sock_open(p->s[0], 4, 2, 17, &so), 0);
	stack_pair_free(p);
}
END_TEST

START_TEST(out_of_memory_leaks_nothing)
{
	struct fdnet_name name = name_of("127.0.0.1", 0);
	struct fdnet_sock *so[200];
	unsigned int n = 0, i;

	for (i = 0; i < 2000; i++) {
		pair->fail_after = (long)(i % 4);
		if (fdnet_sock_open(pair->s[0], 4, 2, 17, &so[n]))
			continue;
		name.port = (uint16_t)(1 + i);
		fdnet_sock_bind(so[n], &name);
		if (++n == 200)
			while (n)
				fdnet_sock_close(so[--n]);
	}
	pair->fail_after = -1;
}
END_TEST

static Suite *demux_suite(void)
{
	Suite *s = suite_create("demux");
	TCase *tc = tcase_create("demux");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, ports_are_shared_by_the_kernels_rules, 0,
			    N_ROWS(conflicts));
	tcase_add_test(tc, of_two_bound_the_second_may_not_listen);
	tcase_add_loop_test(tc, the_most_specific_socket_gets_it, 0,
			    N_ROWS(choices));
	tcase_add_test(tc, a_connected_socket_comes_before_a_bound_one);
	tcase_add_test(tc, reuseport_spreads_flows_and_keeps_each);
	tcase_add_test(tc,
		       automatic_ports_are_all_used_and_then_there_are_none);
	tcase_add_test(tc, avoided_ports_are_not_chosen);
	tcase_add_test(tc, leases_are_checked);
	tcase_add_test(tc, connections_to_different_peers_share_a_port);
	tcase_add_test(tc, a_hundred_thousand_sockets_work);
	tcase_add_test(tc, the_limit_of_sockets_is_told);
	tcase_add_test(tc, out_of_memory_leaks_nothing);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(demux_suite)
