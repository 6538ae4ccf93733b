/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal handlers: one of ours stands before each of the program's. It puts a
 * signal off that comes while its thread is in a call of ours (lock.h), and
 * notes which have run, for a call that was interrupted must know: our waits
 * are in ppoll(), which gives EINTR whatever handler ran, where the kernel
 * restarts recv() and its like after one installed with SA_RESTART.
 *
 * sigaction() and its relatives show the program its own. doc/signals.md
 */
#ifndef SHIM_SIGNAL_H
#define SHIM_SIGNAL_H

#include <stdbool.h>

/** shim_signal_watch - a call of this thread begins to wait */
void shim_signal_watch(void);

/** shim_signal_restarts - the wait was interrupted: would the kernel restart
 * the call? */
bool shim_signal_restarts(void);

#endif
