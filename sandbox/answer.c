/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a call: what its caller gets, also when it was interrupted. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utlist.h>

#include "sandbox/notify.h"

/* Debian 12's headers have it, older ones not (Linux 5.14). */
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND 2
#endif

/* How long an answer is kept whose caller was interrupted. */
#define LOST_MS 1000

/* ---- the end of a call ---- */

void call_end(struct call *call)
{
	struct supervisor *sup = call->sup;

	watch_remove(sup->loop, &call->watch);
	if (call->fd >= 0)
		close(call->fd);
	if (call->spare_fd >= 0)
		close(call->spare_fd);
	call->fd = call->spare_fd = -1;
	call->done = true;
	free(call->data);
	call->data = NULL;
	rights_drop(call);
	DL_DELETE(sup->calls, call);
	sup->count--;
	/* the loop may still hold it in this round */
	LL_PREPEND(sup->done, call);
}

void calls_free_done(struct supervisor *sup)
{
	struct call *call, *next;

	LL_FOREACH_SAFE(sup->done, call, next)
		free(call);
	sup->done = NULL;
}

/* ---- answers that came too late ---- */

static void forget_lost(struct lost *lost)
{
	if (lost->tid && lost->fd >= 0)
		close(lost->fd);
	lost->tid = 0;
}

/* @fd: taken */
static void keep_lost(struct call *call, long value, int fd, bool close_on_exec)
{
	struct supervisor *sup = call->sup;
	struct lost *lost = &sup->lost[sup->next_lost++ % LOST_MAX];
	uint64_t born = caller_born(call->tid);

	/* killed: nobody comes back */
	if (!born || (call->born && call->born != born)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	forget_lost(lost);
	*lost = (struct lost){
		.tid = call->tid,
		.nr = call->nr,
		.value = value,
		.fd = fd,
		.close_on_exec = close_on_exec,
		.at_ms = supervise_now_ms(),
		.born = born,
	};
	memcpy(lost->args, call->args, sizeof(lost->args));
}

bool lost_give(struct call *call)
{
	struct supervisor *sup = call->sup;
	int fd;

	for (unsigned int i = 0; i < LOST_MAX; i++) {
		struct lost *lost = &sup->lost[i];

		if (lost->tid != call->tid)
			continue;
		if (lost->nr != call->nr ||
		    supervise_now_ms() - lost->at_ms > LOST_MS ||
		    memcmp(lost->args, call->args, sizeof(lost->args)) != 0 ||
		    lost->born != caller_born(call->tid)) {
			forget_lost(lost);
			continue;
		}
		fd = lost->fd;
		lost->tid = 0;
		if (fd >= 0)
			call_reply_fd(call, fd, lost->close_on_exec);
		else
			call_reply(call, lost->value);
		return true;
	}
	return false;
}

void lost_forget_old(struct supervisor *sup, uint64_t now)
{
	for (unsigned int i = 0; i < LOST_MAX; i++)
		if (sup->lost[i].tid && now - sup->lost[i].at_ms > LOST_MS)
			forget_lost(&sup->lost[i]);
}

bool lost_is_any(const struct supervisor *sup)
{
	for (unsigned int i = 0; i < LOST_MAX; i++)
		if (sup->lost[i].tid)
			return true;
	return false;
}

void lost_end(struct supervisor *sup)
{
	for (unsigned int i = 0; i < LOST_MAX; i++)
		forget_lost(&sup->lost[i]);
}

/* ---- answers ---- */

static int send_answer(const struct call *call, long value, uint32_t flags)
{
	struct seccomp_notif_resp resp = {
		.id = call->id,
		.val = value < 0 ? 0 : value,
		.error = value < 0 ? (int)value : 0,
		.flags = flags,
	};

	/* the caller may have gone in between */
	return ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

void notif_refuse(struct supervisor *sup, uint64_t id, int error)
{
	const struct call call = {.sup = sup, .id = id};

	send_answer(&call, error, 0);
}

void call_reply(struct call *call, long value)
{
	/* that it has gone is no answer */
	if (send_answer(call, value, 0) < 0 && value != -ESRCH)
		keep_lost(call, value, -1, false);
	call_end(call);
}

void call_continue(struct call *call, const char *why)
{
	(void)why;
	send_answer(call, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	call_end(call);
}

void call_reply_fd(struct call *call, int fd, bool close_on_exec)
{
	struct seccomp_notif_addfd add = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = fd,
		.newfd_flags = close_on_exec ? O_CLOEXEC : 0,
	};
	int rc;

	rc = ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	rc = rc < 0 ? -errno : 0;
	/* as the caller's own table says: EMFILE */
	if (rc < 0 && rc != -ENOENT && rc != -EINPROGRESS)
		send_answer(call, rc, 0);
	else if (rc < 0) {
		keep_lost(call, 0, fd, close_on_exec);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	call_end(call);
}

int call_give_fd(const struct call *call, int fd, bool close_on_exec)
{
	struct seccomp_notif_addfd add = {
		.id = call->id,
		.srcfd = fd,
		.newfd_flags = close_on_exec ? O_CLOEXEC : 0,
	};
	int rc = ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	return rc < 0 ? -errno : rc;
}

void call_reply_in_place(struct call *call, long value)
{
	int number = (int)call->args[0];
	struct seccomp_notif_addfd add = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = call->fd,
		.newfd = number,
	};

	if (call_fd_is(call, number, call->replaces)) {
		if (call_fd_closes_on_exec(call, number))
			add.newfd_flags = O_CLOEXEC;
		ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	}
	call_reply(call, value);
}

bool call_is_valid(const struct call *call)
{
	uint64_t id = call->id;

	return ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_ID_VALID,
		     &id) == 0;
}
