/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases on which other libraries of this kind have failed, after the names of
 * the tests in which they keep them (doc/shim-cases.md).
 */
#include "probe.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

extern char **environ;

static int finish(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

/* ---- vfork(), exec, threads ---- */

/* In the parent's memory: a socket comes and goes, and the program starts. */
static void vfork_open_close_exec(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	tcp_pair(fds);
	pid = vfork();
	if (pid == 0) {
		close(fds[1]);
		close(dup(fds[0]));
		execl("/bin/true", "true", (char *)NULL);
		_exit(99);
	}
	say(finish(pid), "vfork, open, close, exec");
	say(send(fds[0], "x", 1, 0), "after it, send");
	say(recv(fds[1], &byte, 1, 0), "after it, recv");
	close_pair(fds);
}

static volatile sig_atomic_t signals;

static void on_signal(int signo)
{
	(void)signo;
	signals++;
}

/* The parent hangs until the program starts; a signal for it waits as well. */
static void vfork_sig_exec(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	signal(SIGUSR1, on_signal);
	tcp_pair(fds);
	pid = vfork();
	if (pid == 0) {
		kill(getppid(), SIGUSR1);
		execl("/bin/true", "true", (char *)NULL);
		_exit(99);
	}
	say(signals, "vfork, a signal, exec");
	say(finish(pid), "its end");
	say(send(fds[0], "x", 1, 0), "after a signal, send");
	say(recv(fds[1], &byte, 1, 0), "after a signal, recv");
	close_pair(fds);
}

static volatile bool stop;

static void *talk(void *arg)
{
	int fds[2];
	long turns = 0;
	char buf[64];

	(void)arg;
	tcp_pair(fds);
	while (!stop || turns < 10) {
		if (send(fds[0], buf, 64, 0) != 64 ||
		    recv(fds[1], buf, 64, MSG_WAITALL) != 64)
			return (void *)1;
		turns++;
	}
	close_pair(fds);
	return NULL;
}

static void *start_programs(void *arg)
{
	long bad = 0;
	FILE *out;
	char text[16];
	pid_t pid;
	int i;

	(void)arg;
	for (i = 0; i < 4; i++) {
		out = popen("echo hello", "r");
		if (!out || !fgets(text, sizeof(text), out) ||
		    strcmp(text, "hello\n") != 0)
			bad++;
		if (out && pclose(out) != 0)
			bad++;
		pid = fork();
		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(99);
		}
		if (finish(pid) != 0)
			bad++;
	}
	return (void *)bad;
}

/* Threads that fork, exec and popen() beside threads that talk. */
static void popen_multithread_flood(void)
{
	pthread_t talkers[2], starters[3];
	long bad = 0;
	void *result;
	int i;

	for (i = 0; i < 2; i++)
		pthread_create(&talkers[i], NULL, talk, NULL);
	for (i = 0; i < 3; i++)
		pthread_create(&starters[i], NULL, start_programs, NULL);
	for (i = 0; i < 3; i++) {
		pthread_join(starters[i], &result);
		bad += (long)result;
	}
	stop = true;
	for (i = 0; i < 2; i++) {
		pthread_join(talkers[i], &result);
		bad += (long)result;
	}
	say(bad, "programs beside talking threads");
}

/* ---- what an fd is ---- */

static void stat_mode(void)
{
	int fds[2], udp = new_udp(0), kind = 0;
	socklen_t len = sizeof(kind);
	struct stat st;

	tcp_pair(fds);
	say(fstat(fds[0], &st), "fstat");
	say_bool(S_ISSOCK(st.st_mode), "a socket");
	say(st.st_size, "its size");
	say(isatty(fds[0]), "isatty");
	say(lseek(fds[0], 0, SEEK_CUR), "lseek");
	say(fstat(udp, &st), "fstat, datagrams");
	say_bool(S_ISSOCK(st.st_mode), "also a socket");
	getsockopt(udp, SOL_SOCKET, SO_TYPE, &kind, &len);
	say_bool(kind == SOCK_DGRAM, "of datagrams");
	say(fcntl(fds[0], F_GETFL) & O_ACCMODE, "access mode");
	say(ftruncate(fds[0], 0), "ftruncate");
	say(fsync(fds[0]), "fsync");
	close_pair(fds);
	close(udp);
}

