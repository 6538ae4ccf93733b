/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll() and select() with our sockets among the fds: their readiness comes
 * from the engine, everything else from the kernel, and the wait is on both.
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "shim/call.h"
#include "shim/direct.h"
#include "shim/eset.h"
#include "shim/mem.h"
#include "shim/mirror.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

#define ALWAYS (POLLERR | POLLHUP | POLLNVAL)

/* One poll in progress. */
struct polling {
	struct pollfd *fds; /* the program's */
	struct pollfd *rest; /* a copy in which our sockets are left out */
	struct shim_file **files; /* ours, NULL for the others */
	nfds_t n;
	nfds_t others; /* fds that the kernel knows about */
};

static short ready_bits(struct shim_file *file, short events)
{
	uint32_t now = file->so ? shim_direct_poll(file)
				: POLLERR | POLLHUP | POLLIN | POLLOUT;
	short bits = (short)(now & 0x1f);

	if (now & FDNET_EV_IN)
		bits |= POLLRDNORM;
	if (now & FDNET_EV_OUT)
		bits |= POLLWRNORM;
	if (now & FDNET_EV_RDHUP)
		bits |= POLLRDHUP;
	return bits & (events | ALWAYS);
}

/* A socket that became pumped while we waited is the kernel's now. */
static void give_up(struct polling *p, nfds_t i)
{
	p->files[i]->pollers--;
	shim_file_put(p->files[i]);
	p->files[i] = NULL;
	p->rest[i].fd = p->fds[i].fd;
	p->rest[i].revents = 0;
	p->others++;
}

/* Puts the answers of both worlds together. */
static int collect(struct polling *p)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < p->n; i++) {
		if (p->files[i] && p->files[i]->pumped)
			give_up(p, i);
		p->fds[i].revents =
			p->files[i] ? ready_bits(p->files[i], p->fds[i].events)
				    : p->rest[i].revents;
		if (p->fds[i].revents)
			ready++;
	}
	return ready;
}

static void set_up(struct polling *p)
{
	nfds_t i;

	for (i = 0; i < p->n; i++) {
		p->rest[i] = p->fds[i];
		p->rest[i].revents = 0;
		p->files[i] = p->fds[i].fd >= 0 ? shim_file_get(p->fds[i].fd)
						: NULL;
		if (p->files[i] &&
		    (p->files[i]->pumped || p->files[i]->netlink)) {
			if (p->files[i]->remote)
				shim_pump_touch(p->files[i]);
			p->files[i] = NULL;
		}
		if (p->files[i]) {
			p->rest[i].fd = -1;
			shim_file_hold(p->files[i]);
			p->files[i]->pollers++;
		} else if (p->fds[i].fd >= 0) {
			shim_eset_expose(p->fds[i].fd);
			p->others++;
		}
	}
}

static void tear_down(struct polling *p)
{
	nfds_t i;

	for (i = 0; i < p->n; i++) {
		if (!p->files[i])
			continue;
		p->files[i]->pollers--;
		shim_file_put(p->files[i]);
	}
}

static int poll_loop(struct polling *p, uint64_t deadline,
		     const sigset_t *mask, struct shim_guard *guard)
{
	struct shim_waiter w = {
		.any = true,
		.deadline_us = deadline,
		.guard = guard,
		.mask = mask,
	};
	static const struct timespec now = { 0 };
	int rc, ready;

	for (;;) {
		/* what is ready already needs no look at the link each time */
		ready = collect(p);
		if (!ready || !shim_net_was_driven()) {
			if (ready)
				shim_net_glance();
			else
				shim_net_drive();
			ready = collect(p);
		}
		if (ready > 0 || (deadline == 0 && !mask)) {
			/* ours are ready: what of the others, right now? It
			 * does not wait, so a signal is not for this call */
			shim_mirror_settle();
			rc = p->others ?
				     raw_ppoll(p->rest, (unsigned int)p->n,
					       &now, NULL) :
				     0;
			if (rc >= 0 || rc == -EINTR)
				rc = collect(p);
			break;
		}
		shim_mirror_settle();
		rc = shim_wait(&w, p->rest, (unsigned int)p->n);
		ready = rc == -EINTR ? 0 : collect(p);
		if (ready > 0) {
			rc = ready;
			break;
		}
		if (rc == -ETIMEDOUT)
			rc = 0;
		else if (rc == 0)
			continue;
		break;
	}
	shim_wait_end(&w);
	return rc;
}

static bool any_ours(const struct pollfd *fds, nfds_t n)
{
	nfds_t i;

	/* the kernel finds out what is wrong with bad ones */
	if (n > INT_MAX / 64 || !shim_can_write(fds, n * sizeof(*fds)))
		return false;
	for (i = 0; i < n; i++)
		if (fds[i].fd >= 0 && (!shim_is_plain(fds[i].fd) ||
				       shim_eset_maybe(fds[i].fd)))
			return true;
	return false;
}

