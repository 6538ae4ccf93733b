/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals on their way to the program.
 *
 * Launcher and program share a process group. What the terminal sends (Ctrl-C
 * and the like) reaches both, and is not passed on a second time; what was
 * sent to the launcher alone is.
 */
#ifndef SANDBOX_SIGNALS_H
#define SANDBOX_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/** signals_block - from now on signals wait for signals_pass()
 * @ret_old:  the mask before, for the program */
void signals_block(sigset_t *ret_old);

/** signals_open - an fd that is readable when there is one, close-on-exec;
 * or a negative errno */
int signals_open(void);

/**
 * signals_pass - pass on what there is
 * @fd:       of signals_open()
 * @program:  where they go
 *
 * Returns true if a child has changed state; the caller asks waitpid() which.
 */
bool signals_pass(int fd, pid_t program);

#endif
