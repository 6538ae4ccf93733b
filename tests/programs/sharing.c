/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that another process has used too: what is asked of them beyond
 * bytes. Options, names, both halves of shutdown(), errors, urgent data,
 * control messages, the error queue.
 */
#include "probe.h"

#include <linux/errqueue.h>
#include <sys/time.h>
#include <sys/wait.h>

/* A child uses it: from now on it is not this process's alone. */
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

static void shared_tcp(int fds[2])
{
	tcp_pair(fds);
	share(fds[0]);
	share(fds[1]);
}

static int int_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

static void options_kept(void)
{
	static const struct {
		int level, name, value;
		const char *what;
	} rows[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
		{SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"},
		{SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE"},
		{SOL_SOCKET, SO_PRIORITY, 3, "SO_PRIORITY"},
		{SOL_SOCKET, SO_RCVLOWAT, 5, "SO_RCVLOWAT"},
		{IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"},
		{IPPROTO_TCP, TCP_KEEPIDLE, 77, "TCP_KEEPIDLE"},
		{IPPROTO_TCP, TCP_KEEPCNT, 5, "TCP_KEEPCNT"},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, "TCP_USER_TIMEOUT"},
		{IPPROTO_TCP, TCP_CORK, 1, "TCP_CORK"},
		{IPPROTO_IP, IP_TOS, 16, "IP_TOS"},
		{IPPROTO_IP, IP_TTL, 33, "IP_TTL"},
	};
	int before[2], after[2];
	size_t i;

	tcp_pair(before);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		setsockopt(before[0], rows[i].level, rows[i].name,
			   &rows[i].value, sizeof(int));
	share(before[0]);
	shared_tcp(after);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say(int_option(before[0], rows[i].level, rows[i].name),
		    "%s, set before", rows[i].what);
		say(setsockopt(after[0], rows[i].level, rows[i].name,
			       &rows[i].value, sizeof(int)),
		    "%s, set after", rows[i].what);
		say(int_option(after[0], rows[i].level, rows[i].name),
		    "%s, read", rows[i].what);
	}
	say(int_option(after[0], SOL_SOCKET, SO_TYPE), "type");
	say(int_option(after[0], SOL_SOCKET, SO_DOMAIN), "domain");
	say(int_option(after[0], SOL_SOCKET, SO_PROTOCOL), "protocol");
	say(int_option(after[0], SOL_SOCKET, SO_ERROR), "error");
	say(int_option(after[0], SOL_SOCKET, SO_ACCEPTCONN), "listens");
	say(setsockopt(after[0], SOL_SOCKET, 9999, &before, 4), "unknown");
	say(setsockopt(after[0], IPPROTO_TCP, TCP_NODELAY, &before, 2),
	    "too short");
	close_pair(before);
	close_pair(after);
}

static void names(void)
{
	struct sockaddr_in own, other;
	socklen_t len = sizeof(own);
	int fds[2];

	shared_tcp(fds);
	say(getsockname(fds[0], (struct sockaddr *)&own, &len), "getsockname");
	say(getpeername(fds[1], (struct sockaddr *)&other, &len),
	    "getpeername");
	say_bool(own.sin_port == other.sin_port &&
			 own.sin_addr.s_addr == other.sin_addr.s_addr,
		 "the same name");
	shutdown(fds[0], SHUT_RDWR);
	shutdown(fds[1], SHUT_RDWR);
	sleep_ms(20);
	say(getpeername(fds[0], (struct sockaddr *)&other, &len),
	    "getpeername, closed both ways");
	say(getsockname(fds[0], (struct sockaddr *)&other, &len),
	    "getsockname, closed both ways");
	close_pair(fds);
}

static void halves(int how, const char *what)
{
	char buf[16];
	int fds[2];

	shared_tcp(fds);
	say(send(fds[1], "before", 6, 0), "%s, sent before", what);
	ready(fds[0], POLLIN);
	say(shutdown(fds[0], how), "%s", what);
	say(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT), "%s, what was there",
	    what);
	say(recv(fds[0], buf, sizeof(buf), how == SHUT_WR ? MSG_DONTWAIT : 0),
	    "%s, then", what);
	say(send(fds[0], "x", 1, MSG_NOSIGNAL), "%s, send", what);
	say_bits(ready(fds[0], 0) & (POLLHUP | POLLRDHUP), "%s, bits", what);
	if (how == SHUT_RD)
		say(recv(fds[1], buf, sizeof(buf), 0), "%s, the other gets it",
		    what);
	else
		say(recv(fds[1], buf, sizeof(buf), 0), "%s, the other's end",
		    what);
	say(send(fds[1], "after", 5, MSG_NOSIGNAL), "%s, the other sends",
	    what);
	if (how == SHUT_WR) {
		say(recv(fds[0], buf, sizeof(buf), 0), "%s, and we have it",
		    what);
		say(shutdown(fds[0], SHUT_WR), "%s, again", what);
	}
	close_pair(fds);
}

