/* SPDX-License-Identifier: Apache-2.0 */
/* The link: framing over a SEQPACKET pair, plain packets, the end. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "endpoint/link.h"
#include "endpoint/sum.h"

#define ALL_FEATURES (FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO | FDNET_LINK_F_BIG)
#define MAX_MSG	     (1u << 20)

/* One side, with what it received last. */
struct side {
	struct fdnet_link *link;
	unsigned int pkts, controls;
	struct fdnet_pkt *first, *last;
	uint8_t body[FDNET_LINK_CONTROL_MAX];
	size_t body_len;
	enum fdnet_link_type type;
	int fd;
};

static struct fdnet_pkt_pool *pool;
static struct side a, b;
static int fds[2];

static void on_packet(void *arg, struct fdnet_pkt *pkt)
{
	struct side *side = arg;

	if (side->last)
		side->last->next = pkt;
	else
		side->first = pkt;
	side->last = pkt;
	side->pkts++;
}

static void on_control(void *arg, enum fdnet_link_type type,
		       const uint8_t *body, size_t len, int fd)
{
	struct side *side = arg;

	side->controls++;
	side->type = type;
	side->body_len = len;
	memcpy(side->body, body, len);
	if (side->fd >= 0)
		close(side->fd);
	side->fd = fd;
}

static const struct fdnet_link_ops ops = {
	.packet = on_packet,
	.control = on_control,
};

static struct fdnet_link_config config(struct side *side, int fd)
{
	return (struct fdnet_link_config){
		.mem = fdnet_mem_libc(),
		.pool = pool,
		.fd = fd,
		.max_msg = MAX_MSG,
		.ops = &ops,
		.arg = side,
	};
}

static void side_open(struct side *side, int fd, bool plain, bool accept_fds)
{
	struct fdnet_link_config cfg = config(side, fd);

	*side = (struct side){.fd = -1};
	cfg.plain = plain;
	cfg.accept_fds = accept_fds;
	ck_assert_int_eq(fdnet_link_new(&cfg, &side->link), 0);
	if (!plain)
		fdnet_link_set_features(side->link, ALL_FEATURES);
}

static void side_forget(struct side *side)
{
	fdnet_pkt_free_list(side->first);
	side->first = side->last = NULL;
}

static void side_close(struct side *side)
{
	side_forget(side);
	if (side->fd >= 0)
		close(side->fd);
	fdnet_link_free(side->link);
	side->link = NULL;
}

static void open_pair(int type, bool plain, bool accept_fds)
{
	int size = 8 << 20;

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 256, 0);
	side_open(&a, fds[0], plain, accept_fds);
	side_open(&b, fds[1], plain, accept_fds);
}

static void setup(void)
{
	open_pair(SOCK_SEQPACKET, false, false);
}

static void setup_fds(void)
{
	open_pair(SOCK_SEQPACKET, false, true);
}

static void setup_plain(void)
{
	open_pair(SOCK_SEQPACKET, true, false);
}

static void teardown(void)
{
	side_close(&a);
	side_close(&b);
	if (fds[0] >= 0)
		close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}

static void close_a(void)
{
	close(fds[0]);
	fds[0] = -1;
}

