/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll stays the kernel's (D5): the sets hold placeholders, whose readiness
 * the mirror keeps. A thread that waits in epoll_wait() also waits for the
 * link, because an epoll fd can itself be polled.
 */
#include "config.h"

#include "shim/call.h"
#include "shim/mirror.h"

int shim_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
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
SHIM_EXPORT(epoll_ctl);

/* Level-triggered readiness is corrected here, before the kernel looks. */
static int look(int epfd, struct epoll_event *events, int max,
		const sigset_t *mask)
{
	int rc;

	shim_mirror_settle();
	rc = LIBC(epoll_pwait)(epfd, events, max, 0, mask);
	return rc < 0 ? -errno : rc;
}

static int do_wait(int epfd, struct epoll_event *events, int max,
		   uint64_t deadline, const sigset_t *mask)
{
	struct pollfd set = { .fd = epfd, .events = POLLIN };
	struct shim_guard guard;
	struct shim_waiter w = {
		.deadline_us = deadline,
		.guard = &guard,
		.mask = mask,
	};
	int rc, state;

	shim_enter(&guard);
	shim_net_drive();
	for (;;) {
		shim_cancel_off(&state);
		rc = look(epfd, events, max, mask);
		shim_cancel_restore(state);
		if (rc != 0 || deadline == 0)
			break;
		rc = shim_wait(&w, &set, 1);
		if (rc == -ETIMEDOUT) {
			rc = 0;
			break;
		}
		if (rc < 0)
			break;
	}
	shim_wait_end(&w);
	shim_leave(&guard);
	return (int)shim_ret(rc);
}

int shim_epoll_pwait(int epfd, struct epoll_event *events, int max,
		     int timeout_ms, const sigset_t *mask)
{
	uint64_t deadline = FDNET_NEVER;

	if (!shim_mirror_any() || max <= 0)
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
	if (!shim_mirror_any() || max <= 0)
		return LIBC(epoll_wait)(epfd, events, max, timeout_ms);
	return shim_epoll_pwait(epfd, events, max, timeout_ms, NULL);
}
SHIM_EXPORT(epoll_wait);

int shim_epoll_pwait2(int epfd, struct epoll_event *events, int max,
		      const struct timespec *timeout, const sigset_t *mask)
{
	uint64_t deadline = FDNET_NEVER;

	if (!shim_mirror_any() || max <= 0)
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
