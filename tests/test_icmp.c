/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/icmp.h"
#include "stack/internal.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

static struct stack_pair *pair;
static uint8_t buf[70000];

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static uint64_t counter(int side, enum fdnet_stack_counter which)
{
	return fdnet_stack_counter(pair->s[side], which);
}

/* ---- ping sockets ---- */

static struct fdnet_sock *ping(int side, int family)
{
	return sock_open(pair->s[side], family, FDNET_SOCK_DGRAM,
			 family == 4 ? 1 : 58);
}

static size_t echo(uint8_t *p, int family, size_t payload)
{
	struct fdnet_icmp hdr = {
		.type = family == 4 ? 8 : 128,
		.rest = 0xdead0007, /* the identifier is replaced */
	};

	fdnet_icmp_encode(p, &hdr);
	memset(p + 8, 'p', payload);
	return 8 + payload;
}

static const struct {
	const char *label, *to;
	size_t payload;
} pings[] = {
	{ "v4", "10.0.0.2", 56 },	{ "v6", "fd00::2", 56 },
	{ "v4 empty", "10.0.0.2", 0 },	{ "v4 large", "10.0.0.2", 60000 },
	{ "v6 large", "fd00::2", 60000 }, { "loop", "127.0.0.1", 56 },
	{ "loop v6", "::1", 56 },	{ "own", "10.0.0.1", 3000 },
};

START_TEST(pings_are_answered)
{
	struct fdnet_name to = name_of(pings[_i].to, 0), from, local;
	int family = to.ip.family;
	struct fdnet_sock *so = ping(0, family), *other = ping(0, family);
	static uint8_t out[70000];
	size_t len = echo(out, family, pings[_i].payload);

	ck_assert_int_eq(sock_send(so, out, len, &to), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_msg(sock_recv(so, buf, sizeof(buf), &from) == (ssize_t)len,
		      "%s", pings[_i].label);
	ck_assert(fdnet_ip_equal(&from.ip, &to.ip));
	ck_assert_uint_eq(buf[0], family == 4 ? 0 : 129);
	fdnet_sock_name(so, &local);
	ck_assert_uint_eq(fdnet_get16(buf + 4), local.port);
	ck_assert_uint_eq(fdnet_get16(buf + 6), 7);
	ck_assert_mem_eq(buf + 8, out + 8, pings[_i].payload);
	ck_assert_int_eq(sock_recv(other, buf, sizeof(buf), NULL), -EAGAIN);
}
END_TEST

START_TEST(only_echo_requests_may_be_sent)
{
	struct fdnet_sock *so = ping(0, 4);
	struct fdnet_name to = name_of("10.0.0.2", 0);
	uint8_t p[64];
	size_t len = echo(p, 4, 8);

	ck_assert_int_eq(sock_send(so, p, 7, &to), -EINVAL);
	p[0] = 0;
	ck_assert_int_eq(sock_send(so, p, len, &to), -EINVAL);
	p[0] = 8;
	p[1] = 1;
	ck_assert_int_eq(sock_send(so, p, len, &to), -EINVAL);
	p[1] = 0;
	ck_assert_int_eq(sock_send(so, p, len, NULL), -EDESTADDRREQ);
	ck_assert_int_eq(sock_send(so, p, 65536, &to), -EMSGSIZE);
}
END_TEST

START_TEST(a_connected_ping_socket_hears_its_peer_only)
{
	struct fdnet_sock *so = ping(0, 4);
	struct fdnet_name peer = name_of("10.0.0.9", 1);
	struct fdnet_name to = name_of("10.0.0.2", 0);
	uint8_t p[64];
	size_t len = echo(p, 4, 8);

	ck_assert_int_eq(fdnet_sock_connect(so, &peer), 0);
	ck_assert_int_eq(sock_send(so, p, len, &to), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, buf, sizeof(buf), NULL), -EAGAIN);
	peer.ip.family = 0;
	ck_assert_int_eq(fdnet_sock_connect(so, &peer), 0);
	ck_assert_int_eq(sock_send(so, p, len, &to), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, buf, sizeof(buf), NULL), (ssize_t)len);
}
END_TEST

/* ---- raw sockets ---- */

