/* SPDX-License-Identifier: Apache-2.0 */
/* Connections between guests and the host. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

static void close_reset(int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

START_TEST(allowed_host_port_is_reached_both_ways)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;
	char data[64];

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	ck_assert_int_eq(rg_send(g, so, "hello", 5), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, data, sizeof(data)), 5);
	ck_assert_mem_eq(data, "hello", 5);
	ck_assert_int_eq(send(fd, "world!", 6, 0), 6);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 6);
	ck_assert_mem_eq(data, "world!", 6);
	/* half-close: the guest's end, then the host's */
	ck_assert_int_eq(fdnet_sock_shutdown(so, FDNET_SHUT_WR), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, data, sizeof(data)), 0);
	ck_assert_int_eq(send(fd, "late", 4, 0), 4);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 4);
	close(fd);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 0);
	fdnet_sock_close(so);
	rg_drive(&relay, 20);
	ck_assert_str_eq(rg_finish(&relay), "");
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(refused_on_the_host_is_refused_inside)
{
	int listener = rg_host_listen("127.0.0.1", &port);
	struct fdnet_sock *so;
	struct rg *g;

	close(listener);
	start("--allow host:%u");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, GATEWAY, port, &so), -ECONNREFUSED);
	rg_stop(&relay);
}
END_TEST

START_TEST(unreachable_on_the_host_is_unreachable_inside)
{
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow any");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, "198.51.100.1", 80, &so), -ENETUNREACH);
	ck_assert_int_eq(rg_connect(g, "2001:db8::1", 80, &so), -ENETUNREACH);
	rg_stop(&relay);
}
END_TEST

START_TEST(host_unreachable_is_told_from_denied)
{
	struct fdnet_sock *so;
	const char *said;
	struct rg *g;

	start("--allow tcp:198.18.0.0/15:80 --verbose");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, "198.18.0.1", 80, &so), -EHOSTUNREACH);
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, "fail tcp") != NULL, "%s", said);
	ck_assert_ptr_null(strstr(said, "deny"));
	rg_stop(&relay);
}
END_TEST

/* A host that does not answer: its queue is full, and it drops the SYN. */
START_TEST(no_answer_is_timed_out)
{
	static const char *const addresses[] = { GATEWAY, "fd00::2" };
	static const char *const locals[] = { "127.0.0.1", "::1" };
	int listener, fds[4];
	struct fdnet_sock *so;
	struct rg *g;

	if (!rg_sysctl("/proc/sys/net/ipv4/tcp_syn_retries", "1"))
		return;
	listener = rg_host_listen(locals[_i], &port);
	ck_assert_int_eq(listen(listener, 0), 0);
	for (int i = 0; i < 4; i++)
		fds[i] = rg_host_connecting(locals[_i], port);
	start("--allow host:%u");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, addresses[_i], port, &so), -ETIMEDOUT);
	rg_stop(&relay);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(listener);
}
END_TEST

/* A host that falls silent in the middle: its segments are dropped. */
START_TEST(an_established_connection_times_out)
{
	static const char *const addresses[] = { GATEWAY, "fd00::2" };
	static const char *const locals[] = { "127.0.0.1", "::1" };
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog drop = { .len = 1, .filter = &nothing };
	struct fdnet_sock *so;
	const char *said;
	int listener, fd;
	char data[8];
	struct rg *g;

	if (!rg_sysctl("/proc/sys/net/ipv4/tcp_retries2", "1"))
		return;
	listener = rg_host_listen(locals[_i], &port);
	start("--allow host:%u --verbose");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, addresses[_i], port, &so), 0);
	fd = rg_host_accept(&relay, listener);
	ck_assert_int_eq(send(fd, "before", 6, 0), 6);
	rg_drive(&relay, 20);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &drop,
				    sizeof(drop)),
			 0);
	ck_assert_int_eq(rg_send(g, so, "x", 1), 0);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 6);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), -ETIMEDOUT);
	/* the others' connections may stand still */
	rg_sysctl("/proc/sys/net/ipv4/tcp_retries2", "15");
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, "timed out"), "%s", said);
	rg_stop(&relay);
	close(fd);
	close(listener);
}
END_TEST

