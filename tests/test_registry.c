/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns which port. The table of conflicts is the kernel's own behaviour,
 * tried out there with two processes (conflicts_are_the_kernels does so). */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/limits.h"
#include "relay/registry.h"

#define ADDR REGISTRY_REUSEADDR
#define PORT REGISTRY_REUSEPORT
#define V6ONLY REGISTRY_V6ONLY

static struct registry registry;

static void setup(void)
{
	registry_init(&registry);
}

static void teardown(void)
{
	for (uint32_t guest = 1; guest <= LIMIT_GUESTS + 8; guest++)
		registry_gone(&registry, guest);
	ck_assert_ptr_null(registry.ports);
	ck_assert_ptr_null(registry.uses);
	registry_done(&registry);
}

static struct registry_claim claim(uint8_t proto, const char *address,
				   uint16_t port, uint16_t flags)
{
	struct registry_claim ret = {
		.proto = proto,
		.port = port,
		.flags = flags,
	};

	ck_assert_int_eq(fdnet_ip_parse(address, &ret.ip), 0);
	return ret;
}

static const struct pair {
	uint8_t proto;
	const char *first;
	uint16_t first_flags;
	bool first_listens;
	const char *second;
	uint16_t second_flags;
	bool conflict;
} pairs[] = {
	{ 6, "0.0.0.0", 0, false, "0.0.0.0", 0, true },
	{ 6, "0.0.0.0", 0, false, "127.0.0.1", 0, true },
	{ 6, "127.0.0.1", 0, false, "0.0.0.0", 0, true },
	{ 6, "127.0.0.1", 0, false, "127.0.0.1", 0, true },
	{ 6, "127.0.0.1", 0, false, "127.0.0.2", 0, false },
	{ 6, "0.0.0.0", ADDR, false, "0.0.0.0", 0, true },
	{ 6, "0.0.0.0", ADDR, false, "0.0.0.0", ADDR, false },
	{ 6, "0.0.0.0", ADDR, true, "0.0.0.0", ADDR, true },
	{ 6, "0.0.0.0", ADDR, true, "127.0.0.1", ADDR, true },
	{ 6, "0.0.0.0", PORT, true, "0.0.0.0", PORT, false },
	{ 6, "0.0.0.0", PORT, true, "0.0.0.0", 0, true },
	{ 6, "0.0.0.0", 0, true, "0.0.0.0", PORT, true },
	{ 6, "0.0.0.0", PORT | ADDR, true, "0.0.0.0", ADDR, true },
	{ 6, "::", 0, false, "0.0.0.0", 0, true },
	{ 6, "::", V6ONLY, false, "0.0.0.0", 0, false },
	{ 6, "0.0.0.0", 0, false, "::", 0, true },
	{ 6, "0.0.0.0", 0, false, "::", V6ONLY, false },
	{ 6, "::", 0, false, "127.0.0.1", 0, true },
	{ 6, "::1", 0, false, "127.0.0.1", 0, false },
	{ 6, "::1", 0, false, "0.0.0.0", 0, false },
	{ 6, "::1", 0, false, "::", V6ONLY, true },
	{ 17, "0.0.0.0", 0, false, "0.0.0.0", 0, true },
	{ 17, "0.0.0.0", ADDR, false, "0.0.0.0", ADDR, false },
	{ 17, "0.0.0.0", ADDR, false, "0.0.0.0", 0, true },
	{ 17, "0.0.0.0", PORT, false, "127.0.0.1", PORT, false },
	{ 17, "127.0.0.1", 0, false, "127.0.0.2", 0, false },
	{ 136, "0.0.0.0", 0, false, "0.0.0.0", 0, true },
	{ 136, "0.0.0.0", ADDR, false, "0.0.0.0", ADDR, false },
};

START_TEST(two_guests_conflict_as_two_processes)
{
	const struct pair *p = &pairs[_i];
	struct registry_claim first =
		claim(p->proto, p->first, 80, p->first_flags);
	struct registry_claim second =
		claim(p->proto, p->second, 80, p->second_flags);

	ck_assert_int_eq(registry_bind(&registry, 1, &first), 0);
	if (p->first_listens)
		ck_assert_int_eq(registry_listen(&registry, 1, &first), 0);
	ck_assert_int_eq(registry_bind(&registry, 2, &second),
			 p->conflict ? -EADDRINUSE : 0);
	/* another protocol, another port: never */
	second.proto = p->proto == 6 ? 17 : 6;
	ck_assert_int_eq(registry_bind(&registry, 2, &second), 0);
	second.proto = p->proto == 136 ? 17 : 136;
	ck_assert_int_eq(registry_bind(&registry, 2, &second), 0);
	second = claim(p->proto, p->second, 81, p->second_flags);
	ck_assert_int_eq(registry_bind(&registry, 2, &second), 0);
	/* and when the first has ended there is no conflict left */
	registry_gone(&registry, 1);
	second = claim(p->proto, p->second, 80, p->second_flags);
	registry_unbind(&registry, 2, &second);
	ck_assert_int_eq(registry_bind(&registry, 2, &second), 0);
}
END_TEST

