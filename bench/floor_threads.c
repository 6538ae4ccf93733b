/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of threads that block, each in a read of its own connection: all
 * have one ring to the relay, so one of them looks at it for all, wakes whom a
 * message is for, and hands that on when it gets its own.
 */
#include "config.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/floor.h"
#include "bench/load.h"

#define THREADS_MAX 64

/* What a thread's word says. */
enum { AWAKE, WAITS, HAS, LEADS };

static struct one {
	_Atomic uint32_t word;
	uint32_t id;
	uint64_t n;
	pthread_t thread;
} ones[THREADS_MAX];

static int count;
static double until;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lead_lock = PTHREAD_MUTEX_INITIALIZER;
static bool led;

static void wake(struct one *one, uint32_t from, uint32_t to)
{
	if (atomic_compare_exchange_strong(&one->word, &from, to))
		syscall(SYS_futex, &one->word, FUTEX_WAKE_PRIVATE, 1, NULL);
}

/* What came for others, and whether anything came for me. */
static bool drain(const struct one *me)
{
	struct floor_note note;
	bool mine = false;

	while (floor_get_note(&note)) {
		if (note.what == me->id)
			mine = true;
		else
			wake(&ones[note.what], WAITS, HAS);
	}
	return mine;
}

static void hand_on(void)
{
	pthread_mutex_lock(&lead_lock);
	led = false;
	for (int i = 0; i < count && !led; i++) {
		uint32_t waits = WAITS;

		led = atomic_compare_exchange_strong(&ones[i].word, &waits,
						     LEADS);
		if (led)
			syscall(SYS_futex, &ones[i].word, FUTEX_WAKE_PRIVATE, 1,
				NULL);
	}
	pthread_mutex_unlock(&lead_lock);
}

/* Not if mine has come meanwhile: then nobody need lead for me. */
static bool may_lead(struct one *me)
{
	uint32_t waits = WAITS;
	bool mine;

	pthread_mutex_lock(&lead_lock);
	mine = !led &&
	       atomic_compare_exchange_strong(&me->word, &waits, LEADS);
	led = led || mine;
	pthread_mutex_unlock(&lead_lock);
	return mine;
}

static void wait_for_mine(struct one *me)
{
	while (atomic_load(&me->word) == WAITS && !may_lead(me))
		syscall(SYS_futex, &me->word, FUTEX_WAIT_PRIVATE, WAITS, NULL,
			NULL, 0);
	if (atomic_load(&me->word) == LEADS) {
		while (load_now() < until && !drain(me))
			floor_sleep();
		hand_on();
	}
	atomic_store(&me->word, AWAKE);
}

static void *run_one(void *arg)
{
	struct one *me = arg;

	while (load_now() < until) {
		/* before the question: its answer may be quick */
		atomic_store(&me->word, WAITS);
		pthread_mutex_lock(&out_lock);
		floor_put_note(me->id, 1);
		pthread_mutex_unlock(&out_lock);
		wait_for_mine(me);
		me->n++;
	}
	/* the others need not wait for an answer either */
	for (int i = 0; i < count; i++)
		wake(&ones[i], WAITS, HAS);
	return NULL;
}

uint64_t floor_threads_program(int threads, double end)
{
	uint64_t n = 0;

	count = threads < THREADS_MAX ? threads : THREADS_MAX;
	until = end;
	for (int i = 0; i < count; i++) {
		ones[i].id = (uint32_t)i;
		load_check(!pthread_create(&ones[i].thread, NULL, run_one,
					   &ones[i]),
			   "pthread_create");
	}
	for (int i = 0; i < count; i++) {
		pthread_join(ones[i].thread, NULL);
		n += ones[i].n;
	}
	return n;
}
