/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that another process has used too: what is asked of them beyond
 * bytes. Options, names, both halves of shutdown(), errors, urgent data. What
 * stands beside datagrams: beside.c.
 */
#include "probe.h"

static void shared_tcp(int fds[2])
{
	tcp_pair(fds);
	use_in_child(fds[0]);
	use_in_child(fds[1]);
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
	use_in_child(before[0]);
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
	/* until nobody on the way has room for more of it */
	for (i = 0; i < 50; i++) {
		while (send(fds[1], much, sizeof(much), 0) > 0)
			;
		if (queued(fds[1], TIOCOUTQ) > 0)
			break;
		sleep_ms(10);
	}
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
	use_in_child(fds[0]);
	say(recv(fds[0], buf, 16, 0), "older, before");
	at_mark(fds[0], "older");
	say(recv(fds[0], buf, 1, MSG_OOB), "older, the byte");
	say(recv(fds[0], buf, 16, 0), "older, after");
	close_pair(fds);
}

/* ---- datagrams ---- */

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
	return 0;
}
