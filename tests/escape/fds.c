/* SPDX-License-Identifier: Apache-2.0 */
/* By descriptors of the host that were left open or are handed over. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/escape/escape.h"

/* host leaves a connected stream here, with its greeting unread. */
#define LEFT_OPEN 10

static int is_socket(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain,
		       &len) == 0 &&
	       domain == AF_INET;
}

static int inherit_socket(void)
{
	return is_socket(LEFT_OPEN) ? greeted(LEFT_OPEN) : -EBADF;
}

/* Undo its connection, make another. */
static int turn_around(int fd)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (!is_socket(fd))
		return -ENOTSOCK;
	if (syscall(SYS_connect, fd, &none, sizeof(none)) < 0 ||
	    syscall(SYS_connect, fd, &sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

static int inherit_unspec(void)
{
	return turn_around(LEFT_OPEN);
}

/* Standard input is such a socket too, when `run` says so. */
static int stdin_unspec(void)
{
	return turn_around(STDIN_FILENO);
}

/* Any descriptor above 2 that is a socket of the host, a listener, a folder. */
static int inherit_any(void)
{
	int fd;

	for (fd = 3; fd < 1024; fd++)
		if (is_socket(fd))
			return OUT;
	return -EBADF;
}

/* A service of the host hands over a stream of its own. */
static int scm_stream(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd, got;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/giver", target.dir);
	fd = syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || syscall(SYS_connect, fd, &sun, sizeof(sun)) < 0)
		return failed();
	if (syscall(SYS_recvmsg, fd, &msg, 0) < 0)
		return failed();
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return HELD;
	memcpy(&got, CMSG_DATA(cmsg), sizeof(got));
	return greeted(got);
}

const struct attempt fd_attempts[] = {
	{"inherit_any", inherit_any},
	{"inherit_socket", inherit_socket},
	{"inherit_unspec", inherit_unspec},
	{"stdin_unspec", stdin_unspec},
	{"scm_stream", scm_stream},
	{NULL, NULL},
};
