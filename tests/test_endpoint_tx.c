/* SPDX-License-Identifier: Apache-2.0 */
/* Fd endpoints: what is written, in which form, and to a full link. */
#include "config.h"

#include <signal.h>
#include <stdio.h>

#include "tests/ep_pairs.h"

/* ---- writing ---- */

/* Ethernet {no,yes} x payload {0,100,1000} x GSO {no,host} */
START_TEST(write_packet_matrix)
{
	static const uint32_t payloads[] = {0, 100, 1000};
	bool eth = _i & 1, gso = _i & 2;
	uint32_t payload = payloads[_i >> 2], hdr = 100, i;
	struct fdnet_link_route route = {0};
	struct fdnet_gso g = {
		.type = FDNET_GSO_TCPV6,
		.needs_csum = true,
		.csum_offset = 48,
		.mss = 500,
		.l3_hdr_len = 40,
	};
	struct fdnet_fd_options o = options(fds, 1);
	uint32_t skip = (gso ? VNET : 0) + (eth ? 14 : 0);
	struct fdnet_endpoint *ep;
	struct fdnet_pkt *pkt;
	uint8_t got[4096];

	o.ethernet_header = eth;
	o.gso_max_size = gso ? 32768 : 0;
	o.address = mac_a;
	o.address_len = 6;
	ep = endpoint(&o);
	pkt = fdnet_pkt_new(fdnet_endpoint_pool(ep));
	fill_frame(fdnet_pkt_put(pkt, hdr), hdr, 6);
	if (payload) {
		struct fdnet_buf *buf = fdnet_buf_new(fdnet_endpoint_pool(ep));

		for (i = 0; i < payload; i++)
			buf->data[i] = pattern(hdr + i);
		fdnet_pkt_add_slice(pkt, buf, buf->data, payload);
		fdnet_buf_unref(buf);
	}
	memcpy(route.remote, mac_b, 6);
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, &route, gso ? &g : NULL,
						     0x86dd, pkt),
			 0);
	ck_assert_int_eq(recv(fds[1], got, sizeof(got), 0),
			 (ssize_t)(skip + hdr + payload));
	if (gso) {
		uint32_t start = 40u + (eth ? 14 : 0);

		ck_assert_uint_eq(got[0], 1);
		ck_assert_uint_eq(got[6] | got[7] << 8, start);
		ck_assert_uint_eq(got[8] | got[9] << 8, 48);
		ck_assert_uint_eq(got[1], payload > 500 ? 4 : 0);
		ck_assert_uint_eq(got[4] | got[5] << 8, payload > 500 ? 500 : 0);
	}
	if (eth) {
		const uint8_t *e = got + (gso ? VNET : 0);

		ck_assert_int_eq(memcmp(e, mac_b, 6), 0);
		ck_assert_int_eq(memcmp(e + 6, mac_a, 6), 0);
		ck_assert_uint_eq(e[12] << 8 | e[13], 0x86dd);
	}
	for (i = 1; i < hdr + payload; i++)
		ck_assert_uint_eq(got[skip + i], pattern(i));
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(route_local_address_is_kept_as_source)
{
	struct fdnet_link_route route = {.has_local = true};
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;
	uint8_t got[256];

	o.ethernet_header = true;
	o.address = mac_a;
	o.address_len = 6;
	ep = endpoint(&o);
	memcpy(route.remote, mac_a, 6);
	memcpy(route.local, mac_b, 6);
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, &route, NULL, 0x0806,
						     packet(ep, 60, 4)),
			 0);
	ck_assert_int_eq(recv(fds[1], got, sizeof(got), 0), 74);
	ck_assert_int_eq(memcmp(got + 6, mac_b, 6), 0);
	ck_assert_uint_eq(got[12] << 8 | got[13], 0x0806);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(hash_chooses_the_fd)
{
	int list[2] = {fds[0], fds[2]};
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep = endpoint(&o);
	struct fdnet_pkt *pkt = packet(ep, 100, 4);
	uint8_t got[256];

	pkt->hash = (uint32_t)_i + 4;
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt), 0);
	ck_assert_int_eq(recv(fds[_i ? 3 : 1], got, 256, MSG_DONTWAIT), 100);
	ck_assert_int_eq(recv(fds[_i ? 1 : 3], got, 256, MSG_DONTWAIT), -1);
	fdnet_endpoint_free(ep);
}
END_TEST

