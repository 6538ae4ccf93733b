/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/files.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "relay/harden.h"
#include "relay/sys.h"

#define TIMEOUT_S 2
/* To read an answer, when there is no memory for a moment. */
#define TRIES 10
#define PATH_LEN 4096

/* ---- the helper ---- */

static int open_policy(const struct files_names *names)
{
	struct stat st;
	int fd;

	if (!names->policy)
		return -ENOENT;
	/* a pipe in its place must not make anybody wait */
	fd = open(names->policy, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static void name_old(char *dst, const char *path, unsigned int number)
{
	if (number)
		snprintf(dst, PATH_LEN, "%s.%u", path, number);
	else
		snprintf(dst, PATH_LEN, "%s", path);
}

static int rotate_record(const struct files_names *names)
{
	char from[PATH_LEN], to[PATH_LEN];
	int fd;

	if (!names->record || !names->keep)
		return -ENOENT;
	for (unsigned int i = names->keep; i; i--) {
		name_old(from, names->record, i - 1);
		name_old(to, names->record, i);
		if (rename(from, to) < 0 && (errno != ENOENT || i == 1))
			return -errno;
	}
	fd = open(names->record,
		  O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return fd < 0 ? -errno : fd;
}

static int open_metrics(const struct files_names *names)
{
	char path[PATH_LEN];
	int fd;

	if (!names->metrics)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s.new", names->metrics);
	fd = open(path,
		  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

static void finish_metrics(const struct files_names *names)
{
	char path[PATH_LEN];

	if (!names->metrics)
		return;
	snprintf(path, sizeof(path), "%s.new", names->metrics);
	rename(path, names->metrics);
}

/* An error's number, or 0 and the descriptor. */
static void answer(int channel, int rc)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	int error = rc < 0 ? -rc : 0;
	struct iovec iov = { &error, sizeof(error) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (rc >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &rc, sizeof(int));
	}
	SYS_RETRY(sendmsg(channel, &msg, MSG_NOSIGNAL));
	if (rc >= 0)
		close(rc);
}

static void serve(int channel, const struct files_names *names)
{
	bool is_ours = false;
	char which;

	while (SYS_RETRY(recv(channel, &which, 1, 0)) == 1) {
		switch (which) {
		case FILES_POLICY:
			answer(channel, open_policy(names));
			break;
		case FILES_RECORD:
			answer(channel, rotate_record(names));
			break;
		case FILES_METRICS:
			answer(channel, open_metrics(names));
			break;
		case FILES_METRICS_DONE:
			finish_metrics(names);
			break;
		case FILES_OURS:
		case FILES_LEAVE:
			is_ours = which == FILES_OURS;
		}
	}
	if (is_ours && names->control)
		unlink(names->control);
}

/* Nothing but the channel, which is put at descriptor 3. */
__attribute__((noreturn)) static void helper(int channel,
					     const struct files_names *names)
{
	sigset_t all;

	/* its end is the channel's, whatever the terminal says */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "fdnet-files");
	if (channel != 3)
		dup2(channel, 3);
	close_range(4, ~0u, 0);
	if (!harden_files())
		serve(3, names);
	_exit(0);
}

/* ---- the relay ---- */

int files_start(struct files *files, const struct files_names *names)
{
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int pair[2];

	*files = (struct files){ .fd = -1 };
	if (!names->policy && !names->control && !names->metrics &&
	    !(names->record && names->keep))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout,
		   sizeof(timeout));
	files->pid = fork();
	if (!files->pid)
		helper(pair[1], names);
	close(pair[1]);
	if (files->pid < 0) {
		close(pair[0]);
		return -errno;
	}
	files->fd = pair[0];
	return 0;
}

void files_stop(struct files *files)
{
	if (files->fd < 0)
		return;
	close(files->fd);
	files->fd = -1;
	SYS_RETRY(waitpid(files->pid, NULL, 0));
}

void files_tell(struct files *files, enum files_which which)
{
	char word = (char)which;

	if (files->fd >= 0)
		SYS_RETRY(send(files->fd, &word, 1,
			       MSG_NOSIGNAL | MSG_DONTWAIT));
}

int files_open(struct files *files, enum files_which which)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char word = (char)which;
	int error = 0, fd = -1;
	struct iovec iov = { &error, sizeof(error) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t rc;

	if (files->fd < 0)
		return -ENOENT;
	rc = SYS_RETRY(send(files->fd, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
	if (rc < 0)
		return (int)rc;
	/* an answer that stays there would be taken for the next one's */
	for (int i = 0; i < TRIES; i++) {
		rc = SYS_RETRY(recvmsg(files->fd, &msg, MSG_CMSG_CLOEXEC));
		if (rc != -ENOMEM && rc != -ENOBUFS)
			break;
	}
	cmsg = rc > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	if (fd >= 0)
		return fd;
	if (rc < 0) {
		/* likewise a late one */
		close(files->fd);
		files->fd = -1;
		return rc == -EAGAIN ? -ETIMEDOUT : (int)rc;
	}
	return error ? -error : -EPIPE;
}
