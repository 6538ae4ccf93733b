/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints over endpoints, in memory, injectable; and the one table. */
#include "config.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/ep_util.h"

static struct fdnet_pkt_pool *pool;
static int fds[4];

static void setup(void)
{
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 64, 1);
	pair_of(SOCK_SEQPACKET, fds);
	pair_of(SOCK_SEQPACKET, fds + 2);
}

static void teardown(void)
{
	int i;

	sink_clear();
	for (i = 0; i < 4; i++)
		close(fds[i]);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}

static struct fdnet_endpoint *channel(void)
{
	struct fdnet_endpoint *ep;

	ck_assert_int_eq(fdnet_channel_new(pool, 1500, 0, 0, 1000, &ep), 0);
	return ep;
}

/* ---- the table ---- */

/* No kind may leave an operation out. */
static void check_table(struct fdnet_endpoint *ep)
{
	void *const *op = (void *const *)ep->ops;
	size_t i;

	for (i = 0; i < sizeof(*ep->ops) / sizeof(*op); i++)
		ck_assert_msg(op[i] != NULL, "operation %zu", i);
}

START_TEST(every_kind_implements_every_operation)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_fault_config cfg = {.seed = 1};
	struct fdnet_endpoint *ep, *a, *b, *mux, *fault, *cap;
	struct fdnet_mux_route route = {.addr_len = 4};

	o.pool = pool;
	ep = endpoint(&o);
	check_table(ep);
	ck_assert_int_eq(fdnet_pair_new(pool, 1500, 8, &a, &b), 0);
	check_table(a);
	route.ep = a;
	ck_assert_int_eq(fdnet_mux_new(&route, 1, &mux), 0);
	check_table(mux);
	ck_assert_int_eq(fdnet_fault_new(ep, &cfg, &fault), 0);
	check_table(fault);
	ck_assert_int_eq(fdnet_capture_new(fault, "/dev/null", 0, &cap), 0);
	check_table(cap);
	fdnet_endpoint_free(cap);
	fdnet_endpoint_free(mux);
	fdnet_endpoint_free(a);
	fdnet_endpoint_free(b);
	ep = channel();
	check_table(ep);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(wrappers_hide_nothing)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_fault_config cfg = {.seed = 1};
	struct fdnet_endpoint_info one, two;
	struct fdnet_endpoint *ep, *fault, *cap;

	o.pool = pool;
	o.mtu = 4321;
	o.ethernet_header = true;
	o.gso_max_size = 60000;
	o.rx_checksum_offload = true;
	o.address = "\2\0\0\0\0\1";
	o.address_len = 6;
	ep = endpoint(&o);
	fdnet_endpoint_query(ep, &one);
	ck_assert_int_eq(fdnet_fault_new(ep, &cfg, &fault), 0);
	ck_assert_int_eq(fdnet_capture_new(fault, "/dev/null", 0, &cap), 0);
	fdnet_endpoint_query(cap, &two);
	ck_assert_int_eq(memcmp(&one, &two, sizeof(one)), 0);
	ck_assert_ptr_eq(fdnet_endpoint_pool(cap), pool);
	ck_assert_int_eq(fdnet_endpoint_set_mtu(cap, 9000), 0);
	ck_assert_uint_eq(fdnet_endpoint_mtu(ep), 9000);
	/* attach and detach reach the bottom */
	attach_threads(cap);
	ck_assert(fdnet_endpoint_is_attached(ep));
	ck_assert_int_eq(fdnet_endpoint_attach(cap, &sink_ops, &sink,
					       FDNET_ATTACH_THREADS),
			 -EALREADY);
	fdnet_endpoint_attach(cap, NULL, NULL, FDNET_ATTACH_THREADS);
	ck_assert(!fdnet_endpoint_is_attached(ep));
	fdnet_endpoint_free(cap);
}
END_TEST

/* ---- in memory ---- */

