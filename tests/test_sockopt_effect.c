/* SPDX-License-Identifier: Apache-2.0 */
/* What options do, for those that no other test looks at. Values, lengths and
 * errors are in test_sockopt.c. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/sockopt_row.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define OUTSIDE "203.0.113.9"

static struct stack_pair *pair;
static char buf[2048];

static void setup(void)
{
	struct fdnet_name gw = name_of("10.0.0.2", 0);
	struct fdnet_name gw6 = name_of("fd00::2", 0);
	struct fdnet_ip all = {.family = 4}, all6 = {.family = 6};

	pair = stack_pair_new(NULL, NULL);
	ck_assert_int_eq(fdnet_stack_add_route(pair->s[0], &all, 0, &gw.ip), 0);
	ck_assert_int_eq(fdnet_stack_add_route(pair->s[0], &all6, 0, &gw6.ip), 0);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static struct fdnet_sock *udp(int side, const char *ip, uint16_t port)
{
	struct fdnet_sock *so = sock_open(pair->s[side], strchr(ip, ':') ? 6 : 4,
					  FDNET_SOCK_DGRAM, 17);

	if (port)
		sock_bind(so, ip, port);
	return so;
}

static ssize_t send_to(struct fdnet_sock *so, const char *ip, uint16_t port)
{
	struct fdnet_name to = name_of(ip, port);
	ssize_t rc = sock_send(so, "x", 1, &to);

	stack_pair_run(pair);
	return rc;
}

static ssize_t hears(struct fdnet_sock *so)
{
	return sock_recv(so, buf, sizeof(buf), NULL);
}

/* ---- SOL_SOCKET ---- */

START_TEST(dontroute_reaches_the_link_only)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *so6 = udp(0, "::", 0);
	struct fdnet_sock *tcp = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	struct fdnet_name to = name_of(OUTSIDE, 9);

	ck_assert_int_eq(send_to(so, OUTSIDE, 9), 1);
	sock_set_int(so, SOL_SOCKET, SO_DONTROUTE, 1);
	sock_set_int(so6, SOL_SOCKET, SO_DONTROUTE, 1);
	sock_set_int(tcp, SOL_SOCKET, SO_DONTROUTE, 1);
	ck_assert_int_eq(send_to(so, OUTSIDE, 9), -ENETUNREACH);
	ck_assert_int_eq(send_to(so, "10.0.0.2", 9), 1);
	ck_assert_int_eq(send_to(so, "127.0.0.1", 9), 1);
	ck_assert_int_eq(send_to(so6, "2001:db8::1", 9), -ENETUNREACH);
	ck_assert_int_eq(send_to(so6, "fd00::2", 9), 1);
	ck_assert_int_eq(fdnet_sock_connect(tcp, &to), -ENETUNREACH);
}
END_TEST

START_TEST(one_message_may_stay_on_the_link)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct iovec iov = {buf, 1};
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = name_of(OUTSIDE, 9),
		.flags = FDNET_MSG_DONTROUTE,
		.ttl = -1,
		.tos = -1,
	};

	ck_assert_int_eq(fdnet_sock_send(so, &msg), -ENETUNREACH);
	msg.flags = 0;
	ck_assert_int_eq(fdnet_sock_send(so, &msg), 1);
}
END_TEST

/* The checksum of the last UDP packet from side 0. */
static uint16_t last_csum;

static bool see_csum(void *arg, int from, struct fdnet_pkt *pkt)
{
	const uint8_t *p = pkt->data;
	uint32_t at = p[0] >> 4 == 4 ? 20 : 40;

	if (!from && p[p[0] >> 4 == 4 ? 9 : 6] == 17)
		last_csum = (uint16_t)(p[at + 6] << 8 | p[at + 7]);
	pkt->flags &= (uint16_t)~FDNET_PKT_CSUM_TRUSTED;
	return true;
}

START_TEST(no_check_sends_no_checksum)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *to = udp(1, "0.0.0.0", 9);

	pair->filter = see_csum;
	send_to(so, "10.0.0.2", 9);
	ck_assert_uint_ne(last_csum, 0);
	sock_set_int(so, SOL_SOCKET, SO_NO_CHECK, 1);
	send_to(so, "10.0.0.2", 9);
	ck_assert_uint_eq(last_csum, 0);
	ck_assert_int_eq(hears(to), 1);
	ck_assert_int_eq(hears(to), 1);
}
END_TEST

