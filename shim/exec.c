/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: what the process has written must have left before its stack is
 * replaced; and a program that is given a cleaned environment is still
 * preloaded, and still finds its relay.
 */
#include "config.h"

#include <alloca.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/attach.h"
#include "shim/call.h"
#include "shim/exec.h"
#include "shim/pump.h"
#include "shim/vfork.h"

extern char **environ;

/* A vfork() child leaves by exec from frames on its parent's stack: what a
 * sanitizer has poisoned there would stay so. */
#define NO_RED_ZONES __attribute__((no_sanitize_address))

static bool has_name(char *const *envp, const char *entry)
{
	size_t len = strcspn(entry, "=") + 1;

	for (; *envp; envp++)
		if (strncmp(*envp, entry, len) == 0)
			return true;
	return false;
}

char *const *shim_exec_env(char *const *envp, size_t n, char **room)
{
	const char *const *ours = shim_attach_env();
	size_t i;

	for (i = 0; i < n; i++)
		room[i] = envp[i];
	for (i = 0; i < SHIM_EXEC_ENV && ours[i]; i++)
		if (!has_name(envp, ours[i]))
			room[n++] = (char *)ours[i];
	room[n] = NULL;
	return room;
}

/* The stack is about to go, or stays with a parent. */
static void prepare(void)
{
	struct shim_guard guard;

	if (shim_is_borrowed() && shim_vfork_ask())
		return;
	shim_enter(&guard);
	shim_pump_inherited(!shim_is_borrowed());
	shim_leave(&guard);
	shim_settle();
}

NO_RED_ZONES
int shim_execve(const char *path, char *const argv[], char *const envp[])
{
	static char *const none[] = { NULL };
	size_t n = 0;

	prepare();
	if (!envp)
		envp = none;
	while (envp[n])
		n++;
	{
		/* may run in a vfork child: only the stack is its own */
		char **room = alloca((n + SHIM_EXEC_ENV + 1) * sizeof(*room));

		return LIBC(execve)(path, argv, shim_exec_env(envp, n, room));
	}
}
SHIM_EXPORT(execve);

int shim_execv(const char *path, char *const argv[])
{
	return shim_execve(path, argv, environ);
}
SHIM_EXPORT(execv);

NO_RED_ZONES
int shim_execvpe(const char *file, char *const argv[], char *const envp[])
{
	size_t n = 0;

	prepare();
	while (envp[n])
		n++;
	{
		char **room = alloca((n + SHIM_EXEC_ENV + 1) * sizeof(*room));

		return LIBC(execvpe)(file, argv, shim_exec_env(envp, n, room));
	}
}
SHIM_EXPORT(execvpe);

int shim_execvp(const char *file, char *const argv[])
{
	return shim_execvpe(file, argv, environ);
}
SHIM_EXPORT(execvp);

NO_RED_ZONES
int shim_fexecve(int fd, char *const argv[], char *const envp[])
{
	size_t n = 0;

	prepare();
	while (envp[n])
		n++;
	{
		char **room = alloca((n + SHIM_EXEC_ENV + 1) * sizeof(*room));

		return LIBC(fexecve)(fd, argv, shim_exec_env(envp, n, room));
	}
}
SHIM_EXPORT(fexecve);

NO_RED_ZONES
int shim_execveat(int dir, const char *path, char *const argv[],
		  char *const envp[], int flags)
{
	size_t n = 0;

	prepare();
	while (envp[n])
		n++;
	{
		char **room = alloca((n + SHIM_EXEC_ENV + 1) * sizeof(*room));

		return LIBC(execveat)(dir, path, argv,
				      shim_exec_env(envp, n, room), flags);
	}
}
SHIM_EXPORT(execveat);

/* The list forms: count, collect, go on as the vector forms do. */
#define COLLECT(first, then)                                                 \
	va_list ap;                                                            \
	size_t n = 1;                                                          \
                                                                               \
	va_start(ap, first);                                                   \
	while (va_arg(ap, char *))                                             \
		n++;                                                           \
	va_end(ap);                                                            \
	{                                                                      \
		char **argv = alloca((n + 1) * sizeof(*argv));                 \
		size_t i;                                                      \
                                                                               \
		argv[0] = (char *)first;                                       \
		va_start(ap, first);                                           \
		for (i = 1; i <= n; i++)                                       \
			argv[i] = va_arg(ap, char *);                          \
		then;                                                          \
	}

int shim_execl(const char *path, const char *arg, ...)
{
	COLLECT(arg, va_end(ap); return shim_execve(path, argv, environ))
}
SHIM_EXPORT(execl);

int shim_execlp(const char *file, const char *arg, ...)
{
	COLLECT(arg, va_end(ap); return shim_execvpe(file, argv, environ))
}
SHIM_EXPORT(execlp);

int shim_execle(const char *path, const char *arg, ...)
{
	COLLECT(arg, char *const *envp = va_arg(ap, char *const *);
		va_end(ap); return shim_execve(path, argv, envp))
}
SHIM_EXPORT(execle);
