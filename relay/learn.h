/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run needed, as the smallest policy that allows it (--learn): every
 * destination that was opened or refused, by name where it was looked up.
 */
#ifndef RELAY_LEARN_H
#define RELAY_LEARN_H

#include <stdio.h>

#include "relay/record.h"

struct learn;

/** learn_new - nothing learned yet; NULL: out of memory */
struct learn *learn_new(void);
void learn_free(struct learn *learn);

/** learn_add - something happened. Beyond LIMIT_LEARN destinations it is
 * counted only */
void learn_add(struct learn *learn, const struct record_event *event);

/** learn_print - the policy file: allow lines, and as comments what needs a
 * decision */
void learn_print(struct learn *learn, FILE *out);

struct fdnet_save;
/** learn_state - what was learned; @learn may be NULL, on both sides
 * (state.h) */
void learn_state(struct learn *learn, struct fdnet_save *s);

#endif
