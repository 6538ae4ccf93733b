/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/budget.h"

#include "base/mem.h"
#include "relay/counters.h"

static void *budget_take(struct budget *budget, size_t size,
			 void *(*alloc)(void *arg, size_t size))
{
	void *ptr = NULL;

	if (size <= budget->limit && budget->used <= budget->limit - size)
		ptr = alloc(fdnet_mem_libc()->arg, size);
	if (!ptr) {
		count(budget->counters, C_NOMEM);
		return NULL;
	}
	budget->used += size;
	if (budget->used > budget->most)
		budget->most = budget->used;
	return ptr;
}

static void *budget_alloc(void *arg, size_t size)
{
	return budget_take(arg, size, fdnet_mem_libc()->alloc);
}

static void *budget_alloc_raw(void *arg, size_t size)
{
	return budget_take(arg, size, fdnet_mem_libc()->alloc_raw);
}

static void budget_free(void *arg, void *ptr, size_t size)
{
	const struct fdnet_mem *libc = fdnet_mem_libc();
	struct budget *budget = arg;

	budget->used -= size;
	libc->free(libc->arg, ptr, size);
}

void budget_init(struct budget *budget, uint64_t limit,
		 struct counters *counters)
{
	*budget = (struct budget){
		.mem = {budget_alloc, budget_free, budget, budget_alloc_raw},
		.limit = limit,
		.counters = counters,
	};
}
