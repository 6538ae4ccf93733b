/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real fdnet-relay between scripted guests and host sockets, in a network
 * namespace of its own with the loopback interface only. 203.0.113.5 is the
 * machine's own address there; there is no route to anywhere else.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/relay_guest.h"

#define GATEWAY "10.0.2.2"
#define SANDBOX "10.0.2.15"
#define DNS "10.0.2.3"

static struct rg_relay relay;
static uint16_t port;
static char text[65536];

/* A relay with options, %u of which is a port. */
static void start(const char *options)
{
	char line[1024];

	snprintf(line, sizeof(line), options, port, port, port);
	rg_start(&relay, line);
}

static void close_reset(int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* ---- starting and ending ---- */

START_TEST(relay_ends_with_its_launcher_and_guests)
{
	rg_start(&relay, "");
	ck_assert_str_eq(rg_finish(&relay), "");
	rg_stop(&relay);
}
END_TEST

static int run_relay(const char *args)
{
	const char *dir = getenv("top_builddir");
	char command[512];
	FILE *pipe;
	size_t len;

	snprintf(command, sizeof(command), "%s/fdnet-relay %s 2>&1",
		 dir ? dir : ".", args);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	len = fread(text, 1, sizeof(text) - 1, pipe);
	text[len] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static const struct {
	const char *args;
	int status;
	const char *says;
} usages[] = {
	{ "--help", 0, "usage" },
	{ "--version", 0, "fdnet-relay" },
	{ "", 2, "--attach-fd" },
	{ "--attach-fd 3 --listen /x", 2, "one of" },
	{ "--attach-fd x", 2, "a descriptor number is expected" },
	{ "--attach-fd 0 extra", 2, "extra" },
	{ "--bogus", 2, "--help" },
	{ "--attach-fd 0 --allow", 2, "argument" },
	{ "--attach-fd 0 --allow tcp:x", 2, "--allow tcp:x: column 6: a port" },
	{ "--attach-fd 0 --deny x", 2, "--deny x: column 1" },
	{ "--attach-fd 0 --publish x", 2, "--publish x: column 1" },
	{ "--attach-fd 0 --policy /none", 2, "/none: No such file" },
	{ "--attach-fd 0 --addr 1.2.3.4", 2, "--addr 1.2.3.4: ADDRESS/BITS" },
	{ "--attach-fd 0 --addr 10.0.0.2/24", 2, "neither .2" },
	{ "--attach-fd 0 --mtu 100", 2, "--mtu 100: 1280 to 65520" },
	{ "--attach-fd 0 --dns name", 2, "--dns name: ADDR" },
	{ "--attach-fd 0", 1, "SEQPACKET socket is expected" },
	{ "--attach-fd 99", 1, "SEQPACKET socket is expected" },
	{ "--listen /nowhere/x", 1, "--listen /nowhere/x: No such file" },
};

START_TEST(mistakes_are_told_with_status)
{
	int status = run_relay(usages[_i].args);

	ck_assert_msg(status == usages[_i].status, "%s: %d: %s",
		      usages[_i].args, status, text);
	ck_assert_msg(strstr(text, usages[_i].says) != NULL, "%s: %s",
		      usages[_i].args, text);
}
END_TEST

START_TEST(welcome_says_who_and_where_we_are)
{
	struct rg *g;

	rg_start(&relay, "--addr 192.168.7.20/24 --mtu 9000");
	g = rg_attach(&relay);
	ck_assert_mem_eq(g->welcome.ip4, "\xc0\xa8\x07\x14", 4);
	ck_assert_mem_eq(g->welcome.gateway4, "\xc0\xa8\x07\x02", 4);
	ck_assert_mem_eq(g->welcome.dns4, "\xc0\xa8\x07\x03", 4);
	ck_assert_int_eq(g->welcome.bits4, 24);
	ck_assert_int_eq(g->welcome.bits6, 64);
	ck_assert_uint_eq(g->welcome.mtu, 9000);
	ck_assert_uint_eq(g->welcome.lease_hi - g->welcome.lease_lo, 127);
	ck_assert_uint_eq(g->welcome.features, 7);
	rg_stop(&relay);
}
END_TEST

START_TEST(channels_are_connections_with_listen)
{
	char options[128], path[] = "/tmp/fdnet-test-listen-XXXXXX";
	struct rg_relay second;
	struct rg *g;

	close(mkostemp(path, O_CLOEXEC));
	unlink(path);
	snprintf(options, sizeof(options), "--listen %s", path);
	rg_start(&relay, options);
	g = rg_attach(&relay);
	/* a path that is in use is told, and the first relay goes on */
	snprintf(options, sizeof(options), "--listen %s", path);
	ck_assert_int_eq(run_relay(options), 1);
	ck_assert_ptr_nonnull(strstr(text, "Address already in use"));
	/* the channel closes; links live on */
	close(relay.attach_fd);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_LISTEN, 6, 80), 0);
	relay.attach_fd = dup(relay.status_fd);
	/* a killed relay's path is taken over */
	kill(relay.pid, SIGKILL);
	rg_drive(&relay, 20);
	rg_start(&second, options);
	rg_attach(&second);
	rg_stop(&second);
	unlink(relay.errors);
}
END_TEST

