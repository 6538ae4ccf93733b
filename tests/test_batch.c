/* SPDX-License-Identifier: Apache-2.0 */
/* Several packets in one message of the link, and a peer that lies. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "endpoint/link.h"
#include "tests/suite_main.h"

#define FEATURES (FDNET_LINK_F_CSUM | FDNET_LINK_F_BATCH)
#define HDR	 FDNET_LINK_HDR_LEN

static struct fdnet_pkt_pool *pool;
static struct fdnet_link *from, *to;
static struct fdnet_pkt *got, **got_end;
static unsigned int ngot;
static int fds[2];

static void on_packet(void *arg, struct fdnet_pkt *pkt)
{
	(void)arg;
	pkt->next = NULL;
	*got_end = pkt;
	got_end = &pkt->next;
	ngot++;
}

static void on_control(void *arg, enum fdnet_link_type type,
		       const uint8_t *body, size_t len, int fd)
{
	(void)arg;
	(void)type;
	(void)body;
	(void)len;
	(void)fd;
}

static const struct fdnet_link_ops ops = {
	.packet = on_packet,
	.control = on_control,
};

static struct fdnet_link *open_link(int fd, uint32_t max_msg)
{
	struct fdnet_link_config cfg = {
		.mem = fdnet_mem_libc(),
		.pool = pool,
		.fd = fd,
		.max_msg = max_msg,
		.ops = &ops,
	};
	struct fdnet_link *link;

	ck_assert_int_eq(fdnet_link_new(&cfg, &link), 0);
	fdnet_link_set_features(link, FEATURES);
	return link;
}

static void setup(void)
{
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 8, 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	from = open_link(fds[0], 1u << 18);
	to = open_link(fds[1], 1u << 18);
	got = NULL;
	got_end = &got;
	ngot = 0;
}

static void teardown(void)
{
	fdnet_pkt_free_list(got);
	fdnet_link_free(from);
	fdnet_link_free(to);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
	close(fds[0]);
	close(fds[1]);
}

/* A list of packets, the i-th with i in its bytes. */
static struct fdnet_pkt *make_list(unsigned int n, uint32_t len)
{
	struct fdnet_pkt *list = NULL;

	while (n--) {
		struct fdnet_pkt *pkt = fdnet_pkt_new(pool);

		memset(fdnet_pkt_put(pkt, len), (int)n, len);
		pkt->data[0] = 0x45;
		pkt->next = list;
		list = pkt;
	}
	return list;
}

static void check_got(unsigned int n, uint32_t len)
{
	struct fdnet_pkt *pkt = got;

	ck_assert_uint_eq(ngot, n);
	for (unsigned int i = 0; i < n; i++, pkt = pkt->next) {
		ck_assert_uint_eq(fdnet_pkt_total(pkt), len);
		ck_assert_uint_eq(pkt->data[0], 0x45);
		ck_assert_uint_eq(pkt->data[len - 1], i & 0xff);
		ck_assert_uint_eq(pkt->ethertype, 0x0800);
	}
}

static const struct {
	const char *label;
	unsigned int n;
	uint32_t len;
	unsigned int messages;
} lists[] = {
	{"one is a plain message", 1, 60, 1},
	{"two", 2, 20, 1},
	{"a full batch", 64, 100, 1},
	{"one more", 65, 100, 2},
	{"as many as 64 KiB hold", 45, 1428, 1},
	{"more than 64 KiB", 64, 1428, 2},
	{"the largest packets", 5, FDNET_LINK_BATCH_PKT_MAX, 1},
	{"a long list", 200, 900, 4},
};

START_TEST(a_list_arrives_in_order)
{
	struct fdnet_pkt *rest;
	int rc;

	rest = fdnet_link_send_list(from, make_list(lists[_i].n, lists[_i].len),
				    &rc);
	ck_assert_ptr_null(rest);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_calls, lists[_i].messages);
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_pkts, lists[_i].n);
	while (fdnet_link_recv(to, 16) > 0)
		;
	check_got(lists[_i].n, lists[_i].len);
}
END_TEST

START_TEST(without_the_feature_each_goes_alone)
{
	int rc;

	fdnet_link_set_features(from, FDNET_LINK_F_CSUM);
	ck_assert_ptr_null(fdnet_link_send_list(from, make_list(5, 60), &rc));
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_calls, 5);
	fdnet_link_recv(to, 16);
	check_got(5, 60);
}
END_TEST

START_TEST(slices_and_large_packets_are_mixed_in)
{
	struct fdnet_pkt *list = make_list(4, 60);
	struct fdnet_pkt *big = list->next, *sliced = big->next;
	struct fdnet_buf *buf = fdnet_buf_new(pool);
	int rc;

	memset(buf->data, 7, 5000);
	fdnet_pkt_add_slice(big, buf, buf->data, 5000);
	fdnet_pkt_add_slice(sliced, buf, buf->data, 1400);
	fdnet_buf_unref(buf);
	ck_assert_ptr_null(fdnet_link_send_list(from, list, &rc));
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_calls, 3);
	while (fdnet_link_recv(to, 16) > 0)
		;
	ck_assert_uint_eq(ngot, 4);
	ck_assert_uint_eq(fdnet_pkt_total(got->next), 5060);
	ck_assert_uint_eq(fdnet_pkt_total(got->next->next), 1460);
	ck_assert_uint_eq(got->next->next->data[1459], 7);
}
END_TEST

