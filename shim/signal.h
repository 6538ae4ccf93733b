/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal handlers: that there are any is what the lock must know (lock.h),
 * and which of them ran is what a call that was interrupted must know.
 *
 * How it works: our waits are in ppoll(), which gives EINTR whatever handler
 * ran, where the kernel restarts recv() and its like after a handler that was
 * installed with SA_RESTART. Where all handlers of a program agree there is
 * nothing to find out, and nothing is done. Where they do not, each is called
 * by one of ours, which notes the signal for its thread; sigaction() and its
 * relatives show the program its own.
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
