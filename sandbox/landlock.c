/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock; see landlock.h. */
#include "config.h"

#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/weaken.h"

/* Debian 12's headers stop at version 2 of this structure; values are those
 * of linux/landlock.h. */
struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* version 4 */
	uint64_t scoped;	     /* version 6 */
};

struct path_rule {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

#define CREATE_RULESET_VERSION	   1
#define RULE_PATH_BENEATH	   1
#define ACCESS_FS_REFER		   (1 << 13) /* version 2 */
#define ACCESS_NET_BIND_TCP	   1
#define ACCESS_NET_CONNECT_TCP	   2
#define SCOPE_ABSTRACT_UNIX_SOCKET 1
#define SCOPE_SIGNAL		   2

/*
 * A ruleset must handle something. One that handles any file right refuses
 * renaming between folders unless a rule allows it, so from version 4 on,
 * where there is something else to handle, no file right is handled at all.
 */
static size_t fill_ruleset(struct ruleset *attr, int version)
{
	*attr = (struct ruleset){0};
	if (version < 4) {
		attr->handled_access_fs = ACCESS_FS_REFER;
		return offsetof(struct ruleset, handled_access_net);
	}
	attr->handled_access_net = ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP;
	if (version < 6)
		return offsetof(struct ruleset, scoped);
	attr->scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	return sizeof(*attr);
}

/* Gives back, below the root, the right that had to be handled. */
static int allow_refer(int ruleset)
{
	struct path_rule rule = {.allowed_access = ACCESS_FS_REFER};
	int rc = 0;

	rule.parent_fd = open("/", O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule,
		    0) < 0)
		rc = -errno;
	close(rule.parent_fd);
	return rc;
}

int landlock_version(void)
{
	int version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			      CREATE_RULESET_VERSION);

	if (weaken("landlock", ""))
		return 0;

	/* version 1 would forbid renaming between folders */
	return version < 2 ? 0 : version;
}

static int restrict_self(int version, uint64_t scopes)
{
	struct ruleset attr;
	size_t size = fill_ruleset(&attr, version);
	int fd, rc = 0;

	attr.scoped &= scopes;
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return -errno;
	if (version < 4)
		rc = allow_refer(fd);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		rc = -errno;
	close(fd);
	return rc < 0 ? rc : version;
}

int landlock_restrict(void)
{
	int version = landlock_version();

	return version ? restrict_self(version, SCOPE_ABSTRACT_UNIX_SOCKET |
						       SCOPE_SIGNAL) :
			 0;
}

int landlock_restrict_launcher(void)
{
	int version = landlock_version();
	int rc;

	/* a domain that handles files may not mount, which the child does */
	if (version < 4)
		return 0;
	/*
	 * Not the signals, of which the filter lets through those to the
	 * program: the one that our end sends to children of ours who asked
	 * for it (PR_SET_PDEATHSIG) would be refused too.
	 */
	rc = restrict_self(version, SCOPE_ABSTRACT_UNIX_SOCKET);
	return rc < 0 ? rc : 0;
}
