/* SPDX-License-Identifier: Apache-2.0 */
/* Whose rights a call has; see identity.h. */
#include "config.h"

#include "sandbox/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/notify.h"
#include "sandbox/root.h"
#include "sandbox/say.h"
#include "sandbox/weaken.h"

/* Of the caller's, those that matter where we act for it. */
#define FILE_CAPS (UINT64_C(1) << CAP_DAC_OVERRIDE)

/* 65536 groups of eleven characters, and the rest */
#define STATUS_MAX (IDENTITY_GROUPS * 11 + 8192)

/* ---- /proc/PID/status ---- */

/* What follows the name at the start of a line. The first line is the
 * program's own name, in which the kernel leaves no end of line. */
static const char *field(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? line + strlen(name) : NULL;
}

/* @count numbers of one line; how many there were */
static size_t numbers(const char *at, int base, uint64_t *values, size_t count)
{
	size_t i;
	char *end;

	for (i = 0; i < count; i++) {
		while (*at == ' ' || *at == '\t')
			at++;
		values[i] = strtoull(at, &end, base);
		if (end == at || !strchr(" \t\n", *end))
			break;
		at = end;
	}
	return i;
}

static int parse_ids(const char *text, const char *name,
		     unsigned int *effective, unsigned int *fs)
{
	const char *at = field(text, name);
	uint64_t ids[4]; /* real, effective, saved, of files */

	if (!at || numbers(at, 10, ids, 4) != 4)
		return -EINVAL;
	*effective = (unsigned int)ids[1];
	*fs = (unsigned int)ids[3];
	return 0;
}

static int parse_groups(const char *text, struct identity *who)
{
	const char *at = field(text, "\nGroups:");
	char *end;

	who->group_count = 0;
	/* too few would be more rights, where a group is refused something */
	if (!at || !strchr(at, '\n'))
		return -EINVAL;
	for (;;) {
		while (*at == ' ' || *at == '\t')
			at++;
		if (*at == '\n')
			return 0;
		if (who->group_count == IDENTITY_GROUPS)
			return -EINVAL;
		who->groups[who->group_count++] = strtoul(at, &end, 10);
		if (end == at)
			return -EINVAL;
		at = end;
	}
}

static int parse_one(const char *text, const char *name, int base,
		     uint64_t *ret_value)
{
	const char *at = field(text, name);

	return at && numbers(at, base, ret_value, 1) == 1 ? 0 : -EINVAL;
}

/* The last number is that of the innermost pid namespace. */
static int parse_pid(const char *text, struct identity *who)
{
	const char *at = field(text, "\nNStgid:");
	uint64_t pids[32]; /* that deep they nest */
	size_t count = at ? numbers(at, 10, pids, 32) : 0;

	/* a kernel without pid namespaces has no such line */
	if (!at)
		count = parse_one(text, "\nTgid:", 10, pids) == 0;
	who->pid = count ? (pid_t)pids[count - 1] : 0;
	return count ? 0 : -EINVAL;
}

int identity_parse(const char *text, struct identity *ret_who)
{
	struct identity *who = ret_who;
	uint64_t mask;
	int rc;

	rc = parse_one(text, "\nUmask:", 8, &mask);
	if (rc == 0)
		rc = parse_pid(text, who);
	if (rc == 0)
		rc = parse_ids(text, "\nUid:", &who->euid, &who->fsuid);
	if (rc == 0)
		rc = parse_ids(text, "\nGid:", &who->egid, &who->fsgid);
	if (rc == 0)
		rc = parse_groups(text, who);
	if (rc == 0)
		rc = parse_one(text, "\nCapPrm:", 16, &who->permitted);
	if (rc == 0)
		rc = parse_one(text, "\nCapEff:", 16, &who->caps);
	if (rc == 0)
		who->umask = (mode_t)mask & 0777;
	return rc;
}

