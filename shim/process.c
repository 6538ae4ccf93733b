/* SPDX-License-Identifier: Apache-2.0 */
/* The process's life: start, fork, end. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>

#include "shim/attach.h"
#include "shim/away.h"
#include "shim/call.h"
#include "shim/eset.h"
#include "shim/handover.h"
#include "shim/helper.h"
#include "shim/highfd.h"
#include "shim/logline.h"
#include "shim/node.h"
#include "shim/process.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/vfork.h"

/* Numbers that are looked at when a program starts. */
#define INHERITED 256

static struct shim_guard fork_guard;
static long own_pid;

static long getpid_raw(void)
{
	return RAW(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

bool shim_is_borrowed(void)
{
	return getpid_raw() != own_pid;
}

void shim_fork_prepare(void)
{
	struct shim_guard guard;

	shim_enter(&guard);
	shim_pump_fork_prepare();
	fork_guard = guard; /* written only by the holder of the lock */
}

void shim_fork_parent(void)
{
	struct shim_guard guard = fork_guard;

	shim_leave(&guard);
	shim_helper_start();
}

void shim_fork_child(void)
{
	struct shim_guard guard = fork_guard;

	/* copies of link and peer ends would hide our parent's death from
	 * the relay, and the sockets' end from everybody */
	own_pid = getpid_raw();
	shim_pump_fork_child();
	shim_fd_after_fork();
	shim_file_after_fork();
	shim_eset_after_fork();
	shim_net_after_fork();
	shim_node_after_fork();
	shim_away_after_fork();
	shim_vfork_after_fork();
	shim_wait_after_fork();
	shim_helper_after_fork();
	shim_lock_reset();
	shim_lock_only();
	shim_leave(&guard);
}

/* The relay sees only what the stack had acknowledged. */
static void reset_unread(void)
{
	struct shim_file *file;

	shim_net_drive();
	for (file = shim_file_first(); file; file = file->next) {
		struct fdnet_sock *so = file->so;

		if (!shim_handover_resets(file) || file->moving || file->users)
			continue;
		file->so = NULL;
		fdnet_sock_set_user(so, NULL);
		fdnet_sock_close(so);
	}
}

/* Has a process that confined itself no socket in its own stack? Then no call
 * may be made that it does not expect (confine.h). */
static bool is_bare(void)
{
	struct shim_file *file;

	if (!shim_file_trusts())
		return false;
	for (file = shim_file_first(); file; file = file->next)
		if (file->so)
			return false;
	return true;
}

static void settle(bool ends)
{
	struct shim_guard guard;
	int state;

	if (!shim_net_stack() || shim_is_borrowed() || is_bare())
		return;
	shim_cancel_off(&state);
	shim_enter(&guard);
	shim_pump_run(); /* what is still in the placeholders */
	shim_handover_shared();
	if (ends)
		reset_unread();
	shim_net_settle();
	shim_leave(&guard);
	shim_cancel_restore(state);
}

void shim_settle(void)
{
	settle(false);
}

/* exit() and return from main: what was written is on its way before we go.
 * Sockets keep working for those whose destructors run after ours. */
static __attribute__((destructor)) void shim_done(void)
{
	settle(true);
}

/* What a program inherits may be a socket of the sandbox's. */
static void find_inherited(void)
{
	if (!shim_attach_known())
		return;
	for (int fd = 0; fd < INHERITED; fd++)
		if (!shim_attach_is_channel(fd))
			shim_file_suspect(fd);
}

static __attribute__((constructor(101))) void shim_init(void)
{
	libc_resolve();
	own_pid = getpid_raw();
	shim_log_init();
	shim_net_init();
	find_inherited();
	pthread_atfork(shim_fork_prepare, shim_fork_parent, shim_fork_child);
}

void shim__exit(int status)
{
	settle(true);
	LIBC(_exit)(status);
	__builtin_unreachable();
}
SHIM_EXPORT(_exit);
SHIM_EXPORT_AS(_Exit, _exit);

void shim_quick_exit(int status)
{
	settle(true);
	LIBC(quick_exit)(status);
	__builtin_unreachable();
}
SHIM_EXPORT(quick_exit);

/* fork() without the handlers: for children that only call what may be called
 * in a signal handler, sockets included. */
pid_t shim__Fork(void)
{
	pid_t pid;

	if (shim_is_borrowed())
		return LIBC(_Fork)();
	shim_fork_prepare();
	pid = LIBC(_Fork)();
	if (pid == 0)
		shim_fork_child();
	else
		shim_fork_parent();
	return pid;
}
SHIM_EXPORT(_Fork);

/* ---- clone() without shared memory ---- */

struct start {
	int (*fn)(void *);
	void *arg;
};

/* In the child, on a copy of the parent's memory. */
static int start_child(void *arg)
{
	struct start start = *(struct start *)arg;
	int status;

	shim_fork_child();
	status = start.fn(start.arg);
	settle(true);
	return status;
}

/* With shared memory it is a thread, or a vfork(). */
int shim_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	struct start start = { fn, arg };
	pid_t *parent, *child;
	va_list args;
	void *tls;
	int rc;

	va_start(args, arg);
	parent = va_arg(args, pid_t *);
	tls = va_arg(args, void *);
	child = va_arg(args, pid_t *);
	va_end(args);
	if ((flags & (CLONE_VM | CLONE_FILES)) == CLONE_VM)
		shim_vfork_prepare();
	if (flags & (CLONE_VM | CLONE_FILES) || !fn || !stack ||
	    shim_is_borrowed())
		return LIBC(clone)(fn, stack, flags, arg, parent, tls, child);
	shim_fork_prepare();
	rc = LIBC(clone)(start_child, stack, flags, &start, parent, tls,
			 child);
	shim_fork_parent();
	return rc;
}
SHIM_EXPORT(clone);
SHIM_EXPORT_AS(__clone, clone);
