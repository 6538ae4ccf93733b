/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that wait while others are made, linked statically so that the
 * supervisor has every call: `inflight PORT`. Nobody answers at 10.0.2.2:PORT,
 * so a connect() there waits for ever. It says, a line each: that neither such
 * a connect() nor other calls that wait hold up other threads' and another
 * process's; what a signal does to them, with and without SA_RESTART; that
 * processes which are killed in the middle take nothing along. Then it waits
 * for the end of its input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 500
#define KILLED 40

static struct sockaddr_in hole, listening, receiving;
static int listener, receiver;
static atomic_int caught;

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in name(const char *ip, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(port)};

	inet_pton(AF_INET, ip, &sin.sin_addr);
	return sin;
}

static int bound(int type, struct sockaddr_in *ret_name)
{
	socklen_t len = sizeof(*ret_name);
	int fd = socket(AF_INET, type, 0);

	*ret_name = name("127.0.0.1", 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)ret_name, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)ret_name, &len) < 0)
		fail("bound");
	return fd;
}

/* ---- calls that wait ---- */

static long wait_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&hole, sizeof(hole));
}

static long wait_accept(void)
{
	return accept(listener, NULL, NULL);
}

static long wait_recvfrom(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char byte;

	return recvfrom(receiver, &byte, 1, 0, (struct sockaddr *)&from, &len);
}

static long wait_recvmsg(void)
{
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return recvmsg(receiver, &msg, 0);
}

static struct waiter {
	const char *what;
	long (*call)(void);
	pthread_t thread;
	atomic_bool begun, over;
	long rc;
	int error;
} waiters[] = {
	{"connect", wait_connect},
	{"connect", wait_connect},
	{"accept", wait_accept},
	{"recvfrom", wait_recvfrom},
	{"recvmsg", wait_recvmsg},
};

#define WAITERS (sizeof(waiters) / sizeof(*waiters))

static void *make_it_wait(void *arg)
{
	struct waiter *waiter = arg;

	waiter->begun = true;
	waiter->rc = waiter->call();
	waiter->error = errno;
	waiter->over = true;
	return NULL;
}

/* ---- calls that do not ---- */

static void round_of_calls(void)
{
	struct sockaddr_in sin;
	int fd = bound(SOCK_STREAM, &sin), on = 1;
	socklen_t len = sizeof(on);

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &on, &len) < 0 ||
	    on != SOCK_STREAM || close(fd) < 0)
		fail("round");
}

static void say_nobody_is_held_up(void)
{
	int status, waiting = 0;
	pid_t pid = fork();

	for (int i = 0; i < ROUNDS; i++)
		round_of_calls();
	if (pid == 0)
		_exit(7);
	waitpid(pid, &status, 0);
	for (size_t i = 0; i < WAITERS; i++)
		waiting += !waiters[i].over;
	printf("%s: %d of %zu still wait\n",
	       WEXITSTATUS(status) == 7 ? "others are served" : "failed",
	       waiting, WAITERS);
}

/* ---- signals ---- */

static void count_it(int signo)
{
	caught++;
}

/* Until it is over, or @times signals were caught: a signal that comes before
 * the call ends nothing. */
static void interrupt(struct waiter *waiter, int signo, int times)
{
	for (caught = 0; !waiter->over && caught < times;) {
		int before = caught;

		pthread_kill(waiter->thread, signo);
		while (caught == before && !waiter->over)
			usleep(1000);
		usleep(20000);
	}
}

static void say_end(struct waiter *waiter, const char *how)
{
	pthread_join(waiter->thread, NULL);
	printf("%s %s: %s\n", waiter->what, how,
	       waiter->rc < 0 ? strerrorname_np(waiter->error) : "done");
}

static void say_signals(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (size_t i = 0; i < WAITERS; i += 2) {
		if (i == 2)
			continue;
		interrupt(&waiters[i], SIGUSR1, 1000);
	}
	say_end(&waiters[0], "interrupted");
	say_end(&waiters[4], "interrupted");
	interrupt(&waiters[2], SIGUSR2, 20);
	interrupt(&waiters[3], SIGUSR2, 20);
	if (waiters[2].over || waiters[3].over)
		puts("SA_RESTART did not restart");
	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&receiving,
		   sizeof(receiving)) < 0)
		fail("sendto");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&listening, sizeof(listening)) < 0)
		fail("connect");
	say_end(&waiters[2], "restarted");
	say_end(&waiters[3], "restarted");
	close(fd);
}

/* ---- callers that are killed ---- */

static void say_killed(void)
{
	pid_t pids[KILLED];
	int done = 0;

	for (int i = 0; i < KILLED; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			waiters[i % WAITERS].call();
			_exit(0);
		}
	}
	usleep(100000);
	for (int i = 0; i < KILLED; i++) {
		kill(pids[i], SIGKILL);
		done += waitpid(pids[i], NULL, 0) == pids[i];
	}
	round_of_calls();
	printf("%d of %d killed\n", done, KILLED);
}

int main(int argc, char **argv)
{
	struct sigaction ends = {.sa_handler = count_it};
	struct sigaction restarts = {.sa_handler = count_it,
				     .sa_flags = SA_RESTART};
	char byte;

	sigaction(SIGUSR1, &ends, NULL);
	sigaction(SIGUSR2, &restarts, NULL);
	hole = name("10.0.2.2", argc > 1 ? (uint16_t)atoi(argv[1]) : 1);
	listener = bound(SOCK_STREAM, &listening);
	receiver = bound(SOCK_DGRAM, &receiving);
	if (listen(listener, 5) < 0)
		fail("listen");
	for (size_t i = 0; i < WAITERS; i++) {
		pthread_create(&waiters[i].thread, NULL, make_it_wait,
			       &waiters[i]);
		while (!waiters[i].begun)
			usleep(1000);
	}
	usleep(100000);
	say_nobody_is_held_up();
	say_signals();
	say_killed();
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	/* a connect() still waits: it ends with us */
	_exit(0);
}
