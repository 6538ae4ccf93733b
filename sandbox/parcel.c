/* SPDX-License-Identifier: Apache-2.0 */
/* A message with its descriptors, received and sent on; see join.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/join.h"
#include "sandbox/passed.h"
#include "sandbox/say.h"

#define STREAM_ROOM 65536
/* What one can set a socket's buffer to, and more: no message is longer. */
#define MESSAGE_MAX (32 << 20)

static int type_of(int fd)
{
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return type;
}

/* Room for the next message as a whole, or for some bytes. 0: come back. */
static ssize_t next_len(int fd)
{
	ssize_t len;
	char byte;

	if (type_of(fd) == SOCK_STREAM)
		return STREAM_ROOM;
	len = recv(fd, &byte, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	if (len < 0)
		return -errno;
	return len > MESSAGE_MAX ? MESSAGE_MAX : len;
}

static int keep_fds(struct parcel *parcel, const struct cmsghdr *cmsg)
{
	size_t len = cmsg->cmsg_len - CMSG_LEN(0);
	int *fds;

	fds = malloc(len + sizeof(*fds));
	if (fds) {
		memcpy(fds, CMSG_DATA(cmsg), len);
		parcel->fds = fds;
		parcel->fd_count = len / sizeof(*fds);
		return 0;
	}
	for (size_t i = 0; i < len / sizeof(*fds); i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		close(fd);
	}
	return -ENOMEM;
}

static int take_control(struct parcel *parcel, struct msghdr *msg,
			struct ucred *cred)
{
	struct cmsghdr *cmsg;
	int rc = 0;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_RIGHTS)
			rc = keep_fds(parcel, cmsg);
		else if (cmsg->cmsg_type == SCM_CREDENTIALS && cred)
			memcpy(cred, CMSG_DATA(cmsg), sizeof(*cred));
	}
	return rc;
}

int parcel_receive(struct parcel *parcel, int fd, struct sockaddr *name,
		   socklen_t *name_len, struct ucred *cred)
{
	union parcel_control control;
	struct iovec iov;
	struct msghdr msg = {
		.msg_name = name,
		.msg_namelen = name ? *name_len : 0,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t len = next_len(fd);
	int rc;

	*parcel = (struct parcel){0};
	if (len < 0)
		return (int)len;
	parcel->data = malloc((size_t)len + 1);
	if (!parcel->data)
		return -ENOMEM;
	iov = (struct iovec){parcel->data, (size_t)len + 1};
	len = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	rc = len < 0 ? -errno : take_control(parcel, &msg, cred);
	if (rc < 0) {
		parcel_done(parcel);
		return rc;
	}
	if (name)
		*name_len = msg.msg_namelen;
	parcel->len = (size_t)len;
	return len > 0 || parcel->fd_count ? 1 : 0;
}

static struct cmsghdr *put_control(struct msghdr *msg, struct cmsghdr *cmsg,
				   int type, const void *data, size_t len)
{
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	return CMSG_NXTHDR(msg, cmsg);
}

void parcel_fill_control(struct msghdr *msg, union parcel_control *control,
			 const struct parcel *parcel,
			 const struct ucred *sender)
{
	size_t fds_len = parcel->fd_count * sizeof(*parcel->fds);
	bool as_another = sender && sender->pid;
	struct ucred cred;
	struct cmsghdr *cmsg;

	msg->msg_control = NULL;
	msg->msg_controllen = (fds_len ? CMSG_SPACE(fds_len) : 0) +
			      (as_another ? CMSG_SPACE(sizeof(cred)) : 0);
	if (!msg->msg_controllen)
		return;
	memset(control, 0, sizeof(*control));
	msg->msg_control = control->buf;
	cmsg = CMSG_FIRSTHDR(msg);
	if (fds_len)
		cmsg = put_control(msg, cmsg, SCM_RIGHTS, parcel->fds, fds_len);
	if (as_another) {
		/* the number must be ours, of now */
		cred = (struct ucred){getpid(), sender->uid, sender->gid};
		put_control(msg, cmsg, SCM_CREDENTIALS, &cred, sizeof(cred));
	}
}

int parcel_send(struct parcel *parcel, int fd, const struct ucred *sender)
{
	union parcel_control control;
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t len;
	size_t i;

	do {
		parcel_fill_control(&msg, &control, parcel, sender);
		iov.iov_base = parcel->data + parcel->at;
		iov.iov_len = parcel->len - parcel->at;
		len = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (len < 0)
			return -errno;
		parcel->at += (size_t)len;
		for (i = 0; i < parcel->fd_count; i++)
			close(parcel->fds[i]);
		parcel->fd_count = 0;
	} while (parcel->at < parcel->len);
	return 0;
}

/* Once for each kind of thing: a service may do it all day. */
static void say_refused(struct joins *joins, const char *what)
{
	size_t i;

	for (i = 0; i < sizeof(joins->refused) / sizeof(*joins->refused); i++) {
		if (joins->refused[i] == what)
			return;
		if (joins->refused[i])
			continue;
		joins->refused[i] = what;
		say("refused what a process of the machine passed to the "
		    "program over a local socket: %s",
		    what);
		return;
	}
}

/* One end of a pair whose other is joined with @fd; taken if it succeeds. */
static int join_passed(struct joins *joins, int fd, int type,
		       const struct ucred *sender)
{
	struct ucred cred = {0, (uid_t)-1, (gid_t)-1};
	socklen_t len = sizeof(cred);
	int pair[2], copy, rc;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	copy = dup(fd);
	if (copy < 0) {
		close(pair[0]);
		close(pair[1]);
		return -errno;
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	rc = joins_add(joins, pair[1], copy, 0, &cred, sender);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	close(fd);
	return pair[0];
}

void parcel_judge(struct joins *joins, struct parcel *parcel,
		  const struct ucred *sender)
{
	const char *what = "too many sockets";
	size_t i, kept = 0;
	int type, end;

	for (; kept < parcel->fd_count; kept++) {
		enum passed passed =
			passed_judge(parcel->fds[kept], &type, &what);

		if (passed == PASSED_REFUSED)
			break;
		if (passed == PASSED_AS_IT_IS)
			continue;
		end = join_passed(joins, parcel->fds[kept], type, sender);
		if (end < 0)
			break;
		parcel->fds[kept] = end;
	}
	if (kept < parcel->fd_count)
		say_refused(joins, what);
	for (i = kept; i < parcel->fd_count; i++)
		close(parcel->fds[i]);
	parcel->fd_count = kept;
}

void parcel_done(struct parcel *parcel)
{
	size_t i;

	for (i = 0; i < parcel->fd_count; i++)
		close(parcel->fds[i]);
	free(parcel->fds);
	free(parcel->data);
	*parcel = (struct parcel){0};
}
