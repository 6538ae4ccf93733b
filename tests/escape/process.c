/* SPDX-License-Identifier: Apache-2.0 */
/* By other processes of the same user: the victim stands for relay, launcher
 * and all the rest of what the user runs. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

static int is_secret(const char *text)
{
	return memcmp(text, SECRET, sizeof(SECRET)) == 0 ? OUT : HELD;
}

static int done(long rc)
{
	return rc < 0 ? failed() : OUT;
}

static int kill_victim(void)
{
	return done(kill(target.victim, SIGUSR1));
}

static int sigqueue_victim(void)
{
	return done(sigqueue(target.victim, SIGUSR1, (union sigval){0}));
}

static int tgkill_victim(void)
{
	return done(raw(SYS_tgkill, target.victim, target.victim, SIGUSR1));
}

static int pidfd_signal(void)
{
	int fd = raw(SYS_pidfd_open, target.victim, 0);

	if (fd < 0)
		return failed();
	return done(raw(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
}

static int pidfd_getfd_victim(void)
{
	int fd = raw(SYS_pidfd_open, target.victim, 0), got;

	if (fd < 0)
		return failed();
	got = raw(SYS_pidfd_getfd, fd, target.victim_fd, 0);
	return got < 0 ? failed() : greeted(got);
}

static int ptrace_attach(void)
{
	long rc = ptrace(PTRACE_SEIZE, target.victim, 0, 0);

	if (rc < 0)
		return failed();
	ptrace(PTRACE_DETACH, target.victim, 0, 0);
	return OUT;
}

/* Calls changed after the filter has looked, by one's own tracer. */
static int ptrace_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		return failed();
	kill(pid, SIGKILL);
	return OUT;
}

static int pvm_readv(void)
{
	char text[sizeof(SECRET)] = "";
	struct iovec own = {text, sizeof(text)};
	struct iovec far = {(void *)target.secret, sizeof(text)};

	if (process_vm_readv(target.victim, &own, 1, &far, 1, 0) < 0)
		return failed();
	return is_secret(text);
}

static int pvm_writev(void)
{
	char text[sizeof(SECRET)] = SECRET;
	struct iovec own = {text, sizeof(text)};
	struct iovec far = {(void *)target.secret, sizeof(text)};

	return done(process_vm_writev(target.victim, &own, 1, &far, 1, 0));
}

static int open_proc(const char *file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", target.victim, file);
	return open(path, flags);
}

static int proc_mem(void)
{
	char text[sizeof(SECRET)] = "";
	int fd = open_proc("mem", O_RDWR);

	if (fd < 0)
		return failed();
	if (pread(fd, text, sizeof(text), target.secret) < 0)
		return failed();
	return is_secret(text);
}

static int proc_environ(void)
{
	char text[65536];
	int fd = open_proc("environ", O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return failed();
	len = read(fd, text, sizeof(text));
	if (len <= 0)
		return failed();
	return memmem(text, len, "ESCAPE_SECRET_ENV=" SECRET,
		      strlen("ESCAPE_SECRET_ENV=" SECRET))
		       ? OUT
		       : HELD;
}

/* A file that the victim has open, whose name is gone. */
static int proc_fd(void)
{
	char text[sizeof(SECRET)] = "";
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "fd/%d", target.victim_fd + 1);
	fd = open_proc(name, O_RDONLY);
	if (fd < 0)
		return failed();
	return pread(fd, text, sizeof(text) - 1, 0) < 0 ? failed()
							: is_secret(text);
}

static int proc_root(void)
{
	int fd = open_proc("root", O_RDONLY | O_DIRECTORY);

	return done(fd);
}

static int proc_ns(void)
{
	return done(open_proc("ns/net", O_RDONLY));
}

static int setns_victim(void)
{
	int fd = open_proc("ns/net", O_RDONLY);

	if (fd < 0)
		return failed();
	return done(setns(fd, CLONE_NEWNET));
}

static int prlimit_victim(void)
{
	struct rlimit limit = {64, 64};

	return done(prlimit(target.victim, RLIMIT_CORE, &limit, NULL));
}

