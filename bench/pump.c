/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does splice() pay for a relay between a socket pair and a TCP connection?
 * A program writes to one end of an AF_UNIX stream pair, a relay carries what
 * it finds at the other end to a server, and the other way round.
 *
 *   pump [-t SECONDS] [-r ROUNDS]         all ways, each with its own server
 *   pump -s PORT                          a server, for ever
 *   pump -c ADDR PORT [-t ...] [-r ...]   `native` only, to that one: in a
 *                                         sandbox, see pump.sh
 *
 * native     the program has the TCP socket itself
 * copy       recv() and send() of up to 256 KiB, as the relay has it for
 *            sockets of programs without the preload, but with no stack
 *            between
 * splice     splice() to a pipe of 1 MiB and from it
 *
 * Each line is a size of write() and read() of the program's, each column a
 * way: Gbit/s, medians; the ways take turns in each round. `rr` is a message
 * of that size there and back, in thousands a second.
 */
#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load.h"

#define SIZES	   4
#define ROUNDS_MAX 31
#define PIPE	   (1 << 20)
#define PART	   (256 << 10)
#define SOCKBUF	   (256 << 10) /* the relay's, of its pairs */

enum way { NATIVE, COPY, SPLICE, WAYS };
enum mode { UP, DOWN, RR, MODES };

static const char *const way_names[WAYS] = { "native", "copy", "splice" };
static const char *const mode_names[MODES] = { "up", "down", "rr" };
static const size_t sizes[SIZES] = { 1 << 10, 16 << 10, 64 << 10, 1 << 20 };

static double secs = 0.3;
static char *data;
static struct sockaddr_in remote; /* port 0: none */

/* ---- the ends ---- */

static bool move_whole(int fd, size_t len, bool out)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = out ? send(fd, data, len - done, MSG_NOSIGNAL) :
				  recv(fd, data, len - done, 0);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Until the other end closes. Returns bytes. */
static uint64_t run_end(int fd, size_t size, enum mode mode, bool first,
			double end)
{
	bool out = first == (mode == UP);
	uint64_t bytes = 0;

	while (!first || load_now() < end) {
		if (mode == RR && (!move_whole(fd, size, first) ||
				   !move_whole(fd, size, !first)))
			break;
		if (mode != RR && out && !move_whole(fd, size, true))
			break;
		if (mode != RR && !out) {
			ssize_t n = recv(fd, data, size, 0);

			if (n <= 0)
				break;
			bytes += (uint64_t)n;
			continue;
		}
		bytes += size;
	}
	return bytes;
}

/* ---- the relay ---- */

static void __attribute__((noreturn)) copy_on(int from, int to)
{
	char *buf = malloc(PART);
	ssize_t n;

	while (buf && (n = recv(from, buf, PART, 0)) > 0)
		for (ssize_t done = 0, k; done < n; done += k) {
			k = send(to, buf + done, (size_t)(n - done),
				 MSG_NOSIGNAL);
			if (k <= 0)
				_exit(0);
		}
	shutdown(to, SHUT_WR);
	_exit(0);
}

static void __attribute__((noreturn)) splice_on(int from, int to)
{
	int ends[2];
	ssize_t n;

	load_check(!pipe(ends), "pipe");
	fcntl(ends[1], F_SETPIPE_SZ, PIPE);
	while ((n = splice(from, NULL, ends[1], NULL, PIPE, 0)) > 0)
		for (ssize_t done = 0, k; done < n; done += k) {
			k = splice(ends[0], NULL, to, NULL, (size_t)(n - done),
				   0);
			if (k <= 0)
				_exit(0);
		}
	shutdown(to, SHUT_WR);
	_exit(0);
}

/* A request/response goes both ways, by turns, so one process must see both;
 * how it waits is the same for both ways of carrying. */
static void __attribute__((noreturn))
turn_about(int a, int b, size_t size, enum way way)
{
	int ends[2], from = a, to = b;
	size_t done = 0;

	load_check(!pipe(ends), "pipe");
	fcntl(ends[1], F_SETPIPE_SZ, PIPE);
	for (;;) {
		ssize_t n, k;

		n = way == COPY ? recv(from, data, size - done, 0) :
				  splice(from, NULL, ends[1], NULL,
					 size - done, 0);
		if (n <= 0)
			_exit(0);
		for (ssize_t at = 0; at < n; at += k) {
			k = way == COPY ? send(to, data + at, (size_t)(n - at),
					       MSG_NOSIGNAL) :
					  splice(ends[0], NULL, to, NULL,
						 (size_t)(n - at), 0);
			if (k <= 0)
				_exit(0);
		}
		done += (size_t)n;
		if (done < size)
			continue;
		done = 0;
		from = to;
		to = from == a ? b : a;
	}
}

static void __attribute__((noreturn))
run_relay(int pair, int tcp, size_t size, enum mode mode, enum way way)
{
	int from = mode == UP ? pair : tcp, to = mode == UP ? tcp : pair;

	if (mode == RR)
		turn_about(pair, tcp, size, way);
	if (way == COPY)
		copy_on(from, to);
	splice_on(from, to);
}

