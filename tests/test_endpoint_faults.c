/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fd endpoints over system calls that misbehave, and with memory that is not
 * always there.
 *
 * The calls of libc below are this program's own: they fail by a seeded
 * sequence, take or give less than was asked for, and see only a part of an
 * iov. Whatever happens, a packet arrives whole and in order, or is counted.
 */
#include "config.h"

#include <stdarg.h>
#include <sys/syscall.h>

#include "tests/ep_pairs.h"

#define PACKETS 600

/* What goes wrong in this test; one call in so many. */
static struct {
	unsigned int interrupt, again, nobufs, few, short_iov, alloc;
	uint32_t state;
	unsigned int injected_cut, injected_nobufs;
} fault;

static bool hit(unsigned int one_in)
{
	if (!one_in)
		return false;
	fault.state = fault.state * 1664525 + 1013904223;
	return (fault.state >> 16) % one_in == 0;
}

/* Shall the call fail? Sets errno. */
static bool fails(void)
{
	if (hit(fault.interrupt)) {
		errno = EINTR;
		return true;
	}
	if (hit(fault.again)) {
		errno = EAGAIN;
		return true;
	}
	if (hit(fault.nobufs)) {
		fault.injected_nobufs++;
		errno = ENOBUFS;
		return true;
	}
	return false;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return fails() ? -1 : syscall(SYS_sendmsg, fd, msg, flags);
}

int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	if (fails())
		return -1;
	if (n > 2 && hit(fault.few))
		n = 1 + n / 2;
	return (int)syscall(SYS_sendmmsg, fd, msgs, n, flags);
}

/* With its last piece gone, what does not fit is cut. */
static size_t shorten(struct msghdr *msg)
{
	size_t n = msg->msg_iovlen;

	if (n > 1 && hit(fault.short_iov))
		msg->msg_iovlen = 1;
	return n;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	size_t pieces;
	ssize_t rc;

	if (fails())
		return -1;
	pieces = shorten(msg);
	rc = syscall(SYS_recvmsg, fd, msg, flags);
	msg->msg_iovlen = pieces;
	if (rc >= 0 && msg->msg_flags & MSG_TRUNC)
		fault.injected_cut++;
	return rc;
}

int recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags,
	     struct timespec *timeout)
{
	size_t pieces[64];
	unsigned int i;
	int rc;

	if (fails())
		return -1;
	if (n > 1 && hit(fault.few))
		n = 1 + n / 2;
	for (i = 0; i < n; i++)
		pieces[i] = shorten(&msgs[i].msg_hdr);
	rc = (int)syscall(SYS_recvmmsg, fd, msgs, n, flags, timeout);
	for (i = 0; i < n; i++) {
		msgs[i].msg_hdr.msg_iovlen = pieces[i];
		if ((int)i < rc && msgs[i].msg_hdr.msg_flags & MSG_TRUNC)
			fault.injected_cut++;
	}
	return rc;
}

static void *scarce_alloc(void *arg, size_t size)
{
	return hit(fault.alloc) ? NULL : calloc(1, size);
}

static void scarce_free(void *arg, void *ptr, size_t size)
{
	free(ptr);
}

static const struct fdnet_mem scarce_mem = {.alloc = scarce_alloc,
					    .free = scarce_free};

/* ---- what arrives ---- */

/* Numbered packets: which came, and whether whole. */
static struct {
	unsigned int n, last;
	struct fdnet_pkt *held;
} in;

static uint32_t len_of(unsigned int i)
{
	static const uint32_t lens[] = {40,   1500, 64,	 9000,
					2047, 2049, 300, 65000};

	return lens[i % 8];
}

static void numbered_deliver(void *arg, struct fdnet_endpoint *ep,
			     struct fdnet_pkt *pkt)
{
	uint32_t len = fdnet_pkt_total(pkt), i, number;
	uint8_t *got = malloc(len);

	fdnet_pkt_copy_out(pkt, 0, got, len);
	memcpy(&number, got + 4, sizeof(number));
	ck_assert_uint_gt(number, in.last);
	ck_assert_uint_eq(len, len_of(number));
	for (i = 8; i < len; i++)
		if (got[i] != (uint8_t)(number + i))
			ck_abort_msg("byte %u of packet %u differs", i, number);
	in.last = number;
	in.n++;
	free(got);
	/* some stay for a while */
	fdnet_pkt_free(in.held);
	in.held = number % 3 ? NULL : pkt;
	if (!in.held)
		fdnet_pkt_free(pkt);
}

static struct fdnet_pkt *numbered(struct fdnet_pkt_pool *pool, uint32_t number)
{
	uint32_t len = len_of(number), hdr = len < 40 ? len : 40, i;
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	struct fdnet_buf *buf;
	uint8_t *p;

	if (!pkt)
		return NULL;
	p = fdnet_pkt_put(pkt, hdr);
	for (i = 8; i < hdr; i++)
		p[i] = (uint8_t)(number + i);
	memset(p, 0, 4);
	p[0] = 0x45;
	memcpy(p + 4, &number, sizeof(number));
	if (len == hdr)
		return pkt;
	buf = fdnet_buf_new(pool);
	if (!buf) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	for (; i < len; i++)
		buf->data[i - hdr] = (uint8_t)(number + i);
	fdnet_pkt_add_slice(pkt, buf, buf->data, len - hdr);
	fdnet_buf_unref(buf);
	return pkt;
}

