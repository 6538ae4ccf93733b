/* SPDX-License-Identifier: Apache-2.0 */
/* Packets, payload buffers and their pool. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <fdnet/packet.h>

/* An allocator that counts what is out, and can refuse. */
static size_t mem_bytes;
static unsigned int mem_allocs;
static int mem_allow = -1;

static void *count_take(size_t size)
{
	if (mem_allow == 0)
		return NULL;
	if (mem_allow > 0)
		mem_allow--;
	mem_bytes += size;
	mem_allocs++;
	return malloc(size);
}

static void *count_alloc(void *arg, size_t size)
{
	void *ptr = count_take(size);

	return ptr ? memset(ptr, 0, size) : NULL;
}

/* What was not written must not matter. */
static void *count_alloc_raw(void *arg, size_t size)
{
	void *ptr = count_take(size);

	return ptr ? memset(ptr, 0xa5, size) : NULL;
}

static void count_free(void *arg, void *ptr, size_t size)
{
	ck_assert_uint_ge(mem_bytes, size);
	mem_bytes -= size;
	free(ptr);
}

static const struct fdnet_mem count_mem = {
	.alloc = count_alloc,
	.free = count_free,
	.alloc_raw = count_alloc_raw,
};

static struct fdnet_pkt_pool *pool;

static void setup(void)
{
	mem_bytes = 0;
	mem_allow = -1;
	pool = fdnet_pkt_pool_new(&count_mem, 8, 0);
	ck_assert_ptr_nonnull(pool);
}

static void teardown(void)
{
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
	ck_assert_uint_eq(mem_bytes, 0);
}

/* 0, 1, 2 ... from @first */
static void fill(uint8_t *dst, uint32_t len, unsigned int first)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		dst[i] = (uint8_t)(first + i);
}

/* A packet of @linear bytes and slices of the given lengths (0 ends). */
static struct fdnet_pkt *make(uint32_t linear, const uint32_t *lens)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	unsigned int at = linear;

	fill(fdnet_pkt_put(pkt, linear), linear, 0);
	for (; *lens; lens++) {
		struct fdnet_buf *buf = fdnet_buf_new(pool);

		fill(buf->data, *lens, at);
		at += *lens;
		ck_assert_int_eq(fdnet_pkt_add_slice(pkt, buf, buf->data, *lens),
				 0);
		fdnet_buf_unref(buf);
	}
	return pkt;
}

/* Does the packet hold @total bytes counting up from @first? */
static void check_bytes(const struct fdnet_pkt *pkt, uint32_t total,
			unsigned int first)
{
	uint8_t got[4096];
	uint32_t i;

	ck_assert_uint_eq(fdnet_pkt_total(pkt), total);
	ck_assert_uint_eq(fdnet_pkt_copy_out(pkt, 0, got, sizeof(got)), total);
	for (i = 0; i < total; i++)
		ck_assert_msg(got[i] == (uint8_t)(first + i),
			      "byte %u is %u, not %u", i, got[i],
			      (uint8_t)(first + i));
}

START_TEST(new_packet_is_empty_with_headroom)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);

	ck_assert_uint_eq(fdnet_pkt_headroom(pkt), FDNET_PKT_HEADROOM);
	ck_assert_uint_ge(fdnet_pkt_tailroom(pkt), FDNET_PKT_LINEAR);
	ck_assert_uint_eq(fdnet_pkt_total(pkt), 0);
	pkt->gso_size = 7;
	pkt->user[0].u64 = 9;
	fdnet_pkt_free(pkt);
	pkt = fdnet_pkt_new(pool);
	ck_assert_uint_eq(pkt->gso_size, 0);
	ck_assert_uint_eq(pkt->user[0].u64, 0);
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(push_and_put_stay_inside_the_storage)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t *start = pkt->data;

	ck_assert_ptr_null(fdnet_pkt_push(pkt, FDNET_PKT_HEADROOM + 1));
	ck_assert_ptr_eq(fdnet_pkt_push(pkt, FDNET_PKT_HEADROOM),
			 start - FDNET_PKT_HEADROOM);
	ck_assert_uint_eq(fdnet_pkt_headroom(pkt), 0);
	ck_assert_uint_ge(fdnet_pkt_tailroom(pkt), FDNET_PKT_LINEAR);
	ck_assert_ptr_eq(fdnet_pkt_put(pkt, fdnet_pkt_tailroom(pkt)), start);
	ck_assert_ptr_null(fdnet_pkt_put(pkt, 1));
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(put_is_refused_behind_slices)
{
	struct fdnet_pkt *pkt = make(10, (uint32_t[]){10, 0});

	ck_assert_uint_eq(fdnet_pkt_tailroom(pkt), 0);
	ck_assert_ptr_null(fdnet_pkt_put(pkt, 1));
	fdnet_pkt_free(pkt);
}
END_TEST

