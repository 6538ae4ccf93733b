/* SPDX-License-Identifier: Apache-2.0 */
/* To the host by another program, or by the same one started otherwise. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

extern char **environ;

#ifndef ESCAPE_STATIC
int preinit_result(void);
#endif

/* The child's exit status is its outcome: 0 is OUT. */
static int wait_outcome(pid_t pid)
{
	int status;

	if (pid < 0)
		return failed();
	if (waitpid(pid, &status, 0) < 0)
		return failed();
	if (WIFSIGNALED(status))
		return -ECHILD;
	return WEXITSTATUS(status) == 0 ? OUT : -WEXITSTATUS(status);
}

static int as_status(int outcome)
{
	return outcome < 0 ? -outcome & 0x7f : outcome;
}

void act_again(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--connect")) {
		target.port = atoi(argv[2]);
		_exit(as_status(raw_tcp_to_host()));
	}
	if (argc == 2 && !strcmp(argv[1], "--euid"))
		_exit(geteuid() == 0 ? 0 : EPERM);
#ifndef ESCAPE_STATIC
	if (argc == 2 && !strcmp(argv[1], "--preinit"))
		_exit(as_status(preinit_result()));
#endif
}

static char *const *connect_argv(void)
{
	static char port[16];
	static char name[] = "probe", word[] = "--connect";
	static char *argv[] = {name, word, port, NULL};

	snprintf(port, sizeof(port), "%d", target.port);
	return argv;
}

static int exec_with(char **env)
{
	pid_t pid = fork();

	if (pid == 0) {
		execve("/proc/self/exe", connect_argv(), env);
		_exit(errno & 0x7f);
	}
	return wait_outcome(pid);
}

static int empty_env(void)
{
	char *none[] = {NULL};

	return exec_with(none);
}

static int unset_preload(void)
{
	unsetenv("LD_PRELOAD");
	unsetenv("FDNET_RELAY");
	return exec_with(environ);
}

static int bad_preload(void)
{
	setenv("LD_PRELOAD", "/nonexistent/lib.so", 1);
	return exec_with(environ);
}

static int vfork_exec(void)
{
	char *none[] = {NULL};
	char *const *argv = connect_argv();
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/proc/self/exe", argv, none);
		_exit(errno & 0x7f);
	}
	return wait_outcome(pid);
}

static int memfd_exec(void)
{
	char *none[] = {NULL};
	int from = open("/proc/self/exe", O_RDONLY);
	int memory = memfd_create("probe", MFD_CLOEXEC);
	struct stat st;
	pid_t pid;

	if (from < 0 || memory < 0 || fstat(from, &st) < 0)
		return failed();
	while (sendfile(memory, from, NULL, st.st_size) > 0)
		;
	pid = fork();
	if (pid == 0) {
		fexecve(memory, connect_argv(), none);
		_exit(errno & 0x7f);
	}
	return wait_outcome(pid);
}

static int preinit_tcp(void)
{
#ifndef ESCAPE_STATIC
	char name[] = "probe", word[] = "--preinit";
	char *argv[] = {name, word, NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execve("/proc/self/exe", argv, environ);
		_exit(errno & 0x7f);
	}
	return wait_outcome(pid);
#else
	return NOT_HERE;
#endif
}

/* A set-uid root copy of ourselves, which `run` has made as root. */
static int setuid_program(void)
{
	char path[256];
	char name[] = "probe", word[] = "--euid";
	char *argv[] = {name, word, NULL};
	struct stat st;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/setuid", target.dir);
	if (geteuid() == 0 || stat(path, &st) < 0)
		return NOT_HERE;
	pid = fork();
	if (pid == 0) {
		execv(path, argv);
		_exit(errno & 0x7f);
	}
	return wait_outcome(pid);
}

/* Our parent has ended: what held us must not have lived there. */
static int orphan_tcp(void)
{
	int pipefd[2], outcome = HELD;
	pid_t middle;

	if (pipe(pipefd) < 0)
		return failed();
	middle = fork();
	if (middle == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		usleep(50000);
		outcome = raw_tcp_to_host();
		if (write(pipefd[1], &outcome, sizeof(outcome)) < 0)
			_exit(1);
		_exit(0);
	}
	waitpid(middle, NULL, 0);
	if (read(pipefd[0], &outcome, sizeof(outcome)) < 0)
		return failed();
	return outcome;
}

/* A filter of one's own only adds: a mild one must not open anything. */
static int own_filter(void)
{
	struct {
		unsigned short code;
		unsigned char jt, jf;
		unsigned int k;
	} allow = {0x06, 0, 0, SECCOMP_RET_ALLOW};
	struct {
		unsigned short len;
		void *filter;
	} prog = {1, &allow};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return failed();
	return raw_tcp_to_host();
}

/* Who answers refused calls may let them go on. */
static int own_listener(void)
{
	struct {
		unsigned short code;
		unsigned char jt, jf;
		unsigned int k;
	} allow = {0x06, 0, 0, SECCOMP_RET_ALLOW};
	struct {
		unsigned short len;
		void *filter;
	} prog = {1, &allow};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog) < 0)
		return failed();
	return OUT;
}

const struct attempt exec_attempts[] = {
	{"empty_env", empty_env},
	{"unset_preload", unset_preload},
	{"bad_preload", bad_preload},
	{"vfork_exec", vfork_exec},
	{"memfd_exec", memfd_exec},
	{"preinit_tcp", preinit_tcp},
	{"setuid_program", setuid_program},
	{"orphan_tcp", orphan_tcp},
	{"own_filter", own_filter},
	{"own_listener", own_listener},
	{NULL, NULL},
};
