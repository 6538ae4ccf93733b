/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/helper.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "shim/call.h"
#include "shim/highfd.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/vfork.h"

/* How long the program's threads are given to drive for themselves. */
#define GRACE_NS (5 * 1000 * 1000)
/* Longest sleep on the link before the helper looks around again. */
#define LINK_WAIT_NS (50 * 1000 * 1000)
/* Longest sleep with pumped sockets: hang-ups are looked for this often. */
#define LOOK_AROUND_NS (200 * 1000 * 1000)
/* While others drive: how often the helper looks if they still do. */
#define WATCH_NS (100 * 1000 * 1000)
/* Pumped sockets that are waited for at a time. */
#define PUMP_FDS 1024
#define STACK_SIZE (64 * 1024 > PTHREAD_STACK_MIN ? 64 * 1024 : \
						    2 * PTHREAD_STACK_MIN)

static uint32_t wanted; /* 1: there is work; the helper sleeps on 0 */
static bool running;
static int bell = -1; /* wakes the helper from its poll */
static bool awake;    /* the helper has the lock and will look anyway */
static bool watching; /* there is, or was, a listener */
static bool active;   /* threads of the program have driven lately */
static bool asleep;   /* whoever drives next is to ring the bell */

/* Is there something to do, and nobody at it? Called locked. */
static bool is_needed(bool *ret_busy)
{
	struct fdnet_stack *stack = shim_net_stack();

	*ret_busy = stack && shim_net_link_fd() >= 0 &&
		    fdnet_stack_has_work(stack);
	return *ret_busy && !shim_wait_others();
}

/* Called locked, and so on return. */
static void wait_for_link(const struct timespec *longest)
{
	struct pollfd p = {
		.fd = shim_net_link_fd(),
		.events = shim_net_link_events(),
	};
	bool sleep = shim_net_sleep();

	shim_unlock_only();
	if (sleep)
		raw_ppoll(&p, 1, longest, NULL);
	shim_lock_only();
	shim_net_awake();
	if (p.revents)
		shim_net_readable();
}

static void work(void)
{
	struct timespec wait = { .tv_nsec = LINK_WAIT_NS };
	struct timespec grace = { .tv_nsec = GRACE_NS };
	bool needed, busy;

	do {
		shim_lock_only();
		shim_vfork_serve();
		shim_unlock_only();
		RAW(SYS_nanosleep, &grace, NULL, 0, 0, 0, 0);
		shim_lock_only();
		while ((needed = is_needed(&busy))) {
			shim_net_drive();
			wait_for_link(&wait);
		}
		busy = busy || shim_vfork_asks();
		if (!busy)
			__atomic_store_n(&wanted, 0, __ATOMIC_RELAXED);
		shim_unlock_only();
	} while (busy);
}

/* The bell is answered; anything else is looked at by the next round. */
static void wait_for(struct pollfd *fds, unsigned int n,
		     const struct timespec *longest)
{
	uint64_t rung;

	raw_ppoll(fds, n, longest, NULL);
	raw_read(bell, &rung, sizeof(rung));
}

/* How long may the helper sleep? With a listener it waits for the link when
 * nobody else does. While others drive it looks again now and then, and not at
 * all once they have been asleep for as long themselves: the next that wakes
 * up wakes it too. */
static const struct timespec *longest_sleep(bool drive)
{
	static const struct timespec look = { .tv_nsec = LOOK_AROUND_NS };
	static const struct timespec tick = { .tv_nsec = WATCH_NS };
	bool was_active = active;

	active = asleep = false;
	if (drive)
		return &look;
	if (!watching || !shim_wait_others())
		return NULL;
	if (was_active)
		return &tick;
	asleep = true;
	return NULL;
}

/* Something has come on the link. The program's threads have their chance.
 * Called locked, and so on return. */
static void drive_for_listeners(void)
{
	struct timespec grace = { .tv_nsec = GRACE_NS };

	shim_unlock_only();
	RAW(SYS_nanosleep, &grace, NULL, 0, 0, 0, 0);
	shim_lock_only();
	shim_net_readable();
	if (!shim_wait_others())
		shim_net_drive();
}

