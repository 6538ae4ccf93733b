/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll (D5): a set that only this process looks at has its sockets' readiness
 * in memory (eset.h), and the kernel's set for everything else. In any other
 * the placeholders stand, whose readiness the mirror keeps. A thread that waits in epoll_wait() also waits for the
 * link, because an epoll fd can itself be polled.
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>

#include "shim/call.h"
#include "shim/eset.h"
#include "shim/mirror.h"
#include "shim/uaccess.h"

/* What the kernel allows. */
#define MAX_EVENTS (INT_MAX / (int)sizeof(struct epoll_event))

/* The kernel's member, and what it shows is the mirror's. */
static int kernels_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct shim_guard guard;
	struct shim_file *file;
	int rc;

	rc = LIBC(epoll_ctl)(epfd, op, fd, event);
	if (rc < 0 || op == EPOLL_CTL_DEL || !event)
		return rc;
	file = shim_begin_io(fd, &guard);
	if (!file)
		return rc;
	/* whoever waits on the set already is woken by the kernel when the
	 * mirror shows something */
	if (!file->netlink)
		shim_mirror_watch(file, fd, event->events);
	shim_end(&guard);
	return rc;
}

/* A set in a set: it is looked at from there. */
static void note_nested(int op, int fd)
{
	struct shim_guard guard;

	if (op != EPOLL_CTL_ADD || !shim_eset_maybe(fd))
		return;
	shim_enter(&guard);
	shim_eset_expose(fd);
	shim_leave(&guard);
}

int shim_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct shim_guard guard;
	struct shim_file *file;
	int rc;

	/* a vfork() child shares the kernel's set with its parent, as it does
	 * ours */
	if (op != EPOLL_CTL_DEL && !shim_can_read(event, sizeof(*event)))
		return LIBC(epoll_ctl)(epfd, op, fd, event);
	/* a child that leaves a set does not need the socket */
	file = op == EPOLL_CTL_DEL ? shim_begin(fd, &guard) :
				     shim_begin_io(fd, &guard);
	if (!file) {
		rc = LIBC(epoll_ctl)(epfd, op, fd, event);
		if (rc == 0)
			note_nested(op, fd);
		return rc;
	}
	rc = file->netlink ? -EOPNOTSUPP :
			     shim_eset_ctl(epfd, op, fd, file, event);
	if (rc == 0)
		shim_mirror_joined();
	shim_end(&guard);
	if (rc == -EOPNOTSUPP)
		return kernels_ctl(epfd, op, fd, event);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(epoll_ctl);

/* Level-triggered readiness is corrected here, before the kernel looks. */
static int look(int epfd, struct epoll_event *events, int max,
		const sigset_t *mask)
{
	int rc, state;

	shim_mirror_settle();
	shim_cancel_off(&state);
	rc = LIBC(epoll_pwait)(epfd, events, max, 0, mask);
	rc = rc < 0 ? -errno : rc;
	shim_cancel_restore(state);
	return rc;
}

/* What is ready in memory, and what the kernel knows about where it is time to
 * ask, before what is always ready has taken all the room. @asked: it was found
 * to have something. */
static int look_at_both(struct shim_eset *set, int epfd,
			struct epoll_event *events, int max,
			const sigset_t *mask, bool asked)
{
	bool bad = !shim_can_write(events, (size_t)max * sizeof(*events));
	bool ready = shim_eset_is_ready(set);
	int n = 0;

	if (ready && bad)
		return -EFAULT;
	if (asked || (ready && shim_eset_look(set)))
		n = look(epfd, events, max, mask);
	if (n < 0 || n == max || !ready)
		return n;
	return n + shim_eset_collect(set, events + n, max - n);
}

static int do_wait(int epfd, struct epoll_event *events, int max,
		   uint64_t deadline, const sigset_t *mask)
{
	struct pollfd poll = { .fd = epfd, .events = POLLIN };
	struct shim_guard guard;
	struct shim_waiter w = {
		.deadline_us = deadline,
		.guard = &guard,
		.mask = mask,
	};
	bool asked = deadline == 0;
	struct shim_eset *set;
	int rc;

	pthread_testcancel();
	shim_enter(&guard);
	shim_net_drive();
	for (;;) {
		set = shim_eset_get(epfd);
		/* the poll that follows asks the kernel, if we get there */
		if (set)
			rc = look_at_both(set, epfd, events, max, mask, asked);
		else
			rc = look(epfd, events, max, mask);
		if (rc != 0 || deadline == 0)
			break;
		w.set = set;
		rc = shim_wait(&w, &poll, 1);
		if (rc == -ETIMEDOUT) {
			rc = 0;
			break;
		}
		if (rc < 0)
			break;
		asked = poll.revents != 0;
	}
	shim_wait_end(&w);
	shim_leave(&guard);
	return (int)shim_ret(rc);
}

/* Nothing of ours in any set, or the kernel is to say what is wrong. */
static bool is_kernels(int max)
{
	return !shim_mirror_any() || max <= 0 || max > MAX_EVENTS;
}

int shim_epoll_pwait(int epfd, struct epoll_event *events, int max,
		     int timeout_ms, const sigset_t *mask)
{
	uint64_t deadline = FDNET_NEVER;

	if (is_kernels(max))
		return LIBC(epoll_pwait)(epfd, events, max, timeout_ms, mask);
	if (timeout_ms == 0)
		deadline = 0;
	else if (timeout_ms > 0)
		deadline = shim_now_us() + (uint64_t)timeout_ms * 1000;
	return do_wait(epfd, events, max, deadline, mask);
}
SHIM_EXPORT(epoll_pwait);

int shim_epoll_wait(int epfd, struct epoll_event *events, int max,
		    int timeout_ms)
{
	if (is_kernels(max))
		return LIBC(epoll_wait)(epfd, events, max, timeout_ms);
	return shim_epoll_pwait(epfd, events, max, timeout_ms, NULL);
}
SHIM_EXPORT(epoll_wait);

int shim_epoll_pwait2(int epfd, struct epoll_event *events, int max,
		      const struct timespec *timeout, const sigset_t *mask)
{
	uint64_t deadline = FDNET_NEVER;

	if (is_kernels(max))
		return LIBC(epoll_pwait2)(epfd, events, max, timeout, mask);
	if (timeout) {
		if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
		    timeout->tv_nsec >= 1000000000)
			return (int)shim_ret(-EINVAL);
		deadline = (uint64_t)timeout->tv_sec * 1000000 +
			   ((uint64_t)timeout->tv_nsec + 999) / 1000;
		if (deadline)
			deadline += shim_now_us();
	}
	return do_wait(epfd, events, max, deadline, mask);
}
SHIM_EXPORT(epoll_pwait2);
