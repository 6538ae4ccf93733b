/* SPDX-License-Identifier: Apache-2.0 */
/* Bursts: splitting, merging, the vnet header, checksums. */
#include "config.h"

#include "endpoint/gro.h"
#include "endpoint/vnet.h"
#include "tests/ep_util.h"

#include "tests/burst_util.h"

START_TEST(bursts_are_split_into_valid_packets)
{
	const struct burst *b = &bursts[_i];
	uint32_t hdr = l3_len(b->version) + l4_len(b->proto), offset = 0, n;
	struct fdnet_pkt *pkt = make(b), *list, *seg;
	int want = (int)((b->payload + b->mss - 1u) / b->mss), i = 0;

	ck_assert_int_eq(fdnet_gso_segment(pkt, &list), want);
	for (seg = list; seg; seg = seg->next, i++) {
		bool last = i == want - 1;

		n = fdnet_pkt_total(seg) - hdr;
		ck_assert_uint_eq(n, last ? b->payload - offset : b->mss);
		check_valid(seg);
		check_payload(seg, hdr, b->seq + offset);
		if (b->version == 4)
			ck_assert_uint_eq(get_be16(seg->data + 4),
					  (0xfffe + i) & 0xffff);
		if (b->proto == FDNET_PROTO_TCP) {
			const uint8_t *th = seg->data + l3_len(b->version);
			uint8_t flags = b->flags;

			if (!last)
				flags &= (uint8_t) ~(FIN | PSH);
			if (i)
				flags &= (uint8_t)~CWR;
			ck_assert_uint_eq(th[13], flags);
			ck_assert_uint_eq(get_be32(th + 4), b->seq + offset);
		}
		offset += n;
	}
	ck_assert_int_eq(i, want);
	fdnet_pkt_free(pkt);
	fdnet_pkt_free_list(list);
}
END_TEST

/* Taking off n segments and splitting the rest is splitting, and leaving out
 * the first n; whatever the sums of the burst are. */
START_TEST(a_burst_goes_on_behind_any_segment)
{
	static const uint16_t flags[] = {0, FDNET_PKT_CSUM_TRUSTED,
					 FDNET_PKT_CSUM_PARTIAL};
	const struct burst *b = &bursts[_i % NBURSTS];
	uint32_t hdr = l3_len(b->version) + l4_len(b->proto);
	unsigned int n, total = (b->payload + b->mss - 1u) / b->mss;

	for (n = 1; n < total; n++) {
		struct fdnet_pkt *whole = make(b), *rest = make(b);
		struct fdnet_pkt *list, *tail, *x, *y;
		unsigned int i;

		whole->flags = rest->flags = flags[_i / NBURSTS];
		ck_assert_int_eq(fdnet_gso_segment(whole, &list), (int)total);
		ck_assert_int_eq(fdnet_gso_skip(rest, n), 0);
		ck_assert_uint_eq(fdnet_pkt_total(rest),
				  hdr + b->payload - n * b->mss);
		ck_assert_int_eq(fdnet_gso_segment(rest, &tail),
				 (int)(total - n));
		for (x = list, i = 0; i < n; i++)
			x = x->next;
		for (y = tail; x; x = x->next, y = y->next) {
			ck_assert_uint_eq(x->flags & FDNET_PKT_CSUM_TRUSTED,
					  y->flags & FDNET_PKT_CSUM_TRUSTED);
			ck_assert_uint_eq(fdnet_pkt_total(x), fdnet_pkt_total(y));
			ck_assert_int_eq(memcmp(x->data, y->data, hdr), 0);
			check_payload(y, hdr, b->seq + i++ * b->mss);
		}
		ck_assert_ptr_null(y);
		fdnet_pkt_free_list(list);
		fdnet_pkt_free_list(tail);
		ck_assert_int_eq(fdnet_gso_skip(whole, total), -EINVAL);
		fdnet_pkt_free(whole);
		fdnet_pkt_free(rest);
	}
}
END_TEST