START_TEST(no_check6_is_for_those_who_ask)
{
	struct fdnet_sock *so = udp(0, "::", 0), *to = udp(1, "::", 9);
	uint64_t bad = fdnet_stack_counter(pair->s[1], FDNET_C_UDP_BAD);

	pair->filter = see_csum;
	sock_set_int(so, SOL_SOCKET, SO_NO_CHECK, 1); /* IPv4's */
	send_to(so, "fd00::2", 9);
	ck_assert_uint_ne(last_csum, 0);
	ck_assert_int_eq(hears(to), 1);
	sock_set_int(so, IPPROTO_UDP, UDP_NO_CHECK6_TX, 1);
	send_to(so, "fd00::2", 9);
	ck_assert_uint_eq(last_csum, 0);
	ck_assert_int_eq(hears(to), -EAGAIN);
	send_to(so, "fd00::2", 10); /* and no ICMP error for it */
	ck_assert_uint_eq(fdnet_stack_counter(pair->s[1], FDNET_C_UDP_BAD),
			  bad + 2);
	sock_set_int(to, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
	send_to(so, "fd00::2", 9);
	ck_assert_int_eq(hears(to), 1);
}
END_TEST

static void bind_device(struct fdnet_sock *so, int index)
{
	ck_assert_int_eq(sock_set_int(so, SOL_SOCKET, SO_BINDTOIFINDEX, index),
			 0);
}

START_TEST(a_device_narrows_what_is_heard)
{
	struct fdnet_sock *lo = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *eth = udp(0, "10.0.0.1", 0);
	struct fdnet_sock *from = udp(1, "10.0.0.2", 7);
	struct fdnet_sock *own = udp(0, "127.0.0.1", 7);

	ck_assert_int_eq(
		fdnet_sock_setopt(lo, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	bind_device(eth, 2);
	sock_bind(lo, "0.0.0.0", 9);
	sock_bind(eth, "0.0.0.0", 9);
	send_to(from, "10.0.0.1", 9);
	ck_assert_int_eq(hears(lo), -EAGAIN);
	ck_assert_int_eq(hears(eth), 1);
	send_to(own, "127.0.0.1", 9);
	ck_assert_int_eq(hears(lo), 1);
	ck_assert_int_eq(hears(eth), -EAGAIN);
}
END_TEST

START_TEST(a_listener_on_a_device_answers_there)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	struct fdnet_sock *far = sock_open(pair->s[1], 4, FDNET_SOCK_STREAM, 6);
	struct fdnet_sock *near = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	struct fdnet_name to = name_of("10.0.0.1", 80);
	struct fdnet_name own = name_of("127.0.0.1", 80);

	bind_device(so, 1);
	sock_bind(so, "0.0.0.0", 80);
	ck_assert_int_eq(fdnet_sock_listen(so, 5), 0);
	ck_assert_int_eq(fdnet_sock_connect(far, &to), -EINPROGRESS);
	ck_assert_int_eq(fdnet_sock_connect(near, &own), -EINPROGRESS);
	stack_pair_run(pair);
	ck_assert_int_eq(sock_get_int(far, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	ck_assert_int_eq(sock_get_int(near, SOL_SOCKET, SO_ERROR), 0);
	ck_assert_uint_ne(fdnet_sock_poll(near) & FDNET_EV_OUT, 0);
}
END_TEST

static const struct {
	int device;
	const char *to;
	int rc;
} ways[] = {
	{1, "127.0.0.1", 1},
	{1, "10.0.0.1", 1},
	{1, "10.0.0.2", -ENETUNREACH},
	{2, "10.0.0.2", 1},
	{2, "10.0.0.1", 1},
	{2, "127.0.0.1", -ENETUNREACH},
	{1, "::1", 1},
	{1, "fd00::2", -ENETUNREACH},
	{2, "fd00::2", 1},
	{2, "::1", -ENETUNREACH},
};

START_TEST(a_device_narrows_where_to_send)
{
	const char *to = ways[_i].to;
	struct fdnet_sock *so = udp(0, strchr(to, ':') ? "::" : "0.0.0.0", 0);

	bind_device(so, ways[_i].device);
	ck_assert_msg(send_to(so, to, 9) == ways[_i].rc, "%d %s",
		      ways[_i].device, to);
}
END_TEST

START_TEST(a_locked_buffer_bounds_the_low_water_mark)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	int size = sock_get_int(so, SOL_SOCKET, SO_RCVBUF);

	sock_set_int(so, SOL_SOCKET, SO_RCVLOWAT, INT_MAX);
	ck_assert_int_gt(sock_get_int(so, SOL_SOCKET, SO_RCVLOWAT), size);
	sock_set_int(so, SOL_SOCKET, SO_BUF_LOCK, SOCK_RCVBUF_LOCK);
	sock_set_int(so, SOL_SOCKET, SO_RCVLOWAT, INT_MAX);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_RCVLOWAT), size / 2);
	sock_set_int(so, SOL_SOCKET, SO_BUF_LOCK, 0);
	sock_set_int(so, SOL_SOCKET, SO_RCVBUF, 10000); /* locks it too */
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_BUF_LOCK), 2);
}
END_TEST