START_TEST(raw_sockets_see_replies_with_their_header)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_RAW, 1);
	struct fdnet_name to = name_of("10.0.0.2", 0), from;
	uint8_t p[64];
	size_t len = echo(p, 4, 8);
	uint32_t filter = 1u << 0; /* no echo replies */

	fdnet_csum_store(p + 2, fdnet_csum_add(0, p, len));
	ck_assert_int_eq(sock_send(so, p, len, &to), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, buf, sizeof(buf), &from),
			 20 + (ssize_t)len);
	ck_assert_uint_eq(buf[0], 0x45);
	ck_assert_uint_eq(buf[9], 1);
	ck_assert_uint_eq(buf[20], 0);
	ck_assert_uint_eq(fdnet_get16(buf + 24), 0xdead);
	ck_assert(fdnet_ip_equal(&from.ip, &to.ip));
	fdnet_sock_setopt(so, 255, 1, &filter, 4);
	sock_send(so, p, len, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, buf, sizeof(buf), NULL), -EAGAIN);
}
END_TEST

START_TEST(raw_sockets_of_ipv6_see_the_payload_and_get_their_checksum)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 6, FDNET_SOCK_RAW, 58);
	struct fdnet_name to = name_of("fd00::2", 0);
	uint8_t p[64];
	size_t len = echo(p, 6, 8);

	ck_assert_int_eq(sock_send(so, p, len, &to), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, buf, sizeof(buf), NULL), (ssize_t)len);
	ck_assert_uint_eq(buf[0], 129);
}
END_TEST

START_TEST(an_own_header_is_completed)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_RAW, 255);
	struct fdnet_name to = name_of("10.0.0.2", 0);
	struct fdnet_sock *in = sock_open(pair->s[1], 4, FDNET_SOCK_RAW, 200);
	uint8_t p[40] = { 0x45, [8] = 3, [9] = 200, [16] = 10, [19] = 2 };

	ck_assert_int_eq(sock_send(so, p, 19, &to), -EINVAL);
	ck_assert_int_eq(sock_send(so, p, 1501, &to), -EMSGSIZE);
	ck_assert_int_eq(sock_send(so, p, sizeof(p), &to), sizeof(p));
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(in, buf, sizeof(buf), NULL), sizeof(p));
	ck_assert_uint_eq(buf[8], 3);
	ck_assert_uint_eq(fdnet_get32(buf + 12), 0x0a000001);
	ck_assert(fdnet_ipv4_csum_ok(buf, 20));
	p[0] = 0x65;
	ck_assert_int_eq(sock_send(so, p, sizeof(p), &to), -EINVAL);
}
END_TEST

START_TEST(a_protocol_nobody_speaks_is_told)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_RAW, 200);
	struct fdnet_name to = name_of("10.0.0.2", 0);
	struct fdnet_sock *listener;

	ck_assert_int_eq(fdnet_sock_connect(so, &to), 0);
	ck_assert_int_eq(sock_send(so, "12345678", 8, NULL), 8);
	stack_pair_run(pair);
	ck_assert_uint_eq(counter(1, FDNET_C_IP_NO_PROTO), 1);
	ck_assert_int_eq(sock_recv(so, buf, 1, NULL), -ENOPROTOOPT);
	/* a raw socket speaks it */
	listener = sock_open(pair->s[1], 4, FDNET_SOCK_RAW, 200);
	sock_send(so, "12345678", 8, NULL);
	stack_pair_run(pair);
	ck_assert_uint_eq(counter(1, FDNET_C_IP_NO_PROTO), 1);
	ck_assert_int_eq(sock_recv(listener, buf, 64, NULL), 28);
}
END_TEST

/* ---- errors that arrive ---- */

