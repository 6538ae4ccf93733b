/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/signal.h"

#include <signal.h>
#include <stdint.h>

#include "shim/call.h"

#define SIGNALS 65

typedef void (*action_fn)(int, siginfo_t *, void *);

/* What the program has installed, as far as it is called by ours. */
static struct {
	action_fn fn; /* NULL: the kernel calls it itself */
	int flags;
} actions[SIGNALS];

/* Which handler has run must be known. Never cleared. */
static bool mixed;

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

static void run_handler(int sig, siginfo_t *info, void *context)
{
	action_fn fn = __atomic_load_n(&actions[sig].fn, __ATOMIC_ACQUIRE);

	uint64_t before = ran;

	/* one argument or three: where they are passed is the same */
	if (fn)
		fn(sig, info, context);
	ran = before | bit(sig); /* it may have waited itself */
}

/* @act with our handler in front of the program's. */
static void put_ours(int sig, struct sigaction *act)
{
	actions[sig].flags = act->sa_flags;
	__atomic_store_n(&actions[sig].fn, act->sa_sigaction,
			 __ATOMIC_RELEASE);
	act->sa_sigaction = run_handler;
	act->sa_flags |= SA_SIGINFO;
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

static void wrap(int sig)
{
	struct sigaction sa;

	if (LIBC(sigaction)(sig, NULL, &sa) < 0 || !is_handler(&sa) ||
	    sa.sa_sigaction == run_handler)
		return;
	put_ours(sig, &sa);
	LIBC(sigaction)(sig, &sa, NULL);
}

/* Are there handlers that restart calls, and such as do not? One that is gone
 * once it has run can not be asked afterwards. */
static bool disagree(void)
{
	bool any[2] = { false, false };
	struct sigaction sa;

	for (int sig = 1; sig < SIGNALS; sig++) {
		if (LIBC(sigaction)(sig, NULL, &sa) < 0 || !is_handler(&sa))
			continue;
		any[(sa.sa_flags & SA_RESTART) != 0] = true;
		any[1] = any[1] || sa.sa_flags & SA_RESETHAND;
	}
	return any[0] && any[1];
}

/* A handler was installed, or its flags were changed. */
static void look_again(void)
{
	shim_note_handler();
	if (mixed || shim_is_borrowed() || !disagree())
		return;
	mixed = true;
	for (int sig = 1; sig < SIGNALS; sig++)
		wrap(sig);
}

void shim_signal_watch(void)
{
	if (mixed)
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
	struct sigaction ours;
	bool is_new;
	int rc;

	if (sig < 1 || sig >= SIGNALS)
		return LIBC(sigaction)(sig, act, old);
	is_new = act && is_handler(act);
	/* a vfork() child's handlers are its own, our memory its parent's */
	if (is_new && mixed && !shim_is_borrowed()) {
		struct sigaction before;

		rc = LIBC(sigaction)(sig, NULL, &before);
		if (rc < 0)
			return rc;
		show_its_own(sig, &before);
		ours = *act;
		if (ours.sa_sigaction != run_handler)
			put_ours(sig, &ours);
		rc = LIBC(sigaction)(sig, &ours, NULL);
		if (rc == 0 && old)
			*old = before;
		return rc;
	}
	rc = LIBC(sigaction)(sig, act, old);
	if (rc < 0)
		return rc;
	if (old)
		show_its_own(sig, old);
	if (is_new)
		look_again();
	return rc;
}
SHIM_EXPORT(sigaction);
SHIM_EXPORT_AS(__sigaction, sigaction);

/* The other ways to install one are libc's, which tells us what it made of
 * it: before and after. */
static sighandler_t installed(int sig, sighandler_t handler,
			      const struct sigaction *before,
			      sighandler_t result)
{
	if (result == SIG_ERR || sig < 1 || sig >= SIGNALS)
		return result;
	if (handler != SIG_DFL && handler != SIG_IGN) {
		look_again();
		if (mixed && !shim_is_borrowed())
			wrap(sig);
	}
	return result == (sighandler_t)(void *)run_handler ?
		       before->sa_handler :
		       result;
}

static void look_before(int sig, struct sigaction *ret)
{
	*ret = (struct sigaction){ .sa_handler = SIG_DFL };
	if (sig > 0 && sig < SIGNALS && LIBC(sigaction)(sig, NULL, ret) == 0)
		show_its_own(sig, ret);
}

sighandler_t shim_signal(int sig, sighandler_t handler)
{
	struct sigaction before;

	look_before(sig, &before);
	return installed(sig, handler, &before, LIBC(signal)(sig, handler));
}
SHIM_EXPORT(signal);
SHIM_EXPORT_AS(bsd_signal, signal);
SHIM_EXPORT_AS(ssignal, signal);

sighandler_t shim_sysv_signal(int sig, sighandler_t handler)
{
	struct sigaction before;

	look_before(sig, &before);
	return installed(sig, handler, &before,
			 LIBC(sysv_signal)(sig, handler));
}
SHIM_EXPORT(sysv_signal);
SHIM_EXPORT_AS(__sysv_signal, sysv_signal);

sighandler_t shim_sigset(int sig, sighandler_t handler)
{
	struct sigaction before;

	look_before(sig, &before);
	return installed(sig, handler, &before, LIBC(sigset)(sig, handler));
}
SHIM_EXPORT(sigset);

int shim_siginterrupt(int sig, int flag)
{
	int rc = LIBC(siginterrupt)(sig, flag);
	struct sigaction sa;

	if (rc < 0)
		return rc;
	look_again();
	if (LIBC(sigaction)(sig, NULL, &sa) == 0 &&
	    sa.sa_sigaction == run_handler && !shim_is_borrowed())
		actions[sig].flags = (actions[sig].flags & ~SA_RESTART) |
				     (sa.sa_flags & SA_RESTART);
	return rc;
}
SHIM_EXPORT(siginterrupt);
