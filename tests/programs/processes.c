/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that each bring their own sockets, and what they share. */
#include "probe.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static int finish(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static int client(uint16_t port)
{
	int fd = new_tcp(0);
	char back[8];

	if (connect_loopback(fd, port) < 0)
		return 1;
	if (send(fd, "hello", 5, 0) != 5)
		return 2;
	if (recv(fd, back, 5, MSG_WAITALL) != 5 || memcmp(back, "HELLO", 5))
		return 3;
	return 0;
}

static void serve(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char back[8];

	say(recv(fd, back, 5, MSG_WAITALL), "the server hears");
	say(send(fd, "HELLO", 5, 0), "the server answers");
	close(fd);
}

static void child_connects(void)
{
	uint16_t port;
	int listener = new_listener(&port);
	pid_t pid = fork();

	if (pid == 0)
		_exit(client(port));
	serve(listener);
	say(finish(pid), "a forked client");
	close(listener);
}

static void child_serves(void)
{
	int pipes[2], fd;
	uint16_t port;
	char back[8];
	pid_t pid;

	need(pipe(pipes), "pipe");
	pid = fork();
	if (pid == 0) {
		int listener = new_listener(&port), served;

		write(pipes[1], &port, sizeof(port));
		served = accept(listener, NULL, NULL);
		recv(served, back, 5, MSG_WAITALL);
		send(served, "HELLO", 5, 0);
		_exit(0);
	}
	need(read(pipes[0], &port, sizeof(port)), "read");
	fd = new_tcp(0);
	say(connect_loopback(fd, port), "connect to a child");
	say(send(fd, "hello", 5, 0), "send to a child");
	say(recv(fd, back, 5, MSG_WAITALL), "its answer");
	say(recv(fd, back, 1, 0), "its end");
	say(finish(pid), "the child that served");
	close(fd);
}

static void ports_are_shared(void)
{
	uint16_t port;
	int listener = new_listener(&port);
	pid_t pid = fork();

	if (pid == 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		_exit(bind_loopback(fd, port) < 0 ? errno : 0);
	}
	say_text(strerrorname_np(finish(pid)), "a port of the parent's");
	close(listener);
}

static void killed_peers(void)
{
	uint16_t port;
	int listener = new_listener(&port), fd;
	char back[8];
	pid_t pid = fork();

	if (pid == 0) {
		fd = new_tcp(0);
		connect_loopback(fd, port);
		send(fd, "x", 1, 0);
		pause();
	}
	fd = accept(listener, NULL, NULL);
	say(recv(fd, back, 8, 0), "from one that will be killed");
	kill(pid, SIGKILL);
	say(recv(fd, back, 8, 0), "its end");
	say(finish(pid) > 1000, "killed");
	close(fd);
	close(listener);
}

static void spawned(const char *self)
{
	uint16_t port;
	int listener = new_listener(&port);
	char text[8];
	char *argv[] = {(char *)self, text, NULL};
	pid_t pid;

	snprintf(text, sizeof(text), "%u", port);
	say(posix_spawn(&pid, self, NULL, NULL, argv, environ), "posix_spawn");
	serve(listener);
	say(finish(pid), "a spawned client");
	pid = fork();
	if (pid == 0) {
		execv(self, argv);
		_exit(99);
	}
	serve(listener);
	say(finish(pid), "an executed client");
	pid = vfork();
	if (pid == 0) {
		execv(self, argv);
		_exit(99);
	}
	serve(listener);
	say(finish(pid), "a client after vfork");
	close(listener);
}

static void many(void)
{
	uint16_t port;
	int listener = new_listener(&port), i, good = 0;
	pid_t pids[10];
	char back[8];

	for (i = 0; i < 10; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(client(port));
	}
	for (i = 0; i < 10; i++) {
		int fd = accept(listener, NULL, NULL);

		recv(fd, back, 5, MSG_WAITALL);
		send(fd, "HELLO", 5, 0);
		close(fd);
	}
	for (i = 0; i < 10; i++)
		good += finish(pids[i]) == 0;
	say(good, "ten clients at once");
	close(listener);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return client(atoi(argv[1]));
	child_connects();
	child_serves();
	ports_are_shared();
	killed_peers();
	spawned("/proc/self/exe");
	many();
	return 0;
}
