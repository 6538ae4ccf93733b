/* SPDX-License-Identifier: Apache-2.0 */
/* The errno of every call on a socket in every state. */
#include "probe.h"

#include <sys/uio.h>

static char data[64];

static void all_calls(int fd, const char *state)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct sockaddr_in sin = loopback(9);
	struct iovec iov = {data, 8};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int value, flags = fcntl(fd, F_GETFL);

	/* so that nothing waits; accept4 has no flag for it */
	set_nonblock(fd);
	say(getsockname(fd, (struct sockaddr *)&ss, &len), "%s, getsockname",
	    state);
	len = sizeof(ss);
	say(getpeername(fd, (struct sockaddr *)&ss, &len), "%s, getpeername",
	    state);
	say(accept4(fd, NULL, NULL, SOCK_NONBLOCK), "%s, accept4", state);
	say(accept4(fd, NULL, NULL, 0x12345678), "%s, accept4 bad flags", state);
	say(recv(fd, data, 8, MSG_DONTWAIT), "%s, recv", state);
	say(recv(fd, data, 8, MSG_DONTWAIT | MSG_OOB), "%s, recv oob", state);
	say(recv(fd, data, 8, MSG_DONTWAIT | MSG_PEEK), "%s, recv peek", state);
	say(recv(fd, data, 0, MSG_DONTWAIT), "%s, recv nothing", state);
	say(recvmsg(fd, &msg, MSG_DONTWAIT), "%s, recvmsg", state);
	say(send(fd, data, 8, MSG_NOSIGNAL | MSG_DONTWAIT), "%s, send", state);
	say(send(fd, data, 0, MSG_NOSIGNAL | MSG_DONTWAIT), "%s, send nothing",
	    state);
	msg.msg_iovlen = 1;
	say(sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT), "%s, sendmsg", state);
	say(write(fd, data, 0), "%s, write nothing", state);
	say(pread(fd, data, 1, 0), "%s, pread", state);
	say(pwrite(fd, data, 1, 0), "%s, pwrite", state);
	say(lseek(fd, 0, SEEK_SET), "%s, lseek", state);
	say(ftruncate(fd, 0), "%s, ftruncate", state);
	say(fsync(fd), "%s, fsync", state);
	say(isatty(fd) ? 1 : -1, "%s, isatty", state);
	len = sizeof(value);
	say(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len), "%s, SO_ERROR",
	    state);
	len = sizeof(value);
	say(getsockopt(fd, SOL_SOCKET, 9999, &value, &len),
	    "%s, unknown option", state);
	say(bind(fd, (struct sockaddr *)&sin, 4), "%s, bind short", state);
	say(connect(fd, (struct sockaddr *)&sin, 4), "%s, connect short", state);
	say(shutdown(fd, 99), "%s, shutdown 99", state);
	fcntl(fd, F_SETFL, flags);
}

static void ends(int fd, const char *state)
{
	say(shutdown(fd, SHUT_RD), "%s, shutdown read", state);
	say(shutdown(fd, SHUT_WR), "%s, shutdown write", state);
	say(shutdown(fd, SHUT_RDWR), "%s, shutdown both", state);
	say(close(fd), "%s, close", state);
	say(close(fd), "%s, close again", state);
}