/* What Linux's icmp_err_convert and icmpv6_err_convert say. */
static const struct {
	int family, type, code, error;
	bool fatal;
} meanings[] = {
	{ 4, 3, 0, ENETUNREACH, false },   { 4, 3, 1, EHOSTUNREACH, false },
	{ 4, 3, 2, ENOPROTOOPT, true },	   { 4, 3, 3, ECONNREFUSED, true },
	{ 4, 3, 5, EOPNOTSUPP, false },	   { 4, 3, 6, ENETUNREACH, true },
	{ 4, 3, 7, EHOSTDOWN, true },	   { 4, 3, 8, ENONET, true },
	{ 4, 3, 9, ENETUNREACH, true },	   { 4, 3, 10, EHOSTUNREACH, true },
	{ 4, 3, 11, ENETUNREACH, false },  { 4, 3, 12, EHOSTUNREACH, false },
	{ 4, 3, 13, EHOSTUNREACH, true },  { 4, 3, 14, EHOSTUNREACH, true },
	{ 4, 3, 15, EHOSTUNREACH, true },  { 4, 11, 0, EHOSTUNREACH, false },
	{ 4, 12, 0, EPROTO, true },	   { 6, 1, 0, ENETUNREACH, false },
	{ 6, 1, 1, EACCES, true },	   { 6, 1, 2, EHOSTUNREACH, false },
	{ 6, 1, 3, EHOSTUNREACH, false },  { 6, 1, 4, ECONNREFUSED, true },
	{ 6, 1, 5, EACCES, true },	   { 6, 1, 6, EACCES, true },
	{ 6, 3, 0, EHOSTUNREACH, false },  { 6, 4, 0, EPROTO, true },
};

/* An error about the last packet of @so, made by side 1's address. */
static void tell(const uint8_t *quoted, size_t len, int family, uint8_t type,
		 uint8_t code, uint32_t rest)
{
	struct fdnet_name src = name_of(family == 4 ? "10.0.0.2" : "fd00::2",
					0);
	struct fdnet_name dst = name_of(family == 4 ? "10.0.0.1" : "fd00::1",
					0);
	struct fdnet_icmp hdr = { type, code, rest };
	struct fdnet_pkt *pkt = fdnet_pkt_new(pair->pool);
	uint8_t proto = family == 4 ? 1 : 58;
	uint8_t *p = fdnet_pkt_put(pkt, 8 + (uint32_t)len);
	uint32_t sum = 0;

	fdnet_icmp_encode(p, &hdr);
	memcpy(p + 8, quoted, len);
	if (family == 6)
		sum = fdnet_pseudo_csum(&src.ip, &dst.ip, proto,
					8 + (uint32_t)len);
	fdnet_csum_store(p + 2, fdnet_csum_pkt(sum, pkt, 0));
	fdnet_ip_finish(pair->s[1], pkt, &src.ip, &dst.ip, proto, -1, -1,
			false);
	fdnet_stack_input(pair->s[0], pkt);
}

static struct fdnet_sock *sender(int family, bool connected, uint8_t *quoted,
				 size_t *len)
{
	struct fdnet_sock *so = sock_open(pair->s[0], family,
					  FDNET_SOCK_DGRAM, 17);
	struct fdnet_name to = name_of(family == 4 ? "10.0.0.2" : "fd00::2",
				       9);
	struct fdnet_pkt *pkt;

	if (connected)
		ck_assert_int_eq(fdnet_sock_connect(so, &to), 0);
	ck_assert_int_eq(sock_send(so, "hello", 5, &to), 5);
	pkt = fdnet_stack_output(pair->s[0]);
	ck_assert_ptr_nonnull(pkt);
	*len = fdnet_pkt_copy_out(pkt, 0, quoted, 100);
	fdnet_pkt_free(pkt);
	return so;
}

START_TEST(errors_mean_what_linux_says)
{
	int family = meanings[_i].family;
	uint8_t quoted[100];
	size_t len;
	struct fdnet_sock *so = sender(family, true, quoted, &len);
	bool fatal;

	ck_assert_int_eq(fdnet_icmp_to_error(family,
					     (uint8_t)meanings[_i].type,
					     (uint8_t)meanings[_i].code,
					     &fatal),
			 meanings[_i].error);
	ck_assert_int_eq(fatal, meanings[_i].fatal);
	tell(quoted, len, family, (uint8_t)meanings[_i].type,
	     (uint8_t)meanings[_i].code, 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR),
			 fatal ? meanings[_i].error : 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR), 0);
}
END_TEST

