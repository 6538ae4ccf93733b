/* SPDX-License-Identifier: Apache-2.0 */
/* fdnet-run's own words on standard error, each line with its name before. */
#ifndef SANDBOX_SAY_H
#define SANDBOX_SAY_H

#include <stdbool.h>

/** say_init - @verbose: let say_detail() speak */
void say_init(bool verbose);

/** say - an error or a warning; one line, no newline in @fmt */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** say_detail - only with --verbose */
void say_detail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
