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
#include <sys/wait.h>
#include <unistd.h>

#include "base/unasked.h"
#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

static int is_socket(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return raw(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain,
		       &len) == 0 &&
	       domain == AF_INET;
}

static int inherit_socket(void)
{
	return is_socket(LEFT_STREAM) ? greeted(LEFT_STREAM) : -EBADF;
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
	if (raw(SYS_connect, fd, &none, sizeof(none)) < 0 ||
	    raw(SYS_connect, fd, &sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

static int inherit_unspec(void)
{
	return turn_around(LEFT_STREAM);
}

/* Standard input is such a socket too, when `run` says so. */
static int stdin_unspec(void)
{
	return turn_around(STDIN_FILENO);
}

static int inherit_listen(void)
{
	return raw(SYS_listen, LEFT_BOUND, 5) < 0 ? failed() : OUT;
}

static int inherit_bind(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};

	return raw(SYS_bind, LEFT_UDP, &sin, sizeof(sin)) < 0 ? failed() : OUT;
}

static int inherit_accept(void)
{
	return raw(SYS_accept, LEFT_LISTENER, NULL, NULL) < 0 ? failed() : OUT;
}

static int inherit_accept4(void)
{
	return raw(SYS_accept4, LEFT_LISTENER, NULL, NULL, 0) < 0 ? failed() :
								    OUT;
}

static int inherit_udp(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	if (raw(SYS_sendto, LEFT_UDP, "x", 1, 0, &sin, sizeof(sin)) < 0)
		return failed();
	return greeted(LEFT_UDP);
}

static int inherit_unix(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/dgram", target.dir);
	return raw(SYS_sendto, LEFT_UNIX, "x", 1, 0, &sun, sizeof(sun)) < 0 ?
		       failed() :
		       OUT;
}

/* These are out as soon as they are there. */
static int is_left(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? failed() : OUT;
}

static int inherit_pidfd(void)
{
	return is_left(LEFT_PIDFD);
}

static int inherit_netns(void)
{
	return is_left(LEFT_NETNS);
}

static int inherit_folder(void)
{
	return is_left(LEFT_FOLDER);
}

static int inherit_ring(void)
{
	return is_left(LEFT_RING);
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

/* ---- a service of the host hands something over ---- */

#define TRIES 20

/* Connects, and asks for something by its letter. */
static int ask_giver(const char *name, int type, char what)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", target.dir, name);
	fd = raw(SYS_socket, AF_UNIX, type, 0);
	if (fd < 0 || raw(SYS_connect, fd, &sun, sizeof(sun)) < 0)
		return failed();
	return raw(SYS_sendto, fd, &what, 1, 0, NULL, 0) == 1 ? fd :
								    failed();
}

/* With all the calls that can; @libc: by name, which a preload would see. */
static int receive_fd(int conn, bool several, bool libc)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {&byte, 1};
	struct mmsghdr msgs = {
		.msg_hdr = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		},
	};
	struct msghdr *msg = &msgs.msg_hdr;
	struct cmsghdr *cmsg;
	long rc;
	int got;

	if (several)
		rc = libc ? recvmmsg(conn, &msgs, 1, 0, NULL) :
			    raw(SYS_recvmmsg, conn, &msgs, 1, 0, NULL);
	else
		rc = libc ? recvmsg(conn, msg, 0) :
			    raw(SYS_recvmsg, conn, msg, 0, 0, 0,
				    FDNET_UNASKED);
	if (rc < 0)
		return failed();
	cmsg = msg->msg_controllen ? CMSG_FIRSTHDR(msg) : NULL;
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	memcpy(&got, CMSG_DATA(cmsg), sizeof(got));
	return got;
}

static int use_stream(int fd)
{
	return fd < 0 ? fd : greeted(fd);
}

static int scm_stream(void)
{
	int fd = ask_giver("giver", SOCK_STREAM, GIVE_STREAM);

	return fd < 0 ? fd : use_stream(receive_fd(fd, false, false));
}

static int scm_libc(void)
{
	int fd = ask_giver("giver", SOCK_STREAM, GIVE_STREAM);

	return fd < 0 ? fd : use_stream(receive_fd(fd, false, true));
}

