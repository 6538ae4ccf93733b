/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netpeer: both ends of the transfers that the tests make, with every byte
 * compared. An ordinary socket program: it runs natively and in the sandbox.
 *
 *   netpeer serve HOST PORT        serves each connection as it asks, for ever
 *   netpeer bulk HOST PORT MIB     MIB each way at once over one connection
 *   netpeer stall HOST PORT SEC    the server reads nothing for SEC seconds
 *   netpeer many HOST PORT COUNT   COUNT connections open at the same time
 *   netpeer hold HOST PORT         sends and receives until an error; says it
 *   netpeer udp HOST PORT          10 MiB through the echo, sizes 1 to 65507
 *
 * A connection starts with a line "bulk N", "stall N", "echo 0" and so on,
 * padded to 32 bytes. Exit status 0 if all was as it should be.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK	    65536
#define PATTERN	    (1 << 20)
#define MIB	    (1024 * 1024)
#define HELLO	    32
#define MAX_UDP	    65507
#define UDP_TOTAL   (10 * MIB)
#define TIMEOUT_SEC 60

static unsigned char pattern[PATTERN + CHUNK];

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	exit(1);
}

static void die_errno(const char *what)
{
	die("%s: %s", what, strerrorname_np(errno));
}

static void fill_pattern(void)
{
	uint64_t x = 88172645463325252u;
	size_t i;

	for (i = 0; i < sizeof(pattern); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pattern[i] = x;
	}
}

/* What the stream holds from @offset on: up to CHUNK bytes that differ from
 * chunk to chunk, so that a repeated or missing chunk is seen. */
static const unsigned char *expected(uint64_t offset, size_t *ret_room)
{
	uint64_t chunk = offset / CHUNK;
	size_t in = offset % CHUNK;

	*ret_room = CHUNK - in;
	return pattern + (chunk * 4099) % PATTERN + in;
}

static struct sockaddr_storage resolve(const char *host, const char *port,
				       int type, socklen_t *ret_len)
{
	struct addrinfo hints = {.ai_socktype = type}, *found;
	struct sockaddr_storage addr = {0};
	int rc = getaddrinfo(host, port, &hints, &found);

	if (rc)
		die("%s: %s", host, gai_strerror(rc));
	memcpy(&addr, found->ai_addr, found->ai_addrlen);
	*ret_len = found->ai_addrlen;
	freeaddrinfo(found);
	return addr;
}

