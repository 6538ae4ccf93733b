/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages and the error queue: what recvmsg() gives besides data. */
#include "config.h"

#include <errno.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "stack/errq.h"
#include "stack/internal.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define WALL_US 1000000000000ll
#define SEC	1000000ull

static struct stack_pair *pair;
static uint8_t control[512], data[4096];
static struct iovec iov;
static struct fdnet_msg got;

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static ssize_t receive(struct fdnet_sock *so, int flags, size_t room)
{
	iov = (struct iovec){ data, sizeof(data) };
	got = (struct fdnet_msg){
		.iov = &iov,
		.iovcnt = 1,
		.flags = flags,
		.control = control,
		.control_room = room,
		.wall_us = WALL_US,
	};
	memset(control, 0xee, sizeof(control));
	return fdnet_sock_recv(so, &got);
}

/* The control message of this kind; NULL: there is none. */
static const void *find(int level, int type, size_t len)
{
	struct msghdr hdr = { .msg_control = control,
			      .msg_controllen = got.control_len };
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c)) {
		if (c->cmsg_level != level || c->cmsg_type != type)
			continue;
		ck_assert_uint_eq(c->cmsg_len, CMSG_LEN(len));
		return CMSG_DATA(c);
	}
	return NULL;
}

static int find_int(int level, int type)
{
	const void *p = find(level, type, sizeof(int));
	int value;

	ck_assert_msg(p, "no message %d/%d", level, type);
	memcpy(&value, p, sizeof(value));
	return value;
}

static struct fdnet_sock *udp(int side, const char *ip, uint16_t port)
{
	struct fdnet_sock *so = sock_open(pair->s[side], strchr(ip, ':') ? 6 : 4,
					  FDNET_SOCK_DGRAM, 17);

	sock_bind(so, ip, port);
	return so;
}

static void input(const void *p, size_t len)
{
	fdnet_stack_input(pair->s[0], pkt_from_bytes(pair->pool, p, len));
}

/* ---- what a datagram tells ---- */

START_TEST(ipv4_tells_what_was_asked_for)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 7), *b = udp(1, "10.0.0.2", 8);
	struct fdnet_name to = name_of("10.0.0.1", 7);
	const struct in_pktinfo *info;
	const struct sockaddr_in *orig;

	sock_set_int(b, IPPROTO_IP, IP_TTL, 33);
	sock_set_int(b, IPPROTO_IP, IP_TOS, 0x44);
	sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(receive(a, FDNET_MSG_PEEK, sizeof(control)), 1);
	ck_assert_uint_eq(got.control_len, 0);
	sock_set_int(a, IPPROTO_IP, IP_PKTINFO, 1);
	sock_set_int(a, IPPROTO_IP, IP_RECVTTL, 1);
	sock_set_int(a, IPPROTO_IP, IP_RECVTOS, 1);
	sock_set_int(a, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	info = find(IPPROTO_IP, IP_PKTINFO, sizeof(*info));
	ck_assert_int_eq(info->ipi_ifindex, 2);
	ck_assert_uint_eq(info->ipi_addr.s_addr, htonl(0x0a000001));
	ck_assert_int_eq(find_int(IPPROTO_IP, IP_TTL), 33);
	ck_assert_uint_eq(*(const uint8_t *)find(IPPROTO_IP, IP_TOS, 1), 0x44);
	orig = find(IPPROTO_IP, IP_ORIGDSTADDR, sizeof(*orig));
	ck_assert_uint_eq(orig->sin_family, AF_INET);
	ck_assert_uint_eq(orig->sin_port, htons(7));
	ck_assert_uint_eq(orig->sin_addr.s_addr, htonl(0x0a000001));
	ck_assert_int_eq(got.flags & FDNET_MSG_CTRUNC, 0);
}
END_TEST