static uint8_t byte_at(uint32_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

/* A packet of @total bytes; headers linear, the rest in slices. */
static struct fdnet_pkt *make(uint32_t total, uint8_t version)
{
	uint32_t linear = total < 60 ? total : 60, at, n, i;
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t *p = fdnet_pkt_put(pkt, linear);

	for (i = 0; i < linear; i++)
		p[i] = byte_at(i);
	p[0] = (uint8_t)(version << 4 | 5);
	for (at = linear; at < total; at += n) {
		struct fdnet_buf *buf = fdnet_buf_new(pool);

		n = total - at < buf->size ? total - at : buf->size;
		for (i = 0; i < n; i++)
			buf->data[i] = byte_at(at + i);
		fdnet_pkt_add_slice(pkt, buf, buf->data, n);
		fdnet_buf_unref(buf);
	}
	return pkt;
}

static void check_packet(const struct fdnet_pkt *pkt, uint32_t total)
{
	uint8_t *got = malloc(total);
	uint32_t i;

	ck_assert_uint_eq(fdnet_pkt_total(pkt), total);
	fdnet_pkt_copy_out(pkt, 0, got, total);
	for (i = 1; i < total; i++)
		if (got[i] != byte_at(i))
			ck_abort_msg("byte %u differs", i);
	free(got);
}

static const uint32_t sizes[] = {
	20,
	59,
	60,
	61,
	1500,
	2047,
	2048,
	2049,
	2064,
	9000,
	65520,
	65535,
	65536,
	67584,
	67585,
	100000,
	200000,
	512000,
	MAX_MSG - FDNET_LINK_HDR_LEN,
};
#define NSIZES (int)(sizeof(sizes) / sizeof(sizes[0]))

START_TEST(packets_of_every_size_arrive_whole)
{
	struct fdnet_pkt *held[3] = {NULL};
	int round;

	/* Several, so that partly used buffers are used again. */
	for (round = 0; round < 10; round++) {
		struct fdnet_pkt *pkt = make(sizes[_i], 4);

		ck_assert_int_eq(fdnet_link_send(a.link, pkt), 0);
		ck_assert_int_eq(fdnet_link_send(a.link, make(900, 6)), 0);
		ck_assert_int_eq(fdnet_link_recv(b.link, 64), 2);
		check_packet(b.first, sizes[_i]);
		ck_assert_uint_eq(b.first->ethertype, 0x0800);
		check_packet(b.last, 900);
		ck_assert_uint_eq(b.last->ethertype, 0x86dd);
		/* Keep the first few while their buffers' rests are used. */
		fdnet_pkt_free_list(held[round % 3]);
		held[round % 3] = b.first;
		b.first = b.last = NULL;
	}
	for (round = 0; round < 3; round++) {
		check_packet(held[round], sizes[_i]);
		fdnet_pkt_free_list(held[round]);
	}
}
END_TEST

START_TEST(batches_keep_order_and_budget)
{
	int i, n, total = 0;

	for (i = 0; i < 50; i++)
		ck_assert_int_eq(
			fdnet_link_send(a.link, make(20 + 700 * (uint32_t)i, 4)),
			0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 3), 3);
	ck_assert_int_eq(fdnet_link_recv(b.link, 11), 11);
	total = 14;
	while ((n = fdnet_link_recv(b.link, 20)) > 0)
		total += n;
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(total, 50);
	for (i = 0; i < 50; i++) {
		struct fdnet_pkt *pkt = b.first;

		check_packet(pkt, 20 + 700 * (uint32_t)i);
		b.first = pkt->next;
		fdnet_pkt_free(pkt);
	}
	b.last = NULL;
}
END_TEST

START_TEST(metadata_travels)
{
	struct fdnet_pkt *pkt = make(5000, 6);

	pkt->gso_size = 1420;
	pkt->gso_type = FDNET_GSO_TCPV6;
	pkt->flags = FDNET_PKT_CSUM_PARTIAL;
	pkt->csum_start = 40;
	pkt->csum_offset = 16;
	ck_assert_int_eq(fdnet_link_send(a.link, pkt), 0);
	pkt = make(100, 4);
	pkt->flags = FDNET_PKT_CSUM_TRUSTED;
	ck_assert_int_eq(fdnet_link_send(a.link, pkt), 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 8), 2);
	ck_assert_uint_eq(b.first->gso_size, 1420);
	ck_assert_uint_eq(b.first->gso_type, FDNET_GSO_TCPV6);
	ck_assert_uint_eq(b.first->flags, FDNET_PKT_CSUM_PARTIAL);
	ck_assert_uint_eq(b.first->csum_start, 40);
	ck_assert_uint_eq(b.first->csum_offset, 16);
	ck_assert_uint_eq(b.last->flags, FDNET_PKT_CSUM_TRUSTED);
}
END_TEST

