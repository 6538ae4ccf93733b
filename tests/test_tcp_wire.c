/* SPDX-License-Identifier: Apache-2.0 */
/* TCP's parts without a connection: header, round trip time, queues. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stack/tcp_rcvq.h"
#include "stack/tcp_rtt.h"
#include "stack/tcp_sndq.h"
#include "stack/wire/tcp.h"

/* ---- header ---- */

static const struct {
	const char *label;
	struct fdnet_tcp_hdr hdr;
	uint32_t size;
} headers[] = {
	{"bare", {.flags = FDNET_TH_ACK, .wscale = 0xff}, 20},
	{"syn as Linux",
	 {.flags = FDNET_TH_SYN,
	  .mss = 1460,
	  .sack_ok = true,
	  .has_ts = true,
	  .ts_val = 7,
	  .wscale = 7},
	 40},
	{"syn without timestamps",
	 {.flags = FDNET_TH_SYN, .mss = 1460, .sack_ok = true, .wscale = 2},
	 32},
	{"timestamps",
	 {.flags = FDNET_TH_ACK,
	  .has_ts = true,
	  .ts_val = 1,
	  .ts_ecr = 2,
	  .wscale = 0xff},
	 32},
	{"four blocks",
	 {.flags = FDNET_TH_ACK,
	  .nsack = 4,
	  .wscale = 0xff,
	  .sack = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}},
	 56},
	{"three blocks and timestamps",
	 {.flags = FDNET_TH_ACK,
	  .nsack = 3,
	  .has_ts = true,
	  .wscale = 0xff,
	  .sack = {{1, 2}, {3, 4}, {5, 6}}},
	 60},
	{"everything set",
	 {.sport = 65535,
	  .dport = 1,
	  .seq = 0xffffffff,
	  .ack = 0x80000000,
	  .flags = 0xff & ~FDNET_TH_SYN,
	  .wnd = 65535,
	  .urg = 3,
	  .wscale = 0xff},
	 20},
};

static void check_equal(const struct fdnet_tcp_hdr *a,
			const struct fdnet_tcp_hdr *b)
{
	ck_assert_uint_eq(a->sport, b->sport);
	ck_assert_uint_eq(a->dport, b->dport);
	ck_assert_uint_eq(a->seq, b->seq);
	ck_assert_uint_eq(a->ack, b->ack);
	ck_assert_uint_eq(a->flags, b->flags);
	ck_assert_uint_eq(a->wnd, b->wnd);
	ck_assert_uint_eq(a->urg, b->urg);
	ck_assert_uint_eq(a->mss, b->mss);
	ck_assert_uint_eq(a->wscale, b->wscale);
	ck_assert_int_eq(a->sack_ok, b->sack_ok);
	ck_assert_int_eq(a->has_ts, b->has_ts);
	ck_assert_uint_eq(a->nsack, b->nsack);
	if (a->has_ts) {
		ck_assert_uint_eq(a->ts_val, b->ts_val);
		ck_assert_uint_eq(a->ts_ecr, b->ts_ecr);
	}
	ck_assert_mem_eq(a->sack, b->sack, a->nsack * sizeof(a->sack[0]));
}

START_TEST(header_round_trip)
{
	const struct fdnet_tcp_hdr *in = &headers[_i].hdr;
	struct fdnet_tcp_hdr out;
	uint8_t buf[60];
	uint32_t len = fdnet_tcp_hdr_encode(buf, in);

	ck_assert_uint_eq(len, headers[_i].size);
	ck_assert_uint_eq(fdnet_tcp_hdr_size(in), len);
	ck_assert_int_eq(fdnet_tcp_hdr_decode(buf, len, &out), 0);
	ck_assert_uint_eq(out.hdr_len, len);
	check_equal(in, &out);
	for (uint32_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, buf, n);
		ck_assert_int_eq(fdnet_tcp_hdr_decode(exact, n, &out), -EBADMSG);
		free(exact);
	}
	for (uint32_t at = 0; at < len; at++) {
		for (int v = 0; v < 256; v++) {
			uint8_t *exact = malloc(len);

			memcpy(exact, buf, len);
			exact[at] = (uint8_t)v;
			if (!fdnet_tcp_hdr_decode(exact, len, &out)) {
				ck_assert_uint_le(out.hdr_len, len);
				ck_assert_uint_le(out.nsack, 4);
				ck_assert(out.wscale <= 14 || out.wscale == 0xff);
			}
			free(exact);
		}
	}
}
END_TEST

