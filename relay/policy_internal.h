/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy's files share: policy_parse.c reads one rule, policy_read.c
 * lists of them, policy.c decides.
 */
#ifndef RELAY_POLICY_INTERNAL_H
#define RELAY_POLICY_INTERNAL_H

#include "relay/policy.h"

/* What a new flow costs in rule->fresh, so that 1/m is whole tokens. */
#define RULE_FRESH 60

/**
 * policy_parse - one rule, with what follows it
 * @rule:  ->allow is set; the others are written. ->name is the caller's to
 *         free, also on failure
 *
 * Returns 0, -EINVAL, -ENOMEM.
 */
int policy_parse(const char *text, struct rule *rule,
		 struct policy_error *ret_err);

#endif