START_TEST(ipv6_tells_what_was_asked_for)
{
	struct fdnet_sock *a = udp(0, "::", 7), *b = udp(1, "fd00::2", 8);
	struct fdnet_name to = name_of("fd00::1", 7);
	const struct in6_pktinfo *info;
	const struct sockaddr_in6 *orig;

	sock_set_int(b, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
	sock_set_int(b, IPPROTO_IPV6, IPV6_TCLASS, 0x44);
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_2292PKTINFO, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_2292HOPLIMIT, 1);
	sock_set_int(a, IPPROTO_IPV6, 11 /* IPV6_FLOWINFO */, 1);
	sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	info = find(IPPROTO_IPV6, IPV6_PKTINFO, sizeof(*info));
	ck_assert_uint_eq(info->ipi6_ifindex, 2);
	ck_assert_mem_eq(&info->ipi6_addr, to.ip.bytes, 16);
	ck_assert(find(IPPROTO_IPV6, IPV6_2292PKTINFO, sizeof(*info)));
	ck_assert_int_eq(find_int(IPPROTO_IPV6, IPV6_2292HOPLIMIT), 33);
	ck_assert_int_eq(find_int(IPPROTO_IPV6, IPV6_HOPLIMIT), 33);
	ck_assert_int_eq(find_int(IPPROTO_IPV6, IPV6_TCLASS), 0x44);
	ck_assert_uint_eq(ntohl((uint32_t)find_int(IPPROTO_IPV6, 11)),
			  0x04400000);
	orig = find(IPPROTO_IPV6, IPV6_ORIGDSTADDR, sizeof(*orig));
	ck_assert_uint_eq(orig->sin6_port, htons(7));
	ck_assert_mem_eq(&orig->sin6_addr, to.ip.bytes, 16);
}
END_TEST

START_TEST(a_dual_stack_socket_tells_of_both)
{
	struct fdnet_sock *a = udp(0, "::", 7), *b = udp(1, "10.0.0.2", 8);
	struct fdnet_name to = name_of("10.0.0.1", 7);
	const struct in6_pktinfo *info;

	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	sock_set_int(a, IPPROTO_IP, IP_RECVTTL, 1);
	sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	info = find(IPPROTO_IPV6, IPV6_PKTINFO, sizeof(*info));
	ck_assert(IN6_IS_ADDR_V4MAPPED(&info->ipi6_addr));
	ck_assert_ptr_null(find(IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(int)));
	ck_assert_int_eq(find_int(IPPROTO_IP, IP_TTL), 64);
}
END_TEST

/* As the kernel: whole messages, then a part of one, and CTRUNC. */
START_TEST(short_room_is_told)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 7), *b = udp(1, "10.0.0.2", 8);
	struct fdnet_name to = name_of("10.0.0.1", 7);
	size_t room, all;

	sock_set_int(a, IPPROTO_IP, IP_PKTINFO, 1);
	sock_set_int(a, IPPROTO_IP, IP_RECVTTL, 1);
	sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	receive(a, FDNET_MSG_PEEK, sizeof(control));
	all = got.control_len;
	for (room = 0; room < all; room++) {
		ck_assert_int_eq(receive(a, FDNET_MSG_PEEK, room), 1);
		ck_assert_uint_le(got.control_len, room);
		ck_assert_uint_eq(control[room], 0xee);
		/* the last one's padding need not be there */
		ck_assert_int_eq(!(got.flags & FDNET_MSG_CTRUNC),
				 room >= all - 4);
	}
}
END_TEST

static size_t udp4_with_options(uint8_t *p, const uint8_t *opts, size_t len)
{
	struct fdnet_name s = name_of("10.0.0.2", 0), d = name_of("10.0.0.1", 0);
	struct fdnet_ipv4 hdr = {
		.hdr_len = (uint8_t)(20 + len),
		.total_len = (uint16_t)(29 + len),
		.ttl = 64,
		.proto = 17,
	};
	uint8_t *u = p + 20 + len;

	memcpy(hdr.src, s.ip.bytes, 4);
	memcpy(hdr.dst, d.ip.bytes, 4);
	fdnet_ipv4_encode(p, &hdr);
	memcpy(p + 20, opts, len);
	p[0] = (uint8_t)(0x40 | (20 + len) / 4);
	fdnet_ipv4_set_csum(p, (uint8_t)(20 + len));
	memcpy(u, "\0\x08\0\x07\0\x09\0\0x", 9);
	return 29 + len;
}