START_TEST(a_queued_error_may_count_as_urgent)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 5);

	sock_set_int(so, IPPROTO_IP, IP_RECVERR, 1);
	send_to(so, "10.0.0.2", 9); /* nobody there */
	ck_assert_uint_eq(fdnet_sock_poll(so) & (FDNET_EV_ERR | FDNET_EV_PRI),
			  FDNET_EV_ERR);
	sock_set_int(so, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1);
	ck_assert_uint_eq(fdnet_sock_poll(so) & (FDNET_EV_ERR | FDNET_EV_PRI),
			  FDNET_EV_ERR | FDNET_EV_PRI);
}
END_TEST

START_TEST(meminfo_tells_the_queues)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 9);
	struct fdnet_sock *from = udp(1, "10.0.0.2", 7);
	uint32_t info[9], len = sizeof(info);

	ck_assert_int_eq(
		fdnet_sock_getopt(so, SOL_SOCKET, SO_MEMINFO, info, &len), 0);
	ck_assert_uint_eq(len, sizeof(info));
	ck_assert_uint_eq(info[0], 0);
	ck_assert_int_eq((int)info[1], sock_get_int(so, SOL_SOCKET, SO_RCVBUF));
	ck_assert_int_eq((int)info[3], sock_get_int(so, SOL_SOCKET, SO_SNDBUF));
	send_to(from, "10.0.0.1", 9);
	fdnet_sock_getopt(so, SOL_SOCKET, SO_MEMINFO, info, &len);
	ck_assert_uint_eq(info[0], 1);
}
END_TEST

START_TEST(nobody_is_at_the_other_end)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct ucred cred;
	uint32_t len = sizeof(cred);

	ck_assert_int_eq(
		fdnet_sock_getopt(so, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	ck_assert_uint_eq(len, sizeof(cred));
	ck_assert_int_eq(cred.pid, 0);
	ck_assert_uint_eq(cred.uid, (uid_t)-1);
}
END_TEST

START_TEST(packet_filters_are_refused)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	struct sock_fprog prog = {0};
	int fd = 3;

	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_ATTACH_FILTER,
					   &prog, sizeof(prog)),
			 -ENOPROTOOPT);
	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_ATTACH_FILTER,
					   &prog, sizeof(prog) - 1),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_ATTACH_BPF, &fd,
					   sizeof(fd)),
			 -ENOPROTOOPT);
	ck_assert_int_eq(fdnet_sock_setopt(so, SOL_SOCKET, SO_DETACH_FILTER,
					   &fd, sizeof(fd)),
			 -ENOENT);
}
END_TEST

START_TEST(a_listener_says_that_it_is_one)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);

	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ACCEPTCONN), 0);
	fdnet_sock_listen(so, 1);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ACCEPTCONN), 1);
}
END_TEST

/* ---- IPPROTO_IP and IPPROTO_IPV6 ---- */

