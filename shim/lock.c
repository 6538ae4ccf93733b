/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/lock.h"

#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "shim/raw.h"

/* Looks at a held lock before sleeping, some 5 us. */
#define LOCK_LOOKS 120

/* 0 free, 1 held, 2 held with waiters (Drepper, Futexes Are Tricky) */
static uint32_t lock_word;

/* To be woken when it is released; under the lock. */
#define WAKES_MAX 16
static uint32_t *wakes[WAKES_MAX];
static unsigned int nwakes;

/* What is to be done about handlers; never less than before. */
enum care {
	CARE_NONE,    /* there are none */
	CARE_PUT_OFF, /* each asks shim_put_off() first */
	CARE_BLOCK,   /* some do not, or it could not do its work */
};
static int care;
static bool confined;

/* Written by the thread itself, and by its handlers before they return. */
static __thread struct {
	volatile bool inside;  /* between enter and leave, and not asleep */
	volatile bool put_off; /* signals are blocked; @mask is to come back */
	uint64_t mask;
} self;

void shim_lock_only(void)
{
	uint32_t c = 0;
	int spin;

	if (__atomic_compare_exchange_n(&lock_word, &c, 1, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	/* held for a few system calls at most: shorter than a sleep */
	for (spin = 0; spin < LOCK_LOOKS; spin++) {
		raw_pause();
		if (__atomic_load_n(&lock_word, __ATOMIC_RELAXED) == 1)
			continue;
		c = 0;
		if (__atomic_compare_exchange_n(&lock_word, &c, 1, false,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		if (c == 2)
			break;
	}
	while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_ACQUIRE) != 0)
		raw_futex(&lock_word, FUTEX_WAIT, 2, NULL);
}

void shim_unlock_only(void)
{
	uint32_t *words[WAKES_MAX];
	unsigned int i, n = nwakes;

	for (i = 0; i < n; i++)
		words[i] = wakes[i];
	nwakes = 0;
	if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_RELEASE) == 2)
		raw_futex(&lock_word, FUTEX_WAKE, 1, NULL);
	for (i = 0; i < n; i++)
		raw_futex(words[i], FUTEX_WAKE, 1, NULL);
}

void shim_wake_later(uint32_t *word)
{
	if (nwakes < WAKES_MAX)
		wakes[nwakes++] = word;
	else
		raw_futex(word, FUTEX_WAKE, 1, NULL);
}

void shim_lock_reset(void)
{
	lock_word = 0;
	nwakes = 0;
}

#define BIT(sig) (1ull << ((sig)-1))

/* Faults and the profiler's signal stay open: masking SIGSEGV would turn a
 * fault of ours into a silent death, SIGPROF into a wrong profile. */
static const uint64_t async_signals =
	~(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) |
	  BIT(SIGTRAP) | BIT(SIGSYS) | BIT(SIGPROF));

/* What a handler of this thread sees is in the order that is written here. */
static void signal_fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void shim_note_handler(bool is_ours)
{
	int now = is_ours && !confined ? CARE_PUT_OFF : CARE_BLOCK;

	if (now > __atomic_load_n(&care, __ATOMIC_RELAXED))
		__atomic_store_n(&care, now, __ATOMIC_RELAXED);
}

void shim_note_confined(void)
{
	confined = true;
	if (__atomic_load_n(&care, __ATOMIC_RELAXED) != CARE_NONE)
		shim_note_handler(false);
}

bool shim_must_put_off(int sig)
{
	return self.inside && async_signals & BIT(sig);
}

/*
 * All others are blocked first, here and, by what the kernel finds in
 * @context, where the thread goes on. A handler that interrupts this one
 * before that has done the same, and what it has noted is overwritten with
 * what the thread itself had.
 */
bool shim_put_off(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	long pid, tid;
	uint64_t set;

	if (!shim_must_put_off(sig))
		return false;
	set = async_signals;
	raw_sigmask(SIG_BLOCK, &set, NULL);
	/* the kernel has 64 bits there, whatever libc makes of it */
	memcpy(&self.mask, &uc->uc_sigmask, sizeof(self.mask));
	self.put_off = true;
	set |= self.mask;
	memcpy(&uc->uc_sigmask, &set, sizeof(set));
	pid = RAW(SYS_getpid, 0, 0, 0, 0, 0, 0);
	tid = RAW(SYS_gettid, 0, 0, 0, 0, 0, 0);
	if (RAW(SYS_rt_tgsigqueueinfo, pid, tid, sig, info, 0, 0) < 0)
		RAW(SYS_tgkill, pid, tid, sig, 0, 0, 0);
	return true;
}

void shim_block_signals(struct shim_guard *guard)
{
	if (!guard->entered || guard->masked ||
	    __atomic_load_n(&care, __ATOMIC_RELAXED) == CARE_NONE)
		return;
	raw_sigmask(SIG_BLOCK, &async_signals, &guard->old_mask);
	if (self.put_off)
		guard->old_mask = self.mask;
	self.put_off = false;
	guard->masked = true;
}

void shim_sleep_begin(const struct shim_guard *guard)
{
	signal_fence();
	if (guard->entered)
		self.inside = false;
	signal_fence();
}

void shim_sleep_end(const struct shim_guard *guard)
{
	signal_fence();
	if (guard->entered)
		self.inside = true;
	signal_fence();
}

void shim_enter(struct shim_guard *guard)
{
	*guard = (struct shim_guard){ .entered = true };
	/* until then handlers may run: nothing is held */
	if (__atomic_load_n(&care, __ATOMIC_RELAXED) == CARE_BLOCK)
		shim_block_signals(guard);
	shim_sleep_end(guard);
	shim_lock_only();
}

void shim_leave(struct shim_guard *guard)
{
	bool restore = guard->masked;
	uint64_t mask = guard->old_mask;

	shim_unlock_only();
	shim_sleep_begin(guard);
	if (self.put_off && !restore) {
		restore = true;
		mask = self.mask;
	}
	self.put_off = false;
	if (restore)
		raw_sigmask(SIG_SETMASK, &mask, NULL);
}