/* ---- the test ---- */

static const struct {
	const char *name;
	unsigned int interrupt, again, nobufs, few, short_iov, alloc;
} kinds[] = {
	{"nothing", 0, 0, 0, 0, 0, 0},	 {"EINTR", 2, 0, 0, 0, 0, 0},
	{"EAGAIN", 0, 3, 0, 0, 0, 0},	 {"ENOBUFS", 0, 0, 4, 0, 0, 0},
	{"few", 0, 0, 0, 2, 0, 0},	 {"short iov", 0, 0, 0, 0, 3, 0},
	{"no memory", 0, 0, 0, 0, 0, 3}, {"all", 7, 6, 9, 4, 8, 20},
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Send up to 12 more; returns how many will never arrive. */
static unsigned int send_some(struct fdnet_endpoint *ep, unsigned int *number)
{
	struct fdnet_pkt *pkts[12];
	unsigned int n = 0, lost = 0, i;
	int status[12];

	for (i = 0; i < 12 && *number < PACKETS; i++) {
		pkts[n] = numbered(fdnet_endpoint_pool(ep), ++*number);
		if (pkts[n])
			n++;
		else
			lost++;
	}
	fdnet_endpoint_write_list(ep, pkts, n, status);
	for (i = 0; i < n; i++)
		lost += status[i] != 0;
	return lost;
}

static void set_faults(unsigned int kind)
{
	memset(&fault, 0, sizeof(fault));
	fault.interrupt = kinds[kind].interrupt;
	fault.again = kinds[kind].again;
	fault.nobufs = kinds[kind].nobufs;
	fault.few = kinds[kind].few;
	fault.short_iov = kinds[kind].short_iov;
	fault.state = 1 + kind;
}

/* kind of fault; mode */
START_TEST(packets_arrive_whole_or_are_counted)
{
	const struct fdnet_dispatcher disp = {.deliver = numbered_deliver};
	unsigned int kind = (unsigned int)_i / 2, number = 0, lost = 0, idle = 0;
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *rx, *tx;
	struct fdnet_pkt_pool *pool;
	uint64_t gone;

	set_faults(kind);
	pool = fdnet_pkt_pool_new(&scarce_mem, 32, 0);
	o.pool = pool;
	o.tx_queue_len = PACKETS;
	o.packet_dispatch_mode =
		_i & 1 ? FDNET_DISPATCH_RECVMMSG : FDNET_DISPATCH_READV;
	rx = endpoint(&o);
	o.fds = fds + 1;
	tx = endpoint(&o);
	fdnet_endpoint_attach(rx, &disp, NULL, FDNET_ATTACH_POLLED);
	fdnet_endpoint_attach(tx, &sink_ops, &sink, FDNET_ATTACH_POLLED);
	fault.alloc = kinds[kind].alloc;
	while (number < PACKETS || idle < 200) {
		bool more = number < PACKETS;

		lost += send_some(tx, &number);
		ck_assert_int_ge(fdnet_endpoint_dispatch(tx, 0, 64), 0);
		idle = fdnet_endpoint_dispatch(rx, 0, 64) || more ? 0 : idle + 1;
	}
	/* what waited at the sender may have been lost later */
	gone = counter(tx, FDNET_EP_TX_DROPPED);
	ck_assert_uint_eq(counter(tx, FDNET_EP_TX_PKTS),
			  in.n + counter(rx, FDNET_EP_RX_TRUNC));
	ck_assert_uint_eq(counter(rx, FDNET_EP_RX_TRUNC), fault.injected_cut);
	ck_assert_uint_eq(counter(rx, FDNET_EP_RX_PKTS), in.n);
	ck_assert_msg(in.n + fault.injected_cut + lost <= PACKETS &&
			      in.n + fault.injected_cut + lost + gone >= PACKETS,
		      "%s: %u came, %u cut, %u refused, %u dropped",
		      kinds[kind].name, in.n, fault.injected_cut, lost,
		      (unsigned int)gone);
	ck_assert_uint_gt(in.n, PACKETS / 20);
	if (!kinds[kind].nobufs && !kinds[kind].alloc)
		ck_assert_uint_eq(lost + gone, 0);
	if (kinds[kind].short_iov)
		ck_assert_uint_gt(fault.injected_cut, 10);
	if (kinds[kind].nobufs)
		ck_assert_uint_gt(counter(rx, FDNET_EP_RX_TRANSIENT), 10);
	ck_assert_uint_eq(sink.closed, 0);
	memset(&fault, 0, sizeof(fault));
	fdnet_pkt_free(in.held);
	fdnet_endpoint_free(rx);
	fdnet_endpoint_free(tx);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}
END_TEST

static Suite *faults_suite(void)
{
	Suite *s = suite_create("endpoint_faults");
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, packets_arrive_whole_or_are_counted, 0,
			    2 * NKINDS);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(faults_suite());
}
