/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX sockets with names: those of this sandbox may be reached, those of
 * the host only if --unix names them.
 *
 * How it works: a socket is bound by us, from the folder that the caller is
 * in, and the inode that came of it is remembered and kept open, so that its
 * number cannot become another's. To connect, the caller's path is opened
 * once (O_PATH); if that is an inode of ours, or one that --unix names, the
 * caller's socket is connected to just this inode, by way of /proc/self/fd.
 * What the path means to anybody else at any other time does not matter.
 * A connection to or from the host goes by way of sockets of ours (outside.h).
 *
 * That the name we find after binding is the socket's, and not something put
 * in its place, is the kernel's to say (SIOCUNIXFILE). Where it may not be
 * asked, which is without a network namespace and without root, the inode's
 * time of birth tells.
 *
 * Abstract names are the network namespace's. Without one of the sandbox's
 * own they are refused, but to datagram sockets (udgram_abstract.c).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/bound.h"
#include "sandbox/notify.h"
#include "sandbox/outside.h"
#include "sandbox/udgram_internal.h"
#include "sandbox/weaken.h"

#define SIOCUNIXFILE_NR 0x89E0 /* Linux 4.11 */
#define PATH_AT		offsetof(struct sockaddr_un, sun_path)

/* ---- paths as the caller means them ---- */

/* The folder that its paths begin at, O_PATH. */
static int open_start(const struct call *call, const char *path)
{
	char link[40];
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/%s", call->tid,
		 path[0] == '/' ? "root" : "cwd");
	fd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!call_is_valid(call)) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

/* "/proc/self/..." is the caller's, and its /proc has other numbers. */
static int open_self(const struct call *call)
{
	char link[40];
	int fd;

	snprintf(link, sizeof(link), "/proc/%d", call->tid);
	fd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (call_is_valid(call))
		return fd;
	close(fd);
	return -ESRCH;
}

/* What the caller may not find, we do not. */
static int open_path(const struct call *call, const char *path, int flags)
{
	static const char self[] = "/proc/self/";
	bool is_self = !strncmp(path, self, strlen(self));
	int start = is_self ? open_self(call) : open_start(call, path), fd;

	if (start < 0)
		return start;
	if (is_self)
		path += strlen(self);
	while (*path == '/')
		path++;
	fd = identity_assume_in_root(call);
	if (fd == 0) {
		fd = openat(start, *path ? path : ".",
			    O_PATH | O_CLOEXEC | flags);
		if (fd < 0)
			fd = -errno;
		identity_resume(call);
	}
	close(start);
	return fd;
}

static int path_of(const struct sockaddr_storage *sa, socklen_t len,
		   char *path)
{
	const struct sockaddr_un *sun = (const struct sockaddr_un *)sa;
	size_t room = len - PATH_AT;

	memcpy(path, sun->sun_path, room);
	path[room] = '\0';
	return path[0] ? 0 : -EINVAL;
}

/* ---- which inode has the socket become? ---- */

/*
 * Where the kernel may not be asked: the name that we find is of an inode made
 * while we bound. One that somebody put in its place is older.
 */
static bool is_new(int fd, const struct timespec *since)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_NLINK, &st) < 0 ||
	    !(st.stx_mask & STATX_BTIME) || st.stx_nlink != 1)
		return false;
	return st.stx_btime.tv_sec > since->tv_sec ||
	       (st.stx_btime.tv_sec == since->tv_sec &&
		st.stx_btime.tv_nsec >= (uint32_t)since->tv_nsec);
}

/* The inode, O_PATH, or a negative errno. @named: what its path names, taken */
static int bound_inode(int bound, int named, const struct timespec *since)
{
	int fd = ioctl(bound, SIOCUNIXFILE_NR);

	if (fd < 0)
		fd = -errno;
	if (fd == -EPERM && named >= 0)
		fd = is_new(named, since) ? dup(named) : -EACCES;
	if (named >= 0)
		close(named);
	return fd;
}

/* ---- bind ---- */

