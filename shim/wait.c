/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/single_threaded.h>

#include "base/spin.h"
#include "shim/awake.h"
#include "shim/bell.h"
#include "shim/file.h"
#include "shim/helper.h"
#include "shim/kick.h"
#include "shim/libc.h"
#include "shim/mem.h"
#include "shim/net.h"
#include "shim/raw.h"

/* Fds that a wait adds: bell and link. */
#define OWN_FDS 2
#define NO_BELL_US 10000
/* How long to wait awake, and looks between two at the clock. */
#define SPIN_US	   40
#define SPIN_LOOKS 32
/* Waits between two looks at the number of threads. */
#define ALONE_WAITS 256

/* A waiting call as others may know it. */
struct shim_sleeper {
	struct shim_waiter *w; /* on its thread's stack: an address, no more */
	void *thread;
	struct shim_file *file;
	const struct shim_eset *set;
	uint32_t events;
	bool any;
	bool awake; /* looks at @rung itself, needs no bell */
	bool on_link; /* waits for the link (shim_net_sleep()) */
	bool heir;    /* was rung to lead, whatever else it was rung for */
	bool rung, has_bell;
	struct shim_bell bell;
	struct shim_sleeper *next, *prev;
};

static struct shim_sleeper *sleepers;
static struct shim_sleeper *leader;
static struct fdnet_spin spin;
static uint32_t news; /* counts what epoll_wait() may be waiting for */

