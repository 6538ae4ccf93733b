/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May we look into the processes that we start, as the supervisor must? Not
 * where a container engine's filter refuses the calls, where Yama keeps them to
 * the administrator (kernel.yama.ptrace_scope 2) or from everybody (3), or
 * where another security module says no. Only trying tells.
 */
#ifndef SANDBOX_LOOK_H
#define SANDBOX_LOOK_H

#include <stdbool.h>

/**
 * look_is_possible - take a descriptor of a child's, and read its memory
 * @own_user:  the child is in a user namespace of its own, over whose processes
 *             we have every right
 */
bool look_is_possible(bool own_user);

#endif
