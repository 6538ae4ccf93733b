/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's life.
 *
 * How it works: the relay is started first and has said that it is ready and
 * hardened before the program exists. The filter is built before the fork, so
 * that the child only loads it. From then on the launcher waits and passes
 * signals on; it is no part of the fence, which is the kernel's and stays with
 * the program whatever becomes of us.
 */
#include "config.h"

#include "sandbox/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/child.h"
#include "sandbox/exit_status.h"
#include "sandbox/fds.h"
#include "sandbox/find.h"
#include "sandbox/relay_proc.h"
#include "sandbox/say.h"
#include "sandbox/signals.h"

struct run {
	const struct options *opts;
	char relay_path[PATH_MAX];
	char shim_path[PATH_MAX];
	struct filter filter;
	struct relay_proc relay;
	sigset_t mask;
	pid_t program;
};

static bool is_inherited(const struct options *opts, int fd)
{
	size_t i;

	for (i = 0; i < opts->inherit_count; i++)
		if (opts->inherit[i] == fd)
			return true;
	return false;
}

/* A socket of the host as standard input would be a way out. */
static int check_stdio(const struct options *opts)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!fds_is_host_socket(fd) || is_inherited(opts, fd))
			continue;
		say("descriptor %d is a network socket of the host; redirect "
		    "it, or let the program have it with --inherit %d",
		    fd, fd);
		return -EPERM;
	}
	return 0;
}

static int check_inherited(const struct options *opts)
{
	size_t i;

	for (i = 0; i < opts->inherit_count; i++) {
		if (fcntl(opts->inherit[i], F_GETFD) >= 0)
			continue;
		say("--inherit %d: this descriptor is not open",
		    opts->inherit[i]);
		return -EBADF;
	}
	return 0;
}

static int check_start(const struct options *opts)
{
	int rc;

	if (getauxval(AT_SECURE)) {
		say("set-uid, set-gid or with file capabilities it does not "
		    "run: it needs no privilege");
		return -EPERM;
	}
	rc = check_inherited(opts);
	return rc < 0 ? rc : check_stdio(opts);
}

/* ld.so takes both characters for the end of a name. */
static int check_shim_path(const char *path)
{
	if (!strpbrk(path, " :"))
		return 0;
	say("%s: a blank or colon in this path cannot be preloaded", path);
	return -EINVAL;
}

static int prepare(struct run *run)
{
	int rc;

	rc = check_start(run->opts);
	if (rc < 0)
		return rc;
	rc = find_file(&find_relay, run->relay_path);
	if (rc < 0)
		return rc;
	rc = find_file(&find_shim, run->shim_path);
	if (rc < 0)
		return rc;
	rc = check_shim_path(run->shim_path);
	if (rc < 0)
		return rc;
	rc = filter_build(&run->filter);
	if (rc < 0)
		say("cannot build the system call filter: %s", strerror(-rc));
	return rc;
}

static int start_program(struct run *run)
{
	int keep[OPTIONS_MAX_INHERIT + 1];
	struct child child = {
		.argv = run->opts->program,
		.shim = run->shim_path,
		.attach_fd = run->relay.attach_fd,
		.keep = keep,
		.keep_count = run->opts->inherit_count,
		.filter = &run->filter,
		.mask = run->mask,
		.parent = getpid(),
	};

	memcpy(keep, run->opts->inherit,
	       run->opts->inherit_count * sizeof(*keep));
	run->program = fork();
	if (run->program == 0)
		child_exec(&child);
	if (run->program < 0) {
		say("cannot start the program: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

/* A relay that dies early takes the network with it, not the program. */
static void note_relay_end(struct run *run, int status)
{
	run->relay.pid = -1;
	if (WIFSIGNALED(status))
		say("the relay was ended by signal %d: the program has no "
		    "network any more",
		    WTERMSIG(status));
	else
		say("the relay ended early: the program has no network any "
		    "more");
}

static int wait_program(struct run *run)
{
	int status;
	pid_t pid;

	for (;;) {
		signals_wait(run->program);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid == run->program)
				return status;
			if (pid == run->relay.pid)
				note_relay_end(run, status);
		}
	}
}

static int exit_status_of(int status)
{
	if (WIFSIGNALED(status))
		return EXIT_SIGNALLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* A relay of our own, or that of FDNET_RELAY=/path, which has its own rules. */
static int get_relay(struct run *run)
{
	const struct options *opts = run->opts;
	const char *path = getenv("FDNET_RELAY");
	size_t i;

	if (!path || path[0] != '/')
		return relay_proc_start(run->relay_path, opts->relay_args,
					opts->relay_argc, &run->relay);
	for (i = 0; i < opts->relay_argc; i++) {
		const char *word = opts->relay_args[i];

		if (word && strcmp(word, "--quiet") && strcmp(word, "--verbose")) {
			say("%s: the relay at FDNET_RELAY=%s has its own rules",
			    word, path);
			return -EINVAL;
		}
	}
	return relay_proc_connect(path, &run->relay);
}

static int run_prepared(struct run *run)
{
	int rc, status;

	rc = get_relay(run);
	if (rc < 0)
		return EXIT_OWN_FAILURE;
	/* Same user, same machine: not for the program to look into. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signals_block(&run->mask);
	rc = start_program(run);
	/* The program's copy only: its last close tells the relay. */
	close(run->relay.attach_fd);
	run->relay.attach_fd = -1;
	if (rc < 0) {
		relay_proc_done(&run->relay);
		return EXIT_OWN_FAILURE;
	}
	status = wait_program(run);
	if (run->relay.pid > 0)
		relay_proc_finish(&run->relay);
	relay_proc_done(&run->relay);
	return exit_status_of(status);
}

int run_program(const struct options *opts)
{
	struct run run = {.opts = opts};
	int status = EXIT_OWN_FAILURE;

	say_init(opts->verbose);
	if (prepare(&run) == 0) {
		say_detail("relay: %s", run.relay_path);
		say_detail("preload: %s", run.shim_path);
		say_detail("fence: %zu system call filter instructions",
			   run.filter.gate.count + run.filter.rules.count);
		status = run_prepared(&run);
	}
	filter_done(&run.filter);
	return status;
}
