/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/uaccess.h"

#include <errno.h>
#include <stdint.h>

#include "shim/raw.h"

#define PAGE_SHIFT 12
#define SEEN_BITS  10

/* Page numbers, by a hash; 0, the null page, is never good. */
static uintptr_t readable[1 << SEEN_BITS], writable[1 << SEEN_BITS];

/* rt_sigprocmask() reads its set before it looks at an impossible "how". */
static bool probe_read(uintptr_t page)
{
	long rc = RAW(SYS_rt_sigprocmask, 99, page << PAGE_SHIFT, 0, 8, 0, 0);

	return rc != -EFAULT;
}

/* FUTEX_WAKE_OP makes an atomic change of a word in memory: here none, as it
 * adds 0. Nobody waits on either word, and nobody would be woken. */
static bool probe_write(uintptr_t page)
{
	static uint32_t unused;
	uint32_t add_nothing = (uint32_t)FUTEX_OP(FUTEX_OP_ADD, 0,
						  FUTEX_OP_CMP_LT, -2048);
	long rc = RAW(SYS_futex, &unused, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0,
		      0, page << PAGE_SHIFT, add_nothing);

	return rc != -EFAULT;
}

static bool is_good(uintptr_t page, uintptr_t *seen,
		    bool (*probe)(uintptr_t page))
{
	/* heaps and stacks of threads lie at round distances: golden ratio */
	uintptr_t hash = page * 0x9e3779b97f4a7c15ull >> (64 - SEEN_BITS);
	uintptr_t *slot = &seen[hash];

	if (__atomic_load_n(slot, __ATOMIC_RELAXED) == page)
		return page != 0;
	if (page == 0 || !probe(page))
		return false;
	__atomic_store_n(slot, page, __ATOMIC_RELAXED);
	return true;
}

static bool can_touch(const void *ptr, size_t len, uintptr_t *seen,
		      bool (*probe)(uintptr_t page))
{
	uintptr_t first = (uintptr_t)ptr, last = first + len - 1;

	if (len == 0)
		return true;
	if (last < first || (intptr_t)last < 0)
		return false;
	first >>= PAGE_SHIFT;
	last >>= PAGE_SHIFT;
	return is_good(first, seen, probe) &&
	       (first == last || is_good(last, seen, probe));
}

bool shim_can_read(const void *ptr, size_t len)
{
	return can_touch(ptr, len, readable, probe_read);
}

bool shim_can_write(const void *ptr, size_t len)
{
	return can_touch(ptr, len, writable, probe_write);
}
