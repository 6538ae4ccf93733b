/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came while the process made no socket call shows in its next one, with
 * the first call, whichever it is: a kernel's stack does not wait to be asked.
 *
 * The peer is another process. It tells a third one by a connection when it has
 * done what it was told, which tells by a pipe: all that the peer did went the
 * same way before, so it is there by then, and nobody has to guess a time.
 */
#include "probe.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/uio.h>

enum deed {
	SENDS, /* a hundred bytes, then a hundred more */
	SENDS_AND_ENDS,
	ENDS,
	RESETS,
	READS, /* all that was sent to it */
	CALLS, /* connects to the port that follows */
	DATAGRAMS, /* three, to the port that follows */
};

struct order {
	uint8_t deed;
	uint16_t port;
};

static uint16_t peer_port;
static int done_pipe[2];

static void send_datagrams(uint16_t port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = new_udp(0);

	for (int i = 1; i <= 3; i++)
		sendto(fd, "datagram", (size_t)i, 0, (struct sockaddr *)&sin,
		       sizeof(sin));
	close(fd);
}

static void obey(int fd, const struct order *order)
{
	char buf[4096] = {0};
	int calling;

	switch (order->deed) {
	case SENDS:
	case SENDS_AND_ENDS:
		send(fd, buf, 100, 0);
		sleep_ms(1);
		send(fd, buf, 100, 0);
		if (order->deed == SENDS_AND_ENDS)
			shutdown(fd, SHUT_WR);
		break;
	case ENDS:
		close(fd);
		break;
	case RESETS:
		reset(fd);
		break;
	case READS:
		recv(fd, buf, 1000, MSG_WAITALL);
		break;
	case CALLS:
		calling = new_tcp(0);
		connect_loopback(calling, order->port);
		break;
	case DATAGRAMS:
		send_datagrams(order->port);
		break;
	}
}

/* Obeys until it is killed. */
static void peer(int port_pipe)
{
	uint16_t port;
	int listener = new_listener(&port), teller, fd;
	struct order order;

	/* once for the third process, once for the first */
	write(port_pipe, &port, sizeof(port));
	write(port_pipe, &port, sizeof(port));
	teller = accept(listener, NULL, NULL);
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0 || recv(fd, &order, sizeof(order), MSG_WAITALL) !=
				      sizeof(order))
			_exit(1);
		obey(fd, &order);
		send(teller, "d", 1, 0);
	}
}

static void third(int port_pipe)
{
	int fd = new_tcp(0);
	uint16_t port;
	char byte;

	need(read(port_pipe, &port, sizeof(port)), "port");
	need(connect_loopback(fd, port), "connect");
	write(done_pipe[1], "c", 1);
	while (recv(fd, &byte, 1, 0) == 1)
		write(done_pipe[1], &byte, 1);
	_exit(0);
}

/* Until what the peer did is there; no call on a socket is made. */
static void sleep_until_done(void)
{
	char byte;

	need(read(done_pipe[0], &byte, 1), "done");
	sleep_ms(20);
}

static int connection(void)
{
	int fd = new_tcp(0);

	need(connect_loopback(fd, peer_port), "connect");
	return fd;
}

static int told(enum deed deed, uint16_t port)
{
	struct order order = {.deed = deed, .port = port};
	int fd = connection();

	need(send(fd, &order, sizeof(order), 0), "order");
	sleep_until_done();
	return fd;
}

/* ---- data ---- */

static void receive_at_once(void)
{
	char buf[4096];
	struct iovec iov[2] = {{buf, 50}, {buf + 50, 4000}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	int fd, inq = -1;

	fd = told(SENDS, 0);
	say(recv(fd, buf, sizeof(buf), 0), "recv");
	close(fd);
	fd = told(SENDS, 0);
	say(read(fd, buf, sizeof(buf)), "read");
	close(fd);
	fd = told(SENDS, 0);
	say(readv(fd, iov, 2), "readv");
	close(fd);
	fd = told(SENDS, 0);
	say(recvmsg(fd, &msg, 0), "recvmsg");
	close(fd);
	fd = told(SENDS, 0);
	say(recv(fd, buf, sizeof(buf), MSG_PEEK), "peek");
	say(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), "recv after it");
	close(fd);
	fd = told(SENDS, 0);
	say(ioctl(fd, FIONREAD, &inq), "FIONREAD");
	say(inq, "bytes");
	close(fd);
	fd = told(SENDS_AND_ENDS, 0);
	say(recv(fd, buf, sizeof(buf), 0), "recv, then the end");
	say(recv(fd, buf, sizeof(buf), 0), "the end");
	close(fd);
}

/* Part was read before the rest came: one call gives all there is. */
static void rest_at_once(void)
{
	struct order order = {.deed = SENDS};
	char buf[4096];
	int fd = connection();

	need(send(fd, &order, sizeof(order), 0), "order");
	say(recv(fd, buf, 1, 0), "the first byte");
	sleep_until_done();
	say(recv(fd, buf, sizeof(buf), 0), "the rest");
	close(fd);
}

