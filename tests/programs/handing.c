/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Much data from one thread to another of the same process, whose reader goes
 * about it in every way: each byte must come, once, in its place.
 */
#include "probe.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PIECES	 150
#define PIECE	 200000
#define READ	 131072

static int pair[2];
static uint64_t sent;
static int last_error;

static uint8_t byte_at(uint64_t pos)
{
	return (uint8_t)(pos * 2654435761u >> 13);
}

static size_t size_of(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % 8 ? (*seed >> 8) % PIECE + 1 :
				  (*seed >> 8) % 2000 + 1;
}

static void *writer(void *arg)
{
	static uint8_t buf[PIECE];
	unsigned int seed = 7;
	struct iovec iov[2];

	(void)arg;
	sent = 0;
	last_error = 0;
	for (int i = 0; i < PIECES; i++) {
		size_t len = size_of(&seed), at = 0;

		for (size_t k = 0; k < len; k++)
			buf[k] = byte_at(sent + k);
		while (at < len) {
			ssize_t n;

			iov[0] = (struct iovec){buf + at, (len - at) / 3};
			iov[1] = (struct iovec){buf + at + (len - at) / 3,
						len - at - (len - at) / 3};
			n = i % 3 ? send(pair[1], buf + at, len - at,
					 MSG_NOSIGNAL) :
				    writev(pair[1], iov, 2);
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0) {
				last_error = errno;
				return NULL;
			}
			at += (size_t)n;
			sent += (size_t)n;
		}
		/* what was sent is the writer's again at once */
		memset(buf, 0xee, len);
	}
	shutdown(pair[1], SHUT_WR);
	return NULL;
}

/* Each of these reads something, 0 at the end. */
static uint8_t room[READ];

static ssize_t plainly(void)
{
	return read(pair[0], room, sizeof(room));
}

static ssize_t in_small_pieces(void)
{
	ssize_t n;

	/* a sanitizer's handlers do not restart */
	do {
		n = recv(pair[0], room, 3000, 0);
	} while (n < 0 && errno == EINTR);
	return n;
}

static ssize_t wholly(void)
{
	return recv(pair[0], room, sizeof(room), MSG_WAITALL);
}

static ssize_t scattered(void)
{
	struct iovec iov[3] = {{room, 10},
			       {room + 10, 50000},
			       {room + 50010, sizeof(room) - 50010}};

	return readv(pair[0], iov, 3);
}

static ssize_t after_a_peek(void)
{
	static uint8_t peeked[sizeof(room)];
	ssize_t n = recv(pair[0], peeked, sizeof(peeked), MSG_PEEK);

	if (n <= 0)
		return n;
	n = recv(pair[0], room, (size_t)n, MSG_WAITALL);
	return memcmp(room, peeked, (size_t)n) ? -1 : n;
}

static ssize_t as_much_as_there_is(void)
{
	struct pollfd p = {.fd = pair[0], .events = POLLIN};
	int there = 0;

	if (poll(&p, 1, 5000) != 1 || ioctl(pair[0], FIONREAD, &there))
		return -1;
	if (there > (int)sizeof(room))
		there = sizeof(room);
	/* readable and nothing there: the end */
	return there ? recv(pair[0], room, (size_t)there, MSG_WAITALL) :
		       recv(pair[0], room, 1, 0);
}

static int ep = -1;

static ssize_t by_epoll(void)
{
	struct epoll_event event;

	for (;;) {
		ssize_t n;

		if (epoll_wait(ep, &event, 1, 5000) != 1)
			return -1;
		n = recv(pair[0], room, sizeof(room), MSG_DONTWAIT);
		if (n >= 0 || errno != EAGAIN)
			return n;
	}
}

static ssize_t by_edges(void)
{
	ssize_t n = recv(pair[0], room, 60000, MSG_DONTWAIT);

	return n >= 0 || errno != EAGAIN ? n : by_epoll();
}

static void watch(uint32_t events)
{
	struct epoll_event event = {.events = events};

	ep = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(ep, EPOLL_CTL_ADD, pair[0], &event);
}

static void moved(const char *how, ssize_t (*take)(void), uint32_t events)
{
	uint64_t got = 0, wrong = 0;
	pthread_t thread;
	ssize_t n;

	tcp_pair(pair);
	if (events)
		watch(events);
	pthread_create(&thread, NULL, writer, NULL);
	while ((n = take()) > 0) {
		for (ssize_t i = 0; i < n; i++)
			wrong += room[i] != byte_at(got + (uint64_t)i);
		got += (uint64_t)n;
	}
	pthread_join(thread, NULL);
	say(n, "%s, the end", how);
	say((long)got, "%s, bytes", how);
	say((long)(sent - got), "%s, missing", how);
	say((long)wrong, "%s, wrong", how);
	close_pair(pair);
	if (ep >= 0)
		close(ep);
	ep = -1;
}

static void tick(int sig)
{
	(void)sig;
}

static void moved_under_signals(void)
{
	struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	moved("under signals", in_small_pieces, 0);
	setitimer(ITIMER_REAL, &never, NULL);
}

static void reader_that_leaves(void)
{
	pthread_t thread;

	tcp_pair(pair);
	pthread_create(&thread, NULL, writer, NULL);
	for (int i = 0; i < 5; i++)
		plainly();
	close(pair[0]);
	pthread_join(thread, NULL);
	say(last_error == EPIPE || last_error == ECONNRESET,
	    "a reader that leaves, the writer is told");
	close(pair[1]);
}

/* Whoever forks in the middle takes nothing away, and adds nothing. */
static void *forks(void *arg)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return arg;
}

static void moved_beside_forks(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, forks, NULL);
	moved("beside forks", plainly, 0);
	pthread_join(thread, NULL);
}

static ssize_t with_a_bound(void)
{
	ssize_t n;

	do {
		n = recv(pair[0], room, sizeof(room), 0);
	} while (n < 0 && errno == EAGAIN);
	return n;
}

static void moved_with_a_bound(void)
{
	/* nothing here takes so long but a machine that is busy */
	struct timeval bound = {0, 1000};
	uint64_t got = 0, wrong = 0;
	pthread_t thread;
	ssize_t n;

	tcp_pair(pair);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
	pthread_create(&thread, NULL, writer, NULL);
	while ((n = with_a_bound()) > 0) {
		for (ssize_t i = 0; i < n; i++)
			wrong += room[i] != byte_at(got + (uint64_t)i);
		got += (uint64_t)n;
	}
	pthread_join(thread, NULL);
	say((long)(sent - got), "with a time-out, missing");
	say((long)wrong, "with a time-out, wrong");
	close_pair(pair);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	moved("plainly", plainly, 0);
	moved("in small pieces", in_small_pieces, 0);
	moved("wholly", wholly, 0);
	moved("scattered", scattered, 0);
	moved("after a peek", after_a_peek, 0);
	moved("as much as there is", as_much_as_there_is, 0);
	moved("by epoll", by_epoll, EPOLLIN);
	moved("by edges", by_edges, EPOLLIN | EPOLLET);
	moved_with_a_bound();
	reader_that_leaves();
	moved_beside_forks();
	moved_under_signals();
	return 0;
}
