/* SPDX-License-Identifier: Apache-2.0 */
/* epoll sets as such: polled, nested, duplicated, inherited, passed on, used by
 * several threads, closed; turns among what is ready. */
#include "probe.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int add(int set, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static int modify(int set, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(set, EPOLL_CTL_MOD, fd, &event);
}

static void wait_once(int set, const char *label, int timeout_ms)
{
	struct epoll_event got[8];
	int count = epoll_wait(set, got, 8, timeout_ms);

	printf("%s, count: %d\n", label, count);
	say_bits(count > 0 ? (short)(got[0].events & 0x7fff) : 0, "%s, bits",
		 label);
}

/* A new set with a socket in it. */
static int set_of(int fds[2], uint32_t events)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	tcp_pair(fds);
	need(add(set, fds[0], events), "add");
	return set;
}

static void give(int fds[2])
{
	need(send(fds[1], "x", 1, 0), "send");
}

static void take(int fds[2])
{
	char byte;

	need(recv(fds[0], &byte, 1, 0), "recv");
}

static void poll_once(int set, const char *label, int timeout_ms)
{
	struct pollfd p = {.fd = set, .events = POLLIN};
	int count = poll(&p, 1, timeout_ms);

	printf("%s, count: %d\n", label, count);
	say_bits(count > 0 ? p.revents : 0, "%s, bits", label);
}

static void polled(void)
{
	int fds[2], set = set_of(fds, EPOLLIN);

	give(fds);
	wait_once(set, "polled, before", 1000);
	take(fds);
	poll_once(set, "polled, quiet", 10);
	give(fds);
	poll_once(set, "polled, data", 1000);
	poll_once(set, "polled, still data", 1000);
	wait_once(set, "polled, waited", 1000);
	take(fds);
	poll_once(set, "polled, taken", 10);
	wait_once(set, "polled, nothing", 10);
	say(modify(set, fds[0], EPOLLOUT), "polled, modify");
	wait_once(set, "polled, writable", 1000);
	say(epoll_ctl(set, EPOLL_CTL_DEL, fds[0], NULL), "polled, delete");
	poll_once(set, "polled, deleted", 10);
	close(set);
	close_pair(fds);
}

static void selected(void)
{
	int fds[2], set = set_of(fds, EPOLLIN);
	struct timeval second = {1, 0}, moment = {0, 10000};
	fd_set in;

	FD_ZERO(&in);
	FD_SET(set, &in);
	say(select(set + 1, &in, NULL, NULL, &moment), "selected, quiet");
	give(fds);
	FD_SET(set, &in);
	say(select(set + 1, &in, NULL, NULL, &second), "selected, data");
	wait_once(set, "selected, waited", 1000);
	close(set);
	close_pair(fds);
}

static void copied(void)
{
	int fds[2], more[2], set = set_of(fds, EPOLLIN), copy;

	give(fds);
	wait_once(set, "copied, before", 1000);
	copy = dup(set);
	wait_once(copy, "copied, the copy", 1000);
	wait_once(set, "copied, the first", 1000);
	close(set);
	take(fds);
	wait_once(copy, "copied, taken", 10);
	give(fds);
	wait_once(copy, "copied, more", 1000);
	take(fds);
	tcp_pair(more);
	say(add(copy, more[0], EPOLLIN), "copied, add to the copy");
	give(more);
	wait_once(copy, "copied, another", 1000);
	close(copy);
	close_pair(more);
	close_pair(fds);
}

struct waiting {
	int set, count, fd;
};

static void *wait_in_thread(void *arg)
{
	struct waiting *w = arg;
	struct epoll_event got[8];

	w->count = epoll_wait(w->set, got, 8, 3000);
	w->fd = w->count > 0 ? got[0].data.fd : -1;
	return NULL;
}