/* poll() over fds of which at least one may be ours. */
static int do_poll(struct pollfd *fds, nfds_t n, uint64_t deadline,
		   const sigset_t *mask)
{
	struct polling p = { .fds = fds, .n = n };
	size_t size = n * (sizeof(*p.rest) + sizeof(*p.files));
	struct shim_guard guard;
	char few[1024];
	char *room = few;
	int rc;

	pthread_testcancel();
	shim_enter(&guard);
	if (size > sizeof(few)) {
		room = fdnet_mem_alloc(shim_mem(), size);
		if (!room) {
			shim_leave(&guard);
			return -ENOMEM;
		}
	}
	p.files = (struct shim_file **)(void *)room;
	p.rest = (struct pollfd *)(void *)(room + n * sizeof(*p.files));
	set_up(&p);
	rc = poll_loop(&p, deadline, mask, &guard);
	tear_down(&p);
	if (room != few)
		fdnet_mem_free(shim_mem(), room, size);
	shim_leave(&guard);
	return rc;
}

static uint64_t deadline_ms(int timeout_ms)
{
	if (timeout_ms < 0)
		return FDNET_NEVER;
	return timeout_ms ? shim_now_us() + (uint64_t)timeout_ms * 1000 : 0;
}

/* 0 for "do not wait"; or -EINVAL, -EFAULT. */
static int deadline_ts(const struct timespec *ts, uint64_t *deadline)
{
	*deadline = FDNET_NEVER;
	if (!ts)
		return 0;
	if (!shim_can_read(ts, sizeof(*ts)))
		return -EFAULT;
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000)
		return -EINVAL;
	if (ts->tv_sec == 0 && ts->tv_nsec == 0)
		*deadline = 0;
	else if ((uint64_t)ts->tv_sec < FDNET_NEVER / 2000000)
		*deadline = shim_now_us() + (uint64_t)ts->tv_sec * 1000000 +
			    ((uint64_t)ts->tv_nsec + 999) / 1000;
	return 0;
}

int shim_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	if (!any_ours(fds, n))
		return LIBC(poll)(fds, n, timeout_ms);
	return (int)shim_ret(do_poll(fds, n, deadline_ms(timeout_ms), NULL));
}
SHIM_EXPORT(poll);
SHIM_EXPORT_AS(__poll, poll);

int shim_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	       const sigset_t *mask)
{
	uint64_t deadline;
	int rc;

	if (!any_ours(fds, n))
		return LIBC(ppoll)(fds, n, timeout, mask);
	rc = deadline_ts(timeout, &deadline);
	if (rc < 0)
		return (int)shim_ret(rc);
	return (int)shim_ret(do_poll(fds, n, deadline, mask));
}
SHIM_EXPORT(ppoll);

int shim___poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size)
{
	if (size / sizeof(*fds) < n)
		return LIBC(__poll_chk)(fds, n, timeout_ms, size);
	return shim_poll(fds, n, timeout_ms);
}
SHIM_EXPORT(__poll_chk);

int shim___ppoll_chk(struct pollfd *fds, nfds_t n,
		     const struct timespec *timeout, const sigset_t *mask,
		     size_t size)
{
	if (size / sizeof(*fds) < n)
		return LIBC(__ppoll_chk)(fds, n, timeout, mask, size);
	return shim_ppoll(fds, n, timeout, mask);
}
SHIM_EXPORT(__ppoll_chk);

/* ---- select() as a poll ---- */

#define SEL_RD (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SEL_WR (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SEL_EX POLLPRI

struct sets {
	fd_set *rd, *wr, *ex;
};

/* Programs that make their own, larger sets rely on the kernel's layout. */
static bool in_set(const fd_set *set, int fd)
{
	const unsigned long *words = (const void *)set;
	unsigned int width = 8 * sizeof(*words);

	return set && (words[(unsigned int)fd / width] >>
			       ((unsigned int)fd % width) &
		       1);
}

static void add_to_set(fd_set *set, int fd)
{
	unsigned long *words = (void *)set;
	unsigned int width = 8 * sizeof(*words);

	words[(unsigned int)fd / width] |= 1ul << ((unsigned int)fd % width);
}

static void clear_set(fd_set *set, int n)
{
	unsigned int width = 8 * sizeof(unsigned long);

	if (set)
		memset(set, 0,
		       ((unsigned int)n + width - 1) / width *
			       sizeof(unsigned long));
}

static unsigned long word_of(const fd_set *set, int i)
{
	return set ? ((const unsigned long *)(const void *)set)[i] : 0;
}

