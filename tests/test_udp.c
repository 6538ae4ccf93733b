/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

static struct fdnet_sock *udp(int side, const char *ip, uint16_t port)
{
	struct fdnet_sock *so = sock_open(pair->s[side],
					  strchr(ip, ':') ? 6 : 4,
					  FDNET_SOCK_DGRAM, 17);

	if (port)
		sock_bind(so, ip, port);
	return so;
}

static uint32_t events_of(struct fdnet_stack *stack, struct fdnet_sock *want)
{
	struct fdnet_sock *so;
	uint32_t ev, sum = 0;

	while ((so = fdnet_stack_next_event(stack, &ev)))
		if (so == want)
			sum |= ev;
	return sum;
}

/* ---- plain exchange ---- */

static const struct {
	const char *label, *from, *to;
	size_t len;
} exchanges[] = {
	{ "v4 small", "10.0.0.1", "10.0.0.2", 5 },
	{ "v4 empty", "10.0.0.1", "10.0.0.2", 0 },
	{ "v4 mtu", "10.0.0.1", "10.0.0.2", 1472 },
	{ "v4 two fragments", "10.0.0.1", "10.0.0.2", 1473 },
	{ "v4 largest", "10.0.0.1", "10.0.0.2", 65507 },
	{ "v6 small", "fd00::1", "fd00::2", 5 },
	{ "v6 fragments", "fd00::1", "fd00::2", 5000 },
	{ "v6 largest", "fd00::1", "fd00::2", 65527 },
	{ "loop v4", "127.0.0.1", "127.0.0.1", 100 },
	{ "loop v4 largest", "127.0.0.1", "127.0.0.1", 65507 },
	{ "loop v6", "::1", "::1", 100 },
	{ "own address", "10.0.0.1", "10.0.0.1", 100 },
};

START_TEST(datagrams_go_and_come_back)
{
	const char *label = exchanges[_i].label;
	bool loop = !strcmp(exchanges[_i].from, exchanges[_i].to);
	struct fdnet_sock *a = udp(0, exchanges[_i].from, 1111);
	struct fdnet_sock *b = udp(loop ? 0 : 1, exchanges[_i].to, 2222);
	struct fdnet_name to = name_of(exchanges[_i].to, 2222), from;
	size_t len = exchanges[_i].len, i;
	uint8_t *out = malloc(70000), *in = malloc(70000);

	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	ck_assert_msg(sock_send(a, out, len, &to) == (ssize_t)len, "%s",
		      label);
	stack_pair_run(pair);
	ck_assert_msg(events_of(pair->s[loop ? 0 : 1], b) & FDNET_EV_IN, "%s",
		      label);
	ck_assert_msg(sock_recv(b, in, 70000, &from) == (ssize_t)len, "%s",
		      label);
	ck_assert_msg(!memcmp(in, out, len), "%s", label);
	ck_assert_int_eq(from.port, 1111);
	/* and back */
	ck_assert_int_eq(sock_send(b, out, len, &from), (ssize_t)len);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(a, in, 70000, &from), (ssize_t)len);
	ck_assert_msg(!memcmp(in, out, len), "%s", label);
	ck_assert_int_eq(sock_recv(a, in, 70000, NULL), -EAGAIN);
	free(out);
	free(in);
}
END_TEST

START_TEST(fresh_socket_is_writable_only)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);

	ck_assert_uint_eq(fdnet_sock_poll(so), FDNET_EV_OUT);
}
END_TEST

START_TEST(closed_port_is_refused)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_name to = name_of("10.0.0.2", 9);
	char c;

	ck_assert_int_eq(fdnet_sock_connect(a, &to), 0);
	ck_assert_int_eq(sock_send(a, "x", 1, NULL), 1);
	stack_pair_run(pair);
	ck_assert_uint_eq(fdnet_sock_poll(a), FDNET_EV_OUT | FDNET_EV_ERR);
	ck_assert_int_eq(sock_recv(a, &c, 1, NULL), -ECONNREFUSED);
	ck_assert_int_eq(sock_recv(a, &c, 1, NULL), -EAGAIN);
}
END_TEST

/* ---- buffers ---- */

