/* SPDX-License-Identifier: Apache-2.0 */
/* Signals during calls that wait: EINTR, SA_RESTART, calls from handlers. */
#include "probe.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile int caught;
static int handler_fd = -1;

static void on_alarm(int signo)
{
	caught++;
	if (handler_fd >= 0)
		send(handler_fd, "s", 1, 0);
}

static void arm(bool restart, int ms)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval timer = {.it_value.tv_usec = ms * 1000};

	caught = 0;
	action.sa_flags = restart ? SA_RESTART : 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

struct late {
	int fd, ms;
};

static void *send_late(void *arg)
{
	struct late *late = arg;

	sleep_ms(late->ms);
	send(late->fd, "x", 1, 0);
	return NULL;
}

/* The signal goes to the main thread: the helper blocks it. */
static pthread_t start_late(struct late *late)
{
	sigset_t set, old;
	pthread_t thread;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_create(&thread, NULL, send_late, late);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return thread;
}

static void receiving(void)
{
	int fds[2];
	char byte;
	struct timeval tv = {.tv_sec = 2};
	struct late late;
	pthread_t thread;

	tcp_pair(fds);
	arm(false, 50);
	say(recv(fds[0], &byte, 1, 0), "recv, no restart");
	say(caught, "recv, no restart, caught");
	arm(true, 50);
	late = (struct late){fds[1], 150};
	thread = start_late(&late);
	say(recv(fds[0], &byte, 1, 0), "recv, restart");
	say(caught, "recv, restart, caught");
	pthread_join(thread, NULL);
	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	arm(true, 50);
	say(recv(fds[0], &byte, 1, 0), "recv with a time limit, restart");
	arm(false, 50);
	say(read(fds[0], &byte, 1), "read, no restart");
	handler_fd = fds[1];
	arm(true, 50);
	say(recv(fds[0], &byte, 1, 0), "recv, the handler sends");
	handler_fd = -1;
	close_pair(fds);
}

static void accepting(void)
{
	uint16_t port;
	int fd = new_listener(&port);

	arm(false, 50);
	say(accept(fd, NULL, NULL), "accept, no restart");
	say(caught, "accept, no restart, caught");
	close(fd);
}

static void polling(void)
{
	int fds[2], ep = epoll_create1(0);
	struct pollfd pfd;
	struct epoll_event event = {.events = EPOLLIN};
	fd_set set;

	tcp_pair(fds);
	pfd = (struct pollfd){.fd = fds[0], .events = POLLIN};
	arm(true, 50);
	say(poll(&pfd, 1, 2000), "poll, restart");
	arm(true, 50);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	say(select(fds[0] + 1, &set, NULL, NULL, NULL), "select, restart");
	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &event);
	arm(true, 50);
	say(epoll_wait(ep, &event, 1, 2000), "epoll_wait, restart");
	close(ep);
	close_pair(fds);
}

static void masks(void)
{
	int fds[2];
	struct pollfd pfd;
	struct timespec limit = {.tv_sec = 2};
	sigset_t block, old, none;

	tcp_pair(fds);
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	sigprocmask(SIG_BLOCK, &block, &old);
	arm(false, 20);
	sleep_ms(60);
	say(caught, "blocked");
	pfd = (struct pollfd){.fd = fds[0], .events = POLLIN};
	sigemptyset(&none);
	say(ppoll(&pfd, 1, &limit, &none), "ppoll lets it in");
	say(caught, "caught");
	sigprocmask(SIG_SETMASK, NULL, &block);
	say_bool(sigismember(&block, SIGALRM), "blocked again after it");
	sigprocmask(SIG_SETMASK, &old, NULL);
	close_pair(fds);
}

static void sending(void)
{
	static char data[1 << 20];
	int fds[2];
	ssize_t n;

	tcp_pair(fds);
	arm(false, 100);
	do
		n = send(fds[0], data, sizeof(data), 0);
	while (n == sizeof(data));
	say_bool(n > 0 || errno == EINTR, "a send cut short or interrupted");
	arm(false, 50);
	set_nonblock(fds[0]);
	while (send(fds[0], data, sizeof(data), 0) > 0)
		;
	fcntl(fds[0], F_SETFL, 0);
	arm(false, 50);
	say(send(fds[0], data, sizeof(data), 0), "send when full, no restart");
	close_pair(fds);
}

/* ---- handlers that disagree ---- */

static volatile int seen_code, seen_value;

static void on_info(int signo, siginfo_t *info, void *context)
{
	(void)context;
	seen_code = info->si_code;
	seen_value = signo;
	caught++;
}

static void on_second(int signo)
{
	(void)signo;
	caught++;
}

