/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/logline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/raw.h"

static char log_path[256];

void shim_log_init(void)
{
	const char *value = getenv("FDNET_LOG");

	if (value && strlen(value) < sizeof(log_path))
		strcpy(log_path, value);
}

void shim_log(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int fd, n;

	if (!log_path[0])
		return;
	n = snprintf(line, sizeof(line), "fdnet[%ld]: ",
		     RAW(SYS_getpid, 0, 0, 0, 0, 0, 0));
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (strcmp(log_path, "stderr") == 0) {
		raw_write(2, line, (size_t)n);
		return;
	}
	fd = (int)RAW(SYS_openat, AT_FDCWD, log_path,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600, 0, 0);
	if (fd < 0)
		return;
	raw_write(fd, line, (size_t)n);
	raw_close(fd);
}