START_TEST(a_full_receive_buffer_drops)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 2222);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	int i, n = 0;
	char c;

	sock_set_int(b, SOL_SOCKET, SO_RCVBUF, 5000);
	for (i = 0; i < 100; i++) {
		sock_send(a, "x", 1, &to);
		stack_pair_run(pair);
	}
	while (sock_recv(b, &c, 1, NULL) == 1)
		n++;
	ck_assert_int_gt(n, 5);
	ck_assert_int_lt(n, 40);
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[1],
					      FDNET_C_UDP_RCVBUF),
			  100 - (unsigned int)n);
}
END_TEST

START_TEST(a_full_send_buffer_says_when_there_is_room)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	struct fdnet_pkt *pkt;
	int n = 0;

	sock_set_int(so, SOL_SOCKET, SO_SNDBUF, 10000);
	events_of(pair->s[0], so);
	while (sock_send(so, "0123456789", 10, &to) == 10)
		n++;
	ck_assert_int_gt(n, 10);
	ck_assert_int_eq(sock_send(so, "x", 1, &to), -EAGAIN);
	ck_assert_uint_eq(fdnet_sock_poll(so), 0);
	ck_assert_uint_gt(fdnet_sock_unsent(so), 0);
	ck_assert(fdnet_stack_has_work(pair->s[0]));
	/* OUT comes when half is free, once */
	while (!(events_of(pair->s[0], so) & FDNET_EV_OUT)) {
		pkt = fdnet_stack_output(pair->s[0]);
		ck_assert_ptr_nonnull(pkt);
		fdnet_pkt_free(pkt);
		n--;
	}
	ck_assert_int_gt(n, 3);
	ck_assert_uint_eq(fdnet_sock_poll(so), FDNET_EV_OUT);
	stack_pair_run(pair);
	ck_assert_uint_eq(events_of(pair->s[0], so), 0);
	ck_assert_uint_eq(fdnet_sock_outq(so), 0);
}
END_TEST

START_TEST(what_a_closed_socket_sent_still_goes)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 2222);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	char c[8];

	sock_send(a, "bye", 3, &to);
	fdnet_sock_close(a);
	ck_assert_uint_eq(fdnet_stack_socks(pair->s[0]), 0);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, c, 8, NULL), 3);
}
END_TEST

/* ---- recv's flags and what it tells ---- */

START_TEST(recv_flags_do_as_they_should)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 1111);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 2222);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	char data[16];
	struct iovec iov[2] = { { data, 2 }, { data + 2, 2 } };
	struct fdnet_msg msg = {
		.iov = iov,
		.iovcnt = 2,
		.flags = FDNET_MSG_PEEK,
	};

	sock_set_int(a, IPPROTO_IP, IP_TTL, 33);
	sock_set_int(a, IPPROTO_IP, IP_TOS, 0x28);
	sock_send(a, "abcdefgh", 8, &to);
	stack_pair_run(pair);
	ck_assert_uint_eq(fdnet_sock_inq(b), 8);
	ck_assert_int_eq(fdnet_sock_recv(b, &msg), 4);
	ck_assert_int_eq(msg.flags, FDNET_MSG_TRUNC);
	msg.flags = FDNET_MSG_PEEK | FDNET_MSG_TRUNC;
	ck_assert_int_eq(fdnet_sock_recv(b, &msg), 8);
	msg.flags = 0;
	ck_assert_int_eq(fdnet_sock_recv(b, &msg), 4);
	ck_assert_mem_eq(data, "abcd", 4);
	ck_assert_int_eq(msg.ttl, 33);
	ck_assert_int_eq(msg.tos, 0x28);
	ck_assert_int_eq(msg.ifindex, 2);
	ck_assert_uint_eq(msg.to_from.port, 1111);
	ck_assert_uint_eq(msg.local.port, 2222);
	ck_assert(fdnet_ip_equal(&msg.local.ip, &to.ip));
	ck_assert_uint_eq(msg.time_us, pair->now_us);
	msg.flags = 0;
	ck_assert_int_eq(fdnet_sock_recv(b, &msg), -EAGAIN);
	ck_assert_uint_eq(fdnet_sock_inq(b), 0);
}
END_TEST

