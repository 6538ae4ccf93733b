/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's parts that need no network: allocator, high fds, addresses. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/addr.h"
#include "shim/highfd.h"
#include "shim/mem.h"
#include "shim/raw.h"

static bool is_zero(const unsigned char *p, size_t size)
{
	return !p[0] && !memcmp(p, p + 1, size - 1);
}

START_TEST(memory_is_zero_aligned_and_reused)
{
	static const size_t sizes[] = { 1, 31, 32, 33, 48, 49, 4096, 65536,
					100000, 262144, 262145, 1 << 20 };
	size_t size = sizes[_i];
	const struct fdnet_mem *mem = shim_mem();
	unsigned char *p = fdnet_mem_alloc(mem, size), *q;

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq((uintptr_t)p % 16, 0);
	ck_assert(is_zero(p, size));
	memset(p, 0xa5, size);
	fdnet_mem_free(mem, p, size);
	q = fdnet_mem_alloc(mem, size);
	ck_assert_ptr_nonnull(q);
	if (size <= 262144)
		ck_assert_ptr_eq(p, q);
	ck_assert(is_zero(q, size));
	memset(q, 0xa5, size);
	fdnet_mem_free(mem, q, size);
	/* ... except by whoever does not ask for zeros */
	q = fdnet_mem_alloc_raw(mem, size);
	ck_assert_ptr_nonnull(q);
	if (size <= 262144)
		ck_assert_ptr_eq(p, q);
	if (size > 64 && size <= 262144)
		ck_assert_uint_eq(q[size - 1], 0xa5);
	fdnet_mem_free(mem, q, size);
}
END_TEST

START_TEST(blocks_do_not_overlap)
{
	const struct fdnet_mem *mem = shim_mem();
	unsigned char *p[500];
	size_t i, j;

	for (i = 0; i < 500; i++) {
		p[i] = fdnet_mem_alloc(mem, 1 + i * 7);
		memset(p[i], (int)i & 0xff, 1 + i * 7);
	}
	for (i = 0; i < 500; i++) {
		for (j = 0; j < 1 + i * 7; j++)
			ck_assert_uint_eq(p[i][j], i & 0xff);
		fdnet_mem_free(mem, p[i], 1 + i * 7);
	}
}
END_TEST

START_TEST(raised_fds_are_high_protected_and_found)
{
	int low = open("/dev/null", O_RDONLY), high, again;

	high = shim_fd_raise(low);
	ck_assert_int_ge(high, 256);
	ck_assert_int_eq(raw_fcntl(low, F_GETFD, 0), -EBADF);
	ck_assert_int_eq(raw_fcntl(high, F_GETFD, 0), FD_CLOEXEC);
	ck_assert(shim_fd_is_ours(high));
	ck_assert(!shim_fd_is_ours(low));
	ck_assert_int_eq(close(high), -1); /* ours: not to be closed */
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(shim_fd_next_ours(0), high);
	ck_assert_int_eq(shim_fd_next_ours(high + 1), -1);
	again = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(again, low); /* the lowest number is the program's */
	shim_fd_lower(high);
	ck_assert(!shim_fd_is_ours(high));
	ck_assert_int_eq(shim_fd_next_ours(0), -1);
	close(again);
}
END_TEST

START_TEST(fork_closes_ours_but_not_the_protected)
{
	int a = shim_fd_raise(open("/dev/null", O_RDONLY));
	int b = shim_fd_raise(open("/dev/null", O_RDONLY));
	int kept = fcntl(0, F_DUPFD, 100);

	shim_fd_protect(kept);
	shim_fd_after_fork();
	ck_assert_int_eq(raw_fcntl(a, F_GETFD, 0), -EBADF);
	ck_assert_int_eq(raw_fcntl(b, F_GETFD, 0), -EBADF);
	ck_assert_int_ne(raw_fcntl(kept, F_GETFD, 0), -EBADF);
	ck_assert(shim_fd_is_ours(kept));
}
END_TEST