/* ---- a run ---- */

/* What a connection is about; its first bytes. */
struct hello {
	uint32_t mode, size;
};

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void __attribute__((noreturn)) serve_one(int listener)
{
	int fd = accept(listener, NULL, NULL);
	struct hello hello;

	no_delay(fd);
	if (recv(fd, &hello, sizeof(hello), MSG_WAITALL) == sizeof(hello) &&
	    hello.mode < MODES && hello.size <= sizes[SIZES - 1])
		run_end(fd, hello.size, (enum mode)hello.mode, false, 0);
	_exit(0);
}

static void __attribute__((noreturn)) serve(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		poll(&p, 1, -1);
		if (!fork())
			serve_one(listener);
		/* until it has taken its connection */
		usleep(20000);
	}
}

static int open_listener(struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	socklen_t len = sizeof(*sin);

	load_cubic(fd);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	load_check(!bind(fd, (struct sockaddr *)sin, len) && !listen(fd, 16),
		   "listen");
	getsockname(fd, (struct sockaddr *)sin, &len);
	return fd;
}

static int dial(size_t size, enum mode mode, const struct sockaddr_in *sin)
{
	struct hello hello = { (uint32_t)mode, (uint32_t)size };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	load_cubic(fd);
	load_check(!connect(fd, (const struct sockaddr *)sin, sizeof(*sin)),
		   "connect");
	no_delay(fd);
	load_check(send(fd, &hello, sizeof(hello), 0) == sizeof(hello),
		   "send");
	return fd;
}

/* A TCP connection to a process that is the server. */
static int start_server(size_t size, enum mode mode, pid_t *ret_pid)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener, fd;

	if (remote.sin_port) {
		*ret_pid = 0;
		return dial(size, mode, &remote);
	}
	listener = open_listener(&sin);
	*ret_pid = fork();
	load_check(*ret_pid >= 0, "fork");
	if (!*ret_pid)
		serve_one(listener);
	fd = dial(size, mode, &sin);
	close(listener);
	return fd;
}

/* Bytes a second. */
static double run(size_t size, enum mode mode, enum way way)
{
	pid_t server, relay = 0;
	int fd = start_server(size, mode, &server), pair[2], room = SOCKBUF;
	uint64_t bytes;
	double start;

	if (way != NATIVE) {
		load_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "pair");
		for (int i = 0; i < 2; i++)
			setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room,
				   sizeof(room));
		relay = fork();
		load_check(relay >= 0, "fork");
		if (!relay) {
			close(pair[0]);
			run_relay(pair[1], fd, size, mode, way);
		}
		close(pair[1]);
		close(fd);
		fd = pair[0];
	}
	start = load_now();
	bytes = run_end(fd, size, mode, true, start + secs);
	start = load_now() - start;
	close(fd);
	if (server) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	if (relay) {
		kill(relay, SIGKILL);
		waitpid(relay, NULL, 0);
	}
	return (double)bytes / start;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One line: a mode and a size, all ways by turns. */
static void line(enum mode mode, size_t size, int rounds)
{
	static double seen[WAYS][ROUNDS_MAX];
	int ways = remote.sin_port ? 1 : WAYS;
	/* Gbit/s, or thousands of messages */
	double unit = mode == RR ? (double)size * 1e3 : 1e9 / 8;

	for (int r = 0; r < rounds * ways; r++)
		seen[r % ways][r / ways] =
			run(size, mode, (enum way)(r % ways)) / unit;
	printf("%-5s %8zu", mode_names[mode], size);
	for (int w = 0; w < ways; w++) {
		qsort(seen[w], (size_t)rounds, sizeof(double), by_value);
		printf(" %9.2f", seen[w][rounds / 2]);
	}
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int c, rounds = 5, serves = 0;

	while ((c = getopt(argc, argv, "t:r:s:c:")) != -1) {
		if (c == 't')
			secs = atof(optarg);
		else if (c == 'r')
			rounds = atoi(optarg);
		else if (c == 's')
			serves = atoi(optarg);
		else if (c != 'c' || !inet_pton(AF_INET, optarg,
						 &remote.sin_addr))
			return 64;
		else if (optind < argc)
			remote.sin_port = htons((uint16_t)atoi(argv[optind++]));
	}
	if (rounds < 1 || rounds > ROUNDS_MAX)
		return 64;
	data = calloc(1, sizes[SIZES - 1]);
	load_check(data != NULL, "calloc");
	signal(SIGPIPE, SIG_IGN);
	remote.sin_family = AF_INET;
	if (serves) {
		struct sockaddr_in sin = { .sin_family = AF_INET,
					   .sin_port = htons((uint16_t)serves) };

		serve(open_listener(&sin));
	}
	printf("%-5s %8s", "", "bytes");
	for (int w = 0; w < (remote.sin_port ? 1 : WAYS); w++)
		printf(" %9s", way_names[w]);
	printf("\n");
	for (int i = 0; i < MODES * SIZES; i++)
		line((enum mode)(i / SIZES), sizes[i % SIZES], rounds);
	return 0;
}
