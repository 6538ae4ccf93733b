/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AF_UNIX sockets and others say before and after the relay's end, in a
 * program that no preload reaches: "relayless FOLDER" tells a line of each,
 * and goes on when it reads a byte.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *said(int rc)
{
	return rc < 0 ? strerrorname_np(errno) : "ok";
}

static void of_pair(void)
{
	int pair[2], type = 0, size = 65536;
	socklen_t len = sizeof(type);
	struct sockaddr_storage name;
	socklen_t name_len = sizeof(name);

	printf("pair %s", said(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)));
	printf(" type %s", said(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &type,
					  &len)));
	printf(" is %d", type == SOCK_STREAM);
	printf(" size %s", said(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF,
					  &size, sizeof(size))));
	printf(" name %s", said(getpeername(pair[0], (void *)&name,
					   &name_len)));
	printf(" shutdown %s\n", said(shutdown(pair[0], SHUT_WR)));
	close(pair[0]);
	close(pair[1]);
}

static void of_name(const char *folder)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client, served;
	char byte = 0;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/relayless", folder);
	unlink(sun.sun_path);
	printf("bind %s", said(bind(listener, (void *)&sun, sizeof(sun))));
	printf(" listen %s", said(listen(listener, 1)));
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	printf(" connect %s", said(connect(client, (void *)&sun, sizeof(sun))));
	served = accept(listener, NULL, NULL);
	printf(" accept %s", said(served));
	if (write(client, "x", 1) == 1 && read(served, &byte, 1) == 1)
		printf(" byte %c", byte);
	putchar('\n');
	close(served);
	close(client);
	close(listener);
}

static void all(const char *folder, int inet)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	of_pair();
	of_name(folder);
	printf("socket %s", said(fd));
	printf(" option %s\n", said(setsockopt(inet, IPPROTO_IP, IP_TTL, &one,
					      sizeof(one))));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int inet = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	if (argc < 2)
		return 2;
	all(argv[1], inet);
	if (read(0, &byte, 1) == 1)
		all(argv[1], inet);
	return 0;
}