static bool any_ours_in(int n, const struct sets *s)
{
	const int width = 8 * sizeof(unsigned long);
	size_t size = ((size_t)n + 63) / 64 * 8;
	int fd, i;

	if ((s->rd && !shim_can_write(s->rd, size)) ||
	    (s->wr && !shim_can_write(s->wr, size)) ||
	    (s->ex && !shim_can_write(s->ex, size)))
		return false; /* the kernel's to say */
	for (i = 0; i * width < n; i++) {
		unsigned long bits = word_of(s->rd, i) | word_of(s->wr, i) |
				     word_of(s->ex, i);

		for (; bits; bits &= bits - 1) {
			fd = i * width + __builtin_ctzl(bits);
			if (fd < n &&
			    (!shim_is_plain(fd) || shim_eset_maybe(fd)))
				return true;
		}
	}
	return false;
}

static nfds_t sets_to_fds(int n, const struct sets *s, struct pollfd *fds)
{
	nfds_t count = 0;
	int fd;

	for (fd = 0; fd < n; fd++) {
		short events = 0;

		if (in_set(s->rd, fd))
			events |= POLLIN | POLLRDNORM | POLLRDBAND;
		if (in_set(s->wr, fd))
			events |= POLLOUT | POLLWRNORM | POLLWRBAND;
		if (in_set(s->ex, fd))
			events |= POLLPRI;
		if (!events)
			continue;
		fds[count].fd = fd;
		fds[count].revents = 0;
		fds[count++].events = events;
	}
	return count;
}

/* Returns the number of bits set, or -EBADF. */
static int fds_to_sets(int n, struct sets *s, const struct pollfd *fds,
		       nfds_t count)
{
	int bits = 0;
	nfds_t i;

	for (i = 0; i < count; i++)
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
	clear_set(s->rd, n);
	clear_set(s->wr, n);
	clear_set(s->ex, n);
	for (i = 0; i < count; i++) {
		if ((fds[i].events & POLLIN) && (fds[i].revents & SEL_RD)) {
			add_to_set(s->rd, fds[i].fd);
			bits++;
		}
		if ((fds[i].events & POLLOUT) && (fds[i].revents & SEL_WR)) {
			add_to_set(s->wr, fds[i].fd);
			bits++;
		}
		if ((fds[i].events & POLLPRI) && (fds[i].revents & SEL_EX)) {
			add_to_set(s->ex, fds[i].fd);
			bits++;
		}
	}
	return bits;
}

static int do_select(int n, struct sets *s, uint64_t deadline,
		     const sigset_t *mask)
{
	struct pollfd fds[FD_SETSIZE];
	struct shim_guard guard;
	struct pollfd *list = fds;
	size_t size = (size_t)n * sizeof(*list);
	nfds_t count;
	int rc;

	if (n > FD_SETSIZE) {
		shim_enter(&guard);
		list = fdnet_mem_alloc(shim_mem(), size);
		shim_leave(&guard);
		if (!list)
			return -ENOMEM;
	}
	count = sets_to_fds(n, s, list);
	/* POLLHUP alone does not end a select() for writing: look again */
	rc = do_poll(list, count, deadline, mask);
	if (rc >= 0)
		rc = fds_to_sets(n, s, list, count);
	if (list != fds) {
		shim_enter(&guard);
		fdnet_mem_free(shim_mem(), list, size);
		shim_leave(&guard);
	}
	return rc;
}

int shim_select(int n, fd_set *rd, fd_set *wr, fd_set *ex,
		struct timeval *timeout)
{
	struct sets s = { .rd = rd, .wr = wr, .ex = ex };
	uint64_t deadline = FDNET_NEVER, now;
	int rc;

	if (n < 0 || !any_ours_in(n, &s))
		return LIBC(select)(n, rd, wr, ex, timeout);
	if (timeout) {
		if (!shim_can_write(timeout, sizeof(*timeout)))
			return (int)shim_ret(-EFAULT);
		if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
			return (int)shim_ret(-EINVAL);
		deadline = (uint64_t)timeout->tv_sec * 1000000 +
			   (uint64_t)timeout->tv_usec;
		if (deadline)
			deadline += shim_now_us();
	}
	rc = do_select(n, &s, deadline, NULL);
	if (timeout) { /* Linux writes back what is left */
		now = shim_now_us();
		now = deadline > now ? deadline - now : 0;
		timeout->tv_sec = (time_t)(now / 1000000);
		timeout->tv_usec = (suseconds_t)(now % 1000000);
	}
	return (int)shim_ret(rc);
}
SHIM_EXPORT(select);
SHIM_EXPORT_AS(__select, select);

int shim_pselect(int n, fd_set *rd, fd_set *wr, fd_set *ex,
		 const struct timespec *timeout, const sigset_t *mask)
{
	struct sets s = { .rd = rd, .wr = wr, .ex = ex };
	uint64_t deadline;
	int rc;

	if (n < 0 || !any_ours_in(n, &s))
		return LIBC(pselect)(n, rd, wr, ex, timeout, mask);
	rc = deadline_ts(timeout, &deadline);
	if (rc < 0)
		return (int)shim_ret(rc);
	return (int)shim_ret(do_select(n, &s, deadline, mask));
}
SHIM_EXPORT(pselect);