struct shot {
	int signo[2];
	int late_fd; /* gets a byte, for those who go on waiting */
	pthread_t whom;
	long tid; /* of whom */
};

/* Until the thread sleeps, in the call that is to be interrupted. */
static void until_asleep(long tid)
{
	char path[64], state = 0;
	FILE *file;
	int i;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", tid);
	for (i = 0; i < 500 && state != 'S'; i++) {
		sleep_ms(10);
		file = fopen(path, "r");
		if (!file)
			return;
		if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		fclose(file);
	}
}

static void *shoot(void *arg)
{
	struct shot *shot = arg;
	int i, want = shot->signo[1] ? 2 : 1;

	sleep_ms(40);
	until_asleep(shot->tid);
	pthread_kill(shot->whom, shot->signo[0]);
	if (shot->signo[1])
		pthread_kill(shot->whom, shot->signo[1]);
	for (i = 0; i < 500 && caught < want; i++)
		sleep_ms(10);
	sleep_ms(40);
	send(shot->late_fd, "x", 1, 0);
	return NULL;
}

static void recv_under_fire(int fds[2], int first, int second,
			    const char *what)
{
	struct shot shot = {{first, second}, fds[1], pthread_self(),
			    syscall(SYS_gettid)};
	sigset_t set, old;
	pthread_t thread;
	char byte;
	long rc;

	caught = 0;
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_create(&thread, NULL, shoot, &shot);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	rc = recv(fds[0], &byte, 1, 0);
	/* of two, the kernel itself has both ways: the second may come before
	 * the call is on its way again, or after */
	if (!second)
		say(rc, "%s", what);
	say(caught, "%s, caught", what);
	pthread_join(thread, NULL);
	if (rc < 0)
		recv(fds[0], &byte, 1, 0);
}

static void disagreeing(int fds[2])
{
	struct sigaction action = {.sa_handler = on_second,
				   .sa_flags = SA_RESTART};
	struct sigaction old = {0};

	sigaction(SIGUSR1, &action, NULL);
	recv_under_fire(fds, SIGUSR1, 0, "one that restarts");
	action.sa_flags = SA_SIGINFO | SA_NODEFER;
	action.sa_sigaction = on_info;
	sigaction(SIGUSR2, &action, NULL);
	recv_under_fire(fds, SIGUSR1, 0, "beside one that does not");
	recv_under_fire(fds, SIGUSR2, 0, "the one that does not");
	say(seen_code == SI_TKILL, "with its information");
	say_bool(seen_value == SIGUSR2, "and its number");
	recv_under_fire(fds, SIGUSR1, SIGUSR2, "both of them");
	say(sigaction(SIGUSR1, NULL, &old), "asked");
	say_bool(old.sa_handler == on_second, "it is the program's");
	say(old.sa_flags & (SA_RESTART | SA_SIGINFO), "with its flags");
	sigaction(SIGUSR2, NULL, &old);
	say_bool(old.sa_sigaction == on_info, "so is the other");
	say(old.sa_flags & (SA_RESTART | SA_SIGINFO | SA_NODEFER),
	    "with its flags too");
	say_bool(signal(SIGUSR1, on_second) == on_second, "signal");
	recv_under_fire(fds, SIGUSR1, 0, "by signal");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	say(siginterrupt(SIGUSR1, 1), "siginterrupt");
	recv_under_fire(fds, SIGUSR1, 0, "to be interrupted");
	siginterrupt(SIGUSR1, 0);
#pragma GCC diagnostic pop
	recv_under_fire(fds, SIGUSR1, 0, "and not");
	say_bool(sysv_signal(SIGUSR1, on_second) == on_second,
		 "sysv_signal");
	recv_under_fire(fds, SIGUSR1, 0, "once");
	say(sigaction(SIGUSR1, NULL, &old), "it is gone");
	say_bool(old.sa_handler == SIG_DFL, "to the default");
	say_bool(signal(SIGUSR2, SIG_IGN) == (sighandler_t)(void *)on_info,
		 "what was there");
	recv_under_fire(fds, SIGUSR2, 0, "ignored");
	say(sigaction(SIGKILL, &old, NULL), "SIGKILL");
	say(sigaction(99, NULL, &old), "no such signal");
}

static void all_that_disagree(void)
{
	int fds[2], more[2];
	pid_t pid;

	tcp_pair(fds);
	disagreeing(fds);
	close_pair(fds);
	/* in a child, and on a connection that it shares with us */
	tcp_pair(more);
	pid = fork();
	if (pid == 0) {
		disagreeing(more);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	close_pair(more);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	all_that_disagree();
	receiving();
	accepting();
	polling();
	masks();
	sending();
	return 0;
}