START_TEST(shutdown_does_as_linux)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 1111);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	struct fdnet_msg msg = { .flags = FDNET_MSG_DONTWAIT };

	ck_assert_int_eq(fdnet_sock_shutdown(a, FDNET_SHUT_RD), -ENOTCONN);
	ck_assert_int_eq(fdnet_sock_shutdown(a, 3), -EINVAL);
	ck_assert_uint_eq(fdnet_sock_poll(a), FDNET_EV_IN | FDNET_EV_OUT |
						      FDNET_EV_RDHUP);
	ck_assert_int_eq(fdnet_sock_recv(a, &msg), -EAGAIN);
	ck_assert_int_eq(sock_recv(a, &msg, 0, NULL), 0);
	ck_assert_int_eq(fdnet_sock_connect(a, &to), 0);
	ck_assert_int_eq(fdnet_sock_shutdown(a, FDNET_SHUT_WR), 0);
	ck_assert_uint_eq(fdnet_sock_poll(a),
			  FDNET_EV_IN | FDNET_EV_OUT | FDNET_EV_RDHUP |
				  FDNET_EV_HUP);
	ck_assert_int_eq(sock_send(a, "x", 1, NULL), -EPIPE);
}
END_TEST

/* ---- errors of send ---- */

static const struct {
	const char *label, *to;
	uint16_t port;
	size_t len;
	int flags, rc;
} refused[] = {
	{ "no peer", NULL, 0, 1, 0, -EDESTADDRREQ },
	{ "port 0", "10.0.0.2", 0, 1, 0, -EINVAL },
	{ "family", "fd00::2", 9, 1, 0, -EAFNOSUPPORT },
	{ "out of band", "10.0.0.2", 9, 1, FDNET_MSG_OOB, -EOPNOTSUPP },
	{ "too large", "10.0.0.2", 9, 65508, 0, -EMSGSIZE },
	{ "far too large", "10.0.0.2", 9, 65536, 0, -EMSGSIZE },
	{ "broadcast", "10.0.0.255", 9, 1, 0, -EACCES },
	{ "limited broadcast", "255.255.255.255", 9, 1, 0, -EACCES },
};

START_TEST(send_refuses_as_linux)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	static char data[65536];
	struct iovec iov = { data, refused[_i].len };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.flags = refused[_i].flags,
		.ttl = -1,
		.tos = -1,
	};

	if (refused[_i].to)
		msg.to_from = name_of(refused[_i].to, refused[_i].port);
	ck_assert_msg(fdnet_sock_send(so, &msg) == refused[_i].rc, "%s",
		      refused[_i].label);
}
END_TEST

START_TEST(dont_fragment_refuses_what_does_not_fit)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct fdnet_name to = name_of("10.0.0.2", 9);
	static char data[2000];
	struct fdnet_msg msg = { .flags = FDNET_MSG_ERRQUEUE };

	sock_set_int(so, IPPROTO_IP, IP_MTU_DISCOVER, 2);
	sock_set_int(so, IPPROTO_IP, IP_RECVERR, 1);
	ck_assert_int_eq(sock_send(so, data, 1472, &to), 1472);
	ck_assert_int_eq(sock_send(so, data, 1473, &to), -EMSGSIZE);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 0);
	ck_assert_int_eq(msg.err.error, EMSGSIZE);
	ck_assert_uint_eq(msg.err.origin, 1);
	ck_assert_uint_eq(msg.err.info, 1500);
}
END_TEST

START_TEST(a_source_can_be_chosen)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 2222);
	struct fdnet_name more = name_of("10.0.0.77", 0), from;
	struct iovec iov = { (char *)"x", 1 };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = name_of("10.0.0.2", 2222),
		.local.ip = more.ip,
		.ttl = -1,
		.tos = -1,
	};
	char c;

	ck_assert_int_eq(fdnet_sock_send(a, &msg), -EINVAL);
	ck_assert_int_eq(fdnet_stack_add_addr(pair->s[0], &more.ip, 24), 0);
	ck_assert_int_eq(fdnet_sock_send(a, &msg), 1);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, &c, 1, &from), 1);
	ck_assert(fdnet_ip_equal(&from.ip, &more.ip));
}
END_TEST

/* ---- two families on one socket ---- */

