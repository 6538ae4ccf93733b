/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's side of the fork: everything between it and exec.
 *
 * With a pid namespace the first process in it is ours: it puts up the fence,
 * starts the program behind it, takes in orphans and tells the launcher how
 * the program ended. When the launcher is killed it is killed too, and with
 * it, by the kernel, all that is in the namespace.
 */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

#include "sandbox/filter.h"
#include "sandbox/layers.h"
#include "sandbox/spaces.h"

/**
 * struct child - what the program is started with
 * @argv:       the program; borrowed
 * @shim:       absolute path of the preload library
 * @attach_fd:  the sandbox's end of the attach channel
 * @report_fd:  the child's end of the pair of report.h
 * @launcher_fd: the launcher's end, to be closed
 * @keep, @keep_count:  fds that stay open; two entries more are free
 * @env, @env_count:    names of env_prepare()
 * @filter:     built; borrowed
 * @spaces:     what it is forked into
 * @name_server:  of the sandbox, as text
 * @kill_rest:  nothing outlives the program
 * @required:   layers without which nothing is run
 * @mask:       the signal mask that we were started with
 * @uid, @gid:  ours
 */
struct child {
	char *const *argv;
	const char *shim;
	int attach_fd, report_fd, launcher_fd;
	int *keep;
	size_t keep_count;
	const char *const *env;
	size_t env_count;
	const struct filter *filter;
	struct spaces spaces;
	const char *name_server;
	bool kill_rest;
	layer_set required;
	sigset_t mask;
	uid_t uid;
	gid_t gid;
};

/**
 * child_exec - fence ourselves in and become the program
 *
 * Called after fork, in the child. Each step is fatal when it fails: a
 * program is never run with less fence than promised. Does not return.
 */
void child_exec(struct child *child) __attribute__((noreturn));

#endif
