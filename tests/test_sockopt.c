/* SPDX-License-Identifier: Apache-2.0 */
/* The expected values are what Linux 6.18 gave for the same calls. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "stack/sockopt.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

static struct stack_pair *pair;

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

enum kind { UDP4, UDP6, TCP4, TCP6, PING4, RAW4, RAW6, KINDS };

static struct fdnet_sock *open_kind(enum kind kind)
{
	static const struct {
		int family, type, proto;
	} kinds[] = {
		[UDP4] = { 4, 2, 17 }, [UDP6] = { 6, 2, 17 },
		[TCP4] = { 4, 1, 6 },  [TCP6] = { 6, 1, 6 },
		[PING4] = { 4, 2, 1 }, [RAW4] = { 4, 3, 1 },
		[RAW6] = { 6, 3, 58 },
	};

	return sock_open(pair->s[0], kinds[kind].family, kinds[kind].type,
			 kinds[kind].proto);
}

/* ---- ints: set one, read one ---- */

#define SAME INT_MIN /* reading gives what was there before */

static const struct {
	enum kind kind;
	int level, name, set, rc, get;
} ints[] = {
	{ UDP4, SOL_SOCKET, SO_REUSEADDR, 5, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_REUSEPORT, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_BROADCAST, -1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_DONTROUTE, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_KEEPALIVE, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_OOBINLINE, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_NO_CHECK, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_DEBUG, 1, -EACCES, 0 },
	{ UDP4, SOL_SOCKET, SO_DEBUG, 0, 0, 0 },
	{ UDP4, SOL_SOCKET, SO_TYPE, 1, -ENOPROTOOPT, SOCK_DGRAM },
	{ UDP4, SOL_SOCKET, SO_PROTOCOL, 1, -ENOPROTOOPT, IPPROTO_UDP },
	{ UDP4, SOL_SOCKET, SO_DOMAIN, 1, -ENOPROTOOPT, AF_INET },
	{ UDP6, SOL_SOCKET, SO_DOMAIN, 1, -ENOPROTOOPT, AF_INET6 },
	{ UDP4, SOL_SOCKET, SO_ERROR, 1, -ENOPROTOOPT, 0 },
	{ UDP4, SOL_SOCKET, SO_ACCEPTCONN, 1, -ENOPROTOOPT, 0 },
	{ UDP4, SOL_SOCKET, SO_SNDLOWAT, 1, -ENOPROTOOPT, 1 },
	{ UDP4, SOL_SOCKET, SO_SNDBUF, 1, 0, 4608 },
	{ UDP4, SOL_SOCKET, SO_SNDBUF, 100000, 0, 200000 },
	{ UDP4, SOL_SOCKET, SO_SNDBUF, -1, 0, 8388608 },
	{ UDP4, SOL_SOCKET, SO_RCVBUF, 0, 0, 2304 },
	{ UDP4, SOL_SOCKET, SO_RCVBUF, 5000, 0, 10000 },
	{ UDP4, SOL_SOCKET, SO_RCVBUFFORCE, 5000, -EPERM, SAME },
	{ UDP4, SOL_SOCKET, SO_SNDBUFFORCE, 5000, -EPERM, SAME },
	{ UDP4, SOL_SOCKET, SO_PRIORITY, 6, 0, 6 },
	{ UDP4, SOL_SOCKET, SO_PRIORITY, 7, -EPERM, 0 },
	{ UDP4, SOL_SOCKET, SO_MARK, 1, -EPERM, 0 },
	{ UDP4, SOL_SOCKET, SO_RCVLOWAT, 0, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_RCVLOWAT, -1, 0, INT_MAX },
	{ TCP4, SOL_SOCKET, SO_RCVLOWAT, 100, 0, 100 },
	{ UDP4, SOL_SOCKET, SO_TIMESTAMP, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_TIMESTAMPNS, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_TIMESTAMPING, 0x10, 0, 0x10 },
	{ UDP4, SOL_SOCKET, SO_PASSCRED, 1, -EOPNOTSUPP, SAME },
	{ UDP4, SOL_SOCKET, SO_BUSY_POLL, 5, 0, 5 },
	{ UDP4, SOL_SOCKET, SO_BUSY_POLL, -1, -EINVAL, 0 },
	{ UDP4, SOL_SOCKET, SO_INCOMING_CPU, 3, 0, 3 },
	{ UDP4, SOL_SOCKET, SO_ZEROCOPY, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_ZEROCOPY, 2, -EINVAL, 0 },
	{ PING4, SOL_SOCKET, SO_ZEROCOPY, 1, -EOPNOTSUPP, 0 },
	{ PING4, SOL_SOCKET, SO_BINDTOIFINDEX, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, 9999, 1, -ENOPROTOOPT, SAME },
	{ UDP4, IPPROTO_IP, IP_TTL, 64, 0, 64 },
	{ UDP4, IPPROTO_IP, IP_TTL, -1, 0, 64 },
	{ UDP4, IPPROTO_IP, IP_TTL, 0, -EINVAL, 64 },
	{ UDP4, IPPROTO_IP, IP_TTL, 256, -EINVAL, 64 },
	{ UDP4, IPPROTO_IP, IP_TOS, 0xff, 0, 0xff },
	{ TCP4, IPPROTO_IP, IP_TOS, 0xff, 0, 0xfc },
	{ UDP4, IPPROTO_IP, IP_MTU_DISCOVER, 5, 0, 5 },
	{ UDP4, IPPROTO_IP, IP_MTU_DISCOVER, 6, -EINVAL, 1 },
	{ UDP4, IPPROTO_IP, IP_RECVERR, 2, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_PKTINFO, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_RECVTTL, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_RECVTOS, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_FREEBIND, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_TRANSPARENT, 1, -EPERM, 0 },
	{ UDP4, IPPROTO_IP, IP_TRANSPARENT, 0, 0, 0 },
	{ UDP4, IPPROTO_IP, IP_HDRINCL, 1, -ENOPROTOOPT, 0 },
	{ RAW4, IPPROTO_IP, IP_HDRINCL, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_NODEFRAG, 1, -ENOPROTOOPT, 0 },
	{ UDP4, IPPROTO_IP, IP_ROUTER_ALERT, 1, -EINVAL, 0 },
	{ UDP4, IPPROTO_IP, IP_MINTTL, 255, 0, 255 },
	{ UDP4, IPPROTO_IP, IP_MINTTL, 256, -EINVAL, 0 },
	{ UDP4, IPPROTO_IP, IP_MULTICAST_TTL, -1, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_MULTICAST_TTL, 256, -EINVAL, 1 },
	{ TCP4, IPPROTO_IP, IP_MULTICAST_TTL, 5, -EINVAL, 1 },
	{ UDP4, IPPROTO_IP, IP_MULTICAST_LOOP, 0, 0, 0 },
	{ UDP4, IPPROTO_IP, IP_MULTICAST_ALL, 2, -EINVAL, 1 },
	{ UDP6, IPPROTO_IP, IP_TTL, 7, 0, 7 },
	{ RAW6, IPPROTO_IP, IP_TTL, 7, -ENOPROTOOPT, SAME },
	{ UDP4, IPPROTO_IP, 9999, 7, -ENOPROTOOPT, SAME },
	{ UDP4, IPPROTO_IPV6, IPV6_V6ONLY, 1, -ENOPROTOOPT, SAME },
	{ UDP6, IPPROTO_IPV6, IPV6_V6ONLY, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1, 0, 64 },
	{ UDP6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 300, -EINVAL, 64 },
	{ UDP6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 9, 0, 9 },
	{ TCP6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 9, -ENOPROTOOPT, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 2, -EINVAL, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_TCLASS, 256, -EINVAL, 0 },
	{ UDP6, IPPROTO_IPV6, IPV6_TCLASS, -1, 0, 0 },
	{ UDP6, IPPROTO_IPV6, IPV6_TCLASS, 0x47, 0, 0x47 },
	{ TCP6, IPPROTO_IPV6, IPV6_TCLASS, 0x47, 0, 0x44 },
	{ UDP6, IPPROTO_IPV6, IPV6_RECVERR, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, 3, 0, 3 },
	{ UDP6, IPPROTO_IPV6, IPV6_DONTFRAG, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_MTU, 1279, -EINVAL, SAME },
	{ UDP6, IPPROTO_IPV6, IPV6_MTU, 1280, 0, SAME },
	{ UDP6, IPPROTO_IPV6, 9999, 1, -ENOPROTOOPT, SAME },
	{ UDP4, SOL_SOCKET, 72 /* SO_BUF_LOCK */, 3, 0, 3 },
	{ UDP4, SOL_SOCKET, 72 /* SO_BUF_LOCK */, 4, -EINVAL, 0 },
	{ UDP4, SOL_SOCKET, SO_BSDCOMPAT, 1, 0, 0 },
	{ UDP4, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1, 0, 1 },
	{ UDP4, SOL_SOCKET, SO_INCOMING_NAPI_ID, 1, -ENOPROTOOPT, 0 },
	{ TCP4, SOL_SOCKET, 74 /* SO_TXREHASH */, 0, 0, 0 },
	{ TCP4, SOL_SOCKET, 74 /* SO_TXREHASH */, 2, -EINVAL, 1 },
	{ UDP4, SOL_SOCKET, 74 /* SO_TXREHASH */, 0, -EOPNOTSUPP, SAME },
	{ UDP4, IPPROTO_IP, IP_PASSSEC, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, 23 /* IP_CHECKSUM */, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, 26 /* IP_RECVERR_RFC4884 */, 1, 0, 1 },
	{ UDP4, IPPROTO_IP, 26 /* IP_RECVERR_RFC4884 */, 2, -EINVAL, 0 },
	{ UDP6, IPPROTO_IPV6, IPV6_MULTICAST_IF, 0, 0, 0 },
	{ UDP6, IPPROTO_IPV6, IPV6_MULTICAST_IF, 99, -ENODEV, 0 },
	{ UDP6, IPPROTO_IPV6, 29 /* IPV6_MULTICAST_ALL */, 0, 0, 0 },
	{ UDP6, IPPROTO_IPV6, 31 /* IPV6_RECVERR_RFC4884 */, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, 33 /* IPV6_FLOWINFO_SEND */, 1, 0, 1 },
	{ UDP6, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0, 0, 0 },
	{ UDP6, IPPROTO_IPV6, IPV6_MINHOPCOUNT, 255, 0, 255 },
	{ UDP6, IPPROTO_IPV6, IPV6_MINHOPCOUNT, 256, -EINVAL, 0 },
	{ UDP6, IPPROTO_IPV6, IPV6_FREEBIND, 1, 0, 1 },
	{ UDP4, IPPROTO_UDP, 101 /* UDP_NO_CHECK6_TX */, 5, 0, 1 },
	{ UDP4, IPPROTO_UDP, 102 /* UDP_NO_CHECK6_RX */, 1, 0, 1 },
	{ UDP4, IPPROTO_UDP, 1 /* UDP_CORK */, 1, 0, 1 },
	{ UDP4, IPPROTO_UDP, 103 /* UDP_SEGMENT */, 1400, 0, 1400 },
	{ UDP4, IPPROTO_UDP, 103, 70000, -EINVAL, 0 },
	{ UDP4, IPPROTO_UDP, 104 /* UDP_GRO */, 1, 0, 1 },
	{ UDP4, IPPROTO_UDP, 100 /* UDP_ENCAP */, 0, 0, 0 },
	{ UDP4, IPPROTO_UDP, 9999, 1, -ENOPROTOOPT, SAME },
	{ RAW4, 255, 1 /* ICMP_FILTER */, 0x100, 0, 0x100 },
	{ RAW6, IPPROTO_IPV6, 7 /* IPV6_CHECKSUM */, 2, -EINVAL, 2 },
	{ RAW6, 255, 7, 4, 0, 4 },
	{ RAW6, 255, 7, 3, -EINVAL, 2 },
};

