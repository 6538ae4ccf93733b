/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll (D5): a set that only this process looks at has its sockets' readiness
 * in memory (eset.h), and the kernel's set for everything else. In any other
 * the placeholders stand, whose readiness the mirror keeps. A thread that waits in epoll_wait() also waits for the
 * link, because an epoll fd can itself be polled.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/single_threaded.h>

#include "shim/call.h"
#include "shim/eset.h"
#include "shim/kick.h"
#include "shim/mirror.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

/* What the kernel allows. */
#define MAX_EVENTS (INT_MAX / (int)sizeof(struct epoll_event))
/* Between two looks at a set that others are to leave first. */
#define GIVE_WAY_US 500

/* A vfork() child's numbers are not ours. */
static int new_set(int fd)
{
	if (fd >= 0 && !shim_is_borrowed())
		shim_eset_made(fd);
	return fd;
}

int shim_epoll_create(int size)
{
	return new_set(LIBC(epoll_create)(size));
}
SHIM_EXPORT(epoll_create);

int shim_epoll_create1(int flags)
{
	return new_set(LIBC(epoll_create1)(flags));
}
SHIM_EXPORT(epoll_create1);

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
	shim_kick(epfd);
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
	/* before it is asked who waits without us */
	if (op == EPOLL_CTL_ADD)
		shim_mirror_joined();
	rc = file->netlink ? -EOPNOTSUPP :
			     shim_eset_ctl(epfd, op, fd, file, event);
	shim_end(&guard);
	if (rc == -EOPNOTSUPP)
		return kernels_ctl(epfd, op, fd, event);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(epoll_ctl);

/* Level-triggered readiness is corrected here, before the kernel looks.
 * -EALREADY: there is a kick and nothing else. */
static int look(int epfd, struct epoll_event *events, int max)
{
	int rc, n;

	shim_mirror_settle();
	/* where nothing waits the kernel lets no signal in, by whatever mask */
	rc = (int)RAW(SYS_epoll_pwait, epfd, events, max, 0, NULL, 0);
	n = shim_kick_strip(events, rc);
	return n == 0 && rc > 0 ? -EALREADY : n;
}

/* The kernel had nothing but a kick: those it is for shall get it. */
static void give_way(struct shim_guard *guard)
{
	struct timespec ts = { .tv_nsec = GIVE_WAY_US * 1000 };

	shim_kick_seen();
	shim_leave(guard);
	RAW(SYS_nanosleep, &ts, NULL, 0, 0, 0, 0);
	shim_enter(guard);
	shim_net_drive();
}

/* What is ready in memory, and what the kernel knows about where it is time to
 * ask, before what is always ready has taken all the room. @asked: it was found
 * to have something. */
static int look_at_both(struct shim_eset *set, int epfd,
			struct epoll_event *events, int max, bool asked)
{
	bool bad = !shim_can_write(events, (size_t)max * sizeof(*events));
	bool ready = shim_eset_is_ready(set);
	int n = 0;

