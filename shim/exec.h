/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that is about to be executed needs from us. */
#ifndef SHIM_EXEC_H
#define SHIM_EXEC_H

#include <stddef.h>

/* Entries that an environment may get from us. */
#define SHIM_EXEC_ENV 2

/**
 * shim_exec_env - an environment with what fdnet needs in it
 * @envp:  @n entries and NULL; borrowed
 * @room:  the caller's, for @n + SHIM_EXEC_ENV + 1 entries; written
 *
 * Returns @room. No allocation: it may run in a vfork() child.
 */
char *const *shim_exec_env(char *const *envp, size_t n, char **room);

#endif
