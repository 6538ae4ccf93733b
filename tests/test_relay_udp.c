/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams between guests and the host. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

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

/* More than the link holds, while the guest looks elsewhere: what is too much
 * is lost, and what comes afterwards arrives. */
START_TEST(a_flood_from_the_host_goes_on)
{
	int fd = rg_host_udp("127.0.0.1", &port);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct fdnet_sock *so;
	struct rg *g;
	ssize_t n = 0;

	start("--allow host:%u/udp");
	g = rg_attach(&relay);
	so = rg_udp(g);
	ck_assert_int_eq(rg_sendto(g, so, GATEWAY, port, "x", 1), 1);
	while ((n = recvfrom(fd, text, 1, MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len)) < 0)
		rg_drive(&relay, 1);
	ck_assert_int_eq(n, 1);
	for (int i = 0; i < 40000; i++)
		sendto(fd, text, 1400, 0, (struct sockaddr *)&from, len);
	for (int i = 0; i < 40000 && n != 4; i++) {
		if (i % 16 == 0)
			sendto(fd, "last", 4, 0, (struct sockaddr *)&from,
			       len);
		n = rg_recvfrom(g, so, text, sizeof(text), NULL);
		ck_assert_int_gt(n, 0);
	}
	ck_assert_int_eq(n, 4);
	fdnet_sock_close(so);
	rg_stop(&relay);
	close(fd);
}
END_TEST

/* What one socket sends comes from one port, wherever it goes; and a peer
 * that was never sent to is not heard. */
START_TEST(all_destinations_see_one_port)
{
	uint16_t ports[3], seen[3];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct fdnet_sock *so, *another;
	struct rg *g;
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = rg_host_udp("127.0.0.1", &ports[i]);
	start("--allow host:*/udp");
	g = rg_attach(&relay);
	so = rg_udp(g);
	another = rg_udp(g);
	for (int i = 0; i < 3; i++) {
		struct pollfd pfd = { fds[i], POLLIN, 0 };

		ck_assert_int_eq(rg_sendto(g, i == 2 ? another : so, GATEWAY,
					   ports[i], "x", 1),
				 1);
		while (poll(&pfd, 1, 0) < 1)
			rg_drive(&relay, 1);
		ck_assert_int_eq(recvfrom(fds[i], text, 1, 0,
					  (struct sockaddr *)&from, &len),
				 1);
		seen[i] = from.sin_port;
	}
	ck_assert_uint_eq(seen[0], seen[1]);
	ck_assert_uint_ne(seen[0], seen[2]);
	/* the third was not asked by the first socket */
	from.sin_port = seen[0];
	sendto(fds[2], "uninvited", 9, 0, (struct sockaddr *)&from, len);
	ck_assert_int_eq(sendto(fds[1], "second", 6, 0,
				(struct sockaddr *)&from, len),
			 6);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 16, NULL), 6);
	ck_assert_int_eq(sendto(fds[0], "1st", 3, 0, (struct sockaddr *)&from,
				len),
			 3);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 16, NULL), 3);
	rg_stop(&relay);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(idle_flows_end_by_their_own_times)
{
	int fd = rg_host_udp("127.0.0.1", &port);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct fdnet_sock *so;
	const char *said;
	struct rg *g;

	start("--allow host:*/udp --verbose --limit udp-idle=1 "
	      "--limit udp-idle-answered=300");
	g = rg_attach(&relay);
	so = rg_udp(g);
	rg_sendto(g, so, GATEWAY, port, "x", 1);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 1), 1);
	rg_sendto(g, so, GATEWAY, port, "x", 1);
	while (recvfrom(fd, text, 1, 0, (struct sockaddr *)&from, &len) < 0)
		rg_drive(&relay, 1);
	sendto(fd, "answer", 6, 0, (struct sockaddr *)&from, len);
	ck_assert_int_eq(rg_recvfrom(g, so, text, 16, NULL), 6);
	rg_sendto(g, so, GATEWAY, 9, "x", 1);
	rg_drive(&relay, 1500);
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, ":9 out 1 in 0 bytes, idle") != NULL, "%s",
		      said);
	ck_assert_ptr_eq(strstr(strstr(said, ", idle") + 1, ", idle"), NULL);
	rg_stop(&relay);
	close(fd);
}
END_TEST

START_TEST(datagrams_over_ipv6)
{
	int fd = rg_host_udp("::1", &port);
	struct fdnet_name name = { .ip.family = 6 };
	struct fdnet_sock *so;
	struct rg *g;

	start("--allow host:%u/udp");
	g = rg_attach(&relay);
	ck_assert_int_eq(fdnet_sock_open(g->stack, 6, FDNET_SOCK_DGRAM, 17,
					 &so),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	ck_assert_int_eq(rg_sendto(g, so, "fd00::2", port, "six", 3), 3);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 16), 3);
	rg_stop(&relay);
	close(fd);
}
END_TEST

static Suite *relay_udp_suite(void)
{
	Suite *s = suite_create("relay_udp");
	TCase *tc = tcase_create("relay_udp");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, datagrams_cross_both_ways);
	tcase_add_test(tc, icmp_errors_come_back_to_datagrams);
	tcase_add_test(tc, many_datagram_flows_are_bounded);
	tcase_add_test(tc, a_flood_from_the_host_goes_on);
	tcase_add_test(tc, all_destinations_see_one_port);
	tcase_add_test(tc, idle_flows_end_by_their_own_times);
	tcase_add_test(tc, datagrams_over_ipv6);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_udp_suite());
}
