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
	ROW(SOL_SOCKET, SO_DONTROUTE, 1, true),
	ROW(SOL_SOCKET, SO_RCVLOWAT, 7, true),
	ROW(SOL_SOCKET, SO_TIMESTAMPNS, 1, true),
	ROW(SOL_SOCKET, SO_TIMESTAMPING, 0x10, true),
	ROW(SOL_SOCKET, SO_RXQ_OVFL, 1, true),
	ROW(SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1, true),
	ROW(SOL_SOCKET, SO_ZEROCOPY, 1, true),
	ROW(SOL_SOCKET, SO_ZEROCOPY, 2, true),
	ROW(SOL_SOCKET, SO_BSDCOMPAT, 1, true),
	ROW(SOL_SOCKET, SO_INCOMING_CPU, 3, false),
	ROW(SOL_SOCKET, SO_INCOMING_NAPI_ID, 3, true),
	ROW(SOL_SOCKET, SO_ERROR, 3, true),
	ROW(SOL_SOCKET, 4444, 1, true),
	ROW(IPPROTO_IP, IP_RECVOPTS, 1, true),
	ROW(IPPROTO_IP, IP_RETOPTS, 1, true),
	ROW(IPPROTO_IP, IP_RECVORIGDSTADDR, 1, true),
	ROW(IPPROTO_IP, IP_PASSSEC, 1, true),
	ROW(IPPROTO_IP, IP_FREEBIND, 1, true),
	ROW(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, true),
	ROW(IPPROTO_IP, IP_MINTTL, 9, true),
	ROW(IPPROTO_IP, IP_MINTTL, 256, true),
	ROW(IPPROTO_IP, IP_NODEFRAG, 1, true),
	ROW(IPPROTO_IP, IP_HDRINCL, 1, true),
	ROW(IPPROTO_IP, IP_ROUTER_ALERT, 1, true),
	ROW(IPPROTO_IP, IP_MTU_DISCOVER, 3, false),
	ROW(IPPROTO_IP, IP_MTU_DISCOVER, 6, false),
	ROW(IPPROTO_IP, IP_MULTICAST_ALL, 0, true),
	ROW(IPPROTO_IP, IP_MULTICAST_ALL, 2, true),
	ROW(IPPROTO_IP, IP_MTU, 2, false),
	ROW(IPPROTO_IP, 23 /* IP_CHECKSUM */, 1, true),
	ROW(IPPROTO_IP, 25 /* IP_RECVFRAGSIZE */, 1, true),
	ROW(IPPROTO_IP, 26 /* IP_RECVERR_RFC4884 */, 1, true),
	ROW(IPPROTO_IP, 4444, 1, true),
	ROW(IPPROTO_UDP, 1 /* UDP_CORK */, 1, true),
	ROW(IPPROTO_UDP, 103 /* UDP_SEGMENT */, 1400, true),
	ROW(IPPROTO_UDP, 103 /* UDP_SEGMENT */, 70000, true),
	ROW(IPPROTO_UDP, 104 /* UDP_GRO */, 1, true),
	ROW(IPPROTO_UDP, 101 /* UDP_NO_CHECK6_TX */, 1, true),
	ROW(IPPROTO_UDP, 102 /* UDP_NO_CHECK6_RX */, 7, true),
	ROW(IPPROTO_UDP, 4444, 1, true),
	ROW(IPPROTO_IPV6, IPV6_V6ONLY, 1, true),
};

