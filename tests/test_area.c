/* SPDX-License-Identifier: Apache-2.0 */
/* The payload area: blocks and references, a link that uses them, a peer that
 * lies. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "endpoint/area.h"
#include "endpoint/link.h"
#include "endpoint/packet_internal.h"
#include "tests/suite_main.h"

#define FEATURES                                                               \
	(FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO | FDNET_LINK_F_BIG |             \
	 FDNET_LINK_F_AREA)
#define GUEST_FIRST FDNET_AREA_HEAD
#define RELAY_FIRST (FDNET_AREA_HEAD + FDNET_AREA_BLOCKS * FDNET_BUF_SIZE)
#define HDR	    40

static struct fdnet_pkt_pool *pool;
static struct fdnet_area *guest, *relay;
static int memfd, fds[2];
static struct fdnet_link *from, *to;
static struct fdnet_pkt *got;
static unsigned int ngot;

static void on_packet(void *arg, struct fdnet_pkt *pkt)
{
	(void)arg;
	fdnet_pkt_free(got);
	got = pkt;
	ngot++;
}

static void on_control(void *arg, enum fdnet_link_type type,
		       const uint8_t *body, size_t len, int fd)
{
	(void)arg;
	(void)type;
	(void)body;
	(void)len;
	ck_assert_int_lt(fd, 0);
}

static const struct fdnet_link_ops ops = {
	.packet = on_packet,
	.control = on_control,
};

static struct fdnet_link *open_link(int fd, struct fdnet_area *area)
{
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
	return link;
}

/* @from is the guest's end, @to the relay's; each has its area. */
static void setup(void)
{
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 8, 0);
	ck_assert_int_eq(fdnet_area_create(fdnet_mem_libc(), &relay, &memfd), 0);
	ck_assert_int_eq(fdnet_area_map(fdnet_mem_libc(), memfd, &guest), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	from = open_link(fds[0], guest);
	to = open_link(fds[1], relay);
	got = NULL;
	ngot = 0;
}

static void teardown(void)
{
	fdnet_pkt_free(got);
	fdnet_link_free(from);
	fdnet_link_free(to);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
	close(memfd);
	close(fds[0]);
	close(fds[1]);
}

/* ---- who may do what with the memory ---- */

