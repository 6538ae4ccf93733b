/* SPDX-License-Identifier: Apache-2.0 */
/* The program's side of the fork; see child.h. */
#include "config.h"

#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/caps.h"
#include "sandbox/env.h"
#include "sandbox/exit_status.h"
#include "sandbox/fds.h"
#include "sandbox/filter_rules.h"
#include "sandbox/landlock.h"
#include "sandbox/report.h"
#include "sandbox/say.h"
#include "sandbox/settings.h"
#include "sandbox/weaken.h"

static void fail(const char *step, int rc) __attribute__((noreturn));

static void fail(const char *step, int rc)
{
	say("cannot %s: %s", step, strerror(-rc));
	_exit(EXIT_OWN_FAILURE);
}

static void must(const char *step, int rc)
{
	if (rc < 0)
		fail(step, rc);
}

/* A program whose launcher is killed loses its supervisor; it goes too. */
static int die_with_launcher(const struct child *child)
{
	struct pollfd pfd = {.fd = child->report_fd};

	close(child->launcher_fd);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* Was it killed before? In a pid namespace it has no number. */
	poll(&pfd, 1, 0);
	return pfd.revents & POLLHUP ? -ESRCH : 0;
}

/* Without namespaces. Not fatal: a container has mostly covered them. */
static void protect_settings(void)
{
	int rc = settings_protect_alone();

	if (rc < 0)
		say_detail("fence: the kernel's settings are not protected: %s",
			   strerror(-rc));
}

/* Not fatal: the launcher tries less. */
static void enter_spaces(const struct child *child)
{
	int rc;

	/* else /proc/self, with our numbers to write, would be root's */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	rc = spaces_enter(&child->spaces, child->name_server, child->uid,
			  child->gid);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!child->spaces.set)
		protect_settings();
	must("report", report_send(child->report_fd, REPORT_SPACES, rc, -1));
	/* the launcher tries less, or says which is missing */
	if (rc < 0 || child->required & LAYERS_SPACES & ~child->spaces.set)
		_exit(EXIT_OWN_FAILURE);
}

/* Kept fds are meant for the program, however we were given them; the channel
 * to the launcher is not. */
static int place_fds(struct child *child)
{
	size_t i;
	int rc;

	child->attach_fd = fds_move_high(child->attach_fd);
	if (child->attach_fd < 0)
		return child->attach_fd;
	child->report_fd = fds_move_high(child->report_fd);
	if (child->report_fd < 0)
		return child->report_fd;
	child->keep[child->keep_count++] = child->attach_fd;
	child->keep[child->keep_count++] = child->report_fd;
	rc = weaken("fds", "") ?
		     0 :
		     fds_close_but(child->keep, child->keep_count);
	for (i = 0; i < child->keep_count; i++)
		fcntl(child->keep[i], F_SETFD, 0);
	fcntl(child->report_fd, F_SETFD, FD_CLOEXEC);
	return rc;
}

static int no_new_privs(void)
{
	if (weaken("no-new-privs", ""))
		return 0;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Memory does not go to a handler of core dumps outside. */
static int no_core(void)
{
	struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

static void say_landlock(const struct child *child, int version)
{
	if (version >= 6)
		say_detail("fence: landlock: on, version %d: signals to and "
			   "tracing of processes outside are refused",
			   version);
	else if (version > 0)
		say_detail("fence: landlock: on, version %d: tracing of "
			   "processes outside is refused%s",
			   version,
			   child->spaces.set & LAYER_BIT(LAYER_PID)
				   ? ""
				   : "; signals to them are not (Linux 6.12)");
	else
		say_detail("fence: landlock: off, the kernel has none: %s",
			   layers_weaker(LAYER_LANDLOCK));
}

/* Somebody outside has answered notified calls before us (EBUSY), as for a
 * container: there is one for each process. */
static int load_alone(const struct child *child)
{
	struct filter alone;
	int rc;

	if (child->required & LAYER_BIT(LAYER_SUPERVISOR))
		return -EBUSY;
	rc = filter_build(child->filter->facts & ~FILTER_SUPERVISED, &alone);
	if (rc == 0)
		rc = filter_load(&alone);
	return rc;
}

/*
 * Capabilities go before no_new_privs only for reading; Landlock's calls come
 * before the filter, which is the last step, so that nothing between it and
 * exec needs more than it allows. Returns the notified calls' fd, or -1.
 */
static int raise_fence(const struct child *child)
{
	int rc;

	must("limit core dumps", no_core());
	/* those of a user namespace are none outside, and nobody's inside */
	must("drop capabilities",
	     caps_drop(child->spaces.set && child->spaces.user,
		       child->filter->facts & FILTER_MAY_CHROOT));
	must("set no_new_privs", no_new_privs());
	rc = landlock_restrict();
	must("restrict by Landlock", rc);
	if (rc == 0 && child->required & LAYER_BIT(LAYER_LANDLOCK))
		fail("put up the required layer landlock", -ENOSYS);
	say_landlock(child, rc);
	rc = filter_load(child->filter);
	if (rc == -EBUSY)
		rc = load_alone(child);
	must("load the system call filter", rc);
	return rc > 0 ? rc : -1;
}

static void become_program(struct child *child, int listener)
	__attribute__((noreturn));

static void become_program(struct child *child, int listener)
{
	int error;

	must("report",
	     report_send(child->report_fd, REPORT_READY, 0, listener));
	if (listener >= 0)
		close(listener);
	sigprocmask(SIG_SETMASK, &child->mask, NULL);
	execvp(child->argv[0], child->argv);
	error = errno;
	say("%s: %s", child->argv[0], strerror(error));
	_exit(error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND
						  : EXIT_CANNOT_RUN);
}

/* The first process of a pid namespace. It holds nothing that anybody waits
 * for the end of. Orphans may live on when the program has ended, as they do
 * elsewhere, unless they are to go with it. */
static void be_init(const struct child *child, pid_t program)
	__attribute__((noreturn));

static void be_init(const struct child *child, pid_t program)
{
	int keep = child->report_fd, status;
	pid_t pid;

	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	fds_close_but(&keep, 1);
	for (;;) {
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno == ECHILD)
			_exit(0);
		if (pid != program)
			continue;
		/* now the launcher's end is no reason to end any more */
		prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
		report_send(keep, REPORT_STATUS, status, -1);
		if (child->kill_rest)
			_exit(0); /* and the kernel ends them all */
	}
}

void child_exec(struct child *child)
{
	int listener;
	pid_t program;

	must("watch the launcher", die_with_launcher(child));
	enter_spaces(child);
	must("place descriptors", place_fds(child));
	must("set the environment",
	     env_prepare(child->shim, child->attach_fd, child->env,
			 child->env_count));
	listener = raise_fence(child);
	if (!(child->spaces.set & LAYER_BIT(LAYER_PID)))
		become_program(child, listener);
	program = fork();
	if (program == 0)
		become_program(child, listener);
	if (program < 0)
		fail("start the program", -errno);
	be_init(child, program);
}
