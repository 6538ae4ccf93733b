/* SPDX-License-Identifier: Apache-2.0 */
/* Children by clone() without shared memory, by libc's function and by the
 * system calls: what they inherit, what they make, what stays their parent's. */
#include "probe.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int conn;
static uint16_t port;

static int child(void *arg)
{
	char buf[8];
	int fd;

	(void)arg;
	alarm(30);
	if (recv(conn, buf, 3, MSG_WAITALL) != 3 || memcmp(buf, "for", 3))
		return 1;
	if (send(conn, "from a child", 12, 0) != 12)
		return 2;
	fd = new_tcp(0);
	if (connect_loopback(fd, port) < 0)
		return 3;
	if (send(fd, "its own", 7, 0) != 7)
		return 4;
	close(conn);
	return 42;
}

static char stack[1 << 18] __attribute__((aligned(16)));

static pid_t by_clone(void)
{
	return clone(child, stack + sizeof(stack), SIGCHLD, NULL);
}

static pid_t by_clone_with_more(void)
{
	static pid_t told;
	pid_t pid = clone(child, stack + sizeof(stack),
			  SIGCHLD | CLONE_PARENT_SETTID, NULL, &told);

	say_bool(pid == told, "it tells its number");
	return pid;
}

static pid_t by_syscall(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(child(NULL));
	return pid;
}

static pid_t by_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	/* inside the fence, as on an older kernel */
	if (pid < 0 && errno == ENOSYS)
		return by_syscall();
	if (pid == 0)
		_exit(child(NULL));
	return pid;
}

static void try_it(pid_t (*fn)(void), const char *how)
{
	int listener = new_listener(&port), fds[2], status = -1, fd;
	char buf[16];
	pid_t pid;

	tcp_pair(fds);
	conn = fds[0];
	send(fds[1], "for", 3, 0);
	ready(conn, POLLIN);
	pid = fn();
	need(pid, how);
	say(recv(fds[1], buf, 12, MSG_WAITALL), "%s, from a child", how);
	fd = accept(listener, NULL, NULL);
	say(recv(fd, buf, 7, MSG_WAITALL), "%s, by its own socket", how);
	waitpid(pid, &status, 0);
	say(WIFEXITED(status) ? WEXITSTATUS(status) : -1, "%s, ended", how);
	say(recv(fd, buf, 1, 0), "%s, the end of its own", how);
	say(send(fds[1], "more", 4, 0), "%s, send", how);
	say(recv(fds[0], buf, 4, MSG_WAITALL), "%s, it is ours still", how);
	say(send(fds[0], "back", 4, 0), "%s, and back", how);
	say(recv(fds[1], buf, 4, MSG_WAITALL), "%s, came", how);
	close(fd);
	close_pair(fds);
	close(listener);
}

int main(void)
{
	try_it(by_clone, "clone");
	try_it(by_clone_with_more, "clone with more");
	try_it(by_syscall, "SYS_clone");
	try_it(by_clone3, "SYS_clone3");
	say(clone(child, NULL, SIGCHLD, NULL), "without a stack");
	return 0;
}