START_TEST(options_of_syn_count_only_there)
{
	struct fdnet_tcp_hdr hdr = headers[1].hdr, out;
	uint8_t buf[60];
	uint32_t len = fdnet_tcp_hdr_encode(buf, &hdr);

	buf[13] = FDNET_TH_ACK;
	ck_assert_int_eq(fdnet_tcp_hdr_decode(buf, len, &out), 0);
	ck_assert_uint_eq(out.mss, 0);
	ck_assert_uint_eq(out.wscale, FDNET_TCP_WSCALE_NONE);
	ck_assert(!out.sack_ok);
	ck_assert(out.has_ts);
}
END_TEST

START_TEST(window_scale_is_limited)
{
	struct fdnet_tcp_hdr hdr = {.flags = FDNET_TH_SYN, .wscale = 200};
	struct fdnet_tcp_hdr out;
	uint8_t buf[60];
	uint32_t len = fdnet_tcp_hdr_encode(buf, &hdr);

	ck_assert_int_eq(fdnet_tcp_hdr_decode(buf, len, &out), 0);
	ck_assert_uint_eq(out.wscale, 14); /* RFC 7323 2.3 */
}
END_TEST

START_TEST(sequence_numbers_wrap)
{
	ck_assert(seq_lt(0xfffffff0u, 5));
	ck_assert(seq_gt(5, 0xfffffff0u));
	ck_assert(seq_leq(7, 7));
	ck_assert_uint_eq(seq_max(0xffffffffu, 1), 1);
	ck_assert_uint_eq(seq_min(0xffffffffu, 1), 0xffffffffu);
}
END_TEST

/* ---- round trip time ---- */

START_TEST(rto_follows_rfc6298)
{
	struct fdnet_tcp_rtt rtt;

	fdnet_tcp_rtt_init(&rtt, 1000000, 200000);
	ck_assert_uint_eq(fdnet_tcp_rtt_backoff(&rtt, 0), 1000000);
	ck_assert_uint_eq(fdnet_tcp_rtt_backoff(&rtt, 3), 8000000);
	ck_assert_uint_eq(fdnet_tcp_rtt_backoff(&rtt, 200), FDNET_TCP_RTO_MAX_US);
	fdnet_tcp_rtt_sample(&rtt, 100000);
	ck_assert_uint_eq(rtt.srtt_us, 100000);
	ck_assert_uint_eq(rtt.rttvar_us, 50000);
	ck_assert_uint_eq(rtt.rto_us, 300000);
	for (int i = 0; i < 100; i++)
		fdnet_tcp_rtt_sample(&rtt, 100000);
	ck_assert_uint_ge(rtt.rto_us, 300000);
	ck_assert_uint_le(rtt.rto_us, 301000);
	ck_assert_uint_eq(rtt.min_us, 100000);
	fdnet_tcp_rtt_sample(&rtt, 1ull << 40);
	ck_assert_uint_le(rtt.rto_us, FDNET_TCP_RTO_MAX_US);
	fdnet_tcp_rtt_sample(&rtt, 0);
	ck_assert_uint_eq(rtt.min_us, 1);
}
END_TEST

/* ---- queues ---- */

static struct fdnet_pkt_pool *pool;
static const struct fdnet_mem *mem;

