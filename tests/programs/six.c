/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6: loopback, both families on one socket, what separates them. */
#include "probe.h"

static struct sockaddr_in6 loopback6(uint16_t port)
{
	return (struct sockaddr_in6){.sin6_family = AF_INET6,
				     .sin6_port = htons(port),
				     .sin6_addr = IN6ADDR_LOOPBACK_INIT};
}

static uint16_t port6(int fd)
{
	struct sockaddr_in6 sin6 = {0};
	socklen_t len = sizeof(sin6);

	getsockname(fd, (struct sockaddr *)&sin6, &len);
	return ntohs(sin6.sin6_port);
}

static int listen6(struct in6_addr address, bool only)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0), value = only;
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6,
				    .sin6_addr = address};

	say(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof(value)),
	    "V6ONLY %d", only);
	say(bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)), "bind");
	say(listen(fd, 4), "listen");
	return fd;
}

static void streams(void)
{
	int listener = listen6(in6addr_loopback, false);
	int fd = socket(AF_INET6, SOCK_STREAM, 0), served;
	struct sockaddr_in6 sin6 = loopback6(port6(listener));
	socklen_t len = sizeof(sin6);
	char text[64], back[8];

	say(connect(fd, (struct sockaddr *)&sin6, sizeof(sin6)), "connect");
	served = accept(listener, (struct sockaddr *)&sin6, &len);
	say_bool(served >= 0, "accept");
	say(len, "length of the name");
	say_text(inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof(text)),
		 "the peer's address");
	say(send(fd, "hello", 5, 0), "send");
	say(recv(served, back, 5, MSG_WAITALL), "recv");
	close(fd);
	close(served);
	close(listener);
}

static void both_families(void)
{
	int listener = listen6(in6addr_any, false);
	int fd = new_tcp(0), served;
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);
	char text[64];

	say(connect_loopback(fd, port6(listener)), "IPv4 to IPv6");
	served = accept(listener, (struct sockaddr *)&sin6, &len);
	say_text(inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof(text)),
		 "seen as");
	close(fd);
	close(served);
	close(listener);
	listener = listen6(in6addr_any, true);
	fd = new_tcp(0);
	say(connect_loopback(fd, port6(listener)), "IPv4 to IPv6 only");
	close(fd);
	close(listener);
}

static void datagrams(void)
{
	int a = socket(AF_INET6, SOCK_DGRAM, 0);
	int b = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 sin6 = loopback6(0);
	char back[10];

	say(bind(a, (struct sockaddr *)&sin6, sizeof(sin6)), "udp bind");
	sin6.sin6_port = htons(port6(a));
	say(sendto(b, "x", 1, 0, (struct sockaddr *)&sin6, sizeof(sin6)),
	    "udp sendto");
	say(recv(a, back, 10, 0), "udp recv");
	close(a);
	close(b);
}

int main(void)
{
	streams();
	both_families();
	datagrams();
	return 0;
}
