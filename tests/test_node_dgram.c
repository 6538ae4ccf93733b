/* SPDX-License-Identifier: Apache-2.0 */
/* Datagram sockets that the relay holds, and names beside datagrams. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/node_case.h"

START_TEST(framed_datagrams_have_names_beside_them)
{
	int host = rg_host_udp("127.0.0.1", &port), fd;
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	struct fdnet_name name = rg_name(GATEWAY, port), from;
	uint8_t msg[FDNET_NODE_NAME_LEN + 5];

	open_node("--allow host:%u/udp");
	fd = node_socket(FDNET_SOCK_DGRAM, FDNET_NODE_FRAMED);
	fdnet_node_name_encode(msg, &name);
	memcpy(msg + FDNET_NODE_NAME_LEN, "hello", 5);
	ck_assert_int_eq(send(fd, msg, sizeof(msg), 0), sizeof(msg));
	wait_ready(host, POLLIN);
	ck_assert_int_eq(recvfrom(host, text, 16, 0, (struct sockaddr *)&sin,
				  &len),
			 5);
	ck_assert_int_eq(sendto(host, "", 0, 0, (struct sockaddr *)&sin, len),
			 0);
	ck_assert_int_eq(take_named(fd, text, 99, &from), 0);
	ck_assert_uint_eq(from.port, port);
	ck_assert(fdnet_ip_equal(&from.ip, &name.ip));
	/* who does not ask for the name is not told */
	ck_assert_int_eq(sendto(host, "bare", 4, 0, (struct sockaddr *)&sin,
				len),
			 4);
	ck_assert_int_eq(take(fd, text, 99), 4);
	ck_assert_mem_eq(text, "bare", 4);
	/* too short for a name: dropped, and the socket lives */
	ck_assert_int_eq(send(fd, msg, 5, 0), 5);
	ck_assert_int_eq(send(fd, msg, sizeof(msg), 0), sizeof(msg));
	wait_ready(host, POLLIN);
	close(fd);
	close(host);
	rg_stop(&relay);
}
END_TEST

START_TEST(connected_datagrams_are_bare)
{
	int host = rg_host_udp("127.0.0.1", &port), fd;

	open_node("--allow host:%u/udp");
	fd = node_socket(FDNET_SOCK_DGRAM, 0);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	ck_assert_int_eq(send(fd, "a", 1, 0), 1);
	ck_assert_int_eq(send(fd, "", 0, 0), 0);
	ck_assert_int_eq(send(fd, "bcd", 3, 0), 3);
	wait_ready(host, POLLIN);
	rg_drive(&relay, 20);
	ck_assert_int_eq(recv(host, text, 16, 0), 1);
	ck_assert_int_eq(recv(host, text, 16, 0), 0);
	ck_assert_int_eq(recv(host, text, 16, 0), 3);
	close(fd);
	close(host);
	rg_stop(&relay);
}
END_TEST

/* Request and one fd, to the answer. */
static int ask_with(struct fdnet_node_req req, int fd)
{
	tell(req, fd);
	return told();
}