static void queues_begin(void)
{
	mem = fdnet_mem_libc();
	pool = fdnet_pkt_pool_new(mem, 8, 0);
}

static void queues_end(void)
{
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}

static uint8_t byte_at(uint32_t pos)
{
	return (uint8_t)(pos * 37 + (pos >> 8));
}

static void fill(uint8_t *dst, uint32_t pos, size_t len)
{
	for (size_t i = 0; i < len; i++)
		dst[i] = byte_at(pos + (uint32_t)i);
}

static void check_bytes(const uint8_t *data, uint32_t pos, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (data[i] != byte_at(pos + i))
			ck_abort_msg("byte %u differs", pos + i);
	}
}

static size_t put(struct fdnet_sndq *q, uint32_t pos, size_t len, size_t max)
{
	uint8_t *buf = malloc(len);
	struct iovec iov[2] = {{buf, len / 3}, {buf + len / 3, len - len / 3}};
	size_t done;

	fill(buf, pos, len);
	done = fdnet_sndq_write(q, mem, pool, iov, 2, max);
	free(buf);
	return done;
}

static void check_attach(const struct fdnet_sndq *q, uint32_t base,
			 uint32_t offset, uint32_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint32_t got = fdnet_sndq_attach(q, pool, pkt, offset, len);
	uint8_t *buf = malloc(len + 1);

	ck_assert_uint_gt(got, 0);
	ck_assert_uint_eq(fdnet_pkt_total(pkt), got);
	ck_assert_uint_eq(fdnet_pkt_copy_out(pkt, 0, buf, got), got);
	check_bytes(buf, base + offset, got);
	free(buf);
	fdnet_pkt_free(pkt);
}

static const size_t write_sizes[] = {1,	   100,	 128,	129,   1000,
				     4096, 4097, 65536, 65537, 200000};

START_TEST(send_queue_gives_back_what_was_written)
{
	size_t size = write_sizes[_i];
	struct fdnet_sndq q = {0};
	uint32_t wrote = 0, base = 0;

	queues_begin();
	while (wrote < 150000) {
		ck_assert_uint_eq(put(&q, wrote, size, size), size);
		wrote += (uint32_t)size;
		if (size < 50 && wrote > 2000)
			break;
	}
	ck_assert_uint_eq(q.bytes, wrote);
	while (q.bytes) {
		uint32_t step = q.bytes > 7001 ? 7001 : q.bytes;

		check_attach(&q, base, 0, q.bytes);
		check_attach(&q, base, q.bytes / 2, q.bytes - q.bytes / 2);
		check_attach(&q, base, q.bytes - 1, 1);
		fdnet_sndq_drop(&q, mem, step);
		base += step;
	}
	ck_assert_ptr_null(q.head);
	queues_end();
}
END_TEST

START_TEST(send_queue_respects_its_limit)
{
	struct fdnet_sndq q = {0};

	queues_begin();
	ck_assert_uint_eq(put(&q, 0, 5000, 1234), 1234);
	ck_assert_uint_eq(q.bytes, 1234);
	check_attach(&q, 0, 0, 1234);
	fdnet_sndq_purge(&q, mem);
	ck_assert_uint_eq(q.bytes, 0);
	queues_end();
}
END_TEST

START_TEST(reserved_room_becomes_data)
{
	const size_t commits[] = {0, 1, 100, 2000, 65536, 65537, 150000};
	struct fdnet_sndq q = {0};
	struct iovec iov[4];
	uint32_t base = 0;

	queues_begin();
	for (unsigned int k = 0; k < 7; k++) {
		size_t left = commits[k];
		uint32_t pos = base + q.bytes;
		int n = fdnet_sndq_reserve(&q, mem, pool, iov, 4, 200000);

		ck_assert_int_ge(n, 3);
		for (int i = 0; i < n && left; i++) {
			size_t part =
				left < iov[i].iov_len ? left : iov[i].iov_len;

			fill(iov[i].iov_base, pos, part);
			pos += (uint32_t)part;
			left -= part;
		}
		ck_assert_int_eq(fdnet_sndq_commit(&q, mem, commits[k]), 0);
		if (q.bytes)
			check_attach(&q, base, 0, q.bytes);
		if (k == 3) { /* from the middle of a chunk */
			fdnet_sndq_drop(&q, mem, 1000);
			base += 1000;
		}
	}
	ck_assert_int_ge(fdnet_sndq_reserve(&q, mem, pool, iov, 4, 10), 1);
	ck_assert_int_eq(fdnet_sndq_commit(&q, mem, 100000), -EINVAL);
	fdnet_sndq_purge(&q, mem);
	queues_end();
}
END_TEST

