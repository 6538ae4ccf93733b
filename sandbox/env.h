/* SPDX-License-Identifier: Apache-2.0 */
/* The program's environment: what would mislead it, or point it at services
 * of the user's session, is taken away. */
#ifndef SANDBOX_ENV_H
#define SANDBOX_ENV_H

#include <stddef.h>

/**
 * env_prepare - change our own environment into the program's
 * @shim:       the preload library, which is put first
 * @attach_fd:  where the program's processes meet the relay
 * @keep, @keep_count:  names that stay although they point at a service
 *
 * Returns 0 or -ENOMEM.
 */
int env_prepare(const char *shim, int attach_fd, const char *const *keep,
		size_t keep_count);

#endif