START_TEST(the_size_is_sealed)
{
	ck_assert_int_lt(ftruncate(memfd, 4096), 0);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_lt(ftruncate(memfd, 2l * FDNET_AREA_SIZE), 0);
	ck_assert_int_lt(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}
END_TEST

START_TEST(an_unsealed_or_short_file_is_no_area)
{
	struct fdnet_area *area = NULL;
	int fd = memfd_create("x", MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, FDNET_AREA_SIZE), 0);
	ck_assert_int_eq(fdnet_area_map(fdnet_mem_libc(), fd, &area), -EINVAL);
	close(fd);
	fd = memfd_create("x", MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ck_assert_int_eq(fdnet_area_map(fdnet_mem_libc(), fd, &area), -EINVAL);
	close(fd);
	ck_assert_ptr_null(area);
}
END_TEST

/* ---- references that are checked ---- */

static const struct {
	const char *label;
	struct fdnet_area_ref ref;
	bool ok;
} refs[] = {
	{"first byte", {GUEST_FIRST, 1}, true},
	{"a whole block", {GUEST_FIRST, FDNET_BUF_SIZE}, true},
	{"last block", {RELAY_FIRST - FDNET_BUF_SIZE, FDNET_BUF_SIZE}, true},
	{"end of a block", {GUEST_FIRST + 65535, 1}, true},
	{"over a block's end", {GUEST_FIRST + 65535, 2}, false},
	{"longer than a block", {GUEST_FIRST, FDNET_BUF_SIZE + 1}, false},
	{"empty", {GUEST_FIRST, 0}, false},
	{"the counters", {0, 4096}, false},
	{"just before the blocks", {GUEST_FIRST - 1, 1}, false},
	{"the reader's own block", {RELAY_FIRST, 1}, false},
	{"past the area", {FDNET_AREA_SIZE, 1}, false},
	{"huge offset", {0xffffffff, 1}, false},
	{"huge length", {GUEST_FIRST, 0xffffffff}, false},
};

START_TEST(a_reference_is_part_of_one_block_of_the_writers)
{
	int64_t sum = fdnet_area_check(relay, &refs[_i].ref, 1);

	ck_assert_msg((sum == (int64_t)refs[_i].ref.len) == refs[_i].ok &&
			      (sum < 0) == !refs[_i].ok,
		      "%s: %lld", refs[_i].label, (long long)sum);
}
END_TEST

/* A PACKET message with these references, written by hand. */
static void send_raw(const struct fdnet_area_ref *list, uint8_t nrefs,
		     uint32_t payload_len, size_t cut)
{
	uint8_t msg[FDNET_LINK_HDR_LEN + HDR + 300 * sizeof(*list)] = {0};
	struct fdnet_link_hdr hdr = {
		.type = FDNET_LINK_PACKET,
		.hdr_len = HDR,
		.payload_len = payload_len,
		.nrefs = nrefs,
	};
	size_t len = FDNET_LINK_HDR_LEN + HDR + nrefs * sizeof(*list) - cut;

	fdnet_link_hdr_encode(msg, &hdr);
	msg[FDNET_LINK_HDR_LEN] = 0x45;
	memcpy(msg + FDNET_LINK_HDR_LEN + HDR, list, nrefs * sizeof(*list));
	ck_assert_int_eq(send(fds[0], msg, len, 0), (ssize_t)len);
	fdnet_link_recv(to, 8);
}

START_TEST(a_message_with_bad_references_is_dropped)
{
	const struct fdnet_link_stats *stats = fdnet_link_stats(to);

	send_raw(&refs[_i].ref, 1, refs[_i].ref.len, 0);
	ck_assert_uint_eq(ngot, refs[_i].ok);
	ck_assert_uint_eq(stats->drop[FDNET_LINK_DROP_LENGTH], !refs[_i].ok);
}
END_TEST

START_TEST(lengths_must_agree)
{
	struct fdnet_area_ref many[FDNET_PKT_MAX_SLICES + 1];

	for (unsigned int i = 0; i < FDNET_PKT_MAX_SLICES + 1; i++)
		many[i] = (struct fdnet_area_ref){GUEST_FIRST, 100};
	send_raw(many, 2, 199, 0);
	send_raw(many, 2, 201, 0);
	send_raw(many, FDNET_PKT_MAX_SLICES + 1,
		 100 * (FDNET_PKT_MAX_SLICES + 1), 0);
	ck_assert_uint_eq(ngot, 0);
	for (size_t cut = 1; cut < 2 * sizeof(many[0]); cut++)
		send_raw(many, 2, 200, cut);
	ck_assert_uint_eq(ngot, 0);
	for (unsigned int i = 0; i < 20; i++)
		many[i].len = FDNET_BUF_SIZE;
	send_raw(many, 20, 20 * FDNET_BUF_SIZE, 0); /* more than allowed */
	ck_assert_uint_eq(ngot, 0);
	send_raw(many, 4, 4 * FDNET_BUF_SIZE, 0);
	ck_assert_uint_eq(ngot, 1);
}
END_TEST

START_TEST(references_are_refused_where_none_were_agreed)
{
	struct fdnet_link_hdr hdr;
	uint8_t msg[FDNET_LINK_HDR_LEN];

	hdr = (struct fdnet_link_hdr){.type = FDNET_LINK_PACKET,
				      .hdr_len = HDR,
				      .payload_len = 9,
				      .nrefs = 1};
	fdnet_link_hdr_encode(msg, &hdr);
	ck_assert_int_eq(fdnet_link_hdr_decode(msg, 16 + HDR + 8,
					       FEATURES & ~FDNET_LINK_F_AREA,
					       &hdr),
			 -FDNET_LINK_DROP_FEATURE - 1);
	ck_assert_int_eq(
		fdnet_link_hdr_decode(msg, 16 + HDR + 8, FEATURES, &hdr), 0);
}
END_TEST

/* ---- payload through a link ---- */

static struct fdnet_pkt *packet_of(struct fdnet_buf *buf, uint32_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);

	memset(fdnet_pkt_put(pkt, HDR), 0, HDR);
	pkt->data[0] = 0x45;
	ck_assert_int_eq(fdnet_pkt_add_slice(pkt, buf, buf->data, len), 0);
	return pkt;
}

