/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads that all call at once, linked statically so that the supervisor
 * has every call: `crowd THREADS ROUNDS`. Each round makes and names sockets
 * and moves data over the sandbox's own loopback, as streams and as datagrams,
 * while signals interrupt whatever is under way. Every answer is compared with
 * the only one that is right.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static int rounds;
static unsigned int streams, datagrams;

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);

	if (getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		fail("getsockname");
	return sin;
}

static int bound(int type)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type, 0);

	if (fd < 0)
		fail("socket");
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		fail("bind");
	return fd;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int rc;

	do
		rc = poll(&p, 1, PATIENCE_MS);
	while (rc < 0 && errno == EINTR);
	if (rc != 1)
		fail("poll");
}

/* In one thread: the backlog takes the connection. */
static void try_stream(unsigned int seed)
{
	int listener = bound(SOCK_STREAM), on = 1, error = -1, a, b;
	struct sockaddr_in sin = name_of(listener), from;
	socklen_t len = sizeof(from);
	unsigned int got = 0;

	if (listen(listener, 4) < 0)
		fail("listen");
	a = socket(AF_INET, SOCK_STREAM | (seed & 1 ? SOCK_NONBLOCK : 0), 0);
	if (a < 0 ||
	    setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		fail("socket");
	if (connect(a, (struct sockaddr *)&sin, sizeof(sin)) < 0 &&
	    errno != EINPROGRESS)
		fail("connect");
	wait_for(a, POLLOUT);
	len = sizeof(error);
	if (getsockopt(a, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		fail("SO_ERROR");
	len = sizeof(from);
	b = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
	if (b < 0)
		fail("accept");
	if (from.sin_port != name_of(a).sin_port)
		fail("accepted another's");
	if (write(a, &seed, sizeof(seed)) != sizeof(seed))
		fail("write");
	wait_for(b, POLLIN);
	if (read(b, &got, sizeof(got)) != sizeof(got) || got != seed)
		fail("read");
	close(a);
	wait_for(b, POLLIN);
	if (read(b, &got, 1) != 0)
		fail("end");
	close(b);
	close(listener);
	__atomic_add_fetch(&streams, 1, __ATOMIC_RELAXED);
}

static void try_datagram(unsigned int seed)
{
	int a = bound(SOCK_DGRAM), b = bound(SOCK_DGRAM);
	struct sockaddr_in to = name_of(a), from = {0};
	socklen_t len = sizeof(from);
	unsigned int got[2] = {0};
	struct timeval patience = {60, 0};

	setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (sendto(b, &seed, sizeof(seed), 0, (struct sockaddr *)&to,
		   sizeof(to)) != sizeof(seed))
		fail("sendto");
	if (seed & 1) { /* whoever does not ask gets it bare */
		wait_for(a, POLLIN);
		if (read(a, got, sizeof(got)) != sizeof(seed))
			fail("read of a datagram");
	} else {
		ssize_t rc;

		do
			rc = recvfrom(a, got, sizeof(got), 0,
				      (struct sockaddr *)&from, &len);
		while (rc < 0 && errno == EINTR);
		if (rc != sizeof(seed) ||
		    from.sin_port != name_of(b).sin_port)
			fail("recvfrom");
	}
	if (got[0] != seed)
		fail("another's datagram");
	close(a);
	close(b);
	__atomic_add_fetch(&datagrams, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg * 65536;
	int i;

	for (i = 0; i < rounds; i++) {
		try_stream(seed + i);
		try_datagram(seed + i);
	}
	return NULL;
}

static void nothing(int signo)
{
}

int main(int argc, char **argv)
{
	struct itimerval often = {{0, 2000}, {0, 2000}};
	struct sigaction action = {.sa_handler = nothing,
				   .sa_flags = SA_RESTART};
	int threads = argc > 1 ? atoi(argv[1]) : 64, i;
	pthread_t *ids = calloc(threads, sizeof(*ids));

	rounds = argc > 2 ? atoi(argv[2]) : 5;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work,
				   (void *)(uintptr_t)(i + 1)))
			fail("pthread_create");
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("%u streams, %u datagrams\n", streams, datagrams);
	return 0;
}