/* Pumped sockets and listeners: wait for B ends, the link and the bell. */
static void pump(void)
{
	static const struct timespec no_time = { 0 };
	struct pollfd fds[PUMP_FDS], *link;
	const struct timespec *longest;
	bool drive, busy;
	unsigned int n;

	shim_lock_only();
	while (shim_pump_any() || watching) {
		link = NULL;
		/* where the relay pumps, children's touches are all there is
		 * to wait for, and what the program has left unsent */
		drive = shim_pump_here() || is_needed(&busy);
		awake = true;
		if (drive)
			shim_net_drive();
		shim_vfork_serve();
		shim_pump_run();
		shim_net_flush();
		awake = false;
		n = shim_pump_poll(fds, PUMP_FDS - 2);
		fds[n++] = (struct pollfd){ .fd = bell, .events = POLLIN };
		longest = longest_sleep(drive);
		if (shim_net_link_fd() >= 0 &&
		    (drive || (watching && !shim_wait_others()))) {
			link = &fds[n++];
			*link = (struct pollfd){
				.fd = shim_net_link_fd(),
				.events = shim_net_link_events(),
			};
			if (!shim_net_sleep())
				longest = &no_time;
		}
		shim_unlock_only();
		wait_for(fds, n, longest);
		shim_lock_only();
		if (link)
			shim_net_awake();
		if (link && (link->revents || longest == &no_time) && !drive)
			drive_for_listeners();
	}
	shim_unlock_only();
}

static void *helper_main(void *arg)
{
	for (;;) {
		if (shim_pump_any() || watching)
			pump();
		else if (__atomic_load_n(&wanted, __ATOMIC_RELAXED))
			work();
		else
			raw_futex(&wanted, FUTEX_WAIT, 0, NULL);
	}
	return NULL;
}

void shim_helper_wake(void)
{
	uint64_t one = 1;

	if (awake && !shim_is_borrowed())
		return;
	if (bell < 0 && !shim_is_borrowed()) {
		bell = (int)RAW(SYS_eventfd2, 0, EFD_NONBLOCK | EFD_CLOEXEC, 0,
				0, 0, 0);
		bell = bell < 0 ? bell : shim_fd_raise(bell);
	}
	raw_write(bell, &one, sizeof(one));
	__atomic_store_n(&wanted, 1, __ATOMIC_RELAXED);
	if (running)
		raw_futex(&wanted, FUTEX_WAKE, 1, NULL);
}

void shim_helper_prepare(void)
{
	if (bell < 0 || !running)
		shim_helper_wake();
}

void shim_helper_watch(void)
{
	if (watching)
		return;
	watching = true;
	shim_helper_wake();
}

void shim_helper_active(void)
{
	active = true;
	if (asleep)
		shim_helper_wake();
	asleep = false;
}

void shim_helper_want(void)
{
	uint64_t one = 1;
	bool busy;

	if ((wanted && !shim_pump_any()) || !is_needed(&busy))
		return;
	__atomic_store_n(&wanted, 1, __ATOMIC_RELAXED);
	if (bell >= 0)
		raw_write(bell, &one, sizeof(one));
	if (running)
		raw_futex(&wanted, FUTEX_WAKE, 1, NULL);
}

bool shim_helper_runs(void)
{
	return __atomic_load_n(&running, __ATOMIC_RELAXED);
}

void shim_helper_start(void)
{
	uint64_t all = ~0ull, old;
	pthread_attr_t attr;
	pthread_t thread;
	int saved;

	if (!__atomic_load_n(&wanted, __ATOMIC_RELAXED) || running)
		return;
	if (__atomic_exchange_n(&running, true, __ATOMIC_RELAXED))
		return;
	saved = errno; /* of a call that may have been right */
	raw_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (pthread_create(&thread, &attr, helper_main, NULL) != 0)
		running = false;
	pthread_attr_destroy(&attr);
	raw_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
}

void shim_helper_after_fork(void)
{
	wanted = 0;
	running = watching = active = asleep = false;
	bell = -1;
}
