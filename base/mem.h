/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by interface: every allocating object takes a struct fdnet_mem.
 *
 * The shim lives in somebody else's program, where a socket call may come from
 * a signal handler that interrupted malloc. Nothing below it may therefore
 * call malloc by name; it asks the allocator it was given.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <fdnet/mem.h>

/**
 * fdnet_mem_alloc - allocate zeroed memory
 * @mem:   allocator; borrowed
 * @size:  bytes, > 0
 *
 * Returns the memory, or NULL when there is none.
 */
static inline void *fdnet_mem_alloc(const struct fdnet_mem *mem, size_t size)
{
	return mem->alloc(mem->arg, size);
}

/** fdnet_mem_alloc_raw - fdnet_mem_alloc() without the zeroes */
static inline void *fdnet_mem_alloc_raw(const struct fdnet_mem *mem, size_t size)
{
	return mem->alloc_raw ? mem->alloc_raw(mem->arg, size)
			      : mem->alloc(mem->arg, size);
}

/**
 * fdnet_mem_free - give memory back
 * @mem:   the allocator it came from; borrowed
 * @ptr:   memory from fdnet_mem_alloc(), or NULL; taken
 * @size:  the size it was asked with
 */
static inline void fdnet_mem_free(const struct fdnet_mem *mem, void *ptr,
				  size_t size)
{
	if (ptr)
		mem->free(mem->arg, ptr, size);
}

#endif