START_TEST(ints_are_set_and_read_as_linux_does)
{
	struct fdnet_sock *so = open_kind(ints[_i].kind);
	int level = ints[_i].level, name = ints[_i].name;

	ck_assert_msg(sock_set_int(so, level, name, ints[_i].set) ==
			      ints[_i].rc,
		      "set %d/%d to %d", level, name, ints[_i].set);
	if (ints[_i].get != SAME)
		ck_assert_msg(sock_get_int(so, level, name) == ints[_i].get,
			      "get %d/%d: %d", level, name,
			      sock_get_int(so, level, name));
}
END_TEST

/* ---- lengths ---- */

START_TEST(short_values_are_refused_or_taken_as_linux_does)
{
	struct fdnet_sock *so = open_kind(UDP6);
	char c = 9;

	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_REUSEADDR, &c,
					   1),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_TYPE, &c, 1),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_TTL, &c, 1), 0);
	ck_assert_int_eq(sock_get_int(so, IPPROTO_IP, IP_TTL), 9);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_TTL, &c, 0),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IPV6, IPV6_TCLASS, &c,
					   1),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_UDP, 1, &c, 1),
			 -EINVAL);
}
END_TEST

START_TEST(answers_are_cut_to_the_room_there_is)
{
	struct fdnet_sock *so = open_kind(UDP4);
	uint8_t buf[16];
	uint32_t len;

	memset(buf, 0xaa, sizeof(buf));
	len = 16;
	ck_assert_int_eq(fdnet_sock_getopt(so, SOL_SOCKET, SO_TYPE, buf, &len),
			 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_uint_eq(buf[4], 0xaa);
	len = 2;
	ck_assert_int_eq(fdnet_sock_getopt(so, SOL_SOCKET, SO_TYPE, buf, &len),
			 0);
	ck_assert_uint_eq(len, 2);
	len = 3; /* IPPROTO_IP: one byte if it fits in one */
	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IP, IP_TTL, buf, &len),
			 0);
	ck_assert_uint_eq(len, 1);
	ck_assert_uint_eq(buf[0], 64);
	len = (uint32_t)-1;
	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IP, IP_TTL, buf, &len),
			 -EINVAL);
	len = 4;
	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IPV6, IPV6_V6ONLY, buf,
					   &len),
			 -EOPNOTSUPP);
}
END_TEST

