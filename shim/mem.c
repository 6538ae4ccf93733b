/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: sizes are rounded up to a class (powers of two and the steps
 * half-way between them, 32 bytes to 256 KiB); each class has a free list,
 * filled by cutting mapped arenas. Larger blocks are mapped one by one.
 */
#include "config.h"

#include "shim/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/raw.h"

#define ARENA_SIZE (1u << 20)
#define CLASS_MIN_SHIFT 5
#define CLASS_MAX_SHIFT 18
#define CLASSES (2 * (CLASS_MAX_SHIFT - CLASS_MIN_SHIFT) + 1)

struct free_block {
	struct free_block *next;
};


static struct free_block *free_lists[CLASSES];
/* What is left of the present arena. */
static char *arena;
static size_t arena_left;

/* Index and size of the smallest class that holds @size. */
static unsigned int class_of(size_t size, size_t *ret_size)
{
	unsigned int shift = CLASS_MIN_SHIFT, index = 0;

	while (((size_t)1 << shift) < size) {
		if (((size_t)3 << (shift - 1)) >= size) {
			*ret_size = (size_t)3 << (shift - 1);
			return index + 1;
		}
		shift++;
		index += 2;
	}
	*ret_size = (size_t)1 << shift;
	return index;
}

static void *map(size_t size)
{
	long p = RAW(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

static void *carve(size_t size)
{
	void *p;

	if (arena_left < size) {
		arena = map(ARENA_SIZE);
		arena_left = arena ? ARENA_SIZE : 0;
	}
	if (!arena)
		return NULL;
	p = arena;
	arena += size;
	arena_left -= size;
	return p; /* fresh from the kernel: zero */
}

/* @ret_used: it was somebody's before, and is not zero. */
static void *take(size_t size, bool *ret_used)
{
	struct free_block *b;
	unsigned int index;
	size_t rounded;

	*ret_used = false;
	if (size > (size_t)1 << CLASS_MAX_SHIFT)
		return map(size);
	index = class_of(size, &rounded);
	b = free_lists[index];
	if (!b)
		return carve(rounded);
	free_lists[index] = b->next;
	*ret_used = true;
	return b;
}

static void *shim_alloc(void *arg, size_t size)
{
	bool used;
	void *p = take(size, &used);

	return used ? memset(p, 0, size) : p;
}

static void *shim_alloc_raw(void *arg, size_t size)
{
	bool used;

	return take(size, &used);
}

static void shim_free(void *arg, void *ptr, size_t size)
{
	struct free_block *b = ptr;
	unsigned int index;
	size_t rounded;

	if (size > (size_t)1 << CLASS_MAX_SHIFT) {
		RAW(SYS_munmap, ptr, size, 0, 0, 0, 0);
		return;
	}
	index = class_of(size, &rounded);
	b->next = free_lists[index];
	free_lists[index] = b;
}

const struct fdnet_mem *shim_mem(void)
{
	static const struct fdnet_mem mem = {
		.alloc = shim_alloc,
		.free = shim_free,
		.alloc_raw = shim_alloc_raw,
	};

	return &mem;
}