/* ---- TCP to the host ---- */

static int connected_pair(struct rg *g, int listener, struct fdnet_sock **so)
{
	ck_assert_int_eq(rg_connect(g, GATEWAY, port, so), 0);
	return rg_host_accept(&relay, listener);
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

/* ---- UDP ---- */

START_TEST(datagrams_cross_both_ways)
{
	int fd = rg_host_udp("127.0.0.1", &port);
	struct sockaddr_storage from;
	struct fdnet_sock *so;
	struct fdnet_name name;
	static const size_t sizes[] = { 0, 1, 1400, 9000, 65507 };
	struct rg *g;

	start("--allow host:%u/udp");
	g = rg_attach(&relay);
	so = rg_udp(g);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		socklen_t len = sizeof(from);
		struct pollfd pfd = { fd, POLLIN, 0 };

		memset(text, 'a' + (int)i, sizes[i]);
		ck_assert_int_eq(rg_sendto(g, so, GATEWAY, port, text,
					   sizes[i]),
				 (int)sizes[i]);
		while (poll(&pfd, 1, 0) < 1)
			rg_drive(&relay, 1);
		memset(text, 0, sizeof(text));
		ck_assert_int_eq(recvfrom(fd, text, sizeof(text), 0,
					  (struct sockaddr *)&from, &len),
				 (int)sizes[i]);
		ck_assert_int_eq(sendto(fd, text, sizes[i], 0,
					(struct sockaddr *)&from, len),
				 (int)sizes[i]);
		memset(text, 0, sizeof(text));
		ck_assert_int_eq(rg_recvfrom(g, so, text, sizeof(text), &name),
				 (int)sizes[i]);
		for (size_t at = 0; at < sizes[i]; at++)
			ck_assert_int_eq(text[at], 'a' + (int)i);
		ck_assert_int_eq(name.port, port);
		ck_assert_int_eq(name.ip.bytes[3], 2);
	}
	fdnet_sock_close(so);
	rg_stop(&relay);
	close(fd);
}
END_TEST

START_TEST(icmp_errors_come_back_to_datagrams)
{
	struct fdnet_sock *so;
	const char *said;
	struct rg *g;
	int fd = rg_host_udp("127.0.0.1", &port);

	close(fd); /* nobody there */
	start("--allow host:%u/udp --allow udp:*:7");
	g = rg_attach(&relay);
	so = rg_udp(g);
	ck_assert_int_eq(rg_sendto(g, so, GATEWAY, port, "x", 1), 1);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 1, NULL), -ECONNREFUSED);
	ck_assert_int_eq(rg_sendto(g, so, "198.51.100.1", 7, "x", 1), 1);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 1, NULL), -ENETUNREACH);
	ck_assert_int_eq(rg_sendto(g, so, "198.51.100.1", 8, "x", 1), 1);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 1, NULL), -EHOSTUNREACH);
	said = rg_finish(&relay);
	ck_assert_ptr_nonnull(strstr(said, "udp 198.51.100.1:8: allow with "
					   "--allow udp:198.51.100.1:8\n"));
	rg_stop(&relay);
}
END_TEST

START_TEST(many_datagram_flows_are_bounded)
{
	int fd = rg_host_udp("127.0.0.1", &port);
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow tcp:127.0.0.1:1 --allow host:*/udp");
	g = rg_attach(&relay);
	so = rg_udp(g);
	for (unsigned int i = 1; i < 10000; i++) {
		rg_sendto(g, so, GATEWAY, (uint16_t)i, "x", 1);
		if (i % 64 == 0)
			rg_drive(&relay, 1);
	}
	rg_sendto(g, so, GATEWAY, port, "y", 1);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 1), 1);
	rg_stop(&relay);
	close(fd);
}
END_TEST

