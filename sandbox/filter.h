/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter: makes two BPF programs from the table in
 * filter_rules.c, shows them, loads them.
 *
 * The gate knows only numbers: beyond the newest call that the table was
 * checked against nothing exists. The rules program is libseccomp's. Both are
 * loaded and the kernel takes the stricter answer of the two. What is loaded
 * is what filter_build() returned, so what the tests prove is what runs.
 */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdio.h>

struct filter_prog {
	struct sock_filter *insns;
	size_t count;
};

/* @facts: enum filter_facts, for which the rules were made */
struct filter {
	unsigned int facts;
	struct filter_prog gate;
	struct filter_prog rules;
};

/**
 * filter_build - make the programs
 * @facts:       enum filter_facts
 * @ret_filter:  to be freed with filter_done()
 *
 * Returns 0, -ENOMEM, or what libseccomp said.
 */
int filter_build(unsigned int facts, struct filter *ret_filter);

/** filter_done - free the programs; the loaded filter stays */
void filter_done(struct filter *filter);

/**
 * filter_load - put the calling thread under the filter, for ever
 * @filter:  borrowed
 *
 * Needs no_new_privs (or CAP_SYS_ADMIN). Makes no call that the filter
 * refuses, and allocates nothing.
 * Returns the fd at which the supervisor hears of notified calls (0 without
 * one; the fd is close-on-exec), or a negative errno; then the filter may be in force in part.
 */
int filter_load(const struct filter *filter);

/** filter_export - libseccomp's program for the rules in @ctx (a
 * scmp_filter_ctx), to be freed. 0 or a negative errno. */
int filter_export(void *ctx, struct filter_prog *ret_prog);

/** filter_load_program - one of them, with seccomp()'s @flags
 * Returns what seccomp() does, or a negative errno. */
int filter_load_program(const struct filter_prog *prog, unsigned int flags);

/** filter_show - the table and both programs, for people and for tools */
void filter_show(const struct filter *filter, FILE *out);

#endif
