/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads: waiting, waking, sharing one socket. */
#include "probe.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/wait.h>

static int shared[2];

static void *waits_in_recv(void *arg)
{
	char byte;

	return (void *)(intptr_t)recv(*(int *)arg, &byte, 1, 0);
}

static void *waits_in_accept(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);

	return (void *)(intptr_t)(fd < 0 ? -errno : 1);
}

static void *waits_in_poll(void *arg)
{
	struct pollfd pfd = {.fd = *(int *)arg, .events = POLLIN};

	return (void *)(intptr_t)poll(&pfd, 1, 5000);
}

static void *waits_in_epoll(void *arg)
{
	int ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	intptr_t count;

	epoll_ctl(ep, EPOLL_CTL_ADD, *(int *)arg, &event);
	count = epoll_wait(ep, &event, 1, 5000);
	close(ep);
	return (void *)count;
}

static void woken(void *(*waiter)(void *), const char *label)
{
	pthread_t thread;
	void *result;

	tcp_pair(shared);
	pthread_create(&thread, NULL, waiter, &shared[0]);
	sleep_ms(50);
	send(shared[1], "x", 1, 0);
	pthread_join(thread, &result);
	say((intptr_t)result, "%s", label);
	close_pair(shared);
}

static void woken_by_shutdown(void)
{
	pthread_t thread;
	void *result;
	uint16_t port;
	int fd;

	tcp_pair(shared);
	pthread_create(&thread, NULL, waits_in_recv, &shared[0]);
	sleep_ms(50);
	shutdown(shared[0], SHUT_RD);
	pthread_join(thread, &result);
	say((intptr_t)result, "recv, shut by another thread");
	close_pair(shared);
	fd = new_listener(&port);
	pthread_create(&thread, NULL, waits_in_accept, &fd);
	sleep_ms(50);
	shutdown(fd, SHUT_RDWR);
	pthread_join(thread, &result);
	errno = -(intptr_t)result;
	say((intptr_t)result < 0 ? -1 : 1, "accept, shut by another thread");
	close(fd);
}

static void *connects_late(void *arg)
{
	int fd = new_tcp(0);

	sleep_ms(50);
	connect_loopback(fd, *(uint16_t *)arg);
	sleep_ms(50);
	close(fd);
	return NULL;
}

static void accepts(void)
{
	uint16_t port;
	int fd = new_listener(&port);
	pthread_t thread;
	int served;

	pthread_create(&thread, NULL, connects_late, &port);
	served = accept(fd, NULL, NULL);
	say_bool(served >= 0, "accept waits");
	pthread_join(thread, NULL);
	close(served);
	close(fd);
}

#define CHUNK  1000
#define CHUNKS 2000

static void *sends_much(void *arg)
{
	static char data[CHUNK];
	int i;

	for (i = 0; i < CHUNKS; i++)
		if (send(*(int *)arg, data, CHUNK, 0) != CHUNK)
			return (void *)-1;
	return NULL;
}

static void *receives_much(void *arg)
{
	static char data[CHUNK];
	long got = 0;
	ssize_t n;

	while (got < CHUNK * CHUNKS) {
		n = recv(*(int *)arg, data, CHUNK, 0);
		if (n <= 0)
			return (void *)-1;
		got += n;
	}
	return (void *)got;
}

static void both_ways(void)
{
	pthread_t threads[4];
	void *result;

	tcp_pair(shared);
	pthread_create(&threads[0], NULL, sends_much, &shared[0]);
	pthread_create(&threads[1], NULL, sends_much, &shared[1]);
	pthread_create(&threads[2], NULL, receives_much, &shared[0]);
	pthread_create(&threads[3], NULL, receives_much, &shared[1]);
	pthread_join(threads[0], &result);
	say((intptr_t)result, "one way sent");
	pthread_join(threads[1], &result);
	say((intptr_t)result, "the other way sent");
	pthread_join(threads[2], &result);
	say((intptr_t)result, "received");
	pthread_join(threads[3], &result);
	say((intptr_t)result, "received the other way");
	close_pair(shared);
}

static void *own_pair(void *arg)
{
	int fds[2], i;
	char back[100];

	tcp_pair(fds);
	for (i = 0; i < 200; i++) {
		if (send(fds[i & 1], "ping", 4, 0) != 4)
			return (void *)1;
		if (recv(fds[!(i & 1)], back, 4, MSG_WAITALL) != 4)
			return (void *)2;
	}
	close_pair(fds);
	return NULL;
}

static void many(void)
{
	pthread_t threads[16];
	void *result;
	int i, bad = 0;

	for (i = 0; i < 16; i++)
		pthread_create(&threads[i], NULL, own_pair, NULL);
	for (i = 0; i < 16; i++) {
		pthread_join(threads[i], &result);
		bad += result != NULL;
	}
	say(bad, "16 threads with a pair each, failed");
}

/* ---- those that end, and one that goes on waiting ---- */

static void *echoes(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char data[16];
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		send(fd, data, (size_t)n, 0);
	close(fd);
	return NULL;
}

static void a_thread_each(int channel)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int lfd = socket(AF_INET, SOCK_STREAM, 0), fd;
	pthread_t thread;

	listen(lfd, 8);
	getsockname(lfd, (struct sockaddr *)&at, &len);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	write(channel, &at, sizeof(at));
	while ((fd = accept(lfd, NULL, NULL)) >= 0) {
		pthread_create(&thread, NULL, echoes, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
	_exit(1);
}

/* Two threads get something at the same moment, answer and end; a third is
 * in accept() all the time, and must hear of the next connection. */
static void ends_beside_accept(void)
{
	struct timeval long_enough = {.tv_sec = 10};
	struct sockaddr_in at;
	int channel[2], fds[2], round, i, rc = 0, pid;
	char data[16];

	/* without fdnet-run, the first socket makes the sandbox */
	close(socket(AF_INET, SOCK_STREAM, 0));
	need(pipe(channel), "pipe");
	pid = fork();
	if (pid == 0)
		a_thread_each(channel[1]);
	read(channel[0], &at, sizeof(at));
	for (round = 0; round < 300 && rc >= 0; round++) {
		for (i = 0; i < 2 && rc >= 0; i++) {
			fds[i] = socket(AF_INET, SOCK_STREAM, 0);
			setsockopt(fds[i], SOL_SOCKET, SO_SNDTIMEO,
				   &long_enough, sizeof(long_enough));
			rc = connect(fds[i], (struct sockaddr *)&at,
				     sizeof(at));
		}
		if (rc < 0)
			break;
		for (i = 0; i < 2; i++)
			send(fds[i], "a word", 6, 0);
		for (i = 0; i < 2; i++)
			recv(fds[i], data, sizeof(data), 0);
		close_pair(fds);
	}
	say(rc, "connect after threads have ended");
	say(round, "rounds");
	close_pair(channel);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	/* first: no other socket must have threads waiting */
	ends_beside_accept();
	woken(waits_in_recv, "recv woken");
	woken(waits_in_poll, "poll woken");
	woken(waits_in_epoll, "epoll woken");
	woken_by_shutdown();
	accepts();
	both_ways();
	many();
	return 0;
}