/* An IPv4 UDP packet between two ends, in one or the other direction. */
static struct fdnet_pkt *udp(struct fdnet_endpoint *ep, uint16_t port,
			     bool reverse)
{
	struct fdnet_pkt *pkt = packet(ep, 60, 4);
	uint8_t *p = pkt->data, a = 1, b = 2;
	uint16_t sport = port, dport = 53;

	if (reverse) {
		a = 2;
		b = 1;
		sport = 53;
		dport = port;
	}
	p[6] = p[7] = 0;
	p[9] = 17;
	memcpy(p + 12, (uint8_t[]){10, 0, 0, a, 10, 0, 0, b}, 8);
	p[20] = (uint8_t)(sport >> 8);
	p[21] = (uint8_t)sport;
	p[22] = (uint8_t)(dport >> 8);
	p[23] = (uint8_t)dport;
	return pkt;
}

static int which_fd(void)
{
	uint8_t got[256];

	if (recv(fds[1], got, 256, MSG_DONTWAIT) > 0)
		return 0;
	ck_assert_int_gt(recv(fds[3], got, 256, MSG_DONTWAIT), 0);
	return 1;
}

START_TEST(flows_spread_over_fds_symmetrically)
{
	int list[2] = {fds[0], fds[2]}, used[2] = {0, 0}, one, two;
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep = endpoint(&o);
	uint16_t port;

	for (port = 1000; port < 1064; port++) {
		fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
					    udp(ep, port, false));
		one = which_fd();
		fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
					    udp(ep, port, true));
		two = which_fd();
		ck_assert_int_eq(one, two);
		used[one]++;
	}
	ck_assert_int_gt(used[0], 8);
	ck_assert_int_gt(used[1], 8);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(descriptors_share_a_payload)
{
	uint8_t payload[3000], got[2048];
	struct fdnet_pkt_desc d[3] = {
		{"\x45"
		 "bcd",
		 4, 0, 1000},
		{"\x45"
		 "xyz",
		 4, 1000, 1000},
		{"\x45"
		 "end",
		 4, 2000, 0},
	};
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);
	int status[3] = {1, 1, 1}, i;

	for (i = 0; i < 3000; i++)
		payload[i] = pattern((uint32_t)i);
	ck_assert_int_eq(fdnet_endpoint_write_packets(ep, NULL, NULL, 0x0800, d,
						      3, payload, status),
			 3);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(status[i], 0);
		ck_assert_int_eq(recv(fds[1], got, sizeof(got), 0),
				 (ssize_t)(4 + d[i].size));
		ck_assert_int_eq(memcmp(got, d[i].hdr, 4), 0);
		ck_assert_int_eq(memcmp(got + 4, payload + d[i].off, d[i].size),
				 0);
	}
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_CALLS), 1);
	ck_assert_int_eq(fdnet_endpoint_write_packets(ep, NULL, NULL, 0, d, 0,
						      NULL, NULL),
			 0);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(large_batches_go_out_whole)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);
	struct fdnet_pkt *pkts[200];
	int status[200], i;
	uint8_t got[2048];

	for (i = 0; i < 200; i++)
		pkts[i] = packet(ep, 100 + (uint32_t)i, 4);
	ck_assert_int_eq(fdnet_endpoint_write_list(ep, pkts, 200, status), 200);
	for (i = 0; i < 200; i++) {
		ck_assert_int_eq(status[i], 0);
		ck_assert_int_eq(recv(fds[1], got, sizeof(got), MSG_DONTWAIT),
				 100 + i);
	}
	ck_assert_uint_lt(counter(ep, FDNET_EP_TX_CALLS), 10);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(oversize_in_a_batch_costs_only_itself)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;
	struct fdnet_pkt *pkts[5];
	int status[5], i, small = 100000;
	uint8_t got[2048];

	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	o.sndbuf = UINT32_MAX;
	ep = endpoint(&o);
	for (i = 0; i < 5; i++)
		pkts[i] = packet(ep, i == 2 ? 500000 : 500, 4);
	ck_assert_int_eq(fdnet_endpoint_write_list(ep, pkts, 5, status), 4);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(status[i], i == 2 ? -EMSGSIZE : 0);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(recv(fds[1], got, sizeof(got), MSG_DONTWAIT),
				 500);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_TOOBIG), 1);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_DROPPED), 1);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(raw_bytes_travel_verbatim)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;
	uint8_t got[64], none[VNET] = {0};

	o.gso_max_size = _i ? 65536 : 0;
	ep = endpoint(&o);
	ck_assert_int_eq(fdnet_endpoint_write_raw_packet(ep, "hello", 5), 0);
	ck_assert_int_eq(recv(fds[1], got, 64, 0), _i ? 15 : 5);
	ck_assert_int_eq(memcmp(got + (_i ? VNET : 0), "hello", 5), 0);
	if (_i)
		ck_assert_int_eq(memcmp(got, none, VNET), 0);
	ck_assert_int_eq(
		fdnet_endpoint_inject_outbound(ep, "abcd", 4, "hello", 5), 0);
	ck_assert_int_eq(fdnet_endpoint_write_raw_packet(ep, "", 0), -EINVAL);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(nobody_gets_sigpipe)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);
	struct fdnet_pkt *pkts[3];
	int status[3], i;

	signal(SIGPIPE, SIG_DFL);
	attach_polled(ep);
	close_fd(1);
	for (i = 0; i < 3; i++)
		pkts[i] = packet(ep, 100, 4);
	ck_assert_int_eq(fdnet_endpoint_write_list(ep, pkts, 3, status), 0);
	for (i = 0; i < 3; i++)
		ck_assert(status[i] == -EPIPE || status[i] == -ECONNRESET);
	ck_assert_uint_eq(fdnet_error_class(-status[2]),
			  FDNET_ERR_CLOSED_FOR_SEND);
	i = fdnet_endpoint_write_raw_packet(ep, "x", 1);
	ck_assert_int_eq(i, -EPIPE);
	/* the end is told from the read side, once */
	ck_assert_uint_eq(sink.closed, 0);
	ck_assert_int_eq(drain(ep), -EPIPE);
	ck_assert_int_eq(drain(ep), -EPIPE);
	ck_assert_uint_eq(sink.closed, 1);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_GONE), 4);
	fdnet_endpoint_free(ep);
	ck_assert_uint_eq(sink.closed, 1);
}
END_TEST

