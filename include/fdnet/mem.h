/* SPDX-License-Identifier: Apache-2.0 */
/* Allocator interface: what an embedder may replace malloc with. */
#ifndef FDNET_MEM_H
#define FDNET_MEM_H

#include <stddef.h>

/* Marks what libfdnetstack.so exports; everything else is hidden. */
#define FDNET_API __attribute__((visibility("default")))

/* Around the declarations of each header, for programs in C++. */
#ifdef __cplusplus
#define FDNET_DECLS_BEGIN extern "C" {
#define FDNET_DECLS_END	  }
#else
#define FDNET_DECLS_BEGIN
#define FDNET_DECLS_END
#endif

FDNET_DECLS_BEGIN

/**
 * struct fdnet_mem - an allocator
 * @alloc:  returns @size zeroed bytes aligned for any type, or NULL
 * @free:   takes back @ptr, which @alloc gave for the same @size; never NULL
 * @arg:    handed to all unchanged
 * @alloc_raw:  as @alloc, but the bytes may be anything; NULL: @alloc is
 *              called. For memory that will be written before it is read, such
 *              as packets, of which clearing would touch every page
 *
 * Must outlive every object it was given to. Called under whatever
 * serialisation the caller of the object provides.
 */
struct fdnet_mem {
	void *(*alloc)(void *arg, size_t size);
	void (*free)(void *arg, void *ptr, size_t size);
	void *arg;
	void *(*alloc_raw)(void *arg, size_t size);
};

/**
 * fdnet_mem_libc - the allocator over calloc(), malloc() and free()
 *
 * Returns a constant object; thread-safe as they are.
 */
FDNET_API const struct fdnet_mem *fdnet_mem_libc(void);

FDNET_DECLS_END

#endif