START_TEST(control_messages_travel_between_packets)
{
	uint8_t body[FDNET_LINK_CONTROL_MAX];

	memset(body, 0x5a, sizeof(body));
	ck_assert_int_eq(fdnet_link_send(a.link, make(100, 4)), 0);
	ck_assert_int_eq(fdnet_link_send_control(a.link, FDNET_LINK_CONTROL,
						 body, sizeof(body), -1),
			 0);
	ck_assert_int_eq(fdnet_link_send_control(a.link, FDNET_LINK_CONTROL,
						 body, sizeof(body) + 1, -1),
			 -EINVAL);
	ck_assert_int_eq(fdnet_link_recv(b.link, 8), 2);
	ck_assert_uint_eq(b.pkts, 1);
	ck_assert_uint_eq(b.controls, 1);
	ck_assert_uint_eq(b.body_len, sizeof(body));
	ck_assert_int_eq(memcmp(body, b.body, sizeof(body)), 0);
	ck_assert_int_eq(b.type, FDNET_LINK_CONTROL);
	/* an empty body is a message too */
	ck_assert_int_eq(fdnet_link_send_control(a.link, FDNET_LINK_HELLO, NULL,
						 0, -1),
			 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 8), 1);
	ck_assert_uint_eq(b.body_len, 0);
}
END_TEST

START_TEST(nothing_but_hello_before_features)
{
	struct fdnet_link_config cfg = config(&b, fds[1]);

	fdnet_link_free(b.link);
	ck_assert_int_eq(fdnet_link_new(&cfg, &b.link), 0);
	fdnet_link_send(a.link, make(100, 4));
	fdnet_link_send_control(a.link, FDNET_LINK_CONTROL, "x", 1, -1);
	fdnet_link_send_control(a.link, FDNET_LINK_HELLO, "y", 1, -1);
	ck_assert_int_eq(fdnet_link_recv(b.link, 8), 3);
	ck_assert_uint_eq(b.pkts, 0);
	ck_assert_uint_eq(b.controls, 1);
	ck_assert_int_eq(b.type, FDNET_LINK_HELLO);
	ck_assert_uint_eq(fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_TYPE],
			  2);
	fdnet_link_set_features(b.link, ~0u);
	/* references need an area */
	ck_assert_uint_eq(fdnet_link_features(b.link),
			  ALL_FEATURES | FDNET_LINK_F_BATCH);
}
END_TEST

START_TEST(all_is_delivered_before_the_end)
{
	int i, n, total = 0;

	for (i = 0; i < 30; i++)
		fdnet_link_send(a.link, make(1500, 4));
	if (_i) /* the peer dies with our packets unread: ECONNRESET first */
		fdnet_link_send(b.link, make(1500, 4));
	close_a();
	while ((n = fdnet_link_recv(b.link, 7)) > 0)
		total += n;
	ck_assert_int_eq(n, -EPIPE);
	ck_assert_int_eq(total, 30);
	ck_assert_uint_eq(b.pkts, 30);
	ck_assert_int_eq(fdnet_link_recv(b.link, 7), -EPIPE);
	n = fdnet_link_send(b.link, make(1500, 4));
	ck_assert(n == -EPIPE || n == -ECONNRESET);
}
END_TEST

START_TEST(empty_messages_are_not_the_end)
{
	int i, n, total = 0;

	for (i = 0; i < 20; i++)
		ck_assert_int_eq(send(fds[0], "", 0, 0), 0);
	while ((n = fdnet_link_recv(b.link, 64)) > 0)
		total += n;
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(total, 20);
	/* and empty ones, a good one, the end */
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(send(fds[0], "", 0, 0), 0);
	fdnet_link_send(a.link, make(1500, 4));
	close_a();
	while ((n = fdnet_link_recv(b.link, 64)) > 0)
		total += n;
	ck_assert_int_eq(n, -EPIPE);
	ck_assert_uint_eq(b.pkts, 1);
}
END_TEST

