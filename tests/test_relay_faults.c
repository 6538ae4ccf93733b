/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each system call that the relay makes after its start fails now and then
 * (tests/faults.c). A call of a program may fail for it, but the relay lives,
 * a connection that stood goes on unless its own call failed, and when the
 * failures are over all works as before.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

#define ROUNDS 4

/**
 * @every, @times:  which calls fail, and how many of them in all
 * @loses:  an established connection may be lost, or its bytes stall
 */
static const struct {
	const char *call;
	int error, every, times;
	bool loses;
} faults[] = {
	{ "socket", EMFILE, 2, 6, false },
	{ "socket", ENFILE, 2, 6, false },
	{ "socket", ENOBUFS, 2, 6, false },
	{ "socket", ENOMEM, 2, 6, false },
	/* real short writes: a buffer of a few KiB */
	{ "socket", 0, 1, 1000, false },
	{ "connect", ENOBUFS, 3, 6, false },
	{ "connect", EADDRNOTAVAIL, 3, 6, false },
	{ "connect", EINTR, 3, 6, false },
	{ "connect", EAGAIN, 3, 6, false },
	{ "bind", EADDRINUSE, 1, 6, false },
	{ "accept4", EMFILE, 2, 10, false },
	{ "accept4", ENOBUFS, 2, 10, false },
	{ "accept4", ECONNABORTED, 2, 10, false },
	{ "accept4", EINTR, 2, 10, false },
	{ "accept4", EAGAIN, 2, 10, false },
	{ "shutdown", ENOBUFS, 2, 10, true },
	{ "getsockname", ENOBUFS, 2, 6, false },
	{ "setsockopt", ENOMEM, 2, 20, false },
	{ "getsockopt", ENOBUFS, 2, 6, false },
	{ "sendmsg", EINTR, 3, 1000, false },
	{ "sendmsg", ENOBUFS, 7, 6, true },
	{ "sendmsg", ENOMEM, 7, 6, true },
	{ "recvmsg", EINTR, 2, 6, false },
	{ "recvmsg", EAGAIN, 2, 6, false },
	{ "recvmsg", ENOMEM, 5, 2, true },
	{ "sendmmsg", EINTR, 2, 20, false },
	{ "sendmmsg", EAGAIN, 3, 6, true },
	{ "sendmmsg", ENOBUFS, 3, 6, true },
	{ "sendmmsg", ENOMEM, 3, 6, true },
	{ "recvmmsg", EINTR, 3, 1000, false },
	{ "recvmmsg", EAGAIN, 3, 1000, false },
	{ "recvmmsg", ENOMEM, 3, 1000, false },
	{ "recvmmsg", ENOBUFS, 3, 1000, false },
	{ "readv", EINTR, 3, 1000, false },
	{ "readv", ENOMEM, 9, 10, true },
	{ "epoll_ctl", ENOMEM, 3, 6, true },
	{ "epoll_ctl", ENOSPC, 3, 6, true },
	{ "epoll_wait", EINTR, 2, 1000, false },
	{ "memfd_create", ENFILE, 1, 10, false },
	{ "getrandom", EIO, 1, 2, true },
	{ "mmap", ENOMEM, 2, 6, false },
	{ "calloc", ENOMEM, 17, 6, true },
	{ "malloc", ENOMEM, 17, 6, true },
	/* short writes of one byte */
	{ "sendmsg", 0, 3, 400, false },
	{ "recv", EINTR, 2, 20, false },
	{ "close", EINTR, 1, 1000, false },
	{ "fstat", EIO, 1, 4, false },
	{ "read", EINTR, 1, 20, false },
	{ "read", EIO, 1, 2, false },
	{ "ftruncate", ENOMEM, 1, 4, false },
};

static uint16_t out_port;

static size_t pass_bytes(struct rg *g, struct fdnet_sock *so, int fd)
{
	static uint8_t data[1 << 16];
	size_t sent = 0, got = 0;

	for (int i = 0; i < 400 && got < sizeof(data); i++) {
		struct iovec iov = { data + sent, sizeof(data) - sent };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t rc = sent < sizeof(data) ? fdnet_sock_send(so, &msg) :
						   0;

		sent += rc > 0 ? (size_t)rc : 0;
		rg_drive(g->relay, 1);
		rc = recv(fd, text, sizeof(text), 0);
		if (!rc || (rc < 0 && errno != EAGAIN))
			break;
		got += rc > 0 ? (size_t)rc : 0;
	}
	return got;
}