static ssize_t message_size(void)
{
	char byte;

	return recv(fds[1], &byte, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
}

START_TEST(bulk_goes_by_reference_and_comes_back)
{
	struct fdnet_buf *buf = fdnet_area_take(guest);
	uint8_t *data = buf->data;
	uint8_t byte;

	memset(data, 'x', FDNET_BUF_SIZE);
	data[30000] = 'y';
	ck_assert_int_eq(fdnet_link_send(from, packet_of(buf, 40000)), 0);
	fdnet_buf_unref(buf);
	ck_assert_int_eq(message_size(), FDNET_LINK_HDR_LEN + HDR + 8);
	ck_assert_int_eq(fdnet_link_recv(to, 8), 1);
	ck_assert_uint_eq(fdnet_pkt_total(got), HDR + 40000);
	fdnet_pkt_copy_out(got, HDR + 30000, &byte, 1);
	ck_assert_int_eq(byte, 'y');
	/* the reader still has it: another block is given out */
	buf = fdnet_area_take(guest);
	ck_assert_ptr_ne(buf->data, data);
	fdnet_buf_unref(buf);
	fdnet_pkt_free(got);
	got = NULL;
	buf = fdnet_area_take(guest);
	ck_assert_ptr_eq(buf->data, data);
	fdnet_buf_unref(buf);
}
END_TEST

START_TEST(little_payload_goes_inline)
{
	struct fdnet_buf *buf = fdnet_area_take(guest);

	memset(buf->data, 'x', 100);
	ck_assert_int_eq(fdnet_link_send(from, packet_of(buf, 100)), 0);
	fdnet_buf_unref(buf);
	ck_assert_int_eq(message_size(), FDNET_LINK_HDR_LEN + HDR + 100);
}
END_TEST

START_TEST(payload_of_both_kinds_goes_inline)
{
	struct fdnet_buf *buf = fdnet_area_take(guest);
	struct fdnet_buf *other = fdnet_buf_new(pool);
	struct fdnet_pkt *pkt = packet_of(buf, 9000);

	ck_assert_int_eq(fdnet_pkt_add_slice(pkt, other, other->data, 500), 0);
	ck_assert_int_eq(fdnet_link_send(from, pkt), 0);
	fdnet_buf_unref(buf);
	fdnet_buf_unref(other);
	ck_assert_int_eq(message_size(), FDNET_LINK_HDR_LEN + HDR + 9500);
}
END_TEST

START_TEST(without_a_free_block_the_pool_serves)
{
	struct fdnet_area_pool both = {guest, pool};
	struct fdnet_buf *bufs[FDNET_AREA_BLOCKS + 1];

	for (unsigned int i = 0; i < FDNET_AREA_BLOCKS; i++) {
		bufs[i] = fdnet_area_pool_take(&both);
		ck_assert_ptr_eq(bufs[i]->owner, guest);
	}
	ck_assert_ptr_null(fdnet_area_take(guest));
	bufs[FDNET_AREA_BLOCKS] = fdnet_area_pool_take(&both);
	ck_assert_ptr_eq(bufs[FDNET_AREA_BLOCKS]->owner, pool);
	for (unsigned int i = 0; i <= FDNET_AREA_BLOCKS; i++)
		fdnet_buf_unref(bufs[i]);
}
END_TEST

/* ---- a peer that spoils what it can reach ---- */

START_TEST(scribbled_counters_cost_the_writer_no_more_than_blocks)
{
	uint32_t *words = mmap(NULL, FDNET_AREA_SIZE, PROT_READ | PROT_WRITE,
			       MAP_SHARED, memfd, 0);
	struct fdnet_buf *buf;
	unsigned int n = 0;

	ck_assert_ptr_ne(words, MAP_FAILED);
	for (size_t i = 0; i < FDNET_AREA_HEAD / sizeof(*words); i++)
		words[i] = (uint32_t)random() | 1;
	/* none seems to come back: they run out, and nothing breaks */
	while ((buf = fdnet_area_take(relay))) {
		ck_assert_ptr_eq(buf->owner, relay);
		fdnet_buf_unref(buf);
		n++;
	}
	ck_assert_uint_eq(n, FDNET_AREA_BLOCKS);
	memset(words, 0, FDNET_AREA_HEAD);
	for (n = 0; n < 3 * FDNET_AREA_BLOCKS; n++) {
		buf = fdnet_area_take(relay);
		ck_assert_ptr_nonnull(buf);
		fdnet_buf_unref(buf);
	}
	munmap(words, FDNET_AREA_SIZE);
}
END_TEST

START_TEST(payload_that_changes_is_only_payload)
{
	struct fdnet_buf *buf = fdnet_area_take(guest);
	struct fdnet_link_hdr bad = {.type = FDNET_LINK_HELLO};
	uint8_t copy[64];

	memset(buf->data, 'x', 40000);
	ck_assert_int_eq(fdnet_link_send(from, packet_of(buf, 40000)), 0);
	ck_assert_int_eq(fdnet_link_recv(to, 8), 1);
	/* after it was taken in: headers and lengths stay what they were */
	memcpy(buf->data, &bad, sizeof(bad));
	ck_assert_uint_eq(fdnet_pkt_total(got), HDR + 40000);
	ck_assert_int_eq(got->data[0], 0x45);
	ck_assert_uint_eq(fdnet_pkt_copy_out(got, HDR, copy, 64), 64);
	fdnet_buf_unref(buf);
}
END_TEST

START_TEST(the_same_block_many_times_is_counted_each_time)
{
	struct fdnet_area_ref many[FDNET_PKT_MAX_SLICES];
	uint32_t *words = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd, 0);

	for (unsigned int i = 0; i < FDNET_PKT_MAX_SLICES; i++)
		many[i] = (struct fdnet_area_ref){GUEST_FIRST + 9, 10};
	send_raw(many, FDNET_PKT_MAX_SLICES, 10 * FDNET_PKT_MAX_SLICES, 0);
	ck_assert_uint_eq(ngot, 1);
	ck_assert_uint_eq(words[0], 0);
	fdnet_pkt_free(got);
	got = NULL;
	ck_assert_uint_eq(words[0], FDNET_PKT_MAX_SLICES);
	munmap(words, 4096);
}
END_TEST