START_TEST(an_unconnected_socket_hears_nothing)
{
	uint8_t quoted[100];
	size_t len;
	struct fdnet_sock *so = sender(4, false, quoted, &len);

	tell(quoted, len, 4, 3, 3, 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR), 0);
	ck_assert_uint_eq(fdnet_sock_poll(so), FDNET_EV_OUT);
}
END_TEST

START_TEST(the_error_queue_hears_everything)
{
	uint8_t quoted[100];
	size_t len;
	struct fdnet_sock *so = sender(4, false, quoted, &len);
	struct iovec iov = { buf, sizeof(buf) };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.flags = FDNET_MSG_ERRQUEUE,
	};
	char text[FDNET_IP_STRLEN];

	sock_set_int(so, IPPROTO_IP, IP_RECVERR, 1);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), -EAGAIN);
	tell(quoted, len, 4, 11, 0, 0);
	ck_assert_uint_eq(fdnet_sock_poll(so), FDNET_EV_OUT | FDNET_EV_ERR);
	ck_assert_int_eq(sock_recv(so, buf, 10, NULL), -EHOSTUNREACH);
	msg.flags = FDNET_MSG_ERRQUEUE;
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 5);
	ck_assert_mem_eq(buf, "hello", 5);
	ck_assert_int_eq(msg.flags, FDNET_MSG_ERRQUEUE);
	ck_assert_int_eq(msg.err.error, EHOSTUNREACH);
	ck_assert_uint_eq(msg.err.origin, 2);
	ck_assert_uint_eq(msg.err.type, 11);
	ck_assert_str_eq(fdnet_ip_format(&msg.err.offender.ip, text),
			 "10.0.0.2");
	ck_assert_uint_eq(msg.to_from.port, 9);
	ck_assert_uint_eq(fdnet_sock_poll(so), FDNET_EV_OUT);
}
END_TEST

START_TEST(the_error_queue_has_an_end)
{
	uint8_t quoted[100];
	size_t len;
	struct fdnet_sock *so = sender(4, false, quoted, &len);
	struct fdnet_msg msg = { 0 };
	int i, n = 0;

	sock_set_int(so, IPPROTO_IP, IP_RECVERR, 1);
	for (i = 0; i < 1000; i++)
		tell(quoted, len, 4, 11, 0, 0);
	do {
		msg.flags = FDNET_MSG_ERRQUEUE;
		n++;
	} while (fdnet_sock_recv(so, &msg) >= 0);
	ck_assert_int_eq(n, 65);
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[0], FDNET_C_ERRQ_LIMIT),
			  1000 - 64);
}
END_TEST

START_TEST(a_too_big_packet_is_told_with_the_size_that_fits)
{
	uint8_t quoted[100];
	size_t len;
	struct fdnet_sock *so = sender(_i, true, quoted, &len);
	struct fdnet_msg msg = { .flags = FDNET_MSG_ERRQUEUE };

	sock_set_int(so, _i == 4 ? IPPROTO_IP : IPPROTO_IPV6,
		     _i == 4 ? IP_RECVERR : IPV6_RECVERR, 1);
	tell(quoted, len, _i, _i == 4 ? 3 : 2, _i == 4 ? 4 : 0, 1300);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 0);
	ck_assert_int_eq(msg.err.error, EMSGSIZE);
	ck_assert_uint_eq(msg.err.info, 1300);
	ck_assert_int_eq(msg.flags, FDNET_MSG_ERRQUEUE | FDNET_MSG_TRUNC);
}
END_TEST

/* Told sizes and those that are then used; IPv6 has a smallest. */
static const struct {
	int family;
	uint32_t told, used;
} sizes[] = {
	{ 4, 1300, 1300 }, { 4, 100, 552 },  { 4, 0, 552 },
	{ 4, 9000, 1500 }, { 6, 1300, 1300 }, { 6, 600, 1280 },
	{ 6, 70000, 1500 },
};