START_TEST(a_dual_stack_socket_hears_both)
{
	struct fdnet_sock *so = udp(1, "::", 2222);
	struct fdnet_sock *a4 = udp(0, "10.0.0.1", 1111);
	struct fdnet_sock *a6 = udp(0, "fd00::1", 1112);
	struct fdnet_name to4 = name_of("10.0.0.2", 2222), from;
	struct fdnet_name to6 = name_of("fd00::2", 2222);
	char c;

	sock_send(a4, "4", 1, &to4);
	sock_send(a6, "6", 1, &to6);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, &c, 1, &from), 1);
	ck_assert_uint_eq(from.ip.family, 4);
	ck_assert_int_eq(sock_send(so, "r", 1, &from), 1);
	ck_assert_int_eq(sock_recv(so, &c, 1, &from), 1);
	ck_assert_uint_eq(from.ip.family, 6);
	ck_assert_int_eq(sock_send(so, "r", 1, &from), 1);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(a4, &c, 1, NULL), 1);
	ck_assert_int_eq(sock_recv(a6, &c, 1, NULL), 1);
}
END_TEST

START_TEST(v6only_hears_and_sends_ipv6_only)
{
	struct fdnet_sock *so = sock_open(pair->s[1], 6, FDNET_SOCK_DGRAM,
					  17);
	struct fdnet_sock *a4 = udp(0, "10.0.0.1", 1111);
	struct fdnet_name to4 = name_of("10.0.0.2", 2222);
	struct fdnet_name back = name_of("10.0.0.1", 1111);
	char c;

	sock_set_int(so, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	sock_bind(so, "::", 2222);
	sock_send(a4, "4", 1, &to4);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so, &c, 1, NULL), -EAGAIN);
	ck_assert_int_eq(sock_send(so, "x", 1, &back), -ENETUNREACH);
	ck_assert_int_eq(fdnet_sock_connect(so, &back), -ENETUNREACH);
}
END_TEST

/* ---- groups ---- */

static void join4(struct fdnet_sock *so, uint32_t group, int ifindex)
{
	struct ip_mreqn mreq = {
		.imr_multiaddr = { htonl(group) },
		.imr_ifindex = ifindex,
	};

	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_ADD_MEMBERSHIP,
					   &mreq, sizeof(mreq)),
			 0);
}

START_TEST(bursts_are_read_in_one)
{
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	struct fdnet_sock *from = udp(0, "10.0.0.1", 1111);
	struct fdnet_sock *other = udp(0, "10.0.0.1", 1112);
	struct fdnet_sock *so = udp(1, "10.0.0.2", 2222);
	char out[350], in[1000];
	struct iovec iov[2] = { { in, 130 }, { in + 130, sizeof(in) - 130 } };
	struct fdnet_msg msg = { .iov = iov, .iovcnt = 2 };

	memset(out, 'a', 100);
	memset(out + 100, 'b', 100);
	memset(out + 200, 'c', 150);
	ck_assert_int_eq(sock_set_int(from, IPPROTO_UDP, UDP_SEGMENT, 100), 0);
	sock_set_int(so, IPPROTO_UDP, UDP_GRO, 1);
	sock_send(from, out, sizeof(out), &to);
	stack_pair_run(pair);
	sock_send(other, "x", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), sizeof(out));
	ck_assert_uint_eq(msg.gso_size, 100);
	ck_assert_uint_eq(msg.to_from.port, 1111);
	ck_assert_mem_eq(in, out, sizeof(out));
	/* another sender's stands alone */
	msg = (struct fdnet_msg){ .iov = iov, .iovcnt = 2 };
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 1);
	ck_assert_uint_eq(msg.gso_size, 0);
	ck_assert_uint_eq(msg.to_from.port, 1112);
	/* a buffer without room for two gets one; a look takes nothing */
	sock_send(from, out, 200, &to);
	stack_pair_run(pair);
	iov[1].iov_len = 20;
	msg = (struct fdnet_msg){ .iov = iov, .iovcnt = 2 };
	msg.flags = FDNET_MSG_PEEK;
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 100);
	msg.flags = 0;
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 100);
	ck_assert_uint_eq(msg.gso_size, 0);
	msg.flags = 0;
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 100);
}
END_TEST

START_TEST(multicast_reaches_all_members_here_and_there)
{
	struct fdnet_name to = name_of("239.1.2.3", 5353);
	struct fdnet_sock *from = udp(0, "10.0.0.1", 1111), *so[3];
	char c;
	int i;

	for (i = 0; i < 3; i++) {
		so[i] = sock_open(pair->s[i & 1], 4, FDNET_SOCK_DGRAM, 17);
		sock_set_int(so[i], SOL_SOCKET, SO_REUSEADDR, 1);
		sock_bind(so[i], "0.0.0.0", 5353);
		join4(so[i], 0xef010203, 2);
	}
	sock_send(from, "m", 1, &to);
	stack_pair_run(pair);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(sock_recv(so[i], &c, 1, NULL), 1);
	sock_set_int(from, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
	sock_send(from, "m", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so[0], &c, 1, NULL), -EAGAIN);
	ck_assert_int_eq(sock_recv(so[1], &c, 1, NULL), 1);
	/* one leaves by closing, the others stay */
	fdnet_sock_close(so[0]);
	sock_set_int(from, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
	sock_send(from, "m", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so[2], &c, 1, NULL), 1);
}
END_TEST

