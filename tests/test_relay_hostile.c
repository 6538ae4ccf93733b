/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that makes noise and asks for too much: after each try the relay
 * lives, its descriptors and memory are what they were, and another guest's
 * connection goes on.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/limits.h"
#include "tests/hostile_case.h"

START_TEST(noise_on_a_link)
{
	static uint8_t msg[70000];
	int fd = _i ? greeted_link() : rg_link(&relay);

	for (int i = 0; i < 20000; i++) {
		size_t len = random_byte() | (random_byte() & 7) << 8;

		for (size_t at = 0; at < len; at++)
			msg[at] = random_byte();
		/* mostly near the truth */
		if (i % 4 && len >= 16) {
			msg[0] = (uint8_t)(0xf1 + random_byte() % 5);
			msg[1] &= 1;
			msg[3] = msg[6] = msg[7] = 0;
			if (i % 4 == 2)
				typed(msg, FDNET_LINK_PACKET, msg + 16,
				      len - 16);
		}
		if (send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
		    errno == EAGAIN)
			rg_drive(&relay, 1);
		if (i % 1000 == 0)
			ping_pong();
	}
	close(fd);
}
END_TEST

START_TEST(noise_on_the_attach_channel)
{
	static uint8_t msg[70000];

	for (int i = 0; i < 3000; i++) {
		size_t len = random_byte() % 40;

		for (size_t at = 0; at < len; at++)
			msg[at] = random_byte();
		if (i % 2)
			msg[0] = FDNET_LINK_ATTACH;
		say(relay.attach_fd, msg, i % 100 ? len : sizeof(msg));
	}
	/* it still works */
	close(greeted_link());
}
END_TEST

static void pass(const int *fds, int n)
{
	union {
		char buf[CMSG_SPACE(32 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	uint8_t data[64], body[FDNET_ATTACH_LEN];
	struct fdnet_attach attach = { .version = FDNET_CTL_VERSION };
	struct iovec iov = { data, 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	fdnet_attach_encode(body, &attach);
	iov.iov_len = typed(data, FDNET_LINK_ATTACH, body, sizeof(body));
	if (n) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, (size_t)n * sizeof(int));
	}
	while (sendmsg(relay.attach_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		rg_drive(&relay, 1);
}

START_TEST(descriptors_of_all_kinds)
{
	int pipes[2], dgram[2], stream[2], seq[2], many[32];
	int others[] = {
		open("/dev/null", O_RDWR | O_CLOEXEC),
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		open("/", O_RDONLY | O_CLOEXEC),
	};

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, dgram);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream);
	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, seq);
	for (int i = 0; i < 32; i++)
		many[i] = seq[1];
	for (int round = 0; round < 50; round++) {
		pass(NULL, 0);
		pass(&pipes[0], 1);
		pass(&dgram[0], 1);
		pass(&stream[0], 1);
		for (int i = 0; i < 4; i++)
			pass(&others[i], 1);
		pass(many, 2);
		pass(many, 32);
	}
	/* its own attach channel, and a listening socket */
	pass(&relay.attach_fd, 1);
	for (int i = 0; i < 4; i++)
		close(others[i]);
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(dgram[i]);
		close(stream[i]);
		close(seq[i]);
	}
	rg_drive(&relay, 50);
	close(greeted_link());
}
END_TEST

START_TEST(empty_messages_end_nothing)
{
	int fd = greeted_link();

	for (int i = 0; i < 100; i++) {
		send(relay.attach_fd, "", 0, MSG_NOSIGNAL);
		send(fd, "", 0, MSG_NOSIGNAL);
	}
	rg_drive(&relay, 50);
	close(fd);
	close(greeted_link());
}
END_TEST

START_TEST(contradictions_cost_the_link)
{
	uint8_t msg[128], body[FDNET_CTL_MAX_LEN] = { 0 };
	int fd = greeted_link();

	say(fd, msg, hello(msg));
	expect_closed(fd); /* HELLO twice */
	close(fd);
	fd = greeted_link();
	say(fd, msg, typed(msg, FDNET_LINK_CONTROL, body, 3));
	expect_closed(fd); /* a body that is none */
	close(fd);
	fd = greeted_link();
	say(fd, msg, typed(msg, FDNET_LINK_WELCOME, body, 32));
	expect_closed(fd); /* the relay's own word */
	close(fd);
	fd = rg_link(&relay);
	memset(body, 0xff, sizeof(body));
	say(fd, msg, typed(msg, FDNET_LINK_HELLO, body, 32));
	expect_closed(fd); /* a hello that is none */
	close(fd);
}
END_TEST

START_TEST(replies_that_nobody_reads)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_LEASE,
				 .proto = 6,
				 .count = 1 };
	uint8_t msg[128], body[FDNET_CTL_MAX_LEN];
	size_t len = fdnet_ctl_encode(body, &ctl);
	int fd = greeted_link();
	int i;

	len = typed(msg, FDNET_LINK_CONTROL, body, len);
	for (i = 0; i < 200000; i++) {
		ssize_t rc = send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (rc < 0 && errno == EAGAIN)
			rg_drive(&relay, 1);
		else if (rc < 0)
			break;
	}
	ck_assert_int_lt(i, 200000);
	expect_closed(fd);
	close(fd);
}
END_TEST