static void tcp_states(void)
{
	uint16_t port;
	int fd, fds[2], other;

	fd = new_tcp(0);
	all_calls(fd, "fresh");
	say(connect_loopback(fd, closed_port(SOCK_STREAM)),
	    "fresh, connect to nobody");
	all_calls(fd, "refused");
	ends(fd, "refused");

	fd = new_tcp(0);
	need(bind_loopback(fd, 0), "bind");
	say(bind_loopback(fd, 0), "bound, bind");
	all_calls(fd, "bound");
	ends(fd, "bound");

	fd = new_listener(&port);
	say(connect_loopback(fd, port), "listening, connect");
	say(bind_loopback(fd, 0), "listening, bind");
	say(listen(fd, 3), "listening, listen");
	all_calls(fd, "listening");
	ends(fd, "listening");

	tcp_pair(fds);
	say(connect_loopback(fds[0], 9), "connected, connect");
	say(listen(fds[0], 3), "connected, listen");
	say(bind_loopback(fds[0], 0), "connected, bind");
	all_calls(fds[0], "connected");
	/* what was sent above is unread, so closing resets */
	close(fds[1]);
	ready(fds[0], POLLERR);
	all_calls(fds[0], "reset");
	ends(fds[0], "reset");

	tcp_pair(fds);
	shutdown(fds[1], SHUT_WR);
	ready(fds[0], POLLRDHUP);
	all_calls(fds[0], "peer has shut");
	shutdown(fds[0], SHUT_WR);
	ready(fds[0], POLLHUP);
	all_calls(fds[0], "both have shut");
	ends(fds[0], "both have shut");
	close(fds[1]);

	tcp_pair(fds);
	shutdown(fds[0], SHUT_RD);
	all_calls(fds[0], "reading shut");
	close_pair(fds);

	tcp_pair(fds);
	shutdown(fds[0], SHUT_WR);
	all_calls(fds[0], "writing shut");
	ends(fds[0], "writing shut");
	close(fds[1]);

	fd = new_tcp(SOCK_NONBLOCK);
	other = new_listener(&port);
	say(connect_loopback(fd, port), "nonblocking, connect");
	ready(fd, POLLOUT);
	say(connect_loopback(fd, port), "nonblocking, connect again");
	say(connect_loopback(fd, port), "nonblocking, connect once more");
	close(fd);
	close(other);
}

static void udp_states(void)
{
	int fd, fds[2];

	fd = new_udp(0);
	all_calls(fd, "udp fresh");
	say(listen(fd, 3), "udp, listen");
	ends(fd, "udp fresh");
	fd = new_udp(0);
	need(bind_loopback(fd, 0), "bind");
	say(bind_loopback(fd, 0), "udp bound, bind");
	all_calls(fd, "udp bound");
	ends(fd, "udp bound");
	udp_pair(fds);
	all_calls(fds[0], "udp connected");
	ends(fds[0], "udp connected");
	close(fds[1]);
}

static void bad_descriptors(void)
{
	int file = open("/dev/null", O_RDWR), pipes[2];
	uint16_t port = 9;
	int fds[2];

	need(pipe(pipes), "pipe");
	say(listen(4000, 1), "bad fd, listen");
	say(connect_loopback(4000, port), "bad fd, connect");
	say(send(4000, data, 1, 0), "bad fd, send");
	say(recv(-1, data, 1, 0), "bad fd, recv");
	say(shutdown(-5, SHUT_RD), "bad fd, shutdown");
	say(listen(file, 1), "file, listen");
	say(connect_loopback(file, port), "file, connect");
	say(send(file, data, 1, 0), "file, send");
	say(recv(file, data, 1, 0), "file, recv");
	say(recv(pipes[0], data, 1, 0), "pipe, recv");
	say(accept(file, NULL, NULL), "file, accept");
	tcp_pair(fds);
	say(send(fds[0], NULL, 8, MSG_NOSIGNAL), "send from nowhere");
	say(recv(fds[0], NULL, 8, MSG_DONTWAIT), "recv to nowhere, empty");
	send(fds[1], data, 8, 0);
	ready(fds[0], POLLIN);
	say(recv(fds[0], NULL, 8, MSG_DONTWAIT), "recv to nowhere");
	say(connect(new_tcp(0), NULL, 16), "connect to nowhere");
	say(bind(new_tcp(0), NULL, 16), "bind to nowhere");
	say(getsockname(fds[0], NULL, NULL), "getsockname to nowhere");
	close_pair(fds);
	close(file);
}

/* Calls that succeed leave errno alone: wget prints it after a close(). */
static void errno_stays(void)
{
	struct sockaddr_in sin = loopback(9);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	say(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), "refused");
	errno = ENOTTY;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	printf("errno after setsockopt: %d\n", errno == ENOTTY);
	close(fd);
	printf("errno after close: %d\n", errno == ENOTTY);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	printf("errno after socket: %d\n", errno == ENOTTY);
	connect(fd, (struct sockaddr *)&sin, sizeof(sin));
	printf("errno after connect: %d\n", errno == ENOTTY);
	close(fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	errno_stays();
	tcp_states();
	udp_states();
	bad_descriptors();
	return 0;
}