START_TEST(ip_options_are_given)
{
	/* no operation, record route with one place, end */
	static const uint8_t opts[12] = { 1, 7, 7, 4, 0, 0, 0, 0, 0 };
	struct fdnet_sock *a = udp(0, "10.0.0.1", 7);
	uint8_t p[64];

	sock_set_int(a, IPPROTO_IP, IP_RECVOPTS, 1);
	sock_set_int(a, IPPROTO_IP, IP_RETOPTS, 1);
	input(p, udp4_with_options(p, opts, sizeof(opts)));
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	ck_assert_mem_eq(find(IPPROTO_IP, IP_RECVOPTS, 12), opts, 12);
	ck_assert_mem_eq(find(IPPROTO_IP, IP_RETOPTS, 8), opts + 1, 7);
	input(p, udp4_with_options(p, opts, 0));
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	ck_assert_uint_eq(got.control_len, 0);
}
END_TEST

START_TEST(extension_headers_are_given)
{
	struct fdnet_sock *a = udp(0, "fd00::1", 7);
	struct fdnet_name s = name_of("fd00::2", 0), d = name_of("fd00::1", 0);
	struct fdnet_ipv6 hdr = { .payload_len = 33, .next = 0, .hops = 9 };
	uint8_t p[80] = { 0 }, *u = p + 64;

	memcpy(hdr.src, s.ip.bytes, 16);
	memcpy(hdr.dst, d.ip.bytes, 16);
	fdnet_ipv6_encode(p, &hdr);
	memcpy(p + 40, "\x2b\0\x01\x04\0\0\0\0", 8); /* hop by hop: padding */
	memcpy(p + 48, "\x3c\0\x04\0\0\0\0\0", 8);   /* routing: none left */
	memcpy(p + 56, "\x11\0\x01\x04\0\0\0\0", 8); /* destination: padding */
	memcpy(u, "\0\x08\0\x07\0\x09\0\0x", 9);
	fdnet_csum_store(u + 6, fdnet_csum_add(fdnet_pseudo_csum(&s.ip, &d.ip,
								 17, 9),
					       u, 9));
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVHOPOPTS, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVRTHDR, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVDSTOPTS, 1);
	input(p, 73);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	ck_assert_mem_eq(find(IPPROTO_IPV6, IPV6_HOPOPTS, 8), p + 40, 8);
	ck_assert_mem_eq(find(IPPROTO_IPV6, IPV6_RTHDR, 8), p + 48, 8);
	ck_assert_mem_eq(find(IPPROTO_IPV6, IPV6_DSTOPTS, 8), p + 56, 8);
}
END_TEST

START_TEST(the_largest_fragment_is_told)
{
	bool v4 = _i == 4;
	struct fdnet_sock *a = udp(0, v4 ? "10.0.0.1" : "fd00::1", 7);
	struct fdnet_sock *b = udp(1, v4 ? "10.0.0.2" : "fd00::2", 8);
	struct fdnet_name to = name_of(v4 ? "10.0.0.1" : "fd00::1", 7);
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int type = v4 ? 25 : IPV6_RECVFRAGSIZE;
	static uint8_t big[3000];

	sock_set_int(a, level, type, 1);
	sock_send(b, "x", 1, &to);
	sock_send(b, big, sizeof(big), &to);
	stack_pair_run(pair);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	ck_assert_ptr_null(find(level, type, sizeof(int)));
	ck_assert_int_eq(receive(a, 0, sizeof(control)), sizeof(big));
	ck_assert_int_eq(find_int(level, type), v4 ? 1500 : 1496);
}
END_TEST

