/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/vfork.h"

#include <limits.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/helper.h"
#include "shim/pump.h"
#include "shim/raw.h"

/* How often a child that waits looks if it has a parent still. */
#define LOOK_NS (100 * 1000 * 1000)

/* Questions, and how many of them are answered. */
static uint32_t asks, answers;

static bool is_direct(const struct shim_file *file)
{
	return file->so && !file->pumped && !file->netlink;
}

static bool any_direct(void)
{
	struct shim_file *file;

	for (file = shim_file_first(); file; file = file->next)
		if (is_direct(file))
			return true;
	return false;
}

void shim_vfork_prepare(void)
{
	struct shim_guard guard;

	if (!shim_file_first() || shim_is_borrowed())
		return;
	shim_enter(&guard);
	shim_pump_inherited(false);
	if (any_direct())
		shim_helper_prepare();
	shim_leave(&guard);
	shim_helper_start();
}

/* ---- in the child ---- */

/* Of its own descriptors, and what it has duplicated. */
static bool mark_inherited(void)
{
	struct shim_file *file;
	bool any = false;
	int fd;

	for (fd = shim_file_next_fd(0); fd >= 0;
	     fd = shim_file_next_fd(fd + 1)) {
		file = shim_file_peek(fd);
		if (!is_direct(file) || !shim_pump_outlives(fd, file))
			continue;
		file->asked = any = true;
	}
	return any;
}

/* Or until the parent has ended, with all its threads. */
static void await_answer(uint32_t mine)
{
	static const struct timespec look = { .tv_nsec = LOOK_NS };
	long parent = RAW(SYS_getppid, 0, 0, 0, 0, 0, 0);
	uint32_t seen;

	do {
		seen = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);
		if ((int32_t)(seen - mine) >= 0)
			return;
		raw_futex(&answers, FUTEX_WAIT, seen, &look);
	} while (RAW(SYS_getppid, 0, 0, 0, 0, 0, 0) == parent);
}

bool shim_vfork_ask(void)
{
	struct shim_guard guard;
	uint32_t mine = 0;
	bool any;

	if (!shim_helper_runs())
		return false;
	shim_enter(&guard);
	any = mark_inherited();
	if (any) {
		mine = __atomic_add_fetch(&asks, 1, __ATOMIC_RELEASE);
		shim_helper_wake();
	}
	shim_leave(&guard);
	if (any)
		await_answer(mine);
	return true;
}

/* ---- in its parent ---- */

bool shim_vfork_asks(void)
{
	return __atomic_load_n(&asks, __ATOMIC_ACQUIRE) != answers;
}

/* What is held stays in the list. */
static struct shim_file *answer(struct shim_file *file)
{
	struct shim_file *next;

	if (!file->asked)
		return file->next;
	file->asked = false;
	shim_file_hold(file);
	shim_pump_begin(file);
	next = file->next;
	shim_file_put(file);
	return next;
}

void shim_vfork_serve(void)
{
	uint32_t until = asks;
	struct shim_file *file;

	if (until == answers || shim_is_borrowed())
		return;
	file = shim_file_first();
	while (file)
		file = answer(file);
	__atomic_store_n(&answers, until, __ATOMIC_RELEASE);
	raw_futex(&answers, FUTEX_WAKE, INT_MAX, NULL);
}

void shim_vfork_after_fork(void)
{
	answers = asks;
}

/* ---- vfork() ---- */

/* It returns twice to the same place, so nothing of ours may be on the stack:
 * libc's is jumped to. */
void *shim_vfork_target(void)
	__attribute__((used, visibility("hidden")));

void *shim_vfork_target(void)
{
	shim_vfork_prepare();
	return (void *)LIBC(vfork);
}

__asm__(".pushsection .text\n"
	".p2align 4\n"
	".globl shim_vfork\n"
	".hidden shim_vfork\n"
	".type shim_vfork, @function\n"
	"shim_vfork:\n"
#if defined(__x86_64__)
	"	subq $8, %rsp\n"
	"	call shim_vfork_target\n"
	"	addq $8, %rsp\n"
	"	jmp *%rax\n"
#elif defined(__aarch64__)
	"	stp x29, x30, [sp, #-16]!\n"
	"	bl shim_vfork_target\n"
	"	ldp x29, x30, [sp], #16\n"
	"	br x0\n"
#endif
	".size shim_vfork, . - shim_vfork\n"
	".popsection");
SHIM_EXPORT(vfork);
SHIM_EXPORT_AS(__vfork, vfork);
