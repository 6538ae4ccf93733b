/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling processes what to do, one at a time, and the kinds of step.
 */
#ifndef TESTS_RANDOM_MOVES_H
#define TESTS_RANDOM_MOVES_H

#include "tests/random/account.h"

/** talkative - say on stderr what each step is about */
extern bool talkative;

/** tell - give @p an order; its report (none for EXIT) */
struct report tell(int p, const struct order *o);
/** hear - wait for the next report of @p; the run ends when there is none */
void hear(int p, const struct order *o, struct report *r);
/** finish - end the run, and all processes, with a reason */
void finish(const char *why) __attribute__((noreturn));

/** step_of - a step of this kind by @p; false: it makes no sense now */
bool step_of(int op, int p);

#endif