/* libc closes it inside; the number is another file's then. */
static void stale_fd(void)
{
	int fds[2], fd, file;
	char byte;
	FILE *stream;

	tcp_pair(fds);
	fd = fds[0];
	stream = fdopen(fd, "r+");
	fclose(stream);
	file = open("/dev/null", O_RDWR);
	say_bool(file == fd, "the number again");
	say(write(file, "x", 1), "write to another file");
	say(send(file, "x", 1, 0), "send to another file");
	say(recv(fds[1], &byte, 1, 0), "the socket has ended");
	close(file);
	close(fds[1]);
}

/* ---- SCM_RIGHTS ---- */

static void pass(int channel, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 'f';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	need(sendmsg(channel, &msg, 0), "sendmsg");
}

static int taken(int channel)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	need(recvmsg(channel, &msg, 0), "recvmsg");
	memcpy(&fd, CMSG_DATA(&control.align), sizeof(int));
	return fd;
}

static void use(int channel, uint16_t port)
{
	int listener = taken(channel), conn = taken(channel),
	    udp = taken(channel), fd;
	struct sockaddr_in to = loopback(port);
	char buf[8];

	fd = accept(listener, NULL, NULL);
	send(fd, "accepted", 8, 0);
	recv(conn, buf, 4, MSG_WAITALL);
	send(conn, buf, 4, 0);
	sendto(udp, "dgram", 5, 0, (struct sockaddr *)&to, sizeof(to));
	_exit(0);
}

static void socket_via_af_unix(void)
{
	int sv[2], fds[2], listener, udp, theirs, fd;
	uint16_t port, udp_port;
	char buf[8];
	pid_t pid;

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), "socketpair");
	udp = new_udp(0);
	need(bind_loopback(udp, 0), "bind");
	udp_port = port_of(udp);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		close(sv[0]);
		use(sv[1], udp_port);
	}
	listener = new_listener(&port);
	tcp_pair(fds);
	theirs = new_udp(0);
	pass(sv[0], listener);
	pass(sv[0], fds[0]);
	pass(sv[0], theirs);
	close(listener);
	close(fds[0]);
	close(theirs);
	fd = new_tcp(0);
	say(connect_loopback(fd, port), "connect to a passed listener");
	say(recv(fd, buf, 8, MSG_WAITALL), "from one that was accepted there");
	send(fds[1], "ping", 4, 0);
	say(recv(fds[1], buf, 4, MSG_WAITALL), "over a passed connection");
	say(recv(udp, buf, 8, 0), "from a passed datagram socket");
	say(finish(pid), "who took them");
	say(recv(fds[1], buf, 1, 0), "and with it they end");
	close(fd);
	close(fds[1]);
	close(udp);
	close_pair(sv);
}

/* ---- epoll ---- */

static void circles(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), c = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};
	struct pollfd pfd = {.fd = c, .events = POLLIN};
	int fds[2];

	tcp_pair(fds);
	say(epoll_ctl(a, EPOLL_CTL_ADD, a, &ev), "a set in itself");
	say(epoll_ctl(a, EPOLL_CTL_ADD, fds[0], &ev), "a socket in a set");
	say(epoll_ctl(b, EPOLL_CTL_ADD, a, &ev), "that in another");
	say(epoll_ctl(c, EPOLL_CTL_ADD, b, &ev), "and that in a third");
	say(epoll_ctl(a, EPOLL_CTL_ADD, c, &ev), "a circle");
	say(poll(&pfd, 1, 0), "three levels, nothing");
	send(fds[1], "x", 1, 0);
	say(poll(&pfd, 1, 5000), "three levels, something");
	say(epoll_wait(c, &ev, 1, 0), "the third");
	say(epoll_wait(a, &ev, 1, 0), "the first");
	close(b);
	say(epoll_wait(a, &ev, 1, 0), "the first, the second closed");
	close(a);
	close(c);
	close_pair(fds);
}