START_TEST(lost_datagrams_are_counted)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 7), *b = udp(1, "10.0.0.2", 8);
	struct fdnet_name to = name_of("10.0.0.1", 7);
	int i, n = 0;

	sock_set_int(a, SOL_SOCKET, SO_RCVBUF, 0);
	sock_set_int(a, SOL_SOCKET, SO_RXQ_OVFL, 1);
	for (i = 0; i < 20; i++)
		sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	while (receive(a, 0, sizeof(control)) == 1) {
		ck_assert_uint_eq(got.control_len, 0); /* nothing lost before */
		n++;
	}
	sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	ck_assert_int_eq(find_int(SOL_SOCKET, SO_RXQ_OVFL), 20 - n);
}
END_TEST

START_TEST(a_path_that_is_too_narrow_is_told)
{
	struct fdnet_sock *a = udp(0, "fd00::1", 7);
	struct fdnet_name to = name_of("fd00::2", 8);
	const struct ip6_mtuinfo *info;
	static uint8_t big[3000];

	sock_set_int(a, IPPROTO_IPV6, IPV6_RECVPATHMTU, 1);
	sock_set_int(a, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	ck_assert_int_eq(sock_send(a, big, sizeof(big), &to), -EMSGSIZE);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 0);
	info = find(IPPROTO_IPV6, IPV6_PATHMTU, sizeof(*info));
	ck_assert_uint_eq(info->ip6m_mtu, 1500);
	ck_assert_mem_eq(&info->ip6m_addr.sin6_addr, to.ip.bytes, 16);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), -EAGAIN);
}
END_TEST

/* ---- time ---- */

static const struct {
	int name, value, type;
	size_t len;
	bool micro;
} clocks[] = {
	{ SO_TIMESTAMP, 1, SO_TIMESTAMP, 16, true },
	{ SO_TIMESTAMPNS, 1, SO_TIMESTAMPNS, 16, false },
	{ SO_TIMESTAMP_NEW, 1, SO_TIMESTAMP_NEW, 16, true },
	{ SO_TIMESTAMPNS_NEW, 1, SO_TIMESTAMPNS_NEW, 16, false },
	{ SO_TIMESTAMPING,
	  SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE,
	  SO_TIMESTAMPING, 48, false },
	{ SO_TIMESTAMPING_NEW,
	  SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE,
	  SO_TIMESTAMPING_NEW, 48, false },
};

/* When it arrived, not when it was read. */
static void expect_time(int row, uint64_t at_us)
{
	const struct timespec *ts = find(SOL_SOCKET, clocks[row].type,
					 clocks[row].len);
	int64_t want = (int64_t)at_us + WALL_US;

	ck_assert(ts);
	ck_assert_int_eq(ts->tv_sec, want / 1000000);
	ck_assert_int_eq(ts->tv_nsec,
			 want % 1000000 * (clocks[row].micro ? 1 : 1000));
}

START_TEST(datagrams_tell_when_they_arrived)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 7), *b = udp(1, "10.0.0.2", 8);
	struct fdnet_name to = name_of("10.0.0.1", 7);
	uint64_t at;

	ck_assert_int_eq(sock_set_int(a, SOL_SOCKET, clocks[_i].name,
				      clocks[_i].value),
			 0);
	sock_send(b, "x", 1, &to);
	stack_pair_run(pair);
	at = pair->now_us;
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_int_eq(receive(a, 0, sizeof(control)), 1);
	expect_time(_i, at);
}
END_TEST

static void connect_pair(struct fdnet_sock *so[2])
{
	struct fdnet_name to = name_of("10.0.0.1", 7);
	struct fdnet_sock *l = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);

	sock_bind(l, "10.0.0.1", 7);
	ck_assert_int_eq(fdnet_sock_listen(l, 1), 0);
	so[1] = sock_open(pair->s[1], 4, FDNET_SOCK_STREAM, 6);
	fdnet_sock_connect(so[1], &to);
	stack_pair_run(pair);
	ck_assert_int_eq(fdnet_sock_accept(l, &so[0]), 0);
}

START_TEST(streams_tell_when_their_bytes_arrived)
{
	struct fdnet_sock *so[2];
	uint64_t at;

	connect_pair(so);
	sock_set_int(so[0], SOL_SOCKET, clocks[_i].name, clocks[_i].value);
	sock_send(so[1], "x", 1, NULL);
	stack_pair_run(pair);
	at = pair->now_us;
	stack_pair_pass(pair, 3 * SEC);
	ck_assert_int_eq(receive(so[0], 0, sizeof(control)), 1);
	expect_time(_i, at);
}
END_TEST

