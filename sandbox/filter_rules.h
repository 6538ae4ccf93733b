/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls a sandboxed program may not make: one table, from which
 * the loaded filter is made, which `fdnet-run --show-filter` prints, and
 * which the tests compare the emitted program with.
 *
 * A rule refuses a call with an errno. A rule without a condition refuses it
 * always; one with a condition looks at one argument. Calls that no rule
 * matches are allowed, up to FILTER_NEWEST_CALL; numbers above that, which
 * nobody has looked at yet, do not exist in the sandbox (ENOSYS).
 */
#ifndef SANDBOX_FILTER_RULES_H
#define SANDBOX_FILTER_RULES_H

#include <stddef.h>
#include <stdint.h>

/* file_setattr, Linux 6.17: the newest call this table was checked against. */
#define FILTER_NEWEST_CALL 469

enum filter_cond {
	/* the call as such */
	FILTER_ALWAYS,
	/* (arg & mask) is one of first, first + step ... last. Masks lie in
	 * the low 32 bits: the kernel cuts int arguments after the filter ran,
	 * so whatever is in the high half must not matter. */
	FILTER_EACH,
	/* arg, all 64 bits of it, is not `first`; for pointers, and where only
	 * one value is let through */
	FILTER_NOT,
};

/**
 * struct filter_rule - one reason to refuse one call
 * @call:   its name, for people
 * @nr:     its number on the native architecture
 * @error:  positive errno the program gets
 * @arg:    index of the argument looked at, 0 to 5
 * @mask, @first, @last, @step:  see enum filter_cond
 * @why:    what the call would make possible
 */
struct filter_rule {
	const char *call;
	int nr;
	int error;
	enum filter_cond cond;
	unsigned int arg;
	uint32_t mask;
	uint32_t first;
	uint32_t last;
	uint32_t step;
	const char *why;
};

extern const struct filter_rule filter_rules[];
extern const size_t filter_rule_count;

#endif