static int scm_mmsg(void)
{
	int fd = ask_giver("giver", SOCK_STREAM, GIVE_STREAM);

	return fd < 0 ? fd : use_stream(receive_fd(fd, true, false));
}

static int scm_seq(void)
{
	int fd = ask_giver("seqgiver", SOCK_SEQPACKET, GIVE_STREAM);

	return fd < 0 ? fd : use_stream(receive_fd(fd, true, true));
}

static int scm_by_pair(void)
{
	int fd = ask_giver("giver", SOCK_STREAM, GIVE_BY_PAIR);

	fd = fd < 0 ? fd : receive_fd(fd, false, false);
	return fd < 0 ? fd : use_stream(receive_fd(fd, false, false));
}

/* The connection is duplicated, forked away, and read by another. */
static int scm_forked(void)
{
	int fd = ask_giver("giver", SOCK_STREAM, GIVE_STREAM), status;
	pid_t pid;

	if (fd < 0)
		return fd;
	pid = fork();
	if (pid == 0)
		_exit(use_stream(receive_fd(dup(fd), false, true)) == OUT ? 1 :
									    0);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			       WEXITSTATUS(status) ?
		       OUT :
		       HELD;
}

/* The host connects to a listener of ours. */
static int scm_called(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, conn, rc = HELD, i;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/called", target.dir);
	unlink(sun.sun_path);
	fd = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || raw(SYS_bind, fd, &sun, sizeof(sun)) < 0 ||
	    raw(SYS_listen, fd, 5) < 0)
		return failed();
	for (i = 0; i < TRIES && rc != OUT; i++) {
		conn = raw(SYS_accept4, fd, NULL, NULL, 0);
		rc = conn < 0 ? failed() :
				use_stream(receive_fd(conn, false, false));
		if (rc == -ENOMSG)
			break;
	}
	unlink(sun.sun_path);
	return rc;
}

/* These are out as soon as they are ours. */
static int arrives(char what)
{
	int fd = ask_giver("giver", SOCK_STREAM, what);

	if (fd >= 0)
		fd = receive_fd(fd, false, false);
	return fd < 0 ? fd : OUT;
}

#define ARRIVES(name, what)                                                    \
	static int name(void)                                                  \
	{                                                                      \
		return arrives(what);                                          \
	}

ARRIVES(scm_udp, GIVE_UDP)
ARRIVES(scm_listener, GIVE_LISTENER)
ARRIVES(scm_netlink, GIVE_NETLINK)
ARRIVES(scm_unix_dgram, GIVE_UNIX_DGRAM)
ARRIVES(scm_pidfd, GIVE_PIDFD)
ARRIVES(scm_ring, GIVE_RING)
ARRIVES(scm_netns, GIVE_NETNS)
ARRIVES(scm_folder, GIVE_FOLDER)

const struct attempt fd_attempts[] = {
	{"inherit_any", inherit_any},
	{"inherit_socket", inherit_socket},
	{"inherit_unspec", inherit_unspec},
	{"inherit_listen", inherit_listen},
	{"inherit_bind", inherit_bind},
	{"inherit_accept", inherit_accept},
	{"inherit_accept4", inherit_accept4},
	{"inherit_udp", inherit_udp},
	{"inherit_unix", inherit_unix},
	{"inherit_pidfd", inherit_pidfd},
	{"inherit_netns", inherit_netns},
	{"inherit_folder", inherit_folder},
	{"inherit_ring", inherit_ring},
	{"stdin_unspec", stdin_unspec},
	{"scm_stream", scm_stream},
	{"scm_libc", scm_libc},
	{"scm_mmsg", scm_mmsg},
	{"scm_seq", scm_seq},
	{"scm_by_pair", scm_by_pair},
	{"scm_forked", scm_forked},
	{"scm_called", scm_called},
	{"scm_udp", scm_udp},
	{"scm_listener", scm_listener},
	{"scm_netlink", scm_netlink},
	{"scm_unix_dgram", scm_unix_dgram},
	{"scm_pidfd", scm_pidfd},
	{"scm_ring", scm_ring},
	{"scm_netns", scm_netns},
	{"scm_folder", scm_folder},
	{NULL, NULL},
};
