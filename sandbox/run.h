/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's life: relay up, program in the fence, wait. */
#ifndef SANDBOX_RUN_H
#define SANDBOX_RUN_H

#include "sandbox/options.h"

struct spaces;

/**
 * run_program - run what the options ask for
 *
 * Returns the exit status for fdnet-run: the program's, or one of
 * enum exit_status.
 */
int run_program(const struct options *opts);

/**
 * run_filter_facts - enum filter_facts for what the options ask for
 * @spaces:  the namespaces that can be had
 */
unsigned int run_filter_facts(const struct options *opts,
			      const struct spaces *spaces);

#endif