static int read_status(pid_t tid, struct identity *who)
{
	static char text[STATUS_MAX];
	char path[40];
	size_t len = 0;
	ssize_t part;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	while ((part = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)part;
	close(fd);
	text[len] = '\0';
	return part < 0 ? -ESRCH : identity_parse(text, who);
}

/* ---- there and back ---- */

static bool has_same_groups(const struct identity *a, const struct identity *b)
{
	return a->group_count == b->group_count &&
	       !memcmp(a->groups, b->groups, a->group_count * sizeof(gid_t));
}

static bool is_same(const struct identity *a, const struct identity *own)
{
	return a->euid == own->euid && a->fsuid == own->fsuid &&
	       a->egid == own->egid && a->fsgid == own->fsgid &&
	       !((a->caps ^ own->caps) & FILE_CAPS & own->permitted) &&
	       has_same_groups(a, own);
}

static int use_caps(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, 0},
		{effective >> 32, permitted >> 32, 0},
	};

	return syscall(SYS_capset, &header, data) < 0 ? -EPERM : 0;
}

/* By the calls themselves: libc's would ask its threads to do the same. */
static int become_user(uid_t euid, uid_t fsuid, uint64_t permitted)
{
	if (syscall(SYS_setresuid, -1, euid, -1) < 0)
		return -EPERM;
	if (fsuid == euid)
		return 0;
	/* whoever is not root any more uses no capability */
	if (use_caps(permitted, permitted) < 0)
		return -EPERM;
	syscall(SYS_setfsuid, fsuid);
	return syscall(SYS_setfsuid, -1) == (long)fsuid ? 0 : -EPERM;
}

static int become_group(gid_t egid, gid_t fsgid)
{
	if (syscall(SYS_setresgid, -1, egid, -1) < 0)
		return -EPERM;
	if (fsgid == egid)
		return 0;
	syscall(SYS_setfsgid, fsgid);
	return syscall(SYS_setfsgid, -1) == (long)fsgid ? 0 : -EPERM;
}

/* Only what differs: where the right to change it is missing, so it was to the
 * caller. */
static int become(const struct identity *who, const struct identity *from,
		  uint64_t permitted)
{
	if (!has_same_groups(who, from) &&
	    syscall(SYS_setgroups, who->group_count, who->groups) < 0)
		return -EPERM;
	if ((who->egid != from->egid || who->fsgid != from->fsgid) &&
	    become_group(who->egid, who->fsgid) < 0)
		return -EPERM;
	if (who->euid == from->euid && who->fsuid == from->fsuid)
		return 0;
	return become_user(who->euid, who->fsuid, permitted);
}

static void be_ourselves(const struct supervisor *sup)
{
	const struct identity *own = &sup->own;

	if (use_caps(own->permitted, own->permitted) == 0 &&
	    become(own, &sup->caller, own->permitted) == 0 &&
	    use_caps(own->caps, own->permitted) == 0) {
		/* else it were what the kernel has set for set-uid programs */
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		return;
	}
	say("cannot be the user again that it was");
	abort();
}

static int assume(const struct call *call, bool in_root)
{
	struct supervisor *sup = call->sup;
	struct identity *who = &sup->caller, *own = &sup->own;
	int rc = 0;

	/* by now all is set up, and stays as it is */
	if (!own->pid)
		rc = read_status(getpid(), own);
	if (rc == 0)
		rc = read_status(call->tid, who);
	if (rc < 0 || !call_is_valid(call))
		return -ESRCH;
	if (in_root)
		rc = root_enter(call);
	if (rc < 0)
		return rc;
	sup->assumed = !is_same(who, own) && !weaken("identity", "");
	if (!sup->assumed)
		return 0;
	rc = become(who, own, own->permitted);
	if (rc == 0)
		rc = use_caps(who->caps & FILE_CAPS & own->permitted,
			      own->permitted);
	if (rc < 0)
		identity_resume(call);
	return rc;
}

int identity_assume(const struct call *call)
{
	return assume(call, false);
}

int identity_assume_in_root(const struct call *call)
{
	return assume(call, true);
}

void identity_resume(const struct call *call)
{
	if (call->sup->assumed)
		be_ourselves(call->sup);
	call->sup->assumed = false;
	root_leave(call);
}

struct ucred identity_peer(const struct call *call)
{
	const struct identity *who = &call->sup->caller;

	return (struct ucred){who->pid, who->euid, who->egid};
}

struct ucred identity_of_message(const struct supervisor *sup,
				 const struct ucred *cred)
{
	if (cred->uid == sup->own.euid && cred->gid == sup->own.egid)
		return (struct ucred){0};
	return (struct ucred){getpid(), cred->uid, cred->gid};
}

struct ucred identity_sender(const struct call *call)
{
	const struct ucred cred = identity_peer(call);

	return identity_of_message(call->sup, &cred);
}
