/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that put themselves under a seccomp filter, as sshd's child that
 * talks to strangers: reads, writes, waits, and nothing else. */
#include "probe.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LET(name)                                                              \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                 \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter code[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	LET(read),
	LET(write),
#ifdef SYS_poll
	LET(poll),
#endif
	LET(ppoll),
	LET(close),
	LET(shutdown),
	LET(rt_sigprocmask),
	LET(clock_gettime),
	LET(futex),
	LET(getpid),
	LET(exit_group),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

static int confine(bool by_number)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (by_number)
		return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
				    &filter);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* Gives back what comes, in capitals, until the end. */
static void serve(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[64];
	ssize_t n;

	while (poll(&p, 1, 10000) == 1) {
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			buf[i] = (char)(buf[i] - 32);
		if (write(fd, buf, (size_t)n) != n)
			break;
	}
	shutdown(fd, SHUT_WR);
	close(fd);
	/* _exit() of libc's is more than one call */
	syscall(SYS_exit_group, 7);
}

static void ask(int fd, pid_t child)
{
	char buf[16];
	int status = 0;
	ssize_t n = 0;

	say(write(fd, "hello", 5), "write");
	while (n < 5) {
		ssize_t rc = read(fd, buf + n, sizeof(buf) - (size_t)n);

		if (rc <= 0)
			break;
		n += rc;
	}
	say(n, "answer");
	say_bool(n == 5 && !memcmp(buf, "HELLO", 5), "in capitals");
	say(shutdown(fd, SHUT_WR), "shutdown");
	say(read(fd, buf, sizeof(buf)), "end");
	close(fd);
	waitpid(child, &status, 0);
	say(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
	    "the child's end");
}

/* A child confines itself with a connection that its parent accepted. */
static void child_serves(bool by_number)
{
	int pair[2];
	pid_t child;

	tcp_pair(pair);
	child = fork();
	if (!child) {
		close(pair[0]);
		if (confine(by_number) < 0)
			_exit(1);
		serve(pair[1]);
	}
	close(pair[1]);
	ask(pair[0], child);
}

static void by_prctl(void)
{
	child_serves(false);
}

static void by_syscall(void)
{
	child_serves(true);
}

/* It has used the connection before. */
static void own_connection(void)
{
	int pair[2], status = 0;
	pid_t child = fork();

	if (!child) {
		tcp_pair(pair);
		if (write(pair[0], "before", 6) != 6 || confine(false) < 0)
			_exit(1);
		char buf[8];

		if (read(pair[1], buf, 8) != 6 || write(pair[1], "x", 1) != 1 ||
		    read(pair[0], buf, 8) != 1)
			syscall(SYS_exit_group, 2);
		syscall(SYS_exit_group, 7);
	}
	waitpid(child, &status, 0);
	say(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
	    "the child's end");
}

/* The kernel is only asked whether it has filters. */
static void question(void)
{
	say(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL), "no filter");
	say(prctl(PR_GET_SECCOMP) >= 0, "PR_GET_SECCOMP");
}

int main(void)
{
	by_prctl();
	by_syscall();
	own_connection();
	question();
	return 0;
}
