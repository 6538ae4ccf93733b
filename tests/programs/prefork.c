/* SPDX-License-Identifier: Apache-2.0 */
/* 64 processes on one listener: none of them starves, no connection is lost. */
#include "probe.h"

#include <sys/epoll.h>
#include <sys/wait.h>

#define PROCS	 64
#define ROUNDS	 10
#define AT_ONCE	 64
#define LONG_S	 20 /* what takes longer is lost */

enum way { BLOCKING, POLLING, EPOLLING, EXCLUSIVE };

static const char *const way_names[] = {"accept", "poll", "epoll",
					"epoll, exclusive"};

static void wait_for_one(int lfd, enum way way, int ep)
{
	struct pollfd p = {.fd = lfd, .events = POLLIN};
	struct epoll_event ev;

	if (way == POLLING)
		poll(&p, 1, -1);
	else if (way != BLOCKING)
		epoll_wait(ep, &ev, 1, -1);
}

/* Tells each client which process it has met. */
static void worker(int lfd, enum way way, int number)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(0), fd;

	if (way == EXCLUSIVE)
		ev.events |= EPOLLEXCLUSIVE;
	if (way == EPOLLING || way == EXCLUSIVE)
		epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
	if (way != BLOCKING)
		fcntl(lfd, F_SETFL, O_NONBLOCK);
	for (;;) {
		wait_for_one(lfd, way, ep);
		fd = accept(lfd, NULL, NULL);
		if (fd < 0)
			continue; /* somebody was quicker */
		send(fd, &number, sizeof(number), MSG_NOSIGNAL);
		close(fd);
	}
}

static int client(const struct sockaddr_in *at)
{
	struct timeval limit = {.tv_sec = LONG_S};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Whom the connection has met, or -1. */
static int met(int fd)
{
	int number = -1;

	if (fd < 0 || recv(fd, &number, sizeof(number), MSG_WAITALL) !=
			      (ssize_t)sizeof(number))
		number = -1;
	close(fd);
	return number;
}

static void count(int number, int *served, int *lost)
{
	if (number < 0)
		(*lost)++;
	else
		served[number]++;
}

static int busy(const int *served)
{
	int i, n = 0;

	for (i = 0; i < PROCS; i++)
		n += served[i] > 0;
	return n;
}

static void by(enum way way)
{
	int served[PROCS] = {0}, pids[PROCS], fds[AT_ONCE], lost = 0, i, n;
	int lfd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	time_t end;

	need(listen(lfd, 128), "listen");
	getsockname(lfd, (struct sockaddr *)&at, &len);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; i < PROCS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			worker(lfd, way, i);
	}
	/* one after the other, while all the rest wait */
	for (n = 0; n < PROCS * ROUNDS; n++)
		count(met(client(&at)), served, &lost);
	say(lost, "%s, lost", way_names[way]);
	/* each in its turn, once all of them are there; the kernel wakes all
	 * who poll, and any of them is the quickest */
	end = time(NULL) + LONG_S;
	while (way == BLOCKING && busy(served) < PROCS && time(NULL) < end)
		count(met(client(&at)), served, &lost);
	if (way == BLOCKING)
		say(busy(served), "%s, processes that have served",
		    way_names[way]);
	for (lost = n = 0; n < ROUNDS; n++) {
		for (i = 0; i < AT_ONCE; i++)
			fds[i] = client(&at);
		for (i = 0; i < AT_ONCE; i++)
			count(met(fds[i]), served, &lost);
	}
	say(lost, "%s, %d at once, lost", way_names[way], AT_ONCE);
	if (getenv("PREFORK_VERBOSE"))
		for (i = 0; i < PROCS; i++)
			fprintf(stderr, "%d%c", served[i],
				i == PROCS - 1 ? '\n' : ' ');
	for (i = 0; i < PROCS; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	close(lfd);
}

int main(void)
{
	by(BLOCKING);
	by(POLLING);
	by(EPOLLING);
	by(EXCLUSIVE);
	return 0;
}
