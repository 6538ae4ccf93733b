/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_SUPERVISE_H
#define SANDBOX_SUPERVISE_H

#include <stdbool.h>

/** supervise_is_possible - has the kernel what it needs (Linux 5.14)? */
bool supervise_is_possible(void);

#endif
