/* SPDX-License-Identifier: Apache-2.0 */
/* Where paths begin; see root.h. */
#include "config.h"

#include "sandbox/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/caps.h"
#include "sandbox/notify.h"
#include "sandbox/say.h"

/* ---- is there a way up? ---- */

/* Any will do that is there. */
static int change_to_any(void)
{
	static const char *const folders[] = {"/proc", "/etc", "/usr", "/dev"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (chroot(folders[i]) == 0)
			return 0;
	return -errno;
}

static bool is_same_place(const struct statx *a, const struct statx *b)
{
	return a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor &&
	       a->stx_ino == b->stx_ino && a->stx_mnt_id == b->stx_mnt_id;
}

/* The known way: while the working folder is outside of the root, nothing
 * holds ".." back. What is above all else is its own "..". */
static bool is_above_all(void)
{
	const unsigned int mask = STATX_INO | STATX_MNT_ID;
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statx here, up;

	return root >= 0 && change_to_any() == 0 && fchdir(root) == 0 &&
	       statx(AT_FDCWD, ".", 0, mask, &here) == 0 &&
	       statx(AT_FDCWD, "..", 0, mask, &up) == 0 &&
	       here.stx_mask & STATX_MNT_ID && is_same_place(&here, &up);
}

bool root_may_change(void)
{
	int status;
	pid_t pid;

	if (!caps_has(CAP_SYS_CHROOT))
		return false;
	pid = fork();
	if (pid == 0)
		_exit(is_above_all() ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* ---- there and back ---- */

int root_open(struct supervisor *sup)
{
	sup->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return sup->root_fd < 0 ? -errno : 0;
}

void root_close(struct supervisor *sup)
{
	if (sup->root_fd >= 0)
		close(sup->root_fd);
	sup->root_fd = -1;
}

static bool is_ours(const struct supervisor *sup, int fd)
{
	struct stat ours, st;

	return fstat(sup->root_fd, &ours) == 0 && fstat(fd, &st) == 0 &&
	       ours.st_dev == st.st_dev && ours.st_ino == st.st_ino;
}

int root_enter(const struct call *call)
{
	struct supervisor *sup = call->sup;
	char path[40];
	int fd, rc = 0;

	if (sup->root_fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/root", call->tid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !call_is_valid(call)) {
		rc = -ESRCH;
	} else if (!is_ours(sup, fd)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		rc = chroot(path) < 0 ? -errno : 0;
		sup->moved = rc == 0;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

void root_leave(const struct call *call)
{
	struct supervisor *sup = call->sup;

	if (!sup->moved)
		return;
	if (fchdir(sup->root_fd) < 0 || chroot(".") < 0) {
		say("cannot come back from a program's root");
		abort();
	}
	sup->moved = false;
}