static void nested_while_waited(void)
{
	int fds[2], set = set_of(fds, EPOLLIN), outer = epoll_create1(0);
	struct waiting w = {.set = set};
	pthread_t thread;

	pthread_create(&thread, NULL, wait_in_thread, &w);
	sleep_ms(50);
	say(add(outer, set, EPOLLIN), "nested, add");
	give(fds);
	wait_once(outer, "nested, outer", 1000);
	pthread_join(thread, NULL);
	say(w.count, "nested, inner");
	take(fds);
	wait_once(outer, "nested, taken", 10);
	close(outer);
	close(set);
	close_pair(fds);
}

/* What tokio does: a number to add by, and one to wait by. */
static void copied_early(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC), fds[2], more[2];
	int copy = fcntl(set, F_DUPFD_CLOEXEC, 3), third = dup(copy);

	tcp_pair(fds);
	say(add(copy, fds[0], EPOLLIN | EPOLLET), "early copy, add");
	wait_once(set, "early copy, quiet", 10);
	give(fds);
	wait_once(set, "early copy, data", 1000);
	wait_once(copy, "early copy, no edge", 10);
	say(modify(set, fds[0], EPOLLIN), "early copy, modify");
	wait_once(copy, "early copy, by the copy", 1000);
	say(add(third, fds[0], EPOLLIN), "early copy, add again");
	tcp_pair(more);
	say(add(set, more[0], EPOLLIN), "early copy, add by the first");
	take(fds);
	close(set);
	wait_once(copy, "early copy, taken", 10);
	give(more);
	wait_once(copy, "early copy, another", 1000);
	wait_once(third, "early copy, the third", 1000);
	say(dup2(fds[1], copy) == copy, "early copy, replaced");
	wait_once(third, "early copy, still there", 1000);
	take(more);
	wait_once(third, "early copy, nothing", 10);
	close(copy);
	close(third);
	close_pair(more);
	close_pair(fds);
}

static void many_copies(void)
{
	int set = epoll_create1(0), copies[12], fds[2];

	for (int i = 0; i < 12; i++)
		copies[i] = dup(set);
	tcp_pair(fds);
	say(add(copies[11], fds[0], EPOLLIN), "many copies, add");
	give(fds);
	wait_once(copies[0], "many copies, data", 1000);
	wait_once(set, "many copies, the first", 1000);
	wait_once(copies[11], "many copies, the last", 1000);
	take(fds);
	close(set);
	for (int i = 0; i < 11; i++)
		close(copies[i]);
	give(fds);
	wait_once(copies[11], "many copies, one left", 1000);
	close(copies[11]);
	close_pair(fds);
}

static void nested_early(void)
{
	int inner = epoll_create1(0), outer = epoll_create1(0), fds[2];

	say(add(outer, inner, EPOLLIN), "early nest, add");
	tcp_pair(fds);
	say(add(inner, fds[0], EPOLLIN), "early nest, a socket");
	wait_once(outer, "early nest, quiet", 10);
	give(fds);
	wait_once(outer, "early nest, outer", 1000);
	wait_once(inner, "early nest, inner", 1000);
	take(fds);
	wait_once(outer, "early nest, taken", 10);
	close(outer);
	close(inner);
	close_pair(fds);
}

static void *poll_in_thread(void *arg)
{
	struct waiting *w = arg;
	struct pollfd p = {.fd = w->set, .events = POLLIN};

	w->count = poll(&p, 1, 3000);
	w->fd = -1;
	return NULL;
}

/* A socket joins when threads wait for the set already. */
static void joined_while(void *(*wait)(void *), const char *label)
{
	struct waiting one = {.set = epoll_create1(0)};
	struct waiting two = one;
	pthread_t first, second;
	int fds[2];

	pthread_create(&first, NULL, wait, &one);
	pthread_create(&second, NULL, wait, &two);
	sleep_ms(50);
	tcp_pair(fds);
	say(add(one.set, fds[0], EPOLLIN), "%s, add", label);
	sleep_ms(20);
	give(fds);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	say(one.count, "%s, one thread", label);
	say(two.count, "%s, the other", label);
	say_bool(one.fd == (wait == wait_in_thread ? fds[0] : -1) &&
			 two.fd == one.fd,
		 label);
	wait_once(one.set, label, 1000);
	take(fds);
	wait_once(one.set, label, 10);
	close(one.set);
	close_pair(fds);
}

