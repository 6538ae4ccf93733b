/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Urgent data of streams: beside what else is sent, in line, as the first and
 * as the last byte, again and again, and far behind others.
 */
#include "probe.h"

#include <pthread.h>

#define ROUNDS 200
#define FAR    100000

static char buf[FAR];

/* @len bytes, in as many pieces as they come in; how many came. */
static long take(int fd, long len)
{
	long sum = 0, rc;

	while (sum < len) {
		rc = recv(fd, buf, (size_t)(len - sum), 0);
		if (rc <= 0)
			return rc < 0 ? rc : sum;
		sum += rc;
	}
	return sum;
}

static void beside(void)
{
	int fds[2];

	tcp_pair(fds);
	say(recv(fds[0], buf, 1, MSG_OOB | MSG_DONTWAIT), "none");
	send(fds[1], "abc", 3, 0);
	say(send(fds[1], "!", 1, MSG_OOB), "send");
	send(fds[1], "def", 3, 0);
	say_bits(ready(fds[0], POLLPRI) & POLLPRI, "bits");
	say(recv(fds[0], buf, 16, 0), "up to the mark");
	say(sockatmark(fds[0]), "at the mark");
	say(recv(fds[0], buf, 1, MSG_OOB), "the byte");
	say(buf[0], "it is");
	say(take(fds[0], 3), "what follows");
	say(buf[0], "which begins");
	say_bits(ready(fds[0], 0) & POLLPRI, "no more");
	close_pair(fds);
}

static void in_line(void)
{
	int fds[2], on = 1;

	tcp_pair(fds);
	say(setsockopt(fds[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)),
	    "in line");
	send(fds[1], "ab", 2, 0);
	send(fds[1], "!", 1, MSG_OOB);
	send(fds[1], "cd", 2, 0);
	ready(fds[0], POLLPRI);
	say(recv(fds[0], buf, 16, 0), "in line, before");
	say(sockatmark(fds[0]), "in line, at the mark");
	say(take(fds[0], 3), "in line, with what follows");
	say(recv(fds[0], buf, 1, MSG_OOB), "in line, MSG_OOB");
	close_pair(fds);
}

static void alone(void)
{
	int fds[2];

	tcp_pair(fds);
	send(fds[1], "!", 1, MSG_OOB);
	say_bits(ready(fds[0], POLLPRI) & POLLPRI, "first, bits");
	say(recv(fds[0], buf, 1, MSG_OOB), "first, the byte");
	send(fds[1], "a", 1, 0);
	say(take(fds[0], 1), "first, what follows");
	send(fds[1], "!", 1, MSG_OOB);
	ready(fds[0], POLLPRI);
	say(recv(fds[0], buf, 1, MSG_OOB), "last, the byte");
	close(fds[1]);
	say(recv(fds[0], buf, 16, 0), "last, the end");
	close(fds[0]);
}

static void again(void)
{
	long bytes = 0, urgent = 0;
	int fds[2], i;

	tcp_pair(fds);
	for (i = 0; i < ROUNDS; i++) {
		send(fds[1], "0123456789", 10, 0);
		send(fds[1], "!", 1, MSG_OOB);
		send(fds[1], "0123456789", 10, 0);
		ready(fds[0], POLLPRI);
		urgent += recv(fds[0], buf, 1, MSG_OOB) == 1 && buf[0] == '!';
		bytes += take(fds[0], 20);
	}
	say(urgent, "again and again, urgent");
	say(bytes, "again and again, others");
	close_pair(fds);
}

static void *send_far(void *arg)
{
	static const char data[FAR];
	int fd = *(int *)arg;

	send(fd, data, FAR, 0);
	send(fd, "!", 1, MSG_OOB);
	send(fd, data, FAR, 0);
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void far_behind(void)
{
	pthread_t thread;
	int fds[2];

	tcp_pair(fds);
	pthread_create(&thread, NULL, send_far, &fds[1]);
	say(take(fds[0], FAR), "far behind, before");
	say(take(fds[0], FAR), "far behind, after");
	say(recv(fds[0], buf, 1, 0), "far behind, the end");
	pthread_join(thread, NULL);
	close_pair(fds);
}

int main(void)
{
	beside();
	in_line();
	alone();
	again();
	far_behind();
	return 0;
}
