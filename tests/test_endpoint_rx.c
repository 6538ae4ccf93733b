/* SPDX-License-Identifier: Apache-2.0 */
/* Fd endpoints: what is read, what is dropped, and how it ends. */
#include "config.h"

#include <time.h>

#include "tests/ep_pairs.h"

/* ---- reading ---- */

static struct fdnet_fd_options read_options(int i)
{
	struct fdnet_fd_options o = options(fds, 1);

	o.packet_dispatch_mode =
		i & 1 ? FDNET_DISPATCH_RECVMMSG : FDNET_DISPATCH_READV;
	return o;
}

static void send_eth(int fd, const uint8_t *dst, uint16_t type, uint32_t len)
{
	uint8_t buf[2048];

	memcpy(buf, dst, 6);
	memcpy(buf + 6, mac_b, 6);
	buf[12] = (uint8_t)(type >> 8);
	buf[13] = (uint8_t)type;
	fill_frame(buf + 14, len, 4);
	ck_assert_int_eq(send(fd, buf, 14 + len, 0), (ssize_t)(14 + len));
}

/* mode x Ethernet x length, with threads */
START_TEST(deliver_matrix)
{
	struct fdnet_fd_options o = read_options(_i);
	bool eth = _i & 2;
	uint32_t len = _i & 4 ? 1000 : 100;
	struct fdnet_endpoint *ep;
	struct fdnet_pkt *pkt;

	o.ethernet_header = eth;
	o.address = mac_a;
	o.address_len = 6;
	o.rx_checksum_offload = _i & 1;
	ep = endpoint(&o);
	attach_threads(ep);
	if (eth)
		send_eth(fds[1], mac_a, 0x1234, len);
	else
		send_frame(fds[1], len, 6);
	sink_wait_pkts(1);
	pkt = sink_take();
	check_frame(pkt, len);
	ck_assert_uint_eq(pkt->ethertype, eth ? 0x1234 : 0x86dd);
	ck_assert_uint_eq(pkt->flags, _i & 1 ? FDNET_PKT_CSUM_TRUSTED : 0);
	if (eth) {
		ck_assert_int_eq(memcmp(pkt->link_src, mac_b, 6), 0);
		ck_assert_int_eq(memcmp(pkt->link_dst, mac_a, 6), 0);
		ck_assert_int_eq(memcmp(pkt->data - 14, mac_a, 6), 0);
	}
	fdnet_pkt_free(pkt);
	fdnet_endpoint_free(ep);
	ck_assert_uint_eq(sink.closed, 1);
	ck_assert_int_eq(sink.reasons[0], FDNET_CLOSED_DETACHED);
}
END_TEST

static const uint32_t sizes[] = {1,    40,   120,  128,	  129,	 2047,
				 2048, 2049, 9000, 65535, 65536, 65664};