/* Nobody sends anything; a host that has vanished is found out in the time
 * that the program has set. */
START_TEST(keepalive_is_the_host_sockets_too)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog drop = { .len = 1, .filter = &nothing };
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_ctl keep = {
		.op = FDNET_CTL_KEEP,
		.proto = 6,
		.family = 4,
		.keep_on = true,
		.keep_idle_s = 1,
		.keep_intvl_s = 1,
		.keep_cnt = 1,
	};
	uint8_t body[FDNET_CTL_MAX_LEN];
	struct fdnet_name local, peer;
	struct fdnet_sock *so;
	char data[8];
	struct rg *g;
	size_t len;

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	ck_assert_int_eq(fdnet_sock_name(so, &local), 0);
	ck_assert_int_eq(fdnet_sock_peer(so, &peer), 0);
	keep.port = local.port;
	keep.peer_port = peer.port;
	memcpy(keep.addr, local.ip.bytes, 4);
	memcpy(keep.peer, peer.ip.bytes, 4);
	/* of a connection that there is not: nothing happens */
	keep.peer_port++;
	len = fdnet_ctl_encode(body, &keep);
	ck_assert_int_eq(fdnet_link_send_control(g->link, FDNET_LINK_CONTROL,
						 body, len, -1),
			 0);
	keep.peer_port--;
	len = fdnet_ctl_encode(body, &keep);
	ck_assert_int_eq(fdnet_link_send_control(g->link, FDNET_LINK_CONTROL,
						 body, len, -1),
			 0);
	rg_drive(&relay, 20);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &drop,
				    sizeof(drop)),
			 0);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), -ETIMEDOUT);
	rg_stop(&relay);
	close(fd);
	close(listener);
}
END_TEST

/* The host has said all; the guest talks on. */
START_TEST(half_close_by_the_host)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;
	char data[64];

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	ck_assert_int_eq(send(fd, "all", 3, 0), 3);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 3);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(rg_send(g, so, "more", 4), 0);
		ck_assert_int_eq(rg_host_recv(&relay, fd, data, 64), 4);
	}
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_host_recv(&relay, fd, data, 64), 0);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

static bool is_reset(void *so)
{
	return fdnet_sock_poll(so) & (FDNET_EV_ERR | FDNET_EV_HUP);
}

/* The host has said all, and then resets: with and without more from us. */
START_TEST(reset_behind_the_hosts_end)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;
	char data[8];

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 0);
	if (_i) {
		ck_assert_int_eq(rg_send(g, so, "unread", 6), 0);
		rg_drive(&relay, 20);
	}
	close_reset(fd);
	ck_assert(rg_until(&relay, 20000, is_reset, so));
	fdnet_sock_close(so);
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(connections_over_ipv6)
{
	int listener = rg_host_listen("::1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;
	char data[8];

	start("--allow host:%u");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, "fd00::2", port, &so), 0);
	fd = rg_host_accept(&relay, listener);
	ck_assert_int_eq(rg_send(g, so, "six", 3), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, data, 8), 3);
	ck_assert_int_eq(send(fd, "sixth", 5, 0), 5);
	ck_assert_int_eq(rg_recv(g, so, data, 8), 5);
	close(fd);
	ck_assert_int_eq(rg_recv(g, so, data, 8), 0);
	fdnet_sock_close(so);
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(denied_is_told_and_summed_up)
{
	struct fdnet_sock *so;
	const char *said;
	struct rg *g;

	start("--allow host:1 --deny tcp:192.0.2.0/24:*");
	g = rg_attach(&relay);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(rg_connect(g, "198.51.100.1", 443, &so),
				 -EHOSTUNREACH);
	ck_assert_int_eq(rg_connect(g, GATEWAY, 8080, &so), -EHOSTUNREACH);
	/* what Linux makes of the same ICMPv6 error */
	ck_assert_int_eq(rg_connect(g, "2001:db8::1", 80, &so), -EACCES);
	ck_assert_int_eq(rg_connect(g, "192.0.2.7", 80, &so), -EHOSTUNREACH);
	ck_assert_int_eq(rg_connect(g, "0.0.0.1", 80, &so), -EHOSTUNREACH);
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, "fdnet: denied tcp 198.51.100.1:443, 3 "
				   "times: allow with --allow "
				   "tcp:198.51.100.1:443\n") != NULL,
		      "%s", said);
	ck_assert_ptr_nonnull(strstr(said, "allow with --allow host:8080\n"));
	ck_assert_ptr_nonnull(strstr(said, "--allow tcp:[2001:db8::1]:80\n"));
	ck_assert_ptr_nonnull(strstr(said, "by the rule deny "
					   "tcp:192.0.2.0/24:*\n"));
	ck_assert_ptr_nonnull(strstr(said, "0.0.0.1:80: no rule can allow"));
	rg_stop(&relay);
}
END_TEST

