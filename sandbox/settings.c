/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's settings, read-only; see settings.h. */
#include "config.h"

#include "sandbox/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sandbox/say.h"
#include "sandbox/weaken.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* /proc itself stays writable: a program's own settings are there, too. */
static const char *const proc_parts[] = {
	"/proc/sys",
	"/proc/sysrq-trigger",
	"/proc/irq",
	"/proc/bus",
	"/proc/fs",
	"/proc/acpi",
	"/proc/scsi",
	"/proc/driver",
	"/proc/dynamic_debug",
};

/* File systems of settings, wherever they are mounted. */
static const char *const types[] = {
	"proc",	     "sysfs",	    "cgroup",	"cgroup2", "debugfs",
	"tracefs",   "securityfs",  "configfs", "bpf",	   "efivarfs",
	"selinuxfs", "binfmt_misc", "resctrl",	"pstore",
};

/* Its other flags stay: some may not be taken away. */
static int make_read_only(const char *path)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	struct statvfs fs;

	if (statvfs(path, &fs) < 0)
		return -errno;
	if (fs.f_flag & ST_NOSUID)
		flags |= MS_NOSUID;
	if (fs.f_flag & ST_NODEV)
		flags |= MS_NODEV;
	if (fs.f_flag & ST_NOEXEC)
		flags |= MS_NOEXEC;
	return mount(NULL, path, NULL, flags, NULL) < 0 ? -errno : 0;
}

static int protect_proc(void)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < COUNT(proc_parts); i++) {
		const char *path = proc_parts[i];

		if (mount(path, path, NULL, MS_BIND, NULL) == 0)
			rc = make_read_only(path);
		else if (errno != ENOENT)
			rc = -errno;
	}
	return rc;
}

static bool is_settings(const char *type)
{
	size_t i;

	for (i = 0; i < COUNT(types); i++)
		if (!strcmp(types[i], type))
			return true;
	return false;
}

/* mountinfo has blanks and the like as \040. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; to++) {
		*to = *text++;
		if (*to != '\\' || strspn(text, "01234567") < 3)
			continue;
		*to = (char)((text[0] - '0') * 64 + (text[1] - '0') * 8 +
			     (text[2] - '0'));
		text += 3;
	}
	*to = '\0';
}

/* Not if something else was mounted over it since. */
static bool is_on_top(const char *path, unsigned long long id)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW,
		     STATX_MNT_ID, &st) == 0 &&
	       (!(st.stx_mask & STATX_MNT_ID) || st.stx_mnt_id == id);
}

/* A line of mountinfo (proc_pid_mountinfo(5)). */
static void protect_mount(char *line, bool of_proc)
{
	char *path, *options, *type = strstr(line, " - ");
	unsigned long long id;
	char *save;
	int rc;

	if (!type)
		return;
	type += 3;
	type[strcspn(type, " ")] = '\0';
	if (!is_settings(type))
		return;
	id = strtoull(strtok_r(line, " ", &save), NULL, 10);
	strtok_r(NULL, " ", &save); /* its parent */
	strtok_r(NULL, " ", &save); /* device */
	strtok_r(NULL, " ", &save); /* root */
	path = strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	if (!options || !strncmp(options, "ro", 2))
		return;
	unescape(path);
	/* of a user's own /proc nothing is his but his processes */
	if (!strcmp(type, "proc") && (!of_proc || !strcmp(path, "/proc")))
		return;
	if (!is_on_top(path, id))
		return;
	rc = make_read_only(path);
	if (rc < 0)
		say_detail("fence: %s stays writable: %s", path, strerror(-rc));
}

int settings_protect(bool of_proc)
{
	FILE *mounts;
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	if (weaken("settings", ""))
		return 0;
	mounts = fopen("/proc/self/mountinfo", "re");
	if (!mounts)
		return -errno;
	while (getline(&line, &size, mounts) > 0)
		protect_mount(line, of_proc);
	free(line);
	fclose(mounts);
	if (of_proc)
		rc = protect_proc();
	return rc;
}

int settings_protect_alone(void)
{
	if (geteuid() != 0)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	return settings_protect(true);
}
