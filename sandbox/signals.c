/* SPDX-License-Identifier: Apache-2.0 */
/* Signals on their way to the program; see signals.h. */
#include "config.h"

#include "sandbox/signals.h"

#include <errno.h>
#include <unistd.h>

/* Our own faults are not the program's. */
static const int own_signals[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
				  SIGTRAP, SIGABRT, SIGSYS};

static void fill_set(sigset_t *set)
{
	size_t i;

	sigfillset(set);
	for (i = 0; i < sizeof(own_signals) / sizeof(*own_signals); i++)
		sigdelset(set, own_signals[i]);
}

void signals_block(sigset_t *ret_old)
{
	sigset_t set;

	fill_set(&set);
	sigprocmask(SIG_BLOCK, &set, ret_old);
}

static void pass_on(pid_t program, const siginfo_t *info)
{
	switch (info->si_code) {
	case SI_USER:
	case SI_TKILL:
		kill(program, info->si_signo);
		break;
	case SI_QUEUE:
		sigqueue(program, info->si_signo, info->si_value);
		break;
	default: /* the kernel's: the whole process group has it */
		break;
	}
}

/* The default of these is to stop, which blocking them has taken away. */
static void stop_as_asked(int signo)
{
	if (signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU)
		raise(SIGSTOP);
}

void signals_wait(pid_t program)
{
	siginfo_t info;
	sigset_t set;
	int signo;

	fill_set(&set);
	for (;;) {
		signo = sigwaitinfo(&set, &info);
		if (signo < 0)
			continue;
		if (signo == SIGCHLD)
			return;
		if (info.si_pid != program)
			pass_on(program, &info);
		stop_as_asked(signo);
	}
}
