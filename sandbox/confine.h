/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdnet-run's own confinement, once the program runs: it reads the memory of
 * programs that nobody trusts, and waits for them with the rights of the user.
 *
 * How it works: before the program exists, it gives up the network and what
 * is not below it (Landlock: TCP and abstract sockets; the program's own
 * domain lies within). Files it cannot give up in that way: a process may
 * look only into others whose domain lies within its own, so whatever Landlock
 * took from us would be taken from the program. When all is set up, it closes
 * what it does not need, keeps of root's capabilities those by which one
 * process answers for another, and makes no system calls but those of a table,
 * with the reason beside each.
 */
#ifndef SANDBOX_CONFINE_H
#define SANDBOX_CONFINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "sandbox/filter.h"

enum confine_check {
	CONFINE_NONE,
	CONFINE_EACH, /* (argument & mask) is one of values[] */
	/* argument is the program, the first process beside it, or ourselves */
	CONFINE_OURS,
};

#define CONFINE_VALUES 6

/**
 * struct confine_rule - a system call that stays possible
 * @mask:    low 32 bits, as the kernel takes them
 * @values:  @count of them
 */
struct confine_rule {
	const char *call;
	int nr;
	const char *why;
	enum confine_check check;
	unsigned int arg;
	uint32_t mask;
	size_t count;
	uint32_t values[CONFINE_VALUES];
};

extern const struct confine_rule confine_rules[];
extern const size_t confine_rule_count;

/* Processes that may be sent signals. */
struct confine_pids {
	pid_t program, child, own;
};

/** confine_build - the program for the kernel; all other calls get EPERM
 * Returns 0, -ENOMEM, or what libseccomp said. */
int confine_build(const struct confine_pids *pids, struct filter_prog *ret_prog);

/** confine_early - before the program is started. 0 or a negative errno. */
int confine_early(void);

/**
 * confine_late - when all is set up, for ever
 * @keep:  descriptors above 2 that stay open; sorted by this call
 * Returns 0 or a negative errno.
 */
int confine_late(const struct confine_pids *pids, int *keep, size_t keep_count);

/** confine_show - the table, for people */
void confine_show(FILE *out);

#endif
