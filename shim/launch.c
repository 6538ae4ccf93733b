/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs started as children: posix_spawn(), popen(), system(). Their forks
 * and execs are inside libc; what the child will inherit becomes pumped before.
 */
#include "config.h"

#include <alloca.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>

#include "shim/call.h"
#include "shim/exec.h"
#include "shim/helper.h"
#include "shim/pump.h"

extern char **environ;

static void prepare(void)
{
	struct shim_guard guard;

	if (!shim_file_first() || shim_is_borrowed())
		return;
	shim_enter(&guard);
	shim_pump_inherited(false);
	shim_leave(&guard);
	shim_helper_start();
}

static size_t count(char *const *envp)
{
	size_t n = 0;

	while (envp[n])
		n++;
	return n;
}

int shim_posix_spawn(pid_t *pid, const char *path,
		     const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attr, char *const argv[],
		     char *const envp[])
{
	size_t n = envp ? count(envp) : 0;
	char **room = alloca((n + SHIM_EXEC_ENV + 1) * sizeof(*room));

	prepare();
	return LIBC(posix_spawn)(pid, path, actions, attr, argv,
				 envp ? shim_exec_env(envp, n, room) : envp);
}
SHIM_EXPORT(posix_spawn);

int shim_posix_spawnp(pid_t *pid, const char *file,
		      const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attr, char *const argv[],
		      char *const envp[])
{
	size_t n = envp ? count(envp) : 0;
	char **room = alloca((n + SHIM_EXEC_ENV + 1) * sizeof(*room));

	prepare();
	return LIBC(posix_spawnp)(pid, file, actions, attr, argv,
				  envp ? shim_exec_env(envp, n, room) : envp);
}
SHIM_EXPORT(posix_spawnp);

/* The child is to have the socket, whatever its close-on-exec flag says. */
int shim_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions,
					  int fd, int target)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);

	if (file) {
		if (file->remote)
			shim_pump_touch(file);
		else
			shim_pump_begin(file);
		shim_end(&guard);
		shim_helper_start();
	}
	return LIBC(posix_spawn_file_actions_adddup2)(actions, fd, target);
}
SHIM_EXPORT(posix_spawn_file_actions_adddup2);

int shim_system(const char *command)
{
	prepare();
	return LIBC(system)(command);
}
SHIM_EXPORT(system);

FILE *shim_popen(const char *command, const char *mode)
{
	prepare();
	return LIBC(popen)(command, mode);
}
SHIM_EXPORT(popen);