START_TEST(pair_carries_both_ways)
{
	struct fdnet_endpoint *a, *b;
	struct fdnet_pkt *pkt;
	int i;

	ck_assert_int_eq(fdnet_pair_new(pool, 9000, 3, &a, &b), 0);
	ck_assert_uint_eq(fdnet_endpoint_mtu(b), 9000);
	ck_assert_int_eq(fdnet_endpoint_dispatch(b, 0, 8), -ENOTCONN);
	attach_polled(a);
	attach_polled(b);
	ck_assert(fdnet_endpoint_expiry(b) == UINT64_MAX);
	for (i = 0; i < 3; i++) {
		pkt = packet(a, 100 + (uint32_t)i, 4);
		pkt->gso_size = 9;
		ck_assert_int_eq(fdnet_endpoint_write_packet(a, NULL, NULL,
							     0x0800, pkt),
				 0);
	}
	pkt = packet(a, 100, 4);
	ck_assert_int_eq(fdnet_endpoint_write_packet(a, NULL, NULL, 0, pkt),
			 -EAGAIN);
	ck_assert(fdnet_endpoint_expiry(b) == 0);
	ck_assert_int_eq(fdnet_endpoint_dispatch(b, 0, 2), 2);
	ck_assert_uint_eq(sink.writable, 1);
	ck_assert_uint_eq(sink.first->gso_size, 9);
	ck_assert_uint_eq(sink.first->ethertype, 0x0800);
	ck_assert_int_eq(fdnet_endpoint_write_packet(b, NULL, NULL, 0, pkt), 0);
	ck_assert_int_eq(fdnet_endpoint_dispatch(a, 0, 9), 1);
	/* what was sent arrives, then the end */
	fdnet_endpoint_free(a);
	ck_assert_int_eq(fdnet_endpoint_dispatch(b, 0, 9), 1);
	ck_assert_int_eq(fdnet_endpoint_dispatch(b, 0, 9), -EPIPE);
	ck_assert_int_eq(fdnet_endpoint_write_packet(b, NULL, NULL, 0,
						     packet(b, 50, 4)),
			 -EPIPE);
	sink_clear();
	fdnet_endpoint_free(b);
}
END_TEST

START_TEST(channel_gives_back_what_was_written)
{
	struct fdnet_endpoint *ep;
	struct fdnet_pkt *pkt;

	ck_assert_int_eq(fdnet_channel_new(pool, 1400, 6, 32768, 2, &ep), 0);
	ck_assert_uint_eq(fdnet_endpoint_capabilities(ep), 6);
	ck_assert_uint_eq(fdnet_endpoint_gso_max_size(ep), 32768);
	ck_assert_ptr_null(fdnet_channel_read(ep));
	ck_assert_int_eq(fdnet_endpoint_write_raw_packet(ep, "\x45raw", 4), 0);
	fdnet_endpoint_write_packet(ep, NULL, NULL, 0, packet(ep, 99, 6));
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
						     packet(ep, 99, 6)),
			 -ENOBUFS);
	pkt = fdnet_channel_read(ep);
	ck_assert_uint_eq(fdnet_pkt_total(pkt), 4);
	fdnet_pkt_free(pkt);
	ck_assert_uint_eq(fdnet_channel_drain(ep), 1);
	/* the way in */
	ck_assert_int_eq(fdnet_endpoint_inject_inbound(ep, 0x0800,
						       packet(ep, 50, 4)),
			 -ENOTCONN);
	attach_polled(ep);
	ck_assert_int_eq(
		fdnet_endpoint_inject_inbound(ep, 0x1234, packet(ep, 50, 4)), 0);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(sink.first->ethertype, 0x1234);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_UNATTACHED), 1);
	sink_clear();
	fdnet_endpoint_free(ep);
}
END_TEST

/* ---- injectable and multiplexer ---- */

START_TEST(injectable_only_writes)
{
	struct fdnet_endpoint *ep;
	uint8_t got[64];

	ck_assert_int_eq(fdnet_injectable_new(fds[0], 1234, 42, pool, &ep), 0);
	ck_assert_uint_eq(fdnet_endpoint_capabilities(ep), 42);
	ck_assert_uint_eq(fdnet_endpoint_mtu(ep), 1234);
	ck_assert_uint_eq(fdnet_endpoint_max_header_length(ep), 0);
	ck_assert_uint_eq(fdnet_endpoint_gso_max_size(ep), 0);
	ck_assert(!fdnet_endpoint_is_attached(ep));
	ck_assert_int_eq(fdnet_endpoint_inject_inbound(ep, 0x0800,
						       packet(ep, 50, 4)),
			 -ENOTCONN);
	attach_threads(ep);
	ck_assert(fdnet_endpoint_is_attached(ep));
	send_frame(fds[1], 60, 4); /* nobody reads it */
	ck_assert_int_eq(
		fdnet_endpoint_inject_inbound(ep, 0x86dd, packet(ep, 50, 4)), 0);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(sink.first->ethertype, 0x86dd);
	fdnet_endpoint_wait(ep);
	ck_assert_int_eq(
		fdnet_endpoint_inject_outbound(ep, "abcd", 4, "\xfa", 1), 0);
	ck_assert_int_eq(recv(fds[1], got, 64, 0), 1);
	ck_assert_uint_eq(got[0], 0xfa);
	sink_clear();
	fdnet_endpoint_free(ep);
	ck_assert_int_eq(fdnet_injectable_new(250, 1, 0, pool, &ep), -EBADF);
}
END_TEST

