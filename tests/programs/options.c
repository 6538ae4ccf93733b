/* SPDX-License-Identifier: Apache-2.0 */
/* Options: what can be set and read back, defaults, lengths, refusals. */
#include "probe.h"

struct row {
	const char *name;
	int level, option, value;
	bool same_everywhere; /* the default does not depend on the machine */
};

#define ROW(level, option, value, same)                                        \
	{                                                                      \
#option, level, option, value, same                            \
	}

static const struct row tcp_rows[] = {
	ROW(SOL_SOCKET, SO_REUSEADDR, 1, true),
	ROW(SOL_SOCKET, SO_REUSEPORT, 1, true),
	ROW(SOL_SOCKET, SO_KEEPALIVE, 1, true),
	ROW(SOL_SOCKET, SO_BROADCAST, 1, true),
	ROW(SOL_SOCKET, SO_OOBINLINE, 1, true),
	ROW(SOL_SOCKET, SO_DONTROUTE, 1, true),
	ROW(SOL_SOCKET, SO_RCVLOWAT, 5, true),
	ROW(SOL_SOCKET, SO_PRIORITY, 3, true),
	ROW(SOL_SOCKET, SO_TYPE, 1, true),
	ROW(SOL_SOCKET, SO_DOMAIN, 1, true),
	ROW(SOL_SOCKET, SO_PROTOCOL, 1, true),
	ROW(SOL_SOCKET, SO_ACCEPTCONN, 1, true),
	ROW(SOL_SOCKET, SO_ERROR, 1, true),
	ROW(SOL_SOCKET, SO_SNDLOWAT, 5, true),
	ROW(SOL_SOCKET, SO_TIMESTAMP, 1, true),
	ROW(IPPROTO_TCP, TCP_NODELAY, 1, true),
	ROW(IPPROTO_TCP, TCP_CORK, 1, true),
	ROW(IPPROTO_TCP, TCP_KEEPIDLE, 30, false),
	ROW(IPPROTO_TCP, TCP_KEEPINTVL, 7, false),
	ROW(IPPROTO_TCP, TCP_KEEPCNT, 4, false),
	ROW(IPPROTO_TCP, TCP_SYNCNT, 3, false),
	ROW(IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, true),
	ROW(IPPROTO_TCP, TCP_QUICKACK, 1, true),
	ROW(IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, true),
	ROW(IPPROTO_TCP, TCP_LINGER2, 20, false),
	ROW(IPPROTO_IP, IP_TTL, 33, false),
	ROW(IPPROTO_IP, IP_TOS, 16, true),
};

static const struct row udp_rows[] = {
	ROW(SOL_SOCKET, SO_BROADCAST, 1, true),
	ROW(SOL_SOCKET, SO_TYPE, 1, true),
	ROW(SOL_SOCKET, SO_PROTOCOL, 1, true),
	ROW(SOL_SOCKET, SO_NO_CHECK, 1, true),
	ROW(IPPROTO_IP, IP_TTL, 33, false),
	ROW(IPPROTO_IP, IP_TOS, 16, true),
	ROW(IPPROTO_IP, IP_RECVTTL, 1, true),
	ROW(IPPROTO_IP, IP_RECVTOS, 1, true),
	ROW(IPPROTO_IP, IP_PKTINFO, 1, true),
	ROW(IPPROTO_IP, IP_RECVERR, 1, true),
	ROW(IPPROTO_IP, IP_MULTICAST_TTL, 5, true),
	ROW(IPPROTO_IP, IP_MULTICAST_LOOP, 0, true),
	ROW(IPPROTO_TCP, TCP_NODELAY, 1, true),
};

