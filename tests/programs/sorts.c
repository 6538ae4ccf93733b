/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of every sort: that close all they see, drop their environment,
 * change root or user, have little memory or few descriptors, bring their own
 * allocator, and use sockets before main(), after it and in signal handlers.
 */
#include "probe.h"

#include <pthread.h>
#include <setjmp.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#define JEMALLOC "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"

/* Does a connection carry bytes? */
static long works(void)
{
	struct sockaddr_in sin = loopback(0);
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, conn;
	char buf[8] = "";
	long n;

	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return -1;
	conn = accept(listener, NULL, NULL);
	if (conn < 0 || write(fd, "works", 5) != 5)
		return -1;
	n = recv(conn, buf, 5, MSG_WAITALL);
	close(conn);
	close(fd);
	close(listener);
	return n;
}

/* ---- before and after main ---- */

static long before;
static int again[2] = {-1, -1};

static __attribute__((constructor)) void early(void)
{
	before = works();
}

static __attribute__((destructor)) void late(void)
{
	if (again[0] >= 0)
		say(works(), "in a destructor");
}

static void at_the_end(void)
{
	say(works(), "in an atexit function");
	say(send(again[0], "bye", 3, 0), "on an old socket");
	say(recv(again[1], (char[4]){0}, 3, MSG_WAITALL), "and its peer");
}

/* ---- in children, so that each begins afresh ---- */

static void in_child(const char *label, void (*body)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		body();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say(status, "%s", label);
}

static void close_one_by_one(void)
{
	int fd;

	say(works(), "before closing");
	for (fd = 3; fd < 1024; fd++)
		close(fd);
	say(works(), "after closing each");
	for (fd = 1023; fd > 2; fd--)
		close(fd);
	say(works(), "after closing each, downwards");
}

static void close_ranges(void)
{
	int fds[2];

	say(close_range(3, ~0u, 0), "close_range");
	say(works(), "after close_range");
	tcp_pair(fds);
	closefrom(3);
	say(write(fds[0], "x", 1), "closefrom closed it");
	say(works(), "after closefrom");
	tcp_pair(fds);
	say(close_range(3, 1000, CLOSE_RANGE_CLOEXEC), "mark them all");
	say(fcntl(fds[0], F_GETFD), "marked");
	say(send(fds[0], "still", 5, 0), "but open");
	say(recv(fds[1], (char[8]){0}, 5, MSG_WAITALL), "and working");
}

static void few_descriptors(void)
{
	struct rlimit low = {24, 24}, old;
	int n = 0, fd, fds[64];

	close_range(3, ~0u, 0);
	getrlimit(RLIMIT_NOFILE, &old);
	low.rlim_max = old.rlim_max;
	say(setrlimit(RLIMIT_NOFILE, &low), "setrlimit");
	while (n < 64 && (fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0)
		fds[n++] = fd;
	say(-1, "the next one");
	say(n, "sockets");
	say(dup(fds[0]), "dup");
	close(fds[--n]);
	close(fds[--n]);
	close(fds[--n]);
	say(works(), "with three free");
	getrlimit(RLIMIT_NOFILE, &low);
	say((long)low.rlim_cur, "the limit");
	setrlimit(RLIMIT_NOFILE, &old);
	say(socket(AF_INET, SOCK_DGRAM, 0) >= 0, "raised again");
	say(works(), "with many free");
}

/* So little that what the sandbox would share with it does not fit. */
static void hardly_any_memory(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	struct rlimit low;
	long pages = 0;

	if (!file || fscanf(file, "%ld", &pages) != 1)
		return;
	fclose(file);
	low.rlim_cur = low.rlim_max =
		(rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (12u << 20);
	say(setrlimit(RLIMIT_AS, &low), "RLIMIT_AS, 12 MiB more");
	say(works(), "with hardly any memory");
}

static void little_memory(void)
{
	struct rlimit low = {256u << 20, 256u << 20};

	say(setrlimit(RLIMIT_AS, &low), "RLIMIT_AS");
	say(works(), "with little memory");
	say(mmap(NULL, 512u << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED ? -1 : 0, "too much");
}

/* What the sandbox allows of these differs; that the network stays, does not. */
static void another_root(void)
{
	char folder[] = "/tmp/sorts.XXXXXX";

	if (mkdtemp(folder)) {
		if (chroot(folder) < 0)
			chdir(folder);
		rmdir(folder);
	}
	say(works(), "in another root");
}

static void another_user(void)
{
	if (setgid(65534) < 0 || setuid(65534) < 0)
		errno = 0;
	say(works(), "as another user");
}

static void execute(char *const envp[], const char *mode)
{
	char *argv[] = {(char *)"sorts", (char *)mode, NULL};

	execve("/proc/self/exe", argv, envp);
	say(-1, "execve");
}

static void no_environment(void)
{
	static char *const none[] = {NULL};

	execute(none, "no environment");
}

static void cleared_environment(void)
{
	char *argv[] = {(char *)"sorts", (char *)"cleared environment", NULL};

	clearenv();
	execv("/proc/self/exe", argv);
	say(-1, "execv");
}

static void own_allocator(void)
{
	const char *old = getenv("LD_PRELOAD");
	char preload[4096];
	char *envp[] = {preload, NULL};

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s%s%s",
		 access(JEMALLOC, R_OK) == 0 ? JEMALLOC : "", old ? ":" : "",
		 old ? old : "");
	execute(envp, "jemalloc first");
}

static void own_allocator_last(void)
{
	const char *old = getenv("LD_PRELOAD");
	char preload[4096];
	char *envp[] = {preload, NULL};

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s%s%s", old ? old : "",
		 old ? ":" : "", access(JEMALLOC, R_OK) == 0 ? JEMALLOC : "");
	execute(envp, "jemalloc last");
}

/* ---- signal handlers ---- */

static volatile long in_handler;
static volatile sig_atomic_t handled;
static int sleeper[2];

static void on_alarm(int sig)
{
	int error = errno;

	(void)sig;
	in_handler = works();
	if (++handled == 3)
		send(sleeper[1], "wake", 4, 0);
	errno = error;
}

static void in_handlers(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 20000}, {0, 20000}}, never = {0};
	char buf[8];

	tcp_pair(sleeper);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	say(recv(sleeper[0], buf, 4, MSG_WAITALL), "blocked meanwhile");
	setitimer(ITIMER_REAL, &never, NULL);
	say(in_handler, "in a signal handler");
	say(handled >= 3, "three times");
	close_pair(sleeper);
}