START_TEST(quiet_means_no_summary)
{
	struct fdnet_sock *so;
	struct rg *g;

	rg_start(&relay, "--quiet");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, "198.51.100.1", 443, &so),
			 -EHOSTUNREACH);
	ck_assert_str_eq(rg_finish(&relay), "");
	rg_stop(&relay);
}
END_TEST

/* 203.0.113.5 is public by its digits, but this machine's own. */
START_TEST(any_does_not_cover_the_machines_own_addresses)
{
	int listener = rg_host_listen("203.0.113.5", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow any");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &so),
			 -EHOSTUNREACH);
	rg_stop(&relay);
	start("--allow tcp:203.0.113.5:%u");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &so), 0);
	fd = rg_host_accept(&relay, listener);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(resets_cross_both_ways)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;
	char data[16];

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	close_reset(fd);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), -ECONNRESET);
	fdnet_sock_close(so);

	fd = connected_pair(g, listener, &so);
	fdnet_sock_abort(so);
	ck_assert_int_eq(rg_host_recv(&relay, fd, data, sizeof(data)),
			 -ECONNRESET);
	close(fd);

	/* bytes that came before the reset are not lost */
	fd = connected_pair(g, listener, &so);
	ck_assert_int_eq(send(fd, "last words", 10, 0), 10);
	ck_assert_int_eq(rg_recv(g, so, data, 4), 4);
	ck_assert_int_eq(rg_send(g, so, "unread", 6), 0);
	rg_drive(&relay, 50);
	close(fd); /* with unread data: a reset */
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), 6);
	ck_assert_int_eq(rg_recv(g, so, data, sizeof(data)), -ECONNRESET);
	fdnet_sock_close(so);
	rg_stop(&relay);
	close(listener);
}
END_TEST

/* @len bytes of a pattern both ways at once, each read in odd pieces. */
static void exchange(struct rg *g, struct fdnet_sock *so, int fd, size_t len)
{
	size_t guest_out = 0, guest_in = 0, host_out = 0, host_in = 0;
	static uint8_t out[65536], in[65536];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	while (guest_in < len || host_in < len) {
		struct iovec iov = { out + guest_out % 251, 60000 };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t rc;

		if (guest_out < len) {
			/* each piece starts where its offset says */
			iov.iov_base = out + guest_out % 5000;
			if (iov.iov_len > len - guest_out)
				iov.iov_len = len - guest_out;
			rc = fdnet_sock_send(so, &msg);
			ck_assert(rc > 0 || rc == -EAGAIN);
			for (ssize_t i = 0; i < rc; i++)
				guest_out++;
		}
		if (host_out < len) {
			size_t n = len - host_out < 50000 ? len - host_out :
							    50000;

			rc = send(fd, out, n, MSG_NOSIGNAL);
			if (rc > 0)
				host_out += (size_t)rc;
		}
		iov = (struct iovec){ in, 33333 };
		rc = fdnet_sock_recv(so, &msg);
		ck_assert(rc > 0 || rc == -EAGAIN);
		if (rc > 0)
			guest_in += (size_t)rc;
		rc = recv(fd, in, sizeof(in), 0);
		if (rc > 0)
			host_in += (size_t)rc;
		rg_drive(&relay, 0);
	}
	ck_assert_uint_eq(guest_in, len);
	ck_assert_uint_eq(host_in, len);
}