/*
 * By the very path that the caller gave, which getsockname() shows, from its
 * folder and root.
 */
static int bind_here(struct call *call, int bound, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timespec since;
	mode_t old;
	int fd, rc;

	strcpy(sun.sun_path, path);
	/* the clock by which the kernel dates files */
	clock_gettime(CLOCK_REALTIME_COARSE, &since);
	rc = identity_assume_in_root(call);
	if (rc < 0)
		return rc;
	old = umask(call->sup->caller.umask);
	rc = bind(bound, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : 0;
	umask(old);
	fd = rc < 0 ? -1 : open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	identity_resume(call);
	if (rc < 0)
		return rc;
	fd = bound_inode(bound, fd, &since);
	rc = fd < 0 ? fd : bound_add(call->sup, fd, call->cookie);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc;
}

/* @bound: the caller's socket, or what stands for it */
static int bind_path(struct call *call, int bound, const char *path)
{
	int dir, rc;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -EINVAL;
	if (!bound_has_room(call->sup))
		return -ENOBUFS;
	dir = open_start(call, "");
	if (dir < 0)
		return dir;
	/* one thread: nobody else's working folder */
	rc = fchdir(dir) < 0 ? -errno : bind_here(call, bound, path);
	close(dir);
	if (chdir("/") < 0)
		rc = rc < 0 ? rc : -errno;
	return rc;
}

/* The kernel's own choice of an abstract name, too. */
static int bind_abstract(struct call *call, const struct sockaddr_storage *sa,
			 socklen_t len)
{
	if (!call->sup->setup.own_net)
		return -EACCES;
	return bind(call->fd, (const struct sockaddr *)sa, len) < 0 ? -errno :
								      0;
}

/* Real datagram sockets do not exist inside; should one be there, it stays
 * mute. */
bool unix_is_stream(const struct call *call)
{
	return call->unix_type == SOCK_STREAM ||
	       call->unix_type == SOCK_SEQPACKET;
}

void unix_bind(struct call *call, const struct sockaddr_storage *sa,
	       socklen_t len)
{
	struct udgram *udgram = udgram_find(call->sup, call->cookie);
	char path[sizeof(*sa) + 1];
	int rc;

	if (!unix_is_stream(call) || len > sizeof(struct sockaddr_un))
		rc = -EINVAL;
	else if (len <= PATH_AT || !((const char *)sa)[PATH_AT])
		/* datagram sockets are in our network namespace */
		rc = udgram ? abstract_bind(udgram, sa, len) :
			      bind_abstract(call, sa, len);
	else {
		rc = path_of(sa, len, path);
		if (rc == 0)
			rc = bind_path(call,
				       udgram ? udgram_fd(udgram) : call->fd,
				       path);
	}
	call_reply(call, rc);
}

/* ---- connect ---- */

/* As the caller. Never waits: a full backlog is tried again. */
static int connect_now(struct call *call, const void *sa, socklen_t len)
{
	int flags = fcntl(call->fd, F_GETFL), rc = identity_assume(call);

	if (rc < 0)
		return rc;
	fcntl(call->fd, F_SETFL, flags | O_NONBLOCK);
	if (connect(call->fd, sa, len) < 0)
		rc = -errno;
	fcntl(call->fd, F_SETFL, flags);
	identity_resume(call);
	return rc;
}

static void note_peer(struct call *call, uint64_t listener)
{
	const struct ucred cred = identity_peer(call);

	peers_connected(&call->sup->peers, listener, call->cookie, &cred);
}

static int connect_abstract(struct call *call)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)call->data;
	int rc = connect_now(call, sun, (socklen_t)call->len);

	if (rc == 0)
		note_peer(call, peers_find_name(&call->sup->peers, sun,
						(socklen_t)call->len));
	return rc;
}

static int connect_inode(struct call *call)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d",
		 call->spare_fd);
	return connect_now(call, &sun, sizeof(sun));
}

static int connect_path(struct call *call)
{
	int rc = connect_inode(call);
	uint64_t listener;
	struct stat st;

	if (rc < 0 || fstat(call->spare_fd, &st) < 0)
		return rc;
	if (bound_find(call->sup, &st, &listener))
		note_peer(call, listener);
	return rc;
}