static void send_queue(void)
{
	struct order order = {.deed = READS};
	char buf[1000] = {0};
	int fd = connection(), outq = -1;

	need(send(fd, &order, sizeof(order), 0), "order");
	say(send(fd, buf, sizeof(buf), 0), "send");
	sleep_until_done();
	say(ioctl(fd, SIOCOUTQ, &outq), "SIOCOUTQ");
	say(outq, "not acknowledged");
	close(fd);
}

/* ---- ends ---- */

static void first_send(enum deed deed, const char *what)
{
	int fd = told(deed, 0);

	say(send(fd, "x", 1, MSG_NOSIGNAL), "%s, send", what);
	sleep_ms(100);
	say(send(fd, "x", 1, MSG_NOSIGNAL), "%s, send again", what);
	close(fd);
}

static void ends(void)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	struct sockaddr_in sin;
	socklen_t sinlen = sizeof(sin);
	int fd;

	first_send(RESETS, "reset");
	first_send(ENDS, "closed");
	fd = told(RESETS, 0);
	say(int_option(fd, SOL_SOCKET, SO_ERROR), "reset, SO_ERROR");
	close(fd);
	fd = told(RESETS, 0);
	say(shutdown(fd, SHUT_WR), "reset, shutdown");
	close(fd);
	fd = told(RESETS, 0);
	say(getpeername(fd, (struct sockaddr *)&sin, &sinlen),
	    "reset, getpeername");
	close(fd);
	fd = told(RESETS, 0);
	say(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len),
	    "reset, TCP_INFO");
	say(info.tcpi_state, "reset, state");
	close(fd);
	fd = told(ENDS, 0);
	len = sizeof(info);
	say(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len),
	    "closed, TCP_INFO");
	say(info.tcpi_state, "closed, state");
	close(fd);
	fd = told(RESETS, 0);
	say(connect_loopback(fd, peer_port), "reset, connect");
	close(fd);
}

/* ---- readiness that is asked for without waiting ---- */

static void looks(void)
{
	int fd, ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP};
	struct pollfd pfd = {.events = POLLIN | POLLRDHUP};
	struct timeval none = {0};
	fd_set set;

	pfd.fd = fd = told(SENDS, 0);
	say(poll(&pfd, 1, 0), "poll");
	say_bits(pfd.revents, "poll, bits");
	close(fd);
	fd = told(SENDS, 0);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	say(select(fd + 1, &set, NULL, NULL, &none), "select");
	close(fd);
	fd = told(SENDS_AND_ENDS, 0);
	say(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl");
	say(epoll_wait(ep, &ev, 1, 0), "epoll_wait");
	say_bits((short)ev.events, "epoll_wait, bits");
	close(fd);
	close(ep);
}

/* ---- connections ---- */

static void accepts(void)
{
	uint16_t port;
	int listener = new_listener(&port), fd;

	set_nonblock(listener);
	fd = told(CALLS, port);
	say(accept(listener, NULL, NULL) >= 0, "accept, nonblocking");
	close(fd);
	close(listener);
}

static void connects(void)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd = new_tcp(SOCK_NONBLOCK), other;

	say(connect_loopback(fd, peer_port), "connect, nonblocking");
	/* the peer takes it first, and sees that there is nothing */
	other = connection();
	sleep_ms(100);
	say(getpeername(fd, (struct sockaddr *)&sin, &len),
	    "getpeername, meanwhile connected");
	say(send(fd, "x", 1, MSG_NOSIGNAL), "send, meanwhile connected");
	close(fd);
	close(other);
}

static void datagrams(void)
{
	struct mmsghdr vec[8];
	struct iovec iov[8];
	char buf[8][16];
	int fd = new_udp(SOCK_NONBLOCK), tcp;

	memset(vec, 0, sizeof(vec));
	for (int i = 0; i < 8; i++) {
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
		vec[i].msg_hdr.msg_iov = &iov[i];
		vec[i].msg_hdr.msg_iovlen = 1;
	}
	need(bind_loopback(fd, 0), "bind");
	tcp = told(DATAGRAMS, port_of(fd));
	say(recvmmsg(fd, vec, 8, 0, NULL), "recvmmsg");
	say(vec[2].msg_len, "the third");
	close(tcp);
	tcp = told(DATAGRAMS, port_of(fd));
	say(recv(fd, buf[0], 16, 0), "recv of a datagram");
	close(tcp);
	close(fd);
}

int main(void)
{
	int ports[2];
	pid_t pids[2];

	/* one network for all three, also without fdnet-run */
	close(new_tcp(0));
	need(pipe(ports), "pipe");
	need(pipe(done_pipe), "pipe");
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (i == 0)
			peer(ports[1]);
		third(ports[0]);
	}
	need(read(ports[0], &peer_port, sizeof(peer_port)), "port");
	/* the peer takes the third one's connection first */
	sleep_until_done();
	receive_at_once();
	rest_at_once();
	send_queue();
	looks();
	ends();
	accepts();
	datagrams();
	connects(); /* the last: the peer ends of it */
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	return 0;
}
