/* SPDX-License-Identifier: Apache-2.0 */
/* Around the making of a process that libc's fork() does not see. */
#ifndef SHIM_PROCESS_H
#define SHIM_PROCESS_H

/**
 * shim_fork_prepare, shim_fork_parent, shim_fork_child - the three moments
 *
 * pthread_atfork() calls them for fork() and what libc makes of it; others
 * (_Fork(), clone() without CLONE_VM) call them themselves. The lock is held
 * between the first and the other two.
 */
void shim_fork_prepare(void);
void shim_fork_parent(void);
void shim_fork_child(void);

#endif