START_TEST(a_full_link_gives_the_rest_back)
{
	struct fdnet_pkt *rest;
	unsigned int sent = 0, n = 0;
	int rc = 0;

	while (!rc) {
		rest = fdnet_link_send_list(from, make_list(64, 1000), &rc);
		sent += 64;
	}
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_ptr_nonnull(rest);
	for (struct fdnet_pkt *pkt = rest; pkt; pkt = pkt->next)
		n++;
	ck_assert_uint_eq(rest->data[999], (64 - n) & 0xff);
	fdnet_pkt_free_list(rest);
	while (fdnet_link_recv(to, 16) > 0)
		;
	ck_assert_uint_eq(ngot, sent - n);
}
END_TEST

START_TEST(the_peers_end_takes_the_list)
{
	int rc;

	fdnet_link_free(to);
	to = NULL;
	close(fds[1]);
	fds[1] = -1;
	ck_assert_ptr_null(fdnet_link_send_list(from, make_list(9, 60), &rc));
	ck_assert_int_eq(rc, -EPIPE);
}
END_TEST

/* ---- what a hostile peer sends ---- */

static uint8_t msg[4096];
static size_t msg_len;

/* A batch of @n packets of @len bytes, by hand. */
static void write_batch(unsigned int n, uint32_t len)
{
	struct fdnet_link_hdr hdr = {.type = FDNET_LINK_BATCH};

	hdr.hdr_len = (uint16_t)n;
	hdr.payload_len = n * (HDR + len);
	fdnet_link_hdr_encode(msg, &hdr);
	msg_len = HDR;
	for (unsigned int i = 0; i < n; i++) {
		hdr = (struct fdnet_link_hdr){.type = FDNET_LINK_PACKET,
					      .hdr_len = (uint16_t)len};
		fdnet_link_hdr_encode(msg + msg_len, &hdr);
		memset(msg + msg_len + HDR, (int)i, len);
		msg[msg_len + HDR] = 0x45;
		msg_len += HDR + len;
	}
}

static void send_msg(size_t len)
{
	ck_assert_int_eq(send(fds[0], msg, len, 0), (ssize_t)len);
	fdnet_link_recv(to, 8);
}

START_TEST(the_handmade_batch_is_good)
{
	write_batch(3, 40);
	send_msg(msg_len);
	check_got(3, 40);
}
END_TEST

START_TEST(a_shorter_message_is_dropped)
{
	write_batch(3, 40);
	send_msg((size_t)_i + 1);
	ck_assert_uint_eq(ngot, 0);
}
END_TEST

static const struct {
	const char *label;
	size_t at; /* of the byte that changes; then it is a u16 or more */
	uint8_t value;
	unsigned int ngot;
} changes[] = {
	{"a count of none", 2, 0, 0},
	{"a count too small", 2, 2, 2},
	{"a count too large", 2, 4, 3},
	{"more than a batch may have", 2, 65, 0},
	{"flags", 1, 1, 0},
	{"references", 11, 1, 0},
	{"a segment size", 8, 1, 0},
	{"a batch in a batch", HDR, 0xf6, 0},
	{"a control message in a batch", HDR, 0xf4, 0},
	{"a reference in a batch", HDR + 11, 1, 0},
	{"a packet too long", 2 * HDR + 40 + 3, 0xff, 1},
	{"a packet that ends in the next", 2 * HDR + 40 + 2, 200, 1},
	{"payload of 4 GiB", 2 * HDR + 40 + 7, 0xff, 1},
	{"no IP packet", 2 * HDR, 0x05, 2},
};

START_TEST(what_contradicts_ends_the_message)
{
	write_batch(3, 40);
	msg[changes[_i].at] = changes[_i].value;
	send_msg(msg_len);
	ck_assert_msg(ngot == changes[_i].ngot, "%s: %u", changes[_i].label,
		      ngot);
	/* the link goes on */
	write_batch(1, 40);
	send_msg(msg_len);
	ck_assert_uint_eq(ngot, changes[_i].ngot + 1);
}
END_TEST

START_TEST(no_byte_can_break_the_link)
{
	for (size_t at = 0; at < 3 * (HDR + 40); at++) {
		write_batch(3, 40);
		msg[at] ^= (uint8_t)(1u << _i);
		send_msg(msg_len);
	}
	ck_assert_uint_le(ngot, 3 * 3 * (HDR + 40));
}
END_TEST

static Suite *batch_suite(void)
{
	Suite *s = suite_create("batch");
	TCase *tc = tcase_create("batch");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_list_arrives_in_order, 0, N_ROWS(lists));
	tcase_add_test(tc, without_the_feature_each_goes_alone);
	tcase_add_test(tc, slices_and_large_packets_are_mixed_in);
	tcase_add_test(tc, a_full_link_gives_the_rest_back);
	tcase_add_test(tc, the_peers_end_takes_the_list);
	tcase_add_test(tc, the_handmade_batch_is_good);
	tcase_add_loop_test(tc, a_shorter_message_is_dropped, 0,
			    HDR + 3 * (HDR + 40) - 1);
	tcase_add_loop_test(tc, what_contradicts_ends_the_message, 0,
			    N_ROWS(changes));
	tcase_add_loop_test(tc, no_byte_can_break_the_link, 0, 8);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(batch_suite)