/* A handler that runs in the middle of calls, again and again. */
static void under_fire(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 500}, {0, 500}}, never = {0};
	long sent = 0, got = 0, i;
	char buf[512];
	int fds[2];

	handled = 10;
	tcp_pair(fds);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < 2000; i++) {
		sent += send(fds[0], buf, 100, 0);
		while (got < sent) {
			long n = recv(fds[1], buf, sizeof(buf), 0);

			if (n <= 0)
				break;
			got += n;
		}
	}
	setitimer(ITIMER_REAL, &never, NULL);
	say(got, "bytes under fire");
	close_pair(fds);
}

static sigjmp_buf back;

static void on_timeout(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* Blocked calls that a handler leaves for good, as wget's time-outs do. */
static void left_for_good(void)
{
	struct itimerval soon = {{0, 0}, {0, 5000}};
	volatile int times = 0, i;
	int fds[2], udp[2];
	char buf[8];

	tcp_pair(fds);
	udp_pair(udp);
	signal(SIGALRM, on_timeout);
	for (i = 0; i < 40; i++) {
		struct pollfd p = {.fd = fds[0], .events = POLLIN};

		if (sigsetjmp(back, 1)) {
			times++;
			continue;
		}
		setitimer(ITIMER_REAL, &soon, NULL);
		if (i % 3 == 0)
			recv(fds[0], buf, sizeof(buf), 0);
		else if (i % 3 == 1)
			recv(udp[0], buf, sizeof(buf), 0);
		else
			poll(&p, 1, -1);
	}
	say(times, "calls left");
	say(send(fds[1], "x", 1, 0), "send after that");
	say(recv(fds[0], buf, 1, 0), "recv after that");
	say(works(), "all works after that");
	close_pair(fds);
	close_pair(udp);
}

static void *small(void *arg)
{
	*(long *)arg = works();
	return NULL;
}

/* A thread with the smallest stack there can be. */
static void small_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	long result = -1;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	pthread_create(&thread, &attr, small, &result);
	pthread_join(thread, NULL);
	say(result, "on a small stack");
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		say(before, "%s, before main", argv[1]);
		say(works(), "%s", argv[1]);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	say(before, "in a constructor");
	in_child("closing", close_one_by_one);
	in_child("closing ranges", close_ranges);
	in_child("few descriptors", few_descriptors);
	in_child("little memory", little_memory);
	in_child("hardly any memory", hardly_any_memory);
	in_child("chroot", another_root);
	in_child("setuid", another_user);
	in_child("exec without environment", no_environment);
	in_child("exec after clearenv", cleared_environment);
	in_child("exec with jemalloc", own_allocator);
	in_child("exec with jemalloc last", own_allocator_last);
	in_child("handlers", in_handlers);
	in_child("handlers all the time", under_fire);
	in_child("left by siglongjmp", left_for_good);
	in_child("small stack", small_stack);
	tcp_pair(again);
	atexit(at_the_end);
	return 0;
}
