/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/confine.h"

#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "shim/call.h"
#include "shim/process.h"
#include "shim/pump.h"

/* As shim_pump_inherited(), and what an exec would close as well. */
static void give_all(void)
{
	for (int fd = shim_file_next_fd(0); fd >= 0;
	     fd = shim_file_next_fd(fd + 1)) {
		struct shim_file *file = shim_file_peek(fd);

		if (file->unknown && !shim_file_learn(file))
			continue;
		if (!file->netlink)
			shim_pump_begin(file);
	}
}

void shim_confine(void)
{
	struct shim_guard guard;

	if (shim_is_borrowed())
		return;
	shim_note_confined();
	shim_enter(&guard);
	give_all();
	shim_file_trust();
	shim_leave(&guard);
}

int shim_prctl(int option, ...)
{
	unsigned long a, b, c, d;
	va_list ap;

	va_start(ap, option);
	a = va_arg(ap, unsigned long);
	b = va_arg(ap, unsigned long);
	c = va_arg(ap, unsigned long);
	d = va_arg(ap, unsigned long);
	va_end(ap);
	/* without a program it is a question: EFAULT means yes */
	if (option == PR_SET_SECCOMP && (a == SECCOMP_MODE_STRICT || b))
		shim_confine();
	return LIBC(prctl)(option, a, b, c, d);
}
SHIM_EXPORT(prctl);