START_TEST(a_path_mtu_is_learned_and_forgotten)
{
	int family = sizes[_i].family;
	int level = family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
	int name = family == 4 ? IP_MTU : IPV6_MTU;
	uint8_t quoted[100];
	size_t len;
	struct fdnet_sock *so = sender(family, true, quoted, &len);
	struct fdnet_pkt *pkt;

	tell(quoted, len, family, family == 4 ? 3 : 2, family == 4 ? 4 : 0,
	     sizes[_i].told);
	sock_get_int(so, SOL_SOCKET, SO_ERROR);
	ck_assert_int_eq(sock_get_int(so, level, name), (int)sizes[_i].used);
	/* what may be cut is cut to it */
	ck_assert_int_eq(sock_send(so, buf, 3000, NULL), 3000);
	pkt = fdnet_stack_output(pair->s[0]);
	ck_assert_uint_le(fdnet_pkt_total(pkt), sizes[_i].used);
	ck_assert_uint_gt(fdnet_pkt_total(pkt), sizes[_i].used - 8);
	fdnet_pkt_free(pkt);
	stack_pair_run(pair);
	stack_pair_pass(pair, 600000001);
	ck_assert_int_eq(sock_get_int(so, level, name), 1500);
}
END_TEST

START_TEST(broken_errors_are_dropped)
{
	uint8_t quoted[100], copy[100];
	size_t len, n;
	struct fdnet_sock *so = sender(_i, true, quoted, &len);
	size_t need = _i == 4 ? 28 : 48;

	for (n = 0; n < need; n++)
		tell(quoted, n, _i, _i == 4 ? 3 : 1, _i == 4 ? 3 : 4, 0);
	ck_assert_uint_eq(counter(0, FDNET_C_ICMP_BAD), need);
	/* about somebody else's packet */
	memcpy(copy, quoted, len);
	copy[need - 8] ^= 1;
	tell(copy, len, _i, _i == 4 ? 3 : 1, _i == 4 ? 3 : 4, 0);
	/* about a later fragment */
	if (_i == 4) {
		memcpy(copy, quoted, len);
		copy[7] = 9;
		tell(copy, len, 4, 3, 3, 0);
	}
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR), 0);
	tell(quoted, need, _i, _i == 4 ? 3 : 1, _i == 4 ? 3 : 4, 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR),
			 ECONNREFUSED);
}
END_TEST

START_TEST(changed_bytes_of_a_message_are_noticed)
{
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.2" : "fd00::2", 0);
	struct fdnet_sock *so = ping(0, _i);
	uint32_t off = _i == 4 ? 20 : 40, i;
	struct fdnet_pkt *pkt;
	uint8_t p[64];

	for (i = 0; i < 16; i++) {
		sock_send(so, p, echo(p, _i, 8), &to);
		pkt = fdnet_stack_output(pair->s[0]);
		pkt->data[off + i] ^= 4;
		fdnet_stack_input(pair->s[1], pkt);
		ck_assert_ptr_null(fdnet_stack_output(pair->s[1]));
	}
	ck_assert_uint_eq(counter(1, FDNET_C_ICMP_BAD), 16);
}
END_TEST

/* ---- errors that are sent ---- */

START_TEST(a_closed_port_is_told)
{
	struct fdnet_sock *so = sock_open(pair->s[0], _i, FDNET_SOCK_DGRAM,
					  17);
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.2" : "fd00::2", 9);

	ck_assert_int_eq(fdnet_sock_connect(so, &to), 0);
	ck_assert_int_eq(sock_send(so, "x", 1, NULL), 1);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR),
			 ECONNREFUSED);
	/* a large one too, of which only a part is quoted */
	ck_assert_int_eq(sock_send(so, buf, 20000, NULL), 20000);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR),
			 ECONNREFUSED);
	ck_assert_uint_eq(counter(1, FDNET_C_UDP_NO_PORT), 2);
}
END_TEST

START_TEST(errors_are_limited_in_rate)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM,
					  17);
	struct fdnet_name to = name_of("10.0.0.2", 9);
	uint64_t sent;
	int i;

	for (i = 0; i < 3000; i++) {
		sock_send(so, "x", 1, &to);
		stack_pair_run(pair);
	}
	sent = counter(1, FDNET_C_ICMP_OUT);
	ck_assert_uint_ge(sent, 50);
	ck_assert_uint_lt(sent, 1500);
	ck_assert_uint_eq(counter(1, FDNET_C_ICMP_LIMITED), 3000 - sent);
	/* and it recovers */
	stack_pair_pass(pair, 1000000);
	sock_send(so, "x", 1, &to);
	stack_pair_run(pair);
	ck_assert_uint_eq(counter(1, FDNET_C_ICMP_OUT), sent + 1);
}
END_TEST