/* The same on the kernel's own sockets; skips what it does not have. */
static int kernel_socket(const struct pair *p, const char *address,
			 uint16_t flags, bool listens, uint16_t *port)
{
	bool v6 = strchr(address, ':') != NULL;
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
				     .sin6_port = htons(*port) };
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(*port) };
	struct sockaddr *sa = v6 ? (void *)&sin6 : (void *)&sin;
	socklen_t len = v6 ? sizeof(sin6) : sizeof(sin);
	int on = 1, off = !!(flags & V6ONLY), rc;
	int fd = socket(v6 ? AF_INET6 : AF_INET,
			p->proto == 6 ? SOCK_STREAM : SOCK_DGRAM, 0);

	if (fd < 0)
		return -errno;
	inet_pton(v6 ? AF_INET6 : AF_INET, address,
		  v6 ? (void *)&sin6.sin6_addr : (void *)&sin.sin_addr);
	if (flags & ADDR)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (flags & PORT)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	rc = bind(fd, sa, len) < 0 ? -errno : 0;
	if (!rc && listens && listen(fd, 1) < 0)
		rc = -errno;
	if (!rc && getsockname(fd, sa, &len) < 0)
		rc = -errno;
	*port = ntohs(v6 ? sin6.sin6_port : sin.sin_port);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

START_TEST(conflicts_are_the_kernels)
{
	const struct pair *p = &pairs[_i];
	uint16_t port = 0;
	int first = kernel_socket(p, p->first, p->first_flags,
				  p->first_listens, &port);
	int second;

	if (first < 0)
		return; /* no IPv6 on this machine */
	second = kernel_socket(p, p->second, p->second_flags, false, &port);
	ck_assert_int_eq(second < 0 ? second : 0,
			 p->conflict ? -EADDRINUSE : 0);
	if (second >= 0)
		close(second);
	close(first);
}
END_TEST

START_TEST(only_one_of_two_bound_sockets_may_listen)
{
	struct registry_claim c = claim(6, "0.0.0.0", 80, ADDR);

	ck_assert_int_eq(registry_bind(&registry, 1, &c), 0);
	ck_assert_int_eq(registry_bind(&registry, 2, &c), 0);
	ck_assert_int_eq(registry_listen(&registry, 1, &c), 0);
	ck_assert_int_eq(registry_listen(&registry, 1, &c), 0);
	ck_assert_int_eq(registry_listen(&registry, 2, &c), -EADDRINUSE);
	registry_unbind(&registry, 1, &c);
	ck_assert_int_eq(registry_listen(&registry, 2, &c), 0);
}
END_TEST

START_TEST(nonsense_is_refused)
{
	struct registry_claim c = claim(6, "0.0.0.0", 0, 0);
	uint16_t lo, hi;

	ck_assert_int_eq(registry_bind(&registry, 1, &c), -EINVAL);
	c = claim(1, "0.0.0.0", 80, 0);
	ck_assert_int_eq(registry_bind(&registry, 1, &c), -EINVAL);
	c = claim(17, "0.0.0.0", 80, 0);
	ck_assert_int_eq(registry_listen(&registry, 1, &c), -EINVAL);
	c.ip.family = 5;
	ck_assert_int_eq(registry_bind(&registry, 1, &c), -EINVAL);
	registry_unbind(&registry, 1, &c);
	registry_release(&registry, 1, 6, 32768);
	registry_release(&registry, 1, 6, 1);
	registry_release(&registry, 1, 6, 65535);
	ck_assert_int_eq(registry_lease(&registry, 1, 1, 1, &lo, &hi),
			 -EINVAL);
	ck_assert_int_eq(registry_lease(&registry, 1, 6, 0, &lo, &hi),
			 -EINVAL);
}
END_TEST

START_TEST(one_guest_cannot_take_all_ports)
{
	struct registry_claim c = claim(6, "0.0.0.0", 1, 0);

	for (unsigned int i = 1; i <= LIMIT_BINDS; i++) {
		c.port = (uint16_t)i;
		ck_assert_int_eq(registry_bind(&registry, 1, &c), 0);
	}
	c.port++;
	ck_assert_int_eq(registry_bind(&registry, 1, &c), -ENOBUFS);
	ck_assert_int_eq(registry_bind(&registry, 2, &c), 0);
}
END_TEST

