/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running an fd endpoint: attach, detach, wait; reader threads, and the same
 * driven by the caller.
 *
 * How it works: ep->running counts the reader threads and dispatch calls that
 * may be in a callback. Detach sets ep->stop, wakes everybody and waits until
 * none is left; from inside a callback, until only those are left that wait
 * likewise (ep->in_detach), so that two readers may detach at once. A thread
 * knows that it is in a callback by a list of frames on its stack.
 */
#include "config.h"

#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "endpoint/fdbased.h"
#include "endpoint/sys.h"

#define BUDGET	      64
#define BACKOFF_MS    10
#define DEFAULT_STACK (256 * 1024)

struct frame {
	const struct fdb *ep;
	struct frame *outer;
};

static __thread struct frame *frames;

static void frame_push(struct frame *f, const struct fdb *ep)
{
	f->ep = ep;
	f->outer = frames;
	frames = f;
}

static void frame_pop(void)
{
	frames = frames->outer;
}

bool fdb_on_reader(const struct fdb *ep)
{
	const struct frame *f;

	for (f = frames; f; f = f->outer)
		if (f->ep == ep)
			return true;
	return false;
}

void fdb_end(struct fdb_queue *q, int reason)
{
	struct fdb *ep = q->ep;

	if (q->closed)
		return;
	q->closed = true;
	if (ep->opts.closed)
		ep->opts.closed(ep->opts.closed_arg, &ep->base, q->index, reason);
}

/* ---- a reader thread ---- */

static void drain_wakefd(struct fdb_queue *q)
{
	uint64_t n;
	ssize_t rc = read(q->wakefd, &n, sizeof(n));

	(void)rc;
}

/* Sleep until there is something to do. Returns 0 or a fatal errno. */
static int reader_sleep(struct fdb_queue *q, bool *spinning)
{
	struct pollfd fds[2] = {
		{.fd = q->wakefd, .events = POLLIN},
		{.fd = q->fd, .events = POLLIN},
	};
	int rc;

	if (fdb_tx_waits(q))
		fds[1].events |= POLLOUT;
	/* An error that reading does not clear must not eat a CPU. */
	if (*spinning)
		rc = sys_poll(fds, 1, BACKOFF_MS);
	else
		rc = sys_poll(fds, 2, -1);
	if (rc < 0)
		return rc == -EINTR ? 0 : rc;
	fdb_count_rx(q, FDNET_EP_RX_WAKEUPS, 1);
	if (fds[0].revents)
		drain_wakefd(q);
	if (fds[1].revents & POLLNVAL)
		return -EBADF;
	*spinning = !*spinning && fds[1].revents & (POLLERR | POLLHUP);
	return 0;
}

static int reader_run(struct fdb_queue *q)
{
	struct fdb *ep = q->ep;
	bool spinning = false;
	int rc;

	while (!atomic_load(&ep->stop)) {
		fdb_tx_flush(q);
		rc = fdb_receive(q, BUDGET);
		if (rc == FDB_END)
			return q->reason;
		if (rc > 0)
			spinning = false;
		if (rc == BUDGET)
			continue;
		rc = reader_sleep(q, &spinning);
		if (rc)
			return rc;
	}
	return FDNET_CLOSED_DETACHED;
}

/* The reference goes before anybody who waits is told, so that a free() that
 * waited is the one that destroys, and all is gone when it returns. */
static void leave(struct fdb *ep)
{
	bool last;

	pthread_mutex_lock(&ep->state_lock);
	ep->running--;
	last = atomic_fetch_sub(&ep->refs, 1) == 1;
	pthread_cond_broadcast(&ep->state_cond);
	pthread_mutex_unlock(&ep->state_lock);
	if (last)
		fdb_destroy(ep);
}

static void *reader_main(void *arg)
{
	struct fdb_queue *q = arg;
	struct fdb *ep = q->ep;
	struct frame f;

	frame_push(&f, ep);
	fdb_end(q, reader_run(q));
	frame_pop();
	leave(ep);
	return NULL;
}

/* All signals are the application's threads' business. */
static int reader_start(struct fdb_queue *q)
{
	struct fdb *ep = q->ep;
	size_t stack = ep->opts.thread_stack;
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (q->wakefd < 0)
		q->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->wakefd < 0)
		return -EAGAIN;
	if (!stack)
		stack = DEFAULT_STACK;
	if (stack < (size_t)PTHREAD_STACK_MIN)
		stack = (size_t)PTHREAD_STACK_MIN;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, stack);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &attr, reader_main, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc ? -EAGAIN : 0;
}

/* ---- attach and detach ---- */

/* With state_lock, which is given up while waiting. */
static void wait_for_others(struct fdb *ep)
{
	bool self = fdb_on_reader(ep);

	if (self) {
		ep->in_detach++;
		pthread_cond_broadcast(&ep->state_cond);
	}
	while (ep->running > (self ? ep->in_detach : 0))
		pthread_cond_wait(&ep->state_cond, &ep->state_lock);
	if (self)
		ep->in_detach--;
}