START_TEST(broadcasts_earn_no_error_and_no_echo)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM,
					  17);
	struct fdnet_sock *p4 = ping(0, 4);
	struct fdnet_name to = name_of("10.0.0.255", 9);
	uint8_t p[64];

	sock_set_int(so, SOL_SOCKET, SO_BROADCAST, 1);
	sock_set_int(p4, SOL_SOCKET, SO_BROADCAST, 1);
	sock_send(so, "x", 1, &to);
	sock_send(p4, p, echo(p, 4, 8), &to);
	stack_pair_run(pair);
	ck_assert_uint_eq(counter(1, FDNET_C_ICMP_OUT), 0);
	ck_assert_uint_eq(counter(1, FDNET_C_UDP_NO_PORT), 1);
}
END_TEST

START_TEST(ipv6_multicast_pings_are_answered)
{
	struct fdnet_sock *so = ping(0, 6);
	struct fdnet_name to = name_of("ff02::1", 0), from;
	struct fdnet_name peer = name_of("fd00::2", 0);
	uint8_t p[64];
	size_t len = echo(p, 6, 8);

	ck_assert_int_eq(sock_send(so, p, len, &to), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, buf, sizeof(buf), &from), (ssize_t)len);
	ck_assert(fdnet_ip_equal(&from.ip, &peer.ip));
}
END_TEST

START_TEST(errors_never_answer_errors)
{
	uint8_t quoted[100] = { 0x45 };

	/* unknown protocol number in an ICMP error's quote, and an ICMP
	 * error to a closed port: nothing goes out */
	tell(quoted, 60, 4, 3, 3, 0);
	tell(quoted, 60, 4, 5, 0, 0);
	tell(quoted, 60, 4, 4, 0, 0);
	ck_assert_ptr_null(fdnet_stack_output(pair->s[0]));
}
END_TEST

static Suite *icmp_suite(void)
{
	Suite *s = suite_create("icmp");
	TCase *tc = tcase_create("icmp");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, pings_are_answered, 0, N_ROWS(pings));
	tcase_add_test(tc, only_echo_requests_may_be_sent);
	tcase_add_test(tc, a_connected_ping_socket_hears_its_peer_only);
	tcase_add_test(tc, raw_sockets_see_replies_with_their_header);
	tcase_add_test(
		tc, raw_sockets_of_ipv6_see_the_payload_and_get_their_checksum);
	tcase_add_test(tc, an_own_header_is_completed);
	tcase_add_test(tc, a_protocol_nobody_speaks_is_told);
	tcase_add_loop_test(tc, errors_mean_what_linux_says, 0,
			    N_ROWS(meanings));
	tcase_add_test(tc, an_unconnected_socket_hears_nothing);
	tcase_add_test(tc, the_error_queue_hears_everything);
	tcase_add_test(tc, the_error_queue_has_an_end);
	tcase_add_loop_test(tc,
			    a_too_big_packet_is_told_with_the_size_that_fits,
			    4, 5);
	tcase_add_loop_test(tc,
			    a_too_big_packet_is_told_with_the_size_that_fits,
			    6, 7);
	tcase_add_loop_test(tc, a_path_mtu_is_learned_and_forgotten, 0,
			    N_ROWS(sizes));
	tcase_add_loop_test(tc, broken_errors_are_dropped, 4, 5);
	tcase_add_loop_test(tc, broken_errors_are_dropped, 6, 7);
	tcase_add_loop_test(tc, changed_bytes_of_a_message_are_noticed, 4, 5);
	tcase_add_loop_test(tc, changed_bytes_of_a_message_are_noticed, 6, 7);
	tcase_add_loop_test(tc, a_closed_port_is_told, 4, 5);
	tcase_add_loop_test(tc, a_closed_port_is_told, 6, 7);
	tcase_add_test(tc, errors_are_limited_in_rate);
	tcase_add_test(tc, broadcasts_earn_no_error_and_no_echo);
	tcase_add_test(tc, ipv6_multicast_pings_are_answered);
	tcase_add_test(tc, errors_never_answer_errors);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(icmp_suite)
