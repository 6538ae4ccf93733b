/* SPDX-License-Identifier: Apache-2.0 */
/* What the child tells the launcher; see report.h. */
#include "config.h"

#include "sandbox/report.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/filter_rules.h"

int report_pair(int *ret_ours, int *ret_childs)
{
	int pair[2], one = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	if (setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0) {
		close(pair[0]);
		close(pair[1]);
		return -errno;
	}
	*ret_ours = pair[0];
	*ret_childs = pair[1];
	return 0;
}

int report_send(int channel, enum report_kind kind, int value, int fd)
{
	struct report report = {kind, value};
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {&report, sizeof(report)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	/* nobody answers notified calls yet */
	if (syscall(SYS_sendmsg, channel, &msg, MSG_NOSIGNAL, 0, 0,
		    FILTER_MAGIC) < 0)
		return -errno;
	return 0;
}

static void take(const struct cmsghdr *cmsg, pid_t *ret_pid, int *ret_fd)
{
	struct ucred cred;

	if (cmsg->cmsg_level != SOL_SOCKET)
		return;
	if (cmsg->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
		*ret_pid = cred.pid;
	} else if (cmsg->cmsg_type == SCM_RIGHTS) {
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(*ret_fd));
	}
}

int report_receive(int channel, struct report *ret_report, pid_t *ret_pid,
		   int *ret_fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int)) +
			 CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {ret_report, sizeof(*ret_report)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	ssize_t len;

	*ret_fd = -1;
	*ret_pid = -1;
	do
		len = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len <= 0)
		return len < 0 ? -errno : 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		take(cmsg, ret_pid, ret_fd);
	return len == sizeof(*ret_report) ? 1 : -EBADMSG;
}
