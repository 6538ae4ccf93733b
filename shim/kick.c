/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/kick.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shim/bell.h"
#include "shim/lock.h"
#include "shim/raw.h"
#include "shim/wait.h"

/* Threads that wait for sets with higher numbers are not woken. */
#define MAX_FD 65536
/* Sets with kicks at one time. */
#define MAX_KICKS 8
/* A thread that left its wait by siglongjmp() is counted for ever, and one may
 * be stopped: so long are others held up. */
#define PATIENCE_US 2000000

struct kick {
	int epfd;
	uint64_t since_us;
	struct shim_bell bell;
};

static uint16_t waiting[MAX_FD]; /* how many, by the number of the set */
static bool any_counted, any_kicked; /* ever */
static struct kick kicks[MAX_KICKS];
static unsigned int n_kicks;
/* Its address is in the events' data: no program has that. */
static const char mark;

static bool is_counted(int epfd)
{
	return epfd >= 0 && epfd < MAX_FD;
}

void shim_kick_enter(int epfd)
{
	if (!is_counted(epfd))
		return;
	if (!__atomic_load_n(&any_counted, __ATOMIC_RELAXED))
		__atomic_store_n(&any_counted, true, __ATOMIC_RELAXED);
	__atomic_add_fetch(&waiting[epfd], 1, __ATOMIC_SEQ_CST);
}

static bool has_kick(int epfd)
{
	unsigned int i;

	for (i = 0; i < n_kicks && kicks[i].epfd != epfd; i++)
		;
	return i < n_kicks;
}

static void kick_end(unsigned int i)
{
	struct epoll_event none;

	RAW(SYS_epoll_ctl, kicks[i].epfd, EPOLL_CTL_DEL, kicks[i].bell.fd,
	    &none, 0, 0);
	shim_bell_close(&kicks[i].bell);
	kicks[i] = kicks[n_kicks - 1];
	__atomic_store_n(&n_kicks, n_kicks - 1, __ATOMIC_RELEASE);
}

static void kick_end_of(int epfd)
{
	unsigned int i;

	for (i = n_kicks; i-- > 0;)
		if (kicks[i].epfd == epfd)
			kick_end(i);
}

void shim_kick_leave(int epfd)
{
	struct shim_guard guard;
	uint16_t n;

	if (!is_counted(epfd))
		return;
	/* 0: the number was closed in between */
	n = __atomic_load_n(&waiting[epfd], __ATOMIC_SEQ_CST);
	while (n && !__atomic_compare_exchange_n(&waiting[epfd], &n, n - 1,
						 false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
		;
	if (n > 1 || !__atomic_load_n(&n_kicks, __ATOMIC_SEQ_CST))
		return;
	shim_enter(&guard);
	if (!__atomic_load_n(&waiting[epfd], __ATOMIC_SEQ_CST))
		kick_end_of(epfd);
	shim_leave(&guard);
}

void shim_kick(int epfd)
{
	struct epoll_event event = {.events = EPOLLIN,
				    .data.u64 = (uintptr_t)&mark};
	struct kick *kick;

	if (!is_counted(epfd) ||
	    !__atomic_load_n(&waiting[epfd], __ATOMIC_SEQ_CST) ||
	    n_kicks == MAX_KICKS || has_kick(epfd))
		return;
	kick = &kicks[n_kicks];
	memset(kick, 0, sizeof(*kick));
	kick->epfd = epfd;
	kick->since_us = shim_now_us();
	if (shim_bell_open(&kick->bell, true) < 0)
		return;
	shim_bell_ring(&kick->bell);
	__atomic_store_n(&any_kicked, true, __ATOMIC_RELEASE);
	if (RAW(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, kick->bell.fd, &event, 0,
		0) < 0) {
		shim_bell_close(&kick->bell);
		return;
	}
	__atomic_store_n(&n_kicks, n_kicks + 1, __ATOMIC_SEQ_CST);
	/* the last one may have left, and seen no kick */
	if (!__atomic_load_n(&waiting[epfd], __ATOMIC_SEQ_CST))
		kick_end_of(epfd);
}

int shim_kick_strip(struct epoll_event *events, int n)
{
	int i, left = 0;

	if (n <= 0 || !__atomic_load_n(&any_kicked, __ATOMIC_ACQUIRE))
		return n;
	for (i = 0; i < n; i++)
		if (events[i].data.u64 != (uintptr_t)&mark)
			events[left++] = events[i];
	return left;
}

void shim_kick_seen(void)
{
	uint64_t now = shim_now_us();
	unsigned int i;

	for (i = n_kicks; i-- > 0;) {
		if (now - kicks[i].since_us < PATIENCE_US)
			continue;
		__atomic_store_n(&waiting[kicks[i].epfd], 0, __ATOMIC_SEQ_CST);
		kick_end(i);
	}
}

void shim_kick_forget(int epfd)
{
	if (!is_counted(epfd))
		return;
	__atomic_store_n(&waiting[epfd], 0, __ATOMIC_SEQ_CST);
	kick_end_of(epfd);
}

void shim_kick_after_fork(void)
{
	size_t i;

	n_kicks = 0;
	for (i = 0; any_counted && i < MAX_FD; i++)
		if (waiting[i]) /* what was never written stays so */
			waiting[i] = 0;
	any_counted = false;
}