/* Every row, every kind, every small length: nothing may break. The memory
 * is exactly as long as said, for AddressSanitizer's eyes. */
static void try_row(struct fdnet_sock *so, const struct fdnet_sockopt *row,
		    uint32_t len)
{
	static const uint8_t guard[16] = { 0x5a, 0x5a, 0x5a, 0x5a };
	uint8_t *val = malloc(len ? len : 1), *out = malloc(len + 16);
	uint32_t got = len;

	memset(val, 1, len);
	fdnet_sock_setopt(so, row->level, row->name, val, len);
	memcpy(out + len, guard, sizeof(guard));
	if (!fdnet_sock_getopt(so, row->level, row->name, out, &got)) {
		ck_assert_msg(got <= len, "%s", row->label);
		ck_assert_msg(!memcmp(out + len, guard, sizeof(guard)), "%s",
			      row->label);
	}
	free(val);
	free(out);
}

START_TEST(no_row_reads_or_writes_out_of_bounds)
{
	const struct fdnet_sockopt *row;
	struct fdnet_sock *so;
	uint32_t i, len;

	for (i = 0; (row = fdnet_sockopt_row(i)); i++) {
		so = open_kind((enum kind)_i);
		for (len = 0; len < 160; len++)
			try_row(so, row, len);
		fdnet_sock_close(so);
	}
	ck_assert_uint_gt(i, 100);
}
END_TEST

