/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that are cancelled in each call that POSIX makes a cancellation
 * point: while it waits, and before it, with nothing to wait for. On sockets of
 * this process, and on such as a child has used too.
 */
#include "probe.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* More than any buffer takes: who sends it waits. */
static char junk[16 << 20];
static int tcp, udp, listener, full, fresh;
static uint16_t port;

static long by_read(void)
{
	return read(tcp, junk, 1);
}

static long by_readv(void)
{
	struct iovec iov = {junk, 1};

	return readv(tcp, &iov, 1);
}

static long by_recv(void)
{
	return recv(tcp, junk, 1, 0);
}

static long by_recvfrom(void)
{
	return recvfrom(udp, junk, 1, 0, NULL, NULL);
}

static long by_recvmsg(void)
{
	struct iovec iov = {junk, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return recvmsg(udp, &msg, 0);
}

static long by_recvmmsg(void)
{
	struct iovec iov = {junk, 1};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return recvmmsg(udp, &msg, 1, 0, NULL);
}

static long by_accept(void)
{
	return accept(listener, NULL, NULL);
}

static long by_accept4(void)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static long by_poll(void)
{
	struct pollfd pfd = {.fd = tcp, .events = POLLIN};

	return poll(&pfd, 1, -1);
}

static long by_ppoll(void)
{
	struct pollfd pfd = {.fd = udp, .events = POLLIN};

	return ppoll(&pfd, 1, NULL, NULL);
}

static long by_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(listener, &set);
	return select(listener + 1, &set, NULL, NULL, NULL);
}

static long by_pselect(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(tcp, &set);
	return pselect(tcp + 1, &set, NULL, NULL, NULL, NULL);
}

static long by_epoll_wait(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	static int ep = -1;

	if (ep >= 0)
		close(ep);
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, tcp, &ev);
	return epoll_wait(ep, &ev, 1, -1);
}

static long by_write(void)
{
	return write(full, junk, sizeof(junk));
}

static long by_send(void)
{
	return send(full, junk, sizeof(junk), 0);
}

static long by_sendto(void)
{
	return sendto(full, junk, sizeof(junk), 0, NULL, 0);
}

static long by_sendmsg(void)
{
	struct iovec iov = {junk, sizeof(junk)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return sendmsg(full, &msg, 0);
}

static long by_writev(void)
{
	struct iovec iov = {junk, sizeof(junk)};

	return writev(full, &iov, 1);
}

static long by_connect(void)
{
	return connect_loopback(fresh, port);
}

static long by_close(void)
{
	return close(dup(tcp));
}

static const struct {
	long (*fn)(void);
	const char *what;
	bool waits;
} calls[] = {
	{by_read, "read", true},
	{by_readv, "readv", true},
	{by_recv, "recv", true},
	{by_recvfrom, "recvfrom", true},
	{by_recvmsg, "recvmsg", true},
	{by_recvmmsg, "recvmmsg", true},
	{by_accept, "accept", true},
	{by_accept4, "accept4", true},
	{by_poll, "poll", true},
	{by_ppoll, "ppoll", true},
	{by_select, "select", true},
	{by_pselect, "pselect", true},
	{by_epoll_wait, "epoll_wait", true},
	{by_write, "write", true},
	{by_send, "send", true},
	{by_sendto, "sendto", true},
	{by_sendmsg, "sendmsg", true},
	{by_writev, "writev", true},
	{by_connect, "connect", false},
	{by_close, "close", false},
};

struct job {
	long (*fn)(void);
	sem_t started, go;
	bool returned;
	bool cleaned;
};

static void cleanup(void *arg)
{
	((struct job *)arg)->cleaned = true;
}

static void *run(void *arg)
{
	struct job *job = arg;
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&job->started);
	while (sem_wait(&job->go) < 0)
		;
	pthread_cleanup_push(cleanup, job);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	job->fn();
	job->returned = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cleanup_pop(0);
	return NULL;
}

/* @early: the request is there before the call. */
static void cancel(long (*fn)(void), bool early, const char *how,
		   const char *what)
{
	struct job job = {.fn = fn};
	pthread_t thread;
	void *result;

	sem_init(&job.started, 0, 0);
	sem_init(&job.go, 0, 0);
	pthread_create(&thread, NULL, run, &job);
	sem_wait(&job.started);
	if (early)
		pthread_cancel(thread);
	sem_post(&job.go);
	if (!early) {
		sleep_ms(15);
		pthread_cancel(thread);
	}
	pthread_join(thread, &result);
	printf("%s%s%s: %s%s\n", how, what, early ? ", before it" : "",
	       result == PTHREAD_CANCELED ? "cancelled" : "not cancelled",
	       job.cleaned ? ", cleaned up" : "");
	fflush(stdout);
}

static void share(int fd)
{
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void all_of_them(bool shared, const char *how)
{
	int fds[2], more[2], conn;
	size_t i;

	tcp_pair(fds);
	tcp_pair(more);
	tcp = fds[0];
	full = more[0];
	udp = new_udp(0);
	need(bind_loopback(udp, 0), "bind");
	listener = new_listener(&port);
	if (shared) {
		share(tcp);
		share(udp);
		share(full);
		share(more[1]);
	}
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		fresh = new_tcp(0);
		if (calls[i].waits)
			cancel(calls[i].fn, false, how, calls[i].what);
		cancel(calls[i].fn, true, how, calls[i].what);
		close(fresh);
	}
	/* everything is as it was */
	send(fds[1], "x", 1, 0);
	say(recv(tcp, junk, 1, 0), "%sand it works", how);
	fresh = new_tcp(0);
	say(connect_loopback(fresh, port), "%sconnect", how);
	conn = accept(listener, NULL, NULL);
	say(conn < 0 ? -1 : 0, "%saccept", how);
	close(conn);
	close(fresh);
	close_pair(fds);
	close_pair(more);
	close(udp);
	close(listener);
}

/* What would not have to wait is a cancellation point too. */
static void when_there_is_something(void)
{
	int fds[2];

	tcp_pair(fds);
	tcp = fds[0];
	send(fds[1], "abc", 3, 0);
	ready(tcp, POLLIN);
	cancel(by_recv, true, "", "recv of what is there");
	full = fds[1];
	cancel(by_send, true, "", "send with room");
	cancel(by_poll, true, "", "poll of what is ready");
	say(recv(tcp, junk, 16, MSG_DONTWAIT), "nothing was taken");
	close_pair(fds);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	when_there_is_something();
	all_of_them(false, "");
	all_of_them(true, "shared ");
	return 0;
}