START_TEST(full_fd_leaves_the_packet_to_the_caller)
{
	struct fdnet_pkt *pkt;
	int rc, sent = 0;

	for (;;) {
		pkt = make(60000, 4);
		rc = fdnet_link_send(a.link, pkt);
		if (rc)
			break;
		sent++;
	}
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_uint_eq(fdnet_link_stats(a.link)->tx_full, 1);
	while (fdnet_link_recv(b.link, 64) > 0)
		side_forget(&b);
	ck_assert_uint_eq(b.pkts, (unsigned int)sent);
	ck_assert_int_eq(fdnet_link_send(a.link, pkt), 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 1);
	check_packet(b.first, 60000);
}
END_TEST

START_TEST(what_was_not_agreed_is_not_sent)
{
	struct fdnet_pkt *pkt;

	fdnet_link_set_features(a.link, 0);
	ck_assert_int_eq(fdnet_link_send(a.link, make(65536, 4)), -EMSGSIZE);
	ck_assert_int_eq(fdnet_link_send(a.link, make(19, 4)), -EINVAL);
	pkt = make(3000, 4);
	pkt->flags = FDNET_PKT_CSUM_TRUSTED;
	fdnet_link_set_features(b.link, 0);
	ck_assert_int_eq(fdnet_link_send(a.link, pkt), 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 1);
	ck_assert_uint_eq(b.first->flags, 0);
	ck_assert_uint_eq(fdnet_link_stats(a.link)->tx_dropped, 2);
}
END_TEST

/* A TCP packet whose checksum was never computed, or only in part. */
START_TEST(peers_without_offload_get_real_checksums)
{
	static const uint16_t flags[] = {FDNET_PKT_CSUM_TRUSTED,
					 FDNET_PKT_CSUM_PARTIAL};
	struct fdnet_pkt *pkt = make(1000, 4);
	struct fdnet_l4 l4;
	uint64_t sum;

	memset(pkt->data, 0, 60);
	memcpy(pkt->data, "\x45\0\x03\xe8\0\0\0\0\x40\6", 10);
	pkt->data[32] = 0x50;
	ck_assert(fdnet_l4_parse(pkt, &l4));
	ck_assert_uint_eq(l4.l4_len, 20);
	fdnet_l4_finish(pkt, &l4, true);
	pkt->flags = flags[_i];
	if (_i == 0)
		memset(pkt->data + 36, 0, 2);
	fdnet_link_set_features(a.link, 0);
	ck_assert_int_eq(fdnet_link_send(a.link, pkt), 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 8), 1);
	ck_assert_uint_eq(b.first->flags, 0);
	sum = fdnet_l4_pseudo(b.first->data, &l4, 980);
	ck_assert_uint_eq(fdnet_sum_fold(fdnet_sum_pkt(b.first, 20, sum)),
			  0xffff);
}
END_TEST

START_TEST(oversize_is_dropped_not_cut)
{
	struct fdnet_link_config cfg = config(&b, fds[1]);

	fdnet_link_free(b.link);
	cfg.max_msg = 4096;
	ck_assert_int_eq(fdnet_link_new(&cfg, &b.link), 0);
	fdnet_link_set_features(b.link, ALL_FEATURES);
	fdnet_link_send(a.link, make(4096 - FDNET_LINK_HDR_LEN, 4));
	fdnet_link_send(a.link, make(4097 - FDNET_LINK_HDR_LEN, 4));
	fdnet_link_send(a.link, make(100, 4));
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 3);
	ck_assert_uint_eq(b.pkts, 2);
	ck_assert_uint_eq(
		fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_TRUNCATED], 1);
}
END_TEST

