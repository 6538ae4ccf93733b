/* SPDX-License-Identifier: Apache-2.0 */
/* To the host by the network: libc's calls, every spelling of an address. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int tcp_to(const char *text, int protocol)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
	};
	int fd = socket(AF_INET, SOCK_STREAM, protocol);

	if (fd < 0)
		return failed();
	inet_pton(AF_INET, text, &sin.sin_addr);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

static int tcp6_to(const char *text)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(target.port),
	};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0)
		return failed();
	inet_pton(AF_INET6, text, &sin6.sin6_addr);
	if (connect(fd, (struct sockaddr *)&sin6, sizeof(sin6)) < 0)
		return failed();
	return greeted(fd);
}

static int libc_tcp(void)
{
	return tcp_to("127.0.0.1", 0);
}

static int libc_any(void)
{
	return tcp_to("0.0.0.0", 0);
}

static int libc_alt127(void)
{
	return tcp_to("127.1.2.3", 0);
}

static int libc_gateway(void)
{
	/* natively there is no such address; what matters is the sandbox */
	int rc = tcp_to("10.0.2.2", 0);

	return rc == OUT ? OUT : tcp_to("127.0.0.1", 0);
}

static int libc_tcp6(void)
{
	return tcp6_to("::1");
}

static int libc_any6(void)
{
	return tcp6_to("::");
}

static int libc_mapped(void)
{
	return tcp6_to("::ffff:127.0.0.1");
}

static int mptcp(void)
{
	return tcp_to("127.0.0.1", IPPROTO_MPTCP);
}

static int sctp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);

	return fd < 0 ? failed() : OUT;
}

static int smc(void)
{
	int fd = socket(43, SOCK_STREAM, 0); /* AF_SMC */

	return fd < 0 ? failed() : OUT;
}

static int libc_udp(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return failed();
	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

/* A name that the host's own name service knows, by libc's inner sockets. */
static int resolver(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *ai;
	char port[16];
	int rc = HELD, fd;

	snprintf(port, sizeof(port), "%d", target.port);
	if (getaddrinfo("localhost", port, &hints, &list))
		return HELD;
	for (ai = list; ai && rc != OUT; ai = ai->ai_next) {
		fd = socket(ai->ai_family, ai->ai_socktype, 0);
		if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
			rc = failed();
		else
			rc = greeted(fd);
	}
	freeaddrinfo(list);
	return rc;
}

static void *thread_main(void *arg)
{
	*(int *)arg = raw_tcp_to_host();
	return NULL;
}

static int thread_tcp(void)
{
	int rc = HELD;
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_main, &rc))
		return HELD;
	pthread_join(thread, NULL);
	return rc;
}

enum fastopen { BY_SENDTO, BY_SENDMSG, BY_SENDMMSG };

static int fast_open(enum fastopen how)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct iovec iov = {(void *)"x", 1};
	struct mmsghdr mm = {
		.msg_hdr = {.msg_name = &sin,
			    .msg_namelen = sizeof(sin),
			    .msg_iov = &iov,
			    .msg_iovlen = 1},
	};
	long rc = -1;
	int fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return failed();
	switch (how) {
	case BY_SENDTO:
		rc = raw(SYS_sendto, fd, "x", 1, MSG_FASTOPEN, &sin,
			     sizeof(sin));
		break;
	case BY_SENDMSG:
		rc = raw(SYS_sendmsg, fd, &mm.msg_hdr, MSG_FASTOPEN);
		break;
	case BY_SENDMMSG:
		rc = raw(SYS_sendmmsg, fd, &mm, 1, MSG_FASTOPEN);
		break;
	}
	return rc < 0 ? failed() : greeted(fd);
}

static int tfo_sendto(void)
{
	return fast_open(BY_SENDTO);
}

static int tfo_sendmsg(void)
{
	return fast_open(BY_SENDMSG);
}

static int tfo_sendmmsg(void)
{
	return fast_open(BY_SENDMMSG);
}