static bool is_named(const struct supervisor *sup, const struct stat *st)
{
	struct stat named;
	size_t i;

	for (i = 0; i < sup->setup.unix_count; i++)
		if (stat(sup->setup.unix_paths[i], &named) == 0 &&
		    named.st_dev == st->st_dev && named.st_ino == st->st_ino)
			return true;
	return false;
}

/* The inode, as call->spare_fd, which is the host's if call->outside. */
static int find_target(struct call *call, const char *path)
{
	struct supervisor *sup = call->sup;
	uint64_t listener;
	struct stat st;
	int fd = open_path(call, path, 0);

	if (fd < 0)
		return fd;
	call->spare_fd = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ECONNREFUSED;
	if (bound_find(sup, &st, &listener))
		return 0;
	if (weaken("any-name", ""))
		return 0;
	call->outside = true;
	return is_named(sup, &st) ? 0 : -EACCES;
}

int unix_find(struct call *call, const struct sockaddr_storage *sa,
	      socklen_t len)
{
	char path[sizeof(*sa) + 1];
	int rc;

	if (len > sizeof(struct sockaddr_un) || len <= PATH_AT ||
	    sa->ss_family != AF_UNIX)
		return -EINVAL;
	rc = path_of(sa, len, path);
	/* an abstract name is nobody's that may be reached */
	if (rc < 0)
		return -ECONNREFUSED;
	return find_target(call, path);
}

/* The real socket of a datagram one is ours: it may be the host's directly. */
static int connect_udgram(struct call *call, struct udgram *udgram,
			  const struct sockaddr_storage *sa, socklen_t len)
{
	int own = call->fd, rc = 0;

	if (abstract_is(sa, len))
		return abstract_connect(call, udgram, sa, len);
	if (sa->ss_family != AF_UNSPEC)
		rc = abstract_target(call, udgram, sa, len);
	if (rc < 0)
		return rc;
	call->fd = udgram_fd(udgram);
	if (sa->ss_family != AF_UNSPEC)
		rc = connect_inode(call);
	else if (connect(call->fd, (const struct sockaddr *)sa, len) < 0)
		rc = -errno;
	call->fd = own;
	if (rc == 0)
		abstract_disconnect(udgram, call->target);
	return rc;
}

static void try_connect(struct call *call)
{
	int rc;

	if (call->outside)
		rc = outside_connect(call);
	else if (call->spare_fd >= 0)
		rc = connect_path(call);
	else
		rc = connect_abstract(call);
	if (rc == -EAGAIN && !call_is_nonblocking(call, 0)) {
		/* no event tells when there is room: on the next tick */
		call->deadline_ms = 1;
		call->ready = try_connect;
		return;
	}
	call_reply(call, rc);
}

void unix_connect(struct call *call, const struct sockaddr_storage *sa,
		  socklen_t len)
{
	struct udgram *udgram = udgram_find(call->sup, call->cookie);
	char path[sizeof(*sa) + 1];
	int rc = 0;

	if (weaken("continue", "")) {
		call_continue(call, "a mistake");
		return;
	}
	if (udgram) {
		call_reply(call, connect_udgram(call, udgram, sa, len));
		return;
	}
	if (!unix_is_stream(call) || len > sizeof(struct sockaddr_un) ||
	    len <= PATH_AT)
		rc = -EINVAL;
	else if (!((const char *)sa)[PATH_AT]) {
		/* as in its own namespace nobody else is, anything goes */
		rc = call->sup->setup.own_net ? 0 : -EACCES;
		call->data = malloc(len);
		call->len = len;
		if (call->data)
			memcpy(call->data, sa, len);
		else
			rc = -ENOMEM;
	} else {
		rc = path_of(sa, len, path);
		if (rc == 0)
			rc = find_target(call, path);
	}
	if (rc < 0)
		call_reply(call, rc);
	else
		try_connect(call);
}