/* Send raw bytes with @nfds copies of fd 0 attached. */
static void send_raw(const void *src, size_t len, int nfds)
{
	char buf[CMSG_SPACE(4 * sizeof(int))] = {0};
	struct iovec iov = {(void *)src, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	int list[4] = {fds[0], fds[0], fds[0], fds[0]};

	if (nfds) {
		msg.msg_control = buf;
		msg.msg_controllen = CMSG_LEN((size_t)nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), list, (size_t)nfds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fds[0], &msg, 0), (ssize_t)len);
}

static unsigned int open_fds(void)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void attach_message(uint8_t *dst)
{
	struct fdnet_link_hdr hdr = {.type = FDNET_LINK_ATTACH, .hdr_len = 4};

	fdnet_link_hdr_encode(dst, &hdr);
	memset(dst + FDNET_LINK_HDR_LEN, 7, 4);
}

START_TEST(unwanted_fds_never_enter)
{
	unsigned int before = open_fds();
	uint8_t msg[20];

	attach_message(msg);
	send_raw(msg, sizeof(msg), 2);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 1);
	ck_assert_uint_eq(b.controls, 0);
	ck_assert_uint_eq(fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_FDS], 1);
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

START_TEST(one_fd_is_taken_with_a_control_message)
{
	unsigned int before = open_fds();
	struct stat sent, got;
	uint8_t msg[20];

	attach_message(msg);
	send_raw(msg, sizeof(msg), 1);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 1);
	ck_assert_int_ge(b.fd, 0);
	ck_assert_int_eq(b.type, FDNET_LINK_ATTACH);
	ck_assert_int_eq(fcntl(b.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(fds[0], &sent) | fstat(b.fd, &got), 0);
	ck_assert(sent.st_ino == got.st_ino);
	ck_assert_uint_eq(open_fds(), before + 1);
	/* more than one: the rest is closed and counted */
	send_raw(msg, sizeof(msg), 4);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 1);
	ck_assert_uint_eq(open_fds(), before + 1);
	ck_assert_uint_eq(fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_FDS], 1);
	/* none */
	send_raw(msg, sizeof(msg), 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 1);
	ck_assert_int_eq(b.fd, -1);
	ck_assert_uint_eq(open_fds(), before);
	/* sent through the link */
	ck_assert_int_eq(fdnet_link_send_control(a.link, FDNET_LINK_ATTACH,
						 "abc", 3, fds[0]),
			 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 1);
	ck_assert_int_ge(b.fd, 0);
}
END_TEST

START_TEST(fds_with_packets_are_closed)
{
	unsigned int before = open_fds();
	struct fdnet_link_hdr hdr = {.type = FDNET_LINK_PACKET, .hdr_len = 20};
	uint8_t msg[36] = {0};

	fdnet_link_hdr_encode(msg, &hdr);
	msg[16] = 0x45;
	send_raw(msg, sizeof(msg), 1);
	send_raw(msg, 35, 1); /* malformed */
	send_raw(msg, sizeof(msg), 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 3);
	ck_assert_uint_eq(b.pkts, 1);
	ck_assert_uint_eq(open_fds(), before);
	ck_assert_uint_eq(fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_FDS], 1);
	ck_assert_uint_eq(fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_SHORT],
			  1);
}
END_TEST

START_TEST(plain_packets_travel_bare)
{
	uint8_t got[2048];

	ck_assert_int_eq(fdnet_link_send(a.link, make(1500, 4)), 0);
	ck_assert_int_eq(recv(fds[1], got, sizeof(got), 0), 1500);
	ck_assert_uint_eq(got[0], 0x45);
	ck_assert_uint_eq(got[1499], byte_at(1499));
	ck_assert_int_eq(fdnet_link_send(a.link, make(20000, 6)), 0);
	ck_assert_int_eq(send(fds[0], "short", 5, 0), 5);
	memset(got, 0x75, 40);
	ck_assert_int_eq(send(fds[0], got, 40, 0), 40);
	ck_assert_int_eq(send(fds[0], "", 0, 0), 0);
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), 4);
	ck_assert_uint_eq(b.pkts, 1);
	check_packet(b.first, 20000);
	ck_assert_uint_eq(b.first->ethertype, 0x86dd);
	ck_assert_uint_eq(fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_SHORT],
			  2);
	ck_assert_uint_eq(fdnet_link_stats(b.link)->drop[FDNET_LINK_DROP_TYPE],
			  1);
	ck_assert_int_eq(fdnet_link_send_control(a.link, FDNET_LINK_HELLO, "x",
						 1, -1),
			 -EINVAL);
	close_a();
	ck_assert_int_eq(fdnet_link_recv(b.link, 64), -EPIPE);
}
END_TEST