static const uint32_t shapes[][5] = {
	{0}, {1, 0}, {5, 0}, {3, 4, 0}, {1, 1, 1, 1, 0}, {7, 2, 9, 0},
};

static uint32_t shape_len(int i)
{
	uint32_t sum = 0;
	int j;

	for (j = 0; shapes[i][j]; j++)
		sum += shapes[i][j];
	return sum;
}

START_TEST(pull_and_trim_cut_anywhere)
{
	uint32_t total = 6 + shape_len(_i), n;

	for (n = 0; n <= total; n++) {
		struct fdnet_pkt *pkt = make(6, shapes[_i]);

		fdnet_pkt_pull(pkt, n);
		check_bytes(pkt, total - n, n);
		fdnet_pkt_free(pkt);
		pkt = make(6, shapes[_i]);
		fdnet_pkt_trim(pkt, n);
		check_bytes(pkt, n, 0);
		fdnet_pkt_trim(pkt, n + 1);
		check_bytes(pkt, n, 0);
		fdnet_pkt_free(pkt);
	}
}
END_TEST

START_TEST(pull_up_makes_any_prefix_linear)
{
	uint32_t total = 6 + shape_len(_i), n;

	for (n = 0; n <= total; n++) {
		struct fdnet_pkt *pkt = make(6, shapes[_i]);

		ck_assert_int_eq(fdnet_pkt_pull_up(pkt, n), 0);
		ck_assert_uint_ge(pkt->len, n);
		check_bytes(pkt, total, 0);
		ck_assert_int_eq(fdnet_pkt_pull_up(pkt, total + 1), -EINVAL);
		fdnet_pkt_free(pkt);
	}
}
END_TEST

START_TEST(pull_up_gives_up_headroom_before_it_fails)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint32_t most = fdnet_pkt_headroom(pkt) + fdnet_pkt_tailroom(pkt);

	fdnet_pkt_free(pkt);
	pkt = make(6, (uint32_t[]){3000, 0});
	ck_assert_int_eq(fdnet_pkt_pull_up(pkt, most + 1), -ENOBUFS);
	check_bytes(pkt, 3006, 0);
	ck_assert_int_eq(fdnet_pkt_pull_up(pkt, most), 0);
	ck_assert_uint_eq(pkt->len, most);
	check_bytes(pkt, 3006, 0);
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(neighbouring_slices_merge)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	struct fdnet_buf *buf = fdnet_buf_new(pool);

	fdnet_pkt_add_slice(pkt, buf, buf->data, 10);
	fdnet_pkt_add_slice(pkt, buf, buf->data + 10, 5);
	ck_assert_uint_eq(pkt->nslices, 1);
	ck_assert_uint_eq(buf->refs, 2);
	fdnet_pkt_add_slice(pkt, buf, buf->data + 16, 5);
	ck_assert_uint_eq(pkt->nslices, 2);
	ck_assert_uint_eq(pkt->slices_len, 20);
	fdnet_buf_unref(buf);
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(slices_are_limited)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	struct fdnet_buf *buf = fdnet_buf_new(pool);
	int i;

	for (i = 0; i < FDNET_PKT_MAX_SLICES; i++)
		ck_assert_int_eq(
			fdnet_pkt_add_slice(pkt, buf, buf->data + 2 * i, 1), 0);
	ck_assert_int_eq(fdnet_pkt_add_slice(pkt, buf, buf->data + 500, 1),
			 -ENOSPC);
	ck_assert_uint_eq(buf->refs, 1 + FDNET_PKT_MAX_SLICES);
	fdnet_pkt_free(pkt);
	ck_assert_uint_eq(buf->refs, 1);
	fdnet_buf_unref(buf);
}
END_TEST