static void try_row(int fd, const struct row *row, const char *kind)
{
	int value = -7, rc;
	socklen_t len = sizeof(value);

	rc = getsockopt(fd, row->level, row->option, &value, &len);
	say(rc, "%s %s, get", kind, row->name);
	if (rc == 0 && row->same_everywhere)
		say(value, "%s %s, default", kind, row->name);
	say(setsockopt(fd, row->level, row->option, &row->value,
		       sizeof(row->value)),
	    "%s %s, set", kind, row->name);
	value = -7;
	len = sizeof(value);
	rc = getsockopt(fd, row->level, row->option, &value, &len);
	if (rc == 0) {
		say(value, "%s %s, then", kind, row->name);
		say(len, "%s %s, length", kind, row->name);
	}
	say(setsockopt(fd, row->level, row->option, &row->value, 1),
	    "%s %s, set one byte", kind, row->name);
}

static void lengths(int fd)
{
	struct linger linger = {0};
	struct timeval tv = {.tv_sec = 3};
	int value = 1;
	socklen_t len = 2;

	say(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len), "two bytes");
	say(len, "two bytes, length");
	len = 100;
	say(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len), "100 bytes");
	say(len, "100 bytes, length");
	len = -1;
	say(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len),
	    "less than none");
	say(getsockopt(fd, SOL_SOCKET, SO_TYPE, NULL, &len), "to nowhere");
	say(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4), "from nowhere");
	say(setsockopt(fd, 4444, 1, &value, 4), "unknown level");
	say(setsockopt(fd, IPPROTO_TCP, 4444, &value, 4), "unknown option");
	linger.l_onoff = 1;
	linger.l_linger = 7;
	say(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
	    "linger");
	linger.l_linger = 0;
	len = sizeof(linger);
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len);
	say(linger.l_linger, "linger, then");
	say(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)),
	    "time limit");
	memset(&tv, 0, sizeof(tv));
	len = sizeof(tv);
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	say(tv.tv_sec * 1000 + tv.tv_usec / 1000, "time limit, then, in ms");
	tv.tv_usec = 2000000;
	say(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)),
	    "time limit, too many us");
	value = 32768;
	say(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, 4), "send buffer");
	len = sizeof(value);
	getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &len);
	say(value, "send buffer, then");
	value = 32768;
	say(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, 4), "receive buffer");
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len);
	say(value, "receive buffer, then");
	value = -1;
	say(setsockopt(fd, IPPROTO_IP, IP_TTL, &value, 4), "TTL -1");
	value = 300;
	say(setsockopt(fd, IPPROTO_IP, IP_TTL, &value, 4), "TTL 300");
	value = 0;
	say(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, 4), "idle 0");
}

static void states(void)
{
	int fds[2], value = 0;
	socklen_t len = sizeof(value);
	uint16_t port;
	int fd = new_listener(&port);
	struct tcp_info info = {0};

	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len);
	say(value, "a listener accepts");
	len = sizeof(info);
	say(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len),
	    "TCP_INFO of a listener");
	say(info.tcpi_state, "its state");
	close(fd);
	tcp_pair(fds);
	len = sizeof(info);
	say(getsockopt(fds[0], IPPROTO_TCP, TCP_INFO, &info, &len),
	    "TCP_INFO of a connection");
	say(info.tcpi_state, "state of a connection");
	shutdown(fds[1], SHUT_WR);
	ready(fds[0], POLLRDHUP);
	len = sizeof(info);
	getsockopt(fds[0], IPPROTO_TCP, TCP_INFO, &info, &len);
	say(info.tcpi_state, "state after the peer's end");
	len = sizeof(value);
	say(getsockopt(fds[0], IPPROTO_TCP, TCP_MAXSEG, &value, &len),
	    "TCP_MAXSEG");
	say_bool(value > 500, "is sensible");
	close_pair(fds);
}

int main(void)
{
	int tcp = new_tcp(0), udp = new_udp(0);
	size_t i;

	for (i = 0; i < sizeof(tcp_rows) / sizeof(*tcp_rows); i++)
		try_row(tcp, &tcp_rows[i], "tcp");
	for (i = 0; i < sizeof(udp_rows) / sizeof(*udp_rows); i++)
		try_row(udp, &udp_rows[i], "udp");
	lengths(tcp);
	states();
	return 0;
}