START_TEST(bad_settings_are_refused)
{
	struct fdnet_link_config cfg = config(&a, fds[0]);
	struct fdnet_link *link = NULL;
	int pipefd[2], stream[2];

	cfg.max_msg = 2047;
	ck_assert_int_eq(fdnet_link_new(&cfg, &link), -EINVAL);
	cfg.max_msg = MAX_MSG + 1;
	ck_assert_int_eq(fdnet_link_new(&cfg, &link), -EINVAL);
	cfg = config(&a, -1);
	ck_assert_int_eq(fdnet_link_new(&cfg, &link), -EBADF);
	cfg = config(&a, fds[0]);
	cfg.ops = NULL;
	ck_assert_int_eq(fdnet_link_new(&cfg, &link), -EINVAL);
	ck_assert_int_eq(pipe(pipefd), 0);
	cfg = config(&a, pipefd[0]);
	cfg.plain = true;
	ck_assert_int_eq(fdnet_link_new(&cfg, &link), -EINVAL);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	cfg = config(&a, stream[0]);
	ck_assert_int_eq(fdnet_link_new(&cfg, &link), -EINVAL);
	ck_assert_ptr_null(link);
	close(pipefd[0]);
	close(pipefd[1]);
	close(stream[0]);
	close(stream[1]);
}
END_TEST

/* ---- the header ---- */

