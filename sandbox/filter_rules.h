/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls a sandboxed program may not make: one table, from which
 * the loaded filter is made, which `fdnet-run --show-filter` prints, and
 * which the tests compare the emitted program with.
 *
 * A rule refuses a call with an errno, or has the supervisor answer it: such a
 * call is never let go on in the kernel where its outcome depends on memory or
 * on a descriptor that another thread may change. A rule without a condition refuses it
 * always; one with a condition looks at one argument. Calls that no rule
 * matches are allowed, up to FILTER_NEWEST_CALL; numbers above that, which
 * nobody has looked at yet, do not exist in the sandbox (ENOSYS).
 */
#ifndef SANDBOX_FILTER_RULES_H
#define SANDBOX_FILTER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/unasked.h"

/* file_setattr, Linux 6.17: the newest call this table was checked against. */
#define FILTER_NEWEST_CALL 469

/* What is there besides the filter: which rules are needed depends on it. */
enum filter_facts {
	FILTER_SUPERVISED = 1 << 0, /* somebody answers notified calls */
	FILTER_OWN_PIDS = 1 << 1,   /* a pid namespace */
	FILTER_OWN_IPC = 1 << 2,    /* an ipc namespace */
	FILTER_MAY_CHROOT = 1 << 3, /* there is no root to get out of */
	FILTER_FACTS = 1 << 4,	    /* how many combinations there are */
};

/* In place of an errno: the supervisor answers the call. */
#define FILTER_NOTIFY (-1)

/*
 * In the sixth argument of a call that has at most five: do not notify
 * (base/unasked.h). A program that says it opens nothing for itself: the call
 * then acts on the kernel's socket, which inside is an AF_UNIX stream or
 * SEQPACKET one whatever happens. Those take no address with a message, what
 * getsockname() and the options tell of them is the sandbox's own, and no call
 * that gives a socket an address or a peer looks at this word.
 */
#define FILTER_MAGIC FDNET_UNASKED

enum filter_cond {
	/* the call as such */
	FILTER_ALWAYS,
	/* (arg & mask) is one of first, first + step ... last. Masks lie in
	 * the low 32 bits: the kernel cuts int arguments after the filter ran,
	 * so whatever is in the high half must not matter. */
	FILTER_EACH,
	/* arg & mask is not 0 */
	FILTER_ANY,
	/* arg, all 64 bits of it, is not `first`; for pointers, and where only
	 * one value is let through */
	FILTER_NOT,
};

/**
 * struct filter_rule - one reason to refuse one call
 * @call:   its name, for people
 * @nr:     its number on the native architecture
 * @error:  positive errno the program gets, or FILTER_NOTIFY
 * @needs:  facts without which there is no such rule
 * @unless: facts with any of which there is no such rule
 * @arg:    index of the argument looked at, 0 to 5
 * @mask, @first, @last, @step:  see enum filter_cond
 * @why:    what the call would make possible
 */
struct filter_rule {
	const char *call;
	int nr;
	int error;
	unsigned int needs;
	unsigned int unless;
	enum filter_cond cond;
	unsigned int arg;
	uint32_t mask;
	uint32_t first;
	uint32_t last;
	uint32_t step;
	const char *why;
};

/** filter_rule_holds - is the rule there, given these facts? */
static inline bool filter_rule_holds(const struct filter_rule *rule,
				     unsigned int facts)
{
	return (facts & rule->needs) == rule->needs && !(facts & rule->unless);
}

extern const struct filter_rule filter_rules[];
extern const size_t filter_rule_count;

#endif
