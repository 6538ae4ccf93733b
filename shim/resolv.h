/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver's state (resolver(3)), and whose name servers it names. */
#ifndef SHIM_RESOLV_H
#define SHIM_RESOLV_H

#include <resolv.h>

/**
 * shim_resolv_own - has the program set name servers of its own?
 *
 * Returns the calling thread's state if its name servers are not those of
 * /etc/resolv.conf, else NULL: then the sandbox's name server is asked.
 */
struct __res_state *shim_resolv_own(void);

#endif
