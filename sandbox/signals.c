/* SPDX-License-Identifier: Apache-2.0 */
/* Signals on their way to the program; see signals.h. */
#include "config.h"

#include "sandbox/signals.h"

#include <errno.h>
#include <stdint.h>
#include <sys/signalfd.h>
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

static void pass_on(pid_t program, const struct signalfd_siginfo *info)
{
	switch (info->ssi_code) {
	case SI_USER:
	case SI_TKILL:
		kill(program, info->ssi_signo);
		break;
	case SI_QUEUE:
		sigqueue(program, info->ssi_signo,
			 (union sigval){
				 .sival_ptr = (void *)(uintptr_t)info->ssi_ptr,
			 });
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

int signals_open(void)
{
	sigset_t set;
	int fd;

	fill_set(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

bool signals_pass(int fd, pid_t program)
{
	struct signalfd_siginfo info;
	bool changed = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			changed = true;
			continue;
		}
		if ((pid_t)info.ssi_pid != program)
			pass_on(program, &info);
		stop_as_asked(info.ssi_signo);
	}
	return changed;
}