static const struct {
	const char *ip;
	int level, name;
} strangers[] = {
	{"203.0.113.1", IPPROTO_IP, IP_FREEBIND},
	{"2001:db8::1", IPPROTO_IPV6, IPV6_FREEBIND},
	{"2001:db8::1", IPPROTO_IP, IP_FREEBIND},
};

START_TEST(freebind_takes_any_address)
{
	struct fdnet_name name = name_of(strangers[_i].ip, 8000);
	struct fdnet_sock *so = udp(0, strangers[_i].ip, 0);
	struct fdnet_name got;

	ck_assert_int_eq(fdnet_sock_bind(so, &name), -EADDRNOTAVAIL);
	sock_set_int(so, strangers[_i].level, strangers[_i].name, 1);
	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	fdnet_sock_name(so, &got);
	ck_assert(fdnet_ip_equal(&got.ip, &name.ip));
	/* such packets leave from IPv6 only, as in the kernel */
	ck_assert_int_eq(name.ip.family == 4 ? send_to(so, "10.0.0.2", 9)
					     : send_to(so, "fd00::2", 9),
			 name.ip.family == 4 ? -ENETUNREACH : 1);
}
END_TEST

START_TEST(an_address_may_be_bound_without_a_port)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	struct fdnet_sock *two = udp(0, "10.0.0.1", 0);
	struct fdnet_name name = name_of("10.0.0.1", 0), got;
	struct fdnet_name to = name_of("10.0.0.2", 80);

	sock_set_int(so, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	sock_set_int(two, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	ck_assert_int_eq(fdnet_sock_bind(two, &name), 0);
	fdnet_sock_name(so, &got);
	ck_assert_uint_eq(got.port, 0);
	ck_assert(fdnet_ip_equal(&got.ip, &name.ip));
	ck_assert_int_eq(fdnet_sock_connect(so, &to), -EINPROGRESS);
	ck_assert_int_eq(send_to(two, "10.0.0.2", 9), 1);
	fdnet_sock_name(so, &got);
	ck_assert_uint_ne(got.port, 0);
	fdnet_sock_name(two, &got);
	ck_assert_uint_ne(got.port, 0);
	ck_assert(fdnet_ip_equal(&got.ip, &name.ip));
}
END_TEST

static const struct {
	const char *to;
	int level, min, hops;
} minimal[] = {
	{"10.0.0.2", IPPROTO_IP, IP_MINTTL, IP_TTL},
	{"fd00::2", IPPROTO_IPV6, IPV6_MINHOPCOUNT, IPV6_UNICAST_HOPS},
};

START_TEST(what_came_from_afar_is_not_heard)
{
	const char *ip = minimal[_i].to;
	bool v6 = strchr(ip, ':');
	struct fdnet_sock *so = udp(0, v6 ? "::" : "0.0.0.0", 0);
	struct fdnet_sock *to = udp(1, v6 ? "::" : "0.0.0.0", 9);

	sock_set_int(to, minimal[_i].level, minimal[_i].min, 60);
	sock_set_int(so, minimal[_i].level, minimal[_i].hops, 59);
	send_to(so, ip, 9);
	ck_assert_int_eq(hears(to), -EAGAIN);
	sock_set_int(so, minimal[_i].level, minimal[_i].hops, 60);
	send_to(so, ip, 9);
	ck_assert_int_eq(hears(to), 1);
}
END_TEST

START_TEST(only_padding_is_an_ip_option)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	uint32_t len = sizeof(buf);

	ck_assert_int_eq(
		fdnet_sock_setopt(so, IPPROTO_IP, IP_OPTIONS, "\1\1\1\0", 4), 0);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_OPTIONS,
					   "\x83\x03\x04", 3),
			 -EINVAL);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_OPTIONS, buf, 44),
			 -EINVAL);
	ck_assert_int_eq(
		fdnet_sock_getopt(so, IPPROTO_IP, IP_OPTIONS, buf, &len), 0);
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(a_stream_has_no_packet_options)
{
	struct fdnet_sock *tcp = sock_open(pair->s[0], 4, FDNET_SOCK_STREAM, 6);
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);
	uint32_t len = sizeof(buf);

	ck_assert_int_eq(
		fdnet_sock_getopt(tcp, IPPROTO_IP, IP_PKTOPTIONS, buf, &len), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(fdnet_sock_getopt(so, IPPROTO_IP, IP_PKTOPTIONS, buf,
					   &len),
			 -ENOPROTOOPT);
}
END_TEST