START_TEST(what_is_left_of_a_stream_is_told)
{
	struct fdnet_sock *so[2];

	connect_pair(so);
	sock_set_int(so[0], IPPROTO_TCP, TCP_INQ, 1);
	sock_send(so[1], data, 4000, NULL);
	stack_pair_run(pair);
	iov = (struct iovec){ data, 1000 };
	got = (struct fdnet_msg){ .iov = &iov, .iovcnt = 1,
				  .control = control,
				  .control_room = sizeof(control) };
	ck_assert_int_eq(fdnet_sock_recv(so[0], &got), 1000);
	ck_assert_int_eq(find_int(IPPROTO_TCP, TCP_CM_INQ), 3000);
	fdnet_sock_close(so[1]);
	stack_pair_run(pair);
	ck_assert_int_eq(receive(so[0], 0, sizeof(control)), 3000);
	ck_assert_int_eq(find_int(IPPROTO_TCP, TCP_CM_INQ), 1);
}
END_TEST

/* ---- SO_TIMESTAMPING of what is sent ---- */

#define TX                                                                     \
	(SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |            \
	 SOF_TIMESTAMPING_OPT_ID)

static void expect_stamp(struct fdnet_sock *so, uint32_t what, uint32_t key,
			 uint64_t at_us, ssize_t len)
{
	const struct sock_extended_err *ee;

	ck_assert_uint_eq(fdnet_sock_poll(so) & FDNET_EV_ERR, FDNET_EV_ERR);
	ck_assert_int_eq(receive(so, FDNET_MSG_ERRQUEUE, sizeof(control)), len);
	ee = find(IPPROTO_IP, IP_RECVERR, sizeof(*ee) + 16);
	ck_assert(ee);
	ck_assert_uint_eq(ee->ee_errno, ENOMSG);
	ck_assert_uint_eq(ee->ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
	ck_assert_uint_eq(ee->ee_info, what);
	ck_assert_uint_eq(ee->ee_data, key);
	expect_time(4, at_us);
}

START_TEST(a_datagram_is_stamped_when_it_leaves)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 7);
	struct fdnet_name to = name_of("10.0.0.2", 8);
	uint64_t at = pair->now_us;

	udp(1, "10.0.0.2", 8);
	ck_assert_int_eq(sock_set_int(a, SOL_SOCKET, SO_TIMESTAMPING, TX), 0);
	sock_send(a, "one", 3, &to);
	ck_assert_int_eq(receive(a, FDNET_MSG_ERRQUEUE, 512), -EAGAIN);
	stack_pair_run(pair);
	stack_pair_pass(pair, SEC);
	sock_set_int(a, SOL_SOCKET, SO_TIMESTAMPING,
		     TX | SOF_TIMESTAMPING_TX_SCHED |
			     SOF_TIMESTAMPING_OPT_TSONLY);
	sock_send(a, "two", 3, &to);
	stack_pair_run(pair);
	/* the packet comes along, or not */
	expect_stamp(a, SCM_TSTAMP_SND, 0, at, 31);
	ck_assert_mem_eq(data + 28, "one", 3);
	expect_stamp(a, SCM_TSTAMP_SCHED, 1, at + SEC, 0);
	expect_stamp(a, SCM_TSTAMP_SND, 1, at + SEC, 0);
	ck_assert_int_eq(receive(a, FDNET_MSG_ERRQUEUE, 512), -EAGAIN);
	ck_assert_uint_eq(fdnet_sock_poll(a) & FDNET_EV_ERR, 0);
}
END_TEST

