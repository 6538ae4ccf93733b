/* SPDX-License-Identifier: Apache-2.0 */
/* The program's environment; see env.h. */
#include "config.h"

#include "sandbox/env.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/weaken.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The shim's other settings would make it look elsewhere for its link. */
static const char *const own_names[] = {
	"FDNET_FD",  "FDNET_ALLOW",	"FDNET_ADDR",
	"FDNET_MTU", "FDNET_RELAY_BIN", "FDNET_LIB",
};

/* Services of the user's session, which cannot be reached from inside. */
static const char *const session_names[] = {
	"SSH_AUTH_SOCK",
	"SSH_AGENT_PID",
	"GPG_AGENT_INFO",
	"DBUS_SESSION_BUS_ADDRESS",
	"DBUS_SYSTEM_BUS_ADDRESS",
	"DBUS_STARTER_ADDRESS",
	"DOCKER_HOST",
	"NOTIFY_SOCKET",
	"LISTEN_FDS",
	"LISTEN_PID",
	"LISTEN_FDNAMES",
	"WATCHDOG_USEC",
	"WATCHDOG_PID",
	"WAYLAND_DISPLAY",
	"WAYLAND_SOCKET",
	"XAUTHORITY",
	"PULSE_SERVER",
	"TMUX",
	"STY",
	"SWAYSOCK",
	"I3SOCK",
};

static bool is_kept(const char *name, const char *const *keep, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(keep[i], name))
			return true;
	return false;
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

int env_prepare(const char *shim, int attach_fd, const char *const *keep,
		size_t keep_count)
{
	char channel[32];
	size_t i;

	for (i = 0; i < COUNT(own_names); i++)
		unsetenv(own_names[i]);
	for (i = 0; i < COUNT(session_names) && !weaken("env", ""); i++)
		if (!is_kept(session_names[i], keep, keep_count))
			unsetenv(session_names[i]);
	snprintf(channel, sizeof(channel), "fd:%d", attach_fd);
	if (setenv("FDNET_RELAY", channel, 1) < 0)
		return -errno;
	return set_preload(shim);
}