static uint32_t find(uint8_t proto, const char *address, uint16_t port,
		     uint32_t hash)
{
	struct fdnet_ip ip;

	ck_assert_int_eq(fdnet_ip_parse(address, &ip), 0);
	return registry_find(&registry, proto, &ip, port, hash);
}

START_TEST(packets_go_to_the_closest_listener)
{
	struct registry_claim any = claim(6, "0.0.0.0", 80, ADDR);
	struct registry_claim one = claim(6, "127.0.0.1", 81, 0);
	struct registry_claim dual = claim(6, "::", 82, 0);
	struct registry_claim v6 = claim(6, "::", 83, V6ONLY);

	registry_bind(&registry, 1, &any);
	ck_assert_uint_eq(find(6, "127.0.0.1", 80, 0), 0);
	registry_listen(&registry, 1, &any);
	ck_assert_uint_eq(find(6, "127.0.0.1", 80, 0), 1);
	ck_assert_uint_eq(find(6, "10.0.2.15", 80, 0), 1);
	ck_assert_uint_eq(find(6, "::1", 80, 0), 0);
	ck_assert_uint_eq(find(17, "127.0.0.1", 80, 0), 0);
	registry_listen(&registry, 2, &one);
	ck_assert_uint_eq(find(6, "127.0.0.1", 81, 0), 2);
	ck_assert_uint_eq(find(6, "10.0.2.15", 81, 0), 0);
	registry_listen(&registry, 3, &dual);
	ck_assert_uint_eq(find(6, "10.0.2.15", 82, 0), 3);
	ck_assert_uint_eq(find(6, "fd00::15", 82, 0), 3);
	registry_listen(&registry, 4, &v6);
	ck_assert_uint_eq(find(6, "10.0.2.15", 83, 0), 0);
	ck_assert_uint_eq(find(6, "fd00::15", 83, 0), 4);
}
END_TEST

START_TEST(reuseport_spreads_over_its_group)
{
	struct registry_claim c = claim(17, "0.0.0.0", 80, PORT);
	unsigned int seen[4] = { 0 };

	for (uint32_t guest = 1; guest <= 3; guest++)
		ck_assert_int_eq(registry_bind(&registry, guest, &c), 0);
	for (uint32_t hash = 0; hash < 300; hash++)
		seen[find(17, "127.0.0.1", 80, hash)]++;
	ck_assert_uint_eq(seen[0], 0);
	for (int i = 1; i <= 3; i++)
		ck_assert_uint_eq(seen[i], 100);
}
END_TEST

START_TEST(claims_are_listed)
{
	struct registry_claim a = claim(6, "0.0.0.0", 80, 0), got;
	struct registry_claim b = claim(17, "::1", 53, V6ONLY);
	uint32_t n = 0;
	bool listening;

	ck_assert_int_eq(registry_nth(&registry, &n, &got, &listening),
			 -ENOENT);
	ck_assert_int_eq(registry_listen(&registry, 1, &a), 0);
	ck_assert_int_eq(registry_bind(&registry, 2, &b), 0);
	ck_assert_int_eq(registry_nth(&registry, &n, &got, &listening), 0);
	ck_assert(listening && got.proto == 6 && got.port == 80);
	n = 1;
	ck_assert_int_eq(registry_nth(&registry, &n, &got, &listening), 0);
	ck_assert(!listening && got.proto == 17 && got.port == 53);
	ck_assert(fdnet_ip_equal(&got.ip, &b.ip) && got.flags == V6ONLY);
	n = 7;
	ck_assert_int_eq(registry_nth(&registry, &n, &got, &listening),
			 -ENOENT);
	ck_assert_uint_eq(n, 5);
}
END_TEST

START_TEST(leases_do_not_overlap_and_come_back)
{
	static uint8_t owner[65536];
	uint16_t lo, hi;
	unsigned int n = 0;

	memset(owner, 0, sizeof(owner));
	for (uint32_t guest = 1; guest <= LIMIT_GUESTS; guest++) {
		ck_assert_int_eq(registry_lease_both(&registry, guest, &lo,
						     &hi),
				 0);
		ck_assert_uint_eq(hi - lo + 1u, REGISTRY_BLOCK);
		for (unsigned int port = lo; port <= hi; port++) {
			ck_assert_uint_eq(owner[port]++, 0);
			ck_assert(registry_owns(&registry, guest, 6,
						(uint16_t)port));
			ck_assert(registry_owns(&registry, guest, 17,
						(uint16_t)port));
			ck_assert(!registry_owns(&registry, guest + 1, 6,
						 (uint16_t)port));
		}
	}
	ck_assert_uint_eq(owner[REGISTRY_LO], 1);
	while (!registry_lease(&registry, 1, 6, 1, &lo, &hi))
		n++;
	ck_assert_uint_le(n, LIMIT_LEASES);
	registry_gone(&registry, 7);
	ck_assert_int_eq(registry_lease_both(&registry, 8, &lo, &hi), 0);
}
END_TEST