static long queued(int fd, unsigned long request)
{
	int n = -7;

	return ioctl(fd, request, &n) < 0 ? -1 : n;
}

static void queues(void)
{
	static char much[4 << 20];
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	char buf[16];
	int fds[2], i;

	shared_tcp(fds);
	say(queued(fds[0], FIONREAD), "FIONREAD, nothing");
	send(fds[1], "12345", 5, 0);
	ready(fds[0], POLLIN);
	say(queued(fds[0], FIONREAD), "FIONREAD");
	recv(fds[0], buf, 2, 0);
	say(queued(fds[0], FIONREAD), "FIONREAD, after two");
	say(recv(fds[0], buf, 16, MSG_PEEK), "peek");
	say(recv(fds[0], NULL, 2, MSG_TRUNC), "two thrown away");
	say(recv(fds[0], buf, 16, 0), "the last");
	for (i = 0; i < 500 && queued(fds[1], TIOCOUTQ) > 0; i++)
		sleep_ms(10); /* the acknowledgment */
	say(queued(fds[1], TIOCOUTQ), "SIOCOUTQ, all arrived");
	set_nonblock(fds[1]);
	while (send(fds[1], much, sizeof(much), 0) > 0)
		;
	say_bool(queued(fds[1], TIOCOUTQ) > 0, "SIOCOUTQ, full");
	say(getsockopt(fds[0], IPPROTO_TCP, TCP_INFO, &info, &len),
	    "TCP_INFO");
	say(info.tcpi_state, "its state");
	say_bool(info.tcpi_snd_mss > 0, "its segment size");
	close_pair(fds);
}

static void how_it_ended(void)
{
	char buf[16];
	int fds[2];

	shared_tcp(fds);
	reset(fds[1]);
	ready(fds[0], POLLHUP);
	say_bits(ready(fds[0], 0), "reset, bits");
	say(int_option(fds[0], SOL_SOCKET, SO_ERROR), "reset, SO_ERROR");
	say(int_option(fds[0], SOL_SOCKET, SO_ERROR), "reset, once");
	say(recv(fds[0], buf, 1, 0), "reset, recv");
	say(send(fds[0], buf, 1, MSG_NOSIGNAL), "reset, send");
	close(fds[0]);
	shared_tcp(fds);
	reset(fds[1]);
	ready(fds[0], POLLHUP);
	say(recv(fds[0], buf, 1, 0), "reset, recv first");
	say(recv(fds[0], buf, 1, 0), "reset, recv again");
	close(fds[0]);
}

/* ---- urgent data ---- */

static void at_mark(int fd, const char *what)
{
	say(sockatmark(fd), "%s, at the mark", what);
}

static volatile sig_atomic_t urgent;

static void on_urgent(int signo)
{
	(void)signo;
	urgent++;
}