static void early(void)
{
	int ep = epoll_create1(0), fd = new_tcp(0), listener;
	struct epoll_event ev = {.events = EPOLLOUT | EPOLLIN};
	uint16_t port;

	say(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), "added before connect");
	listener = new_listener(&port);
	connect_loopback(fd, port);
	say(epoll_wait(ep, &ev, 1, 5000), "an event");
	say_bool(ev.events == EPOLLOUT, "that it can be written to");
	close(fd);
	say(epoll_wait(ep, &ev, 1, 0), "closed, none");
	fd = new_tcp(0);
	ev.events = EPOLLIN;
	say(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev), "the number again, MOD");
	say(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), "the number again, ADD");
	say(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), "twice");
	say(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), "DEL");
	say(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), "DEL twice");
	close(fd);
	close(listener);
	close(ep);
}

/* The set and its member are in the new program what they were. */
static void del_after_exec(void)
{
	int ep = epoll_create1(0), fds[2];
	struct epoll_event ev = {.events = EPOLLIN};
	char set[12], member[12];
	char name[] = "peers";
	char *argv[] = {name, set, member, NULL};
	pid_t pid;

	tcp_pair(fds);
	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev);
	send(fds[1], "x", 1, 0);
	snprintf(set, sizeof(set), "%d", ep);
	snprintf(member, sizeof(member), "%d", fds[0]);
	need(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ),
	     "posix_spawn");
	say(finish(pid), "the new program");
	close(ep);
	close_pair(fds);
}

static int executed(int ep, int fd)
{
	struct epoll_event ev;

	say(epoll_wait(ep, &ev, 1, 5000), "in the new program, epoll_wait");
	say(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), "in the new program, DEL");
	say(epoll_wait(ep, &ev, 1, 0), "in the new program, none");
	return 0;
}

/* ---- signal handlers ---- */

static int closing = -1;

static void close_it(int signo)
{
	(void)signo;
	close(closing);
}

static void signal_handler_close(bool restart, const char *what)
{
	struct sigaction action = {.sa_handler = close_it,
				   .sa_flags = restart ? SA_RESTART : 0};
	struct itimerval timer = {.it_value.tv_usec = 50000};
	int fds[2];
	char byte;

	tcp_pair(fds);
	closing = fds[0];
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	say(recv(fds[0], &byte, 1, 0), "%s", what);
	say(recv(fds[1], &byte, 1, 0), "%s, the other end", what);
	close(fds[1]);
}

static char alt_stack[1 << 16];
static volatile bool on_alt_stack;

static void look_where(int signo)
{
	char here;

	(void)signo;
	on_alt_stack = &here >= alt_stack &&
		       &here < alt_stack + sizeof(alt_stack);
}

static void sa_onstack(void)
{
	struct sigaction action = {.sa_handler = look_where,
				   .sa_flags = SA_ONSTACK};
	struct itimerval timer = {.it_value.tv_usec = 50000};
	stack_t stack = {.ss_sp = alt_stack, .ss_size = sizeof(alt_stack)};
	int fds[2];
	char byte;

	tcp_pair(fds);
	need(sigaltstack(&stack, NULL), "sigaltstack");
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	say(recv(fds[0], &byte, 1, 0), "recv, a handler on its own stack");
	say_bool(on_alt_stack, "there it was");
	close_pair(fds);
}

/* ---- a child closes what it does not need ---- */

static void child_closes_listener(void)
{
	uint16_t port;
	int listener = new_listener(&port), fd = new_tcp(0), conn;
	pid_t pid = fork();

	if (pid == 0) {
		close(listener);
		_exit(0);
	}
	say(finish(pid), "a child that closed its copy");
	say(connect_loopback(fd, port), "the listener lives");
	conn = accept(listener, NULL, NULL);
	say(conn < 0 ? -1 : 0, "and accepts");
	close(conn);
	close(fd);
	close(listener);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return executed(atoi(argv[1]), atoi(argv[2]));
	signal(SIGPIPE, SIG_IGN);
	vfork_open_close_exec();
	vfork_sig_exec();
	popen_multithread_flood();
	stat_mode();
	stale_fd();
	socket_via_af_unix();
	circles();
	early();
	del_after_exec();
	signal_handler_close(false, "closed by a handler");
	signal_handler_close(true, "closed by a handler, restart");
	sa_onstack();
	child_closes_listener();
	return 0;
}
