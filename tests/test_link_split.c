/* SPDX-License-Identifier: Apache-2.0 */
/* Bursts on a link whose peer does not take them. */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint/link.h"
#include "tests/burst_util.h"

#define MAX_MSG 65536

static struct fdnet_link *from, *to;
static int fds[2];
static struct fdnet_pkt *first, **tail;
static unsigned int arrived;

static void on_packet(void *arg, struct fdnet_pkt *pkt)
{
	*tail = pkt;
	tail = &pkt->next;
	arrived++;
}

static void on_control(void *arg, enum fdnet_link_type type,
		       const uint8_t *body, size_t len, int fd)
{
	ck_abort_msg("no control message was sent");
}

static struct fdnet_link *link_on(int fd, bool plain)
{
	static const struct fdnet_link_ops ops = {
		.packet = on_packet,
		.control = on_control,
	};
	struct fdnet_link_config cfg = {
		.mem = fdnet_mem_libc(),
		.pool = pool,
		.fd = fd,
		.plain = plain,
		.max_msg = MAX_MSG,
		.ops = &ops,
	};
	struct fdnet_link *link = NULL;

	ck_assert_int_eq(fdnet_link_new(&cfg, &link), 0);
	return link;
}

static void open_link(bool plain, uint32_t features)
{
	setup();
	first = NULL;
	tail = &first;
	arrived = 0;
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	from = link_on(fds[0], plain);
	to = link_on(fds[1], plain);
	if (plain)
		return;
	fdnet_link_set_features(from, features);
	fdnet_link_set_features(to, features);
}

static void close_link(void)
{
	fdnet_pkt_free_list(first);
	fdnet_link_free(from);
	fdnet_link_free(to);
	close(fds[0]);
	close(fds[1]);
	teardown();
}

/* Are the packets that arrived from @seg on the segments of @b? Returns what
 * came behind them. */
static struct fdnet_pkt *check_segments(const struct burst *b,
					struct fdnet_pkt *seg)
{
	uint32_t hdr = l3_len(b->version) + l4_len(b->proto), offset = 0;

	while (offset < b->payload) {
		ck_assert_ptr_nonnull(seg);
		ck_assert_uint_eq(seg->gso_size, 0);
		ck_assert_uint_le(fdnet_pkt_total(seg), hdr + b->mss);
		check_valid(seg);
		check_payload(seg, hdr, b->seq + offset);
		offset += fdnet_pkt_total(seg) - hdr;
		seg = seg->next;
	}
	ck_assert_uint_eq(offset, b->payload);
	return seg;
}

/* burst; framed without GSO, with checksums left out, plain */
START_TEST(segments_go_to_a_peer_without_bursts)
{
	static const uint32_t features[] = {0, FDNET_LINK_F_CSUM, 0};
	const struct burst *b = &bursts[_i % NBURSTS];
	struct fdnet_pkt *pkt;

	open_link(_i / NBURSTS == 2, features[_i / NBURSTS]);
	pkt = make(b);
	ck_assert_int_eq(fdnet_link_send(from, pkt), 0);
	while (fdnet_link_recv(to, 64) > 0)
		;
	ck_assert_ptr_null(check_segments(b, first));
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_split, 1);
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_pkts, arrived);
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_dropped, 0);
	close_link();
}
END_TEST

/* Whoever takes bursts is not always able to take this one. */
START_TEST(too_large_a_burst_is_split_too)
{
	const struct burst *b = &bursts[7]; /* 200,000 bytes */

	open_link(false, FDNET_LINK_F_GSO);
	ck_assert_int_eq(fdnet_link_send(from, make(b)), 0);
	while (fdnet_link_recv(to, 64) > 0)
		;
	ck_assert_ptr_null(check_segments(b, first));
	close_link();
}
END_TEST

/* The fd is full in the middle, again and again. */
START_TEST(a_full_link_keeps_the_rest_of_a_burst)
{
	const struct burst *b = &bursts[_i];
	struct fdnet_pkt *seg, *list, *pkt;
	unsigned int full = 0, i;
	int small = 1, rc;

	open_link(false, 0);
	if (b->mss < 2000) /* else no segment would ever fit */
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small,
			   sizeof(small));
	/* by turns the single call and the list's */
	for (i = 0; i < 2; i++) {
		list = make(b);
		if (i) {
			list->next = make(b);
			list->next->next = NULL;
		}
		while (list) {
			if (!i) {
				rc = fdnet_link_send(from, list);
				list = rc == -EAGAIN ? list : NULL;
			} else {
				list = fdnet_link_send_list(from, list, &rc);
			}
			ck_assert(rc == 0 || rc == -EAGAIN);
			full += rc == -EAGAIN;
			while (fdnet_link_recv(to, 1) > 0)
				;
		}
	}
	seg = first;
	for (i = 0; i < 3; i++)
		seg = check_segments(b, seg);
	ck_assert_ptr_null(seg);
	if (b->payload > 3u * b->mss && b->mss < 2000)
		ck_assert_uint_gt(full, 1);
	pkt = make(b);
	close(fds[1]);
	ck_assert_int_eq(fdnet_link_send(from, pkt), -EPIPE);
	fds[1] = dup(fds[0]);
	close_link();
}
END_TEST

START_TEST(what_only_says_it_is_a_burst_is_lost)
{
	struct fdnet_pkt *pkt;

	open_link(false, 0);
	pkt = make(&bursts[4]);
	pkt->gso_type = FDNET_GSO_UDP_L4;
	ck_assert_int_eq(fdnet_link_send(from, pkt), -EINVAL);
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_dropped, 1);
	ck_assert_uint_eq(fdnet_link_stats(from)->tx_split, 0);
	close_link();
}
END_TEST

static Suite *split_suite(void)
{
	Suite *s = suite_create("link_split");
	TCase *tc = tcase_create("link_split");

	tcase_add_loop_test(tc, segments_go_to_a_peer_without_bursts, 0,
			    3 * NBURSTS);
	tcase_add_test(tc, too_large_a_burst_is_split_too);
	tcase_add_loop_test(tc, a_full_link_keeps_the_rest_of_a_burst, 0,
			    NBURSTS);
	tcase_add_test(tc, what_only_says_it_is_a_burst_is_lost);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(split_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