uint64_t shim_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int sleeper_add(struct shim_waiter *w, bool awake)
{
	struct shim_sleeper *s = fdnet_mem_alloc(shim_mem(), sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->w = w;
	s->thread = __builtin_thread_pointer();
	s->file = w->file;
	s->events = w->events;
	s->any = w->any;
	s->set = w->set;
	s->awake = awake;
	s->has_bell = false;
	s->rung = false;
	s->on_link = false;
	s->heir = false;
	s->next = sleepers;
	if (sleepers)
		sleepers->prev = s;
	sleepers = s;
	w->sleeper = s;
	return 0;
}

static void sleeper_free(struct shim_sleeper *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		sleepers = s->next;
	if (s->next)
		s->next->prev = s->prev;
	if (s->has_bell)
		shim_bell_close(&s->bell);
	if (s->on_link)
		shim_net_awake();
	if (leader == s)
		leader = NULL;
	fdnet_mem_free(shim_mem(), s, sizeof(*s));
}

static void sleeper_del(struct shim_waiter *w)
{
	if (w->sleeper) {
		/* its own event may have come too, so that it waits no more */
		w->led = w->led || w->sleeper->heir;
		sleeper_free(w->sleeper);
	}
	w->sleeper = NULL;
}

/* Drops this thread's calls that a siglongjmp() has left: their frames are
 * below the one that calls now. */
static void forget_left(const struct shim_waiter *now)
{
	struct shim_sleeper *s, *next;
	struct shim_file *file;

	for (s = sleepers; s; s = next) {
		next = s->next;
		if (s->thread != __builtin_thread_pointer() || s->w > now)
			continue;
		file = s->file;
		sleeper_free(s);
		if (file)
			shim_file_put(file);
	}
}

static void ring(struct shim_sleeper *s)
{
	if (s->rung || (!s->has_bell && !s->awake))
		return;
	__atomic_store_n(&s->rung, true, __ATOMIC_RELEASE);
	if (!s->awake)
		shim_bell_ring(&s->bell);
}

void shim_wait_ring(struct shim_file *file, uint32_t events)
{
	struct shim_sleeper *s;

	for (s = sleepers; s; s = s->next) {
		if (s->any ? file->pollers > 0
			   : s->file == file &&
				     (events & (s->events | FDNET_EV_ERR |
						FDNET_EV_HUP)))
			ring(s);
	}
}

void shim_wait_ring_set(const struct shim_eset *set)
{
	struct shim_sleeper *s;

	for (s = sleepers; s; s = s->next)
		if (s->set == set)
			ring(s);
}

void shim_wait_news(void)
{
	__atomic_add_fetch(&news, 1, __ATOMIC_RELEASE);
}

void shim_wait_ring_all(void)
{
	struct shim_sleeper *s;

	for (s = sleepers; s; s = s->next)
		ring(s);
}

bool shim_wait_others(void)
{
	return sleepers != NULL;
}

/* Who takes the link over: one who wakes up in any case, else another. What
 * sleeps on an eventfd may have been left by a siglongjmp() of a handler's,
 * which masks what it does not answer. */
static struct shim_sleeper *find_heir(void)
{
	struct shim_sleeper *s, *any = NULL;

	for (s = sleepers; s; s = s->next) {
		if (s->has_bell && s->bell.fd < 0 && s->rung)
			return s;
		if (!any && (s->has_bell || s->awake))
			any = s;
	}
	return any;
}

/* Somebody must poll the link while anybody waits. */
static void pass_leadership(void)
{
	struct shim_sleeper *s = leader ? NULL : find_heir();

	if (!s)
		return;
	s->heir = true;
	ring(s);
}

static void cancelled(void *arg)
{
	struct shim_waiter *w = arg;

	shim_sleep_end(w->guard);
	shim_lock_only();
	sleeper_del(w);
	shim_helper_active();
	if (w->file)
		shim_file_put(w->file);
	pass_leadership();
	shim_leave(w->guard);
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

/* The earlier of deadline and timer, as a time from now. */
static struct timespec *until(uint64_t deadline_us, uint64_t expiry_us,
			      struct timespec *ts)
{
	uint64_t when = earlier(deadline_us, expiry_us), now;

	if (when == FDNET_NEVER)
		return NULL;
	now = shim_now_us();
	when = when > now ? when - now : 0;
	ts->tv_sec = (time_t)(when / 1000000);
	ts->tv_nsec = (long)(when % 1000000) * 1000;
	return ts;
}

/* The signal mask for the time of the sleep, or NULL for the present one. */
static const sigset_t *sleep_mask(const struct shim_waiter *w, sigset_t *room)
{
	if (w->mask || !w->guard->masked)
		return w->mask;
	/* the kernel opens the mask only while we sleep, so a signal either
	 * interrupts the sleep or came before the call */
	memset(room, 0, sizeof(*room));
	memcpy(room, &w->guard->old_mask, sizeof(w->guard->old_mask));
	return room;
}

/* As ppoll(), or on the bell alone where that will do. */
static int cancellable_sleep(struct shim_waiter *w, struct pollfd *fds,
			     unsigned int nfds, const struct timespec *timeout,
			     const sigset_t *mask)
{
	int rc;

	shim_sleep_begin(w->guard);
	pthread_cleanup_push(cancelled, w);
	if (nfds > 0 || mask) {
		rc = LIBC(ppoll)(fds, nfds, timeout, mask);
		if (rc < 0)
			rc = -errno;
	} else {
		rc = shim_bell_sleep(&w->sleeper->bell, timeout);
		if (rc != -EINTR)
			rc = rc == 0;
	}
	pthread_cleanup_pop(0);
	shim_sleep_end(w->guard);
	return rc;
}

/* ---- awake, for a moment ---- */

/* Is there but one thread besides our helper, which brings nothing? Threads
 * come and go seldom: it is asked for now and then. */
static bool is_alone(void)
{
	static unsigned int waits;
	static bool alone;
	struct stat st;

	if (waits++ % ALONE_WAITS)
		return alone;
	alone = shim_helper_runs() &&
		RAW(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0, 0,
		    0) == 0 &&
		st.st_nlink == 2 + 2;
	return alone;
}

static bool may_stay_awake(const struct shim_waiter *w, uint64_t now)
{
	static bool asked;

	/* alone in the process, only the link brings anything */
	if (__libc_single_threaded || w->link_only || w->deadline_us <= now ||
	    is_alone())
		return false;
	if (!asked) {
		asked = true;
		spin.enabled = shim_awake_cores();
	}
	return spin.enabled && fdnet_spin_may(&spin, now);
}

static bool has_news(const struct shim_waiter *w, uint32_t since)
{
	if (__atomic_load_n(&w->sleeper->rung, __ATOMIC_ACQUIRE))
		return true;
	return !w->file && !w->any &&
	       __atomic_load_n(&news, __ATOMIC_ACQUIRE) != since;
}

/* Another thread of the process may be about to do what we wait for: then
 * neither of us needs a system call. */
static bool stay_awake(struct shim_waiter *w, uint64_t start)
{
	enum fdnet_spin_end how = FDNET_SPIN_NOTHING;
	uint64_t last = start, now = start;
	uint32_t since = news;
	bool found = false;
	int i;

	if (sleeper_add(w, true) < 0)
		return false;
	shim_unlock_only();
	while (!found && now - start < SPIN_US) {
		for (i = 0; i < SPIN_LOOKS && !found; i++) {
			raw_pause();
			found = has_news(w, since);
		}
		now = shim_now_us();
		if (now - last > FDNET_SPIN_PREEMPTED_US) {
			how = FDNET_SPIN_PREEMPTED;
			break;
		}
		last = now;
	}
	shim_lock_only();
	found = has_news(w, since);
	sleeper_del(w);
	shim_helper_active();
	fdnet_spin_ended(&spin, now - start, found ? FDNET_SPIN_FOUND : how);
	return found;
}

/* Nobody leads, or the call of this thread that a handler has interrupted. */
static bool can_lead(void)
{
	return shim_net_link_fd() >= 0 &&
	       (!leader || leader->thread == __builtin_thread_pointer());
}

/* What the relay answers at once needs no sleep of the leader's. The others
 * see that the link has one who leads. */
static bool lead_awake(struct shim_waiter *w, struct pollfd *fds,
		       unsigned int nfds)
{
	uint64_t until_us = earlier(w->deadline_us, shim_net_expiry_us());
	bool found;

	if (sleeper_add(w, true) < 0)
		return false;
	leader = w->sleeper;
	w->led = true;
	/* rung perhaps after the last look, when the lock was not held yet */
	found = shim_awake_lead(&w->sleeper->rung, fds, nfds, until_us) ||
		w->sleeper->rung;
	sleeper_del(w);
	shim_helper_active();
	if (found)
		shim_net_drive();
	return found;
}

/* An eventfd where there is more to be polled, or a signal mask to be opened
 * for the time of the sleep. */
static void open_bell(struct shim_sleeper *s, bool with_fd)
{
	s->has_bell = shim_bell_open(&s->bell, with_fd) == 0;
}

int shim_wait(struct shim_waiter *w, struct pollfd *fds, unsigned int nfds)
{
	struct pollfd few[16], *set = few;
	unsigned int n = nfds, link_at = 0, i;
	bool lead = can_lead();
	int saved_errno = errno;
	struct shim_sleeper *s;
	struct timespec ts, *timeout;
	sigset_t room;
	uint64_t expiry;
	int rc;

	forget_left(w);
	if (!__libc_single_threaded) {
		uint64_t now = shim_now_us();

		if (may_stay_awake(w, now) && stay_awake(w, now)) {
			for (i = 0; i < nfds; i++)
				fds[i].revents = 0;
			return 0;
		}
		lead = can_lead();
	}
	if (w->brief && lead) {
		/* once; and another thread may have taken in what we wait for
		 * when the lock was released, so the caller looks again */
		w->brief = shim_awake_for_link();
		if (w->brief) {
			w->led = true;
			shim_net_drive();
		}
		for (i = 0; i < nfds; i++)
			fds[i].revents = 0;
		return 0;
	}
	if (lead) {
		if (lead_awake(w, fds, nfds))
			return 0;
		lead = can_lead();
	}
	shim_block_signals(w->guard);
	if (nfds + OWN_FDS > sizeof(few) / sizeof(few[0])) {
		set = fdnet_mem_alloc(shim_mem(),
				      (nfds + OWN_FDS) * sizeof(*set));
		if (!set)
			return -ENOMEM;
	}
	for (i = 0; i < nfds; i++)
		set[i] = fds[i];
	if (sleeper_add(w, false) < 0) {
		if (set != few)
			fdnet_mem_free(shim_mem(), set,
				       (nfds + OWN_FDS) * sizeof(*set));
		return -ENOMEM;
	}
	s = w->sleeper;
	if (!lead || !__libc_single_threaded)
		open_bell(s, lead || n > 0 || w->mask || w->guard->masked);
	if (s->has_bell && s->bell.fd >= 0)
		set[n++] = (struct pollfd){ .fd = s->bell.fd,
					    .events = POLLIN };
	if (lead) {
		leader = s;
		link_at = n;
		set[n++] = (struct pollfd){
			.fd = shim_net_link_fd(),
			.events = shim_net_link_events(),
		};
	}
	w->led = w->led || lead;
	expiry = lead ? shim_net_expiry_us() : FDNET_NEVER;
	if (lead) {
		s->on_link = true;
		if (!shim_net_sleep())
			expiry = 0; /* there is something already */
	}
	if (!lead && !s->has_bell) /* no fd to be had: look now and then */
		expiry = shim_now_us() + NO_BELL_US;
	timeout = until(w->deadline_us, expiry, &ts);
	shim_unlock_only();
	rc = cancellable_sleep(w, set, n, timeout, sleep_mask(w, &room));
	shim_lock_only();
	if (lead && rc > 0 && set[link_at].revents)
		shim_net_readable();
	sleeper_del(w);
	shim_helper_active();
	if (rc > 0)
		for (i = 0; i < nfds; i++)
			fds[i].revents = set[i].revents;
	else
		for (i = 0; i < nfds; i++)
			fds[i].revents = 0;
	if (lead && rc >= 0 && (rc == 0 || set[link_at].revents))
		shim_net_drive();
	if (set != few)
		fdnet_mem_free(shim_mem(), set,
			       (nfds + OWN_FDS) * sizeof(*set));
	errno = saved_errno;
	if (rc == -EINTR)
		return -EINTR;
	if (rc == 0 && w->deadline_us != FDNET_NEVER &&
	    shim_now_us() >= w->deadline_us)
		return -ETIMEDOUT;
	return rc < 0 ? rc : 0;
}

void shim_wait_end(struct shim_waiter *w)
{
	if (w->led)
		pass_leadership();
}

void shim_wait_after_fork(void)
{
	while (sleepers) {
		sleepers->has_bell = false; /* closed here already */
		sleeper_free(sleepers);
	}
	leader = NULL;
	shim_kick_after_fork();
	shim_bell_after_fork();
}
