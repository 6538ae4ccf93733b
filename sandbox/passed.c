/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that come from outside; see passed.h. */
#include "config.h"

#include "sandbox/passed.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/weaken.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Newer than the headers of Debian 12. */
#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446
#endif

/* File systems whose files are no files: processes, namespaces, settings. */
static const struct {
	unsigned int magic;
	const char *what;
} strange_file_systems[] = {
	{PROC_SUPER_MAGIC, "a file of /proc"},
	{SYSFS_MAGIC, "a file of /sys"},
	{NSFS_MAGIC, "a namespace"},
	{PID_FS_MAGIC, "a process"},
	{BPF_FS_MAGIC, "a BPF object"},
	{DEBUGFS_MAGIC, "a file of the kernel's"},
	{TRACEFS_MAGIC, "a file of the kernel's"},
	{SECURITYFS_MAGIC, "a file of the kernel's"},
	{CGROUP_SUPER_MAGIC, "a control group"},
	{CGROUP2_SUPER_MAGIC, "a control group"},
};

/* Devices that hold no way to a network: null, zero, full, random, urandom;
 * terminals (what types into them is refused by the filter); graphics. */
static const struct {
	unsigned int major, first, last;
} devices[] = {
	{1, 3, 3},	{1, 5, 5},	    {1, 7, 9},
	{4, 0, 255},	{5, 0, 2},	    {136, 0, 0xfffff},
	{137, 0, 0xfffff}, {226, 0, 0xfffff},
};

/* What has no file: an event counter, a graphics fence. Rings (io_uring), BPF
 * objects, pidfds, epoll sets and whatever comes next are not here. */
static const char *const objects[] = {
	"anon_inode:[eventfd]",
	"anon_inode:sync_file",
	"anon_inode:syncobj_file",
	"anon_inode:dmabuf",
	"/dmabuf:",
};

static enum passed judge_socket(int fd, int *ret_type, const char **ret_what)
{
	int domain = -1, listens = 0;
	socklen_t len = sizeof(domain);
	struct sockaddr_un peer;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	if (domain != AF_UNIX) {
		*ret_what = "a network socket";
		return PASSED_REFUSED;
	}
	len = sizeof(*ret_type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, ret_type, &len) < 0)
		*ret_type = -1;
	len = sizeof(listens);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	len = sizeof(peer);
	if ((*ret_type == SOCK_STREAM || *ret_type == SOCK_SEQPACKET) &&
	    !listens && getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
		return weaken("nested", "") ? PASSED_AS_IT_IS : PASSED_JOINED;
	*ret_what = "an AF_UNIX socket that is not connected";
	return PASSED_REFUSED;
}

static enum passed judge_device(dev_t dev, const char **ret_what)
{
	size_t i;

	for (i = 0; i < COUNT(devices); i++)
		if (major(dev) == devices[i].major &&
		    minor(dev) >= devices[i].first &&
		    minor(dev) <= devices[i].last)
			return PASSED_AS_IT_IS;
	*ret_what = "a device";
	return PASSED_REFUSED;
}

static enum passed judge_object(int fd, const char **ret_what)
{
	char link[40], text[64];
	ssize_t len;
	size_t i;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, text, sizeof(text) - 1);
	text[len < 0 ? 0 : len] = '\0';
	for (i = 0; i < COUNT(objects); i++)
		if (!strncmp(text, objects[i], strlen(objects[i])))
			return PASSED_AS_IT_IS;
	*ret_what = "an object of the kernel's";
	return PASSED_REFUSED;
}

static enum passed judge_file(int fd, const char **ret_what)
{
	struct statfs fs;
	size_t i;

	if (fstatfs(fd, &fs) < 0) {
		*ret_what = "something unknown";
		return PASSED_REFUSED;
	}
	for (i = 0; i < COUNT(strange_file_systems); i++) {
		if ((unsigned int)fs.f_type != strange_file_systems[i].magic)
			continue;
		*ret_what = strange_file_systems[i].what;
		return PASSED_REFUSED;
	}
	if ((unsigned int)fs.f_type == ANON_INODE_FS_MAGIC ||
	    (unsigned int)fs.f_type == DMA_BUF_MAGIC)
		return judge_object(fd, ret_what);
	return PASSED_AS_IT_IS;
}

enum passed passed_judge(int fd, int *ret_type, const char **ret_what)
{
	struct stat st;

	if (weaken("passed", ""))
		return PASSED_AS_IT_IS;
	*ret_what = "something unknown";
	if (fstat(fd, &st) < 0 || fcntl(fd, F_GETFL) & O_PATH)
		return PASSED_REFUSED;
	switch (st.st_mode & S_IFMT) {
	case S_IFSOCK:
		return judge_socket(fd, ret_type, ret_what);
	case S_IFREG:
		return judge_file(fd, ret_what);
	case S_IFIFO:
		return PASSED_AS_IT_IS;
	case S_IFCHR:
		return judge_device(st.st_rdev, ret_what);
	case S_IFDIR:
		/* from it one walks to what the sandbox's mounts cover */
		*ret_what = "a folder";
		return PASSED_REFUSED;
	case S_IFBLK:
		*ret_what = "a disk";
		return PASSED_REFUSED;
	case 0:
		return judge_object(fd, ret_what);
	default:
		return PASSED_REFUSED;
	}
}
