/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process number used again: `reuse FOLDER`. One process waits in accept(),
 * and is killed; the next gets its number (the test sees to that, between
 * FOLDER/dead and FOLDER/go) and makes the very same call for another
 * listener. Says whose connection it was given: "two", its own, is right.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/escape/raw.h"

#define LISTENER 20

static const char *folder;

static struct sockaddr_un name_of(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", folder, name);
	return sun;
}

static int listen_as(const char *name)
{
	struct sockaddr_un sun = name_of(name);
	int fd = (int)raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || raw(SYS_bind, fd, &sun, sizeof(sun)) < 0 ||
	    raw(SYS_listen, fd, 5) < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static void connect_to(const char *name)
{
	struct sockaddr_un sun = name_of(name);
	int fd = (int)raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);

	raw(SYS_connect, fd, &sun, sizeof(sun));
}

/* In a process of its own; what it says goes to @into. */
static pid_t start_waiting(int listener, int into)
{
	struct sockaddr_un sun = {0};
	socklen_t len = sizeof(sun);
	pid_t pid = fork();
	int conn;

	if (pid != 0)
		return pid;
	dup2(listener, LISTENER);
	conn = (int)raw(SYS_accept, LISTENER, NULL, NULL);
	if (conn < 0 || raw(SYS_getsockname, conn, &sun, &len) < 0 ||
	    write(into, strrchr(sun.sun_path, '/') + 1, 3) != 3)
		_exit(1);
	_exit(0);
}

static void tell(const char *name)
{
	struct sockaddr_un path = name_of(name);

	close(open(path.sun_path, O_WRONLY | O_CREAT, 0600));
}

static void await(const char *name)
{
	struct sockaddr_un path = name_of(name);
	time_t end = time(NULL) + 30;

	while (access(path.sun_path, F_OK) < 0 && time(NULL) < end)
		;
}

int main(int argc, char **argv)
{
	int one, two, said[2];
	pid_t first, second;
	char text[4] = "";
	FILE *file;

	folder = argc > 1 ? argv[1] : ".";
	one = listen_as("one");
	two = listen_as("two");
	if (pipe(said) < 0)
		return 1;
	first = start_waiting(one, said[1]);
	usleep(300000); /* it waits, and has been looked at */
	file = fopen(name_of("pid").sun_path, "w");
	fprintf(file, "%d\n", first);
	fclose(file);
	tell("told");
	await("ready");
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	tell("dead");
	await("go");
	second = start_waiting(two, said[1]);
	usleep(50000);
	connect_to("one");
	usleep(100000);
	connect_to("two");
	if (read(said[0], text, 3) != 3)
		return 1;
	printf("%s %s\n", first == second ? "reused" : "new", text);
	return 0;
}