static const struct addr_row {
	const char *label;
	int domain;
	sa_family_t family;
	socklen_t len;
	int rc;
	uint8_t want; /* family of the name */
} addr_rows[] = {
	{ "v4", AF_INET, AF_INET, sizeof(struct sockaddr_in), 0, 4 },
	{ "v4 longer", AF_INET, AF_INET, sizeof(struct sockaddr_storage), 0, 4 },
	{ "v4 short", AF_INET, AF_INET, 15, -EINVAL, 0 },
	{ "v4 tiny", AF_INET, AF_INET, 1, -EINVAL, 0 },
	{ "v6", AF_INET6, AF_INET6, sizeof(struct sockaddr_in6), 0, 6 },
	{ "v6 without scope", AF_INET6, AF_INET6, 24, 0, 6 },
	{ "v6 short", AF_INET6, AF_INET6, 23, -EINVAL, 0 },
	{ "v6 on v4", AF_INET, AF_INET6, 28, -EAFNOSUPPORT, 0 },
	{ "v4 on v6", AF_INET6, AF_INET, 16, -EAFNOSUPPORT, 0 },
	{ "unspec", AF_INET, AF_UNSPEC, 16, 0, 0 },
	{ "unix", AF_INET, AF_UNIX, 16, -EAFNOSUPPORT, 0 },
};

START_TEST(addresses_are_checked_as_the_kernel_does)
{
	const struct addr_row *row = &addr_rows[_i];
	struct sockaddr_storage ss = { .ss_family = row->family };
	struct fdnet_name name;

	ck_assert_msg(shim_name_from(row->domain, (struct sockaddr *)&ss,
				     row->len, &name) == row->rc,
		      "%s", row->label);
	if (row->rc == 0)
		ck_assert_msg(name.ip.family == row->want, "%s", row->label);
}
END_TEST

START_TEST(mapped_addresses_go_both_ways)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
				     .sin6_port = htons(80) };
	struct sockaddr_in6 back;
	socklen_t len = sizeof(back);
	struct fdnet_name name;

	inet_pton(AF_INET6, "::ffff:192.0.2.7", &sin6.sin6_addr);
	ck_assert_int_eq(shim_name_from(AF_INET6, (struct sockaddr *)&sin6,
					sizeof(sin6), &name),
			 0);
	ck_assert_int_eq(name.ip.family, 4);
	ck_assert_int_eq(name.port, 80);
	shim_name_to(AF_INET6, &name, (struct sockaddr *)&back, &len);
	ck_assert_int_eq(len, sizeof(back));
	ck_assert_int_eq(memcmp(&back, &sin6, sizeof(back)), 0);
}
END_TEST

START_TEST(a_small_buffer_gets_what_fits_and_the_true_length)
{
	struct fdnet_name name = { .port = 9 };
	char buf[4] = { 1, 1, 1, 1 };
	socklen_t len = 3;

	name.ip = fdnet_ip4(0x01020304);
	shim_name_to(AF_INET, &name, (struct sockaddr *)(void *)buf, &len);
	ck_assert_int_eq(len, sizeof(struct sockaddr_in));
	ck_assert_int_eq(buf[3], 1);
}
END_TEST

static Suite *shim_parts_suite(void)
{
	Suite *s = suite_create("shim_parts");
	TCase *tc = tcase_create("core");

	tcase_add_loop_test(tc, memory_is_zero_aligned_and_reused, 0, 12);
	tcase_add_test(tc, blocks_do_not_overlap);
	tcase_add_test(tc, raised_fds_are_high_protected_and_found);
	tcase_add_test(tc, fork_closes_ours_but_not_the_protected);
	tcase_add_loop_test(tc, addresses_are_checked_as_the_kernel_does, 0,
			    sizeof(addr_rows) / sizeof(addr_rows[0]));
	tcase_add_test(tc, mapped_addresses_go_both_ways);
	tcase_add_test(tc, a_small_buffer_gets_what_fits_and_the_true_length);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(shim_parts_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