START_TEST(much_data_crosses_both_ways_at_once)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	exchange(g, so, fd, 32u << 20);
	fdnet_sock_close(so);
	rg_drive(&relay, 20);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

/* What does not come back changed: a counter in 64-bit words, one way each. */
static void check_stream(struct rg *g, struct fdnet_sock *so, int fd,
			 bool to_host)
{
	static uint64_t words[8192], got[8192];
	uint64_t next_out = 0, next_in = 0, total = 1u << 20;
	size_t have = 0, left = 0;

	while (next_in < total) {
		ssize_t rc;

		if (!left && next_out < total) {
			for (int i = 0; i < 8192; i++)
				words[i] = next_out++ * 0x9e3779b97f4a7c15ull;
			left = sizeof(words);
		}
		if (left) {
			uint8_t *from = (uint8_t *)words + sizeof(words) -
					left;
			struct iovec iov = { from, left };
			struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

			rc = to_host ? fdnet_sock_send(so, &msg) :
				       send(fd, from, left, MSG_NOSIGNAL);
			if (rc > 0)
				left -= (size_t)rc;
		}
		rg_drive(&relay, 1);
		{
			uint8_t *to = (uint8_t *)got + have;
			struct iovec iov = { to, sizeof(got) - have };
			struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

			rc = to_host ? recv(fd, to, sizeof(got) - have, 0) :
				       fdnet_sock_recv(so, &msg);
			if (rc > 0)
				have += (size_t)rc;
		}
		for (size_t i = 0; i < have / 8; i++)
			ck_assert_uint_eq(got[i],
					  next_in++ * 0x9e3779b97f4a7c15ull);
		memmove(got, (uint8_t *)got + have / 8 * 8, have % 8);
		have %= 8;
	}
}

START_TEST(bytes_arrive_unchanged)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	check_stream(g, so, fd, _i);
	fdnet_sock_close(so);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(slow_readers_stop_the_other_side)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	static uint8_t data[1 << 16];
	size_t sent = 0, got = 0;
	long before;
	struct rg *g;

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	before = rg_rss_kib(&relay);
	/* nobody reads inside: the host's sender must come to a stop */
	for (int idle = 0; idle < 20;) {
		ssize_t rc = send(fd, data, sizeof(data), MSG_NOSIGNAL);

		idle = rc > 0 ? 0 : idle + 1;
		sent += rc > 0 ? (size_t)rc : 0;
		ck_assert_uint_lt(sent, 128u << 20);
		rg_drive(&relay, 2);
	}
	ck_assert_int_lt(rg_rss_kib(&relay) - before,
			 (24 << 10) + RG_SLACK_KIB);
	while (got < sent) {
		ssize_t rc = rg_recv(g, so, data, sizeof(data));

		ck_assert_int_gt(rc, 0);
		got += (size_t)rc;
	}
	fdnet_sock_close(so);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