START_TEST(a_stream_is_stamped_when_sent_and_acknowledged)
{
	const struct sock_extended_err *ee;
	struct fdnet_sock *so[2];
	uint64_t at;
	int i;

	connect_pair(so);
	ck_assert_int_eq(sock_set_int(so[1], SOL_SOCKET, SO_TIMESTAMPING,
				      TX | SOF_TIMESTAMPING_TX_ACK),
			 0);
	sock_set_int(so[1], IPPROTO_TCP, TCP_NODELAY, 1);
	pair->delay_us = 20000;
	at = pair->now_us;
	sock_send(so[1], data, 100, NULL);
	sock_send(so[1], data, 50, NULL);
	stack_pair_pass(pair, SEC);
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(receive(so[1], FDNET_MSG_ERRQUEUE,
					 sizeof(control)),
				 0);
		ee = find(IPPROTO_IP, IP_RECVERR, sizeof(*ee) + 16);
		ck_assert_uint_eq(ee->ee_info,
				  i < 2 ? SCM_TSTAMP_SND : SCM_TSTAMP_ACK);
		ck_assert_uint_eq(ee->ee_data, i & 1 ? 149 : 99);
		if (i < 2)
			ck_assert_uint_eq(got.time_us, at);
		else
			ck_assert_uint_ge(got.time_us, at + 40000);
	}
	ck_assert_int_eq(receive(so[1], FDNET_MSG_ERRQUEUE, 512), -EAGAIN);
}
END_TEST

static const struct {
	int value, rc;
} stampings[] = {
	{ 0x7ffff, 0 },
	{ 0x80000, -EINVAL },
	{ SOF_TIMESTAMPING_OPT_STATS, -EINVAL },
	{ SOF_TIMESTAMPING_OPT_STATS | SOF_TIMESTAMPING_OPT_TSONLY, 0 },
	{ 1 << 16 /* OPT_ID_TCP without OPT_ID */, -EINVAL },
};

START_TEST(stamping_is_checked)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 7);

	ck_assert_int_eq(sock_set_int(so, SOL_SOCKET, SO_TIMESTAMPING,
				      stampings[_i].value),
			 stampings[_i].rc);
	/* a stream that is not connected has no numbers */
	so = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	ck_assert_int_eq(sock_set_int(so, SOL_SOCKET, SO_TIMESTAMPING, TX),
			 -EINVAL);
}
END_TEST

START_TEST(stamps_nobody_reads_have_an_end)
{
	struct fdnet_sock *so[2], *a = udp(0, "10.0.0.1", 7);
	struct fdnet_name to = name_of("10.0.0.2", 8);
	int i, n = 0;

	sock_set_int(a, SOL_SOCKET, SO_TIMESTAMPING, TX);
	connect_pair(so);
	sock_set_int(so[1], SOL_SOCKET, SO_TIMESTAMPING,
		     TX | SOF_TIMESTAMPING_TX_ACK);
	for (i = 0; i < 200; i++) {
		sock_send(a, "x", 1, &to);
		sock_send(so[1], "x", 1, NULL);
		if (i % 50 == 49)
			stack_pair_run(pair);
	}
	stack_pair_pass(pair, SEC);
	while (receive(a, FDNET_MSG_ERRQUEUE, 512) >= 0)
		n++;
	ck_assert_int_eq(n, FDNET_ERRQ_MARKS_MAX);
	for (n = 0; receive(so[1], FDNET_MSG_ERRQUEUE, 512) >= 0; n++)
		;
	ck_assert_int_eq(n, FDNET_ERRQ_MARKS_MAX);
	/* and one that is closed with marks leaves nothing: teardown */
	sock_send(so[1], "x", 1, NULL);
	fdnet_sock_abort(so[1]);
}
END_TEST

/* ---- MSG_ZEROCOPY ---- */

static ssize_t send_zerocopy(struct fdnet_sock *so, size_t len,
			     const struct fdnet_name *to)
{
	struct iovec v = { data, len };
	struct fdnet_msg msg = { .iov = &v, .iovcnt = 1, .ttl = -1, .tos = -1,
				 .flags = FDNET_MSG_ZEROCOPY };

	if (to)
		msg.to_from = *to;
	return fdnet_sock_send(so, &msg);
}