/* A connection there and back. Did all go well? */
static bool connection_works(struct rg *g, int listener)
{
	struct fdnet_sock *so;
	bool well = false;
	int fd;

	/* those whose connection failed at the relay after all */
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
	if (rg_connect(g, GATEWAY, port, &so))
		return false;
	for (int i = 0; i < 200 && fd < 0; i++) {
		fd = accept4(listener, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		rg_drive(&relay, fd < 0);
	}
	if (fd >= 0)
		well = pass_bytes(g, so, fd) == 1 << 16;
	for (int i = 0; well && i < 200; i++) {
		struct iovec iov = { text, sizeof(text) };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

		if (!i)
			well = send(fd, "back", 4, MSG_NOSIGNAL) == 4;
		rg_drive(&relay, 1);
		if (fdnet_sock_recv(so, &msg) == 4)
			break;
		well = i < 199;
	}
	fdnet_sock_close(so);
	rg_drive(&relay, 1);
	if (fd >= 0)
		close(fd);
	return well;
}

static bool datagrams_work(struct rg *g, int fd)
{
	struct fdnet_sock *so = rg_udp(g);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	bool well = false;

	for (int i = 0; i < 100 && !well; i++) {
		struct iovec iov = { text, 16 };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

		if (i % 20 == 0) {
			rg_sendto(g, so, GATEWAY, 9, "x", 1);
			rg_sendto(g, so, GATEWAY, out_port, "x", 1);
		}
		rg_drive(&relay, 1);
		if (recvfrom(fd, text, 16, 0, (struct sockaddr *)&from,
			     &len) > 0)
			sendto(fd, "answer", 6, 0, (struct sockaddr *)&from,
			       len);
		well = fdnet_sock_recv(so, &msg) == 6;
	}
	fdnet_sock_close(so);
	return well;
}

static bool clients_work(struct rg *g, struct fdnet_sock *listener,
			 uint16_t published)
{
	int fd = rg_host_connecting("127.0.0.1", published);
	struct fdnet_sock *so = NULL;
	bool well = false;

	for (int i = 0; i < 300 && !well; i++) {
		struct iovec iov = { text, 16 };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

		if (i == 0)
			send(fd, "in", 2, MSG_NOSIGNAL);
		rg_drive(&relay, 1);
		if (!so && fdnet_sock_accept(listener, &so))
			so = NULL;
		if (send(fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == ECONNRESET)
			break;
		well = so && fdnet_sock_recv(so, &msg) > 0;
	}
	if (so)
		fdnet_sock_abort(so);
	close(fd);
	rg_drive(&relay, 1);
	return well;
}

static bool links_work(void)
{
	struct rg *g = rg_try_attach(&relay);

	if (g)
		rg_kill(g);
	return g != NULL;
}

START_TEST(failures_end_when_they_are_over)
{
	int listener = rg_host_listen("127.0.0.1", &port), held, udp, failed = 0;
	struct fdnet_sock *so, *inner;
	char fault[64], options[256];
	const char *said;
	uint16_t published;
	struct rg *g;
	char data[8];

#ifdef __SANITIZE_ADDRESS__
	/* it has an allocator of its own */
	if (strstr(faults[_i].call, "alloc"))
		return;
#endif
	close(rg_host_listen("127.0.0.1", &published));
	udp = rg_host_udp("127.0.0.1", &out_port);
	snprintf(fault, sizeof(fault), "%s:%d:%d:%d", faults[_i].call,
		 faults[_i].error, faults[_i].every, faults[_i].times);
	setenv("FDNET_FAULT", fault, 1);
	setenv("RG_PRELOAD", "libfaults.so", 1);
	snprintf(options, sizeof(options),
		 "--allow host:%%u --allow host:*/udp --publish %u:80 "
		 "--verbose --record /dev/full",
		 published);
	relay_area = !strcmp(faults[_i].call, "memfd_create") ||
		     !strcmp(faults[_i].call, "ftruncate") ||
		     !strcmp(faults[_i].call, "mmap");
	start(options);
	/* the start of the first guest may fail as well */
	for (int i = 0; !(g = rg_try_attach(&relay)); i++)
		ck_assert_int_lt(i, 40);
	inner = rg_listen(g, "0.0.0.0", 80);
	for (int i = 0; (held = rg_connect(g, GATEWAY, port, &so)); i++)
		ck_assert_int_lt(i, 60);
	held = rg_host_accept(&relay, listener);
	for (int round = 0; round < ROUNDS && failed < 100; round++) {
		failed += !connection_works(g, listener);
		failed += !datagrams_work(g, udp);
		failed += !clients_work(g, inner, published);
		failed += !links_work();
		kill(relay.pid, SIGHUP);
	}
	/* over now: each works, at once */
	for (int i = 0; !connection_works(g, listener); i++)
		ck_assert_int_lt(i, 20);
	for (int i = 0; !datagrams_work(g, udp); i++)
		ck_assert_int_lt(i, 20);
	for (int i = 0; !clients_work(g, inner, published); i++)
		ck_assert_int_lt(i, 20);
	for (int i = 0; !links_work(); i++)
		ck_assert_int_lt(i, 20);
	if (!faults[_i].loses) {
		ck_assert_int_eq(rg_send(g, so, "x", 1), 0);
		ck_assert_int_eq(rg_host_recv(&relay, held, data, 8), 1);
	}
	said = rg_end(&relay);
	snprintf(fault, sizeof(fault), "faults: %s 0\n", faults[_i].call);
	ck_assert_msg(strstr(said, "faults: ") && !strstr(said, fault),
		      "nothing was injected: %s", fault);
	close(held);
	close(listener);
	close(udp);
}
END_TEST

static Suite *faults_suite(void)
{
	Suite *s = suite_create("relay_faults");
	TCase *tc = tcase_create("relay_faults");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, failures_end_when_they_are_over, 0,
			    N_ROWS(faults));
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(faults_suite());
}
