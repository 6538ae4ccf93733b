/* SPDX-License-Identifier: Apache-2.0 */
/* poll, select: the bits in every state. */
#include "probe.h"

#include <sys/select.h>

static void tcp_bits(void)
{
	uint16_t port;
	int fd, fds[2], other;
	char data[4096] = {0};

	fd = new_tcp(0);
	say_bits(ready(fd, 0), "fresh");
	need(bind_loopback(fd, 0), "bind");
	say_bits(ready(fd, 0), "bound");
	close(fd);

	fd = new_listener(&port);
	say_bits(ready(fd, 0), "listening");
	other = new_tcp(0);
	connect_loopback(other, port);
	say_bits(ready(fd, POLLIN), "listening, one waits");
	close(accept(fd, NULL, NULL));
	say_bits(ready(fd, 0), "listening, accepted");
	close(other);
	close(fd);

	fd = new_tcp(SOCK_NONBLOCK);
	connect_loopback(fd, closed_port(SOCK_STREAM));
	say_bits(ready(fd, POLLERR), "refused");
	close(fd);

	tcp_pair(fds);
	say_bits(ready(fds[0], POLLOUT), "connected");
	send(fds[1], data, 10, 0);
	say_bits(ready(fds[0], POLLIN), "data");
	recv(fds[0], data, 4, 0);
	say_bits(ready(fds[0], POLLIN), "data, half read");
	recv(fds[0], data, 10, 0);
	say_bits(ready(fds[0], POLLOUT), "data, all read");
	shutdown(fds[1], SHUT_WR);
	say_bits(ready(fds[0], POLLRDHUP), "peer has shut");
	shutdown(fds[0], SHUT_WR);
	say_bits(ready(fds[0], POLLHUP), "both have shut");
	close_pair(fds);

	tcp_pair(fds);
	shutdown(fds[0], SHUT_WR);
	say_bits(ready(fds[0], POLLOUT), "writing shut");
	say_bits(ready(fds[1], POLLRDHUP), "writing shut, the peer");
	close_pair(fds);

	tcp_pair(fds);
	shutdown(fds[0], SHUT_RD);
	say_bits(ready(fds[0], POLLRDHUP), "reading shut");
	shutdown(fds[0], SHUT_WR);
	say_bits(ready(fds[0], POLLOUT), "reading and writing shut");
	close_pair(fds);

	tcp_pair(fds);
	reset(fds[1]);
	say_bits(ready(fds[0], POLLHUP), "reset");
	say(recv(fds[0], data, 1, 0), "reset, recv");
	say_bits(ready(fds[0], POLLHUP), "reset, error fetched");
	close(fds[0]);

	tcp_pair(fds);
	set_nonblock(fds[0]);
	while (send(fds[0], data, sizeof(data), 0) > 0)
		;
	say_bits(ready(fds[0], 0), "full");
	set_nonblock(fds[1]);
	for (int quiet = 0; quiet < 20; quiet++) {
		while (recv(fds[1], data, sizeof(data), 0) > 0)
			quiet = 0;
		sleep_ms(5);
	}
	say_bits(ready(fds[0], POLLOUT), "full, then read");
	close_pair(fds);
}

static void udp_bits(void)
{
	int fd = new_udp(0), fds[2];
	char data[10] = {0};

	say_bits(ready(fd, 0), "udp fresh");
	shutdown(fd, SHUT_RDWR);
	say_bits(ready(fd, 0), "udp fresh, shut");
	close(fd);
	udp_pair(fds);
	say_bits(ready(fds[0], 0), "udp connected");
	send(fds[1], data, 10, 0);
	say_bits(ready(fds[0], POLLIN), "udp data");
	recv(fds[0], data, 1, 0);
	say_bits(ready(fds[0], POLLOUT), "udp data read");
	send(fds[1], data, 0, 0);
	say_bits(ready(fds[0], POLLIN), "udp empty datagram");
	close(fds[1]);
	send(fds[0], data, 1, 0);
	say_bits(ready(fds[0], POLLERR), "udp refused");
	recv(fds[0], data, 10, 0);
	say(recv(fds[0], data, 10, MSG_DONTWAIT), "udp refused, recv");
	close(fds[0]);
}

static void say_sets(int count, fd_set *in, fd_set *out, fd_set *ex, int fd,
		     const char *label)
{
	printf("%s: %d%s%s%s\n", label, count, FD_ISSET(fd, in) ? " in" : "",
	       FD_ISSET(fd, out) ? " out" : "", FD_ISSET(fd, ex) ? " ex" : "");
}

static void select_once(int fd, const char *label)
{
	fd_set in, out, ex;
	struct timeval none = {0};
	int count;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&ex);
	FD_SET(fd, &in);
	FD_SET(fd, &out);
	FD_SET(fd, &ex);
	count = select(fd + 1, &in, &out, &ex, &none);
	say_sets(count, &in, &out, &ex, fd, label);
}

static void selecting(void)
{
	int fds[2], fd;
	char byte = 0;

	fd = new_tcp(0);
	select_once(fd, "select fresh");
	close(fd);
	tcp_pair(fds);
	select_once(fds[0], "select connected");
	send(fds[1], &byte, 1, 0);
	ready(fds[0], POLLIN);
	select_once(fds[0], "select data");
	recv(fds[0], &byte, 1, 0);
	shutdown(fds[1], SHUT_WR);
	ready(fds[0], POLLIN);
	select_once(fds[0], "select end of file");
	close_pair(fds);
}

static void odd_polls(void)
{
	struct pollfd pfd[3];
	int fds[2], count;

	tcp_pair(fds);
	pfd[0] = (struct pollfd){.fd = -1, .events = POLLIN, .revents = 77};
	pfd[1] = (struct pollfd){.fd = 4000, .events = POLLIN};
	pfd[2] = (struct pollfd){.fd = fds[0], .events = POLLOUT};
	count = poll(pfd, 3, 1000);
	say(count, "poll of none, closed, open");
	say_bits(pfd[0].revents, "none");
	say_bits(pfd[1].revents, "closed");
	say_bits(pfd[2].revents, "open");
	pfd[2].events = 0;
	say(poll(pfd + 2, 1, 10), "poll for nothing");
	pfd[2].events = POLLIN;
	say(poll(pfd + 2, 1, 20), "poll that times out");
	/* the same socket twice in one call */
	pfd[1] = pfd[2];
	pfd[1].events = POLLOUT;
	say(poll(pfd + 1, 2, 1000), "poll of one twice");
	say(poll(NULL, 0, 1), "poll of nobody");
	close_pair(fds);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	tcp_bits();
	udp_bits();
	selecting();
	odd_polls();
	return 0;
}