START_TEST(injectable_takes_capabilities_verbatim)
{
	struct fdnet_endpoint *ep;
	uint8_t got[64];

	ck_assert_int_eq(fdnet_injectable_new(fds[0], 1500,
					      FDNET_CAP_HARDWARE_GSO, pool, &ep),
			 0);
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
						     packet(ep, 30, 4)),
			 0);
	ck_assert_int_eq(recv(fds[1], got, 64, 0), 40); /* vnet header */
	fdnet_endpoint_free(ep);
}
END_TEST

static struct fdnet_pkt *packet_to(struct fdnet_endpoint *ep, uint8_t last)
{
	struct fdnet_pkt *pkt = packet(ep, 40, 4);

	memcpy(pkt->data + 16, (uint8_t[]){10, 0, 0, last}, 4);
	return pkt;
}

START_TEST(multiplexer_chooses_by_destination)
{
	struct fdnet_mux_route routes[3] = {
		{.addr = {10, 0, 0, 1}, .addr_len = 4},
		{.addr = {10, 0, 0, 2}, .addr_len = 4},
		{.addr = {10, 0, 0, 3}, .addr_len = 4},
	};
	struct fdnet_endpoint *a, *b, *mux;
	struct fdnet_pkt *pkts[5];
	int status[5], i;
	uint8_t got[64];

	fdnet_injectable_new(fds[0], 1500, 6, pool, &a);
	fdnet_injectable_new(fds[2], 1400, 2, pool, &b);
	routes[0].ep = a;
	routes[1].ep = b;
	routes[2].ep = a;
	ck_assert_int_eq(fdnet_mux_new(routes, 0, &mux), -EINVAL);
	ck_assert_int_eq(fdnet_mux_new(routes, 3, &mux), 0);
	ck_assert_uint_eq(fdnet_endpoint_mtu(mux), 1400);
	ck_assert_uint_eq(fdnet_endpoint_capabilities(mux), 2);
	ck_assert_uint_eq(fdnet_endpoint_link_address(mux, got), 0);
	for (i = 0; i < 5; i++)
		pkts[i] = packet_to(mux, (uint8_t[]){1, 2, 3, 9, 2}[i]);
	ck_assert_int_eq(fdnet_endpoint_write_list(mux, pkts, 5, status), 4);
	ck_assert_int_eq(status[3], -EHOSTUNREACH);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(recv(fds[1], got, 64, MSG_DONTWAIT), 40);
		ck_assert_uint_eq(got[19], i ? 3 : 1);
		ck_assert_int_eq(recv(fds[3], got, 64, MSG_DONTWAIT), 40);
		ck_assert_uint_eq(got[19], 2);
	}
	/* upstream's two: a raw frame by address, header and payload */
	ck_assert_int_eq(fdnet_endpoint_inject_outbound(mux, "\x0a\0\0\2", 4,
							"\xfa", 1),
			 0);
	ck_assert_int_eq(recv(fds[3], got, 64, MSG_DONTWAIT), 1);
	ck_assert_int_eq(fdnet_endpoint_inject_outbound(mux, "\x0a\0\0\7", 4,
							"\xfa", 1),
			 -EHOSTUNREACH);
	ck_assert_int_eq(fdnet_endpoint_write_raw_packet(mux, "x", 1),
			 -EHOSTUNREACH);
	ck_assert_uint_eq(counter(mux, FDNET_EP_TX_NOROUTE), 3);
	ck_assert_int_eq(fdnet_endpoint_set_mtu(mux, 1), -EOPNOTSUPP);
	/* what members receive is the multiplexer's */
	attach_polled(mux);
	ck_assert(fdnet_endpoint_is_attached(a));
	ck_assert_int_eq(
		fdnet_endpoint_inject_inbound(b, 0x0800, packet(b, 50, 4)), 0);
	ck_assert_uint_eq(sink.pkts, 1);
	fdnet_endpoint_free(mux);
	ck_assert(!fdnet_endpoint_is_attached(a));
	sink_clear();
	fdnet_endpoint_free(a);
	fdnet_endpoint_free(b);
}
END_TEST

