/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers of each make. All greet, give back what they get, and close when
 * their client has closed.
 */
#include "config.h"
#include "tests/kills/kills.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3
#define QUIET_S 30 /* a client is never quiet for so long */

static int bound(int type, int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
	double until = now_s() + 20;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	while (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	       (type == SOCK_STREAM && listen(fd, 64))) {
		/* the one before may be on its way out */
		if (errno != EADDRINUSE || now_s() > until) {
			note("bind to %d: %s", port, strerror(errno));
			atomic_fetch_add(&table->wrong, 1);
			_exit(3);
		}
		usleep(10000);
	}
	return fd;
}

static void publish(enum server kind, int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	getsockname(fd, (struct sockaddr *)&at, &len);
	table->servers[kind].port = ntohs(at.sin_port);
	mine->ready = true;
}

static bool greet(int fd)
{
	struct greeting g = {(int32_t)(mine - table->slots), getpid()};

	return send_all(fd, &g, sizeof(g));
}

static bool echo_once(int fd)
{
	char buf[MAX_TEXT];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && send_all(fd, buf, (size_t)n);
}

static void serve_one(int fd)
{
	if (greet(fd))
		while (!table->stop && echo_once(fd))
			moved();
	close(fd);
}

/* ---- one process, epoll ---- */

struct conn {
	int fd;
	double heard;
};

static void look_for_quiet(struct conn *conns, int n)
{
	double now = now_s();
	int i;

	for (i = 0; i < n; i++) {
		if (conns[i].fd < 0 || now - conns[i].heard < QUIET_S)
			continue;
		note("%s: a client ended or went, and nobody said so",
		     mine->what);
		atomic_fetch_add(&table->hung, 1);
		close(conns[i].fd);
		conns[i].fd = -1;
	}
}

static void welcome(int ep, int fd, struct conn *conns, int max)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int i;

	for (i = 0; i < max && conns[i].fd >= 0; i++)
		;
	if (i == max || !greet(fd)) {
		close(fd);
		return;
	}
	conns[i].fd = fd;
	conns[i].heard = now_s();
	ev.data.u32 = (uint32_t)i;
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

/* Until there is no more to do: the stop, or, for a worker whose master is
 * gone, the end of its last connection. */
static void serve_by_epoll(int lfd, int master)
{
	struct conn conns[64];
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 64}, got[16];
	int ep = epoll_create1(EPOLL_CLOEXEC), n, i, fd, live;

	for (i = 0; i < 64; i++)
		conns[i].fd = -1;
	/* another worker may be the quicker */
	fcntl(lfd, F_SETFL, fcntl(lfd, F_GETFL) | O_NONBLOCK);
	epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
	while (!table->stop) {
		n = epoll_wait(ep, got, 16, 100);
		moved();
		for (i = 0; i < n; i++) {
			struct conn *c = &conns[got[i].data.u32];

			if (got[i].data.u32 == 64) {
				fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
				if (fd >= 0)
					welcome(ep, fd, conns, 64);
			} else if (echo_once(c->fd)) {
				c->heard = now_s();
			} else {
				close(c->fd);
				c->fd = -1;
			}
		}
		look_for_quiet(conns, 64);
		for (live = i = 0; i < 64; i++)
			live += conns[i].fd >= 0;
		if (master && getppid() != master && !live)
			return;
	}
}

/* ---- a thread each ---- */

static void *thread_of(void *arg)
{
	slot_take("thread of a server", THREAD_SERVER);
	serve_one((int)(intptr_t)arg);
	slot_drop();
	return NULL;
}

static void serve_by_threads(int lfd)
{
	pthread_t t;
	int fd;

	while (!table->stop) {
		fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
		moved();
		if (fd >= 0 &&
		    pthread_create(&t, NULL, thread_of, (void *)(intptr_t)fd))
			close(fd);
		else if (fd >= 0)
			pthread_detach(t);
	}
}

/* ---- a child each ---- */

static void serve_by_children(int lfd)
{
	int fd, pid;

	while (!table->stop) {
		fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
		moved();
		if (fd < 0)
			continue;
		pid = fork();
		if (pid == 0) {
			close(lfd);
			slot_take("child of a server", FORKING_SERVER);
			serve_one(fd);
			slot_drop();
			_exit(0);
		}
		close(fd);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* ---- workers ---- */

static void pass(int to, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int take(int from)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) <= 0)
		return -2;
	c = CMSG_FIRSTHDR(&msg);
	if (c)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void worker(enum server kind, int lfd, int channel, int master)
{
	struct pollfd p = {.fd = channel, .events = POLLIN};
	int fd;

	slot_take(kind == PREFORK_SERVER ? "prefork worker" : "fd taker", kind);
	if (kind == PREFORK_SERVER)
		serve_by_epoll(lfd, master);
	while (kind == PASSING_SERVER && !table->stop) {
		moved();
		if (poll(&p, 1, 100) <= 0)
			continue;
		fd = take(channel);
		if (fd == -2)
			break; /* the master is gone, and all it had passed */
		if (fd >= 0)
			serve_one(fd);
	}
	slot_drop();
	_exit(0);
}

static int new_worker(enum server kind, int lfd, const int channel[2])
{
	int master = getpid(), pid = fork();

	if (pid)
		return pid;
	close(channel[0]);
	if (kind == PASSING_SERVER)
		close(lfd);
	worker(kind, lfd, channel[1], master);
	return 0;
}

static void serve_by_workers(enum server kind, int lfd)
{
	struct pollfd p = {.fd = lfd, .events = POLLIN};
	int pids[WORKERS], channel[2], i, fd;

	/* one channel for all takers: what a dead one had not read stays */
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel);
	for (i = 0; i < WORKERS; i++)
		pids[i] = new_worker(kind, lfd, channel);
	publish(kind, lfd);
	while (!table->stop) {
		moved();
		if (kind == PREFORK_SERVER) {
			usleep(20000);
		} else if (poll(&p, 1, 50) > 0) {
			fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
			if (fd >= 0) {
				pass(channel[0], fd);
				close(fd);
			}
		}
		for (i = 0; i < WORKERS; i++)
			if (waitpid(pids[i], NULL, WNOHANG) == pids[i])
				pids[i] = new_worker(kind, lfd, channel);
	}
}

/* ---- datagrams ---- */

static void serve_datagrams(int fd)
{
	struct sockaddr_in from;
	socklen_t len;
	char buf[2048];
	ssize_t n;

	while (!table->stop) {
		len = sizeof(from);
		n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from,
			     &len);
		moved();
		if (n > 0)
			sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from,
			       len);
	}
}

void serve(enum server kind, int fixed_port)
{
	int fd = bound(kind == UDP_SERVER ? SOCK_DGRAM : SOCK_STREAM,
		       fixed_port);

	if (kind == PREFORK_SERVER || kind == PASSING_SERVER) {
		serve_by_workers(kind, fd);
		return;
	}
	publish(kind, fd);
	if (kind == UDP_SERVER)
		serve_datagrams(fd);
	else if (kind == FORKING_SERVER)
		serve_by_children(fd);
	else if (kind == THREAD_SERVER || kind == HOST_SERVER)
		serve_by_threads(fd);
	else
		serve_by_epoll(fd, 0);
}
