/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of fdnet-run; see say.h. */
#include "config.h"

#include "sandbox/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static bool say_verbose;

void say_init(bool verbose)
{
	say_verbose = verbose;
}

/* One write, so that lines of the relay and the program do not mix in; and no
 * stdio buffer that a fork could duplicate. */
static void say_line(const char *fmt, va_list args)
{
	char line[1024];
	int head, body;
	ssize_t len;

	head = snprintf(line, sizeof(line), "fdnet-run: ");
	body = vsnprintf(line + head, sizeof(line) - head - 1, fmt, args);
	if (body > (int)sizeof(line) - head - 2)
		body = sizeof(line) - head - 2;
	line[head + body] = '\n';
	len = write(STDERR_FILENO, line, head + body + 1);
	(void)len;
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_line(fmt, args);
	va_end(args);
}

void say_detail(const char *fmt, ...)
{
	va_list args;

	if (!say_verbose)
		return;
	va_start(args, fmt);
	say_line(fmt, args);
	va_end(args);
}
