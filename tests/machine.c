/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that permit less than the one we are tested on, as far as a process
 * can be put into one: `machine KIND USER COMMAND...`, by root.
 *
 * container     what a container engine gives by its defaults: no namespaces,
 *               mounts or looking into processes (by a filter and missing
 *               capabilities), parts of /proc covered
 * no-userns     user.max_user_namespaces = 0
 * userns-empty  a user namespace can be had, and nothing done in it (AppArmor's
 *               restriction in Ubuntu)
 * no-notify     somebody else answers notified calls already
 * yama          who may look into a process is not its user (ptrace_scope 2, 3):
 *               the calls are there, and refused for processes that exist
 * no-landlock, no-pidfd: what older kernels have not, or a filter refuses
 *
 * USER: root, which in no-userns is that of the namespace, or nobody.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void must(int rc, const char *what)
{
	if (rc < 0)
		die(what);
}

/* ---- what a filter takes away ---- */

static const char *const container_refused[] = {
	"unshare",	 "setns",	"mount",	   "umount2",
	"pivot_root",	 "open_tree",	"move_mount",	   "fsopen",
	"fsconfig",	 "fsmount",	"fspick",	   "mount_setattr",
	"pidfd_getfd",	 "kcmp",	"process_madvise", "bpf",
	"perf_event_open", "keyctl",	"add_key",	   "request_key",
	"userfaultfd",	 "io_uring_setup", "io_uring_enter",
	"io_uring_register", "syslog",	"open_by_handle_at", "sethostname",
	NULL};
static const char *const mounts_refused[] = {"mount", "umount2", "pivot_root",
					     NULL};
static const char *const pidfd_refused[] = {"pidfd_getfd", NULL};
static const char *const landlock_refused[] = {
	"landlock_create_ruleset", "landlock_add_rule",
	"landlock_restrict_self", NULL};

static void refuse(scmp_filter_ctx ctx, const char *const *names, int error)
{
	int nr;

	for (; *names; names++) {
		nr = seccomp_syscall_resolve_name(*names);
		if (nr >= 0)
			seccomp_rule_add(ctx, SCMP_ACT_ERRNO(error), nr, 0);
	}
}

static void refuse_flag(scmp_filter_ctx ctx, unsigned long flag)
{
	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
			 SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
}

/* As Yama and others do, who are asked after the arguments were looked at. */
static void refuse_looking(scmp_filter_ctx ctx)
{
	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(pidfd_getfd), 1,
			 SCMP_A0_32(SCMP_CMP_NE, 0xffffffff));
	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(process_vm_readv),
			 1, SCMP_A2(SCMP_CMP_NE, 0));
}

static void load_filter(const char *kind)
{
	static const unsigned long flags[] = {
		CLONE_NEWNS,   CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
		CLONE_NEWPID,  CLONE_NEWNET, CLONE_NEWCGROUP};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	const char *const clone3[] = {"clone3", NULL};

	/* as the engine does it, who needs no such promise */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (!strcmp(kind, "container")) {
		refuse(ctx, container_refused, EPERM);
		refuse(ctx, clone3, ENOSYS);
		for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
			refuse_flag(ctx, flags[i]);
	} else if (!strcmp(kind, "userns-empty")) {
		refuse(ctx, mounts_refused, EACCES);
	} else if (!strcmp(kind, "no-landlock")) {
		refuse(ctx, landlock_refused, ENOSYS);
	} else if (!strcmp(kind, "yama")) {
		refuse_looking(ctx);
	} else if (!strcmp(kind, "no-pidfd")) {
		refuse(ctx, pidfd_refused, EPERM);
	} else if (!strcmp(kind, "no-notify")) {
		seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EBUSY), SCMP_SYS(seccomp),
				 1,
				 SCMP_A1(SCMP_CMP_MASKED_EQ,
					 SECCOMP_FILTER_FLAG_NEW_LISTENER,
					 SECCOMP_FILTER_FLAG_NEW_LISTENER));
	}
	must(seccomp_load(ctx), "seccomp_load");
	seccomp_release(ctx);
}

/* ---- mounts, processes ---- */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void wait_for(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0), "waitpid");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void enter_container(void)
{
	pid_t pid;

	must(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS),
	     "unshare");
	pid = fork();
	if (pid != 0)
		wait_for(pid);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/");
	must(mount("proc", "/proc", "proc", 0, NULL), "proc");
	must(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL), "sys");
	must(mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY,
		   NULL),
	     "sys");
	/* as the engine hides it */
	if (mount("/dev/null", "/proc/kcore", NULL, MS_BIND, NULL) < 0 &&
	    errno != ENOENT)
		die("kcore");
}

/* All users, but no namespace below. */
static void enter_userns(void)
{
	int ready[2], go[2];
	char path[64], byte;
	pid_t pid;

	must(pipe(ready), "pipe");
	must(pipe(go), "pipe");
	pid = fork();
	if (pid != 0) {
		must((int)read(ready[0], &byte, 1), "read");
		snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
		write_text(path, "0 0 65536");
		snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
		write_text(path, "0 0 65536");
		must((int)write(go[1], "x", 1), "write");
		wait_for(pid);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(unshare(CLONE_NEWUSER), "unshare");
	must((int)write(ready[1], "x", 1), "write");
	must((int)read(go[0], &byte, 1), "read");
	write_text("/proc/sys/user/max_user_namespaces", "0");
	/* the namespace's root is none outside */
	for (int fd = 3; fd < 16; fd++)
		close(fd);
}

/* ---- who ---- */

/* What the engines leave to root. */
static void limit_root(void)
{
	static const int kept[] = {
		CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FSETID,     CAP_FOWNER,
		CAP_MKNOD,  CAP_NET_RAW,      CAP_SETGID,     CAP_SETUID,
		CAP_SETFCAP, CAP_SETPCAP,     CAP_NET_BIND_SERVICE,
		CAP_SYS_CHROOT, CAP_KILL,     CAP_AUDIT_WRITE};
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {{0}};
	uint64_t mask = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		mask |= UINT64_C(1) << kept[i];
	for (int cap = 0; cap < 64; cap++)
		if (!(mask >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	data[0].effective = data[0].permitted = (uint32_t)mask;
	must((int)syscall(SYS_capset, &header, data), "capset");
}

static void become_nobody(void)
{
	must(setgroups(0, NULL), "setgroups");
	must(setresgid(NOBODY, NOBODY, NOBODY), "setresgid");
	must(setresuid(NOBODY, NOBODY, NOBODY), "setresuid");
}

int main(int argc, char **argv)
{
	bool nobody;

	if (argc < 4) {
		fprintf(stderr, "usage: machine KIND USER COMMAND...\n");
		return 99;
	}
	if (geteuid() != 0)
		return 77;
	nobody = !strcmp(argv[2], "nobody");
	if (!strcmp(argv[1], "container"))
		enter_container();
	if (!strcmp(argv[1], "no-userns"))
		enter_userns();
	else
		load_filter(argv[1]);
	if (nobody)
		become_nobody();
	else if (!strcmp(argv[1], "container") ||
		 !strcmp(argv[1], "no-userns"))
		limit_root();
	execvp(argv[3], argv + 3);
	die(argv[3]);
}
