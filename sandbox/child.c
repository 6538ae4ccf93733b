/* SPDX-License-Identifier: Apache-2.0 */
/* The program's side of the fork; see child.h. */
#include "config.h"

#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sandbox/caps.h"
#include "sandbox/exit_status.h"
#include "sandbox/fds.h"
#include "sandbox/landlock.h"
#include "sandbox/say.h"

/* The shim's other settings would make it look elsewhere for its link. */
static const char *const unset_names[] = {"FDNET_FD",	     "FDNET_ALLOW",
					  "FDNET_ADDR",	     "FDNET_MTU",
					  "FDNET_RELAY_BIN", "FDNET_LIB"};

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
static int die_with_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int place_channel(struct child *child)
{
	child->attach_fd = fds_move_high(child->attach_fd);
	if (child->attach_fd < 0)
		return child->attach_fd;
	child->keep[child->keep_count++] = child->attach_fd;
	return fds_close_but(child->keep, child->keep_count);
}

/* Kept fds are meant for the program, however we were given them. */
static void keep_over_exec(const struct child *child)
{
	size_t i;

	for (i = 0; i < child->keep_count; i++)
		fcntl(child->keep[i], F_SETFD, 0);
}

/* The shim comes first, so that another preload meets its sockets. */
static int set_preload(const char *shim)
{
	const char *old = getenv("LD_PRELOAD");
	char *value;
	int rc;

	if (!old || !*old)
		return setenv("LD_PRELOAD", shim, 1) < 0 ? -errno : 0;
	if (asprintf(&value, "%s:%s", shim, old) < 0)
		return -ENOMEM;
	rc = setenv("LD_PRELOAD", value, 1) < 0 ? -errno : 0;
	free(value);
	return rc;
}

static int set_environment(const struct child *child)
{
	char channel[32];
	size_t i;

	for (i = 0; i < sizeof(unset_names) / sizeof(*unset_names); i++)
		unsetenv(unset_names[i]);
	snprintf(channel, sizeof(channel), "fd:%d", child->attach_fd);
	if (setenv("FDNET_RELAY", channel, 1) < 0)
		return -errno;
	return set_preload(child->shim);
}

static int no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static void say_landlock(int version)
{
	if (version >= 6)
		say_detail("fence: Landlock %d: signals to and tracing of "
			   "processes outside are refused",
			   version);
	else if (version > 0)
		say_detail("fence: Landlock %d: tracing of processes outside "
			   "is refused; signals to them are not (Linux 6.12)",
			   version);
	else
		say_detail("fence: no Landlock here: processes of the same "
			   "user are not protected from the program");
}

/*
 * Capabilities go before no_new_privs only for reading; Landlock's calls come
 * before the filter, which is the last step, so that nothing between it and
 * exec needs more than it allows.
 */
static void raise_fence(const struct child *child)
{
	int rc;

	must("drop capabilities", caps_drop());
	must("set no_new_privs", no_new_privs());
	rc = landlock_restrict();
	must("restrict by Landlock", rc);
	say_landlock(rc);
	must("load the system call filter", filter_load(child->filter));
}

void child_exec(struct child *child)
{
	int error;

	must("watch the launcher", die_with_parent(child->parent));
	must("close descriptors", place_channel(child));
	keep_over_exec(child);
	must("set the environment", set_environment(child));
	raise_fence(child);
	sigprocmask(SIG_SETMASK, &child->mask, NULL);
	execvp(child->argv[0], child->argv);
	error = errno;
	say("%s: %s", child->argv[0], strerror(error));
	_exit(error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND
						  : EXIT_CANNOT_RUN);
}
