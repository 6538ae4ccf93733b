/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/idn.h"

#include <dlfcn.h>
#include <netdb.h>

typedef int (*idn_fn)(const char *name, char **ret);

static int call(const char *function, const char *name, char **ret)
{
	idn_fn fn = (idn_fn)dlsym(RTLD_NEXT, function);

	return fn ? fn(name, ret) : EAI_IDN_ENCODE;
}

int shim_idn_encode(const char *name, char **ret)
{
	return call("__idna_to_dns_encoding", name, ret);
}

int shim_idn_decode(const char *name, char **ret)
{
	return call("__idna_from_dns_encoding", name, ret);
}
