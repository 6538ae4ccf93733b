/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getaddrinfo_a() and its relatives: a list of names, looked up one after the
 * other by a thread that lives as long as that takes. (libc's own threads
 * would ask by libc's own getaddrinfo(), past us.)
 *
 * A request belongs to its thread from PENDING to DONE, and to gai_cancel()
 * before that; who waits sleeps on a counter of requests that are done.
 */
#include "config.h"

#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/mem.h"
#include "shim/raw.h"

enum { PENDING, RUNNING, DONE };

struct batch {
	struct sigevent event;
	int n;
	struct gaicb *list[];
};

static uint32_t finished; /* a futex */

/* The library's member of a request that it does not use otherwise. */
static int *state_of(struct gaicb *req)
{
	return &req->__glibc_reserved[0];
}

static bool claim(struct gaicb *req)
{
	int pending = PENDING;

	return __atomic_compare_exchange_n(state_of(req), &pending, RUNNING,
					   false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void finish(struct gaicb *req, int result)
{
	__atomic_store_n(state_of(req), DONE, __ATOMIC_RELAXED);
	__atomic_store_n(&req->__return, result, __ATOMIC_RELEASE);
	__atomic_add_fetch(&finished, 1, __ATOMIC_RELEASE);
	raw_futex(&finished, FUTEX_WAKE, INT_MAX, NULL);
}

static bool in_progress(const struct gaicb *req)
{
	return __atomic_load_n(&req->__return, __ATOMIC_ACQUIRE) ==
	       EAI_INPROGRESS;
}

static void look_up_all(struct gaicb *const *list, int n)
{
	for (int i = 0; i < n; i++)
		if (list[i] && claim(list[i]))
			finish(list[i],
			       shim_getaddrinfo(list[i]->ar_name,
						list[i]->ar_service,
						list[i]->ar_request,
						&list[i]->ar_result));
}

static void notify(const struct sigevent *event)
{
	siginfo_t info = { 0 };

	if (event->sigev_notify == SIGEV_THREAD) {
		event->sigev_notify_function(event->sigev_value);
	} else if (event->sigev_notify == SIGEV_SIGNAL) {
		info.si_signo = event->sigev_signo;
		info.si_code = SI_ASYNCNL;
		info.si_pid = getpid();
		info.si_uid = getuid();
		info.si_value = event->sigev_value;
		RAW(SYS_rt_sigqueueinfo, info.si_pid, info.si_signo, &info, 0,
		    0, 0);
	}
}

static void batch_free(struct batch *batch)
{
	struct shim_guard guard;

	shim_enter(&guard);
	fdnet_mem_free(shim_mem(), batch,
		       sizeof(*batch) +
			       (size_t)batch->n * sizeof(batch->list[0]));
	shim_leave(&guard);
}

static struct batch *batch_new(struct gaicb *list[], int n,
			       const struct sigevent *event)
{
	struct shim_guard guard;
	struct batch *batch;

	shim_enter(&guard);
	batch = fdnet_mem_alloc(shim_mem(),
				sizeof(*batch) +
					(size_t)n * sizeof(batch->list[0]));
	shim_leave(&guard);
	if (!batch)
		return NULL;
	batch->event = event ? *event :
			       (struct sigevent){ .sigev_notify = SIGEV_NONE };
	batch->n = n;
	for (int i = 0; i < n; i++)
		batch->list[i] = list[i];
	return batch;
}

static void *run_batch(void *arg)
{
	struct batch *batch = arg;
	struct sigevent event = batch->event;

	look_up_all(batch->list, batch->n);
	batch_free(batch);
	notify(&event);
	return NULL;
}

/* All signals are the program's threads'. */
static int start_batch(struct batch *batch)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&thread, &attr, run_batch, batch);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

int shim_getaddrinfo_a(int mode, struct gaicb *list[], int n,
		       struct sigevent *event)
{
	struct batch *batch = NULL;

	if (mode != GAI_WAIT && mode != GAI_NOWAIT) {
		errno = EINVAL;
		return EAI_SYSTEM;
	}
	if (mode == GAI_NOWAIT) {
		batch = batch_new(list, n > 0 ? n : 0, event);
		if (!batch)
			return EAI_MEMORY;
	}
	for (int i = 0; i < n; i++) {
		if (!list[i])
			continue;
		*state_of(list[i]) = PENDING;
		list[i]->ar_result = NULL;
		list[i]->__return = EAI_INPROGRESS;
	}
	if (mode == GAI_WAIT) {
		look_up_all(list, n);
		return 0;
	}
	if (start_batch(batch) == 0)
		return 0;
	look_up_all(list, n); /* no thread to be had: now, then */
	batch_free(batch);
	if (event)
		notify(event);
	return 0;
}
SHIM_EXPORT(getaddrinfo_a);

static int count_going(const struct gaicb *const list[], int n)
{
	int going = 0;

	for (int i = 0; i < n; i++)
		going += list[i] && in_progress(list[i]);
	return going;
}

/* 0: nothing to wait for any more. */
static int time_left(uint64_t deadline, struct timespec *ret)
{
	uint64_t now = shim_now_us();

	if (now >= deadline)
		return 0;
	ret->tv_sec = (time_t)((deadline - now) / 1000000);
	ret->tv_nsec = (long)((deadline - now) % 1000000) * 1000;
	return 1;
}

int shim_gai_suspend(const struct gaicb *const list[], int n,
		     const struct timespec *timeout)
{
	uint64_t deadline = FDNET_NEVER;
	int going = count_going(list, n);
	struct timespec left;
	uint32_t seen;

	if (timeout)
		deadline = shim_now_us() +
			   (uint64_t)timeout->tv_sec * 1000000 +
			   (uint64_t)timeout->tv_nsec / 1000;
	if (!going)
		return EAI_ALLDONE;
	for (;;) {
		seen = __atomic_load_n(&finished, __ATOMIC_ACQUIRE);
		if (count_going(list, n) < going)
			return 0;
		if (!time_left(deadline, &left))
			return EAI_AGAIN;
		if (raw_futex(&finished, FUTEX_WAIT, seen,
			      deadline == FDNET_NEVER ? NULL : &left) ==
		    -EINTR)
			return EAI_INTR;
	}
}
SHIM_EXPORT(gai_suspend);

int shim_gai_cancel(struct gaicb *req)
{
	if (!in_progress(req))
		return EAI_ALLDONE;
	if (!claim(req))
		return EAI_NOTCANCELED;
	finish(req, EAI_CANCELED);
	return EAI_CANCELED;
}
SHIM_EXPORT(gai_cancel);