static void out_of_band(void)
{
	char buf[16] = {0};
	int fds[2], on = 1;

	shared_tcp(fds);
	at_mark(fds[0], "no urgent byte");
	say(recv(fds[0], buf, 1, MSG_OOB | MSG_DONTWAIT), "MSG_OOB, none");
	send(fds[1], "abc", 3, 0);
	say(send(fds[1], "!", 1, MSG_OOB), "MSG_OOB, send");
	send(fds[1], "def", 3, 0);
	say_bits(ready(fds[0], POLLPRI) & (POLLIN | POLLPRI), "urgent, bits");
	sleep_ms(20);
	at_mark(fds[0], "urgent");
	say(recv(fds[0], buf, 16, 0), "up to the mark");
	at_mark(fds[0], "there");
	say(recv(fds[0], buf, 1, MSG_OOB), "the urgent byte");
	say(buf[0], "it is");
	say(recv(fds[0], buf, 16, 0), "what follows");
	say(buf[0], "which begins");
	say_bits(ready(fds[0], 0) & POLLPRI, "urgent, no more");
	close_pair(fds);

	shared_tcp(fds);
	say(setsockopt(fds[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)),
	    "in line");
	send(fds[1], "ab", 2, 0);
	send(fds[1], "!", 1, MSG_OOB);
	send(fds[1], "cd", 2, 0);
	ready(fds[0], POLLPRI);
	sleep_ms(20);
	say(recv(fds[0], buf, 16, 0), "in line, before");
	at_mark(fds[0], "in line");
	say(recv(fds[0], buf, 16, 0), "in line, with what follows");
	say(buf[0], "in line, it is");
	say(recv(fds[0], buf, 1, MSG_OOB), "in line, MSG_OOB");
	close_pair(fds);

	shared_tcp(fds);
	signal(SIGURG, on_urgent);
	say(fcntl(fds[0], F_SETOWN, getpid()), "F_SETOWN");
	send(fds[1], "x!", 2, MSG_OOB);
	ready(fds[0], POLLPRI);
	sleep_ms(20);
	say(urgent, "SIGURG");
	say(recv(fds[0], buf, 16, 0), "before it");
	say(recv(fds[0], buf, 1, MSG_OOB), "the byte");
	close_pair(fds);

	/* there before it was shared */
	tcp_pair(fds);
	send(fds[1], "ab!", 3, MSG_OOB);
	send(fds[1], "cd", 2, 0);
	ready(fds[0], POLLPRI);
	share(fds[0]);
	say(recv(fds[0], buf, 16, 0), "older, before");
	at_mark(fds[0], "older");
	say(recv(fds[0], buf, 1, MSG_OOB), "older, the byte");
	say(recv(fds[0], buf, 16, 0), "older, after");
	close_pair(fds);
}

/* ---- datagrams ---- */

/* Bound, and seen by a child; its port. */
static int shared_udp(uint16_t *ret_port)
{
	int fd = new_udp(0);
	struct timeval patience = {5, 0};

	need(bind_loopback(fd, 0), "bind");
	*ret_port = port_of(fd);
	share(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void show(struct msghdr *msg, const char *what)
{
	struct in_pktinfo *info;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET) {
			say(c->cmsg_type == SO_TIMESTAMP, "%s, its time", what);
			continue;
		}
		if (c->cmsg_level != IPPROTO_IP)
			continue;
		switch (c->cmsg_type) {
		case IP_TTL:
			say(*(int *)CMSG_DATA(c), "%s, ttl", what);
			break;
		case IP_TOS:
			say(*CMSG_DATA(c), "%s, tos", what);
			break;
		case IP_PKTINFO:
			info = (void *)CMSG_DATA(c);
			say(ntohl(info->ipi_addr.s_addr), "%s, to", what);
			say_bool(info->ipi_ifindex == 1, "on lo");
			break;
		default:
			say(c->cmsg_type, "%s, another", what);
		}
	}
	say(msg->msg_flags, "%s, flags", what);
}

static void receive(int fd, const char *what, size_t room)
{
	char buf[16], control[256];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = room};

	say(recvmsg(fd, &msg, 0), "%s", what);
	show(&msg, what);
}

static void control_in(void)
{
	int on = 1, tos = 8, ttl = 9, fd, other;
	uint16_t port;

	fd = shared_udp(&port);
	other = new_udp(0);
	say(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)),
	    "IP_PKTINFO");
	say(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)),
	    "IP_RECVTTL");
	say(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)),
	    "IP_RECVTOS");
	need(connect_loopback(other, port), "connect");
	send(other, "plain", 5, 0);
	receive(fd, "plain", 256);
	setsockopt(other, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(other, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	send(other, "marked", 6, 0);
	receive(fd, "marked", 256);
	send(other, "no room", 7, 0);
	receive(fd, "no room", 8);
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	send(other, "time", 4, 0);
	receive(fd, "time", 256);
	on = 0;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	send(other, "off", 3, 0);
	receive(fd, "off", 256);
	close(fd);
	close(other);
}

static long send_with(int fd, uint16_t port, int type, const void *data,
		      size_t len)
{
	union {
		struct cmsghdr align;
		char buf[64];
	} control = {0};
	struct sockaddr_in to = loopback(port);
	char out[] = "out";
	struct iovec iov = {out, 3};
	struct msghdr msg = {.msg_name = &to,
			     .msg_namelen = sizeof(to),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(len)};

	control.align.cmsg_level = IPPROTO_IP;
	control.align.cmsg_type = type;
	control.align.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&control.align), data, len);
	return sendmsg(fd, &msg, 0);
}