static void set_timeouts(int fd)
{
	struct timeval tv = {.tv_sec = TIMEOUT_SEC};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static int connect_to(const char *host, const char *port)
{
	socklen_t len;
	struct sockaddr_storage addr = resolve(host, port, SOCK_STREAM, &len);
	int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_errno("socket");
	if (connect(fd, (struct sockaddr *)&addr, len) < 0)
		die_errno("connect");
	set_timeouts(fd);
	return fd;
}

static void send_all(int fd, const void *data, size_t len)
{
	const char *at = data;
	ssize_t n;

	while (len > 0) {
		n = send(fd, at, len, MSG_NOSIGNAL);
		if (n < 0)
			die_errno("send");
		at += n;
		len -= n;
	}
}

static bool recv_all(int fd, void *data, size_t len)
{
	char *at = data;
	ssize_t n;

	while (len > 0) {
		n = recv(fd, at, len, 0);
		if (n <= 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

static void send_hello(int fd, const char *word, unsigned long number)
{
	char hello[HELLO] = {0};

	snprintf(hello, sizeof(hello), "%s %lu", word, number);
	send_all(fd, hello, sizeof(hello));
}

/* ---- the stream both ways ---- */

struct half {
	int fd;
	uint64_t len;
};

static void *send_half(void *arg)
{
	struct half *half = arg;
	uint64_t done = 0;

	while (done < half->len) {
		size_t room;
		const unsigned char *data = expected(done, &room);

		if (room > half->len - done)
			room = half->len - done;
		send_all(half->fd, data, room);
		done += room;
	}
	return NULL;
}

static void check_chunk(uint64_t offset, const unsigned char *data, size_t len)
{
	while (len > 0) {
		size_t room;
		const unsigned char *want = expected(offset, &room);

		if (room > len)
			room = len;
		if (memcmp(data, want, room))
			die("bytes differ in the chunk at %llu",
			    (unsigned long long)offset);
		offset += room;
		data += room;
		len -= room;
	}
}

static uint64_t recv_half(int fd, uint64_t len)
{
	static __thread unsigned char data[4 * CHUNK];
	uint64_t done = 0;

	while (done < len) {
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n < 0)
			die_errno("recv");
		if (n == 0)
			break;
		check_chunk(done, data, n);
		done += n;
	}
	return done;
}

static uint64_t both_ways(int fd, uint64_t len)
{
	struct half half = {fd, len};
	pthread_t sender;
	uint64_t got;

	if (pthread_create(&sender, NULL, send_half, &half))
		die("no thread");
	got = recv_half(fd, len);
	pthread_join(sender, NULL);
	return got;
}

/* ---- server ---- */

static void serve_echo(int fd)
{
	char data[CHUNK];
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		send_all(fd, data, n);
}

/* Reads nothing for a while, then everything, and says how much was right. */
static void serve_stall(int fd, unsigned long seconds)
{
	uint64_t len = 8 * MIB, got;

	sleep(seconds);
	got = recv_half(fd, len);
	send_all(fd, got == len ? "ok" : "no", 2);
}

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char hello[HELLO + 1] = {0}, word[16];
	unsigned long number;

	set_timeouts(fd);
	if (recv_all(fd, hello, HELLO) &&
	    sscanf(hello, "%15s %lu", word, &number) == 2) {
		if (!strcmp(word, "bulk"))
			both_ways(fd, (uint64_t)number * MIB);
		else if (!strcmp(word, "stall"))
			serve_stall(fd, number);
		else
			serve_echo(fd);
	}
	close(fd);
	return NULL;
}

static void *serve_udp(void *arg)
{
	int fd = (int)(intptr_t)arg;
	static char data[MAX_UDP];

	for (;;) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0,
				     (struct sockaddr *)&from, &len);

		if (n >= 0)
			sendto(fd, data, n, 0, (struct sockaddr *)&from, len);
	}
	return NULL;
}