/* ---- faults ---- */

static struct fdnet_endpoint *faulty(struct fdnet_endpoint *lower,
				     struct fdnet_fault_side tx,
				     struct fdnet_fault_side rx, uint64_t seed)
{
	struct fdnet_fault_config cfg = {.seed = seed, .tx = tx, .rx = rx};
	struct fdnet_endpoint *ep;

	ck_assert_int_eq(fdnet_fault_new(lower, &cfg, &ep), 0);
	return ep;
}

/* Send 1000 numbered packets and note which come, in which order. */
static unsigned int run_faults(uint64_t seed, uint16_t *order)
{
	struct fdnet_fault_side side = {.loss_ppm = 100000,
					.duplicate_ppm = 50000,
					.reorder_ppm = 50000};
	struct fdnet_endpoint *ch, *ep;
	struct fdnet_pkt *pkt;
	unsigned int n = 0, i;

	ck_assert_int_eq(fdnet_channel_new(pool, 1500, 0, 0, 3000, &ch), 0);
	ep = faulty(ch, side, (struct fdnet_fault_side){0}, seed);
	attach_polled(ep);
	for (i = 0; i < 1000; i++) {
		pkt = packet(ep, 60, 4);
		pkt->data[40 - 2] = (uint8_t)(i >> 8);
		pkt->data[40 - 1] = (uint8_t)i;
		ck_assert_int_eq(
			fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt), 0);
	}
	drain(ep);
	while ((pkt = fdnet_channel_read(ch))) {
		order[n++] = (uint16_t)(pkt->data[38] << 8 | pkt->data[39]);
		fdnet_pkt_free(pkt);
	}
	ck_assert_uint_eq(n, 1000 - counter(ep, FDNET_EP_WRAP_LOST) +
				     counter(ep, FDNET_EP_WRAP_DUPLICATED));
	ck_assert_uint_gt(counter(ep, FDNET_EP_WRAP_LOST), 50);
	ck_assert_uint_lt(counter(ep, FDNET_EP_WRAP_LOST), 200);
	ck_assert_uint_gt(counter(ep, FDNET_EP_WRAP_DUPLICATED), 15);
	ck_assert_uint_gt(counter(ep, FDNET_EP_WRAP_REORDERED), 15);
	fdnet_endpoint_free(ep);
	return n;
}

START_TEST(the_same_seed_gives_the_same_faults)
{
	uint16_t one[2000], two[2000], three[2000];
	unsigned int n = run_faults(7, one), i, behind = 0;

	ck_assert_uint_eq(run_faults(7, two), n);
	ck_assert_int_eq(memcmp(one, two, n * sizeof(one[0])), 0);
	for (i = 1; i < n; i++)
		behind += one[i] < one[i - 1];
	ck_assert_uint_gt(behind, 10);
	ck_assert(run_faults(8, three) != n ||
		  memcmp(one, three, n * sizeof(one[0])));
}
END_TEST