START_TEST(clone_shares_payload_and_copies_headers)
{
	struct fdnet_pkt *pkt = make(6, (uint32_t[]){100, 20, 0});
	struct fdnet_pkt *copy;

	pkt->ethertype = 0x86dd;
	pkt->hash = 77;
	pkt->user[1].u64 = 5;
	copy = fdnet_pkt_clone(pkt);
	check_bytes(copy, 126, 0);
	ck_assert_uint_eq(copy->ethertype, 0x86dd);
	ck_assert_uint_eq(copy->hash, 77);
	ck_assert_uint_eq(copy->user[1].u64, 0);
	ck_assert_ptr_eq(copy->slices[0].data, pkt->slices[0].data);
	ck_assert_ptr_ne(copy->data, pkt->data);
	fdnet_pkt_free(pkt);
	check_bytes(copy, 126, 0);
	fdnet_pkt_free(copy);
}
END_TEST

START_TEST(copy_out_starts_anywhere)
{
	struct fdnet_pkt *pkt = make(6, (uint32_t[]){7, 2, 9, 0});
	uint8_t got[32];
	uint32_t at, n;

	for (at = 0; at <= 24; at++) {
		for (n = 0; n <= 24; n++) {
			uint32_t want = n < 24 - at ? n : 24 - at;

			ck_assert_uint_eq(fdnet_pkt_copy_out(pkt, at, got, n),
					  want);
			if (want)
				ck_assert_uint_eq(got[want - 1], at + want - 1);
		}
	}
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(iov_covers_every_byte)
{
	struct iovec iov[FDNET_PKT_MAX_SLICES + 1];
	struct fdnet_pkt *pkt = make(6, (uint32_t[]){7, 2, 0});

	ck_assert_int_eq(fdnet_pkt_iov(pkt, iov), 3);
	ck_assert_uint_eq(iov[0].iov_len, 6);
	ck_assert_uint_eq(iov[1].iov_len, 7);
	fdnet_pkt_pull(pkt, 6);
	ck_assert_int_eq(fdnet_pkt_iov(pkt, iov), 2);
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(warm_pool_does_not_allocate)
{
	unsigned int before;
	int i;

	fdnet_pkt_free(make(6, (uint32_t[]){7, 2, 0}));
	before = mem_allocs;
	for (i = 0; i < 1000; i++)
		fdnet_pkt_free(make(6, (uint32_t[]){7, 2, 0}));
	ck_assert_uint_eq(mem_allocs, before);
}
END_TEST

START_TEST(idle_objects_are_limited)
{
	struct fdnet_pkt *list = NULL, *pkt;
	size_t one, before = mem_bytes;
	int i;

	for (i = 0; i < 20; i++) {
		pkt = fdnet_pkt_new(pool);
		pkt->next = list;
		list = pkt;
	}
	one = (mem_bytes - before) / 20;
	fdnet_pkt_free_list(list);
	ck_assert_uint_eq(mem_bytes - before, 8 * one);
}
END_TEST

START_TEST(packets_outlive_their_pool)
{
	struct fdnet_pkt_pool *own = fdnet_pkt_pool_new(&count_mem, 8, 1);
	struct fdnet_pkt *pkt = fdnet_pkt_new(own);
	struct fdnet_buf *buf = fdnet_buf_new(own);
	size_t before;

	fdnet_pkt_free(fdnet_pkt_new(own));
	before = mem_bytes;
	fdnet_pkt_pool_free(own);
	fdnet_pkt_add_slice(pkt, buf, buf->data, 1);
	fdnet_pkt_free(pkt);
	ck_assert_uint_lt(mem_bytes, before);
	fdnet_buf_unref(buf);
}
END_TEST

START_TEST(no_memory_is_an_answer)
{
	struct fdnet_pkt *pkt = make(6, (uint32_t[]){7, 0});

	mem_allow = 0;
	ck_assert_ptr_null(fdnet_pkt_new(pool));
	ck_assert_ptr_null(fdnet_buf_new(pool));
	ck_assert_ptr_null(fdnet_pkt_clone(pkt));
	ck_assert_ptr_null(fdnet_pkt_pool_new(&count_mem, 1, 0));
	mem_allow = -1;
	fdnet_pkt_free(pkt);
}
END_TEST

/* Clearing a payload buffer would touch all of its pages. */
START_TEST(payload_is_not_cleared_unless_it_must)
{
	const struct fdnet_mem plain = {count_alloc, count_free, NULL, NULL};
	struct fdnet_pkt_pool *own = fdnet_pkt_pool_new(&plain, 8, 0);
	struct fdnet_buf *buf = fdnet_buf_new(pool);

	ck_assert_uint_eq(buf->data[0], 0xa5);
	ck_assert_uint_eq(buf->data[FDNET_BUF_SIZE - 1], 0xa5);
	fdnet_buf_unref(buf);
	buf = fdnet_buf_new(own);
	ck_assert_uint_eq(buf->data[0], 0);
	fdnet_buf_unref(buf);
	fdnet_pkt_pool_free(own);
}
END_TEST

static unsigned int foreign_released;

static void foreign_release(struct fdnet_buf *buf)
{
	foreign_released++;
}

START_TEST(foreign_memory_is_released_once)
{
	static uint8_t bytes[16];
	struct fdnet_buf buf = {.data = bytes,
				.size = sizeof(bytes),
				.refs = 1,
				.release = foreign_release};
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);

	foreign_released = 0;
	fdnet_pkt_add_slice(pkt, &buf, bytes, 16);
	fdnet_buf_unref(&buf);
	ck_assert_uint_eq(foreign_released, 0);
	fdnet_pkt_free(pkt);
	ck_assert_uint_eq(foreign_released, 1);
}
END_TEST

static void *thread_free(void *arg)
{
	fdnet_pkt_free_list(arg);
	return NULL;
}

START_TEST(packets_may_be_freed_on_another_thread)
{
	struct fdnet_pkt_pool *own = fdnet_pkt_pool_new(&count_mem, 8, 1);
	struct fdnet_buf *buf = fdnet_buf_new(own);
	int round, i;

	for (round = 0; round < 20; round++) {
		struct fdnet_pkt *list = NULL;
		pthread_t thread;

		for (i = 0; i < 50; i++) {
			struct fdnet_pkt *pkt = fdnet_pkt_new(own);

			fdnet_pkt_add_slice(pkt, buf, buf->data + i, 1);
			pkt->next = list;
			list = pkt;
		}
		ck_assert_int_eq(
			pthread_create(&thread, NULL, thread_free, list), 0);
		pthread_join(thread, NULL);
	}
	ck_assert_uint_eq(buf->refs, 1);
	fdnet_buf_unref(buf);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(own), 0);
	fdnet_pkt_pool_free(own);
}
END_TEST

