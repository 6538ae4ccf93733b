/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and fds: what stdio does to an fd, it does inside libc. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "shim/call.h"
#include "shim/helper.h"
#include "shim/pump.h"

/* A stream reads and writes inside libc, on the placeholder. */
FILE *shim_fdopen(int fd, const char *mode)
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
	return LIBC(fdopen)(fd, mode);
}
SHIM_EXPORT(fdopen);

/* libc closed @fd inside, without asking anybody. */
static void was_closed(int fd)
{
	struct shim_guard guard;

	if (fd < 0 || !shim_file_maybe(fd))
		return;
	shim_enter(&guard);
	shim_file_get(fd); /* drops the entry if the fd is gone */
	shim_net_flush();
	shim_leave(&guard);
}

int shim_fclose(FILE *stream)
{
	int fd = fileno_unlocked(stream);
	int rc = LIBC(fclose)(stream);

	was_closed(fd);
	return rc;
}
SHIM_EXPORT(fclose);

FILE *shim_freopen(const char *path, const char *mode, FILE *stream)
{
	int fd = fileno_unlocked(stream);

	stream = LIBC(freopen)(path, mode, stream);
	was_closed(fd);
	return stream;
}
SHIM_EXPORT(freopen);
SHIM_EXPORT_AS(freopen64, freopen);

/* ---- printing to an fd ---- */

static int write_all(int fd, const char *text, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = shim_write(fd, text + done, len - done);
		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return (int)len;
}

int shim_vdprintf(int fd, const char *format, va_list args)
{
	char *text;
	int rc;

	if (shim_is_kernels(fd))
		return LIBC(vdprintf)(fd, format, args);
	rc = vasprintf(&text, format, args);
	if (rc < 0)
		return rc;
	rc = write_all(fd, text, (size_t)rc);
	free(text);
	return rc;
}
SHIM_EXPORT(vdprintf);

int shim_dprintf(int fd, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = shim_vdprintf(fd, format, args);
	va_end(args);
	return rc;
}
SHIM_EXPORT(dprintf);

/* As checked as the stream functions are: by libc's vasprintf(). */
int shim___vdprintf_chk(int fd, int flag, const char *format, va_list args)
{
	if (shim_is_kernels(fd))
		return LIBC(__vdprintf_chk)(fd, flag, format, args);
	return shim_vdprintf(fd, format, args);
}
SHIM_EXPORT(__vdprintf_chk);

int shim___dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = shim___vdprintf_chk(fd, flag, format, args);
	va_end(args);
	return rc;
}
SHIM_EXPORT(__dprintf_chk);

