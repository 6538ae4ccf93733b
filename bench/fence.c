/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fence costs: `fence` runs each call many times and prints
 * nanoseconds for one, a line each, "label nanoseconds". Run it natively and
 * by fdnet-run (bench/fence.sh), and compare.
 */
#include "config.h"

#include <fcntl.h>
#include <netinet/in.h>
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

static const struct {
	const char *label;
	void (*call)(void);
	int count;
} rows[] = {
	{"getppid", call_getppid, 200000},
	{"write+read", call_read, 50000},
	{"ioctl", call_ioctl, 100000},
	{"getsockopt,unasked", call_option_unasked, 100000},
	{"getsockopt,notified", call_option, 5000},
	{"getsockname,notified", call_name, 3000},
	{"socket+close,notified", call_socket, 2000},
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
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf("%s %.0f\n", rows[i].label,
		       measure(rows[i].call, rows[i].count));
	return 0;
}
