/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator's server: one thread, epoll. */
#include "config.h"

#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS	  256
#define FD_MAX	  131072
#define TURNS	  16 /* reads or writes for one event */
#define ECHO_SIZE 65536

struct conn {
	char kind;
	uint64_t count;
	char *owed; /* echo that the client did not take yet */
	size_t owed_len;
};

static struct conn *conns[FD_MAX];
static char buf[LOAD_BUF];
static int epfd;

void load_cubic(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

int load_listen(const char *addr, uint16_t *port, int *ret_udp)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(*port)};
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int size = 4 << 20;
	socklen_t len = sizeof(sin);

	load_check(inet_pton(AF_INET, addr, &sin.sin_addr) == 1, addr);
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	load_cubic(tcp);
	load_check(!bind(tcp, (struct sockaddr *)&sin, sizeof(sin)), "bind");
	load_check(!listen(tcp, 4096), "listen");
	getsockname(tcp, (struct sockaddr *)&sin, &len);
	*port = ntohs(sin.sin_port);
	setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	load_check(!bind(udp, (struct sockaddr *)&sin, sizeof(sin)), "bind");
	*ret_udp = udp;
	return tcp;
}

static void watch(int fd, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	epoll_ctl(epfd, op, fd, &ev);
}

static void drop(int fd)
{
	if (conns[fd])
		free(conns[fd]->owed);
	free(conns[fd]);
	conns[fd] = NULL;
	close(fd);
}

static void take_in(int tcp)
{
	int fd, one = 1;

	while ((fd = accept4(tcp, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (fd >= FD_MAX || !(conns[fd] = calloc(1, sizeof(*conns[0])))) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(fd, EPOLL_CTL_ADD, EPOLLIN);
	}
}

/* false: the connection is gone */
static int send_owed(int fd, struct conn *c)
{
	ssize_t n = send(fd, c->owed, c->owed_len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return drop(fd), 0;
	if (n > 0) {
		c->owed_len -= (size_t)n;
		memmove(c->owed, c->owed + n, c->owed_len);
	}
	if (!c->owed_len) {
		free(c->owed);
		c->owed = NULL;
		watch(fd, EPOLL_CTL_MOD, EPOLLIN);
	}
	return 1;
}

static int echo(int fd, struct conn *c, const char *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

	if (n == (ssize_t)len)
		return 1;
	if (n < 0 && errno != EAGAIN)
		return drop(fd), 0;
	n = n < 0 ? 0 : n;
	c->owed_len = len - (size_t)n;
	c->owed = malloc(c->owed_len);
	load_check(c->owed != NULL, "malloc");
	memcpy(c->owed, data + n, c->owed_len);
	watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
	return 0;
}

static void pour(int fd)
{
	for (int i = 0; i < TURNS; i++) {
		ssize_t n = send(fd, buf, sizeof(buf), MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN)
				drop(fd);
			return;
		}
	}
}

/* The first byte; is there more to do at once? */
static int begin(int fd, struct conn *c)
{
	if (recv(fd, &c->kind, 1, 0) != 1)
		return drop(fd), 0;
	if (c->kind == LOAD_ONCE) {
		send(fd, "o", 1, MSG_NOSIGNAL);
		return drop(fd), 0;
	}
	if (c->kind == LOAD_SOURCE) {
		watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
		return 0;
	}
	return 1;
}

static void take(int fd, struct conn *c)
{
	for (int i = 0; i < TURNS; i++) {
		size_t want = c->kind == LOAD_ECHO ? ECHO_SIZE : sizeof(buf);
		ssize_t n = recv(fd, buf, want, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			if (!n && c->kind == LOAD_SINK)
				send(fd, &c->count, sizeof(c->count),
				     MSG_NOSIGNAL);
			drop(fd);
			return;
		}
		c->count += (uint64_t)n;
		if (c->kind == LOAD_ECHO &&
		    (!echo(fd, c, buf, (size_t)n) || n < ECHO_SIZE))
			return;
	}
}

static void serve(int fd, uint32_t events)
{
	struct conn *c = conns[fd];

	if (!c)
		return;
	if (events & (EPOLLERR | EPOLLHUP))
		drop(fd);
	else if (c->owed)
		send_owed(fd, c);
	else if (c->kind == LOAD_SOURCE)
		pour(fd);
	else if (c->kind || begin(fd, c))
		take(fd, c);
}

/* Another process floods the client, so that this one still answers. */
static void flood(int udp, struct load_dgram ask, const struct sockaddr *to,
		  socklen_t len)
{
	struct load_dgram last = {.kind = LOAD_END};
	double end = load_now() + ask.secs;

	if (fork())
		return;
	memset(buf, 'x', sizeof(buf));
	while (load_now() < end)
		if (sendto(udp, buf, ask.size, 0, to, len) > 0)
			last.count++;
	for (int i = 0; i < 50; i++) { /* some may be lost */
		usleep(20000);
		sendto(udp, &last, sizeof(last), 0, to, len);
	}
	_exit(0);
}

static void datagrams(int udp)
{
	static uint64_t count;
	struct load_dgram *d = (struct load_dgram *)(void *)buf;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(udp, buf, sizeof(buf), 0, (struct sockaddr *)&from,
			     &len)) > 0) {
		if (d->kind == LOAD_SINK) {
			count++;
		} else if (d->kind == LOAD_ECHO) {
			sendto(udp, buf, (size_t)n, 0, (struct sockaddr *)&from,
			       len);
		} else if (d->kind == LOAD_QUERY) {
			d->count = count;
			sendto(udp, d, sizeof(*d), 0, (struct sockaddr *)&from,
			       len);
		} else if (d->kind == LOAD_SOURCE && n == sizeof(*d)) {
			flood(udp, *d, (struct sockaddr *)&from, len);
		}
		len = sizeof(from);
	}
}

void load_serve(int tcp, int udp)
{
	struct rlimit files = {FD_MAX, FD_MAX};
	struct epoll_event events[EVENTS];

	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	epfd = epoll_create1(0);
	watch(tcp, EPOLL_CTL_ADD, EPOLLIN);
	watch(udp, EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epfd, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == tcp)
				take_in(tcp);
			else if (fd == udp)
				datagrams(udp);
			else
				serve(fd, events[i].events);
		}
	}
}
