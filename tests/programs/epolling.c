/* SPDX-License-Identifier: Apache-2.0 */
/* epoll: level, edge, one-shot, modification, removal, nesting, dup. */
#include "probe.h"

#include <sys/epoll.h>

static int ep;

static void wait_once(const char *label, int timeout_ms)
{
	struct epoll_event got[8];
	int count = epoll_wait(ep, got, 8, timeout_ms), i;
	uint32_t all = 0;

	for (i = 0; i < count; i++)
		all |= got[i].events;
	printf("%s, count: %d\n", label, count);
	say_bits(all & 0x7fff, "%s, bits", label);
}

static int control(int op, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(ep, op, fd, &event);
}

static void levels(void)
{
	int fds[2];
	char data[10] = {0};

	tcp_pair(fds);
	say(control(EPOLL_CTL_ADD, fds[0], EPOLLIN), "add");
	say(control(EPOLL_CTL_ADD, fds[0], EPOLLIN), "add again");
	wait_once("nothing yet", 10);
	send(fds[1], data, 10, 0);
	wait_once("data", 1000);
	wait_once("still data", 1000);
	recv(fds[0], data, 10, 0);
	wait_once("read", 10);
	say(control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP),
	    "modify");
	wait_once("writable", 1000);
	shutdown(fds[1], SHUT_WR);
	ready(fds[0], POLLRDHUP);
	wait_once("peer has shut", 1000);
	say(control(EPOLL_CTL_DEL, fds[0], 0), "delete");
	say(control(EPOLL_CTL_DEL, fds[0], 0), "delete again");
	say(control(EPOLL_CTL_MOD, fds[0], EPOLLIN), "modify what is not in");
	wait_once("deleted", 10);
	close_pair(fds);
}

static void edges(void)
{
	int fds[2];
	char data[10] = {0};

	tcp_pair(fds);
	control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLET);
	send(fds[1], data, 5, 0);
	wait_once("edge, data", 1000);
	wait_once("edge, no more", 10);
	send(fds[1], data, 5, 0);
	wait_once("edge, more data unread", 1000);
	recv(fds[0], data, 3, 0);
	wait_once("edge, partly read", 10);
	control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLET);
	wait_once("edge, armed anew", 1000);
	control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLOUT | EPOLLET);
	wait_once("edge, writable", 1000);
	wait_once("edge, writable once", 10);
	close_pair(fds);
}

static void one_shots(void)
{
	int fds[2];
	char data[10] = {0};

	tcp_pair(fds);
	control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLONESHOT);
	send(fds[1], data, 5, 0);
	wait_once("one-shot", 1000);
	wait_once("one-shot, spent", 10);
	send(fds[1], data, 5, 0);
	wait_once("one-shot, spent for new data too", 10);
	control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLONESHOT);
	wait_once("one-shot, armed anew", 1000);
	close_pair(fds);
}

static void listeners(void)
{
	uint16_t port;
	int fd = new_listener(&port), other = new_tcp(0);

	control(EPOLL_CTL_ADD, fd, EPOLLIN);
	wait_once("listener", 10);
	connect_loopback(other, port);
	wait_once("listener, one waits", 1000);
	close(accept(fd, NULL, NULL));
	wait_once("listener, accepted", 10);
	close(other);
	close(fd);
	wait_once("listener, closed", 10);
}

static void duplicates(void)
{
	int fds[2], copy;
	char data = 0;

	tcp_pair(fds);
	copy = dup(fds[0]);
	control(EPOLL_CTL_ADD, fds[0], EPOLLIN);
	say(control(EPOLL_CTL_ADD, copy, EPOLLIN), "a copy is another");
	send(fds[1], &data, 1, 0);
	ready(fds[0], POLLIN);
	wait_once("both copies", 1000);
	close(copy);
	control(EPOLL_CTL_DEL, fds[0], 0);
	close_pair(fds);
}

static void nested(void)
{
	int inner = epoll_create1(0), fds[2];
	struct epoll_event event = {.events = EPOLLIN};
	char data = 0;

	tcp_pair(fds);
	say(epoll_ctl(inner, EPOLL_CTL_ADD, fds[0], &event), "nested, add");
	control(EPOLL_CTL_ADD, inner, EPOLLIN);
	wait_once("nested, quiet", 10);
	send(fds[1], &data, 1, 0);
	wait_once("nested, data", 1000);
	control(EPOLL_CTL_DEL, inner, 0);
	close(inner);
	close_pair(fds);
}

static void refusals(void)
{
	int fd = new_tcp(0);
	struct epoll_event event;

	say(control(EPOLL_CTL_ADD, 4000, EPOLLIN), "add a closed fd");
	say(control(EPOLL_CTL_ADD, ep, EPOLLIN), "add itself");
	say(epoll_ctl(fd, EPOLL_CTL_ADD, ep, &event), "a socket is no set");
	say(epoll_wait(fd, &event, 1, 0), "wait on a socket");
	say(epoll_wait(ep, &event, 0, 0), "wait for none");
	say(control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT), "add a fresh one");
	wait_once("fresh", 1000);
	connect_loopback(fd, closed_port(SOCK_STREAM));
	wait_once("refused", 1000);
	close(fd);
}

static void udp(void)
{
	int fds[2];
	char data = 0;

	udp_pair(fds);
	control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLET);
	send(fds[1], &data, 1, 0);
	wait_once("udp edge", 1000);
	send(fds[1], &data, 1, 0);
	wait_once("udp edge, one more", 1000);
	recv(fds[0], &data, 1, 0);
	wait_once("udp edge, one read", 10);
	close_pair(fds);
}

int main(void)
{
	ep = epoll_create1(EPOLL_CLOEXEC);
	need(ep, "epoll_create1");
	levels();
	edges();
	one_shots();
	listeners();
	duplicates();
	nested();
	refusals();
	udp();
	return 0;
}