START_TEST(a_raw_socket_tells_its_protocol)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_RAW, 89);

	ck_assert_int_eq(sock_get_int(so, IPPROTO_IP, IP_PROTOCOL), 89);
}
END_TEST

static int join(struct fdnet_sock *so, const char *group, bool in)
{
	struct fdnet_name name = name_of(group, 0);
	struct group_req req = {.gr_interface = 2};
	bool v6 = name.ip.family == 6;
	struct sockaddr_in *sin = (struct sockaddr_in *)&req.gr_group;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&req.gr_group;

	req.gr_group.ss_family = v6 ? AF_INET6 : AF_INET;
	if (v6)
		memcpy(&sin6->sin6_addr, name.ip.bytes, 16);
	else
		memcpy(&sin->sin_addr, name.ip.bytes, 4);
	return fdnet_sock_setopt(so, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
				 in ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP,
				 &req, sizeof(req));
}

static int join6(struct fdnet_sock *so, const char *group, bool in)
{
	struct fdnet_name name = name_of(group, 0);
	struct ipv6_mreq req = {.ipv6mr_interface = 2};

	memcpy(&req.ipv6mr_multiaddr, name.ip.bytes, 16);
	return fdnet_sock_setopt(so, IPPROTO_IPV6,
				 in ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &req,
				 sizeof(req));
}

static const struct {
	const char *group;
	int (*join)(struct fdnet_sock *so, const char *group, bool in);
} groups[] = {
	{"239.1.2.3", join},
	{"ff05::1234", join},
	{"ff05::1234", join6},
};

START_TEST(members_hear_until_they_leave)
{
	const char *group = groups[_i].group;
	bool v6 = strchr(group, ':');
	struct fdnet_sock *from = udp(0, v6 ? "fd00::1" : "10.0.0.1", 7);
	struct fdnet_sock *so = udp(1, v6 ? "::" : "0.0.0.0", 9);

	send_to(from, group, 9);
	ck_assert_int_eq(hears(so), -EAGAIN);
	ck_assert_int_eq(groups[_i].join(so, group, true), 0);
	ck_assert_int_eq(groups[_i].join(so, group, true), -EADDRINUSE);
	send_to(from, group, 9);
	ck_assert_int_eq(hears(so), 1);
	ck_assert_int_eq(groups[_i].join(so, group, false), 0);
	ck_assert_int_eq(groups[_i].join(so, group, false), -EADDRNOTAVAIL);
	send_to(from, group, 9);
	ck_assert_int_eq(hears(so), -EAGAIN);
}
END_TEST

static int choose(struct fdnet_sock *so, bool v6, int index)
{
	struct ip_mreqn req = {.imr_ifindex = index};

	if (v6)
		return sock_set_int(so, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
	return fdnet_sock_setopt(so, IPPROTO_IP, IP_MULTICAST_IF, &req,
				 sizeof(req));
}

START_TEST(what_is_said_on_loopback_stays_here)
{
	const char *group = groups[_i].group;
	bool v6 = strchr(group, ':');
	struct fdnet_sock *from = udp(0, v6 ? "::" : "0.0.0.0", 0);
	struct fdnet_sock *far = udp(1, v6 ? "::" : "0.0.0.0", 9);
	struct fdnet_sock *near = udp(0, v6 ? "::" : "0.0.0.0", 9);
	struct fdnet_name src;

	groups[_i].join(far, group, true);
	groups[_i].join(near, group, true);
	ck_assert_int_eq(choose(from, v6, 1), 0);
	ck_assert_int_eq(send_to(from, group, 9), 1);
	ck_assert_int_eq(hears(far), -EAGAIN);
	ck_assert_int_eq(sock_recv(near, buf, sizeof(buf), &src), 1);
	ck_assert(fdnet_ip_is_loopback(&src.ip));
	ck_assert_int_eq(choose(from, v6, 2), 0);
	ck_assert_int_eq(send_to(from, group, 9), 1);
	ck_assert_int_eq(hears(far), 1);
	ck_assert_int_eq(hears(near), 1);
}
END_TEST

START_TEST(multicast_interface_is_told_by_its_address)
{
	struct fdnet_sock *so = udp(0, "0.0.0.0", 0);
	struct in_addr addr = {htonl(0x0a000001)};
	uint32_t len = sizeof(addr);

	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_MULTICAST_IF,
					   &addr, sizeof(addr)),
			 0);
	addr.s_addr = 0;
	fdnet_sock_getopt(so, IPPROTO_IP, IP_MULTICAST_IF, &addr, &len);
	ck_assert_uint_eq(ntohl(addr.s_addr), 0x0a000001);
	addr.s_addr = htonl(0x0a000077);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_IP, IP_MULTICAST_IF,
					   &addr, sizeof(addr)),
			 -EADDRNOTAVAIL);
}
END_TEST

