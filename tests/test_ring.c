/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of messages: order and content, no room, a reader who sleeps, an
 * end that lies. Links that use it: order across ring and socket. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "endpoint/link.h"
#include "endpoint/packet_internal.h"
#include "endpoint/ring.h"
#include "tests/suite_main.h"

#define FEATURES                                                               \
	(FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO | FDNET_LINK_F_BIG |             \
	 FDNET_LINK_F_AREA | FDNET_LINK_F_BATCH | FDNET_LINK_F_RING)

static _Alignas(4096) uint8_t state[FDNET_RING_STATE];
static uint8_t data[FDNET_RING_SIZE];
static struct fdnet_ring tx, rx;

static void ring_setup(void)
{
	memset(state, 0, sizeof(state));
	fdnet_ring_init(&tx, state, data);
	fdnet_ring_init(&rx, state, data);
}

static uint32_t *words(void)
{
	return (uint32_t *)(void *)state;
}

/* An assertion writes down where it was; these are too many for that. */
static void must(bool ok, const char *what)
{
	if (!ok)
		ck_abort_msg("%s", what);
}

/* A message of @len bytes in two parts, all of them made from @seed. */
static int put(uint32_t seed, uint32_t len)
{
	uint8_t bytes[FDNET_RING_MSG_MAX];
	struct iovec iov[2] = {{bytes, len / 3},
			       {bytes + len / 3, len - len / 3}};

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seed * 7 + i);
	return fdnet_ring_put(&tx, iov, 2, len);
}

static void get(uint32_t seed, uint32_t len)
{
	uint8_t bytes[FDNET_RING_MSG_MAX];
	uint32_t good = 0;

	must(fdnet_ring_next(&rx) == len, "length");
	fdnet_ring_get(&rx, 0, bytes, len);
	while (good < len && bytes[good] == (uint8_t)(seed * 7 + good))
		good++;
	must(good == len, "bytes");
	fdnet_ring_get(&rx, len - 1, bytes, 1);
	must(bytes[0] == (uint8_t)(seed * 7 + len - 1), "last byte");
	fdnet_ring_done(&rx);
}

static uint32_t size_of(uint32_t i)
{
	return 1 + i * 61 % FDNET_RING_MSG_MAX;
}

START_TEST(messages_come_out_as_they_went_in)
{
	uint32_t in = 0, out = 0;

	ck_assert_int_eq(fdnet_ring_next(&rx), 0);
	/* many times around, and over the wrap of the positions */
	tx.pos = rx.pos = tx.limit = UINT32_MAX - 1000 * 8 + 1;
	words()[0] = words()[32] = tx.pos;
	while (out < 5000) {
		for (uint32_t n = in % 90; n && put(in, size_of(in)) == 0; n--)
			in++;
		in += put(in, size_of(in)) == 0;
		for (uint32_t n = 1 + in % 70; n && out < in; n--, out++)
			get(out, size_of(out));
	}
}
END_TEST

START_TEST(a_full_ring_has_room_for_the_sign_to_go_elsewhere)
{
	uint32_t n = 0, len = 1 + (uint32_t)_i;

	while (put(n, len) == 0)
		n++;
	ck_assert_int_eq(put(n, len), -EAGAIN);
	ck_assert_int_eq(fdnet_ring_put_elsewhere(&tx), 0);
	ck_assert(!fdnet_ring_is_drained(&tx));
	for (uint32_t i = 0; i < n; i++)
		get(i, len);
	ck_assert_int_eq(fdnet_ring_next(&rx), FDNET_RING_ELSEWHERE);
	ck_assert(!fdnet_ring_is_drained(&tx));
	fdnet_ring_done(&rx);
	ck_assert(fdnet_ring_is_drained(&tx));
	ck_assert_int_eq(put(1, len), 0);
	get(1, len);
}
END_TEST

START_TEST(a_sleeper_is_woken_once)
{
	ck_assert_int_eq(put(0, 10), 0);
	ck_assert(!fdnet_ring_sleep(&rx));
	get(0, 10);
	ck_assert(fdnet_ring_sleep(&rx));
	ck_assert(!fdnet_ring_has(&rx));
	ck_assert_int_eq(put(1, 10), 1);
	ck_assert_int_eq(put(2, 10), 0);
	ck_assert(fdnet_ring_has(&rx));
	get(1, 10);
	get(2, 10);
	ck_assert(fdnet_ring_sleep(&rx));
	fdnet_ring_awake(&rx);
	ck_assert_int_eq(put(3, 10), 0);
}
END_TEST

