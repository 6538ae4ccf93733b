/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: a binary heap of pointers; each timer knows its place, so setting
 * and cancelling cost O(log n) however many there are.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "stack/object.h"

void fdnet_timer_init(struct fdnet_timer *timer,
		      void (*fire)(struct fdnet_stack *, struct fdnet_timer *))
{
	timer->expiry_us = FDNET_NEVER;
	timer->pos = 0;
	timer->fire = fire;
}

static void heap_put(struct fdnet_stack *stack, uint32_t pos,
		     struct fdnet_timer *timer)
{
	stack->heap[pos] = timer;
	timer->pos = pos;
}

static void sift_up(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	uint32_t pos = timer->pos;

	while (pos > 1) {
		struct fdnet_timer *parent = stack->heap[pos / 2];

		if (parent->expiry_us <= timer->expiry_us)
			break;
		heap_put(stack, pos, parent);
		pos /= 2;
	}
	heap_put(stack, pos, timer);
}

static void sift_down(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	uint32_t pos = timer->pos, child;

	while ((child = pos * 2) <= stack->heap_used) {
		if (child < stack->heap_used &&
		    stack->heap[child + 1]->expiry_us <
			    stack->heap[child]->expiry_us)
			child++;
		if (stack->heap[child]->expiry_us >= timer->expiry_us)
			break;
		heap_put(stack, pos, stack->heap[child]);
		pos = child;
	}
	heap_put(stack, pos, timer);
}

void fdnet_timer_set(struct fdnet_stack *stack, struct fdnet_timer *timer,
		     uint64_t expiry_us)
{
	if (expiry_us == FDNET_NEVER) {
		fdnet_timer_cancel(stack, timer);
		return;
	}
	if (!timer->pos) {
		assert(stack->heap_used < stack->heap_reserved);
		timer->expiry_us = expiry_us;
		heap_put(stack, ++stack->heap_used, timer);
		sift_up(stack, timer);
		return;
	}
	if (expiry_us < timer->expiry_us) {
		timer->expiry_us = expiry_us;
		sift_up(stack, timer);
	} else {
		timer->expiry_us = expiry_us;
		sift_down(stack, timer);
	}
}

void fdnet_timer_cancel(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	struct fdnet_timer *last;
	uint32_t pos = timer->pos;

	if (!pos)
		return;
	timer->pos = 0;
	timer->expiry_us = FDNET_NEVER;
	last = stack->heap[stack->heap_used--];
	if (last == timer)
		return;
	heap_put(stack, pos, last);
	sift_up(stack, last);
	sift_down(stack, last);
}

int fdnet_timer_reserve(struct fdnet_stack *stack, unsigned int n)
{
	uint32_t want = stack->heap_reserved + n, size = stack->heap_size;
	struct fdnet_timer **heap;

	if (want < n)
		return -ENOMEM;
	/* heap[0] is not used */
	if (want >= size) {
		while (want >= size)
			size = size ? size * 2 : 64;
		heap = fdnet_mem_alloc(stack->mem, size * sizeof(*heap));
		if (!heap)
			return -ENOMEM;
		if (stack->heap)
			memcpy(heap, stack->heap,
			       (stack->heap_used + 1) * sizeof(*heap));
		fdnet_mem_free(stack->mem, stack->heap,
			       stack->heap_size * sizeof(*heap));
		stack->heap = heap;
		stack->heap_size = size;
	}
	stack->heap_reserved = want;
	return 0;
}

void fdnet_timer_unreserve(struct fdnet_stack *stack, unsigned int n)
{
	assert(stack->heap_reserved >= n);
	stack->heap_reserved -= n;
}

void fdnet_timers_done(struct fdnet_stack *stack)
{
	fdnet_mem_free(stack->mem, stack->heap,
		       stack->heap_size * sizeof(*stack->heap));
}

/* A timer set again for now or earlier fires once more in this run. */
void fdnet_timers_run(struct fdnet_stack *stack)
{
	while (stack->heap_used) {
		struct fdnet_timer *timer = stack->heap[1];

		if (timer->expiry_us > stack->now_us)
			return;
		fdnet_timer_cancel(stack, timer);
		timer->fire(stack, timer);
	}
}

uint64_t fdnet_timers_expiry(const struct fdnet_stack *stack)
{
	return stack->heap_used ? stack->heap[1]->expiry_us : FDNET_NEVER;
}
