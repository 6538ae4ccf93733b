/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program finds inside: descriptors, privileges, and what raw system
 * calls answer, the preload library not being asked. One line each.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void show(const char *name, long rc)
{
	printf("%s %s\n", name, rc < 0 ? strerrorname_np(errno) : "ok");
}

static void show_descriptors(void)
{
	const char *relay = getenv("FDNET_RELAY");
	int channel = relay && !strncmp(relay, "fd:", 3) ? atoi(relay + 3) : -1;
	int fd;

	printf("open:");
	for (fd = 0; fd < 4096; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		if (fd == channel)
			printf(" channel");
		else
			printf(" %d", fd);
	}
	printf("\nchannel high: %s, over exec: %s\n",
	       channel >= 200 ? "yes" : "no",
	       fcntl(channel, F_GETFD) == 0 ? "yes" : "no");
}

static void show_sockets(void)
{
	static const int families[] = {AF_UNIX,	  AF_INET,  AF_INET6,
				       AF_PACKET, AF_VSOCK, AF_NETLINK,
				       AF_ALG};
	char name[32];
	int pair[2];
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(*families); i++) {
		snprintf(name, sizeof(name), "socket %d", families[i]);
		show(name, syscall(SYS_socket, families[i], SOCK_STREAM, 0));
	}
	show("pair stream",
	     syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair));
	show("SIOCGIFCONF", syscall(SYS_ioctl, pair[0], 0x8912, name));
	show("pair seqpacket",
	     syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET, 0, pair));
	show("pair dgram", syscall(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, pair));
}

static void show_calls(void)
{
	show("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
	show("unshare user", syscall(SYS_unshare, 0x10000000));
	show("ptrace", syscall(SYS_ptrace, 16, getppid(), 0, 0));
	show("pidfd_getfd", syscall(SYS_pidfd_getfd, 0, 0, 0));
	show("kill parent", kill(getppid(), 0));
	show("no_new_privs",
	     prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -1);
}

static void show_parent_memory(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	show("parent memory", open(path, O_RDWR));
}

int main(void)
{
	show_descriptors();
	show_sockets();
	show_calls();
	show_parent_memory();
	return 0;
}