static int setpriority_victim(void)
{
	return done(setpriority(PRIO_PROCESS, target.victim, 10));
}

static int affinity_victim(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return done(sched_setaffinity(target.victim, sizeof(set), &set));
}

static int scheduler_victim(void)
{
	struct sched_param param = {0};

	return done(sched_setscheduler(target.victim, SCHED_BATCH, &param));
}

static int ioprio_victim(void)
{
	return done(raw(SYS_ioprio_set, 1, target.victim, (3 << 13)));
}

static int kcmp_victim(void)
{
	return done(raw(SYS_kcmp, getpid(), target.victim, 1, 0, 0));
}

/* Whoever started us: the launcher, in a sandbox. */
static int kill_parents(void)
{
	char path[64], line[256];
	pid_t pid = getppid();
	int rc = -ESRCH;
	FILE *file;

	while (pid > 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		file = fopen(path, "r");
		line[0] = '\0';
		if (file && !fgets(line, sizeof(line), file))
			line[0] = '\0';
		if (file)
			fclose(file);
		/* natively any process outside of ours proves the way */
		if (strncmp(line, "probe", 5) && kill(pid, 0) == 0)
			return OUT;
		if (strncmp(line, "probe", 5))
			rc = failed();
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%*d (%*[^)]) %*c %d", &pid) != 1)
			pid = 0;
		if (file)
			fclose(file);
	}
	return rc;
}

static bool is_named(const char *pid, const char *name)
{
	char path[300], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return !strncmp(line, name, strlen(name));
}

static int takes_signal(pid_t pid)
{
	return kill(pid, 0) == 0 ? OUT : failed();
}

static int opens_memory(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return failed();
	close(fd);
	return OUT;
}

/* Every process that is seen: with whom outside can it be done? */
static int by_name(const char *name, int (*act)(pid_t pid))
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int rc = -ESRCH;

	while (proc && rc != OUT && (entry = readdir(proc)))
		if (atoi(entry->d_name) > 0 && is_named(entry->d_name, name))
			rc = act(atoi(entry->d_name));
	if (proc)
		closedir(proc);
	return rc;
}

static int relay_kill(void)
{
	int rc = by_name("fdnet-relay", takes_signal);

	/* natively there may be none: the server stands for it */
	return rc == OUT ? rc : by_name("host", takes_signal);
}

/* Both are of the same user, and look into what we do. */
static int relay_memory(void)
{
	int rc = by_name("fdnet-relay", opens_memory);

	return rc == OUT ? rc : by_name("host", opens_memory);
}

static int launcher_memory(void)
{
	int rc = by_name("fdnet-run", opens_memory);

	return rc == OUT ? rc : by_name("host", opens_memory);
}

static int kill_all(void)
{
	/* signal 0 to all: succeeds when anybody else may be signalled */
	return kill(-1, 0) == 0 && kill(target.victim, 0) == 0 ? OUT : failed();
}

const struct attempt process_attempts[] = {
	{"kill_victim", kill_victim},
	{"sigqueue_victim", sigqueue_victim},
	{"tgkill_victim", tgkill_victim},
	{"pidfd_signal", pidfd_signal},
	{"pidfd_getfd", pidfd_getfd_victim},
	{"ptrace_attach", ptrace_attach},
	{"ptrace_child", ptrace_child},
	{"pvm_readv", pvm_readv},
	{"pvm_writev", pvm_writev},
	{"proc_mem", proc_mem},
	{"proc_environ", proc_environ},
	{"proc_fd", proc_fd},
	{"proc_root", proc_root},
	{"proc_ns", proc_ns},
	{"setns_victim", setns_victim},
	{"prlimit_victim", prlimit_victim},
	{"setpriority_victim", setpriority_victim},
	{"affinity_victim", affinity_victim},
	{"scheduler_victim", scheduler_victim},
	{"ioprio_victim", ioprio_victim},
	{"kcmp_victim", kcmp_victim},
	{"kill_parents", kill_parents},
	{"relay_kill", relay_kill},
	{"relay_memory", relay_memory},
	{"launcher_memory", launcher_memory},
	{"kill_all", kill_all},
	{NULL, NULL},
};