static int tfo_connect(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || raw(SYS_setsockopt, fd, IPPROTO_TCP,
			      TCP_FASTOPEN_CONNECT, &one, sizeof(one)) < 0)
		return failed();
	if (raw(SYS_connect, fd, &sin, sizeof(sin)) < 0 ||
	    write(fd, "x", 1) < 0)
		return failed();
	return greeted(fd);
}

/* Any socket of a family that can leave counts: none must be a real one. */
static int real_socket(int family, int type, int protocol)
{
	int domain = -1;
	socklen_t len = sizeof(domain);
	int fd = raw(SYS_socket, family, type, protocol);

	if (fd < 0)
		return failed();
	/* libc's getsockopt may be answered by the sandbox: ask the kernel by
	 * what only a socket of that family does */
	if (family == AF_INET || family == AF_INET6)
		return HELD; /* raw_tcp and its like connect */
	if (raw(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) <
	    0)
		return failed();
	close(fd);
	return domain == family ? OUT : HELD;
}

static int family_sweep(void)
{
	int family, type;

	for (family = 3; family < 64; family++) {
		/* route messages are answered by the sandbox; see netlink_* */
		if (family == AF_NETLINK || family == AF_INET6)
			continue;
		for (type = 1; type <= 6; type++)
			if (real_socket(family, type, 0) == OUT)
				return OUT;
	}
	return -EAFNOSUPPORT;
}

static int packet_raw(void)
{
	return real_socket(AF_PACKET, SOCK_RAW, htons(3));
}

static int packet_dgram(void)
{
	return real_socket(AF_PACKET, SOCK_DGRAM, htons(3));
}

static int xdp(void)
{
	return real_socket(44, SOCK_RAW, 0);
}

static int alg(void)
{
	return real_socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static int vsock(void)
{
	return real_socket(AF_VSOCK, SOCK_STREAM, 0);
}

/* A raw socket sees the datagram that we have the host send to itself. */
static int rawip(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	unsigned char echo[8] = {8, 0, 0xf7, 0xfe, 0, 0, 0, 1};
	unsigned char reply[256];
	ssize_t len;
	int fd = raw(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0)
		return failed();
	/* the sandbox has an echo of its own: only the host's TTL of 64 on
	 * a kernel socket of family INET proves anything */
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (raw(SYS_sendto, fd, echo, sizeof(echo), 0, &sin, sizeof(sin)) <
	    0)
		return failed();
	len = read(fd, reply, sizeof(reply));
	if (len <= 0)
		return failed();
	/* a kernel INET socket knows SO_INCOMING_CPU's family: its inode is
	 * listed in /proc/net/raw */
	{
		FILE *list = fopen("/proc/net/raw", "r");
		char line[256];
		int lines = 0;

		while (list && fgets(line, sizeof(line), list))
			lines++;
		return lines > 1 ? OUT : HELD;
	}
}

const struct attempt net_attempts[] = {
	{"libc_tcp", libc_tcp},
	{"libc_tcp6", libc_tcp6},
	{"libc_udp", libc_udp},
	{"libc_any", libc_any},
	{"libc_any6", libc_any6},
	{"libc_mapped", libc_mapped},
	{"libc_alt127", libc_alt127},
	{"libc_gateway", libc_gateway},
	{"resolver", resolver},
	{"thread_tcp", thread_tcp},
	{"mptcp", mptcp},
	{"sctp", sctp},
	{"smc", smc},
	{"tfo_sendto", tfo_sendto},
	{"tfo_sendmsg", tfo_sendmsg},
	{"tfo_sendmmsg", tfo_sendmmsg},
	{"tfo_connect", tfo_connect},
	{"family_sweep", family_sweep},
	{"packet_raw", packet_raw},
	{"packet_dgram", packet_dgram},
	{"xdp", xdp},
	{"alg", alg},
	{"vsock", vsock},
	{"rawip", rawip},
	{NULL, NULL},
};
