/* SPDX-License-Identifier: Apache-2.0 */
/* UDP-Lite: coverage, ports, between processes. Natively on kernels that have
 * it (Linux before 7.1). */
#include "probe.h"

#include <netinet/udp.h>

#define SEND_CSCOV 10 /* net/udplite.h */
#define RECV_CSCOV 11

static char data[9000], back[9000];

static int lite(int family)
{
	int fd = socket(family, SOCK_DGRAM, IPPROTO_UDPLITE);

	need(fd, "socket");
	return fd;
}

static int bound(void)
{
	int fd = lite(AF_INET);

	need(bind_loopback(fd, 0), "bind");
	return fd;
}

static ssize_t send_to(int fd, int to, size_t len)
{
	struct sockaddr_in sin = loopback(port_of(to));

	return sendto(fd, data, len, 0, (struct sockaddr *)&sin, sizeof(sin));
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static void options(void)
{
	static const int values[] = {0, 1, 7, 8, 20, 65535, 65536, 70000, -1};
	int fd = lite(AF_INET), udp = new_udp(0), tcp = new_tcp(0), one = 1;
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
		say(set(fd, IPPROTO_UDPLITE, SEND_CSCOV, values[i]),
		    "cover %d of what is sent", values[i]);
		say(int_option(fd, IPPROTO_UDPLITE, SEND_CSCOV), "covered");
		say(set(fd, IPPROTO_UDPLITE, RECV_CSCOV, values[i]),
		    "want %d covered", values[i]);
		say(int_option(fd, IPPROTO_UDPLITE, RECV_CSCOV), "wanted");
	}
	say(set(fd, IPPROTO_UDP, SEND_CSCOV, 99), "at UDP's level");
	say(int_option(fd, IPPROTO_UDP, SEND_CSCOV), "read there");
	say(setsockopt(fd, IPPROTO_UDPLITE, SEND_CSCOV, &one, 2), "too short");
	say(set(fd, IPPROTO_UDPLITE, 99, 1), "no such option");
	say(set(fd, IPPROTO_UDPLITE, UDP_CORK, 0), "one of UDP's");
	say(set(udp, IPPROTO_UDPLITE, SEND_CSCOV, 8), "on UDP");
	say(set(udp, IPPROTO_UDP, SEND_CSCOV, 8), "on UDP, its own level");
	say(set(udp, IPPROTO_UDPLITE, UDP_CORK, 0), "UDP's at this level");
	say(int_option(udp, IPPROTO_UDPLITE, SEND_CSCOV), "read from UDP");
	say(set(tcp, IPPROTO_UDPLITE, SEND_CSCOV, 8), "on TCP");
	say(int_option(fd, SOL_SOCKET, SO_PROTOCOL), "SO_PROTOCOL");
	say(int_option(fd, SOL_SOCKET, SO_TYPE), "SO_TYPE");
	say(int_option(fd, SOL_SOCKET, SO_REUSEADDR), "SO_REUSEADDR");
	say(socket(AF_INET, SOCK_STREAM, IPPROTO_UDPLITE), "as a stream");
	close(fd);
	close(udp);
	close(tcp);
}

static void ports(void)
{
	int a = bound(), b = lite(AF_INET), udp = new_udp(0);

	say(bind_loopback(b, port_of(a)), "a port that is taken");
	say(bind_loopback(udp, port_of(a)), "of UDP it is free");
	say(send_to(udp, a, 5), "UDP sends there");
	close(a);
	say(bind_loopback(b, port_of(udp)), "free again");
	close(b);
	close(udp);
}

static const size_t lengths[] = {0, 1, 100, 1472, 8000};

static void exchange(int family)
{
	int a = lite(family), b = lite(family);
	struct sockaddr_in6 name = {.sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in name4 = loopback(0);
	struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&name4
						: (struct sockaddr *)&name;
	socklen_t len = family == AF_INET ? sizeof(name4) : sizeof(name);
	size_t i;
	int cover;

	if (bind(b, sa, len) < 0) /* no IPv6 */
		return;
	getsockname(b, sa, &len);
	say(connect(a, sa, len), "connect, %d", family);
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		for (cover = 0; cover <= 20; cover += 20) {
			set(a, IPPROTO_UDPLITE, SEND_CSCOV, cover);
			memset(back, 0, sizeof(back));
			say(send(a, data, lengths[i], 0), "send %zu, %d",
			    lengths[i], cover);
			say(recv(b, back, sizeof(back), 0), "got");
			say(memcmp(data, back, lengths[i]) == 0, "the same");
		}
	}
	close(a);
	close(b);
}

/* What is not covered enough is lost, the marker behind it is not: a header
 * alone is covered always. */
static void coverage(void)
{
	static const struct {
		int send, recv;
	} rows[] = {{0, 0}, {20, 0},	{20, 20},     {20, 21},
		    {8, 8}, {0, 60000}, {107, 60000}, {108, 60000}};
	int a = lite(AF_INET), b;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		b = bound();
		set(b, IPPROTO_UDPLITE, RECV_CSCOV, rows[i].recv);
		set(a, IPPROTO_UDPLITE, SEND_CSCOV, rows[i].send);
		say(send_to(a, b, 100), "send %d, want %d", rows[i].send,
		    rows[i].recv);
		send_to(a, b, 0);
		say(recv(b, back, sizeof(back), 0), "arrives");
		close(b);
	}
	close(a);
}

static void refusals(void)
{
	int a = lite(AF_INET), gone = bound();
	struct sockaddr_in sin = loopback(port_of(gone));

	close(gone);
	say(connect(a, (struct sockaddr *)&sin, sizeof(sin)), "to nobody");
	say(send(a, data, 5, 0), "send there");
	ready(a, POLLERR);
	say(recv(a, back, 5, MSG_DONTWAIT), "the answer");
	close(a);
}

static void bursts(void)
{
	int a = bound();

	say(set(a, IPPROTO_UDP, UDP_SEGMENT, 100), "UDP_SEGMENT");
	say(send_to(a, a, 50), "with that, little");
	say(send_to(a, a, 500), "with that, more");
	close(a);
}

/* One that two processes see, and one of another process's. */
static void processes(void)
{
	int a = bound(), status;
	pid_t pid = fork();

	if (pid == 0) {
		int own = lite(AF_INET);

		set(own, IPPROTO_UDPLITE, SEND_CSCOV, 12);
		send_to(own, a, 7);
		if (recv(own, back, 100, 0) != 9)
			_exit(1);
		send_to(own, a, 3);
		/* and this one is both's */
		_exit(recv(a, back, 100, 0) == 3 ? 0 : 2);
	} else {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);

		say(recvfrom(a, back, 100, 0, (struct sockaddr *)&from, &len),
		    "from a child");
		say(sendto(a, data, 9, 0, (struct sockaddr *)&from, len),
		    "and back");
	}
	waitpid(pid, &status, 0);
	say(status, "child");
	say(int_option(a, SOL_SOCKET, SO_PROTOCOL), "protocol of both's");
	say(set(a, IPPROTO_UDPLITE, SEND_CSCOV, 9), "option of both's");
	say(int_option(a, IPPROTO_UDPLITE, SEND_CSCOV), "read");
	say(send_to(a, a, 50), "send on both's");
	say(recv(a, back, 100, 0), "recv on both's");
	close(a);
}

int main(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
	size_t i;

	if (fd < 0)
		return 0;
	close(fd);
	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	options();
	ports();
	exchange(AF_INET);
	exchange(AF_INET6);
	coverage();
	refusals();
	bursts();
	processes();
	return 0;
}
