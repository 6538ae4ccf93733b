/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fence costs: `fence` runs each call many times and prints
 * nanoseconds for one, a line each, "label nanoseconds". Run it natively and
 * by fdnet-run (bench/fence.sh), and compare.
 */
#include "config.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/unasked.h"

#define ROUNDS 5

static int pair[2], out;

static void call_getppid(void)
{
	syscall(SYS_getppid);
}

static void call_read(void)
{
	char byte;

	if (syscall(SYS_write, pair[0], "x", 1) < 0 ||
	    syscall(SYS_read, pair[1], &byte, 1) < 0)
		exit(1);
}

/* Looked at by its argument, and let go on. */
static void call_ioctl(void)
{
	int bytes;

	syscall(SYS_ioctl, pair[0], 0x541b, &bytes);
}

static void call_option_unasked(void)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	syscall(SYS_getsockopt, pair[0], SOL_SOCKET, SO_COOKIE, &cookie, &len,
		FDNET_UNASKED);
}

static void call_option(void)
{
	int type;
	socklen_t len = sizeof(type);

	syscall(SYS_getsockopt, out, SOL_SOCKET, SO_TYPE, &type, &len, 0);
}

static void call_socket(void)
{
	close((int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
}

static void call_name(void)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	syscall(SYS_getsockname, out, &sin, &len, 0, 0, 0);
}

/* ---- streams and datagrams to oneself: the way over the relay ---- */

static int listener, client, served, sender, receiver;
static struct sockaddr_in to_listener, to_receiver;
static char block[65536];

static int bound(int type, struct sockaddr_in *ret_name)
{
	socklen_t len = sizeof(*ret_name);
	int fd = (int)syscall(SYS_socket, AF_INET, type, 0);

	*ret_name = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (fd < 0 || syscall(SYS_bind, fd, ret_name, len) < 0 ||
	    syscall(SYS_getsockname, fd, ret_name, &len) < 0)
		exit(1);
	return fd;
}

static void connect_and_accept(void)
{
	client = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	if (syscall(SYS_connect, client, &to_listener, sizeof(to_listener)))
		exit(1);
	served = (int)syscall(SYS_accept4, listener, NULL, NULL, 0);
	if (served < 0)
		exit(1);
}

static void call_connect(void)
{
	connect_and_accept();
	close(client);
	close(served);
}

static void move(size_t size)
{
	size_t done = 0;
	long rc;

	if (write(client, block, size) != (ssize_t)size)
		exit(1);
	while (done < size) {
		rc = read(served, block, size - done);
		if (rc <= 0)
			exit(1);
		done += (size_t)rc;
	}
}

static void call_byte(void)
{
	move(1);
}

static void call_block(void)
{
	move(sizeof(block));
}

static void call_datagram(void)
{
	if (syscall(SYS_sendto, sender, "x", 1, 0, &to_receiver,
		    sizeof(to_receiver)) < 0 ||
	    read(receiver, block, 1) < 0)
		exit(1);
}

static void open_streams(void)
{
	listener = bound(SOCK_STREAM, &to_listener);
	receiver = bound(SOCK_DGRAM, &to_receiver);
	sender = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	if (sender < 0 || syscall(SYS_listen, listener, 16) < 0)
		exit(1);
	connect_and_accept();
}

static const struct {
	const char *label;
	void (*call)(void);
	int count;
	bool pumped; /* over the relay: there is none without a supervisor */
} rows[] = {
	{"getppid", call_getppid, 200000},
	{"write+read", call_read, 50000},
	{"ioctl", call_ioctl, 100000},
	{"getsockopt,unasked", call_option_unasked, 100000},
	{"getsockopt,notified", call_option, 5000},
	{"getsockname,notified", call_name, 3000},
	{"socket+close,notified", call_socket, 2000},
	{"byte,pumped", call_byte, 2000, true},
	{"64KiB,pumped", call_block, 500, true},
	{"sendto+read,pumped", call_datagram, 1000, true},
	{"connect+accept,pumped", call_connect, 300, true},
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The best of some rounds: what it costs when nobody disturbs. */
static double measure(void (*call)(void), int count)
{
	double best = 0, start, each;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		start = now_ns();
		for (i = 0; i < count; i++)
			call();
		each = (now_ns() - start) / count;
		if (!round || each < best)
			best = each;
	}
	return best;
}

int main(void)
{
	size_t i;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
	out = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	if (out >= 0)
		open_streams();
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].pumped && out < 0)
			printf("%s -\n", rows[i].label);
		else
			printf("%s %.0f\n", rows[i].label,
			       measure(rows[i].call, rows[i].count));
	}
	return 0;
}