/* What a hostile writer may leave in the memory of both. */
static const struct {
	const char *label;
	uint32_t written, len;
	int64_t next;
} lies[] = {
	{"less than a head", 4, 1, -EPROTO},
	{"more than the ring", FDNET_RING_SIZE + 8, 8, -EPROTO},
	{"backwards", (uint32_t)-8, 8, -EPROTO},
	{"nothing in it", 64, 0, -EPROTO},
	{"longer than a message", 4096, FDNET_RING_MSG_MAX + 1, -EPROTO},
	{"longer than what is there", 64, 57, -EPROTO},
	{"huge", 64, UINT32_MAX - 1, -EPROTO},
	{"all that is there", 64, 56, 56},
	{"elsewhere", 8, FDNET_RING_ELSEWHERE, FDNET_RING_ELSEWHERE},
};

START_TEST(lies_of_a_writer_are_found_out)
{
	memcpy(data, &lies[_i].len, 4);
	words()[0] = lies[_i].written;
	ck_assert(fdnet_ring_has(&rx));
	ck_assert_msg(fdnet_ring_next(&rx) == lies[_i].next, "%s",
		      lies[_i].label);
}
END_TEST

START_TEST(lies_of_a_reader_only_keep_the_writer_waiting)
{
	words()[32] = 12345; /* ahead of what was written */
	for (int i = 0; i < 1000; i++)
		put(1, FDNET_RING_MSG_MAX);
	ck_assert_int_eq(put(1, FDNET_RING_MSG_MAX), -EAGAIN);
	ck_assert(!fdnet_ring_is_drained(&tx));
}
END_TEST

#define MANY 20000

static void *writer(void *arg)
{
	int *wake = arg;

	for (uint32_t i = 0; i < MANY;) {
		int rc = put(i, size_of(i) % 100 + 1);

		if (rc < 0)
			continue;
		i++;
		if (rc == 1)
			must(write(*wake, "", 1) == 1, "write");
	}
	return NULL;
}

START_TEST(two_threads_lose_nothing_and_sleep_in_between)
{
	pthread_t thread;
	int pipes[2];
	char byte;

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, writer, &pipes[1]), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		if (!fdnet_ring_has(&rx) && fdnet_ring_sleep(&rx))
			must(read(pipes[0], &byte, 1) == 1, "read");
		/* a wake-up may be for what we have seen already */
		while (!fdnet_ring_has(&rx) && fdnet_ring_sleep(&rx))
			must(read(pipes[0], &byte, 1) == 1, "read");
		get(i, size_of(i) % 100 + 1);
	}
	pthread_join(thread, NULL);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

/* ---- links ---- */

static struct fdnet_pkt_pool *pool;
static struct fdnet_area *areas[2];
static struct fdnet_link *from, *to;
static int fds[2], memfd;
static unsigned int npkts, nctl;
static uint32_t expected; /* number of the next message, whatever its kind */

static void on_packet(void *arg, struct fdnet_pkt *pkt)
{
	uint32_t number;

	must(fdnet_pkt_copy_out(pkt, 20, (uint8_t *)&number, 4) == 4, "copy");
	must(number == expected++, "order of packets");
	npkts++;
	fdnet_pkt_free(pkt);
}

static void on_control(void *arg, enum fdnet_link_type type,
		       const uint8_t *body, size_t len, int fd)
{
	uint32_t number;

	ck_assert_int_eq(type, FDNET_LINK_CONTROL);
	ck_assert_uint_eq(len, 12);
	memcpy(&number, body, 4);
	ck_assert_uint_eq(number, expected++);
	nctl++;
}

static struct fdnet_link *open_link(int fd, struct fdnet_area *area)
{
	static const struct fdnet_link_ops ops = {.packet = on_packet,
						  .control = on_control};
	struct fdnet_link_config cfg = {
		.mem = fdnet_mem_libc(),
		.pool = pool,
		.fd = fd,
		.max_msg = 1u << 18,
		.ops = &ops,
	};
	struct fdnet_link *link;

