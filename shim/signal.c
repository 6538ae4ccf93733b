/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>

#include "shim/call.h"

#define SIGNALS 65

typedef void (*action_fn)(int, siginfo_t *, void *);

/* What the program has installed. */
static struct {
	action_fn fn;
	int flags;
	sigset_t mask;
} actions[SIGNALS];

/* What siginterrupt() said of signals that signal() installs. */
static uint64_t interrupting;

/* Signals whose handlers have run in this thread since it began to wait. */
static __thread uint64_t ran;

static bool is_handler(const struct sigaction *sa)
{
	return sa->sa_handler != SIG_DFL && sa->sa_handler != SIG_IGN;
}

static uint64_t bit(int sig)
{
	return 1ull << (sig - 1);
}

static void run_handler(int sig, siginfo_t *info, void *context);

/* @act with our handler in front of the program's. */
static void put_ours(int sig, struct sigaction *act)
{
	actions[sig].flags = act->sa_flags;
	actions[sig].mask = act->sa_mask;
	__atomic_store_n(&actions[sig].fn, act->sa_sigaction,
			 __ATOMIC_RELEASE);
	act->sa_sigaction = run_handler;
	act->sa_flags |= SA_SIGINFO;
}

/* It is put off, and the kernel has already set the default action. */
static void put_back(int sig)
{
	struct sigaction sa = { .sa_sigaction = run_handler,
				.sa_flags = actions[sig].flags | SA_SIGINFO,
				.sa_mask = actions[sig].mask };

	LIBC(sigaction)(sig, &sa, NULL);
}

static void run_handler(int sig, siginfo_t *info, void *context)
{
	action_fn fn = __atomic_load_n(&actions[sig].fn, __ATOMIC_ACQUIRE);
	uint64_t before = ran;

	/* before it is sent again: the default may end the program */
	if (actions[sig].flags & SA_RESETHAND && shim_must_put_off(sig))
		put_back(sig);
	if (shim_put_off(sig, info, context))
		return;
	/* one argument or three: where they are passed is the same */
	fn(sig, info, context);
	ran = before | bit(sig); /* it may have waited itself */
}

/* What the program would have seen. */
static void show_its_own(int sig, struct sigaction *old)
{
	if (old->sa_sigaction != run_handler)
		return;
	old->sa_sigaction = actions[sig].fn;
	if (!(actions[sig].flags & SA_SIGINFO))
		old->sa_flags &= ~SA_SIGINFO;
}

/* Of a signal that is queued, another might overtake one that is put off. */
static void note(int sig)
{
	shim_note_handler(sig < __SIGRTMIN);
}

void shim_signal_watch(void)
{
	ran = 0;
}

/* Of several it is the first that decides, which is the lowest. */
bool shim_signal_restarts(void)
{
	struct sigaction sa;

	if (ran) {
		int sig = __builtin_ctzll(ran) + 1;

		return actions[sig].flags & SA_RESTART;
	}
	for (int sig = 1; sig < SIGNALS; sig++)
		if (LIBC(sigaction)(sig, NULL, &sa) == 0 && is_handler(&sa) &&
		    !(sa.sa_flags & SA_RESTART))
			return false;
	return true;
}

/* ---- the calls ---- */

int shim_sigaction(int sig, const struct sigaction *act,
		   struct sigaction *old)
{
	struct sigaction ours, before;
	int rc;

	if (sig < 1 || sig >= SIGNALS)
		return LIBC(sigaction)(sig, act, old);
	rc = LIBC(sigaction)(sig, NULL, &before);
	if (rc < 0)
		return rc;
	show_its_own(sig, &before);
	/* a vfork() child's handlers are its own, our memory its parent's */
	if (act && is_handler(act) && !shim_is_borrowed()) {
		ours = *act;
		if (ours.sa_sigaction != run_handler)
			put_ours(sig, &ours);
		note(sig);
		act = &ours;
	}
	if (act)
		rc = LIBC(sigaction)(sig, act, NULL);
	if (rc == 0 && old)
		*old = before;
	return rc;
}
SHIM_EXPORT(sigaction);
SHIM_EXPORT_AS(__sigaction, sigaction);

static sighandler_t install(int sig, sighandler_t handler, int flags,
			    bool blocks_itself)
{
	struct sigaction old, sa = { .sa_handler = handler,
				     .sa_flags = flags };

	if (handler == SIG_ERR || sig < 1 || sig >= SIGNALS) {
		errno = EINVAL;
		return SIG_ERR;
	}
	if (blocks_itself)
		sigaddset(&sa.sa_mask, sig);
	return shim_sigaction(sig, &sa, &old) < 0 ? SIG_ERR : old.sa_handler;
}

sighandler_t shim_signal(int sig, sighandler_t handler)
{
	uint64_t no_restart = __atomic_load_n(&interrupting, __ATOMIC_RELAXED);
	bool restarts = sig < 1 || sig >= SIGNALS || !(no_restart & bit(sig));

	return install(sig, handler, restarts ? SA_RESTART : 0, true);
}
SHIM_EXPORT(signal);
SHIM_EXPORT_AS(bsd_signal, signal);
SHIM_EXPORT_AS(ssignal, signal);

sighandler_t shim_sysv_signal(int sig, sighandler_t handler)
{
	return install(sig, handler, (int)SA_RESETHAND | SA_NODEFER, false);
}
SHIM_EXPORT(sysv_signal);
SHIM_EXPORT_AS(__sysv_signal, sysv_signal);

/* It is libc's, which also knows signals that are held. */
sighandler_t shim_sigset(int sig, sighandler_t handler)
{
	struct sigaction before = { .sa_handler = SIG_DFL }, sa;
	sighandler_t result;

	if (sig > 0 && sig < SIGNALS &&
	    LIBC(sigaction)(sig, NULL, &before) == 0)
		show_its_own(sig, &before);
	result = LIBC(sigset)(sig, handler);
	if (result == SIG_ERR || sig < 1 || sig >= SIGNALS)
		return result;
	if (LIBC(sigaction)(sig, NULL, &sa) == 0 && is_handler(&sa) &&
	    sa.sa_sigaction != run_handler)
		shim_sigaction(sig, &sa, NULL);
	return result == (sighandler_t)(void *)run_handler ?
		       before.sa_handler :
		       result;
}
SHIM_EXPORT(sigset);

int shim_siginterrupt(int sig, int flag)
{
	int rc = LIBC(siginterrupt)(sig, flag);
	struct sigaction sa;

	if (rc < 0)
		return rc;
	if (flag)
		__atomic_or_fetch(&interrupting, bit(sig), __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&interrupting, ~bit(sig), __ATOMIC_RELAXED);
	if (LIBC(sigaction)(sig, NULL, &sa) == 0 &&
	    sa.sa_sigaction == run_handler && !shim_is_borrowed())
		actions[sig].flags = (actions[sig].flags & ~SA_RESTART) |
				     (sa.sa_flags & SA_RESTART);
	return rc;
}
SHIM_EXPORT(siginterrupt);
