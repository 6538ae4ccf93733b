/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX connections between the sandbox and the host; see outside.h. */
#include "config.h"

#include "sandbox/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/weaken.h"

/* Connections to our own listener that are not the caller's: of how many we
 * are prepared to be rid. */
#define STRANGERS_MAX 16

/* As the program is shown it: no number of a process outside. */
static struct ucred shown(struct ucred cred)
{
	cred.pid = 0;
	return cred;
}

static struct ucred peer_of(int fd)
{
	struct ucred cred = {0, (uid_t)-1, (gid_t)-1};
	socklen_t len = sizeof(cred);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	return cred;
}

/* All connections of sandboxed processes are made by us. */
static bool is_ours(const struct ucred *cred)
{
	return cred->pid == getpid();
}

/* ---- the meeting place: a listener without a name, reached by its inode.
 * An abstract name would be one of our network namespace, which the caller's
 * socket is not in. ---- */

static int open_place(struct meeting *place, int type, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int rc = 0;

	strcpy(sun.sun_path, path);
	place->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (place->fd < 0)
		return -errno;
	if (bind(place->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	place->inode = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place->inode < 0 || listen(place->fd, STRANGERS_MAX) < 0)
		rc = -errno;
	unlink(path);
	return rc;
}

/* A folder that only we can enter, for as long as it takes. */
static int make_folder(char *path, size_t size)
{
	const char *bases[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"),
			       "/tmp", "/dev/shm", "/run"};
	int rc = -ENOENT;

	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		if (!bases[i] || strlen(bases[i]) > size - 32)
			continue;
		snprintf(path, size, "%s/fdnet-run.XXXXXX", bases[i]);
		if (mkdtemp(path))
			return 0;
		rc = -errno;
	}
	return rc;
}

int outside_open(struct supervisor *sup)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path) - 8];
	char path[sizeof(folder) + 8];
	int rc;

	rc = make_folder(folder, sizeof(folder));
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/s", folder);
	rc = open_place(&sup->meetings[0], SOCK_STREAM, path);
	if (rc == 0)
		rc = open_place(&sup->meetings[1], SOCK_SEQPACKET, path);
	rmdir(folder);
	return rc;
}

void outside_end(struct supervisor *sup)
{
	for (int i = 0; i < 2; i++) {
		if (sup->meetings[i].fd >= 0)
			close(sup->meetings[i].fd);
		if (sup->meetings[i].inode >= 0)
			close(sup->meetings[i].inode);
	}
}

/* ---- out ---- */

static struct sockaddr_un name_of(int inode)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d", inode);
	return sun;
}

static ssize_t send_as_caller(struct call *call, int fd)
{
	const struct parcel parcel = {.fds = call->fds,
				      .fd_count = call->fd_count};
	struct sockaddr_un sun = name_of(call->spare_fd);
	struct iovec iov = {call->data, call->len};
	struct msghdr msg = {
		.msg_name = &sun,
		.msg_namelen = sizeof(sun),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	/* the kernel tells the real user, who is still ours */
	const struct ucred sender = identity_sender(call);
	union parcel_control control;
	ssize_t rc;

	parcel_fill_control(&msg, &control, &parcel, &sender);
	rc = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return rc < 0 ? -errno : rc;
}

ssize_t outside_send(struct call *call, int fd)
{
	ssize_t rc = identity_assume(call);

	if (rc < 0)
		return rc;
	rc = send_as_caller(call, fd);
	identity_resume(call);
	return rc;
}

static int connect_to(int fd, int inode)
{
	struct sockaddr_un sun = name_of(inode);

	return connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno :
								       0;
}

/* As the caller: who else may not reach the service? */
static int reach(struct call *call, int outer, struct ucred *ret_sender)
{
	int rc = identity_assume(call);

	if (rc < 0)
		return rc;
	*ret_sender = identity_sender(call);
	rc = connect_to(outer, call->spare_fd);
	identity_resume(call);
	return rc;
}

/* The other end of the caller's connection; others are turned away. */
static int accept_own(const struct meeting *place)
{
	struct ucred cred;
	int fd;

	for (int i = 0; i <= STRANGERS_MAX; i++) {
		fd = accept4(place->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return -errno;
		cred = peer_of(fd);
		if (is_ours(&cred))
			return fd;
		close(fd);
	}
	return -EAGAIN;
}

static int meet(struct call *call, const struct meeting *place)
{
	int flags = fcntl(call->fd, F_GETFL), rc;

	fcntl(call->fd, F_SETFL, flags | O_NONBLOCK);
	rc = connect_to(call->fd, place->inode);
	fcntl(call->fd, F_SETFL, flags);
	return rc < 0 ? rc : accept_own(place);
}

/* What the kernel would say before it looks for the other side. */
static int check_fresh(int fd)
{
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);
	int listens = 0;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
		return -EISCONN;
	len = sizeof(listens);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	return listens ? -EINVAL : 0;
}

int outside_connect(struct call *call)
{
	struct supervisor *sup = call->sup;
	const struct meeting *place =
		&sup->meetings[call->unix_type == SOCK_SEQPACKET];
	struct ucred cred, sender;
	int outer, inner, rc;

	if (place->inode < 0)
		return -EACCES;
	rc = check_fresh(call->fd);
	if (rc < 0)
		return rc;
	outer = socket(AF_UNIX,
		       call->unix_type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (outer < 0)
		return -errno;
	rc = reach(call, outer, &sender);
	inner = rc < 0 ? rc : meet(call, place);
	if (inner < 0) {
		close(outer);
		return inner;
	}
	cred = shown(peer_of(outer));
	return joins_add(&sup->joins, inner, outer, call->cookie, &cred,
			 &sender);
}

/* ---- in ---- */

/* One of the sandbox: it is noted who. */
static int accepted_inside(struct call *call, int fd, const struct ucred *cred)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0)
		peers_accepted(&call->sup->peers, call->cookie, cookie, cred);
	return fd;
}

int outside_accepted(struct call *call, int fd)
{
	struct supervisor *sup = call->sup;
	struct ucred cred = peer_of(fd), sender;
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie = 0;
	int pair[2], rc;

	if (is_ours(&cred))
		return accepted_inside(call, fd, &cred);
	if (weaken("called", ""))
		return fd;
	rc = identity_assume(call);
	if (rc == 0) {
		sender = identity_sender(call);
		rc = socketpair(AF_UNIX, call->unix_type | SOCK_CLOEXEC, 0,
				pair) < 0 ?
			     -errno :
			     0;
		identity_resume(call);
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	getsockopt(pair[0], SOL_SOCKET, SO_COOKIE, &cookie, &len);
	cred = shown(cred);
	rc = joins_add(&sup->joins, pair[1], fd, cookie, &cred, &sender);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	return pair[0];
}