static struct fdnet_pkt *payload(uint32_t pos, uint32_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);

	while (len) {
		uint32_t room = fdnet_pkt_tailroom(pkt), n = len;

		if (!pkt->nslices && room) {
			n = n < room ? n : room;
			fill(fdnet_pkt_put(pkt, n), pos, n);
		} else {
			struct fdnet_buf *buf = fdnet_buf_new(pool);

			n = n < buf->size ? n : buf->size;
			fill(buf->data, pos, n);
			fdnet_pkt_add_slice(pkt, buf, buf->data, n);
			fdnet_buf_unref(buf);
		}
		pos += n;
		len -= n;
	}
	return pkt;
}

static void check_queue(const struct fdnet_rcvq *q, uint32_t pos)
{
	uint8_t *buf = malloc(q->bytes + 1);
	struct iovec iov[2] = {{buf, q->bytes / 2},
			       {buf + q->bytes / 2, q->bytes - q->bytes / 2}};

	ck_assert_uint_eq(fdnet_rcvq_copy(q, 0, iov, 2, q->bytes), q->bytes);
	check_bytes(buf, pos, q->bytes);
	free(buf);
}

static const uint32_t packet_sizes[] = {1,    200,   256,   257,
					1448, 16384, 16385, 70000};

START_TEST(receive_queue_keeps_order)
{
	struct fdnet_rcvq q = {0};
	uint32_t size = packet_sizes[_i], pos = 0, base = 0;

	queues_begin();
	for (int i = 0; i < 40; i++) {
		fdnet_rcvq_append(&q, pool, payload(pos, size));
		pos += size;
	}
	ck_assert_uint_eq(q.bytes, pos);
	/* a slow reader does not pin a buffer for each small packet */
	ck_assert_uint_le(fdnet_pkt_pool_outstanding(pool),
			  size <= 256 ? 12 : 48 + pos / 20000);
	check_queue(&q, base);
	while (q.bytes) {
		uint32_t step = q.bytes > 3333 ? 3333 : q.bytes;

		fdnet_rcvq_drop(&q, step);
		base += step;
		if (q.bytes % 50 == 0)
			check_queue(&q, base);
	}
	ck_assert_ptr_null(q.head);
	queues_end();
}
END_TEST

START_TEST(any_order_of_pieces_makes_the_stream)
{
	struct fdnet_rcvq q = {0};
	uint32_t rng = (uint32_t)_i * 2654435761u + 1, nxt;
	const uint32_t start = 0xffffe000u, total = 30000;

	queues_begin();
	nxt = start;
	for (int i = 0; i < 100000 && nxt - start < total; i++) {
		uint32_t at, len, seq;
		struct fdnet_pkt *pkt;
		int rc;

		rng = rng * 1664525 + 1013904223;
		at = (rng >> 8) % total;
		rng = rng * 1664525 + 1013904223;
		len = 1 + (rng >> 8) % 900;
		if (at + len > total)
			len = total - at;
		seq = start + at;
		if (seq_leq(seq + len, nxt))
			continue;
		pkt = payload(seq, len);
		if (seq_leq(seq, nxt)) {
			fdnet_pkt_pull(pkt, nxt - seq);
			nxt = seq + len;
			fdnet_rcvq_append(&q, pool, pkt);
			nxt = fdnet_rcvq_merge(&q, mem, pool, nxt);
		} else {
			uint32_t before = q.ooo_bytes;

			rc = fdnet_rcvq_insert(&q, mem, pkt, seq, 1000);
			if (!rc)
				ck_assert_uint_eq(q.ooo_bytes, before);
		}
		ck_assert_uint_le(q.nranges, FDNET_RCVQ_RANGES);
	}
	ck_assert_uint_eq(nxt, start + total);
	ck_assert_uint_eq(q.bytes, total);
	ck_assert_uint_eq(q.ooo_bytes, 0);
	ck_assert_uint_eq(q.ooo_pkts, 0);
	check_queue(&q, start);
	fdnet_rcvq_purge(&q, mem);
	queues_end();
}
END_TEST