/* One of them gets it, and the other nothing. */
static void one_for_two_threads(void)
{
	int fds[2], set = set_of(fds, EPOLLIN | EPOLLONESHOT);
	struct waiting w[2] = {{.set = set}, {.set = set}};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, wait_in_thread, &w[i]);
	sleep_ms(50);
	give(fds);
	sleep_ms(50);
	modify(set, fds[0], EPOLLIN | EPOLLONESHOT);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	say(w[0].count + w[1].count, "two threads, together");
	close(set);
	close_pair(fds);
}

static void in_child(const char *label, int set, int fds[2])
{
	struct epoll_event got[8];
	int status, count;
	char byte = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		count = epoll_wait(set, got, 8, 5000);
		if (count == 1 && got[0].data.fd == fds[0])
			count += (int)recv(fds[0], &byte, 1, 0);
		_exit(count);
	}
	sleep_ms(50);
	give(fds);
	waitpid(pid, &status, 0);
	say(WEXITSTATUS(status), "%s", label);
}

static void inherited(void)
{
	int fds[2], set = set_of(fds, EPOLLIN);

	in_child("inherited", set, fds);
	give(fds);
	wait_once(set, "inherited, the parent", 1000);
	close(set);
	close_pair(fds);
}

/* A child that does nothing changes nothing. */
static void ignored(void)
{
	int fds[2], set = set_of(fds, EPOLLIN);
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	give(fds);
	wait_once(set, "ignored, data", 1000);
	take(fds);
	wait_once(set, "ignored, taken", 10);
	close(set);
	close_pair(fds);
}

static void turns(void)
{
	int fds[3][2], set = epoll_create1(0), seen[3] = {0};
	struct epoll_event got;

	for (int i = 0; i < 3; i++) {
		tcp_pair(fds[i]);
		add(set, fds[i][0], EPOLLIN);
		give(fds[i]);
		ready(fds[i][0], POLLIN);
	}
	for (int n = 0; n < 6; n++) {
		say(epoll_wait(set, &got, 1, 1000), "turns");
		for (int i = 0; i < 3; i++)
			seen[i] += got.data.fd == fds[i][0];
	}
	for (int i = 0; i < 3; i++)
		say(seen[i], "turns of each");
	close(set);
	for (int i = 0; i < 3; i++)
		close_pair(fds[i]);
}

/* What is not a socket is not left waiting by one that is always ready. */
static void others_too(void)
{
	int fds[2], set = set_of(fds, EPOLLIN), pipes[2];
	struct epoll_event got;
	bool seen = false;

	need(pipe(pipes), "pipe");
	add(set, pipes[0], EPOLLIN);
	give(fds);
	wait_once(set, "others, the socket", 1000);
	need(write(pipes[1], "x", 1), "write");
	for (int n = 0; n < 50 && epoll_wait(set, &got, 1, 1000) == 1; n++)
		seen = seen || got.data.fd == pipes[0];
	say_bool(seen, "others, the pipe");
	take(fds);
	wait_once(set, "others, the pipe alone", 1000);
	close(pipes[0]);
	close(pipes[1]);
	close(set);
	close_pair(fds);
}

static void closed(void)
{
	int fds[2], set = set_of(fds, EPOLLIN), again;

	give(fds);
	wait_once(set, "closed, before", 1000);
	close(set);
	again = epoll_create1(0);
	say_bool(again == set, "closed, the same number");
	wait_once(again, "closed, the new one", 10);
	say(modify(again, fds[0], EPOLLIN), "closed, modify");
	say(add(again, fds[0], EPOLLIN), "closed, add");
	wait_once(again, "closed, added", 1000);
	close_pair(fds);
	wait_once(again, "closed, the socket", 10);
	tcp_pair(fds);
	say(modify(again, fds[0], EPOLLIN), "closed, another socket");
	close_pair(fds);
	dup2(again, set);
	close(again);
}

