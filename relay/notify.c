/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "relay/sys.h"

/* A variable that is a number for this very process, or 0. */
static uint64_t number_of(const char *name, const char *pid_name)
{
	const char *value = getenv(name), *pid = getenv(pid_name);
	char *end;
	unsigned long long number;

	if (!value || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	number = strtoull(value, &end, 10);
	return errno || *end || *value == '-' ? 0 : number;
}

static char *copy_of(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? strdup(value) : NULL;
}

int notify_init(struct notify *notify)
{
	static const char *const ours[] = { "NOTIFY_SOCKET", "LISTEN_PID",
					    "LISTEN_FDS",    "LISTEN_FDNAMES",
					    "WATCHDOG_PID",  "WATCHDOG_USEC" };
	uint64_t nfds;

	*notify = (struct notify){ 0 };
	/* without LISTEN_PID they are somebody else's */
	nfds = getenv("LISTEN_PID") ? number_of("LISTEN_FDS", "LISTEN_PID") : 0;
	notify->nfds = nfds > 64 ? 64 : (unsigned int)nfds;
	notify->watchdog_us = number_of("WATCHDOG_USEC", "WATCHDOG_PID");
	notify->names = copy_of("LISTEN_FDNAMES");
	notify->socket = copy_of("NOTIFY_SOCKET");
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		unsetenv(ours[i]);
	return 0;
}

void notify_done(struct notify *notify)
{
	free(notify->socket);
	free(notify->names);
	notify->socket = notify->names = NULL;
}

char *notify_name(const struct notify *notify, unsigned int i)
{
	const char *at = notify->names;

	for (; at && i; i--) {
		at = strchr(at, ':');
		at = at ? at + 1 : NULL;
	}
	if (!at || !*at || *at == ':')
		return NULL;
	return strndup(at, strcspn(at, ":"));
}

void notify_say(const struct notify *notify, const char *fmt, ...)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char text[512];
	size_t len;
	va_list args;
	int fd;

	if (!notify->socket || (notify->socket[0] != '/' &&
				notify->socket[0] != '@'))
		return;
	len = strlen(notify->socket);
	if (len >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, notify->socket, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fd = sys_socket(AF_UNIX, SOCK_DGRAM);
	if (fd < 0)
		return;
	(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		      (struct sockaddr *)&sa,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  len));
	close(fd);
}
