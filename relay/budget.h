/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that a sandbox may make its relay keep: an allocator for packets,
 * buffers, engines and connections that says no when it is spent. What is
 * refused is dropped or fails, and is counted; memory comes back with what
 * ends.
 */
#ifndef RELAY_BUDGET_H
#define RELAY_BUDGET_H

#include <stdint.h>

#include <fdnet/mem.h>

struct counters;

struct budget {
	struct fdnet_mem mem;
	uint64_t used, most, limit;
	struct counters *counters;
};

/** budget_init - @limit in bytes; refusals are counted as C_NOMEM */
void budget_init(struct budget *budget, uint64_t limit,
		 struct counters *counters);

#endif
