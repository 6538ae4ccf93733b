/* SPDX-License-Identifier: Apache-2.0 */
/* fdnet-run's own confinement; see confine.h. */
#include "config.h"

#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/caps.h"
#include "sandbox/fds.h"
#include "sandbox/landlock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* the sanitizers' own system calls */
#define CONFINE_FILTER 0
#else
#define CONFINE_FILTER 1
#endif

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE 0x89e0
#endif
#define SIOCOUTQ_NR	   0x5411
#define NEW_FILE	   (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
#define NEW_SPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
/* of the notifications' ioctls ('!', 0 to 4) all but size and direction */
#define NOTIF_MASK 0xffff
#define NOTIF(nr)  (('!' << 8) | (nr))

#define RULE(name, why_)                                                       \
	{                                                                      \
		.call = #name, .nr = __NR_##name, .why = why_                  \
	}
#define RULE_IF(name, why_, arg_, mask_, count_, ...)                          \
	{                                                                      \
		.call = #name, .nr = __NR_##name, .why = why_,                 \
		.check = CONFINE_EACH, .arg = arg_, .mask = mask_,             \
		.count = count_, .values = {__VA_ARGS__}                       \
	}
#define RULE_OURS(name, why_)                                                  \
	{                                                                      \
		.call = #name, .nr = __NR_##name, .why = why_,                 \
		.check = CONFINE_OURS                                          \
	}

const struct confine_rule confine_rules[] = {
	/* ---- the loop ---- */
#ifdef __NR_epoll_wait
	RULE(epoll_wait, "the loop"),
#endif
	RULE(epoll_pwait, "the loop, in other libcs"),
	RULE(epoll_ctl, "calls that wait, connections"),
#ifdef __NR_poll
	RULE(poll, "has everybody ended?"),
#endif
	RULE(ppoll, "the same, on newer machines"),
	RULE(clock_gettime, "where the vdso cannot"),
	RULE(read, "signals, /proc/PID/status, standard input"),
	RULE(write, "messages, standard output"),
	RULE(close, "what a call needed"),
	RULE(fcntl, "is it non-blocking?"),
	RULE(wait4, "the program's status"),
	RULE(waitid, "the same, in other libcs"),
	RULE(restart_syscall, "after SIGSTOP"),
	RULE(exit_group, "the end"),

	/* ---- notified calls ---- */
	RULE_IF(ioctl, "notifications and their answers", 1, NOTIF_MASK, 5,
		NOTIF(0), NOTIF(1), NOTIF(2), NOTIF(3), NOTIF(4)),
	RULE_IF(ioctl, "which inode has a bound socket?", 1, 0xffffffff, 1,
		SIOCUNIXFILE),
	RULE_IF(ioctl, "has a datagram been read?", 1, 0xffffffff, 1,
		SIOCOUTQ_NR),
	RULE(process_vm_readv, "arguments of a call"),
	RULE(pwrite64, "its results, by /proc/PID/mem"),
	RULE(pread64, "whom a datagram is from (relay/nametag.h)"),
	RULE(memfd_create, "an address that goes beside a long datagram"),
	RULE(pidfd_open, "the caller"),
	RULE(pidfd_getfd, "its socket"),
	RULE_IF(openat, "the caller's memory, status and folders, paths of "
			"AF_UNIX sockets; no file is made",
		2, NEW_FILE, 1, 0),
	RULE(fstat, "which file is it?"),
	RULE(newfstatat, "the same, in newer libcs"),
	RULE(statx, "was it made just now?"),
	RULE(fstatfs, "what was passed?"),
#ifdef __NR_readlink
	RULE(readlink, "the same"),
#endif
	RULE(readlinkat, "the same, on newer machines"),
	RULE_IF(setresuid, "as the caller to files; the real user stays", 0,
		0xffffffff, 1, 0xffffffff),
	RULE_IF(setresgid, "as the caller to files; the real group stays", 0,
		0xffffffff, 1, 0xffffffff),
	RULE(setfsuid, "as the caller to files"),
	RULE(setfsgid, "as the caller to files"),
	RULE(setgroups, "as the caller to files"),
	RULE(capset, "as the caller to files"),
	RULE_IF(prctl, "and nobody may trace us afterwards", 1, 0xffffffff, 1,
		0),
	RULE(fchdir, "bind from the caller's folder"),
	RULE(chdir, "and back"),
	RULE(chroot, "and where its paths begin, if it changed that"),
	RULE(umask, "with the caller's mask"),

	/* ---- sockets: of this machine's processes, never of a network ---- */
	RULE_IF(socket, "to what --unix names", 0, 0xffffffff, 1, AF_UNIX),
	RULE_IF(socketpair, "what the program gets for a socket", 0, 0xffffffff,
		1, AF_UNIX),
	RULE(bind, "the caller's AF_UNIX socket"),
	RULE(connect, "the caller's AF_UNIX socket"),
	RULE(listen, "the caller's AF_UNIX socket"),
	RULE(accept4, "the caller's AF_UNIX socket"),
	RULE(getsockopt, "what it is"),
	RULE(setsockopt, "time limits, sizes"),
	RULE(getsockname, "names of AF_UNIX sockets"),
	RULE(getpeername, "is it connected?"),
	RULE(sendto, "datagrams for a caller"),
	RULE(sendmsg, "requests to the relay, with a socket"),
	RULE(recvfrom, "answers of the relay"),
	RULE(recvmsg, "accepted connections"),
	RULE(shutdown, "an end that is passed on"),
	RULE(dup, "connections that were passed"),

	/* ---- signals ---- */
	RULE_OURS(kill, "passed on to the program"),
	RULE_OURS(rt_sigqueueinfo, "the same, with a value"),
	RULE_OURS(tgkill, "stops with the program"),
	RULE(getpid, "to stop; whose connection is it?"),
	RULE(gettid, "to stop"),
	RULE(rt_sigprocmask, "to stop"),
	RULE(rt_sigaction, "abort()"),
	RULE(rt_sigreturn, "back from a handler"),

	/* ---- memory ---- */
	RULE(brk, "memory"),
	RULE_IF(mmap, "memory, nothing of which is run", 2, PROT_EXEC, 1, 0),
	RULE(munmap, "memory"),
	RULE(mremap, "memory"),
	RULE(madvise, "memory given back"),
	RULE(futex, "locks inside libc"),
	RULE(getrandom, "malloc()"),

	/* ---- what outlives the program is served by a child of ours ---- */
	RULE_IF(clone, "that child", 0, NEW_SPACES, 1, 0),
	RULE(set_robust_list, "fork()"),
	RULE(setsid, "it leaves the terminal"),
#ifdef __NR_dup2
	RULE(dup2, "/dev/null"),
#endif
	RULE(dup3, "the same, on newer machines"),
};