START_TEST(ipv6_groups_have_their_own_options)
{
	struct fdnet_sock *from = udp(0, "fd00::1", 7);
	struct fdnet_sock *far = udp(1, "::", 9), *near = udp(0, "::", 9);
	struct fdnet_sock *other = sock_open(pair->s[1], 6, FDNET_SOCK_DGRAM, 17);
	struct iovec iov = {buf, sizeof(buf)};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};

	sock_set_int(far, SOL_SOCKET, SO_REUSEADDR, 1);
	sock_set_int(other, SOL_SOCKET, SO_REUSEADDR, 1);
	sock_bind(other, "::", 9);
	join6(far, "ff05::1234", true);
	join6(near, "ff05::1234", true);
	sock_set_int(from, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 9);
	sock_set_int(from, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
	send_to(from, "ff05::1234", 9);
	ck_assert_int_eq(hears(near), -EAGAIN);
	ck_assert_int_eq(fdnet_sock_recv(far, &msg), 1);
	ck_assert_int_eq(msg.ttl, 9);
	/* not a member, but everything its host hears (Linux's default) */
	ck_assert_int_eq(hears(other), 1);
	sock_set_int(other, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	sock_set_int(from, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
	send_to(from, "ff05::1234", 9);
	ck_assert_int_eq(hears(other), -EAGAIN);
	ck_assert_int_eq(hears(near), 1);
}
END_TEST

START_TEST(ipv6_packets_are_no_longer_than_said)
{
	struct fdnet_sock *so = udp(0, "fd00::1", 7);
	struct fdnet_name to = name_of("fd00::2", 9);
	struct fdnet_sock *far = udp(1, "fd00::2", 9);
	unsigned int before = pair->crossed[0];

	fdnet_sock_connect(so, &to);
	sock_send(so, buf, 1400, NULL);
	stack_pair_run(pair);
	ck_assert_uint_eq(pair->crossed[0], before + 1);
	sock_set_int(so, IPPROTO_IPV6, IPV6_MTU, 1300);
	ck_assert_int_eq(sock_get_int(so, IPPROTO_IPV6, IPV6_MTU), 1300);
	sock_send(so, buf, 1400, NULL);
	stack_pair_run(pair);
	ck_assert_uint_eq(pair->crossed[0], before + 3); /* two fragments */
	ck_assert_int_eq(hears(far), 1400);
	ck_assert_int_eq(hears(far), 1400);
	sock_set_int(so, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	ck_assert_int_eq(sock_send(so, buf, 1400, NULL), -EMSGSIZE);
}
END_TEST

START_TEST(ipv6_errors_are_queued)
{
	struct fdnet_sock *so = udp(0, "fd00::1", 5);

	sock_set_int(so, IPPROTO_IPV6, IPV6_RECVERR, 1);
	send_to(so, "fd00::2", 9); /* nobody there */
	ck_assert_uint_ne(fdnet_sock_poll(so) & FDNET_EV_ERR, 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	ck_assert_uint_ne(fdnet_sock_poll(so) & FDNET_EV_ERR, 0);
}
END_TEST

START_TEST(transparent_is_for_administrators)
{
	struct fdnet_sock *so = udp(0, "::", 0);

	ck_assert_int_eq(sock_set_int(so, IPPROTO_IPV6, IPV6_TRANSPARENT, 1),
			 -EPERM);
	ck_assert_int_eq(sock_set_int(so, IPPROTO_IPV6, IPV6_TRANSPARENT, 0), 0);
	ck_assert_int_eq(sock_get_int(so, IPPROTO_IPV6, IPV6_TRANSPARENT), 0);
}
END_TEST

START_TEST(marks_are_wanted_and_there_are_none)
{
	struct fdnet_sock *so = udp(0, "10.0.0.1", 0);

	ck_assert_int_eq(sock_set_int(so, SOL_SOCKET, SO_RCVMARK, 1), 0);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_RCVMARK), 1);
	ck_assert_int_eq(sock_get_int(so, SOL_SOCKET, SO_MARK), 0);
}
END_TEST

START_TEST(icmp6_types_are_filtered)
{
	struct fdnet_sock *so = sock_open(pair->s[0], 6, FDNET_SOCK_RAW, 58);
	struct fdnet_name to = name_of("fd00::2", 0);
	uint8_t echo[8] = {128, 0, 0, 0, 1, 2, 3, 4};
	struct icmp6_filter filter;

	sock_send(so, echo, sizeof(echo), &to);
	stack_pair_run(pair);
	ck_assert_int_eq(hears(so), 8);
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ck_assert_int_eq(fdnet_sock_setopt(so, IPPROTO_ICMPV6, ICMP6_FILTER,
					   &filter, sizeof(filter)),
			 0);
	sock_send(so, echo, sizeof(echo), &to);
	stack_pair_run(pair);
	ck_assert_int_eq(hears(so), -EAGAIN);
	ICMP6_FILTER_SETPASS(129, &filter);
	fdnet_sock_setopt(so, IPPROTO_ICMPV6, ICMP6_FILTER, &filter,
			  sizeof(filter));
	sock_send(so, echo, sizeof(echo), &to);
	stack_pair_run(pair);
	ck_assert_int_eq(hears(so), 8);
}
END_TEST

static Suite *sockopt_effect_suite(void)
{
	Suite *s = suite_create("sockopt_effect");
	TCase *tc = tcase_create("sockopt_effect");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, dontroute_reaches_the_link_only);
	tcase_add_test(tc, one_message_may_stay_on_the_link);
	tcase_add_test(tc, no_check_sends_no_checksum);
	tcase_add_test(tc, no_check6_is_for_those_who_ask);
	tcase_add_test(tc, a_device_narrows_what_is_heard);
	tcase_add_test(tc, a_listener_on_a_device_answers_there);
	tcase_add_loop_test(tc, a_device_narrows_where_to_send, 0, N_ROWS(ways));
	tcase_add_test(tc, a_locked_buffer_bounds_the_low_water_mark);
	tcase_add_test(tc, a_queued_error_may_count_as_urgent);
	tcase_add_test(tc, meminfo_tells_the_queues);
	tcase_add_test(tc, nobody_is_at_the_other_end);
	tcase_add_test(tc, packet_filters_are_refused);
	tcase_add_test(tc, a_listener_says_that_it_is_one);
	tcase_add_loop_test(tc, freebind_takes_any_address, 0, N_ROWS(strangers));
	tcase_add_test(tc, an_address_may_be_bound_without_a_port);
	tcase_add_loop_test(tc, what_came_from_afar_is_not_heard, 0,
			    N_ROWS(minimal));
	tcase_add_test(tc, only_padding_is_an_ip_option);
	tcase_add_test(tc, a_stream_has_no_packet_options);
	tcase_add_test(tc, a_raw_socket_tells_its_protocol);
	tcase_add_loop_test(tc, members_hear_until_they_leave, 0, N_ROWS(groups));
	tcase_add_loop_test(tc, what_is_said_on_loopback_stays_here, 0,
			    N_ROWS(groups));
	tcase_add_test(tc, multicast_interface_is_told_by_its_address);
	tcase_add_test(tc, ipv6_groups_have_their_own_options);
	tcase_add_test(tc, ipv6_packets_are_no_longer_than_said);
	tcase_add_test(tc, ipv6_errors_are_queued);
	tcase_add_test(tc, transparent_is_for_administrators);
	tcase_add_test(tc, marks_are_wanted_and_there_are_none);
	tcase_add_test(tc, icmp6_types_are_filtered);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(sockopt_effect_suite)
