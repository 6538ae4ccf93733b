/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of fdnet-run.
 *
 * What concerns the network (rules, addresses, the record) is the relay's to
 * understand: those options are handed to it as they are, in their order, and
 * it is the relay that refuses a bad rule and says what it accepts.
 */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/layers.h"

#define OPTIONS_MAX_INHERIT 64
#define OPTIONS_MAX_UNIX    32
#define OPTIONS_MAX_ENV	    64

enum options_action {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_SHOW_FILTER,
	OPTIONS_CHECK,
};

/**
 * struct options - what was asked for
 * @relay_args:  options for the relay, in order; entries are borrowed from
 *               argv or literals, the array is owned
 * @relay_argc:  entries in @relay_args
 * @inherit:     fds that the program keeps
 * @unix_paths:  AF_UNIX sockets of the host that the program may reach
 * @env:         names that stay in the environment; @env_count of them
 * @no_spaces:   without namespaces, though they may be had
 * @no_supervisor:  without user notification, though it may be had
 * @kill_rest:   nothing outlives the program
 * @required:    layers without which nothing is run
 * @addr:        the sandbox's own address as given, or NULL
 * @program:     argv of the program, NULL-terminated; borrowed from argv
 */
struct options {
	enum options_action action;
	bool quiet;
	bool verbose;
	const char **relay_args;
	size_t relay_argc;
	int inherit[OPTIONS_MAX_INHERIT];
	size_t inherit_count;
	const char *unix_paths[OPTIONS_MAX_UNIX];
	size_t unix_count;
	const char *env[OPTIONS_MAX_ENV];
	size_t env_count;
	bool no_spaces;
	bool no_supervisor;
	bool kill_rest;
	layer_set required;
	const char *addr;
	char **program;
};

/**
 * options_parse - read the command line
 * @argc, @argv:  as main() got them; borrowed as long as @ret_opts lives
 * @ret_opts:     to be freed with options_done()
 *
 * Says what is wrong, where, and what is accepted.
 * Returns 0, -EINVAL, -ENOMEM.
 */
int options_parse(int argc, char **argv, struct options *ret_opts);

/** options_done - free what options_parse() allocated */
void options_done(struct options *opts);

/** options_help - one screen, on standard output */
void options_help(void);

#endif