/* ---- structures ---- */

START_TEST(linger_is_kept)
{
	struct fdnet_sock *so = open_kind(TCP4);
	struct linger l = { 1, 7 }, got = { 0 };
	uint32_t len = sizeof(got);

	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_LINGER, &l,
					   sizeof(l)),
			 0);
	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_LINGER, &l, 4),
			 -EINVAL);
	fdnet_sock_getopt(so, SOL_SOCKET, SO_LINGER, &got, &len);
	ck_assert_int_eq(got.l_onoff, 1);
	ck_assert_int_eq(got.l_linger, 7);
}
END_TEST

static const struct {
	struct timeval set;
	int rc;
	struct timeval get;
} timeouts[] = {
	{ { 3, 500000 }, 0, { 3, 500000 } },
	{ { 0, 0 }, 0, { 0, 0 } },
	{ { 0, 1000000 }, -EDOM, { 0, 0 } },
	{ { 0, -1 }, -EDOM, { 0, 0 } },
	{ { 4294967295, 0 }, 0, { 4294967295, 0 } },
	{ { LONG_MAX, 0 }, 0, { 0, 0 } },
};

START_TEST(timeouts_are_kept)
{
	static const int names[] = { SO_RCVTIMEO, SO_SNDTIMEO,
				     SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW };
	struct fdnet_sock *so = open_kind(UDP4);
	struct timeval tv;
	uint32_t len;
	int i;

	for (i = 0; i < 4; i++) {
		len = sizeof(tv);
		ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, names[i],
						   &timeouts[_i].set,
						   sizeof(tv)),
				 timeouts[_i].rc);
		fdnet_sock_getopt(so, SOL_SOCKET, names[i], &tv, &len);
		ck_assert_int_eq(tv.tv_sec, timeouts[_i].get.tv_sec);
		ck_assert_int_eq(tv.tv_usec, timeouts[_i].get.tv_usec);
	}
}
END_TEST