START_TEST(inbound_faults_too)
{
	struct fdnet_fault_side lose = {.loss_ppm = 1000000}, none = {0};
	struct fdnet_fault_side twice = {.duplicate_ppm = 1000000};
	struct fdnet_endpoint *ep = faulty(channel(), none, lose, 1);

	attach_polled(ep);
	fdnet_endpoint_inject_inbound(ep, 0x0800, packet(ep, 60, 4));
	ck_assert_uint_eq(sink.pkts, 0);
	fdnet_endpoint_free(ep);
	ep = faulty(channel(), none, twice, 1);
	attach_polled(ep);
	fdnet_endpoint_inject_inbound(ep, 0x0800, packet(ep, 60, 4));
	ck_assert_uint_eq(sink.pkts, 2);
	check_frame(sink.first, 60);
	check_frame(sink.last, 60);
	sink_clear();
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(delays_follow_the_callers_clock)
{
	struct fdnet_fault_side slow = {.delay_us = 1000, .jitter_us = 100};
	struct fdnet_endpoint *ch = channel();
	struct fdnet_endpoint *ep = faulty(ch, slow, slow, 3);
	struct fdnet_pkt *pkt;
	uint64_t due;
	int i;

	ck_assert_int_eq(fdnet_endpoint_attach(ep, &sink_ops, &sink,
					       FDNET_ATTACH_THREADS),
			 -EOPNOTSUPP);
	attach_polled(ep);
	fdnet_endpoint_dispatch(ep, 5000, 8);
	for (i = 0; i < 10; i++)
		fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
					    packet(ep, 60 + (uint32_t)i, 4));
	fdnet_endpoint_inject_inbound(ep, 0x0800, packet(ep, 60, 4));
	due = fdnet_endpoint_expiry(ep);
	ck_assert_uint_ge(due, 6000);
	ck_assert_uint_lt(due, 6100);
	fdnet_endpoint_dispatch(ep, due - 1, 8);
	ck_assert_ptr_null(fdnet_channel_read(ch));
	fdnet_endpoint_dispatch(ep, 6100, 8);
	for (i = 0; i < 10; i++) { /* in order */
		pkt = fdnet_channel_read(ch);
		check_frame(pkt, 60 + (uint32_t)i);
		fdnet_pkt_free(pkt);
	}
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert(fdnet_endpoint_expiry(ep) == UINT64_MAX);
	/* what still waits is dropped with the wrapper */
	fdnet_endpoint_write_packet(ep, NULL, NULL, 0, packet(ep, 60, 4));
	sink_clear();
	fdnet_endpoint_free(ep);
}
END_TEST

/* ---- capture ---- */

static unsigned int read_capture(const char *path, int link_type,
				 uint32_t *lens, uint32_t *caps)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, err);
	struct pcap_pkthdr *h;
	const u_char *bytes;
	unsigned int n = 0;

	ck_assert_msg(pcap != NULL, "%s", err);
	ck_assert_int_eq(pcap_datalink(pcap), link_type);
	while (pcap_next_ex(pcap, &h, &bytes) == 1) {
		lens[n] = h->len;
		caps[n++] = h->caplen;
	}
	pcap_close(pcap);
	return n;
}

START_TEST(capture_is_a_pcap_file)
{
	char path[] = "/tmp/fdnet-capture-XXXXXX";
	struct fdnet_fd_options o = options(fds, 1);
	bool eth = _i & 1;
	uint32_t snap = _i & 2 ? 68 : 0, lens[8], caps[8];
	uint32_t hdr = eth ? 14 : 0;
	struct fdnet_endpoint *ep, *cap;

	close(mkstemp(path));
	o.pool = pool;
	o.ethernet_header = eth;
	ep = endpoint(&o);
	ck_assert_int_eq(fdnet_capture_new(ep, "/nowhere/at/all", 0, &cap), -EIO);
	ck_assert_int_eq(fdnet_capture_new(ep, path, snap, &cap), 0);
	attach_polled(cap);
	fdnet_endpoint_write_packet(cap, NULL, NULL, 0x0800,
				    packet(cap, 3000, 4));
	send_frame(fds[1], 500 + hdr, 4);
	drain(cap);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(counter(cap, FDNET_EP_WRAP_CAPTURED), 2);
	ck_assert_uint_eq(counter(cap, FDNET_EP_RX_PKTS), 1);
	ck_assert_int_eq(fdnet_capture_flush(cap), 0);
	ck_assert_uint_eq(
		read_capture(path, eth ? DLT_EN10MB : DLT_RAW, lens, caps), 2);
	ck_assert_uint_eq(lens[0], 3000 + hdr);
	ck_assert_uint_eq(caps[0], snap ? snap : 3000 + hdr);
	ck_assert_uint_eq(lens[1], 500 + hdr);
	sink_clear();
	fdnet_endpoint_free(cap);
	unlink(path);
}
END_TEST

/* ---- save and restore ---- */