START_TEST(ports_claimed_without_end)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_BIND,
				 .id = 1,
				 .proto = 17,
				 .family = 4 };
	struct rg *liar = rg_attach(&relay);
	int refused = 0;

	for (int i = 1; i <= (int)LIMIT_BINDS + 100; i++) {
		ctl.port = (uint16_t)i;
		refused += rg_ask(liar, &ctl) == -ENOBUFS;
	}
	ck_assert_int_eq(refused, 100);
	rg_kill(liar);
	ctl.port = 5;
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_ask(honest, &ctl), 0);
}
END_TEST

START_TEST(links_without_end)
{
	static int fds[LIMIT_GUESTS + 50];
	int closed = 0;

	for (int i = 0; i < (int)LIMIT_GUESTS + 50; i++) {
		fds[i] = rg_link(&relay);
		if (i % 64 == 0)
			rg_drive(&relay, 5);
	}
	rg_drive(&relay, 100);
	for (int i = 0; i < (int)LIMIT_GUESTS + 50; i++) {
		struct pollfd pfd = { fds[i], POLLIN, 0 };

		closed += poll(&pfd, 1, 0) == 1;
		close(fds[i]);
	}
	ck_assert_int_eq(closed, 51);
}
END_TEST

START_TEST(packets_in_others_names)
{
	uint8_t msg[128], rst[20] = { 0 };
	struct fdnet_name name;
	int fd = greeted_link();
	static const char *const sources[] = { "10.0.2.15", "10.0.2.2",
					       "8.8.8.8", "127.0.0.1",
					       "255.255.255.255", "0.0.0.0" };

	/* resets for the honest guest's connection, all over the window */
	fdnet_sock_name(honest_so, &name);
	rst[0] = (uint8_t)(name.port >> 8);
	rst[1] = (uint8_t)name.port;
	rst[12] = 0x50;
	rst[13] = 4;
	fdnet_sock_peer(honest_so, &name);
	rst[2] = (uint8_t)(name.port >> 8);
	rst[3] = (uint8_t)name.port;
	for (uint32_t i = 0; i < 65536; i++) {
		rst[4] = (uint8_t)(i >> 8);
		rst[5] = (uint8_t)i;
		say(fd, msg, packet(msg, 6, sources[i % 6], "10.0.2.2", rst,
				    20));
		if (i % 8192 == 0)
			ping_pong();
	}
	close(fd);
}
END_TEST

START_TEST(half_open_connections_without_end)
{
	uint8_t msg[128], syn[20] = { 0x80, 0, 0, 80 };
	int fd = greeted_link();

	syn[12] = 0x50;
	syn[13] = 2;
	for (uint32_t i = 0; i < 60000; i++) {
		syn[0] = (uint8_t)(i >> 8);
		syn[1] = (uint8_t)i;
		syn[2] = (uint8_t)(i >> 4);
		say(fd, msg,
		    packet(msg, 6, "10.0.2.15", i % 2 ? "10.0.2.2" : "8.8.8.8",
			   syn, 20));
		if (i % 8192 == 0)
			ping_pong();
	}
	close(fd);
}
END_TEST

START_TEST(a_stopped_guest_holds_up_nobody)
{
	struct fdnet_sock *so = rg_udp(honest), *bound;
	struct fdnet_name name = rg_name("0.0.0.0", 5000);
	static char data[60000];
	struct rg *stopped = rg_attach(&relay);

	ck_assert_int_eq(fdnet_sock_open(stopped->stack, 4, FDNET_SOCK_DGRAM,
					 17, &bound),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(bound, &name), 0);
	ck_assert_int_eq(rg_claim(stopped, FDNET_CTL_BIND, 17, 5000), 0);
	/* it reads nothing from now on */
	for (int i = 0; i < RG_GUESTS; i++)
		if (relay.guests[i] == stopped)
			relay.guests[i] = NULL;
	for (int i = 0; i < 3000; i++) {
		rg_sendto(honest, so, "127.0.0.1", 5000, data, sizeof(data));
		if (i % 16 == 0)
			rg_drive(&relay, 0);
		if (i % 500 == 0)
			ping_pong();
	}
	fdnet_sock_close(so);
	rg_kill(stopped);
}
END_TEST

static Suite *relay_hostile_suite(void)
{
	Suite *s = suite_create("relay_hostile");
	TCase *tc = tcase_create("relay_hostile");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, hostile_setup, hostile_teardown);
	tcase_add_loop_test(tc, noise_on_a_link, 0, 2);
	tcase_add_test(tc, noise_on_the_attach_channel);
	tcase_add_test(tc, descriptors_of_all_kinds);
	tcase_add_test(tc, empty_messages_end_nothing);
	tcase_add_test(tc, contradictions_cost_the_link);
	tcase_add_test(tc, replies_that_nobody_reads);
	tcase_add_test(tc, ports_claimed_without_end);
	tcase_add_test(tc, links_without_end);
	tcase_add_test(tc, packets_in_others_names);
	tcase_add_test(tc, half_open_connections_without_end);
	tcase_add_test(tc, a_stopped_guest_holds_up_nobody);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_hostile_suite());
}
