/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/libc.h"

#include <dlfcn.h>
#include <stdlib.h>

#define CALL(name, ret, args) ret(*libc_##name) args;
#include "shim/calls.h"

bool libc_ready;

void libc_resolve(void)
{
	if (libc_ready)
		return;
	/* A name that this libc lacks (epoll_pwait2 before 2.35) stays NULL;
	 * no program linked against it can call ours either. */
#define CALL(name, ret, args)                                                \
	*(void **)&libc_##name = dlsym(RTLD_NEXT, #name);
#include "shim/calls.h"
	__atomic_store_n(&libc_ready, true, __ATOMIC_RELEASE);
}