/* As much as goes in while nobody on the host reads. */
static size_t fill_host(struct rg *g, struct fdnet_sock *so)
{
	static uint8_t data[1 << 16];
	size_t sent = 0;

	for (int idle = 0; idle < 20;) {
		struct iovec iov = { data, sizeof(data) };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t rc = fdnet_sock_send(so, &msg);

		idle = rc > 0 ? 0 : idle + 1;
		sent += rc > 0 ? (size_t)rc : 0;
		ck_assert_uint_lt(sent, 128u << 20);
		rg_drive(g->relay, 2);
	}
	return sent;
}

START_TEST(a_host_that_does_not_read_stops_the_guest)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	static uint8_t data[1 << 16];
	struct fdnet_sock *so;
	size_t sent, got = 0;
	long before;
	struct rg *g;

	start(_i ? "--allow host:%u --limit flow-memory=64K" :
		   "--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	before = rg_rss_kib(&relay);
	sent = fill_host(g, so);
	ck_assert_int_lt(rg_rss_kib(&relay) - before,
			 (_i ? 2 << 10 : 24 << 10) + RG_SLACK_KIB);
	while (got < sent) {
		ssize_t rc = rg_host_recv(&relay, fd, data, sizeof(data));

		ck_assert_int_gt(rc, 0);
		got += (size_t)rc;
	}
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_host_recv(&relay, fd, data, 1), 0);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

/* Nobody reads, on either side, of any: memory has an end, and so have the
 * stalls when somebody does. */
START_TEST(many_stalled_connections_are_bounded)
{
	int listener = rg_host_listen("127.0.0.1", &port), fds[100];
	struct fdnet_sock *so[100];
	static uint8_t data[1 << 16];
	size_t sent = 0, got = 0;
	struct rg *g;
	long before;

	start("--allow host:%u --limit memory=32M");
	g = rg_attach(&relay);
	before = rg_rss_kib(&relay);
	for (int i = 0; i < 100; i++) {
		fds[i] = connected_pair(g, listener, &so[i]);
		for (int n = 0; n < 64; n++) {
			ssize_t rc = send(fds[i], data, sizeof(data),
					  MSG_NOSIGNAL);

			if (rc < 0)
				break;
			sent += (size_t)rc;
			rg_drive(&relay, 0);
		}
	}
	ck_assert_int_lt(rg_rss_kib(&relay) - before,
			 (40 << 10) + RG_SLACK_KIB);
	for (int i = 0; i < 100; i++)
		shutdown(fds[i], SHUT_WR);
	for (int i = 0; i < 100; i++) {
		ssize_t rc;

		while ((rc = rg_recv(g, so[i], data, sizeof(data))) > 0)
			got += (size_t)rc;
		ck_assert_int_eq(rc, 0);
		fdnet_sock_close(so[i]);
		close(fds[i]);
	}
	ck_assert_uint_eq(got, sent);
	rg_stop(&relay);
	close(listener);
}
END_TEST

static bool is_all_sent(void *so)
{
	return !fdnet_sock_unsent(so);
}

START_TEST(what_a_guest_sent_goes_on_after_its_death)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	static uint8_t data[1 << 18];
	size_t got = 0;
	struct rg *g;

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	memset(data, 'x', sizeof(data));
	ck_assert_int_eq(rg_send(g, so, data, sizeof(data)), 0);
	ck_assert(rg_until(&relay, 5000, is_all_sent, so));
	rg_kill(g);
	for (;;) {
		ssize_t rc = rg_host_recv(&relay, fd, data, 1000);

		ck_assert_int_ge(rc, 0);
		if (!rc)
			break;
		got += (size_t)rc;
	}
	ck_assert_uint_eq(got, sizeof(data));
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

static bool are_fds_back(void *arg)
{
	return rg_fds(&relay, NULL) <= *(int *)arg;
}

/* Not when its time is over, but at once. */
START_TEST(what_a_dead_guest_sent_ends_with_its_host)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd, before;
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow host:%u");
	before = rg_fds(&relay, NULL);
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	fill_host(g, so);
	rg_kill(g);
	rg_drive(&relay, 50);
	close_reset(fd);
	ck_assert(rg_until(&relay, 20000, are_fds_back, &before));
	rg_stop(&relay);
	close(listener);
}
END_TEST

