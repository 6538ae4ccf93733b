/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/lock.h"

#include <stddef.h>

#include "shim/raw.h"

/* Looks at a held lock before sleeping, some 5 us. */
#define LOCK_LOOKS 120

/* 0 free, 1 held, 2 held with waiters (Drepper, Futexes Are Tricky) */
static uint32_t lock_word;

/* To be woken when it is released; under the lock. */
#define WAKES_MAX 16
static uint32_t *wakes[WAKES_MAX];
static unsigned int nwakes;

/* Set once a handler was installed; never cleared. */
static bool handlers;

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

void shim_note_handler(void)
{
	__atomic_store_n(&handlers, true, __ATOMIC_RELAXED);
}

/* Faults and the profiler's signal stay open: masking SIGSEGV would turn a
 * fault of ours into a silent death, SIGPROF into a wrong profile. */
static uint64_t async_signals(void)
{
	uint64_t keep = 0;
	static const int open[] = { SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
				    SIGTRAP, SIGSYS, SIGPROF };
	unsigned int i;

	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		keep |= 1ull << (open[i] - 1);
	return ~keep;
}

void shim_enter(struct shim_guard *guard)
{
	guard->masked = __atomic_load_n(&handlers, __ATOMIC_RELAXED);
	if (guard->masked) {
		uint64_t set = async_signals();

		raw_sigmask(SIG_BLOCK, &set, &guard->old_mask);
	}
	shim_lock_only();
}

void shim_leave(struct shim_guard *guard)
{
	shim_unlock_only();
	if (guard->masked)
		raw_sigmask(SIG_SETMASK, &guard->old_mask, NULL);
}