START_TEST(all_sizes_arrive_whole)
{
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep = endpoint(&o);
	unsigned int i, round;

	attach_polled(ep);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 12; i++) {
			send_frame(fds[1], sizes[i], 4);
			if (i % 3 == 2)
				ck_assert_int_eq(drain(ep), 0);
		}
		for (i = 0; i < 12; i++) {
			struct fdnet_pkt *pkt = sink_take();

			check_frame(pkt, sizes[i]);
			fdnet_pkt_free(pkt);
		}
	}
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_PKTS), 36);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(truncated_messages_are_dropped)
{
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep = endpoint(&o);

	attach_polled(ep);
	send_frame(fds[1], 65664, 4);
	send_frame(fds[1], 65665, 4);
	ck_assert_int_eq(drain(ep), 0);
	send_frame(fds[1], 70000, 4);
	send_frame(fds[1], 100, 4);
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, 2);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_TRUNC), 2);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(odd_messages_never_end_the_link)
{
	struct fdnet_fd_options o = read_options(_i);
	bool eth = _i & 2, gso = _i & 4;
	uint32_t hdr = (eth ? 14 : 0) + (gso ? VNET : 0), n;
	struct fdnet_endpoint *ep;
	uint8_t zero[64] = {0};

	o.ethernet_header = eth;
	o.gso_max_size = gso ? 65536 : 0;
	ep = endpoint(&o);
	attach_polled(ep);
	for (n = 0; n <= hdr; n++) {
		ck_assert_int_eq(send(fds[1], zero, n, 0), (ssize_t)n);
		if (n % 5 == 0)
			ck_assert_int_eq(drain(ep), 0);
	}
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_EMPTY) +
				  counter(ep, FDNET_EP_RX_SHORT),
			  hdr + 1);
	ck_assert_uint_eq(sink.pkts, 0);
	ck_assert_uint_eq(sink.closed, 0);
	/* one byte of payload is enough with Ethernet */
	zero[hdr] = 0x45;
	send(fds[1], zero, hdr + 1, 0);
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, 1);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(short_messages_end_the_link_if_asked)
{
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep;

	o.short_closes = true;
	ep = endpoint(&o);
	attach_polled(ep);
	send_frame(fds[1], 100, 4);
	send(fds[1], "", 0, 0);
	while (!sink.closed)
		drain(ep);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_int_eq(sink.reasons[0], FDNET_CLOSED_EOF);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(unknown_versions_cost_only_themselves)
{
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep = endpoint(&o);

	attach_polled(ep);
	send_frame(fds[1], 100, 4);
	send_frame(fds[1], 100, 5);
	send_frame(fds[1], 100, 6);
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, 2);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_BADVER), 1);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(foreign_frames_are_dropped)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
	static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};
	static const uint8_t other[6] = {2, 9, 9, 9, 9, 9};
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep;

	o.ethernet_header = true;
	o.address = mac_a;
	o.address_len = 6;
	o.promiscuous = _i & 2;
	ep = endpoint(&o);
	attach_polled(ep);
	send_eth(fds[1], other, 0x0800, 50);
	send_eth(fds[1], mac_a, 0x0800, 50);
	send_eth(fds[1], all, 0x0800, 50);
	send_eth(fds[1], group, 0x0800, 50);
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, _i & 2 ? 4 : 3);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_FOREIGN), _i & 2 ? 0 : 1);
	ck_assert_uint_eq(sink.last->flags & FDNET_PKT_LINK_GROUP,
			  FDNET_PKT_LINK_GROUP);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(datagram_pairs_work_too)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	int dgram[2];

	pair_of(SOCK_DGRAM, dgram);
	o = read_options(_i);
	o.fds = dgram;
	o.ethernet_header = _i & 2;
	ep = endpoint(&o);
	attach_polled(ep);
	if (_i & 2)
		send_eth(dgram[1], mac_a, 0x0800, 100);
	else
		send_frame(dgram[1], 100, _i & 1 ? 4 : 6);
	send(dgram[1], "", 0, 0);
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_EMPTY), 1);
	/* the peer's end is invisible, and writing says so */
	close(dgram[1]);
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_int_lt(fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
						     packet(ep, 100, 4)),
			 0);
	fdnet_endpoint_free(ep);
	close(dgram[0]);
}
END_TEST

/* ---- the end ---- */

static void polled_until_closed(struct fdnet_endpoint *ep)
{
	struct pollfd pfd;

	while (!sink.closed) {
		ck_assert_int_eq(fdnet_endpoint_poll_set(ep, &pfd, 1), 1);
		ck_assert_int_eq(poll(&pfd, 1, 10000), 1);
		drain(ep);
	}
	ck_assert_int_eq(fdnet_endpoint_poll_set(ep, &pfd, 1), 0);
}

/* mode; peer dies with our packet unread; threads */
START_TEST(all_is_delivered_before_the_end)
{
	unsigned int round, i, n;

	for (round = 0; round < 60; round++) {
		struct fdnet_fd_options o = read_options(_i);
		struct fdnet_endpoint *ep;
		int two[2];

		pair_of(SOCK_SEQPACKET, two);
		o.fds = two;
		ep = endpoint(&o);
		if (_i & 4)
			attach_threads(ep);
		else
			attach_polled(ep);
		if (_i & 2)
			send_frame(two[0], 100, 4);
		n = 1 + round * 37 % 90;
		for (i = 0; i < n; i++)
			send_frame(two[1], 700, 4);
		close(two[1]);
		if (_i & 4)
			fdnet_endpoint_wait(ep);
		else
			polled_until_closed(ep);
		ck_assert_uint_eq(sink.pkts, n);
		ck_assert_uint_eq(sink.closed, 1);
		ck_assert_int_eq(sink.reasons[0], _i & 2 ? FDNET_CLOSED_RESET
							 : FDNET_CLOSED_EOF);
		fdnet_endpoint_free(ep);
		ck_assert_uint_eq(sink.closed, 1);
		sink_clear();
		close(two[0]);
	}
}
END_TEST