	if (ready && bad)
		return -EFAULT;
	if (asked || (ready && shim_eset_look(set)))
		n = look(epfd, events, max);
	if (n == -EALREADY && ready)
		n = 0;
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
			rc = look_at_both(set, epfd, events, max, asked);
		else
			rc = look(epfd, events, max);
		if (rc == -EALREADY) {
			rc = 0;
			if (shim_now_us() >= deadline)
				break;
			give_way(&guard);
			continue;
		}
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

/* ---- nothing of ours in any set, or the kernel is to say what is wrong ---- */

static bool is_kernels(int max)
{
	return !shim_mirror_any() || max <= 0 || max > MAX_EVENTS;
}

/* One of epoll_wait() and its sisters, as the program calls it. */
struct wait_call {
	int epfd;
	struct epoll_event *events;
	int max;
	int timeout_ms;
	const struct timespec *timeout;
	const sigset_t *mask;
	int (*make)(const struct wait_call *call);
};

static int make_wait(const struct wait_call *c)
{
	return LIBC(epoll_wait)(c->epfd, c->events, c->max, c->timeout_ms);
}

static int make_pwait(const struct wait_call *c)
{
	return LIBC(epoll_pwait)(c->epfd, c->events, c->max, c->timeout_ms,
				 c->mask);
}

/* Where there is no such call: in the sandbox (filter_rules.c), and before
 * Linux 5.11. */
static int instead_of_pwait2(const struct wait_call *c)
{
	struct pollfd poll = { .fd = c->epfd, .events = POLLIN };
	int ms = c->timeout ? 0 : -1, rc;

	rc = LIBC(epoll_pwait)(c->epfd, c->events, c->max, ms, c->mask);
	if (rc != 0 || (c->timeout->tv_sec == 0 && c->timeout->tv_nsec == 0))
		return rc;
	rc = LIBC(ppoll)(&poll, 1, c->timeout, c->mask);
	if (rc <= 0)
		return rc;
	return LIBC(epoll_pwait)(c->epfd, c->events, c->max, 0, c->mask);
}

static int make_pwait2(const struct wait_call *c)
{
	int saved_errno = errno;
	int rc;

	if (LIBC(epoll_pwait2)) {
		rc = LIBC(epoll_pwait2)(c->epfd, c->events, c->max, c->timeout,
					c->mask);
		if (rc >= 0 || errno != ENOSYS)
			return rc;
		errno = saved_errno;
	}
	return instead_of_pwait2(c);
}

static void uncount(void *arg)
{
	const struct wait_call *c = arg;

	shim_kick_leave(c->epfd);
}

/* The program's call, while another thread may bring a socket of ours into the
 * set. Returns false when that has happened, and there is nothing else. */
static bool wait_counted(struct wait_call *c, int *rc)
{
	bool late;

	pthread_cleanup_push(uncount, c);
	shim_kick_enter(c->epfd);
	late = shim_mirror_any();
	*rc = late ? 0 : c->make(c);
	pthread_cleanup_pop(1);
	if (late)
		return false;
	if (*rc <= 0 || !shim_mirror_any())
		return true;
	*rc = shim_kick_strip(c->events, *rc);
	return *rc > 0;
}

static int wait_for(struct wait_call *c, uint64_t span_us)
{
	uint64_t deadline = span_us;
	int rc;

	if (span_us != 0 && span_us != FDNET_NEVER &&
	    !(is_kernels(c->max) && __libc_single_threaded))
		deadline = shim_now_us() + span_us;
	if (is_kernels(c->max)) {
		if (__libc_single_threaded || span_us == 0)
			return c->make(c);
		if (wait_counted(c, &rc) || is_kernels(c->max))
			return rc;
	}
	return do_wait(c->epfd, c->events, c->max, deadline, c->mask);
}

/* ---- the calls ---- */

static uint64_t span_of(int timeout_ms)
{
	return timeout_ms < 0 ? FDNET_NEVER : (uint64_t)timeout_ms * 1000;
}

int shim_epoll_pwait(int epfd, struct epoll_event *events, int max,
		     int timeout_ms, const sigset_t *mask)
{
	struct wait_call call = {
		epfd, events, max, timeout_ms, NULL, mask, make_pwait,
	};

	return wait_for(&call, span_of(timeout_ms));
}
SHIM_EXPORT(epoll_pwait);

int shim_epoll_wait(int epfd, struct epoll_event *events, int max,
		    int timeout_ms)
{
	struct wait_call call = {
		epfd, events, max, timeout_ms, NULL, NULL, make_wait,
	};

	return wait_for(&call, span_of(timeout_ms));
}
SHIM_EXPORT(epoll_wait);

int shim_epoll_pwait2(int epfd, struct epoll_event *events, int max,
		      const struct timespec *timeout, const sigset_t *mask)
{
	struct wait_call call = {
		epfd, events, max, 0, timeout, mask, make_pwait2,
	};
	uint64_t span = FDNET_NEVER;

	if (timeout) {
		if (!shim_can_read(timeout, sizeof(*timeout)))
			return (int)shim_ret(-EFAULT);
		if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
		    timeout->tv_nsec >= 1000000000)
			return (int)shim_ret(-EINVAL);
		if (timeout->tv_sec < INT64_MAX / 4000000)
			span = (uint64_t)timeout->tv_sec * 1000000 +
			       ((uint64_t)timeout->tv_nsec + 999) / 1000;
	}
	return wait_for(&call, span);
}
SHIM_EXPORT(epoll_pwait2);
