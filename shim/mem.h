/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's own allocator. A socket call may come from a signal handler
 * that interrupted malloc, or from inside malloc (jemalloc reads files), so
 * malloc is not for us. Guarded by the shim's lock.
 */
#ifndef SHIM_MEM_H
#define SHIM_MEM_H

#include "base/mem.h"

/** shim_mem - the allocator; needs the shim's lock */
const struct fdnet_mem *shim_mem(void);

#endif
