/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall(): the calls of the table (NUMBER in calls.h) are answered as if
 * they had been made by name; all others are the kernel's, never refused.
 */
#include "config.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "shim/call.h"
#include "shim/confine.h"
#include "shim/process.h"
#include "shim/raw.h"

/* A fork that libc does not see. */
static long forked(long number, long a, long b, long c, long d, long e)
{
	long rc;

	if (shim_is_borrowed())
		return raw6(number, a, b, c, d, e, 0);
	shim_fork_prepare();
	rc = raw6(number, a, b, c, d, e, 0);
	if (rc == 0)
		shim_fork_child();
	else
		shim_fork_parent();
	return rc;
}

static bool is_fork(long number, long a)
{
#ifdef SYS_fork
	if (number == SYS_fork)
		return true;
#endif
	if (number == SYS_clone3)
		return a && !(*(const uint64_t *)a & CLONE_VM);
	return number == SYS_clone && !(a & CLONE_VM);
}

/* The program installs a handler without libc. */
static void note_sigaction(const void *act)
{
	sighandler_t handler;

	if (!act)
		return;
	handler = *(const sighandler_t *)act; /* the first member */
	if (handler != SIG_DFL && handler != SIG_IGN)
		shim_note_handler(false);
}

long shim_syscall(long number, ...)
{
	long a, b, c, d, e, f;
	va_list args;

	va_start(args, number);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	d = va_arg(args, long);
	e = va_arg(args, long);
	f = va_arg(args, long);
	va_end(args);
	if (is_fork(number, a))
		return shim_ret(forked(number, a, b, c, d, e));
	switch (number) {
	case SYS_seccomp:
		if (c && a != SECCOMP_GET_ACTION_AVAIL)
			shim_confine();
		break;
	case SYS_rt_sigaction:
		note_sigaction((const void *)b);
		break;
#define NUMBER(name, call)                                                   \
	case SYS_##name:                                                       \
		return (long)(call);
#include "shim/calls.h"
	default:
		break;
	}
	return shim_ret(raw6(number, a, b, c, d, e, f));
}
SHIM_EXPORT(syscall);