/* With state_lock. */
static void stop_all(struct fdb *ep)
{
	unsigned int i;

	ep->attached = false;
	atomic_store(&ep->stop, true);
	for (i = 0; i < ep->nqueues; i++)
		fdb_wake(&ep->queues[i]);
}

static int start_all(struct fdb *ep)
{
	unsigned int i;
	int rc;

	for (i = 0; i < ep->nqueues; i++) {
		ep->running++;
		fdb_ref(ep);
		rc = reader_start(&ep->queues[i]);
		if (rc) {
			ep->running--;
			fdb_unref(ep);
			stop_all(ep);
			wait_for_others(ep);
			return rc;
		}
	}
	return 0;
}

/* With state_lock. */
static int attach_locked(struct fdb *ep, const struct fdnet_dispatcher *disp,
			 void *arg, enum fdnet_attach how)
{
	unsigned int i;

	if (ep->attached)
		return -EALREADY;
	if (ep->running && fdb_on_reader(ep))
		return -EBUSY;
	wait_for_others(ep);
	ep->disp = *disp;
	ep->disp_arg = arg;
	ep->how = how;
	ep->attached = true;
	atomic_store(&ep->stop, false);
	for (i = 0; i < ep->nqueues; i++) {
		ep->queues[i].closed = false;
		ep->queues[i].reset_seen = false;
		ep->queues[i].ended = false;
		ep->queues[i].empty_reads = 0;
	}
	if (how == FDNET_ATTACH_POLLED || ep->injectable)
		return 0;
	return start_all(ep);
}

int fdb_attach(struct fdnet_endpoint *base, const struct fdnet_dispatcher *disp,
	       void *arg, enum fdnet_attach how)
{
	struct fdb *ep = fdb_cast(base);
	int rc;

	pthread_mutex_lock(&ep->state_lock);
	rc = attach_locked(ep, disp, arg, how);
	pthread_mutex_unlock(&ep->state_lock);
	return rc;
}

void fdb_detach(struct fdnet_endpoint *base)
{
	struct fdb *ep = fdb_cast(base);
	bool polled;
	unsigned int i;

	pthread_mutex_lock(&ep->state_lock);
	polled = ep->attached && ep->how == FDNET_ATTACH_POLLED &&
		 !ep->injectable;
	stop_all(ep);
	wait_for_others(ep);
	pthread_mutex_unlock(&ep->state_lock);
	for (i = 0; polled && i < ep->nqueues; i++)
		fdb_end(&ep->queues[i], FDNET_CLOSED_DETACHED);
}

bool fdb_is_attached(struct fdnet_endpoint *base)
{
	struct fdb *ep = fdb_cast(base);
	bool attached;

	pthread_mutex_lock(&ep->state_lock);
	attached = ep->attached;
	pthread_mutex_unlock(&ep->state_lock);
	return attached;
}

void fdb_wait(struct fdnet_endpoint *base)
{
	struct fdb *ep = fdb_cast(base);

	pthread_mutex_lock(&ep->state_lock);
	wait_for_others(ep);
	pthread_mutex_unlock(&ep->state_lock);
}

/* ---- driven by the caller ---- */

static bool enter_dispatch(struct fdb *ep)
{
	bool ok;

	pthread_mutex_lock(&ep->state_lock);
	ok = ep->attached && ep->how == FDNET_ATTACH_POLLED && !fdb_on_reader(ep);
	if (ok) {
		ep->running++;
		fdb_ref(ep);
	}
	pthread_mutex_unlock(&ep->state_lock);
	return ok;
}

int fdb_dispatch(struct fdnet_endpoint *base, uint64_t now_us, unsigned int budget)
{
	struct fdb *ep = fdb_cast(base);
	unsigned int i, open = 0;
	struct frame f;
	int total = 0, rc;

	if (!enter_dispatch(ep))
		return -ENOTCONN;
	frame_push(&f, ep);
	for (i = 0; i < ep->nqueues && !atomic_load(&ep->stop); i++) {
		struct fdb_queue *q = &ep->queues[i];

		fdb_tx_flush(q);
		if (q->closed)
			continue;
		rc = ep->injectable ? 0 : fdb_receive(q, budget);
		if (rc == FDB_END) {
			fdb_end(q, q->reason);
			continue;
		}
		open++;
		total += rc;
	}
	if (!open && !total && !atomic_load(&ep->stop))
		total = -EPIPE;
	frame_pop();
	leave(ep);
	return total;
}

int fdb_poll_set(struct fdnet_endpoint *base, struct pollfd *fds, unsigned int n)
{
	struct fdb *ep = fdb_cast(base);
	unsigned int i, used = 0;

	if (!fdb_is_attached(base) || ep->how != FDNET_ATTACH_POLLED)
		return 0;
	for (i = 0; i < ep->nqueues; i++) {
		struct fdb_queue *q = &ep->queues[i];
		short events = ep->injectable ? 0 : POLLIN;

		if (fdb_tx_waits(q))
			events |= POLLOUT;
		if (q->closed || !events)
			continue;
		if (used < n)
			fds[used] =
				(struct pollfd){.fd = q->fd, .events = events};
		used++;
	}
	return (int)used;
}