/* ---- published ports ---- */

START_TEST(published_port_reaches_the_guest_that_listens)
{
	struct fdnet_sock *listener, *so;
	struct fdnet_name peer;
	struct rg *a, *b;
	int fd = rg_host_listen("127.0.0.1", &port);

	close(fd);
	start("--publish %u:80 --publish 203.0.113.5:%u:81");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	/* nobody listens yet: a reset, no silence */
	if (!rg_host_connect(&relay, "127.0.0.1", port, &fd)) {
		ck_assert_int_eq(rg_host_recv(&relay, fd, text, 1),
				 -ECONNRESET);
		close(fd);
	}
	listener = rg_listen(b, "0.0.0.0", 80);
	ck_assert_int_eq(rg_host_connect(&relay, "127.0.0.1", port, &fd), 0);
	so = rg_accept(b, listener);
	ck_assert_int_eq(fdnet_sock_peer(so, &peer), 0);
	ck_assert_mem_eq(peer.ip.bytes, "\x0a\x00\x02\x02", 4);
	ck_assert_int_eq(send(fd, "in", 2, 0), 2);
	ck_assert_int_eq(rg_recv(b, so, text, 16), 2);
	ck_assert_int_eq(rg_send(b, so, "out", 3), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 16), 3);
	close(fd);
	ck_assert_int_eq(rg_recv(b, so, text, 16), 0);
	fdnet_sock_close(so);
	/* another address: the client's own is seen */
	listener = rg_listen(a, "0.0.0.0", 81);
	ck_assert_int_eq(rg_host_connect(&relay, "203.0.113.5", port, &fd), 0);
	so = rg_accept(a, listener);
	ck_assert_int_eq(fdnet_sock_peer(so, &peer), 0);
	ck_assert_mem_eq(peer.ip.bytes, "\xcb\x00\x71\x05", 4);
	/* its guest dies */
	rg_kill(a);
	ck_assert_int_le(rg_host_recv(&relay, fd, text, 1), 0);
	close(fd);
	rg_stop(&relay);
}
END_TEST

START_TEST(published_port_zero_is_reported_and_taken_ones_told)
{
	int fd = rg_host_listen("127.0.0.1", &port);
	char args[128];
	const char *said, *arrow;

	snprintf(args, sizeof(args), "--attach-fd 0 --publish %u:80", port);
	ck_assert_int_eq(run_relay(args), 1);
	ck_assert_msg(strstr(text, "Address already in use") != NULL, "%s",
		      text);
	close(fd);
	rg_start(&relay, "--publish 0:80");
	said = rg_finish(&relay);
	arrow = strstr(said, "published 127.0.0.1:");
	ck_assert_msg(arrow && strstr(arrow, "-> 80/tcp"), "%s", said);
	rg_stop(&relay);
}
END_TEST

START_TEST(published_datagrams_cross_both_ways)
{
	int fd = rg_host_udp("127.0.0.1", &port);
	uint16_t client_port;
	struct fdnet_sock *so;
	struct fdnet_name from, name = rg_name("0.0.0.0", 53);
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct rg *g;

	getsockname(fd, (struct sockaddr *)&sa, &len);
	close(fd);
	fd = rg_host_udp("127.0.0.1", &client_port);
	start("--publish %u:53/udp");
	g = rg_attach(&relay);
	ck_assert_int_eq(fdnet_sock_open(g->stack, 4, FDNET_SOCK_DGRAM, 17,
					 &so),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_BIND, 17, 53), 0);
	ck_assert_int_eq(sendto(fd, "q", 1, 0, (struct sockaddr *)&sa, len),
			 1);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 16, &from), 1);
	ck_assert_int_eq(from.port, client_port);
	ck_assert_int_eq(rg_sendto(g, so, GATEWAY, from.port, "answer", 6), 6);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 16), 6);
	rg_stop(&relay);
	close(fd);
}
END_TEST

/* ---- guests among each other ---- */