static const struct row udp6_rows[] = {
	ROW(SOL_SOCKET, SO_DOMAIN, 1, true),
	ROW(IPPROTO_IP, IP_TTL, 33, false),
	ROW(IPPROTO_IP, IP_FREEBIND, 1, true),
	ROW(IPPROTO_IPV6, IPV6_FREEBIND, 0, false),
	ROW(IPPROTO_IPV6, IPV6_V6ONLY, 1, false),
	ROW(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9, true),
	ROW(IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1, true),
	ROW(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256, true),
	ROW(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 9, true),
	ROW(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, true),
	ROW(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 2, true),
	ROW(IPPROTO_IPV6, IPV6_MULTICAST_IF, 1, true),
	ROW(IPPROTO_IPV6, IPV6_MULTICAST_IF, 9999, true),
	ROW(IPPROTO_IPV6, 29 /* IPV6_MULTICAST_ALL */, 0, true),
	ROW(IPPROTO_IPV6, IPV6_TCLASS, 0x47, true),
	ROW(IPPROTO_IPV6, IPV6_TCLASS, 256, true),
	ROW(IPPROTO_IPV6, IPV6_RECVTCLASS, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVHOPOPTS, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVRTHDR, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVDSTOPTS, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVPATHMTU, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVERR, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1, true),
	ROW(IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1, true),
	ROW(IPPROTO_IPV6, IPV6_MTU_DISCOVER, 3, false),
	ROW(IPPROTO_IPV6, IPV6_MTU_DISCOVER, 6, false),
	ROW(IPPROTO_IPV6, IPV6_MTU, 1279, true),
	ROW(IPPROTO_IPV6, IPV6_DONTFRAG, 1, true),
	ROW(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0, false),
	ROW(IPPROTO_IPV6, IPV6_MINHOPCOUNT, 9, true),
	ROW(IPPROTO_IPV6, IPV6_MINHOPCOUNT, 256, true),
	ROW(IPPROTO_IPV6, 4444, 1, true),
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

/* Can an address be bound that is nobody's? */
static void strangers(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_addr = {htonl(0xcb007101)}};
	int fd = new_udp(0), on = 1;

	say(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "a stranger's");
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	say(bind(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    "a stranger's, IP_FREEBIND");
	close(fd);
	fd = new_tcp(0);
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	say(bind(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    "a stranger's, TCP, IP_FREEBIND");
	say(listen(fd, 5), "listen there");
	close(fd);
}

/* bind() to an address alone, and who chooses the port then. */
static void no_port(int type)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const char *kind = type == SOCK_STREAM ? "tcp" : "udp";
	socklen_t len = sizeof(sin);
	uint16_t port;
	int listener = new_listener(&port);
	int fd = socket(AF_INET, type, 0), on = 1;

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	say(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "%s, no port", kind);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	say(ntohs(sin.sin_port), "%s, its port", kind);
	say(ntohl(sin.sin_addr.s_addr) == INADDR_LOOPBACK, "%s, its address",
	    kind);
	sin.sin_port = htons(port);
	say(connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    "%s, no port, connect", kind);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	say(sin.sin_port != 0, "%s, connected, has a port", kind);
	close(fd);
	fd = socket(AF_INET, type, 0);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	sin.sin_port = 0;
	bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	if (type == SOCK_STREAM)
		say(listen(fd, 5), "no port, listen");
	else
		say(sendto(fd, "x", 1, 0, (struct sockaddr *)&sin, len),
		    "no port, to port 0");
	getsockname(fd, (struct sockaddr *)&sin, &len);
	if (type == SOCK_STREAM)
		say(sin.sin_port != 0, "%s, in use, has a port", kind);
	close(fd);
	close(listener);
}

int main(void)
{
	int tcp = new_tcp(0), udp = new_udp(0);
	int udp6 = socket(AF_INET6, SOCK_DGRAM, 0);
	size_t i;

	for (i = 0; i < sizeof(tcp_rows) / sizeof(*tcp_rows); i++)
		try_row(tcp, &tcp_rows[i], "tcp");
	for (i = 0; i < sizeof(udp_rows) / sizeof(*udp_rows); i++)
		try_row(udp, &udp_rows[i], "udp");
	for (i = 0; i < sizeof(udp6_rows) / sizeof(*udp6_rows); i++)
		try_row(udp6, &udp6_rows[i], "udp6");
	lengths(tcp);
	states();
	strangers();
	no_port(SOCK_STREAM);
	no_port(SOCK_DGRAM);
	return 0;
}