START_TEST(devices_are_bound_by_name)
{
	struct fdnet_sock *so = open_kind(UDP4);
	char name[16] = "?";
	uint32_t len = sizeof(name);

	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_BINDTODEVICE,
					   "nope", 5),
			 -ENODEV);
	ck_assert_int_eq(fdnet_sock_getopt(so, SOL_SOCKET, SO_BINDTODEVICE,
					   name, &len),
			 0);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_BINDTODEVICE,
					   "lo", 3),
			 0);
	len = sizeof(name);
	fdnet_sock_getopt(so, SOL_SOCKET, SO_BINDTODEVICE, name, &len);
	ck_assert_str_eq(name, "lo");
	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_BINDTODEVICE,
					   "eth0", 5),
			 -EPERM);
}
END_TEST

START_TEST(timestamps_exclude_each_other)
{
	struct fdnet_sock *so = open_kind(UDP4);

	sock_set_int(so, SOL_SOCKET, SO_TIMESTAMP, 1);
	sock_set_int(so, SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_TIMESTAMP), 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_TIMESTAMPNS), 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_TIMESTAMPNS_NEW), 1);
}
END_TEST

START_TEST(v6only_is_fixed_once_bound)
{
	struct fdnet_sock *so = open_kind(UDP6);

	sock_bind(so, "::", 5000);
	ck_assert_int_eq(sock_set_int(so, IPPROTO_IPV6, IPV6_V6ONLY, 1),
			 -EINVAL);
}
END_TEST

START_TEST(mtu_is_told_of_connected_sockets_only)
{
	struct fdnet_sock *so = open_kind(UDP4);
	struct fdnet_name to = name_of("10.0.0.2", 5);
	uint32_t len = 4;
	int mtu;

	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IP, IP_MTU, &mtu, &len),
			 -ENOTCONN);
	fdnet_sock_connect(so, &to);
	ck_assert_int_eq(sock_get_int(so, IPPROTO_IP, IP_MTU), 1500);
}
END_TEST

START_TEST(groups_are_joined_and_left)
{
	struct fdnet_sock *so = open_kind(UDP4);
	struct ip_mreq mreq = { .imr_multiaddr = { htonl(0xe0000105) } };
	int i;

	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_DROP_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 0);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 -EADDRINUSE);
	for (i = 0; i < 19; i++) {
		mreq.imr_multiaddr.s_addr = htonl(0xe0000200u + (unsigned)i);
		ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP,
						   IP_ADD_MEMBERSHIP, &mreq,
						   sizeof(mreq)),
				 0);
	}
	mreq.imr_multiaddr.s_addr = htonl(0xe0000300);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 -ENOBUFS);
	mreq.imr_multiaddr.s_addr = htonl(0x0a000001);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(open_kind(TCP4), IPPROTO_IP,
					   IP_ADD_MEMBERSHIP, &mreq,
					   sizeof(mreq)),
			 -EPROTO);
}
END_TEST

static Suite *sockopt_suite(void)
{
	Suite *s = suite_create("sockopt");
	TCase *tc = tcase_create("sockopt");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, ints_are_set_and_read_as_linux_does, 0,
			    N_ROWS(ints));
	tcase_add_test(tc, short_values_are_refused_or_taken_as_linux_does);
	tcase_add_test(tc, answers_are_cut_to_the_room_there_is);
	tcase_add_loop_test(tc, no_row_reads_or_writes_out_of_bounds, 0,
			    KINDS);
	tcase_add_test(tc, linger_is_kept);
	tcase_add_loop_test(tc, timeouts_are_kept, 0, N_ROWS(timeouts));
	tcase_add_test(tc, devices_are_bound_by_name);
	tcase_add_test(tc, timestamps_exclude_each_other);
	tcase_add_test(tc, v6only_is_fixed_once_bound);
	tcase_add_test(tc, mtu_is_told_of_connected_sockets_only);
	tcase_add_test(tc, groups_are_joined_and_left);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(sockopt_suite)