START_TEST(guests_reach_each_other_over_loopback)
{
	static const char *const addresses[] = { "127.0.0.1", SANDBOX };
	struct fdnet_sock *listener, *client, *server;
	struct rg *a, *b;

	rg_start(&relay, "");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(b, addresses[_i], 8080, &client),
			 -ECONNREFUSED);
	listener = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 6, 8080), -EADDRINUSE);
	ck_assert_int_eq(rg_connect(b, addresses[_i], 8080, &client), 0);
	server = rg_accept(a, listener);
	ck_assert_int_eq(rg_send(b, client, "to a", 4), 0);
	ck_assert_int_eq(rg_recv(a, server, text, 16), 4);
	memset(text, 'z', sizeof(text));
	ck_assert_int_eq(rg_send(a, server, text, sizeof(text)), 0);
	for (size_t got = 0; got < sizeof(text);)
		got += (size_t)rg_recv(b, client, text, sizeof(text));
	fdnet_sock_close(client);
	ck_assert_int_eq(rg_recv(a, server, text, 16), 0);
	fdnet_sock_close(server);
	rg_drive(&relay, 10);
	rg_stop(&relay);
}
END_TEST

START_TEST(a_dead_guests_peers_see_the_end)
{
	struct fdnet_sock *listener, *client, *server;
	struct rg *a, *b;

	rg_start(&relay, "");
	/* what it said before is read, then the end */
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	listener = rg_listen(a, "0.0.0.0", 8080);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client), 0);
	server = rg_accept(a, listener);
	ck_assert_int_eq(rg_send(a, server, "goodbye", 7), 0);
	rg_drive(&relay, 20);
	rg_kill(a);
	ck_assert_int_eq(rg_recv(b, client, text, 16), 7);
	ck_assert_int_eq(rg_recv(b, client, text, 16), 0);
	/* and who talks to the dead is told */
	ck_assert_int_eq(rg_send(b, client, "hello?", 6), 0);
	rg_drive(&relay, 20);
	ck_assert_int_lt(rg_send(b, client, "hello?", 6), 0);
	fdnet_sock_close(client);
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 8080, &client),
			 -ECONNREFUSED);
	/* data that it had not read: a reset */
	a = rg_attach(&relay);
	listener = rg_listen(b, "0.0.0.0", 8081);
	ck_assert_int_eq(rg_connect(a, "127.0.0.1", 8081, &client), 0);
	server = rg_accept(b, listener);
	rg_drive(&relay, 20);
	relay.guests[0] = relay.guests[0] == a ? NULL : relay.guests[0];
	relay.guests[1] = relay.guests[1] == a ? NULL : relay.guests[1];
	ck_assert_int_eq(rg_send(b, server, "unread", 6), 0);
	rg_drive(&relay, 20);
	rg_kill(a);
	ck_assert_int_eq(rg_recv(b, server, text, 16), -ECONNRESET);
	rg_stop(&relay);
}
END_TEST

START_TEST(guests_exchange_datagrams)
{
	struct fdnet_sock *so, *server;
	struct fdnet_name from, name = rg_name("0.0.0.0", 5000);
	static const size_t sizes[] = { 1, 9000, 65507 };
	struct rg *a, *b;

	rg_start(&relay, "");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	so = rg_udp(b);
	ck_assert_int_eq(rg_sendto(b, so, "127.0.0.1", 5000, "x", 1), 1);
	ck_assert_int_eq(rg_recvfrom(b, so, text, 1, NULL), -ECONNREFUSED);
	ck_assert_int_eq(fdnet_sock_open(a->stack, 4, FDNET_SOCK_DGRAM, 17,
					 &server),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(server, &name), 0);
	ck_assert_int_eq(rg_claim(a, FDNET_CTL_BIND, 17, 5000), 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(rg_sendto(b, so, "127.0.0.1", 5000, text,
					   sizes[i]),
				 (int)sizes[i]);
		ck_assert_int_eq(rg_recvfrom(a, server, text, sizeof(text),
					     &from),
				 (int)sizes[i]);
		ck_assert_int_eq(rg_sendto(a, server, "127.0.0.1", from.port,
					   text, sizes[i]),
				 (int)sizes[i]);
		ck_assert_int_eq(rg_recvfrom(b, so, text, sizeof(text), NULL),
				 (int)sizes[i]);
	}
	rg_stop(&relay);
}
END_TEST

/* ---- names ---- */