static int bind_to(const char *host, const char *port, int type)
{
	socklen_t len;
	struct sockaddr_storage addr = resolve(host, port, type, &len);
	int fd = socket(addr.ss_family, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die_errno("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		die_errno("bind");
	return fd;
}

static void serve(const char *host, const char *port) __attribute__((noreturn));

static void serve(const char *host, const char *port)
{
	int udp = bind_to(host, port, SOCK_DGRAM);
	int tcp = bind_to(host, port, SOCK_STREAM);
	pthread_t thread;

	if (listen(tcp, 1024) < 0)
		die_errno("listen");
	pthread_create(&thread, NULL, serve_udp, (void *)(intptr_t)udp);
	for (;;) {
		int fd = accept(tcp, NULL, NULL);

		if (fd < 0)
			die_errno("accept");
		pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
}

/* ---- clients ---- */

static int do_bulk(const char *host, const char *port, const char *arg)
{
	unsigned long mib = strtoul(arg, NULL, 10);
	int fd = connect_to(host, port);
	uint64_t got;

	send_hello(fd, "bulk", mib);
	got = both_ways(fd, (uint64_t)mib * MIB);
	printf("sent %lu MiB, received %llu MiB, all bytes as they should be\n",
	       mib, (unsigned long long)(got / MIB));
	close(fd);
	return got == (uint64_t)mib * MIB ? 0 : 1;
}

static int do_stall(const char *host, const char *port, const char *arg)
{
	unsigned long seconds = strtoul(arg, NULL, 10);
	int fd = connect_to(host, port);
	struct half half = {fd, 8 * MIB};
	char answer[3] = "";

	send_hello(fd, "stall", seconds);
	send_half(&half);
	if (!recv_all(fd, answer, 2))
		die_errno("recv");
	printf("after the stall: %s\n", answer);
	return strcmp(answer, "ok") != 0;
}

static int do_many(const char *host, const char *port, const char *arg)
{
	int count = atoi(arg), i, good = 0;
	int *fds = calloc(count, sizeof(*fds));
	char out[1000], in[1000];

	for (i = 0; i < count; i++) {
		fds[i] = connect_to(host, port);
		send_hello(fds[i], "echo", 0);
	}
	for (i = 0; i < count; i++) {
		memcpy(out, pattern + i, sizeof(out));
		send_all(fds[i], out, sizeof(out));
	}
	for (i = count - 1; i >= 0; i--) {
		if (recv_all(fds[i], in, sizeof(in)) &&
		    !memcmp(in, pattern + i, sizeof(in)))
			good++;
		close(fds[i]);
	}
	printf("%d of %d connections answered\n", good, count);
	free(fds);
	return good != count;
}

/* Until the other side or the network goes away: then the error's name. */
static int do_hold(const char *host, const char *port)
{
	int fd = connect_to(host, port);
	char data[100] = {0};
	struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	ssize_t n;

	send_hello(fd, "echo", 0);
	puts("holding");
	fflush(stdout);
	for (;;) {
		n = send(fd, data, sizeof(data), MSG_NOSIGNAL);
		if (n < 0)
			break;
		n = recv(fd, data, sizeof(data), 0);
		if (n <= 0)
			break;
		nanosleep(&pause, NULL);
	}
	printf("ended: %s\n", n < 0 ? strerrorname_np(errno) : "end of file");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0) {
		printf("new socket: %s\n", strerrorname_np(errno));
	} else {
		socklen_t len;
		struct sockaddr_storage addr =
			resolve(host, port, SOCK_STREAM, &len);

		n = connect(fd, (struct sockaddr *)&addr, len);
		printf("new connect: %s\n",
		       n < 0 ? strerrorname_np(errno) : "ok");
	}
	return 0;
}

/* One datagram there and back; a lost one is sent again, and counted. */
static unsigned int udp_round(int fd, size_t size, unsigned int seq)
{
	static char out[MAX_UDP], in[MAX_UDP];
	unsigned int lost = 0;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	memcpy(out, pattern + seq % 1000, size);
	while (lost < 5) {
		ssize_t n;

		if (send(fd, out, size, 0) != (ssize_t)size)
			die_errno("send");
		if (poll(&pfd, 1, 2000) == 0) {
			lost++;
			continue;
		}
		n = recv(fd, in, sizeof(in), 0);
		if (n < 0)
			die_errno("recv");
		if (n != (ssize_t)size || memcmp(in, out, size))
			die("datagram of %zu bytes came back as %zd", size, n);
		return lost;
	}
	die("datagram of %zu bytes: no answer", size);
	return lost;
}

static int do_udp(const char *host, const char *port)
{
	static const size_t edges[] = {1,    2,	    511,   512,	  513,	1399,
				       1471, 1472,  1473,  1499,  1500, 1501,
				       9000, 32767, 32768, 65506, 65507};
	socklen_t len;
	struct sockaddr_storage addr = resolve(host, port, SOCK_DGRAM, &len);
	int fd = socket(addr.ss_family, SOCK_DGRAM, 0);
	unsigned int lost = 0, seq = 0;
	size_t total = 0, size = 1, i;

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, len) < 0)
		die_errno("connect");
	for (i = 0; i < sizeof(edges) / sizeof(*edges); i++)
		lost += udp_round(fd, edges[i], seq++);
	while (total < UDP_TOTAL) {
		lost += udp_round(fd, size, seq++);
		total += size;
		size = (size + 203 - 1) % MAX_UDP + 1;
	}
	printf("%u datagrams echoed, 10 MiB, %u lost\n", seq, lost);
	return lost != 0;
}

static void raise_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 3 ? argv[1] : "";
	const char *number = argc > 4 ? argv[4] : "1";

	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	fill_pattern();
	if (!strcmp(mode, "serve"))
		serve(argv[2], argv[3]);
	if (!strcmp(mode, "bulk"))
		return do_bulk(argv[2], argv[3], number);
	if (!strcmp(mode, "stall"))
		return do_stall(argv[2], argv[3], number);
	if (!strcmp(mode, "many"))
		return do_many(argv[2], argv[3], number);
	if (!strcmp(mode, "hold"))
		return do_hold(argv[2], argv[3]);
	if (!strcmp(mode, "udp"))
		return do_udp(argv[2], argv[3]);
	fprintf(stderr, "usage: netpeer serve|bulk|stall|many|hold|udp HOST "
			"PORT [NUMBER]\n");
	return 2;
}