START_TEST(a_large_lease_is_one_range)
{
	uint16_t lo, hi;

	ck_assert_int_eq(registry_lease(&registry, 1, 6, 1000, &lo, &hi), 0);
	ck_assert_uint_eq(hi - lo + 1u, 8 * REGISTRY_BLOCK);
	/* as much again, whatever was asked for */
	ck_assert_int_eq(registry_lease(&registry, 2, 6, 1, &lo, &hi), 0);
	ck_assert_int_eq(registry_lease(&registry, 2, 6, 1, &lo, &hi), 0);
	ck_assert_int_eq(registry_lease(&registry, 2, 6, 1, &lo, &hi), 0);
	ck_assert_uint_eq(hi - lo + 1u, 2 * REGISTRY_BLOCK);
	ck_assert_int_eq(registry_lease(&registry, 1, 6, 65535, &lo, &hi), 0);
	ck_assert_uint_eq(hi - lo + 1u, (LIMIT_LEASES - 8) * REGISTRY_BLOCK);
	ck_assert_int_eq(registry_lease(&registry, 1, 6, 1, &lo, &hi),
			 -EADDRNOTAVAIL);
	for (unsigned int port = lo; port < hi; port += REGISTRY_BLOCK)
		registry_release(&registry, 1, 6, (uint16_t)port);
	ck_assert(!registry_owns(&registry, 1, 6, lo));
	ck_assert_int_eq(registry_lease(&registry, 1, 6, 1, &lo, &hi), 0);
}
END_TEST

START_TEST(leases_keep_away_from_bound_ports_while_they_can)
{
	struct registry_claim c = claim(6, "0.0.0.0", REGISTRY_LO + 5, 0);
	uint16_t lo, hi;

	registry_listen(&registry, 1, &c);
	ck_assert_int_eq(registry_lease(&registry, 2, 6, 1, &lo, &hi), 0);
	ck_assert_uint_eq(lo, REGISTRY_LO + REGISTRY_BLOCK);
	registry.cursor = 0;
	ck_assert_int_eq(registry_lease(&registry, 2, 17, 1, &lo, &hi), 0);
	ck_assert_uint_eq(lo, REGISTRY_LO);
	/* datagrams go to who has bound, else to who has leased */
	ck_assert_uint_eq(find(17, "127.0.0.1", REGISTRY_LO + 5, 0), 2);
	c = claim(17, "0.0.0.0", REGISTRY_LO + 5, 0);
	ck_assert_int_eq(registry_bind(&registry, 3, &c), 0);
	ck_assert_uint_eq(find(17, "127.0.0.1", REGISTRY_LO + 5, 0), 3);
	ck_assert_uint_eq(find(17, "127.0.0.1", REGISTRY_LO + 6, 0), 2);
	/* TCP only to who listens */
	ck_assert_uint_eq(find(6, "127.0.0.1", REGISTRY_LO + 200, 0), 0);
}
END_TEST

#define LOOP(tc, test, table)                                                  \
	tcase_add_loop_test(tc, test, 0, sizeof(table) / sizeof((table)[0]))

static Suite *registry_suite(void)
{
	Suite *s = suite_create("registry");
	TCase *tc = tcase_create("registry");

	tcase_add_checked_fixture(tc, setup, teardown);
	LOOP(tc, two_guests_conflict_as_two_processes, pairs);
	LOOP(tc, conflicts_are_the_kernels, pairs);
	tcase_add_test(tc, only_one_of_two_bound_sockets_may_listen);
	tcase_add_test(tc, nonsense_is_refused);
	tcase_add_test(tc, one_guest_cannot_take_all_ports);
	tcase_add_test(tc, packets_go_to_the_closest_listener);
	tcase_add_test(tc, reuseport_spreads_over_its_group);
	tcase_add_test(tc, claims_are_listed);
	tcase_add_test(tc, leases_do_not_overlap_and_come_back);
	tcase_add_test(tc, a_large_lease_is_one_range);
	tcase_add_test(tc, leases_keep_away_from_bound_ports_while_they_can);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(registry_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