START_TEST(multicast_has_its_own_ttl)
{
	struct fdnet_name to = name_of("239.1.2.3", 5353);
	struct fdnet_sock *from = udp(0, "10.0.0.1", 1111);
	struct fdnet_sock *so = udp(1, "0.0.0.0", 5353);
	char c;
	struct iovec iov = { &c, 1 };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

	join4(so, 0xef010203, 2);
	sock_send(from, "m", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 1);
	ck_assert_int_eq(msg.ttl, 1);
	sock_set_int(from, IPPROTO_IP, IP_MULTICAST_TTL, 9);
	sock_send(from, "m", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 1);
	ck_assert_int_eq(msg.ttl, 9);
}
END_TEST

START_TEST(only_members_hear_when_they_want_it_so)
{
	struct fdnet_name to = name_of("239.1.2.3", 5353);
	struct fdnet_sock *from = udp(0, "10.0.0.1", 1111);
	struct fdnet_sock *member = sock_open(pair->s[1], 4,
					      FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *other = sock_open(pair->s[1], 4, FDNET_SOCK_DGRAM,
					     17);
	char c;

	sock_set_int(member, SOL_SOCKET, SO_REUSEADDR, 1);
	sock_set_int(other, SOL_SOCKET, SO_REUSEADDR, 1);
	sock_bind(member, "0.0.0.0", 5353);
	sock_bind(other, "0.0.0.0", 5353);
	join4(member, 0xef010203, 2);
	sock_send(from, "m", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(member, &c, 1, NULL), 1);
	ck_assert_int_eq(sock_recv(other, &c, 1, NULL), 1);
	sock_set_int(other, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	sock_send(from, "m", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(member, &c, 1, NULL), 1);
	ck_assert_int_eq(sock_recv(other, &c, 1, NULL), -EAGAIN);
}
END_TEST

START_TEST(broadcasts_reach_all)
{
	struct fdnet_name to = name_of("10.0.0.255", 67);
	struct fdnet_sock *from = udp(0, "10.0.0.1", 1111), *so[2];
	char c;
	int i;

	for (i = 0; i < 2; i++) {
		so[i] = sock_open(pair->s[1], 4, FDNET_SOCK_DGRAM, 17);
		sock_set_int(so[i], SOL_SOCKET, SO_REUSEADDR, 1);
		sock_bind(so[i], "0.0.0.0", 67);
	}
	sock_set_int(from, SOL_SOCKET, SO_BROADCAST, 1);
	ck_assert_int_eq(sock_send(from, "b", 1, &to), 1);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(so[0], &c, 1, NULL), 1);
	ck_assert_int_eq(sock_recv(so[1], &c, 1, NULL), 1);
}
END_TEST

/* ---- more than one, less than one ---- */

START_TEST(segments_go_as_datagrams_of_their_own)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 2222);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	static char data[10000], in[2000];
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i / 1400);
	sock_set_int(a, IPPROTO_UDP, 103, 1400);
	ck_assert_int_eq(sock_send(a, data, 10000, &to), 10000);
	stack_pair_run(pair);
	for (i = 0; i < 8; i++) {
		ck_assert_int_eq(sock_recv(b, in, sizeof(in), NULL),
				 i < 7 ? 1400 : 200);
		ck_assert_int_eq(in[0], (char)i);
	}
	ck_assert_int_eq(sock_recv(b, in, sizeof(in), NULL), -EAGAIN);
	sock_set_int(a, IPPROTO_UDP, 103, 1473);
	ck_assert_int_eq(sock_send(a, data, 10000, &to), -EMSGSIZE);
	sock_set_int(a, IPPROTO_UDP, 103, 10);
	ck_assert_int_eq(sock_send(a, data, 10000, &to), -EINVAL);
}
END_TEST