static const struct {
	const char *label;
	struct fdnet_link_hdr hdr;
	size_t len; /* of the message, without the link header */
	uint32_t features;
	int drop; /* -1: accepted */
} headers[] = {
	{"packet", {0xf3, 0, 40, 100}, 140, 0, -1},
	{"no payload", {0xf3, 0, 40, 0}, 40, 0, -1},
	{"short", {0xf3, 0, 40, 100}, 139, 0, FDNET_LINK_DROP_SHORT},
	{"long", {0xf3, 0, 40, 100}, 141, 0, FDNET_LINK_DROP_LENGTH},
	{"no ip header", {0xf3, 0, 19, 100}, 119, 0, FDNET_LINK_DROP_LENGTH},
	{"long headers", {0xf3, 0, 2049, 0}, 2049, 0, FDNET_LINK_DROP_LENGTH},
	{"length wraps",
	 {0xf3, 0, 40, UINT32_MAX - 15},
	 40,
	 FDNET_LINK_F_BIG,
	 FDNET_LINK_DROP_SHORT},
	{"big", {0xf3, 0, 40, 65496}, 65536, 0, FDNET_LINK_DROP_FEATURE},
	{"big agreed", {0xf3, 0, 40, 65496}, 65536, FDNET_LINK_F_BIG, -1},
	{"gso", {0xf3, 0, 40, 100, 50, 1}, 140, 0, FDNET_LINK_DROP_FEATURE},
	{"gso agreed", {0xf3, 0, 40, 100, 50, 1}, 140, FDNET_LINK_F_GSO, -1},
	{"gso type",
	 {0xf3, 0, 40, 100, 50, 2},
	 140,
	 FDNET_LINK_F_GSO,
	 FDNET_LINK_DROP_FEATURE},
	{"gso type alone",
	 {0xf3, 0, 40, 100, 0, 1},
	 140,
	 FDNET_LINK_F_GSO,
	 FDNET_LINK_DROP_LENGTH},
	{"trusted", {0xf3, 1, 40, 100}, 140, 0, FDNET_LINK_DROP_FEATURE},
	{"trusted agreed", {0xf3, 1, 40, 100}, 140, FDNET_LINK_F_CSUM, -1},
	{"partial", {0xf3, 2, 40, 100, 0, 0, 0, 20, 16}, 140, FDNET_LINK_F_CSUM, -1},
	{"partial at the end",
	 {0xf3, 2, 40, 100, 0, 0, 0, 20, 118},
	 140,
	 FDNET_LINK_F_CSUM,
	 -1},
	{"partial outside",
	 {0xf3, 2, 40, 100, 0, 0, 0, 20, 119},
	 140,
	 FDNET_LINK_F_CSUM,
	 FDNET_LINK_DROP_LENGTH},
	{"partial in ip",
	 {0xf3, 2, 40, 100, 0, 0, 0, 19, 16},
	 140,
	 FDNET_LINK_F_CSUM,
	 FDNET_LINK_DROP_LENGTH},
	{"partial far away",
	 {0xf3, 2, 40, 4000, 0, 0, 0, 20, 2027},
	 4040,
	 FDNET_LINK_F_CSUM,
	 FDNET_LINK_DROP_LENGTH},
	{"start unused",
	 {0xf3, 0, 40, 100, 0, 0, 0, 20, 0},
	 140,
	 FDNET_LINK_F_CSUM,
	 FDNET_LINK_DROP_LENGTH},
	{"unknown flag",
	 {0xf3, 4, 40, 100},
	 140,
	 FDNET_LINK_F_CSUM,
	 FDNET_LINK_DROP_FEATURE},
	{"references", {0xf3, 0, 40, 100, 0, 0, 1}, 48, 0, FDNET_LINK_DROP_FEATURE},
	{"references agreed", {0xf3, 0, 40, 100, 0, 0, 1}, 48, FDNET_LINK_F_AREA, -1},
	{"reference cut",
	 {0xf3, 0, 40, 100, 0, 0, 1},
	 47,
	 FDNET_LINK_F_AREA,
	 FDNET_LINK_DROP_SHORT},
	{"control", {0xf4, 0, 12}, 12, 0, -1},
	{"hello", {0xf1, 0, 40}, 40, 0, -1},
	{"welcome", {0xf2, 0, 104}, 104, 0, -1},
	{"attach", {0xf5, 0, 16}, 16, 0, -1},
	{"control short", {0xf4, 0, 12}, 11, 0, FDNET_LINK_DROP_SHORT},
	{"control long", {0xf4, 0, 12}, 13, 0, FDNET_LINK_DROP_LENGTH},
	{"control large", {0xf4, 0, 1025}, 1025, 0, FDNET_LINK_DROP_LENGTH},
	{"control payload", {0xf4, 0, 12, 1}, 12, 0, FDNET_LINK_DROP_LENGTH},
	{"control flags", {0xf4, 1, 12}, 12, ~0u, FDNET_LINK_DROP_LENGTH},
	{"type 0", {0, 0, 40, 100}, 140, ~0u, FDNET_LINK_DROP_TYPE},
	{"type f0", {0xf0, 0, 40, 100}, 140, ~0u, FDNET_LINK_DROP_TYPE},
	{"type f9", {0xf9, 0, 40, 100}, 140, ~0u, FDNET_LINK_DROP_TYPE},
	{"ring", {0xf7}, 0, ~0u, -1},
	{"kick", {0xf8}, 0, ~0u, -1},
	{"ring not agreed", {0xf7}, 0, 63, FDNET_LINK_DROP_FEATURE},
	{"kick with a body", {0xf8, 0, 4}, 4, ~0u, FDNET_LINK_DROP_LENGTH},
	{"an ip packet", {0x45, 0, 40, 100}, 140, ~0u, FDNET_LINK_DROP_TYPE},
};

