/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/mem.h"

#include <stdlib.h>

static void *libc_alloc(void *arg, size_t size)
{
	return calloc(1, size);
}

static void *libc_alloc_raw(void *arg, size_t size)
{
	return malloc(size);
}

static void libc_free(void *arg, void *ptr, size_t size)
{
	free(ptr);
}

const struct fdnet_mem *fdnet_mem_libc(void)
{
	static const struct fdnet_mem mem = {
		.alloc = libc_alloc,
		.free = libc_free,
		.alloc_raw = libc_alloc_raw,
	};

	return &mem;
}
