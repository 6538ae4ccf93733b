/* SPDX-License-Identifier: Apache-2.0 */
/* The program's side of the fork: everything between it and exec. */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

#include "sandbox/filter.h"

/**
 * struct child - what the program is started with
 * @argv:       the program; borrowed
 * @shim:       absolute path of the preload library
 * @attach_fd:  the sandbox's end of the attach channel
 * @keep, @keep_count:  fds that stay open; one entry more is free
 * @filter:     built; borrowed
 * @mask:       the signal mask that we were started with
 * @parent:     us, to notice our death between fork and prctl
 */
struct child {
	char *const *argv;
	const char *shim;
	int attach_fd;
	int *keep;
	size_t keep_count;
	const struct filter *filter;
	sigset_t mask;
	pid_t parent;
};

/**
 * child_exec - fence ourselves in and become the program
 *
 * Called after fork, in the child. Each step is fatal when it fails: a
 * program is never run with less fence than promised. Does not return.
 */
void child_exec(struct child *child) __attribute__((noreturn));

#endif
