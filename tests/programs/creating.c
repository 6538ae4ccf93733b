/* SPDX-License-Identifier: Apache-2.0 */
/* socket and socketpair: which families, types and protocols there are. */
#include "probe.h"

static void try_socket(int family, int type, int proto)
{
	int fd = socket(family, type, proto);

	say(fd < 0 ? fd : 0, "socket %d %d %d", family, type, proto);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	int pair[2];
	char back[10];

	try_socket(AF_INET, SOCK_STREAM, 0);
	try_socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	try_socket(AF_INET, SOCK_STREAM, IPPROTO_UDP);
	try_socket(AF_INET, SOCK_DGRAM, 0);
	try_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	try_socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP);
	try_socket(AF_INET, SOCK_SEQPACKET, 0);
	try_socket(AF_INET, SOCK_STREAM, 9999);
	try_socket(AF_INET, 77, 0);
	try_socket(AF_INET, SOCK_STREAM | 0x100000, 0);
	try_socket(AF_INET, -1, 0);
	try_socket(AF_INET, SOCK_STREAM, -1);
	try_socket(AF_INET6, SOCK_STREAM, 0);
	try_socket(AF_INET6, SOCK_DGRAM, 0);
	try_socket(AF_UNSPEC, SOCK_STREAM, 0);
	try_socket(9999, SOCK_STREAM, 0);
	try_socket(-1, SOCK_STREAM, 0);
	say(socketpair(AF_INET, SOCK_STREAM, 0, pair), "pair of AF_INET");
	say(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "pair of streams");
	say(write(pair[0], "x", 1), "write to the pair");
	say(read(pair[1], pair, 1), "read from it");
	say(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
	    "pair of packets");
	say(fcntl(pair[0], F_GETFD), "its flag");
	say(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "pair of datagrams");
	say(send(pair[0], "one", 3, 0), "send one");
	say(send(pair[0], "four", 4, 0), "send another");
	say(recv(pair[1], back, 10, 0), "recv one");
	say(recv(pair[1], back, 10, MSG_DONTWAIT), "recv another");
	return 0;
}