static size_t put_question(uint8_t *dst, const char *name, uint8_t type)
{
	size_t at = 12;

	memset(dst, 0, 12);
	dst[1] = 42;
	dst[2] = 1;
	dst[5] = 1;
	while (*name) {
		size_t label = strcspn(name, ".");

		dst[at++] = (uint8_t)label;
		memcpy(dst + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	dst[at++] = 0;
	dst[at++] = 0;
	dst[at++] = type;
	dst[at++] = 0;
	dst[at++] = 1;
	return at;
}

/* Ask for A; returns the rcode, or -1 - answers for no answer at all. */
static int lookup(struct rg *g, struct fdnet_sock *so, const char *name,
		  uint8_t *ret_ip)
{
	uint8_t msg[2048];
	size_t len = put_question(msg, name, 1);
	ssize_t rc;

	ck_assert_int_eq(rg_sendto(g, so, DNS, 53, msg, len), (int)len);
	rc = rg_recvfrom(g, so, msg, sizeof(msg), NULL);
	ck_assert_int_ge(rc, (int)len);
	ck_assert_int_eq(msg[1], 42);
	ck_assert_int_eq(msg[2] & 0x80, 0x80);
	if (ret_ip && msg[7])
		memcpy(ret_ip, msg + rc - 4, 4);
	return msg[3] & 15;
}

/* One question at the name server: answered with @ip, or by nothing. */
static void serve_name(int fd, const char *ip_bytes)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t msg[512];
	struct pollfd pfd = { fd, POLLIN, 0 };
	ssize_t rc;

	while (poll(&pfd, 1, 0) < 1)
		rg_drive(&relay, 1);
	rc = recvfrom(fd, msg, sizeof(msg), 0, (struct sockaddr *)&from, &len);
	ck_assert_int_gt(rc, 12);
	msg[2] |= 0x80;
	msg[7] = 1;
	memcpy(msg + rc, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 12);
	memcpy(msg + rc + 12, ip_bytes, 4);
	sendto(fd, msg, (size_t)rc + 16, 0, (struct sockaddr *)&from, len);
}

static int lookup_served(struct rg *g, struct fdnet_sock *so, int server,
			 const char *name, const char *served, uint8_t *ret_ip)
{
	uint8_t msg[2048];
	size_t len = put_question(msg, name, 1);
	ssize_t rc;

	ck_assert_int_eq(rg_sendto(g, so, DNS, 53, msg, len), (int)len);
	serve_name(server, served);
	rc = rg_recvfrom(g, so, msg, sizeof(msg), NULL);
	ck_assert_int_ge(rc, (int)len);
	if (msg[7])
		memcpy(ret_ip, msg + rc - 4, 4);
	return msg[3] & 15;
}

static void write_hosts(char *path)
{
	int fd = mkostemp(path, O_CLOEXEC);
	static const char hosts[] = "203.0.113.5 www.test other.test\n"
				    "127.0.0.1 selfie.test\n";

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, hosts, sizeof(hosts) - 1),
			 sizeof(hosts) - 1);
	close(fd);
}