static void expect_copied(struct fdnet_sock *so, uint32_t lo, uint32_t hi)
{
	const struct sock_extended_err *ee;

	ck_assert_uint_eq(fdnet_sock_poll(so) & FDNET_EV_ERR, FDNET_EV_ERR);
	ck_assert_int_eq(receive(so, FDNET_MSG_ERRQUEUE, sizeof(control)), 0);
	ee = find(IPPROTO_IP, IP_RECVERR, sizeof(*ee) + 16);
	ck_assert_uint_eq(ee->ee_errno, 0);
	ck_assert_uint_eq(ee->ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	ck_assert_uint_eq(ee->ee_code, SO_EE_CODE_ZEROCOPY_COPIED);
	ck_assert_uint_eq(ee->ee_info, lo);
	ck_assert_uint_eq(ee->ee_data, hi);
}

START_TEST(zero_copy_sends_are_told_in_ranges)
{
	struct fdnet_sock *so[2], *a = udp(0, "10.0.0.1", 7);
	struct fdnet_name to = name_of("10.0.0.2", 8);

	/* who did not ask hears nothing */
	ck_assert_int_eq(send_zerocopy(a, 10, &to), 10);
	ck_assert_int_eq(receive(a, FDNET_MSG_ERRQUEUE, 512), -EAGAIN);
	ck_assert_int_eq(sock_set_int(a, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	send_zerocopy(a, 10, &to);
	send_zerocopy(a, 0, &to); /* has no buffer to give back */
	send_zerocopy(a, 10, &to);
	expect_copied(a, 0, 1);
	send_zerocopy(a, 10, &to);
	expect_copied(a, 2, 2);
	ck_assert_int_eq(receive(a, FDNET_MSG_ERRQUEUE, 512), -EAGAIN);
	connect_pair(so);
	sock_set_int(so[1], SOL_SOCKET, SO_ZEROCOPY, 1);
	send_zerocopy(so[1], 1000, NULL);
	send_zerocopy(so[1], 1000, NULL);
	send_zerocopy(so[1], 1000, NULL);
	expect_copied(so[1], 0, 2);
	stack_pair_run(pair);
	ck_assert_int_eq(receive(so[0], 0, 0), 3000);
}
END_TEST

/* An error in between ends a range, and comes in its place. */
START_TEST(the_queue_keeps_its_order)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 7);
	struct fdnet_name to = name_of("10.0.0.2", 8);
	const struct sock_extended_err *ee;

	sock_set_int(a, SOL_SOCKET, SO_ZEROCOPY, 1);
	sock_set_int(a, IPPROTO_IP, IP_RECVERR, 1);
	send_zerocopy(a, 10, &to);
	stack_pair_run(pair); /* nobody listens there */
	sock_get_int(a, SOL_SOCKET, SO_ERROR);
	send_zerocopy(a, 10, &to);
	expect_copied(a, 0, 0);
	/* sock_dequeue_err_skb(): the next one's error shows again */
	ck_assert_int_eq(sock_get_int(a, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	ck_assert_int_eq(receive(a, FDNET_MSG_ERRQUEUE, sizeof(control)), 10);
	ee = find(IPPROTO_IP, IP_RECVERR, sizeof(*ee) + 16);
	ck_assert_uint_eq(ee->ee_errno, ECONNREFUSED);
	ck_assert_uint_eq(ee->ee_origin, SO_EE_ORIGIN_ICMP);
	ck_assert_uint_eq(((const struct sockaddr_in *)SO_EE_OFFENDER(ee))
				  ->sin_addr.s_addr,
			  htonl(0x0a000002));
	expect_copied(a, 1, 1);
	ck_assert_int_eq(sock_get_int(a, SOL_SOCKET, SO_ERROR), 0);
}
END_TEST

START_TEST(a_stream_queues_why_it_could_not_connect)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	struct fdnet_name to = name_of("10.0.0.9", 7);
	const struct sock_extended_err *ee;
	struct fdnet_ip_in in = { 0 };
	struct fdnet_pkt *pkt;

	sock_set_int(so, IPPROTO_IP, IP_RECVERR, 1);
	fdnet_sock_connect(so, &to);
	pkt = fdnet_stack_output(pair->s[0]);
	in.src = name_of("10.0.0.1", 0).ip;
	in.dst = name_of("10.0.0.9", 0).ip;
	in.proto = 6;
	in.hdr = pkt->data;
	in.hdr_len = 20;
	fdnet_pkt_pull(pkt, 20);
	fdnet_icmp_send_error(pair->s[1], pkt, &in, 3, 1, 0);
	fdnet_pkt_free(pkt);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR), EHOSTUNREACH);
	ck_assert_int_gt(receive(so, FDNET_MSG_ERRQUEUE, sizeof(control)), 8);
	ee = find(IPPROTO_IP, IP_RECVERR, sizeof(*ee) + 16);
	ck_assert_uint_eq(ee->ee_errno, EHOSTUNREACH);
	ck_assert_uint_eq(got.to_from.port, 7);
}
END_TEST