START_TEST(newest_block_comes_first)
{
	struct fdnet_rcvq q = {0};
	struct fdnet_tcp_range s[4];

	queues_begin();
	fdnet_rcvq_insert(&q, mem, payload(100, 10), 100, 1000);
	fdnet_rcvq_insert(&q, mem, payload(300, 10), 300, 1000);
	fdnet_rcvq_insert(&q, mem, payload(200, 10), 200, 1000);
	fdnet_rcvq_insert(&q, mem, payload(400, 10), 400, 1000);
	ck_assert_uint_eq(fdnet_rcvq_sacks(&q, s, 4), 4);
	ck_assert_uint_eq(s[0].start, 400);
	ck_assert_uint_eq(s[1].start, 200);
	ck_assert_uint_eq(s[2].start, 300);
	ck_assert_uint_eq(s[3].start, 100);
	/* joins its neighbours */
	fdnet_rcvq_insert(&q, mem, payload(110, 90), 110, 1000);
	ck_assert_uint_eq(fdnet_rcvq_sacks(&q, s, 4), 3);
	ck_assert_uint_eq(s[0].start, 100);
	ck_assert_uint_eq(s[0].end, 210);
	ck_assert_int_eq(fdnet_rcvq_insert(&q, mem, payload(120, 30), 120, 1000),
			 0);
	fdnet_rcvq_purge(&q, mem);
	queues_end();
}
END_TEST

START_TEST(ranges_are_limited)
{
	struct fdnet_rcvq q = {0};

	queues_begin();
	for (uint32_t i = 0; i < FDNET_RCVQ_RANGES; i++)
		ck_assert_int_eq(fdnet_rcvq_insert(&q, mem, payload(i * 10, 1),
						   i * 10, 1000),
				 1);
	ck_assert_int_eq(fdnet_rcvq_insert(&q, mem, payload(9999, 1), 9999, 1000),
			 -ENOBUFS);
	fdnet_rcvq_purge(&q, mem);
	ck_assert_uint_eq(q.nranges, 0);
	queues_end();
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof(*(table))))

int main(void)
{
	Suite *suite = suite_create("tcp_wire");
	TCase *tc = tcase_create("parts");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, header_round_trip, 0, ROWS(headers));
	tcase_add_test(tc, options_of_syn_count_only_there);
	tcase_add_test(tc, window_scale_is_limited);
	tcase_add_test(tc, sequence_numbers_wrap);
	tcase_add_test(tc, rto_follows_rfc6298);
	tcase_add_loop_test(tc, send_queue_gives_back_what_was_written, 0,
			    ROWS(write_sizes));
	tcase_add_test(tc, send_queue_respects_its_limit);
	tcase_add_test(tc, reserved_room_becomes_data);
	tcase_add_loop_test(tc, receive_queue_keeps_order, 0, ROWS(packet_sizes));
	tcase_add_loop_test(tc, any_order_of_pieces_makes_the_stream, 0, 20);
	tcase_add_test(tc, newest_block_comes_first);
	tcase_add_test(tc, ranges_are_limited);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