START_TEST(names_are_answered_if_a_rule_names_them)
{
	char path[] = "/tmp/fdnet-test-hosts-XXXXXX", options[256];
	struct fdnet_sock *so, *tcp;
	uint8_t ip[4] = { 0 };
	const char *said;
	struct rg *g;
	int listener = rg_host_listen("203.0.113.5", &port);

	write_hosts(path);
	snprintf(options, sizeof(options),
		 "--hosts %s --dns 127.0.0.1:1 --allow tcp:www.test:%u "
		 "--allow tcp:*.sub.test:1 --allow tcp:selfie.test:1",
		 path, port);
	rg_start(&relay, options);
	unlink(path);
	g = rg_attach(&relay);
	so = rg_udp(g);
	/* an address that nobody looked up is not covered by a name */
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &tcp),
			 -EHOSTUNREACH);
	ck_assert_int_eq(lookup(g, so, "WWW.test", ip), 0);
	ck_assert_mem_eq(ip, "\xcb\x00\x71\x05", 4);
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &tcp), 0);
	fdnet_sock_close(tcp);
	ck_assert_int_eq(lookup(g, so, "localhost", ip), 0);
	ck_assert_mem_eq(ip, "\x7f\0\0\1", 4);
	ck_assert_int_eq(lookup(g, so, "host.fdnet", ip), 0);
	ck_assert_mem_eq(ip, "\x0a\0\2\2", 4);
	/* names in which the records cannot be told apart do not exist */
	ck_assert_int_eq(lookup(g, so, "a b.test", ip), 3);
	ck_assert_int_eq(lookup(g, so, "other.test", ip), 5);
	ck_assert_int_eq(lookup(g, so, "other.test", ip), 5);
	/* allowed, but the name server is not there */
	ck_assert_int_eq(lookup(g, so, "a.sub.test", ip), 2);
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, "denied name other.test, 2 times: allow "
				   "with --allow tcp:other.test:PORT\n") !=
			      NULL,
		      "%s", said);
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(name_servers_are_asked_and_not_believed_everything)
{
	uint16_t dns_port;
	int server = rg_host_udp("127.0.0.1", &dns_port);
	struct fdnet_sock *so, *tcp;
	uint8_t ip[4] = { 0 };
	char options[256];
	const char *said;
	struct rg *g;

	snprintf(options, sizeof(options),
		 "--hosts= --dns 127.0.0.1:%u --allow tcp:*.test:443 "
		 "--allow tcp:10.1.0.0/16:1",
		 dns_port);
	rg_start(&relay, options);
	g = rg_attach(&relay);
	so = rg_udp(g);
	ck_assert_int_eq(lookup_served(g, so, server, "a.test",
				       "\xc6\x33\x64\x09", ip),
			 0);
	ck_assert_mem_eq(ip, "\xc6\x33\x64\x09", 4);
	/* allowed by name: the host says that there is no way */
	ck_assert_int_eq(rg_connect(g, "198.51.100.9", 443, &tcp),
			 -ENETUNREACH);
	ck_assert_int_eq(rg_connect(g, "198.51.100.9", 444, &tcp),
			 -EHOSTUNREACH);
	/* names that lead into private networks */
	ck_assert_int_eq(lookup_served(g, so, server, "evil.test",
				       "\x0a\x02\x00\x01", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "evil.test",
				       "\x7f\x00\x00\x01", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "meta.test",
				       "\xa9\xfe\xa9\xfe", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "own.test",
				       "\xcb\x00\x71\x05", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "intra.test",
				       "\x0a\x01\x00\x01", ip),
			 0);
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, "denied name evil.test at 10.2.0.1, not a "
				   "public address: allow with --allow "
				   "tcp:10.2.0.1:PORT") != NULL,
		      "%s", said);
	ck_assert_ptr_nonnull(strstr(said, "denied tcp 198.51.100.9:444 "
					   "(a.test): allow with --allow "
					   "tcp:a.test:444\n"));
	rg_stop(&relay);
	close(server);
}
END_TEST

START_TEST(names_are_answered_over_tcp_too)
{
	uint8_t msg[1024];
	struct fdnet_sock *so;
	struct rg *g;
	size_t len;

	rg_start(&relay, "--dns 127.0.0.1:1");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, DNS, 53, &so), 0);
	/* two questions in one segment, in one go and byte by byte */
	len = put_question(msg + 2, "host.fdnet", 1);
	msg[0] = 0;
	msg[1] = (uint8_t)len;
	memcpy(msg + 2 + len, msg, 2 + len);
	ck_assert_int_eq(rg_send(g, so, msg, 2 * (2 + len) - 1), 0);
	for (size_t got = 0; got < len + 18;) {
		ssize_t rc = rg_recv(g, so, text + got, sizeof(text));

		ck_assert_int_gt(rc, 0);
		got += (size_t)rc;
	}
	ck_assert_mem_eq(text + len + 14, "\x0a\0\2\2", 4);
	ck_assert_int_eq(rg_send(g, so, msg + 1 + len, 1), 0);
	ck_assert_int_gt(rg_recv(g, so, text, sizeof(text)), 0);
	/* nonsense ends the connection, not the forwarder */
	memset(msg, 0xff, sizeof(msg));
	ck_assert_int_eq(rg_send(g, so, msg, sizeof(msg)), 0);
	ck_assert_int_le(rg_recv(g, so, text, sizeof(text)), 0);
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_connect(g, DNS, 53, &so), 0);
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_connect(g, DNS, 54, &so), -ECONNREFUSED);
	rg_stop(&relay);
}
END_TEST

/* ---- control ---- */

START_TEST(leases_are_given_and_ports_owned)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_LEASE,
				 .id = 5,
				 .proto = 6,
				 .count = 300 };
	struct rg *a, *b;

	rg_start(&relay, "");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	ck_assert_uint_ne(a->welcome.lease_lo, b->welcome.lease_lo);
	ck_assert_int_eq(rg_ask(a, &ctl), 0);
	ck_assert_uint_eq(a->reply.hi - a->reply.lo + 1u, 384);
	ck_assert_int_eq(rg_claim(a, FDNET_CTL_LISTEN, 6, 80), 0);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 6, 80), -EADDRINUSE);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 17, 80), 0);
	rg_kill(a);
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 6, 80), 0);
	rg_stop(&relay);
}
END_TEST