/* ---- life ---- */

START_TEST(what_is_held_outlives_the_link)
{
	struct fdnet_buf *buf = fdnet_area_take(guest);
	uint8_t byte;

	memset(buf->data, 'z', 20000);
	ck_assert_int_eq(fdnet_link_send(from, packet_of(buf, 20000)), 0);
	fdnet_link_recv(to, 8);
	fdnet_link_free(from);
	from = NULL;
	fdnet_link_free(to);
	to = NULL;
	buf->data[0] = 'q';
	fdnet_buf_unref(buf);
	ck_assert_uint_eq(fdnet_pkt_copy_out(got, HDR, &byte, 1), 1);
	ck_assert_int_eq(byte, 'q');
}
END_TEST

START_TEST(a_disowned_area_is_only_given_back)
{
	struct fdnet_buf *buf = fdnet_area_take(guest);

	send_raw(&refs[0].ref, 1, 1, 0);
	ck_assert_uint_eq(ngot, 1);
	fdnet_area_disown(guest);
	fdnet_area_disown(relay);
	ck_assert_ptr_null(fdnet_area_take(guest));
	fdnet_buf_unref(buf);
	fdnet_pkt_free(got);
	got = NULL;
}
END_TEST

static Suite *area_suite(void)
{
	Suite *s = suite_create("area");
	TCase *tc = tcase_create("area");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_size_is_sealed);
	tcase_add_test(tc, an_unsealed_or_short_file_is_no_area);
	tcase_add_loop_test(tc, a_reference_is_part_of_one_block_of_the_writers,
			    0, N_ROWS(refs));
	tcase_add_loop_test(tc, a_message_with_bad_references_is_dropped, 0,
			    N_ROWS(refs));
	tcase_add_test(tc, lengths_must_agree);
	tcase_add_test(tc, references_are_refused_where_none_were_agreed);
	tcase_add_test(tc, bulk_goes_by_reference_and_comes_back);
	tcase_add_test(tc, little_payload_goes_inline);
	tcase_add_test(tc, payload_of_both_kinds_goes_inline);
	tcase_add_test(tc, without_a_free_block_the_pool_serves);
	tcase_add_test(tc,
		       scribbled_counters_cost_the_writer_no_more_than_blocks);
	tcase_add_test(tc, payload_that_changes_is_only_payload);
	tcase_add_test(tc, the_same_block_many_times_is_counted_each_time);
	tcase_add_test(tc, what_is_held_outlives_the_link);
	tcase_add_test(tc, a_disowned_area_is_only_given_back);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(area_suite)