START_TEST(corked_pieces_go_as_one)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 2222);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	struct iovec iov = { (char *)"more", 4 };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = to,
		.flags = FDNET_MSG_MORE,
		.ttl = -1,
		.tos = -1,
	};
	static char big[60000];
	char in[16];

	ck_assert_int_eq(fdnet_sock_send(a, &msg), 4);
	ck_assert_int_eq(sock_send(a, "end", 3, &to), 3);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, in, sizeof(in), NULL), 7);
	ck_assert_mem_eq(in, "moreend", 7);
	sock_set_int(a, IPPROTO_UDP, 1, 1);
	sock_send(a, "a", 1, &to);
	sock_send(a, "b", 1, &to);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, in, sizeof(in), NULL), -EAGAIN);
	sock_set_int(a, IPPROTO_UDP, 1, 0);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_recv(b, in, sizeof(in), NULL), 2);
	/* too much is forgotten as a whole */
	sock_set_int(a, IPPROTO_UDP, 1, 1);
	ck_assert_int_eq(sock_send(a, big, sizeof(big), &to), sizeof(big));
	ck_assert_int_eq(sock_send(a, big, sizeof(big), &to), -EMSGSIZE);
	sock_send(a, "left", 4, &to);
}
END_TEST

/* ---- switched: other processes have our addresses too ---- */

static struct stack_pair *switched_pair(void)
{
	struct fdnet_stack_config cfg;
	struct stack_pair *p;

	stack_pair_config(&cfg, 0);
	cfg.switched = true;
	cfg.csum_offload = true;
	p = stack_pair_new(&cfg, &cfg);
	return p;
}

