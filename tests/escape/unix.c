/* SPDX-License-Identifier: Apache-2.0 */
/* To services of the host by AF_UNIX: paths, abstract names, pair ends. */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unasked.h"
#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

static socklen_t path_name(struct sockaddr_un *sun, const char *name)
{
	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/%s", target.dir,
		 name);
	return sizeof(*sun);
}

static socklen_t abstract_name(struct sockaddr_un *sun, const char *name)
{
	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(sun->sun_path + 1, sizeof(sun->sun_path) - 1, "%s-%s",
		 target.abs, name);
	return offsetof(struct sockaddr_un, sun_path) + 1 +
	       strlen(sun->sun_path + 1);
}

static int join(int type, const struct sockaddr_un *sun, socklen_t len)
{
	int fd = raw(SYS_socket, AF_UNIX, type, 0);

	if (fd < 0)
		return failed();
	if (raw(SYS_connect, fd, sun, len) < 0)
		return failed();
	return greeted(fd);
}

static int unix_stream(void)
{
	struct sockaddr_un sun;

	return join(SOCK_STREAM, &sun, path_name(&sun, "stream"));
}

static int unix_seq(void)
{
	struct sockaddr_un sun;

	return join(SOCK_SEQPACKET, &sun, path_name(&sun, "seq"));
}

static int unix_abs(void)
{
	struct sockaddr_un sun;

	return join(SOCK_STREAM, &sun, abstract_name(&sun, "stream"));
}

#define SO_PEERPIDFD_NR 77

/* Is there a process behind it that takes a signal, and that is not ours? */
static int signalled_by(int pidfd)
{
	char path[64], line[128];
	int pid = 0;
	FILE *file;

	if (raw(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0)
		return failed();
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "Pid: %d", &pid);
	return pid == getpid() ? HELD : OUT;
}

/* A handle of whoever made the connection: inside that is the launcher, also
 * where both ends are our own. */
static int unix_peer_pidfd(void)
{
	struct sockaddr_un sun;
	int fd = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0), server, pidfd = -1;
	socklen_t len = sizeof(pidfd);
	char name[64];

	path_name(&sun, "stream");
	if (fd < 0)
		return failed();
	if (raw(SYS_connect, fd, &sun, sizeof(sun)) < 0) {
		snprintf(name, sizeof(name), "peer.%d", getpid());
		path_name(&sun, name);
		server = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
		if (raw(SYS_bind, server, &sun, sizeof(sun)) < 0 ||
		    raw(SYS_listen, server, 5) < 0 ||
		    raw(SYS_connect, fd, &sun, sizeof(sun)) < 0)
			return failed();
		unlink(sun.sun_path);
	}
	if (raw(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERPIDFD_NR, &pidfd, &len,
		FDNET_UNASKED) < 0)
		return errno == ENOPROTOOPT ? NOT_HERE : failed();
	return signalled_by(pidfd);
}

/* By a name that leads to another: a link of one's own. */
static int unix_symlink(void)
{
	char link[128];
	struct sockaddr_un sun, to;
	int rc;

	path_name(&to, "stream");
	snprintf(link, sizeof(link), "/tmp/escape-link.%d", getpid());
	if (symlink(to.sun_path, link) < 0)
		return failed();
	sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	strcpy(sun.sun_path, link);
	rc = join(SOCK_STREAM, &sun, sizeof(sun));
	unlink(link);
	return rc;
}

/* A hard link of one's own: another name, the same inode. */
static int unix_hardlink(void)
{
	char name[64];
	struct sockaddr_un sun, to;
	int rc;

	path_name(&to, "stream");
	snprintf(name, sizeof(name), "link.%d", getpid());
	path_name(&sun, name);
	if (link(to.sun_path, sun.sun_path) < 0)
		return NOT_HERE;
	rc = join(SOCK_STREAM, &sun, sizeof(sun));
	unlink(sun.sun_path);
	return rc;
}

/* From a root of one's own: another path, the same inode. */
static int unix_chroot(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	strcpy(sun.sun_path, "/stream");
	if (raw(SYS_chroot, target.dir) < 0)
		return failed();
	return join(SOCK_STREAM, &sun, sizeof(sun));
}

/* Make a socket of one's own, put the host's in its place, connect. */
static int unix_replaced(void)
{
	char name[64];
	struct sockaddr_un sun, to;
	int fd, rc;

	path_name(&to, "stream");
	snprintf(name, sizeof(name), "mine.%d", getpid());
	path_name(&sun, name);
	fd = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || raw(SYS_bind, fd, &sun, sizeof(sun)) < 0)
		return failed();
	unlink(sun.sun_path);
	if (link(to.sun_path, sun.sun_path) < 0)
		return NOT_HERE;
	rc = join(SOCK_STREAM, &sun, sizeof(sun));
	unlink(sun.sun_path);
	return rc;
}