START_TEST(state_moves_to_new_fds)
{
	struct fdnet_fd_options o = options(fds, 1), fresh;
	struct fdnet_endpoint_info before, after;
	struct fdnet_endpoint *ep, *moved = NULL;
	unsigned int queued = 0, n = 0;
	uint8_t *blob, got[4096];
	ssize_t len;

	o.pool = pool;
	o.save_restore = o.disconnect_ok = true;
	o.ethernet_header = true;
	o.gro = true;
	o.mtu = 4000;
	o.address = "\2\0\0\0\0\1";
	o.address_len = 6;
	o.sndbuf = UINT32_MAX;
	o.packet_dispatch_mode = FDNET_DISPATCH_RECVMMSG;
	ep = endpoint(&o);
	attach_polled(ep);
	ck_assert_int_eq(fdnet_endpoint_save(ep, NULL, 0), -EBUSY);
	while (counter(ep, FDNET_EP_TX_QUEUED) < 5)
		fdnet_endpoint_write_packet(ep, NULL, NULL, 0x0800,
					    packet(ep, 3000, 4));
	fdnet_endpoint_detach(ep);
	len = fdnet_endpoint_save(ep, NULL, 0);
	ck_assert_int_gt(len, 5 * 3014);
	blob = malloc((size_t)len);
	ck_assert_int_eq(fdnet_endpoint_save(ep, blob, (size_t)len), len);
	fdnet_endpoint_query(ep, &before);
	fdnet_endpoint_free(ep);

	fresh = options(fds + 2, 1);
	fresh.pool = pool;
	ck_assert_int_eq(fdnet_endpoint_restore(blob, (size_t)len, &fresh,
						&moved, NULL),
			 0);
	fdnet_endpoint_query(moved, &after);
	ck_assert_int_eq(memcmp(&before, &after, sizeof(before)), 0);
	ck_assert_uint_eq(counter(moved, FDNET_EP_TX_QUEUED), 5);
	attach_polled(moved);
	drain(moved); /* sends what waited, over the new fd */
	while (recv(fds[3], got, sizeof(got), MSG_DONTWAIT) == 3014)
		queued++;
	ck_assert_uint_eq(queued, 5);
	ck_assert_int_eq(memcmp(got + 6, "\2\0\0\0\0\1", 6), 0);
	fdnet_endpoint_free(moved);

	/* every shorter one is refused, and changed ones never hurt */
	for (n = 0; n < (unsigned int)len; n += n < 700 ? 1 : 97)
		ck_assert_int_eq(fdnet_endpoint_restore(blob, n, &fresh, &moved,
							NULL),
				 -EPROTO);
	for (n = 0; n < (unsigned int)len; n += n < 700 ? 1 : 97) {
		int rc;

		blob[n] ^= 0x81;
		rc = fdnet_endpoint_restore(blob, (size_t)len, &fresh, &moved,
					    NULL);
		if (!rc)
			fdnet_endpoint_free(moved);
		blob[n] ^= 0x81;
	}
	free(blob);
}
END_TEST

START_TEST(only_those_that_can_are_saved)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);

	ck_assert_int_eq(fdnet_endpoint_save(ep, NULL, 0), -EOPNOTSUPP);
	fdnet_endpoint_free(ep);
	ep = channel();
	ck_assert_int_eq(fdnet_endpoint_save(ep, NULL, 0), -EOPNOTSUPP);
	fdnet_endpoint_free(ep);
}
END_TEST

static Suite *wrap_suite(void)
{
	Suite *s = suite_create("endpoint_wrap");
	TCase *tc = tcase_create("wrap");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_kind_implements_every_operation);
	tcase_add_test(tc, wrappers_hide_nothing);
	tcase_add_test(tc, pair_carries_both_ways);
	tcase_add_test(tc, channel_gives_back_what_was_written);
	tcase_add_test(tc, injectable_only_writes);
	tcase_add_test(tc, injectable_takes_capabilities_verbatim);
	tcase_add_test(tc, multiplexer_chooses_by_destination);
	tcase_add_test(tc, the_same_seed_gives_the_same_faults);
	tcase_add_test(tc, inbound_faults_too);
	tcase_add_test(tc, delays_follow_the_callers_clock);
	tcase_add_loop_test(tc, capture_is_a_pcap_file, 0, 4);
	tcase_add_test(tc, state_moves_to_new_fds);
	tcase_add_test(tc, only_those_that_can_are_saved);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(wrap_suite());
}
