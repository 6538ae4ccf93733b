/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/spawn.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "shim/highfd.h"
#include "shim/logline.h"
#include "shim/raw.h"

#define MAX_ENV 256
#define PATH_LEN 512

extern char **environ;

static char relay_bin[PATH_LEN];
static char rules[2048];
static char library_dir[PATH_LEN];

void shim_spawn_init(void)
{
	const char *value = getenv("FDNET_RELAY_BIN");
	Dl_info info;
	char *slash;

	if (value && strlen(value) < sizeof(relay_bin))
		strcpy(relay_bin, value);
	value = getenv("FDNET_ALLOW");
	if (value && strlen(value) < sizeof(rules))
		strcpy(rules, value);
	if (dladdr((void *)shim_spawn_init, &info) && info.dli_fname &&
	    strlen(info.dli_fname) < sizeof(library_dir)) {
		strcpy(library_dir, info.dli_fname);
		slash = strrchr(library_dir, '/');
		if (slash)
			*slash = '\0';
		else
			library_dir[0] = '\0';
	}
}

static bool runs(const char *path)
{
	return RAW(SYS_faccessat, AT_FDCWD, path, 1 /* X_OK */, 0, 0, 0) == 0;
}

const char *shim_spawn_rules(void)
{
	return rules;
}

/* FDNET_RELAY_BIN, beside the library, one folder up (a build tree keeps
 * libraries in .libs), where it was to be installed. */
static const char *find_relay(void)
{
	static const char *const places[] = { "%s/fdnet-relay",
					      "%s/../fdnet-relay" };
	static char path[PATH_LEN + 32];
	unsigned int i;

	if (relay_bin[0])
		return relay_bin;
	for (i = 0; i < 2 && library_dir[0]; i++) {
		snprintf(path, sizeof(path), places[i], library_dir);
		if (runs(path))
			return path;
	}
	return FDNET_LIBEXECDIR "/fdnet-relay";
}

/* The program's environment without what would load us into the relay. */
static char **relay_env(char **room)
{
	unsigned int n = 0;
	char **e;

	for (e = environ; *e && n < MAX_ENV; e++)
		if (strncmp(*e, "LD_", 3) != 0 &&
		    strncmp(*e, "FDNET_", 6) != 0)
			room[n++] = *e;
	room[n] = NULL;
	return room;
}

static long clone_child(void)
{
	/* no exit signal: the program must not hear of it */
	return RAW(SYS_clone, 0, 0, 0, 0, 0, 0);
}

/* Runs in the grandchild, which shares nothing with the program but what it
 * inherited; only raw system calls from here. */
static void become_relay(const char *path, char **argv, char **envp,
			 const int given[2])
{
	uint64_t none = 0;
	int null, i, fds[2];

	RAW(SYS_setsid, 0, 0, 0, 0, 0, 0);
	raw_sigmask(SIG_SETMASK, &none, NULL);
	null = (int)RAW(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0, 0, 0);
	/* first out of each other's way */
	for (i = 0; i < 2; i++)
		fds[i] = raw_fcntl(given[i] < 0 ? null : given[i],
				   F_DUPFD_CLOEXEC, 10);
	for (i = 0; i < 2; i++)
		RAW(SYS_dup3, fds[i], 3 + i, 0, 0, 0, 0);
	RAW(SYS_dup3, null, 0, 0, 0, 0, 0);
	RAW(SYS_dup3, null, 1, 0, 0, 0, 0);
	RAW(SYS_dup3, null, 2, 0, 0, 0, 0);
	RAW(SYS_close_range, 5, ~0u, 0, 0, 0, 0);
	RAW(SYS_execve, path, argv, envp, 0, 0, 0);
	RAW(SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

static void become_nobody(const char *path, char **argv, char **envp,
			  const int given[2])
{
	if (clone_child() == 0)
		become_relay(path, argv, envp, given);
	RAW(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

int shim_spawn_relay(int share)
{
	static char text[sizeof(rules)];
	char comm[16] = "";
	char *argv[10], *env[MAX_ENV + 1];
	const char *path = find_relay();
	unsigned int n = 0;
	int rc, sv[2];
	long child;

	RAW(SYS_prctl, PR_GET_NAME, comm, 0, 0, 0, 0);
	if (strcmp(comm, "fdnet-relay") == 0)
		return -ENETDOWN; /* never for a relay that was preloaded */
	if (!runs(path)) {
		shim_log("%s: cannot be run; set FDNET_RELAY_BIN", path);
		return -ENETDOWN;
	}
	rc = raw_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv);
	if (rc < 0)
		return rc;
	strcpy(text, rules);
	argv[n++] = (char *)"fdnet-relay";
	argv[n++] = (char *)"--attach-fd";
	argv[n++] = (char *)"3";
	argv[n++] = (char *)"--quiet";
	if (share >= 0) {
		argv[n++] = (char *)"--share-fd";
		argv[n++] = (char *)"4";
	}
	if (text[0]) {
		argv[n++] = (char *)"--rules";
		argv[n++] = text;
	}
	argv[n] = NULL;
	child = clone_child();
	if (child == 0)
		become_nobody(path, argv, relay_env(env),
			      (const int[]){ sv[1], share });
	raw_close(sv[1]);
	if (child < 0) {
		raw_close(sv[0]);
		return (int)child;
	}
	while (RAW(SYS_wait4, child, 0, __WCLONE, 0, 0, 0) == -EINTR)
		continue;
	return shim_fd_raise(sv[0]);
}
