/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/unixsock.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "relay/sys.h"

int unixsock_listen(const char *path, int type, int backlog)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int fd, rc = 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	fd = sys_socket(AF_UNIX, type);
	if (fd < 0)
		return fd;
	/* what a killed relay left behind, but not a living one's */
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode) &&
	    sys_connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ==
		    -ECONNREFUSED)
		unlink(path);
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		rc = -errno;
	umask(mask);
	if (!rc && listen(fd, backlog) < 0)
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

bool unixsock_is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return !cred.uid || cred.uid == getuid();
}

ssize_t unixsock_recv(int fd, void *data, size_t size, int *ret_fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { data, size };
	/* CMSG_LEN: with CMSG_SPACE there would be room for a second fd */
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *cmsg;
	ssize_t len = SYS_RETRY(recvmsg(fd, &msg,
					MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

	*ret_fd = -1;
	if (len < 0)
		return len;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
	/* too long, or more fds than one: the kernel has closed those */
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EBADMSG;
	return len;
}

ssize_t unixsock_send(int fd, const char *text, int pass)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (pass >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &pass, sizeof(int));
	}
	return sys_sendmsg(fd, &msg);
}