static Suite *packet_suite(void)
{
	Suite *s = suite_create("packet");
	TCase *tc = tcase_create("packet");
	int n = sizeof(shapes) / sizeof(shapes[0]);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, new_packet_is_empty_with_headroom);
	tcase_add_test(tc, push_and_put_stay_inside_the_storage);
	tcase_add_test(tc, put_is_refused_behind_slices);
	tcase_add_loop_test(tc, pull_and_trim_cut_anywhere, 0, n);
	tcase_add_loop_test(tc, pull_up_makes_any_prefix_linear, 0, n);
	tcase_add_test(tc, pull_up_gives_up_headroom_before_it_fails);
	tcase_add_test(tc, neighbouring_slices_merge);
	tcase_add_test(tc, slices_are_limited);
	tcase_add_test(tc, clone_shares_payload_and_copies_headers);
	tcase_add_test(tc, copy_out_starts_anywhere);
	tcase_add_test(tc, iov_covers_every_byte);
	tcase_add_test(tc, warm_pool_does_not_allocate);
	tcase_add_test(tc, idle_objects_are_limited);
	tcase_add_test(tc, packets_outlive_their_pool);
	tcase_add_test(tc, no_memory_is_an_answer);
	tcase_add_test(tc, payload_is_not_cleared_unless_it_must);
	tcase_add_test(tc, foreign_memory_is_released_once);
	tcase_add_test(tc, packets_may_be_freed_on_another_thread);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(packet_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
