/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a published port costs if the relay is nothing but a relay: a server
 * that has no stack, behind one that has none either.
 *
 *   floor-serve http|redis PORT [-w MICROSECONDS]
 *
 * How it works: the relay takes connections and passes what they bring on in
 * messages of a ring, and what comes back to them; the program answers each
 * request of wrk or redis-benchmark with the same words, without looking at
 * it. So its figure lacks what nginx or redis do themselves, natively too:
 * with them inside, any relay is slower than this.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <signal.h>

#include "bench/floor.h"
#include "bench/load.h"

#define CONNS_MAX 4096
#define LISTENER  (FLOOR_BELL - 1)
/* Bytes of a message, and of the answers to one. */
#define PART 1024

/* A message: what came of a connection, or goes there. */
struct part {
	uint32_t fd;
	char bytes[PART];
};

static const struct server {
	const char *name, *request, *answer;
} servers[] = {
	{"http", "\r\n\r\n",
	 "HTTP/1.1 200 OK\r\nServer: floor\r\n"
	 "Date: Sun, 22 Nov 2026 00:00:00 GMT\r\n"
	 "Content-Type: text/plain\r\nContent-Length: 5\r\n"
	 "Connection: keep-alive\r\n\r\nhello"},
	{"redis", "*3\r\n", "+OK\r\n"},
};

static const struct server *serves;

/* How many requests end, or begin, in it: where they are cut in two by the
 * end of a message does not matter to a count. */
static unsigned int count_requests(const char *data, uint32_t len,
				   unsigned int *matched)
{
	size_t all = strlen(serves->request);
	unsigned int n = 0;

	for (uint32_t i = 0; i < len; i++) {
		if (data[i] != serves->request[*matched])
			*matched = data[i] == serves->request[0];
		else if (++*matched == all)
			n++, *matched = 0;
	}
	return n;
}

static void answer(uint32_t fd, unsigned int n)
{
	uint32_t len = (uint32_t)strlen(serves->answer);
	struct part part = {.fd = fd};
	uint32_t used = 0;

	for (; n > 0; n--) {
		memcpy(part.bytes + used, serves->answer, len);
		used += len;
		if (n > 1 && used + len <= PART)
			continue;
		while (!floor_put(&part.fd, sizeof(part.fd), part.bytes, used))
			;
		used = 0;
	}
}

static void run_program(void)
{
	static unsigned int matched[CONNS_MAX];
	struct part part;
	uint32_t len;

	for (;;) {
		while ((len = floor_get(&part))) {
			len -= (uint32_t)sizeof(part.fd);
			answer(part.fd,
			       count_requests(part.bytes, len,
					      &matched[part.fd % CONNS_MAX]));
		}
		floor_sleep();
	}
}

static void take_in(int listener)
{
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		floor_watch(fd, (uint32_t)fd);
	}
}

static void pass_on(uint32_t fd)
{
	struct part part = {.fd = fd};
	ssize_t n;

	do {
		n = recv((int)fd, part.bytes, PART, MSG_DONTWAIT);
		if (n > 0)
			while (!floor_put(&part.fd, sizeof(part.fd), part.bytes,
					  (uint32_t)n))
				;
	} while (n == PART);
	if (!n)
		close((int)fd);
}

static void run_relay(int listener)
{
	struct epoll_event events[FLOOR_BATCH];
	struct part part;
	uint32_t len;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	floor_watch(listener, LISTENER);
	for (;;) {
		int n = floor_wait(events);

		for (int i = 0; i < n; i++) {
			uint32_t what = events[i].data.u32;

			if (what == FLOOR_BELL)
				floor_still_bell();
			else if (what == LISTENER)
				take_in(listener);
			else if (events[i].events & EPOLLIN)
				pass_on(what);
		}
		while ((len = floor_get(&part)))
			send((int)part.fd, part.bytes,
			     len - sizeof(part.fd), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static int open_listener(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	load_check(!bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "bind");
	load_check(!listen(fd, 4096), "listen");
	return fd;
}

int main(int argc, char **argv)
{
	uint8_t *none;
	int c, fd;

	while ((c = getopt(argc, argv, "w:")) != -1) {
		if (c != 'w')
			return 64;
		floor_awake_us = atoi(optarg);
	}
	if (optind + 2 != argc)
		return 64;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		if (!strcmp(servers[i].name, argv[optind]))
			serves = &servers[i];
	if (!serves)
		return 64;
	fd = open_listener((uint16_t)atoi(argv[optind + 1]));
	if (!floor_fork(0, &none))
		run_relay(fd);
	run_program();
	return 0;
}