/* ---- a full link ---- */

/* Write until the link takes no more: how many it took. */
static unsigned int fill(struct fdnet_endpoint *ep, int *ret_status)
{
	struct fdnet_pkt *pkt;
	unsigned int n = 0;

	for (;;) {
		pkt = packet(ep, 1500, 4);
		*ret_status = fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt);
		if (*ret_status == -EAGAIN)
			fdnet_pkt_free(pkt);
		if (*ret_status)
			return n;
		n++;
		ck_assert_uint_lt(n, 20000);
	}
}

static unsigned int empty(int fd)
{
	uint8_t got[2048];
	unsigned int n = 0;

	while (recv(fd, got, sizeof(got), MSG_DONTWAIT) == 1500)
		n++;
	return n;
}

static struct fdnet_fd_options small_link(enum fdnet_tx_policy policy,
					  uint32_t len)
{
	struct fdnet_fd_options o = options(fds, 1);

	o.sndbuf = UINT32_MAX;
	o.tx_policy = policy;
	o.tx_queue_len = len;
	return o;
}

START_TEST(blind_drop_is_a_policy)
{
	struct fdnet_fd_options o =
		small_link(FDNET_TX_DROP_TAIL, FDNET_TX_QUEUE_NONE);
	struct fdnet_endpoint *ep = endpoint(&o);
	unsigned int n;
	int status;

	n = fill(ep, &status);
	ck_assert_int_eq(status, -ENOBUFS);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_DROPPED), 1);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_EAGAIN), 1);
	ck_assert_uint_eq(empty(fds[1]), n);
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
						     packet(ep, 1500, 4)),
			 0);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(returned_packets_stay_the_callers)
{
	struct fdnet_fd_options o = small_link(FDNET_TX_RETURN, 0);
	struct fdnet_endpoint *ep;
	struct fdnet_pkt *pkt;
	struct pollfd pfd;
	unsigned int n;
	int status;

	o.ethernet_header = _i & 1;
	o.gso_max_size = _i & 2 ? 65536 : 0;
	ep = endpoint(&o);
	attach_polled(ep);
	n = fill(ep, &status);
	ck_assert_int_eq(status, -EAGAIN);
	pkt = packet(ep, 1500, 4);
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt),
			 -EAGAIN);
	check_frame(pkt, 1500); /* no link header left in front */
	/* it says when there is room again */
	ck_assert_int_eq(fdnet_endpoint_poll_set(ep, &pfd, 1), 1);
	ck_assert_int_eq(pfd.events, POLLIN | POLLOUT);
	drain(ep);
	ck_assert_uint_eq(sink.writable, 0);
	while (n--) {
		uint8_t got[2048];

		ck_assert_int_gt(recv(fds[1], got, sizeof(got), 0), 0);
	}
	ck_assert_int_eq(poll(&pfd, 1, 1000), 1);
	drain(ep);
	ck_assert_uint_eq(sink.writable, 1);
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt), 0);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_DROPPED), 0);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(waiting_packets_go_out_later)
{
	bool head = _i;
	struct fdnet_fd_options o =
		small_link(head ? FDNET_TX_DROP_HEAD : FDNET_TX_DROP_TAIL, 10);
	struct fdnet_endpoint *ep = endpoint(&o);
	struct fdnet_endpoint_stats stats;
	unsigned int total = 0, i;
	struct pollfd pfd;
	int status = 0;

	attach_polled(ep);
	if (head) {
		for (i = 0; i < 500; i++)
			ck_assert_int_eq(
				fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
							    packet(ep, 1500, 4)),
				0);
		ck_assert_uint_gt(counter(ep, FDNET_EP_TX_DROPPED), 100);
		total = 500 - (unsigned int)counter(ep, FDNET_EP_TX_DROPPED);
	} else {
		total = fill(ep, &status);
		ck_assert_int_eq(status, -ENOBUFS);
	}
	fdnet_endpoint_stats(ep, 0, &stats);
	ck_assert_uint_eq(stats.tx_queue_now, 10);
	ck_assert_int_eq(fdnet_endpoint_poll_set(ep, &pfd, 1), 1);
	ck_assert_int_eq(pfd.events, POLLIN | POLLOUT);
	i = empty(fds[1]);
	ck_assert_uint_eq(i, total - 10);
	drain(ep);
	ck_assert_uint_eq(empty(fds[1]), 10);
	fdnet_endpoint_stats(ep, 0, &stats);
	ck_assert_uint_eq(stats.tx_queue_now, 0);
	ck_assert_uint_eq(sink.writable, 1);
	drain(ep);
	fdnet_endpoint_poll_set(ep, &pfd, 1);
	ck_assert_int_eq(pfd.events, POLLIN);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(waiting_packets_own_their_payload)
{
	struct fdnet_fd_options o = small_link(FDNET_TX_DROP_TAIL, 100);
	struct fdnet_endpoint *ep = endpoint(&o);
	uint8_t *payload = malloc(70000), got[2048];
	struct fdnet_pkt_desc d[2];
	int rc, n = 0, i;

	attach_polled(ep);
	for (i = 0; i < 70000; i++)
		payload[i] = pattern((uint32_t)i);
	do {
		d[0] = (struct fdnet_pkt_desc){"\x45", 1, 0, 1400};
		d[1] = (struct fdnet_pkt_desc){"\x46", 1, 1400, 1400};
		rc = fdnet_endpoint_write_packets(ep, NULL, NULL, 0, d, 2,
						  payload, NULL);
		ck_assert_int_eq(rc, 2);
		n += 2;
	} while (!counter(ep, FDNET_EP_TX_QUEUED));
	memset(payload, 0, 70000); /* ours again */
	free(payload);
	for (i = 0; i < n;) {
		if (recv(fds[1], got, sizeof(got), MSG_DONTWAIT) < 0) {
			drain(ep);
			continue;
		}
		ck_assert_uint_eq(got[0], 0x45 + i % 2);
		ck_assert_uint_eq(got[1400],
				  pattern(1399 + 1400 * (uint32_t)(i % 2)));
		i++;
	}
	fdnet_endpoint_free(ep);
}
END_TEST