START_TEST(close_before_attach_ends_at_once_without_spinning)
{
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep = endpoint(&o);
	struct timespec a, b, pause = {.tv_nsec = 50000000};

	close_fd(1);
	attach_threads(ep);
	sink_wait_closed(1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	ck_assert_int_lt((b.tv_sec - a.tv_sec) * 1000 +
				 (b.tv_nsec - a.tv_nsec) / 1000000,
			 40);
	ck_assert_int_eq(sink.reasons[0], FDNET_CLOSED_EOF);
	fdnet_endpoint_wait(ep);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(each_fd_ends_by_itself)
{
	int list[2] = {fds[0], fds[2]};
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep = endpoint(&o);

	attach_threads(ep);
	close_fd(3);
	sink_wait_closed(1);
	ck_assert_uint_eq(sink.indexes[0], 1);
	send_frame(fds[1], 100, 4);
	sink_wait_pkts(1);
	close_fd(1);
	sink_wait_closed(2);
	ck_assert_uint_eq(sink.indexes[1], 0);
	fdnet_endpoint_wait(ep);
	fdnet_endpoint_free(ep);
	ck_assert_uint_eq(sink.closed, 2);
}
END_TEST

START_TEST(empty_messages_are_not_the_end)
{
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep = endpoint(&o);
	int i;

	attach_polled(ep);
	for (i = 0; i < 20; i++)
		send(fds[1], "", 0, 0);
	send_frame(fds[1], 100, 4);
	close_fd(1);
	while (!sink.closed)
		drain(ep);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_EMPTY), 20);
	fdnet_endpoint_free(ep);
}
END_TEST

/* ---- packets given back at once, later, and never ---- */

struct hoard {
	struct fdnet_pkt *kept[64];
	unsigned int n, seen, every;
	const uint32_t *lens;
	unsigned int nlens;
};

/* Keep some, free the others here; sometimes free an old one too, and make and
 * free one that has nothing to do with the link. */
static void hoard_deliver(void *arg, struct fdnet_endpoint *ep,
			  struct fdnet_pkt *pkt)
{
	struct hoard *h = arg;
	unsigned int i = h->seen++;

	check_frame(pkt, h->lens[i % h->nlens]);
	ck_assert_ptr_null(pkt->next);
	ck_assert_uint_eq(pkt->user[0].u64, 0);
	ck_assert_uint_eq(pkt->gso_size, 0);
	pkt->user[0].u64 = 1;
	pkt->gso_size = 7;
	if (h->n && i % 5 == 0)
		fdnet_pkt_free(h->kept[--h->n]);
	if (i % 7 == 0)
		fdnet_pkt_free(fdnet_pkt_new(fdnet_endpoint_pool(ep)));
	if (i % h->every == 0 && h->n < 64) {
		pkt->user[1].u64 = h->lens[i % h->nlens];
		h->kept[h->n++] = pkt;
	} else if (i % 3 == 0) {
		struct fdnet_pkt *copy = fdnet_pkt_clone(pkt);

		fdnet_pkt_free(pkt);
		check_frame(copy, h->lens[i % h->nlens]);
		fdnet_pkt_free(copy);
	} else {
		fdnet_pkt_free(pkt);
	}
}

/* mode; threads: whoever keeps a packet keeps its bytes, however many others
 * come and go */
START_TEST(kept_packets_stay_as_they_are)
{
	static const struct fdnet_dispatcher disp = {.deliver = hoard_deliver};
	struct fdnet_fd_options o = read_options(_i);
	struct hoard h = {.lens = sizes, .nlens = 12};
	struct fdnet_endpoint *ep;
	unsigned int round, i;

	for (h.every = 2; h.every < 9; h.every += 2) {
		int two[2];

		pair_of(SOCK_SEQPACKET, two);
		o.fds = two;
		ep = endpoint(&o);
		h.seen = 0;
		fdnet_endpoint_attach(ep, &disp, &h,
				      _i & 2 ? FDNET_ATTACH_THREADS
					     : FDNET_ATTACH_POLLED);
		for (round = 0; round < 20; round++)
			for (i = 0; i < 12; i++) {
				send_frame(two[1], sizes[i], 4);
				if (!(_i & 2) && i % 3 == 2)
					drain(ep);
			}
		close(two[1]);
		if (_i & 2)
			fdnet_endpoint_wait(ep);
		else
			drain(ep);
		ck_assert_uint_eq(h.seen, 240);
		/* they outlive their endpoint */
		fdnet_endpoint_free(ep);
		while (h.n) {
			struct fdnet_pkt *pkt = h.kept[--h.n];

			check_frame(pkt, (uint32_t)pkt->user[1].u64);
			fdnet_pkt_free(pkt);
		}
		close(two[0]);
		sink_clear();
	}
}
END_TEST

/* Another link is read from inside the callback. */
static struct fdnet_endpoint *inner;
static struct fdnet_pkt *outer_pkt;

