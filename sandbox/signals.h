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
#include <sys/types.h>

/** signals_block - from now on signals wait for signals_wait()
 * @ret_old:  the mask before, for the program */
void signals_block(sigset_t *ret_old);

/**
 * signals_wait - pass signals on until a child changes state
 * @program:  where they go
 *
 * Returns after a SIGCHLD; the caller asks waitpid() which it was.
 */
void signals_wait(pid_t program);

#endif