static void *slow_reader(void *arg)
{
	unsigned int *left = arg;
	uint8_t got[2048];

	for (; *left; --*left)
		ck_assert_int_eq(recv(fds[1], got, sizeof(got), 0), 1500);
	return NULL;
}

START_TEST(blocking_writers_lose_nothing)
{
	struct fdnet_fd_options o = small_link(FDNET_TX_BLOCK, 5);
	struct fdnet_endpoint *ep;
	unsigned int left = 3000, i;
	pthread_t reader;

	o.tx_block_ms = 20000;
	ep = endpoint(&o);
	attach_threads(ep);
	ck_assert_int_eq(pthread_create(&reader, NULL, slow_reader, &left), 0);
	for (i = 0; i < 3000; i++)
		ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
							     packet(ep, 1500, 4)),
				 0);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_DROPPED), 0);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_PKTS), 3000);
	fdnet_endpoint_free(ep);
}
END_TEST

static Suite *tx_suite(void)
{
	Suite *s = suite_create("endpoint_tx");
	TCase *tc = tcase_create("write");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, write_packet_matrix, 0, 12);
	tcase_add_test(tc, route_local_address_is_kept_as_source);
	tcase_add_loop_test(tc, hash_chooses_the_fd, 0, 2);
	tcase_add_test(tc, flows_spread_over_fds_symmetrically);
	tcase_add_test(tc, descriptors_share_a_payload);
	tcase_add_test(tc, large_batches_go_out_whole);
	tcase_add_test(tc, oversize_in_a_batch_costs_only_itself);
	tcase_add_loop_test(tc, raw_bytes_travel_verbatim, 0, 2);
	tcase_add_test(tc, nobody_gets_sigpipe);
	tcase_add_test(tc, blind_drop_is_a_policy);
	tcase_add_loop_test(tc, returned_packets_stay_the_callers, 0, 4);
	tcase_add_loop_test(tc, waiting_packets_go_out_later, 0, 2);
	tcase_add_test(tc, waiting_packets_own_their_payload);
	tcase_add_test(tc, blocking_writers_lose_nothing);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(tx_suite());
}
