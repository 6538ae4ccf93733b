/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay gives up (D9): the guest has the same uid, and may one day
 * find a mistake in a parser.
 */
#ifndef RELAY_HARDEN_H
#define RELAY_HARDEN_H

struct options;

/** harden_early - close what was inherited, no core, no dump; before anything
 * is opened. Returns 0 or a negative errno. */
int harden_early(const struct options *opts);

/** harden_late - environment, no new privileges, system call filter; when all
 * is open. Returns 0 or a negative errno. */
int harden_late(void);

/** harden_files - the filter of the process that opens files (files.h) */
int harden_files(void);

#endif