START_TEST(what_is_no_burst_is_refused)
{
	struct fdnet_pkt *pkt = make(&bursts[4]), *list;
	uint32_t len;

	pkt->gso_type = FDNET_GSO_TCPV4; /* it is v6 */
	ck_assert_int_eq(fdnet_gso_segment(pkt, &list), -EINVAL);
	pkt->gso_type = FDNET_GSO_UDP_L4;
	ck_assert_int_eq(fdnet_gso_segment(pkt, &list), -EINVAL);
	pkt->gso_type = FDNET_GSO_TCPV6;
	pkt->gso_size = 0;
	ck_assert_int_eq(fdnet_gso_segment(pkt, &list), -EINVAL);
	fdnet_pkt_free(pkt);
	/* headers cut anywhere */
	for (len = 0; len < 72; len++) {
		pkt = make(&bursts[4]);
		fdnet_pkt_trim(pkt, len);
		ck_assert_int_eq(fdnet_gso_segment(pkt, &list), -EINVAL);
		fdnet_pkt_free(pkt);
	}
}
END_TEST

START_TEST(untouched_sums_stay_out_of_trusted_bursts)
{
	struct fdnet_pkt *pkt = make(&bursts[0]), *list;

	pkt->flags = FDNET_PKT_CSUM_TRUSTED;
	ck_assert_int_gt(fdnet_gso_segment(pkt, &list), 1);
	ck_assert_uint_eq(list->flags, FDNET_PKT_CSUM_TRUSTED);
	fdnet_pkt_free_list(list);
	/* a partial sum is completed in every segment */
	pkt->flags = FDNET_PKT_CSUM_TRUSTED | FDNET_PKT_CSUM_PARTIAL;
	ck_assert_int_gt(fdnet_gso_segment(pkt, &list), 1);
	check_valid(list);
	check_valid(list->next);
	fdnet_pkt_free_list(list);
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(partial_sums_are_completed)
{
	struct burst b = bursts[_i];
	struct fdnet_pkt *pkt;
	struct fdnet_l4 l4;

	b.payload = 1001;
	b.linear = (uint32_t)_i * 100 + (uint32_t)(_i % 2);
	b.mss = 0;
	pkt = make(&b);
	fdnet_l4_parse(pkt, &l4);
	fdnet_l4_finish(pkt, &l4, true);
	ck_assert(pkt->flags & FDNET_PKT_CSUM_PARTIAL);
	ck_assert_int_eq(fdnet_sum_complete(pkt), 0);
	ck_assert_uint_eq(pkt->flags, 0);
	check_valid(pkt);
	pkt->flags = FDNET_PKT_CSUM_PARTIAL;
	pkt->csum_start = (uint16_t)pkt->len;
	ck_assert_int_eq(fdnet_sum_complete(pkt), -EINVAL);
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(sums_do_not_depend_on_where_pieces_end)
{
	uint8_t bytes[64];
	uint16_t want;
	uint32_t a, b;
	int i;

	for (i = 0; i < 64; i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	want = fdnet_sum_fold(fdnet_sum_bytes(bytes, 63, 0));
	for (a = 0; a < 63; a++) {
		for (b = 1; a + b < 63; b++) {
			struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
			struct fdnet_buf *one = fdnet_buf_new(pool);
			struct fdnet_buf *two = fdnet_buf_new(pool);

			memcpy(fdnet_pkt_put(pkt, a), bytes, a);
			memcpy(one->data, bytes + a, b);
			memcpy(two->data, bytes + a + b, 63 - a - b);
			fdnet_pkt_add_slice(pkt, one, one->data, b);
			fdnet_pkt_add_slice(pkt, two, two->data, 63 - a - b);
			ck_assert_uint_eq(
				fdnet_sum_fold(fdnet_sum_pkt(pkt, 0, 0)), want);
			fdnet_buf_unref(one);
			fdnet_buf_unref(two);
			fdnet_pkt_free(pkt);
		}
	}
}
END_TEST

/* ---- through an endpoint ---- */

static void burst_through(const struct burst *b, bool soft, bool eth)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *tx, *rx;
	struct fdnet_pkt *pkt;
	uint32_t got = 0, hdr = l3_len(b->version) + l4_len(b->proto);
	int fds[2];

	pair_of(SOCK_SEQPACKET, fds);
	o = options(fds, 1);
	o.pool = pool;
	o.ethernet_header = eth;
	o.gso_max_size = 65536;
	o.software_gso_enabled = soft;
	tx = endpoint(&o);
	o.fds = fds + 1;
	o.packet_dispatch_mode = FDNET_DISPATCH_RECVMMSG;
	rx = endpoint(&o);
	attach_polled(rx);
	pkt = make(b);
	pkt->ethertype = b->version == 4 ? 0x0800 : 0x86dd;
	ck_assert_int_eq(fdnet_endpoint_write_packet(tx, NULL, NULL, 0, pkt), 0);
	drain(rx);
	while ((pkt = sink_take())) {
		check_valid(pkt);
		check_payload(pkt, hdr, b->seq + got);
		got += fdnet_pkt_total(pkt) - hdr;
		ck_assert_uint_eq(pkt->gso_size,
				  !soft && b->payload > b->mss ? b->mss : 0);
		fdnet_pkt_free(pkt);
	}
	ck_assert_uint_eq(got, b->payload);
	ck_assert_uint_eq(counter(tx, FDNET_EP_TX_GSO_BURSTS), soft || !b->mss);
	fdnet_endpoint_free(tx);
	fdnet_endpoint_free(rx);
	sink_clear();
	close(fds[0]);
	close(fds[1]);
}

START_TEST(bursts_travel)
{
	struct burst b = {.version = _i & 1 ? 4 : 6,
			  .proto = FDNET_PROTO_TCP,
			  .payload = 60000,
			  .seq = 5,
			  .flags = ACK | PSH,
			  .mss = 1420};

	burst_through(&b, _i & 2, _i & 4);
}
END_TEST

START_TEST(vnet_header_says_what_the_burst_is)
{
	static const uint32_t payloads[] = {1420, 1421, 65475, 65536};
	uint32_t eth = _i & 1 ? 14 : 0, l3 = _i & 2 ? 40 : 20;
	uint32_t payload = payloads[_i >> 2];
	struct burst b = {.version = _i & 2 ? 6 : 4,
			  .proto = FDNET_PROTO_TCP,
			  .payload = payload,
			  .flags = ACK,
			  .mss = 1420};
	struct fdnet_pkt *pkt = make(&b);
	uint8_t v[12];

	pkt->flags |= FDNET_PKT_CSUM_PARTIAL;
	pkt->csum_start = (uint16_t)l3;
	pkt->csum_offset = 16;
	memset(v, 0xee, sizeof(v));
	fdnet_vnet_encode(pkt, eth, v, 12);
	ck_assert_uint_eq(v[0], 1);
	ck_assert_uint_eq(v[1], payload == 1420 ? 0 : _i & 2 ? 4 : 1);
	ck_assert_uint_eq(v[2] | v[3] << 8, eth + l3 + TCP_LEN);
	ck_assert_uint_eq(v[4] | v[5] << 8, payload == 1420 ? 0 : 1420);
	ck_assert_uint_eq(v[6] | v[7] << 8, eth + l3);
	ck_assert_uint_eq(v[8] | v[9] << 8, 16);
	ck_assert_uint_eq(v[10] | v[11], 0);
	/* and back */
	pkt->flags = 0;
	pkt->gso_size = pkt->gso_type = pkt->csum_start = 0;
	ck_assert_int_eq(fdnet_vnet_decode(v, eth, pkt), 0);
	ck_assert_uint_eq(pkt->csum_start, l3);
	ck_assert_uint_eq(pkt->csum_offset, 16);
	ck_assert_uint_eq(pkt->flags,
			  FDNET_PKT_CSUM_PARTIAL | FDNET_PKT_CSUM_TRUSTED);
	ck_assert_uint_eq(pkt->gso_size, payload == 1420 ? 0 : 1420);
	fdnet_pkt_free(pkt);
}
END_TEST

static const struct {
	const char *label;
	uint8_t v[10];
	int rc;
} vnets[] = {
	{"nothing", {0}, 0},
	{"valid data", {2}, 0},
	{"burst", {1, 1, 52, 0, 100, 0, 20, 0, 16, 0}, 0},
	{"burst with ECN", {1, 0x81, 52, 0, 100, 0, 20, 0, 16, 0}, 0},
	{"start in the IP header", {1, 0, 52, 0, 0, 0, 19, 0, 16, 0}, -EINVAL},
	{"start outside", {1, 0, 52, 0, 0, 0, 0xff, 0xff, 16, 0}, -EINVAL},
	{"offset outside", {1, 0, 52, 0, 0, 0, 20, 0, 0xff, 0xff}, -EINVAL},
	{"offset at the very end", {1, 0, 52, 0, 0, 0, 20, 0, 130, 0}, 0},
	{"offset one behind", {1, 0, 52, 0, 0, 0, 20, 0, 131, 0}, -EINVAL},
	{"burst without size", {1, 1, 52, 0, 0, 0, 20, 0, 16, 0}, -EINVAL},
	{"other version", {1, 4, 52, 0, 100, 0, 20, 0, 16, 0}, -EINVAL},
	{"other protocol", {1, 5, 52, 0, 100, 0, 20, 0, 16, 0}, -EINVAL},
	{"unknown type", {1, 9, 52, 0, 100, 0, 20, 0, 16, 0}, -EINVAL},
	{"UFO", {1, 3, 52, 0, 100, 0, 20, 0, 16, 0}, -EINVAL},
};

START_TEST(peers_vnet_header_is_checked)
{
	struct burst b = {.version = 4,
			  .proto = FDNET_PROTO_TCP,
			  .payload = 100,
			  .linear = 100,
			  .flags = ACK};
	struct fdnet_pkt *pkt = make(&b);
	int rc = fdnet_vnet_decode(vnets[_i].v, 0, pkt);

	ck_assert_msg(rc == vnets[_i].rc, "%s: %d", vnets[_i].label, rc);
	if (rc) {
		ck_assert_uint_eq(pkt->flags, 0);
		ck_assert_uint_eq(pkt->gso_size, 0);
	}
	fdnet_pkt_free(pkt);
}
END_TEST

START_TEST(bad_vnet_headers_cost_the_frame)
{
	struct burst b = {4, 6, 100, 1, ACK, 100, 0, 0};
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	struct fdnet_pkt *pkt = make(&b);
	uint8_t frame[256];
	int fds[2];

	pair_of(SOCK_SEQPACKET, fds);
	o = options(fds, 1);
	o.pool = pool;
	o.gso_max_size = 65536;
	ep = endpoint(&o);
	attach_polled(ep);
	memcpy(frame, vnets[9].v, 10);
	memcpy(frame + 10, pkt->data, pkt->len);
	send(fds[1], frame, 10 + pkt->len, 0);
	memcpy(frame, vnets[2].v, 10);
	send(fds[1], frame, 10 + pkt->len, 0);
	drain(ep);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(sink.first->flags,
			  FDNET_PKT_CSUM_PARTIAL | FDNET_PKT_CSUM_TRUSTED);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_BADVNET), 1);
	sink_clear();
	fdnet_pkt_free(pkt);
	fdnet_endpoint_free(ep);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* ---- merging ---- */

static struct fdnet_gro gro;

static void add(uint32_t seq, uint32_t len, uint8_t flags, uint16_t sport)
{
	struct burst b = {.version = 4,
			  .proto = FDNET_PROTO_TCP,
			  .payload = len,
			  .seq = seq,
			  .flags = flags,
			  .linear = len,
			  .sport = sport};

	fdnet_gro_add(&gro, make(&b));
}

/* The lengths that come out, in order; 0 ends. */
static void expect(const uint32_t *lens)
{
	struct fdnet_pkt *list = fdnet_gro_flush(&gro), *pkt;

	for (pkt = list; pkt; pkt = pkt->next, lens++) {
		ck_assert_uint_eq(fdnet_pkt_total(pkt) - 52, *lens);
		if (pkt->flags & FDNET_PKT_CSUM_PARTIAL) {
			ck_assert_uint_gt(pkt->gso_size, 0);
			ck_assert_int_eq(fdnet_sum_complete(pkt), 0);
		} else {
			ck_assert_uint_eq(pkt->gso_size, 0);
		}
		check_valid(pkt);
	}
	ck_assert_uint_eq(*lens, 0);
	fdnet_pkt_free_list(list);
}

START_TEST(segments_in_sequence_become_one)
{
	struct burst b = {.version = _i ? 6 : 4,
			  .proto = FDNET_PROTO_TCP,
			  .payload = 1000,
			  .flags = ACK};
	struct fdnet_pkt *pkt;
	int i;

	for (i = 0; i < 20; i++) {
		b.seq = (uint32_t)i * 1000;
		b.linear = i % 2 ? 1000 : 300;
		ck_assert(fdnet_gro_add(&gro, make(&b)) == (i > 0));
	}
	pkt = fdnet_gro_flush(&gro);
	ck_assert_ptr_null(pkt->next);
	ck_assert_uint_eq(pkt->gso_size, 1000);
	ck_assert_uint_eq(pkt->gso_type, _i ? 4 : 1);
	check_payload(pkt, l3_len(b.version) + TCP_LEN, 0);
	ck_assert_int_eq(fdnet_sum_complete(pkt), 0);
	check_valid(pkt);
	fdnet_pkt_free(pkt);
	ck_assert_ptr_null(fdnet_gro_flush(&gro));
}
END_TEST

START_TEST(merging_stops_where_it_must)
{
	/* a gap; and the flow goes on behind it */
	add(0, 100, ACK, 1);
	add(200, 100, ACK, 1);
	add(300, 100, ACK, 1);
	expect((uint32_t[]){100, 200, 0});
	/* flows do not disturb each other */
	add(0, 100, ACK, 1);
	add(0, 100, ACK, 2);
	add(100, 100, ACK, 1);
	add(100, 100, ACK, 2);
	expect((uint32_t[]){200, 200, 0});
	/* a short one is the last, a longer one starts anew */
	add(0, 100, ACK, 1);
	add(100, 50, ACK, 1);
	add(150, 100, ACK, 1);
	add(250, 101, ACK, 1);
	expect((uint32_t[]){150, 100, 101, 0});
	/* PSH and FIN come last */
	add(0, 100, ACK, 1);
	add(100, 100, ACK | PSH, 1);
	add(200, 100, ACK | FIN, 1);
	add(300, 100, ACK, 1);
	expect((uint32_t[]){200, 100, 100, 0});
	/* never merged: SYN, RST, URG, CWR; and order is kept around them */
	add(0, 100, ACK, 1);
	add(100, 100, ACK | 0x04, 1);
	add(200, 100, ACK, 1);
	expect((uint32_t[]){100, 100, 100, 0});
	add(0, 100, ACK | CWR, 1);
	add(100, 100, ACK | CWR, 1);
	expect((uint32_t[]){100, 100, 0});
}
END_TEST

/* What must be equal, as offset into an IPv4 segment. */
static const int differ[] = {1, 8, 52 - 32 + 8, 52 - 32 + 15, 52 - 4};

START_TEST(different_headers_do_not_merge)
{
	struct burst b = {.version = 4,
			  .proto = FDNET_PROTO_TCP,
			  .payload = 100,
			  .linear = 100,
			  .flags = ACK};
	struct fdnet_pkt *pkt;
	struct fdnet_l4 l4;

	fdnet_gro_add(&gro, make(&b));
	b.seq = 100;
	pkt = make(&b);
	pkt->data[differ[_i]] ^= 1;
	fdnet_l4_parse(pkt, &l4);
	fdnet_l4_finish(pkt, &l4, false);
	ck_assert(!fdnet_gro_add(&gro, pkt));
	expect((uint32_t[]){100, 100, 0});
}
END_TEST

START_TEST(bad_sums_and_fragments_pass_alone)
{
	struct burst b = {.version = 4,
			  .proto = FDNET_PROTO_TCP,
			  .payload = 100,
			  .linear = 100,
			  .flags = ACK};
	struct fdnet_pkt *pkt, *list;
	struct fdnet_l4 l4;
	int i;

	for (i = 0; i < 3; i++) {
		fdnet_gro_add(&gro, make(&b));
		b.seq = 100;
		pkt = make(&b);
		if (i == 0) {
			pkt->data[60] ^= 1;
		} else if (i == 1) {
			pkt->data[6] = 0x20;
			fdnet_l4_parse(pkt, &l4);
		} else {
			fdnet_pkt_put(pkt, 1); /* padding */
		}
		ck_assert(!fdnet_gro_add(&gro, pkt));
		list = fdnet_gro_flush(&gro);
		ck_assert_ptr_nonnull(list->next);
		fdnet_pkt_free_list(list);
		b.seq = 0;
	}
}
END_TEST

START_TEST(merged_packets_have_a_limit)
{
	uint32_t seq, out = 0;
	struct fdnet_pkt *list, *pkt;

	for (seq = 0; seq < 63 * 1460; seq += 1460)
		add(seq, 1460, ACK, 1);
	list = fdnet_gro_flush(&gro);
	for (pkt = list; pkt; pkt = pkt->next) {
		ck_assert_uint_le(fdnet_pkt_total(pkt), 65535);
		out += fdnet_pkt_total(pkt) - 52;
	}
	ck_assert_uint_eq(out, 63 * 1460);
	fdnet_pkt_free_list(list);
}
END_TEST

START_TEST(endpoint_merges_a_batch)
{
	struct burst b = {.version = 4,
			  .proto = FDNET_PROTO_TCP,
			  .payload = 8000,
			  .flags = ACK,
			  .mss = 1000};
	struct fdnet_fd_options o;
	struct fdnet_endpoint *tx, *rx;
	int fds[2];

	pair_of(SOCK_SEQPACKET, fds);
	o = options(fds, 1);
	o.pool = pool;
	o.gro = true;
	o.packet_dispatch_mode = FDNET_DISPATCH_RECVMMSG;
	tx = endpoint(&o);
	o.fds = fds + 1;
	rx = endpoint(&o);
	attach_polled(rx);
	/* without GSO on the link the burst is split all the same */
	fdnet_endpoint_write_packet(tx, NULL, NULL, 0, make(&b));
	drain(rx);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(sink.first->gso_size, 1000);
	ck_assert_uint_eq(fdnet_pkt_total(sink.first), 8052);
	ck_assert_uint_eq(counter(tx, FDNET_EP_TX_GSO_SEGS), 8);
	ck_assert_uint_eq(counter(rx, FDNET_EP_RX_PKTS), 8);
	ck_assert_uint_eq(counter(rx, FDNET_EP_RX_GRO_MERGED), 7);
	sink_clear();
	fdnet_endpoint_free(tx);
	fdnet_endpoint_free(rx);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static Suite *gso_suite(void)
{
	Suite *s = suite_create("endpoint_gso");
	TCase *tc = tcase_create("bursts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, bursts_are_split_into_valid_packets, 0, NBURSTS);
	tcase_add_loop_test(tc, a_burst_goes_on_behind_any_segment, 0,
			    3 * NBURSTS);
	tcase_add_test(tc, what_is_no_burst_is_refused);
	tcase_add_test(tc, untouched_sums_stay_out_of_trusted_bursts);
	tcase_add_loop_test(tc, partial_sums_are_completed, 0, 7);
	tcase_add_test(tc, sums_do_not_depend_on_where_pieces_end);
	tcase_add_loop_test(tc, bursts_travel, 0, 8);
	tcase_add_loop_test(tc, vnet_header_says_what_the_burst_is, 0, 16);
	tcase_add_loop_test(tc, peers_vnet_header_is_checked, 0,
			    sizeof(vnets) / sizeof(vnets[0]));
	tcase_add_test(tc, bad_vnet_headers_cost_the_frame);
	tcase_add_loop_test(tc, segments_in_sequence_become_one, 0, 2);
	tcase_add_test(tc, merging_stops_where_it_must);
	tcase_add_loop_test(tc, different_headers_do_not_merge, 0, 5);
	tcase_add_test(tc, bad_sums_and_fragments_pass_alone);
	tcase_add_test(tc, merged_packets_have_a_limit);
	tcase_add_test(tc, endpoint_merges_a_batch);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(gso_suite());
}