static void inner_deliver(void *arg, struct fdnet_endpoint *ep,
			  struct fdnet_pkt *pkt)
{
	fdnet_pkt_free(outer_pkt);
	outer_pkt = NULL;
	fdnet_pkt_free(pkt);
}

static void outer_deliver(void *arg, struct fdnet_endpoint *ep,
			  struct fdnet_pkt *pkt)
{
	unsigned int *seen = arg;

	check_frame(pkt, 9000);
	(*seen)++;
	outer_pkt = pkt;
	send_frame(fds[3], 2000, 4);
	ck_assert_int_eq(fdnet_endpoint_dispatch(inner, 0, 1), 1);
	ck_assert_ptr_null(outer_pkt);
}

START_TEST(a_link_may_be_read_while_another_is)
{
	static const struct fdnet_dispatcher in = {.deliver = inner_deliver};
	static const struct fdnet_dispatcher out = {.deliver = outer_deliver};
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_pkt_pool *pool = fdnet_pkt_pool_new(NULL, 64, 0);
	struct fdnet_endpoint *ep;
	unsigned int seen = 0, i;

	o.pool = pool;
	ep = endpoint(&o);
	o.fds = fds + 2;
	inner = endpoint(&o);
	fdnet_endpoint_attach(ep, &out, &seen, FDNET_ATTACH_POLLED);
	fdnet_endpoint_attach(inner, &in, NULL, FDNET_ATTACH_POLLED);
	for (i = 0; i < 8; i++)
		send_frame(fds[1], 9000, 4);
	while (fdnet_endpoint_dispatch(ep, 0, 64) > 0)
		;
	ck_assert_uint_eq(seen, 8);
	fdnet_endpoint_free(ep);
	fdnet_endpoint_free(inner);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}
END_TEST

/* ---- allocation ---- */

static unsigned int allocs;

static void *count_alloc(void *arg, size_t size)
{
	__atomic_fetch_add(&allocs, 1, __ATOMIC_RELAXED);
	return calloc(1, size);
}

static void count_free(void *arg, void *ptr, size_t size)
{
	free(ptr);
}

START_TEST(no_allocation_after_warm_up)
{
	static const struct fdnet_mem mem = {.alloc = count_alloc,
					     .free = count_free};
	struct fdnet_fd_options o = read_options(_i);
	struct fdnet_endpoint *ep, *other;
	unsigned int warm = 0, round, i;

	o.mem = &mem;
	ep = endpoint(&o);
	o.fds = fds + 1;
	other = endpoint(&o);
	attach_polled(ep);
	for (round = 0; round < 400; round++) {
		if (round == 200)
			warm = allocs;
		for (i = 0; i < 12; i++)
			fdnet_endpoint_write_packet(other, NULL, NULL, 0,
						    packet(other, sizes[i], 4));
		drain(ep);
		ck_assert_uint_eq(sink.pkts, 12);
		sink_clear();
	}
	ck_assert_uint_eq(allocs, warm);
	fdnet_endpoint_free(ep);
	fdnet_endpoint_free(other);
}
END_TEST

static Suite *rx_suite(void)
{
	Suite *s = suite_create("endpoint_rx");
	TCase *tc = tcase_create("read");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, deliver_matrix, 0, 8);
	tcase_add_loop_test(tc, all_sizes_arrive_whole, 0, 2);
	tcase_add_loop_test(tc, truncated_messages_are_dropped, 0, 2);
	tcase_add_loop_test(tc, odd_messages_never_end_the_link, 0, 8);
	tcase_add_loop_test(tc, short_messages_end_the_link_if_asked, 0, 2);
	tcase_add_loop_test(tc, unknown_versions_cost_only_themselves, 0, 2);
	tcase_add_loop_test(tc, foreign_frames_are_dropped, 0, 4);
	tcase_add_loop_test(tc, datagram_pairs_work_too, 0, 4);
	tcase_add_loop_test(tc, all_is_delivered_before_the_end, 0, 8);
	tcase_add_loop_test(
		tc, close_before_attach_ends_at_once_without_spinning, 0, 2);
	tcase_add_test(tc, each_fd_ends_by_itself);
	tcase_add_loop_test(tc, empty_messages_are_not_the_end, 0, 2);
	tcase_add_loop_test(tc, kept_packets_stay_as_they_are, 0, 4);
	tcase_add_loop_test(tc, a_link_may_be_read_while_another_is, 0, 2);
	tcase_add_loop_test(tc, no_allocation_after_warm_up, 0, 2);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(rx_suite());
}
