/* SPDX-License-Identifier: Apache-2.0 */
/* Fd endpoints: what is read, what is written, what is dropped. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "tests/ep_util.h"

#define VNET 10

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 2};
static int fds[4];

static void setup(void)
{
	pair_of(SOCK_SEQPACKET, fds);
	pair_of(SOCK_SEQPACKET, fds + 2);
}

static void teardown(void)
{
	int i;

	sink_clear();
	for (i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void close_fd(int i)
{
	close(fds[i]);
	fds[i] = -1;
}

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

static Suite *io_suite(void)
{
	Suite *s = suite_create("endpoint_io");
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

	tc = tcase_create("read");
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
	tcase_add_loop_test(tc, no_allocation_after_warm_up, 0, 2);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(io_suite());
}