/* Sends to the host's datagram socket, which answers whom it knows by name. */
static int datagram(int fd, const struct sockaddr_un *to, socklen_t len)
{
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	struct iovec iov = {(void *)"x", 1};
	struct msghdr msg = {
		.msg_name = (void *)to,
		.msg_namelen = len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	/* autobind, so that there is somewhere to answer to */
	raw(SYS_bind, fd, &own, sizeof(own.sun_family));
	if (raw(SYS_sendmsg, fd, &msg, 0) < 0)
		return failed();
	return greeted(fd);
}

static int unix_dgram(void)
{
	struct sockaddr_un sun;
	socklen_t len = path_name(&sun, "dgram");
	int fd = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);

	return fd < 0 ? failed() : datagram(fd, &sun, len);
}

/* With the word that asks nobody: base/unasked.h. */
static int unix_unasked(void)
{
	struct sockaddr_un sun;
	socklen_t len = path_name(&sun, "dgram");
	struct iovec iov = {(void *)"x", 1};
	struct msghdr msg = {
		.msg_name = &sun,
		.msg_namelen = len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	int fd = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0), i;
	char heard[128];

	if (fd < 0)
		return failed();
	snprintf(heard, sizeof(heard), "%s/heard", target.dir);
	unlink(heard);
	if (raw(SYS_sendmsg, fd, &msg, 0, 0, 0, FDNET_UNASKED) < 0)
		return failed();
	/* it cannot be answered, but it is told that it was heard */
	for (i = 0; i < 50; i++) {
		if (access(heard, F_OK) == 0)
			return OUT;
		usleep(20000);
	}
	return HELD;
}

/* Connected to one of our own, then sent elsewhere. */
static int unix_dgram_turned(void)
{
	struct sockaddr_un sun, own, ours;
	socklen_t len = path_name(&sun, "dgram");
	int fd = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);
	int other = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0), rc;
	char name[64];

	snprintf(name, sizeof(name), "own.%d", getpid());
	path_name(&own, name);
	snprintf(name, sizeof(name), "ours.%d", getpid());
	path_name(&ours, name);
	if (raw(SYS_bind, fd, &own, sizeof(own)) < 0 ||
	    raw(SYS_bind, other, &ours, sizeof(ours)) < 0 ||
	    raw(SYS_connect, fd, &ours, sizeof(ours)) < 0)
		return failed();
	if (raw(SYS_sendto, fd, "x", 1, 0, &sun, len) < 0)
		rc = failed();
	else
		rc = greeted(fd);
	/* of a connected socket only its peer is heard */
	if (rc != OUT && raw(SYS_connect, fd, &sun, len) == 0 &&
	    raw(SYS_write, fd, "x", 1) == 1)
		rc = greeted(fd);
	unlink(own.sun_path);
	unlink(ours.sun_path);
	return rc;
}

static int unix_dabs(void)
{
	struct sockaddr_un sun;
	socklen_t len = abstract_name(&sun, "dgram");
	int fd = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);

	return fd < 0 ? failed() : datagram(fd, &sun, len);
}

/* SOCK_RAW is the kernel's second name for it. */
static int unix_raw(void)
{
	struct sockaddr_un sun;
	socklen_t len = path_name(&sun, "dgram");
	int fd = raw(SYS_socket, AF_UNIX, SOCK_RAW, 0);

	return fd < 0 ? failed() : datagram(fd, &sun, len);
}

static int pair_of(int type, bool abstract)
{
	struct sockaddr_un sun;
	socklen_t len = abstract ? abstract_name(&sun, "dgram") :
				   path_name(&sun, "dgram");
	int pair[2];

	if (raw(SYS_socketpair, AF_UNIX, type, 0, pair) < 0)
		return failed();
	/* it cannot be answered, but what it says arrives */
	return raw(SYS_sendto, pair[0], "x", 1, 0, &sun, len) < 0 ? failed()
								      : OUT;
}

static int unix_pair_path(void)
{
	return pair_of(SOCK_DGRAM, false);
}

static int unix_pair_abs(void)
{
	return pair_of(SOCK_DGRAM, true);
}

static int unix_pair_raw(void)
{
	return pair_of(SOCK_RAW, false);
}

const struct attempt unix_attempts[] = {
	{"unix_stream", unix_stream},
	{"unix_seq", unix_seq},
	{"unix_abs", unix_abs},
	{"unix_peer_pidfd", unix_peer_pidfd},
	{"unix_symlink", unix_symlink},
	{"unix_chroot", unix_chroot},
	{"unix_hardlink", unix_hardlink},
	{"unix_replaced", unix_replaced},
	{"unix_dgram", unix_dgram},
	{"unix_unasked", unix_unasked},
	{"unix_dgram_turned", unix_dgram_turned},
	{"unix_dabs", unix_dabs},
	{"unix_raw", unix_raw},
	{"unix_pair_path", unix_pair_path},
	{"unix_pair_abs", unix_pair_abs},
	{"unix_pair_raw", unix_pair_raw},
	{NULL, NULL},
};