/* ---- the record ---- */

START_TEST(record_has_a_line_of_json_for_each_event)
{
	char path[] = "/tmp/fdnet-test-record-XXXXXX", options[128];
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	FILE *file;
	struct rg *g;
	size_t len;

	close(mkostemp(path, O_CLOEXEC));
	snprintf(options, sizeof(options), "--record %s --allow host:%u", path,
		 port);
	rg_start(&relay, options);
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	ck_assert_int_eq(rg_send(g, so, "12345", 5), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 5), 5);
	close(fd);
	ck_assert_int_eq(rg_recv(g, so, text, 5), 0);
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_connect(g, "198.51.100.1", 443, &so),
			 -EHOSTUNREACH);
	rg_stop(&relay);
	file = fopen(path, "r");
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	unlink(path);
	ck_assert_msg(strstr(text, "\"event\":\"attach\",\"guest\":1,"
				   "\"claimed_pid\":4711,"
				   "\"claimed_command\":\"scripted\"") != NULL,
		      "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "\"event\":\"open\""));
	ck_assert_ptr_nonnull(strstr(text, "\"bytes_out\":5,\"bytes_in\":0"));
	ck_assert_ptr_nonnull(strstr(text, "\"event\":\"deny\""));
	ck_assert_ptr_nonnull(strstr(text, "\"dst\":\"198.51.100.1:443\""));
	close(listener);
}
END_TEST

#define LOOP(tc, test, table)                                                  \
	tcase_add_loop_test(tc, test, 0, sizeof(table) / sizeof((table)[0]))

static Suite *relay_suite(void)
{
	Suite *s = suite_create("relay");
	TCase *tc = tcase_create("relay");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, relay_ends_with_its_launcher_and_guests);
	LOOP(tc, mistakes_are_told_with_status, usages);
	tcase_add_test(tc, welcome_says_who_and_where_we_are);
	tcase_add_test(tc, channels_are_connections_with_listen);
	tcase_add_test(tc, allowed_host_port_is_reached_both_ways);
	tcase_add_test(tc, refused_on_the_host_is_refused_inside);
	tcase_add_test(tc, unreachable_on_the_host_is_unreachable_inside);
	tcase_add_test(tc, denied_is_told_and_summed_up);
	tcase_add_test(tc, quiet_means_no_summary);
	tcase_add_test(tc, any_does_not_cover_the_machines_own_addresses);
	tcase_add_test(tc, resets_cross_both_ways);
	tcase_add_test(tc, much_data_crosses_both_ways_at_once);
	tcase_add_loop_test(tc, bytes_arrive_unchanged, 0, 2);
	tcase_add_test(tc, slow_readers_stop_the_other_side);
	tcase_add_test(tc, what_a_guest_sent_goes_on_after_its_death);
	tcase_add_test(tc, relay_death_is_seen);
	tcase_add_test(tc, many_connections_leave_no_memory_behind);
	tcase_add_test(tc, datagrams_cross_both_ways);
	tcase_add_test(tc, icmp_errors_come_back_to_datagrams);
	tcase_add_test(tc, many_datagram_flows_are_bounded);
	tcase_add_test(tc, published_port_reaches_the_guest_that_listens);
	tcase_add_test(tc, published_port_zero_is_reported_and_taken_ones_told);
	tcase_add_test(tc, published_datagrams_cross_both_ways);
	tcase_add_loop_test(tc, guests_reach_each_other_over_loopback, 0, 2);
	tcase_add_test(tc, a_dead_guests_peers_see_the_end);
	tcase_add_test(tc, guests_exchange_datagrams);
	tcase_add_test(tc, names_are_answered_if_a_rule_names_them);
	tcase_add_test(tc, name_servers_are_asked_and_not_believed_everything);
	tcase_add_test(tc, names_are_answered_over_tcp_too);
	tcase_add_test(tc, leases_are_given_and_ports_owned);
	tcase_add_test(tc, record_has_a_line_of_json_for_each_event);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr;
	int failed;

	if (!rg_namespace()) {
		puts("no network namespace can be made here: skipped");
		return 77;
	}
	sr = srunner_create(relay_suite());
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
