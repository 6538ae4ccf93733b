/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/libc.h"

#include <dlfcn.h>
#include <stdlib.h>

#define CALL(name, ret, args) ret(*libc_##name) args;
#define ALIAS(name, of)
#include "shim/calls.h"
#undef CALL
#undef ALIAS

bool libc_ready;

void libc_resolve(void)
{
	if (libc_ready)
		return;
	/* A name that this libc lacks (epoll_pwait2 before 2.35) stays NULL;
	 * no program linked against it can call ours either. */
#define CALL(name, ret, args)                                                \
	*(void **)&libc_##name = dlsym(RTLD_NEXT, #name);
#define ALIAS(name, of)
#include "shim/calls.h"
#undef CALL
#undef ALIAS
	__atomic_store_n(&libc_ready, true, __ATOMIC_RELEASE);
}
