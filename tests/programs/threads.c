/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads: waiting, waking, sharing one socket. */
#include "probe.h"

#include <pthread.h>
#include <sys/epoll.h>

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

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	woken(waits_in_recv, "recv woken");
	woken(waits_in_poll, "poll woken");
	woken(waits_in_epoll, "epoll woken");
	woken_by_shutdown();
	accepts();
	both_ways();
	many();
	return 0;
}
