/* SPDX-License-Identifier: Apache-2.0 */
/* connect, blocking and not, to somebody, to nobody, to oneself. */
#include "probe.h"

static int so_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

static void nonblocking(void)
{
	uint16_t port;
	int listener = new_listener(&port), fd = new_tcp(SOCK_NONBLOCK);
	char room[64];
	int served;

	say(connect_loopback(fd, port), "connect");
	say_bits(ready(fd, POLLOUT), "when done");
	say(so_error(fd), "SO_ERROR");
	say(connect_loopback(fd, port), "connect again");
	say(connect_loopback(fd, port), "connect a third time");
	served = accept(listener, NULL, NULL);
	say(send(fd, "x", 1, 0), "send");
	say(recv(served, room, sizeof(room), 0), "what came");
	say(send(served, "y", 1, 0), "send back");
	say_bits(ready(fd, POLLIN), "something came");
	set_nonblock(served);
	say(connect_loopback(served, port), "connect what was accepted");
	say(recv(fd, room, sizeof(room), 0), "what came back");
	say(close(served), "close");
	close(fd);
	close(listener);
}

static void refused(void)
{
	uint16_t port = closed_port(SOCK_STREAM);
	int fd = new_tcp(0), slow = new_tcp(SOCK_NONBLOCK);

	say(connect_loopback(fd, port), "refused");
	say(so_error(fd), "refused, SO_ERROR");
	say(connect_loopback(fd, port), "refused again");
	say_bits(ready(fd, 0), "refused, bits");
	close(fd);
	say(connect_loopback(slow, port), "refused slowly");
	say_bits(ready(slow, POLLERR), "refused slowly, bits");
	say_text(strerrorname_np(so_error(slow)), "refused slowly, SO_ERROR");
	say(so_error(slow), "refused slowly, SO_ERROR again");
	say(connect_loopback(slow, port), "refused slowly, connect again");
	ready(slow, POLLERR);
	say(connect_loopback(slow, port), "and fetch the error by connect");
	close(slow);
}

static void then_accepted(void)
{
	int fd = new_tcp(0), listener = new_tcp(0);
	uint16_t port;

	need(bind_loopback(listener, 0), "bind");
	port = port_of(listener);
	say(connect_loopback(fd, port), "before anybody listens");
	listen(listener, 1);
	say(connect_loopback(fd, port), "the same socket, after");
	say(send(fd, "x", 1, 0), "send");
	close(fd);
	close(listener);
}

static void to_oneself(void)
{
	int fd = new_tcp(0);
	char back[4];

	need(bind_loopback(fd, 0), "bind");
	say(connect_loopback(fd, port_of(fd)), "to oneself");
	say(send(fd, "me", 2, 0), "send to oneself");
	say(recv(fd, back, 4, 0), "from oneself");
	close(fd);
}

static void odd_names(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct sockaddr_storage ss = {.ss_family = 99};
	uint16_t port;
	int fd = new_tcp(0), listener = new_listener(&port);

	say(connect(fd, (struct sockaddr *)&ss, sizeof(ss)), "odd family");
	close(fd);
	fd = new_tcp(0);
	ss.ss_family = AF_UNSPEC;
	say(connect(fd, (struct sockaddr *)&ss, sizeof(ss)), "unspec, fresh");
	say(connect_loopback(fd, port), "then connect");
	say(connect(fd, (struct sockaddr *)&ss, sizeof(ss)),
	    "unspec, connected");
	say(send(fd, "x", 1, MSG_NOSIGNAL), "send after it");
	close(fd);
	fd = new_tcp(0);
	sin.sin_port = htons(port);
	say(connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    "0.0.0.0 is oneself");
	close(fd);
	fd = new_tcp(0);
	sin.sin_addr.s_addr = htonl(0x7f010203);
	say(connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    "127.1.2.3, nobody listens there");
	close(fd);
	fd = new_tcp(0);
	sin.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	say(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), "broadcast");
	close(fd);
	close(listener);
}

static void before_accept(void)
{
	uint16_t port;
	int listener = new_listener(&port), fd = new_tcp(0), served;
	char back[10];

	say(connect_loopback(fd, port), "connect, nobody accepts yet");
	say(send(fd, "early", 5, 0), "send before accept");
	say(shutdown(fd, SHUT_WR), "end before accept");
	served = accept(listener, NULL, NULL);
	say(recv(served, back, 10, MSG_WAITALL), "what was sent before");
	close(fd);
	close(served);
	fd = new_tcp(0);
	connect_loopback(fd, port);
	close(listener);
	ready(fd, POLLHUP);
	say(recv(fd, back, 10, 0), "the listener closed before accept");
	close(fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	nonblocking();
	refused();
	then_accepted();
	to_oneself();
	odd_names();
	before_accept();
	return 0;
}