const size_t confine_rule_count =
	sizeof(confine_rules) / sizeof(*confine_rules);

static int allow(scmp_filter_ctx ctx, const struct confine_rule *rule,
		 const struct confine_pids *pids)
{
	const pid_t ours[] = {pids->program, pids->child, pids->own};
	size_t i;
	int rc = 0;

	if (rule->check == CONFINE_NONE)
		return seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, rule->nr, 0);
	for (i = 0; rc == 0 && rule->check == CONFINE_EACH && i < rule->count;
	     i++)
		rc = seccomp_rule_add_exact(
			ctx, SCMP_ACT_ALLOW, rule->nr, 1,
			SCMP_CMP(rule->arg, SCMP_CMP_MASKED_EQ, rule->mask,
				 rule->values[i]));
	for (i = 0; rc == 0 && rule->check == CONFINE_OURS && i < 3; i++)
		if (ours[i] > 0)
			rc = seccomp_rule_add_exact(
				ctx, SCMP_ACT_ALLOW, rule->nr, 1,
				SCMP_CMP(rule->arg, SCMP_CMP_MASKED_EQ,
					 0xffffffff, ours[i]));
	/* the program may be the first process itself */
	return rc == -EEXIST ? 0 : rc;
}

int confine_build(const struct confine_pids *pids, struct filter_prog *ret_prog)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	size_t i;
	int rc;

	if (!ctx)
		return -ENOMEM;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			      SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (i = 0; rc == 0 && i < confine_rule_count; i++)
		rc = allow(ctx, &confine_rules[i], pids);
	if (rc == 0)
		rc = filter_export(ctx, ret_prog);
	seccomp_release(ctx);
	return rc;
}

int confine_early(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return landlock_restrict_launcher();
}

/* Each call may need some, of many callers. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int confine_late(const struct confine_pids *pids, int *keep, size_t keep_count)
{
	const struct rlimit none = {0, 0};
	struct filter_prog prog;
	int rc;

	rc = fds_close_but(keep, keep_count);
	if (rc < 0)
		return rc;
	raise_files();
	setrlimit(RLIMIT_CORE, &none);
	rc = caps_drop_launcher();
	if (rc < 0 || !CONFINE_FILTER)
		return rc;
	rc = confine_build(pids, &prog);
	if (rc < 0)
		return rc;
	rc = filter_load_program(&prog, 0);
	free(prog.insns);
	return rc < 0 ? rc : 0;
}

void confine_show(FILE *out)
{
	size_t i, j;

	fprintf(out, "\nSystem calls that fdnet-run makes while the program "
		     "runs; all others are refused to it (EPERM).\n\n");
	for (i = 0; i < confine_rule_count; i++) {
		const struct confine_rule *rule = &confine_rules[i];
		char text[96] = "always";
		int len;

		if (rule->check == CONFINE_OURS)
			strcpy(text, "arg0 is the program, or itself");
		if (rule->check == CONFINE_EACH) {
			len = snprintf(text, sizeof(text),
				       "(arg%u & 0x%x) == 0x%x", rule->arg,
				       rule->mask, rule->values[0]);
			for (j = 1; j < rule->count; j++)
				len += snprintf(text + len, sizeof(text) - len,
						", 0x%x", rule->values[j]);
		}
		fprintf(out, "%-18s %-40s %s\n", rule->call, text, rule->why);
	}
}