/* ---- TCP_NOTSENT_LOWAT ---- */

START_TEST(one_write_ends_at_the_low_water_mark)
{
	struct fdnet_sock *so[2];
	static uint8_t big[200000];
	ssize_t n;
	int mss;

	connect_pair(so);
	sock_set_int(so[1], IPPROTO_TCP, TCP_NOTSENT_LOWAT, 10000);
	ck_assert(fdnet_sock_poll(so[1]) & FDNET_EV_OUT);
	n = sock_send(so[1], big, sizeof(big), NULL);
	/* a burst of half a window, of which ten segments can be sent, and
	 * the next one is filled though it goes over the mark */
	mss = sock_get_int(so[1], IPPROTO_TCP, TCP_MAXSEG);
	ck_assert_int_eq(n, 10 * mss + 32767 / mss * mss);
	ck_assert_int_eq(sock_send(so[1], big, 1, NULL), -EAGAIN);
	ck_assert_uint_eq(fdnet_sock_poll(so[1]) & FDNET_EV_OUT, 0);
	stack_pair_run(pair);
	ck_assert(fdnet_sock_poll(so[1]) & FDNET_EV_OUT);
	ck_assert_int_eq(sock_send(so[1], big, 5000, NULL), 5000);
	/* writable means: less than half of it */
	ck_assert_uint_eq(fdnet_sock_poll(so[1]) & FDNET_EV_OUT, 0);
}
END_TEST

static Suite *cmsg_suite(void)
{
	Suite *s = suite_create("cmsg");
	TCase *tc = tcase_create("cmsg");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ipv4_tells_what_was_asked_for);
	tcase_add_test(tc, ipv6_tells_what_was_asked_for);
	tcase_add_test(tc, a_dual_stack_socket_tells_of_both);
	tcase_add_test(tc, short_room_is_told);
	tcase_add_test(tc, ip_options_are_given);
	tcase_add_test(tc, extension_headers_are_given);
	tcase_add_loop_test(tc, the_largest_fragment_is_told, 4, 5);
	tcase_add_loop_test(tc, the_largest_fragment_is_told, 6, 7);
	tcase_add_test(tc, lost_datagrams_are_counted);
	tcase_add_test(tc, a_path_that_is_too_narrow_is_told);
	tcase_add_loop_test(tc, datagrams_tell_when_they_arrived, 0,
			    N_ROWS(clocks));
	tcase_add_loop_test(tc, streams_tell_when_their_bytes_arrived, 0,
			    N_ROWS(clocks));
	tcase_add_test(tc, what_is_left_of_a_stream_is_told);
	tcase_add_test(tc, a_datagram_is_stamped_when_it_leaves);
	tcase_add_test(tc, a_stream_is_stamped_when_sent_and_acknowledged);
	tcase_add_loop_test(tc, stamping_is_checked, 0, N_ROWS(stampings));
	tcase_add_test(tc, stamps_nobody_reads_have_an_end);
	tcase_add_test(tc, zero_copy_sends_are_told_in_ranges);
	tcase_add_test(tc, the_queue_keeps_its_order);
	tcase_add_test(tc, a_stream_queues_why_it_could_not_connect);
	tcase_add_test(tc, one_write_ends_at_the_low_water_mark);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(cmsg_suite)
