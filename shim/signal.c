/* SPDX-License-Identifier: Apache-2.0 */
/* Signal handlers: that there are any is what the lock must know (lock.h). */
#include "config.h"

#include <signal.h>

#include "shim/call.h"

static void note(sighandler_t handler)
{
	if (handler != SIG_DFL && handler != SIG_IGN)
		shim_note_handler();
}

int shim_sigaction(int sig, const struct sigaction *act,
		   struct sigaction *old)
{
	if (act)
		note(act->sa_handler);
	return LIBC(sigaction)(sig, act, old);
}
SHIM_EXPORT(sigaction);
SHIM_EXPORT_AS(__sigaction, sigaction);

sighandler_t shim_signal(int sig, sighandler_t handler)
{
	note(handler);
	return LIBC(signal)(sig, handler);
}
SHIM_EXPORT(signal);
SHIM_EXPORT_AS(bsd_signal, signal);
SHIM_EXPORT_AS(ssignal, signal);

sighandler_t shim_sysv_signal(int sig, sighandler_t handler)
{
	note(handler);
	return LIBC(sysv_signal)(sig, handler);
}
SHIM_EXPORT(sysv_signal);
SHIM_EXPORT_AS(__sysv_signal, sysv_signal);

sighandler_t shim_sigset(int sig, sighandler_t handler)
{
	note(handler);
	return LIBC(sigset)(sig, handler);
}
SHIM_EXPORT(sigset);