/* The host takes nothing and says nothing: still it is told. */
START_TEST(reset_by_a_guest_that_has_much_unsent)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;
	struct pollfd pfd = { .events = POLLRDHUP };

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	fill_host(g, so);
	fdnet_sock_abort(so);
	pfd.fd = fd;
	rg_drive(&relay, 50);
	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	ck_assert(pfd.revents & POLLERR);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

static bool is_ended(void *arg)
{
	const struct rg *g = arg;

	return g->ended;
}

START_TEST(relay_death_is_seen)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow host:%u");
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	kill(relay.pid, SIGKILL);
	ck_assert(rg_until(&relay, 20000, is_ended, g));
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 1), 0);
	close(fd);
	close(listener);
	unlink(relay.errors);
}
END_TEST

START_TEST(many_connections_leave_no_memory_behind)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	long before = 0, after;
	struct rg *g;
	char data[4];

	start("--allow host:%u");
	g = rg_attach(&relay);
	for (int i = 0; i < 3000; i++) {
		if (i == 1000)
			before = rg_rss_kib(&relay);
		fd = connected_pair(g, listener, &so);
		ck_assert_int_eq(rg_send(g, so, "ping", 4), 0);
		ck_assert_int_eq(rg_host_recv(&relay, fd, data, 4), 4);
		fdnet_sock_close(so);
		ck_assert_int_eq(rg_host_recv(&relay, fd, data, 4), 0);
		close(fd);
	}
	after = rg_rss_kib(&relay);
	ck_assert_msg(after - before < 1024 + RG_SLACK_KIB, "%ld KiB, then %ld", before,
		      after);
	rg_stop(&relay);
	close(listener);
}
END_TEST

static Suite *relay_tcp_suite(void)
{
	Suite *s = suite_create("relay_tcp");
	TCase *tc = tcase_create("relay_tcp");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, allowed_host_port_is_reached_both_ways);
	tcase_add_test(tc, refused_on_the_host_is_refused_inside);
	tcase_add_test(tc, unreachable_on_the_host_is_unreachable_inside);
	tcase_add_test(tc, host_unreachable_is_told_from_denied);
	tcase_add_loop_test(tc, no_answer_is_timed_out, 0, 2);
	tcase_add_test(tc, keepalive_is_the_host_sockets_too);
	tcase_add_loop_test(tc, an_established_connection_times_out, 0, 2);
	tcase_add_test(tc, half_close_by_the_host);
	tcase_add_loop_test(tc, reset_behind_the_hosts_end, 0, 2);
	tcase_add_test(tc, connections_over_ipv6);
	tcase_add_test(tc, denied_is_told_and_summed_up);
	tcase_add_test(tc, quiet_means_no_summary);
	tcase_add_test(tc, any_does_not_cover_the_machines_own_addresses);
	tcase_add_test(tc, resets_cross_both_ways);
	tcase_add_test(tc, much_data_crosses_both_ways_at_once);
	tcase_add_loop_test(tc, bytes_arrive_unchanged, 0, 2);
	tcase_add_test(tc, slow_readers_stop_the_other_side);
	tcase_add_loop_test(tc, a_host_that_does_not_read_stops_the_guest, 0,
			    2);
	tcase_add_test(tc, many_stalled_connections_are_bounded);
	tcase_add_test(tc, what_a_guest_sent_goes_on_after_its_death);
	tcase_add_test(tc, what_a_dead_guest_sent_ends_with_its_host);
	tcase_add_test(tc, reset_by_a_guest_that_has_much_unsent);
	tcase_add_test(tc, relay_death_is_seen);
	tcase_add_test(tc, many_connections_leave_no_memory_behind);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_tcp_suite());
}
