/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: who may have which, and what the names say. */
#include "probe.h"

static int set(int fd, int option)
{
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
}

static void taken(int type, const char *kind)
{
	int a = socket(AF_INET, type, 0), b = socket(AF_INET, type, 0);
	struct sockaddr_in any = {.sin_family = AF_INET};
	uint16_t port;

	need(bind_loopback(a, 0), "bind");
	port = port_of(a);
	say(bind_loopback(b, port), "%s, a port twice", kind);
	any.sin_port = htons(port);
	say(bind(b, (struct sockaddr *)&any, sizeof(any)),
	    "%s, on any address too", kind);
	close(a);
	say(bind_loopback(b, port), "%s, after the first closed", kind);
	close(b);
}

static void shared(int type, int option, const char *kind)
{
	int a = socket(AF_INET, type, 0), b = socket(AF_INET, type, 0);

	set(a, option);
	set(b, option);
	need(bind_loopback(a, 0), "bind");
	say(bind_loopback(b, port_of(a)), "%s, bind", kind);
	if (type == SOCK_STREAM) {
		say(listen(a, 1), "%s, first listens", kind);
		say(listen(b, 1), "%s, second listens", kind);
	}
	close(a);
	close(b);
}

static void addresses(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct sockaddr_storage ss = {.ss_family = 99};
	int fd = new_tcp(0);

	sin.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
	say(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "not our address");
	say(bind(fd, (struct sockaddr *)&ss, sizeof(ss)), "not our family");
	say(bind(fd, (struct sockaddr *)&sin, sizeof(ss) + 1), "too long");
	sin.sin_addr.s_addr = htonl(0x7f000002);
	say(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "127.0.0.2");
	close(fd);
	fd = new_tcp(0);
	sin.sin_addr.s_addr = 0;
	say(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "any");
	close(fd);
}

static void after_connections(void)
{
	uint16_t port;
	int listener = new_listener(&port), client = new_tcp(0), served;
	int again = new_tcp(0);

	connect_loopback(client, port);
	served = accept(listener, NULL, NULL);
	close(listener);
	say(bind_loopback(again, port), "while a connection lives");
	set(again, SO_REUSEADDR);
	say(bind_loopback(again, port), "with SO_REUSEADDR");
	/* the server closes first, so its port is in TIME_WAIT */
	close(served);
	close(client);
	close(again);
	sleep_ms(50);
	again = new_tcp(0);
	say(bind_loopback(again, port), "in TIME_WAIT");
	set(again, SO_REUSEADDR);
	say(bind_loopback(again, port), "in TIME_WAIT, with SO_REUSEADDR");
	say(listen(again, 1), "and listen");
	close(again);
}

static void say_name(int rc, const struct sockaddr_in *sin, socklen_t len,
		     const char *label)
{
	say(rc, "%s", label);
	if (rc < 0)
		return;
	printf("%s, is: %s, family %d, port %s, length %u\n", label,
	       inet_ntoa(sin->sin_addr), sin->sin_family,
	       sin->sin_port ? "some" : "none", len);
}

static void own_name(int fd, const char *label)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);
	int rc = getsockname(fd, (struct sockaddr *)&sin, &len);

	say_name(rc, &sin, len, label);
}

static void names(void)
{
	int fd = new_tcp(0), fds[2];
	struct sockaddr_in sin = {0};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	own_name(fd, "name of a fresh one");
	listen(fd, 1);
	own_name(fd, "name after listen");
	close(fd);
	tcp_pair(fds);
	own_name(fds[0], "name of a connected one");
	own_name(fds[1], "name of an accepted one");
	say(getpeername(fds[1], (struct sockaddr *)&ss, &len), "peer");
	say(len, "length of its name");
	len = 6;
	say(getpeername(fds[1], (struct sockaddr *)&sin, &len), "peer, short");
	say(len, "length of its name, asked short");
	say_bool(ntohs(sin.sin_port) == port_of(fds[0]), "its port");
	len = -1;
	say(getpeername(fds[1], (struct sockaddr *)&sin, &len),
	    "peer, negative length");
	close_pair(fds);
	fd = new_udp(0);
	own_name(fd, "name of a fresh udp");
	connect_loopback(fd, 9);
	own_name(fd, "name of a connected udp");
	close(fd);
}

static void accepted_names(void)
{
	uint16_t port;
	int listener = new_listener(&port), client = new_tcp(0), fd;
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);

	connect_loopback(client, port);
	fd = accept4(listener, (struct sockaddr *)&sin, &len,
		     SOCK_CLOEXEC | SOCK_NONBLOCK);
	say_name(fd < 0 ? fd : 0, &sin, len, "accept");
	say_bool(fcntl(fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
	say_bool(fcntl(fd, F_GETFL) & O_NONBLOCK, "nonblocking");
	say(fcntl(fd, F_GETFL) & O_ACCMODE, "access mode");
	close(fd);
	set_nonblock(listener);
	say(accept(listener, NULL, NULL), "accept of nobody");
	connect_loopback(new_tcp(0), port);
	ready(listener, POLLIN);
	fd = accept(listener, NULL, NULL);
	say_bool(fcntl(fd, F_GETFL) & O_NONBLOCK,
		 "nonblocking is not handed down");
	len = sizeof(sin);
	say(accept(listener, (struct sockaddr *)8, &len), "accept to nowhere");
	close(fd);
	close(client);
	close(listener);
}

int main(void)
{
	taken(SOCK_STREAM, "tcp");
	taken(SOCK_DGRAM, "udp");
	shared(SOCK_STREAM, SO_REUSEADDR, "tcp SO_REUSEADDR");
	shared(SOCK_STREAM, SO_REUSEPORT, "tcp SO_REUSEPORT");
	shared(SOCK_DGRAM, SO_REUSEADDR, "udp SO_REUSEADDR");
	shared(SOCK_DGRAM, SO_REUSEPORT, "udp SO_REUSEPORT");
	addresses();
	after_connections();
	names();
	accepted_names();
	return 0;
}
