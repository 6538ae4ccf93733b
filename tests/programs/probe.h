/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the small programs here: each prints lines of the form "label: result",
 * the same natively and in the sandbox. Nothing that may differ between two
 * machines or two runs is printed: no port, no address but loopback, no time.
 */
#ifndef TESTS_PROGRAMS_PROBE_H
#define TESTS_PROGRAMS_PROBE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A label may be built: say(rc, "%s, send", state). */
static inline void say(long rc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The result of a call: a number, or the name of errno. */
static inline void say(long rc, const char *fmt, ...)
{
	int error = errno;
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	if (rc < 0)
		printf(": %s\n", strerrorname_np(error));
	else
		printf(": %ld\n", rc);
	fflush(stdout);
}

static inline void say_text(const char *text, const char *label)
{
	printf("%s: %s\n", label, text);
	fflush(stdout);
}

static inline void say_bits(short bits, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline void say_bits(short bits, const char *fmt, ...)
{
	static const struct {
		short bit;
		const char *name;
	} names[] = {{POLLIN, "IN"},	  {POLLPRI, "PRI"}, {POLLOUT, "OUT"},
		     {POLLERR, "ERR"},	  {POLLHUP, "HUP"}, {POLLNVAL, "NVAL"},
		     {POLLRDHUP, "RDHUP"}};
	va_list args;
	size_t i;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar(':');
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (bits & names[i].bit)
			printf(" %s", names[i].name);
	if (!bits)
		printf(" none");
	putchar('\n');
	fflush(stdout);
}

static inline void say_bool(bool yes, const char *label)
{
	say_text(yes ? "yes" : "no", label);
}

/* What a program cannot go on without. */
static inline void need(long rc, const char *what)
{
	if (rc >= 0)
		return;
	printf("%s: needed, got %s\n", what, strerrorname_np(errno));
	fflush(stdout);
	exit(1);
}

static inline struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static inline uint16_t port_of(int fd)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);

	need(getsockname(fd, (struct sockaddr *)&sin, &len), "getsockname");
	return ntohs(sin.sin_port);
}

static inline int bind_loopback(int fd, uint16_t port)
{
	struct sockaddr_in sin = loopback(port);

	return bind(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static inline int connect_loopback(int fd, uint16_t port)
{
	struct sockaddr_in sin = loopback(port);

	return connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static inline int new_tcp(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	need(fd, "socket");
	return fd;
}

static inline int new_udp(int flags)
{
	int fd = socket(AF_INET, SOCK_DGRAM | flags, 0);

	need(fd, "socket");
	return fd;
}

static inline int new_listener(uint16_t *ret_port)
{
	int fd = new_tcp(0);

	need(bind_loopback(fd, 0), "bind");
	need(listen(fd, 16), "listen");
	*ret_port = port_of(fd);
	return fd;
}

/* A port where nobody listens: bound, so that nobody else takes it. */
static inline uint16_t closed_port(int type)
{
	int fd = socket(AF_INET, type, 0);
	uint16_t port;

	need(fd, "socket");
	need(bind_loopback(fd, 0), "bind");
	port = port_of(fd);
	if (type == SOCK_DGRAM)
		close(fd);
	return port;
}

/* fds[0] connected, fds[1] accepted. */
static inline void tcp_pair(int fds[2])
{
	uint16_t port;
	int listener = new_listener(&port);

	fds[0] = new_tcp(0);
	need(connect_loopback(fds[0], port), "connect");
	fds[1] = accept(listener, NULL, NULL);
	need(fds[1], "accept");
	close(listener);
}

/* Two datagram sockets, each connected to the other. */
static inline void udp_pair(int fds[2])
{
	fds[0] = new_udp(0);
	fds[1] = new_udp(0);
	need(bind_loopback(fds[0], 0), "bind");
	need(bind_loopback(fds[1], 0), "bind");
	need(connect_loopback(fds[0], port_of(fds[1])), "connect");
	need(connect_loopback(fds[1], port_of(fds[0])), "connect");
}

static inline void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* Readiness once it has settled: waits for @want, a second at most. */
static inline short ready(int fd, short want)
{
	struct pollfd pfd = {.fd = fd, .events = want};
	int tries;

	for (tries = 0; tries < 100; tries++) {
		pfd.events = want;
		if (want && poll(&pfd, 1, 10) > 0 && (pfd.revents & want))
			break;
		if (!want)
			break;
	}
	pfd.events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;
	poll(&pfd, 1, 0);
	return pfd.revents;
}

/* Close so that the peer sees a reset. */
static inline void reset(int fd)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

static inline void sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, (ms % 1000) * 1000000L};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

static inline void set_nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* A child uses it: from now on it is not this process's alone. */
static inline void use_in_child(int fd)
{
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static inline int int_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

#endif