START_TEST(a_datagram_goes_past_the_connection)
{
	int host = rg_host_udp("127.0.0.1", &port), fd, other, memfd;
	struct fdnet_node_req req = { .op = FDNET_NODE_SEND, .bytes = 3 };
	struct fdnet_name from;

	open_node("--allow host:%u/udp");
	fd = node_socket(FDNET_SOCK_DGRAM, 0);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	other = node_socket(FDNET_SOCK_DGRAM, FDNET_NODE_FRAMED);
	ck_assert_int_eq(node_bind(other, "0.0.0.0", 7000), 0);
	memfd = memfd_create("datagram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(pwrite(memfd, "abc", 3, 0), 3);
	req.cookie = cookie_of(fd);
	req.name = rg_name("10.0.2.15", 7000);
	ck_assert_int_eq(ask_with(req, memfd), 0);
	ck_assert_int_eq(take_named(other, text, 16, &from), 3);
	ck_assert_mem_eq(text, "abc", 3);
	/* the socket stays connected */
	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	wait_ready(host, POLLIN);
	/* it holds less than it says, is none, is not there */
	req.bytes = 4;
	ck_assert_int_eq(ask_with(req, memfd), -EPROTO);
	req.bytes = 1 << 20;
	ck_assert_int_eq(ask_with(req, memfd), -EFBIG);
	req.bytes = 3;
	ck_assert_int_eq(ask_with(req, fd), -EINVAL);
	ck_assert_int_eq(ask(req), -EBADF);
	req.name = rg_name("255.255.255.255", 7000);
	ck_assert_int_eq(ask_with(req, memfd), -EACCES);
	close(memfd);
	close(fd);
	close(other);
	close(host);
	rg_stop(&relay);
}
END_TEST

/* The bind is asked for before anything was told of the close. */
START_TEST(a_port_is_free_as_soon_as_it_is_closed)
{
	int type = _i ? FDNET_SOCK_DGRAM : FDNET_SOCK_STREAM, a, b;

	open_node("");
	for (int i = 0; i < 50; i++) {
		a = node_socket(type, 0);
		b = node_socket(type, 0);
		ck_assert_int_eq(node_bind(a, "127.0.0.1", 7000), 0);
		ck_assert_int_eq(node_bind(b, "127.0.0.1", 7000), -EADDRINUSE);
		close(a);
		ck_assert_int_eq(node_bind(b, "127.0.0.1", 7000), 0);
		close(b);
	}
	rg_stop(&relay);
}
END_TEST

/* More than the relay keeps: each datagram has its own. */
START_TEST(names_of_many_peers)
{
	struct fdnet_name name = { .ip.family = 4 }, from;
	int fd, peers[300];

	open_node("");
	fd = node_socket(FDNET_SOCK_DGRAM, FDNET_NODE_FRAMED);
	ck_assert_int_eq(node_bind(fd, "127.0.0.1", 7000), 0);
	for (int i = 0; i < 300; i++) {
		peers[i] = node_socket(FDNET_SOCK_DGRAM, 0);
		name.port = (uint16_t)(8000 + i);
		ck_assert_int_eq(node_bind(peers[i], "127.0.0.1", name.port),
				 0);
		ck_assert_int_eq(node_connect(peers[i], "127.0.0.1", 7000, 0),
				 0);
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 300; i++) {
			ck_assert_int_eq(send(peers[i], &i, sizeof(i), 0),
					 sizeof(i));
			ck_assert_int_eq(take_named(fd, text, 16, &from),
					 sizeof(i));
			ck_assert_mem_eq(text, &i, sizeof(i));
			ck_assert_uint_eq(from.port, 8000 + i);
		}
	for (int i = 0; i < 300; i++)
		close(peers[i]);
	close(fd);
	rg_stop(&relay);
}
END_TEST

/* Does the relay sleep? One that turns in a circle never does for long. */
static bool is_asleep(void *arg)
{
	unsigned int *looks = arg;
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", relay.pid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%*d %*s %c", &state), 1);
	fclose(file);
	*looks = state == 'S' ? *looks + 1 : 0;
	usleep(2000);
	return *looks == 30;
}

START_TEST(one_that_is_shut_down_is_left_alone)
{
	static const int ways[] = { SHUT_WR, SHUT_RD, SHUT_RDWR };
	int host = rg_host_udp("127.0.0.1", &port), fd;
	unsigned int looks = 0;

	open_node("--allow host:%u/udp");
	fd = node_socket(FDNET_SOCK_DGRAM, 0);
	ck_assert_int_eq(node_connect(fd, GATEWAY, port, 0), 0);
	ck_assert_int_eq(send(fd, "a", 1, 0), 1);
	ck_assert_int_eq(send(fd, "", 0, 0), 0);
	ck_assert_int_eq(send(fd, "bc", 2, 0), 2);
	/* by the kernel, as a program without the preload may */
	ck_assert_int_eq(shutdown(fd, ways[_i]), 0);
	ck_assert(rg_until(&relay, RG_PATIENCE_MS, is_asleep, &looks));
	/* what was sent before has gone */
	wait_ready(host, POLLIN);
	rg_drive(&relay, 20);
	ck_assert_int_eq(recv(host, text, 16, 0), 1);
	ck_assert_int_eq(recv(host, text, 16, 0), 0);
	ck_assert_int_eq(recv(host, text, 16, 0), 2);
	close(fd);
	close(host);
	rg_stop(&relay);
}
END_TEST

static Suite *node_suite(void)
{
	Suite *s = suite_create("node_dgram");
	TCase *tc = tcase_create("datagrams");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, framed_datagrams_have_names_beside_them);
	tcase_add_test(tc, a_datagram_goes_past_the_connection);
	tcase_add_loop_test(tc, a_port_is_free_as_soon_as_it_is_closed, 0, 2);
	tcase_add_test(tc, names_of_many_peers);
	tcase_add_test(tc, connected_datagrams_are_bare);
	tcase_add_loop_test(tc, one_that_is_shut_down_is_left_alone, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(node_suite());
}