static void exclusive(void)
{
	int fds[2], set = epoll_create1(0);

	tcp_pair(fds);
	say(add(set, fds[0], EPOLLIN | EPOLLEXCLUSIVE), "exclusive, add");
	say(modify(set, fds[0], EPOLLIN | EPOLLEXCLUSIVE), "exclusive, modify");
	give(fds);
	wait_once(set, "exclusive, data", 1000);
	take(fds);
	wait_once(set, "exclusive, taken", 10);
	close(set);
	close_pair(fds);
}

static void edges(void)
{
	uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	int fds[2], set = set_of(fds, all);

	wait_once(set, "edges, writable", 1000);
	wait_once(set, "edges, quiet", 10);
	give(fds);
	wait_once(set, "edges, data", 1000);
	wait_once(set, "edges, the same data", 10);
	take(fds);
	wait_once(set, "edges, taken", 10);
	say(modify(set, fds[0], EPOLLIN | EPOLLET), "edges, modify");
	wait_once(set, "edges, nothing to read", 10);
	close(fds[1]);
	wait_once(set, "edges, the end", 1000);
	wait_once(set, "edges, the end is over", 10);
	close(set);
	close(fds[0]);
}

static int pwait2(int set, const struct timespec *timeout, bool by_number)
{
	struct epoll_event got[4];

	if (by_number)
		return (int)syscall(SYS_epoll_pwait2, set, got, 4, timeout,
				    NULL, 0);
	return epoll_pwait2(set, got, 4, timeout, NULL);
}

/* Before there is any socket, and after. */
static void precise(bool by_number, bool with_socket)
{
	struct timespec zero = {0, 0}, brief = {0, 200000};
	struct timespec bad = {0, 1000000000}, negative = {-1, 0};
	struct timespec forever = {INT64_MAX, 999999999};
	int set = epoll_create(1), pipes[2], fds[2];
	const char *label = by_number ? "precise, syscall" : "precise";

	need(pipe(pipes), "pipe");
	need(add(set, pipes[0], EPOLLIN), "add");
	if (with_socket) {
		tcp_pair(fds);
		need(add(set, fds[0], EPOLLIN), "add");
	}
	say(pwait2(set, &zero, by_number), "%s, at once", label);
	say(pwait2(set, &brief, by_number), "%s, 200 us", label);
	say(pwait2(set, &bad, by_number), "%s, bad time", label);
	say(pwait2(set, &negative, by_number), "%s, negative", label);
	say(pwait2(-1, &zero, by_number), "%s, no fd", label);
	say(pwait2(pipes[0], &brief, by_number), "%s, no set", label);
	say(pwait2(set, (void *)8, by_number), "%s, bad pointer", label);
	need(write(pipes[1], "x", 1), "write");
	say(pwait2(set, NULL, by_number), "%s, a pipe", label);
	if (with_socket) {
		give(fds);
		/* the kernel's part may come with the next call */
		say(pwait2(set, &forever, by_number) > 0, "%s, both", label);
		close_pair(fds);
	}
	say(pwait2(set, &forever, by_number), "%s, still", label);
	close(set);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	precise(false, false);
	precise(true, false);
	/* the first of the process */
	joined_while(wait_in_thread, "the first");
	joined_while(wait_in_thread, "waited early");
	joined_while(poll_in_thread, "polled early");
	precise(false, true);
	precise(true, true);
	copied_early();
	many_copies();
	nested_early();
	polled();
	selected();
	copied();
	nested_while_waited();
	one_for_two_threads();
	inherited();
	ignored();
	turns();
	others_too();
	closed();
	exclusive();
	edges();
	return 0;
}