START_TEST(with_switched_links_loopback_reaches_other_stacks)
{
	struct stack_pair *p = switched_pair();
	struct fdnet_sock *a = sock_open(p->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *b = sock_open(p->s[1], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *own = sock_open(p->s[0], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_name to = name_of("127.0.0.1", 2222), from;
	struct fdnet_name near = name_of("127.0.0.1", 3333);
	struct fdnet_name none = name_of("127.0.0.1", 4444);
	char c;

	sock_bind(a, "127.0.0.1", 1111);
	sock_bind(b, "127.0.0.1", 2222);
	sock_bind(own, "127.0.0.1", 3333);
	/* to the other process and back */
	ck_assert_int_eq(sock_send(a, "x", 1, &to), 1);
	stack_pair_run(p);
	ck_assert_uint_eq(p->crossed[0], 1);
	ck_assert_int_eq(sock_recv(b, &c, 1, &from), 1);
	ck_assert_int_eq(sock_send(b, "y", 1, &from), 1);
	stack_pair_run(p);
	ck_assert_int_eq(sock_recv(a, &c, 1, &from), 1);
	/* what is here does not leave */
	ck_assert_int_eq(sock_send(a, "x", 1, &near), 1);
	stack_pair_run(p);
	ck_assert_uint_eq(p->crossed[0], 1);
	ck_assert_int_eq(sock_recv(own, &c, 1, &from), 1);
	/* what is nowhere is refused by the other side, and we hear it */
	ck_assert_int_eq(fdnet_sock_connect(a, &none), 0);
	ck_assert_int_eq(sock_send(a, "x", 1, NULL), 1);
	stack_pair_run(p);
	ck_assert_int_eq(sock_recv(a, &c, 1, NULL), -ECONNREFUSED);
	stack_pair_free(p);
}
END_TEST

START_TEST(with_switched_links_pings_of_our_own_stay_here)
{
	struct stack_pair *p = switched_pair();
	struct fdnet_sock *so = sock_open(p->s[0], 4, FDNET_SOCK_DGRAM, 1);
	struct fdnet_name to = name_of("127.0.0.1", 0);
	uint8_t req[8] = { 8 }, in[8];

	ck_assert_int_eq(sock_send(so, req, 8, &to), 8);
	stack_pair_run(p);
	ck_assert_uint_eq(p->crossed[0], 0);
	ck_assert_int_eq(sock_recv(so, in, 8, NULL), 8);
	stack_pair_free(p);
}
END_TEST

/* ---- gateways ---- */

static struct stack_pair *gateway_pair(void)
{
	struct fdnet_stack_config cfg;

	stack_pair_config(&cfg, 1);
	cfg.gateway = true;
	return stack_pair_new(NULL, &cfg);
}

START_TEST(a_gateways_socket_takes_every_destination)
{
	struct stack_pair *p = gateway_pair();
	struct fdnet_sock *so = sock_open(p->s[1], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *dns = sock_open(p->s[1], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *guest = sock_open(p->s[0], 4, FDNET_SOCK_DGRAM,
					     17);
	struct fdnet_name any = name_of("0.0.0.0", 0), from;
	struct fdnet_name to = name_of("8.8.8.8", 53);
	struct fdnet_name near = name_of("10.0.0.2", 53);
	char data[16];
	struct iovec iov = { data, sizeof(data) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

	ck_assert_int_eq(fdnet_sock_bind_foreign(so, &any), 0);
	sock_bind(dns, "0.0.0.0", 53);
	ck_assert_int_eq(sock_send(guest, "query", 5, &to), 5);
	stack_pair_run(p);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 5);
	ck_assert(fdnet_ip_equal(&msg.local.ip, &to.ip));
	ck_assert_uint_eq(msg.local.port, 53);
	/* answer with the remote host's address and port */
	from = msg.to_from;
	iov.iov_len = 5;
	msg.ttl = -1;
	msg.tos = -1;
	msg.flags = 0;
	ck_assert_int_eq(fdnet_sock_send(so, &msg), 5);
	stack_pair_run(p);
	ck_assert_int_eq(sock_recv(guest, data, sizeof(data), &from), 5);
	ck_assert(fdnet_ip_equal(&from.ip, &to.ip));
	ck_assert_uint_eq(from.port, 53);
	/* its own addresses' sockets come first */
	sock_send(guest, "query", 5, &near);
	stack_pair_run(p);
	ck_assert_int_eq(sock_recv(dns, data, sizeof(data), NULL), 5);
	stack_pair_free(p);
}
END_TEST

static const struct {
	int error, seen;
} rejects[] = {
	{ ECONNREFUSED, ECONNREFUSED },
	{ EACCES, EHOSTUNREACH },
	{ EMSGSIZE, EMSGSIZE },
	{ ENETUNREACH, 0 }, /* not final: no error for UDP */
	{ EIO, 0 },	    /* no such message */
};

START_TEST(a_gateway_rejects_with_the_error_it_wants)
{
	struct stack_pair *p = gateway_pair();
	struct fdnet_sock *so = sock_open(p->s[1], 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *guest = sock_open(p->s[0], 4, FDNET_SOCK_DGRAM,
					     17);
	struct fdnet_name any = name_of("0.0.0.0", 0);
	struct fdnet_name to = name_of("8.8.8.8", 53);
	static char data[3000];
	struct iovec iov = { data, sizeof(data) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

	ck_assert_int_eq(fdnet_sock_bind_foreign(so, &any), 0);
	ck_assert_int_eq(fdnet_sock_connect(guest, &to), 0);
	ck_assert_int_eq(sock_send(guest, data, 2000, NULL), 2000);
	stack_pair_run(p);
	iov.iov_len = (size_t)fdnet_sock_recv(so, &msg);
	fdnet_sock_reject(so, &msg, rejects[_i].error);
	stack_pair_run(p);
	ck_assert_int_eq(sock_get_int(guest, SOL_SOCKET, SO_ERROR),
			 rejects[_i].seen);
	stack_pair_free(p);
}
END_TEST

START_TEST(only_gateways_bind_foreign_names)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct fdnet_name any = name_of("8.8.8.8", 1);

	ck_assert_int_eq(fdnet_sock_bind_foreign(so, &any), -EOPNOTSUPP);
	ck_assert_int_eq(fdnet_sock_bind(so, &any), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(a_gateway_forwards_pings)
{
	struct stack_pair *p = gateway_pair();
	struct fdnet_sock *so = sock_open(p->s[1], 4, FDNET_SOCK_DGRAM, 1);
	struct fdnet_sock *guest = sock_open(p->s[0], 4, FDNET_SOCK_DGRAM, 1);
	struct fdnet_name any = name_of("0.0.0.0", 0);
	struct fdnet_name to = name_of("8.8.8.8", 0), from;
	uint8_t req[16] = { 8 }, data[16];
	struct iovec iov = { data, sizeof(data) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

	/* nobody there: silence, not a false answer */
	sock_send(guest, req, sizeof(req), &to);
	stack_pair_run(p);
	ck_assert_int_eq(sock_recv(guest, data, 16, NULL), -EAGAIN);
	ck_assert_int_eq(fdnet_sock_bind_foreign(so, &any), 0);
	sock_send(guest, req, sizeof(req), &to);
	stack_pair_run(p);
	ck_assert_int_eq(fdnet_sock_recv(so, &msg), 16);
	ck_assert(fdnet_ip_equal(&msg.local.ip, &to.ip));
	ck_assert_uint_eq(data[0], 8);
	data[0] = 0;
	msg.flags = 0;
	ck_assert_int_eq(fdnet_sock_send(so, &msg), 16);
	stack_pair_run(p);
	ck_assert_int_eq(sock_recv(guest, data, 16, &from), 16);
	ck_assert(fdnet_ip_equal(&from.ip, &to.ip));
	stack_pair_free(p);
}
END_TEST

/* ---- the link dies ---- */

START_TEST(with_the_link_gone_sends_fail)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct fdnet_name to = name_of("10.0.0.2", 9);

	ck_assert_int_eq(sock_send(so, "x", 1, &to), 1);
	fdnet_stack_peer_gone(pair->s[0], false);
	ck_assert_int_eq(sock_send(so, "x", 1, &to), 1);
	fdnet_stack_peer_gone(pair->s[0], true);
	ck_assert_uint_eq(fdnet_sock_outq(so), 0);
	ck_assert_int_eq(sock_send(so, "x", 1, &to), -ENETDOWN);
}
END_TEST

START_TEST(out_of_memory_is_survived)
{
	struct fdnet_sock *a = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *b = udp(1, "10.0.0.2", 2222);
	struct fdnet_name to = name_of("10.0.0.2", 2222);
	static char data[60000];
	long n;

	for (n = 0; n < 60; n++) {
		pair->fail_after = n;
		sock_send(a, data, (size_t)n * 1000, &to);
		stack_pair_run(pair);
		pair->fail_after = -1;
		sock_recv(b, data, sizeof(data), NULL);
	}
	sock_send(a, data, sizeof(data), &to);
	stack_pair_pass(pair, 31000000);
	ck_assert_int_eq(sock_recv(b, data, sizeof(data), NULL),
			 sizeof(data));
}
END_TEST

static Suite *udp_suite(void)
{
	Suite *s = suite_create("udp");
	TCase *tc = tcase_create("udp");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, datagrams_go_and_come_back, 0,
			    N_ROWS(exchanges));
	tcase_add_test(tc, fresh_socket_is_writable_only);
	tcase_add_test(tc, closed_port_is_refused);
	tcase_add_test(tc, a_full_receive_buffer_drops);
	tcase_add_test(tc, a_full_send_buffer_says_when_there_is_room);
	tcase_add_test(tc, what_a_closed_socket_sent_still_goes);
	tcase_add_test(tc, recv_flags_do_as_they_should);
	tcase_add_test(tc, shutdown_does_as_linux);
	tcase_add_loop_test(tc, send_refuses_as_linux, 0, N_ROWS(refused));
	tcase_add_test(tc, dont_fragment_refuses_what_does_not_fit);
	tcase_add_test(tc, a_source_can_be_chosen);
	tcase_add_test(tc, a_dual_stack_socket_hears_both);
	tcase_add_test(tc, v6only_hears_and_sends_ipv6_only);
	tcase_add_test(tc, bursts_are_read_in_one);
	tcase_add_test(tc, multicast_reaches_all_members_here_and_there);
	tcase_add_test(tc, multicast_has_its_own_ttl);
	tcase_add_test(tc, only_members_hear_when_they_want_it_so);
	tcase_add_test(tc, broadcasts_reach_all);
	tcase_add_test(tc, segments_go_as_datagrams_of_their_own);
	tcase_add_test(tc, corked_pieces_go_as_one);
	tcase_add_test(tc, with_switched_links_loopback_reaches_other_stacks);
	tcase_add_test(tc, with_switched_links_pings_of_our_own_stay_here);
	tcase_add_test(tc, a_gateways_socket_takes_every_destination);
	tcase_add_loop_test(tc, a_gateway_rejects_with_the_error_it_wants, 0,
			    N_ROWS(rejects));
	tcase_add_test(tc, only_gateways_bind_foreign_names);
	tcase_add_test(tc, a_gateway_forwards_pings);
	tcase_add_test(tc, with_the_link_gone_sends_fail);
	tcase_add_test(tc, out_of_memory_is_survived);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(udp_suite)
