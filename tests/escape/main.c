/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the attempts: `probe` all of them, `probe NAME...` these; `probe --list`
 * names them. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/escape/escape.h"

#define PATIENCE_S 10

struct target target;

static const struct attempt *const tables[] = {
	net_attempts,	  call_attempts,   exec_attempts,
	fd_attempts,	  unix_attempts,   process_attempts,
	kernel_attempts,  surface_attempts, leak_attempts,
	race_attempts,	  owner_attempts,
};

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "0";
}

static void read_target(void)
{
	target.port = atoi(setting("ESCAPE_PORT"));
	target.dir = setting("ESCAPE_DIR");
	target.abs = setting("ESCAPE_ABS");
	target.victim = atoi(setting("ESCAPE_VICTIM"));
	target.secret = strtol(setting("ESCAPE_SECRET"), NULL, 16);
	target.victim_fd = atoi(setting("ESCAPE_VICTIM_FD"));
	target.shm_key = atoi(setting("ESCAPE_SHM"));
	target.msg_key = atoi(setting("ESCAPE_MSG"));
	target.shm_id = atoi(setting("ESCAPE_SHM_ID"));
	target.msg_id = atoi(setting("ESCAPE_MSG_ID"));
	target.sem_id = atoi(setting("ESCAPE_SEM_ID"));
}

int failed(void)
{
	return errno ? -errno : HELD;
}

int greeted(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char text[sizeof(GREETING)] = "";
	ssize_t len;

	if (poll(&pfd, 1, 2000) <= 0)
		return -ETIMEDOUT;
	len = read(fd, text, sizeof(text) - 1);
	if (len < 0)
		return failed();
	return strcmp(text, GREETING) == 0 ? OUT : HELD;
}

static int in_child(const struct attempt *attempt)
{
	int pipefd[2], outcome = -ETIMEDOUT, status;
	struct pollfd pfd;
	pid_t pid;

	if (pipe(pipefd) < 0)
		return failed();
	pid = fork();
	if (pid == 0) {
		close(pipefd[0]);
		/* what it starts ends with it */
		setpgid(0, 0);
		errno = 0;
		outcome = attempt->run();
		if (write(pipefd[1], &outcome, sizeof(outcome)) < 0)
			_exit(1);
		_exit(0);
	}
	close(pipefd[1]);
	pfd = (struct pollfd){.fd = pipefd[0], .events = POLLIN};
	if (poll(&pfd, 1, PATIENCE_S * 1000) > 0 &&
	    read(pipefd[0], &outcome, sizeof(outcome)) != sizeof(outcome))
		outcome = -ECHILD; /* ended before it could say anything */
	kill(pid, SIGKILL);
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(pipefd[0]);
	return outcome;
}

static void try(const struct attempt *attempt)
{
	int outcome = in_child(attempt);

	if (outcome == OUT)
		printf("%s OUT\n", attempt->name);
	else if (outcome == NOT_HERE)
		printf("%s not-here\n", attempt->name);
	else if (outcome == -ECHILD)
		printf("%s held killed\n", attempt->name);
	else
		printf("%s held %s\n", attempt->name,
		       outcome < 0 ? strerrorname_np(-outcome) : "-");
	fflush(stdout);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	const struct attempt *attempt;
	bool list = argc == 2 && !strcmp(argv[1], "--list");
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	read_target();
	act_again(argc, argv);
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (attempt = tables[i]; attempt->name; attempt++)
			if (list)
				puts(attempt->name);
			else if (is_wanted(attempt->name, argc, argv))
				try(attempt);
	return 0;
}