START_TEST(header_is_checked)
{
	struct fdnet_link_hdr got;
	uint8_t src[FDNET_LINK_HDR_LEN];
	int want = headers[_i].drop < 0 ? 0 : -headers[_i].drop - 1;
	size_t len;
	int rc;

	fdnet_link_hdr_encode(src, &headers[_i].hdr);
	rc = fdnet_link_hdr_decode(src, headers[_i].len + FDNET_LINK_HDR_LEN,
				   headers[_i].features, &got);
	ck_assert_msg(rc == want, "%s: %d, not %d", headers[_i].label, rc, want);
	if (rc)
		return;
	ck_assert_int_eq(memcmp(&got, &headers[_i].hdr, sizeof(got)), 0);
	for (len = 0; len < headers[_i].len + FDNET_LINK_HDR_LEN; len++) {
		rc = fdnet_link_hdr_decode(src, len, headers[_i].features, &got);
		/* referenced payload is not part of the message */
		if (!headers[_i].hdr.nrefs || len < FDNET_LINK_HDR_LEN + 48)
			ck_assert_msg(rc < 0, "%s, %zu bytes",
				      headers[_i].label, len);
	}
}
END_TEST

START_TEST(changed_bytes_never_hurt)
{
	uint8_t msg[FDNET_LINK_HDR_LEN + 60];
	struct fdnet_link_hdr hdr = {
		.type = FDNET_LINK_PACKET, .hdr_len = 40, .payload_len = 20};
	unsigned int i, v;

	memset(msg, 0x45, sizeof(msg));
	fdnet_link_hdr_encode(msg, &hdr);
	for (i = 0; i < FDNET_LINK_HDR_LEN + 1; i++) {
		uint8_t was = msg[i];

		for (v = 0; v < 256; v++) {
			msg[i] = (uint8_t)v;
			send_raw(msg, sizeof(msg), 0);
			ck_assert_int_eq(fdnet_link_recv(b.link, 4), 1);
			if (b.last)
				ck_assert_uint_eq(fdnet_pkt_total(b.last), 60);
			side_forget(&b);
		}
		msg[i] = was;
	}
}
END_TEST

static TCase *link_tcase(Suite *s, const char *name, void (*start)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, start, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static Suite *link_suite(void)
{
	Suite *s = suite_create("link");
	TCase *tc = link_tcase(s, "framed", setup);
	int n = sizeof(headers) / sizeof(headers[0]);

	tcase_add_loop_test(tc, packets_of_every_size_arrive_whole, 0, NSIZES);
	tcase_add_test(tc, batches_keep_order_and_budget);
	tcase_add_test(tc, metadata_travels);
	tcase_add_test(tc, control_messages_travel_between_packets);
	tcase_add_test(tc, nothing_but_hello_before_features);
	tcase_add_loop_test(tc, all_is_delivered_before_the_end, 0, 2);
	tcase_add_test(tc, empty_messages_are_not_the_end);
	tcase_add_test(tc, full_fd_leaves_the_packet_to_the_caller);
	tcase_add_test(tc, what_was_not_agreed_is_not_sent);
	tcase_add_loop_test(tc, peers_without_offload_get_real_checksums, 0, 2);
	tcase_add_test(tc, oversize_is_dropped_not_cut);
	tcase_add_test(tc, unwanted_fds_never_enter);
	tcase_add_test(tc, bad_settings_are_refused);
	tcase_add_loop_test(tc, header_is_checked, 0, n);
	tcase_add_test(tc, changed_bytes_never_hurt);

	tc = link_tcase(s, "fds", setup_fds);
	tcase_add_test(tc, one_fd_is_taken_with_a_control_message);
	tcase_add_test(tc, fds_with_packets_are_closed);

	tc = link_tcase(s, "plain", setup_plain);
	tcase_add_test(tc, plain_packets_travel_bare);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(link_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