static void control_out(void)
{
	int on = 1, ttl = 17, tos = 24, bad = 999, fd, other;
	struct in_pktinfo from = {
		.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK)};
	uint16_t port, other_port;

	fd = shared_udp(&port);
	other = new_udp(0);
	need(bind_loopback(other, 0), "bind");
	other_port = port_of(other);
	setsockopt(other, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	setsockopt(other, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	say(send_with(fd, other_port, IP_TTL, &ttl, sizeof(ttl)),
	    "send with a ttl");
	receive(other, "of its ttl", 256);
	say(send_with(fd, other_port, IP_TOS, &tos, sizeof(tos)),
	    "send with a tos");
	receive(other, "of its tos", 256);
	say(send_with(fd, other_port, IP_PKTINFO, &from, sizeof(from)),
	    "send from an address");
	receive(other, "of its address", 256);
	say(send_with(fd, other_port, IP_TTL, &bad, sizeof(bad)),
	    "send with a bad ttl");
	say(send_with(fd, other_port, 77, &bad, sizeof(bad)),
	    "send with an unknown message");
	close(fd);
	close(other);
}

static void refused(void)
{
	uint16_t port = closed_port(SOCK_DGRAM);
	int fd = new_udp(0), i, rc;
	char buf[16];

	need(connect_loopback(fd, port), "connect");
	share(fd);
	say(send(fd, "x", 1, 0), "refused, send");
	say_bool(ready(fd, POLLIN | POLLERR) & (POLLIN | POLLERR),
		 "refused, something");
	say(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), "refused, recv");
	say(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), "refused, once");
	send(fd, "x", 1, 0);
	ready(fd, POLLIN | POLLERR);
	say(int_option(fd, SOL_SOCKET, SO_ERROR), "refused, SO_ERROR");
	say(int_option(fd, SOL_SOCKET, SO_ERROR), "refused, SO_ERROR again");
	say(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), "refused, told already");
	send(fd, "x", 1, 0);
	ready(fd, POLLIN | POLLERR);
	for (i = 0, rc = 0; i < 2 && rc >= 0; i++)
		rc = (int)send(fd, "x", 1, 0);
	say(rc, "refused, by a send");
	close(fd);
}

static void error_queue(void)
{
	uint16_t port = closed_port(SOCK_DGRAM);
	struct sockaddr_in to = loopback(port), about = {0};
	char buf[16], control[256];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_name = &about,
			     .msg_namelen = sizeof(about),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct sock_extended_err *ee;
	int fd = new_udp(0), on = 1;
	struct cmsghdr *c;

	need(bind_loopback(fd, 0), "bind");
	share(fd);
	say(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)),
	    "IP_RECVERR");
	say(recvmsg(fd, &msg, MSG_ERRQUEUE), "error queue, nothing");
	say(sendto(fd, "lost", 4, 0, (struct sockaddr *)&to, sizeof(to)),
	    "error queue, sendto");
	say_bool(ready(fd, POLLIN | POLLERR) & (POLLIN | POLLERR),
		 "error queue, something");
	msg.msg_controllen = sizeof(control);
	say(recvmsg(fd, &msg, MSG_ERRQUEUE), "error queue");
	say_bool(!memcmp(buf, "lost", 4), "what was lost");
	say(msg.msg_flags & MSG_ERRQUEUE, "its flag");
	say_bool(about.sin_port == to.sin_port, "where it was to go");
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR)
			continue;
		ee = (void *)CMSG_DATA(c);
		say(ee->ee_errno, "its error");
		say(ee->ee_origin, "its origin");
		say(ee->ee_type, "its type");
		say(ee->ee_code, "its code");
		say(ntohl(((struct sockaddr_in *)SO_EE_OFFENDER(ee))
				  ->sin_addr.s_addr),
		    "its offender");
	}
	msg.msg_controllen = sizeof(control);
	say(recvmsg(fd, &msg, MSG_ERRQUEUE), "error queue, no more");
	close(fd);
}

int main(void)
{
	options_kept();
	names();
	halves(SHUT_RD, "SHUT_RD");
	halves(SHUT_WR, "SHUT_WR");
	halves(SHUT_RDWR, "SHUT_RDWR");
	queues();
	how_it_ended();
	out_of_band();
	control_in();
	control_out();
	refused();
	error_queue();
	return 0;
}