	ck_assert_int_eq(fdnet_link_new(&cfg, &link), 0);
	fdnet_link_set_area(link, area);
	fdnet_link_set_features(link, FEATURES);
	ck_assert_uint_eq(fdnet_link_features(link), FEATURES);
	return link;
}

static void link_setup(void)
{
	const struct fdnet_mem *mem = fdnet_mem_libc();

	pool = fdnet_pkt_pool_new(mem, 8, 0);
	ck_assert_int_eq(fdnet_area_create(mem, &areas[1], &memfd), 0);
	ck_assert_int_eq(fdnet_area_map(mem, memfd, &areas[0]), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	from = open_link(fds[0], areas[0]);
	to = open_link(fds[1], areas[1]);
	npkts = nctl = 0;
	expected = 0;
}

static void link_teardown(void)
{
	fdnet_link_free(from);
	fdnet_link_free(to);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
	close(memfd);
	close(fds[0]);
	close(fds[1]);
}

static struct fdnet_pkt *packet(uint32_t number, uint32_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t *at;

	at = fdnet_pkt_put(pkt, len < FDNET_PKT_LINEAR ? len : 1000);
	memset(at, 0, pkt->len);
	at[0] = 0x45;
	memcpy(at + 20, &number, 4);
	if (len > pkt->len) {
		struct fdnet_buf *buf = fdnet_buf_new(pool);

		memset(buf->data, 0, len - pkt->len);
		fdnet_pkt_add_slice(pkt, buf, buf->data, len - pkt->len);
		fdnet_buf_unref(buf);
	}
	return pkt;
}

static bool is_readable(void)
{
	struct pollfd p = {.fd = fds[1], .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void send_control(uint32_t number)
{
	uint8_t body[12] = {0};

	memcpy(body, &number, 4);
	while (fdnet_link_send_control(from, FDNET_LINK_CONTROL, body,
				       sizeof(body), -1) == -EAGAIN)
		fdnet_link_recv(to, 20);
}

START_TEST(the_socket_stays_quiet)
{
	const struct fdnet_link_stats *stats = fdnet_link_stats(from);

	ck_assert_int_eq(fdnet_link_send(from, packet(0, 100)), 0);
	ck_assert_int_eq(fdnet_link_recv(to, 8), 1 + 1); /* RING, packet */
	ck_assert_uint_eq(stats->tx_calls, 1);
	for (uint32_t i = 1; i < 1000; i++) {
		ck_assert_int_eq(fdnet_link_send(from, packet(i, 100)), 0);
		ck_assert(fdnet_link_has(to));
		ck_assert_int_eq(fdnet_link_peek(to, 8), 1);
		ck_assert(!fdnet_link_has(to));
	}
	ck_assert_uint_eq(stats->tx_calls, 1);
	ck_assert_uint_eq(npkts, 1000);
	ck_assert(!is_readable());
}
END_TEST

START_TEST(a_watcher_sees_what_comes_and_what_another_took)
{
	struct fdnet_ring watched;

	ck_assert(!fdnet_link_watch(to, &watched)); /* still on the socket */
	fdnet_link_send(from, packet(0, 100));
	fdnet_link_recv(to, 8);
	ck_assert(fdnet_link_watch(to, &watched));
	ck_assert(!fdnet_ring_has(&watched));
	fdnet_link_send(from, packet(1, 100));
	ck_assert(fdnet_ring_has(&watched));
	ck_assert_int_eq(fdnet_link_peek(to, 8), 1);
	ck_assert(fdnet_ring_has(&watched));
	ck_assert(fdnet_link_watch(to, &watched));
	ck_assert(!fdnet_ring_has(&watched));
}
END_TEST

START_TEST(a_sleeping_end_is_kicked)
{
	fdnet_link_send(from, packet(0, 100));
	fdnet_link_recv(to, 8);
	ck_assert(fdnet_link_sleep(to));
	ck_assert(!is_readable());
	fdnet_link_send(from, packet(1, 100));
	ck_assert(is_readable());
	/* somebody else reads it, while the sleeper is not yet asleep */
	ck_assert_int_ge(fdnet_link_recv(to, 8), 1);
	ck_assert(!is_readable());
	fdnet_link_send(from, packet(2, 100));
	ck_assert(is_readable());
	fdnet_link_recv(to, 8);
	/* likewise through memory alone */
	fdnet_link_send(from, packet(3, 100));
	ck_assert_int_eq(fdnet_link_peek(to, 8), 1);
	fdnet_link_recv(to, 8);
	fdnet_link_send(from, packet(4, 100));
	ck_assert(is_readable());
	fdnet_link_awake(to);
	fdnet_link_recv(to, 8);
	fdnet_link_send(from, packet(5, 100));
	ck_assert(!is_readable());
	ck_assert(!fdnet_link_sleep(to));
	fdnet_link_awake(to);
	fdnet_link_recv(to, 8);
	ck_assert_uint_eq(npkts, 6);
}
END_TEST

START_TEST(an_end_that_sleeps_in_front_of_the_first_is_woken_too)
{
	ck_assert(fdnet_link_sleep(to));
	fdnet_link_send(from, packet(0, 100));
	ck_assert(is_readable());
	fdnet_link_recv(to, 8);
	ck_assert(!is_readable());
	fdnet_link_send(from, packet(1, 100));
	ck_assert(is_readable());
}
END_TEST

/* Kinds and sizes by turns, and a reader that is slow now and then. */
START_TEST(order_is_kept_across_ring_and_socket)
{
	uint32_t sent = 0, kinds[4] = {0};
	struct fdnet_pkt *list;
	int rc;

	srand((unsigned int)_i);
	while (sent < 5000) {
		unsigned int kind = (unsigned int)rand() % 4;
		uint32_t n = kind == 2 ? 1 + (uint32_t)rand() % 300 : 1;

		kinds[kind]++;
		if (kind == 0)
			send_control(sent++);
		list = NULL;
		for (struct fdnet_pkt **end = &list; kind && n--;) {
			*end = packet(sent++, kind == 1 ? 5000 :
					      24 + (uint32_t)rand() % 2000);
			end = &(*end)->next;
		}
		while (list) {
			list = fdnet_link_send_list(from, list, &rc);
			if (list)
				fdnet_link_recv(to, 20);
		}
		if (rand() % 3)
			fdnet_link_peek(to, (unsigned int)rand() % 400);
		else
			fdnet_link_recv(to, (unsigned int)rand() % 400);
	}
	while (fdnet_link_recv(to, 64) > 0)
		;
	ck_assert_uint_eq(expected, sent);
	ck_assert_uint_gt(nctl, 0);
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_dropped, 0);
}
END_TEST

START_TEST(what_was_sent_before_the_end_arrives)
{
	for (uint32_t i = 0; i < 100; i++)
		fdnet_link_send(from, packet(i, 100));
	close(fds[0]);
	fds[0] = -1;
	while (fdnet_link_recv(to, 7) > 0)
		;
	ck_assert_uint_eq(npkts, 100);
	ck_assert_int_eq(fdnet_link_recv(to, 7), -EPIPE);
}
END_TEST

START_TEST(the_end_is_seen_without_being_told_to_look)
{
	int rc = 0;

	fdnet_link_send(from, packet(0, 100));
	fdnet_link_recv(to, 8);
	close(fds[0]);
	fds[0] = -1;
	for (int i = 0; i < 1000 && rc >= 0; i++)
		rc = fdnet_link_peek(to, 8);
	ck_assert_int_eq(rc, -EPIPE);
}
END_TEST

START_TEST(a_message_on_the_socket_that_was_not_announced_ends_the_link)
{
	uint8_t msg[FDNET_LINK_HDR_LEN + 12];
	struct fdnet_link_hdr hdr = {.type = FDNET_LINK_CONTROL, .hdr_len = 12};

	fdnet_link_send(from, packet(0, 100));
	fdnet_link_recv(to, 8);
	memset(msg, 0, sizeof(msg));
	fdnet_link_hdr_encode(msg, &hdr);
	ck_assert_int_eq(send(fds[0], msg, sizeof(msg), 0), sizeof(msg));
	fdnet_link_recv(to, 8);
	ck_assert_int_eq(fdnet_link_recv(to, 8), -EPROTO);
	ck_assert_uint_eq(nctl, 0);
}
END_TEST

START_TEST(a_lying_position_ends_the_link)
{
	uint8_t *map = mmap(NULL, FDNET_AREA_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, memfd, 0);

	fdnet_link_send(from, packet(0, 100));
	fdnet_link_recv(to, 8);
	memset(map, 0x55, FDNET_AREA_RINGS);
	fdnet_link_recv(to, 8);
	ck_assert_int_eq(fdnet_link_recv(to, 8), -EPROTO);
	munmap(map, FDNET_AREA_SIZE);
}
END_TEST

/* What a hostile guest writes into its ring in the place of a message. */
static const struct {
	const char *label;
	struct fdnet_link_hdr hdr;
	uint32_t len;
	enum fdnet_link_drop why;
} bad[] = {
	{"cut off", {.type = 0xf3, .hdr_len = 100}, 15, FDNET_LINK_DROP_SHORT},
	{"shorter than it says",
	 {.type = 0xf3, .hdr_len = 100},
	 115,
	 FDNET_LINK_DROP_SHORT},
	{"longer than it says",
	 {.type = 0xf3, .hdr_len = 100},
	 117,
	 FDNET_LINK_DROP_LENGTH},
	{"a batch", {.type = 0xf6, .hdr_len = 1}, 16, FDNET_LINK_DROP_TYPE},
	{"a hello", {.type = 0xf1}, 16, FDNET_LINK_DROP_TYPE},
	{"a sign", {.type = 0xf7}, 16, FDNET_LINK_DROP_TYPE},
	{"unknown", {.type = 0xff}, 16, FDNET_LINK_DROP_TYPE},
};

START_TEST(bad_messages_in_the_ring_are_dropped_and_counted)
{
	uint8_t msg[200] = {0};
	struct iovec iov = {msg, bad[_i].len};
	struct fdnet_ring mine, theirs;

	fdnet_link_send(from, packet(0, 100));
	fdnet_link_recv(to, 8);
	fdnet_area_rings(areas[0], &mine, &theirs);
	mine.pos = 128; /* behind that packet: 8 + 16 + 100 bytes, padded */
	memcpy(msg, &bad[_i].hdr, sizeof(bad[_i].hdr));
	fdnet_ring_put(&mine, &iov, 1, bad[_i].len);
	ck_assert_int_eq(fdnet_link_peek(to, 8), 1);
	ck_assert_msg(fdnet_link_stats(to)->drop[bad[_i].why] > 0, "%s",
		      bad[_i].label);
	ck_assert_uint_eq(npkts, 1);
}
END_TEST

static Suite *ring_suite(void)
{
	Suite *s = suite_create("ring");
	TCase *tc = tcase_create("ring");

	tcase_add_checked_fixture(tc, ring_setup, NULL);
	tcase_add_test(tc, messages_come_out_as_they_went_in);
	tcase_add_loop_test(tc,
			    a_full_ring_has_room_for_the_sign_to_go_elsewhere,
			    0, 64);
	tcase_add_test(tc, a_sleeper_is_woken_once);
	tcase_add_loop_test(tc, lies_of_a_writer_are_found_out, 0,
			    sizeof(lies) / sizeof(lies[0]));
	tcase_add_test(tc, lies_of_a_reader_only_keep_the_writer_waiting);
	tcase_add_test(tc, two_threads_lose_nothing_and_sleep_in_between);
	tcase_set_timeout(tc, 300);
	suite_add_tcase(s, tc);
	tc = tcase_create("links");
	tcase_add_checked_fixture(tc, link_setup, link_teardown);
	tcase_add_test(tc, the_socket_stays_quiet);
	tcase_add_test(tc, a_watcher_sees_what_comes_and_what_another_took);
	tcase_add_test(tc, a_sleeping_end_is_kicked);
	tcase_add_test(tc,
		       an_end_that_sleeps_in_front_of_the_first_is_woken_too);
	tcase_add_loop_test(tc, order_is_kept_across_ring_and_socket, 0, 20);
	tcase_add_test(tc, what_was_sent_before_the_end_arrives);
	tcase_add_test(tc, the_end_is_seen_without_being_told_to_look);
	tcase_add_test(
		tc, a_message_on_the_socket_that_was_not_announced_ends_the_link);
	tcase_add_test(tc, a_lying_position_ends_the_link);
	tcase_add_loop_test(tc, bad_messages_in_the_ring_are_dropped_and_counted,
			    0, sizeof(bad) / sizeof(bad[0]));
	tcase_set_timeout(tc, 300);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(ring_suite)
