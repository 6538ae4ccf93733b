/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/highfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>

#include "shim/raw.h"

/* Largest fd number that can be marked as ours: a bit each. */
#define MAX_FD (1 << 20)
/* Where ours start when the limit allows it: above what programs use, low
 * enough that the kernel's tables, which grow with the highest number and are
 * copied by fork, stay small. */
#define HIGH_BASE 16384

static uint64_t ours[MAX_FD / 64];
static uint64_t kept[MAX_FD / 64]; /* survive a fork */
static int lowest = MAX_FD, highest = -1;

static bool bit(const uint64_t *set, int fd)
{
	return __atomic_load_n(&set[fd / 64], __ATOMIC_RELAXED) >> (fd % 64) &
	       1;
}

static void bit_set(uint64_t *set, int fd, bool on)
{
	uint64_t mask = 1ull << (fd % 64);

	if (on)
		__atomic_or_fetch(&set[fd / 64], mask, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&set[fd / 64], ~mask, __ATOMIC_RELAXED);
}

static void mark(int fd)
{
	if (fd >= MAX_FD)
		return;
	bit_set(ours, fd, true);
	if (fd < lowest)
		lowest = fd;
	if (fd > highest)
		highest = fd;
}

static int dup_above(int fd, long base)
{
	return raw_fcntl(fd, F_DUPFD_CLOEXEC, base);
}

/* No room above the soft limit either: share the program's range, its upper
 * half first. */
static int dup_within(int fd, long limit)
{
	int rc = dup_above(fd, limit / 2);

	return rc == -EMFILE ? dup_above(fd, limit / 4) : rc;
}

/* The soft limit is in the way: raise it while the fd is moved. An fd above
 * the soft limit stays valid when the limit comes back. */
static int dup_above_limit(int fd, const struct rlimit *lim)
{
	struct rlimit more = *lim;
	long base = (long)lim->rlim_cur;
	int rc;

	if (lim->rlim_max <= lim->rlim_cur + 16)
		return dup_within(fd, base);
	more.rlim_cur = lim->rlim_max;
	rc = (int)RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, 0, 0, 0);
	if (rc < 0)
		return dup_within(fd, base);
	rc = dup_above(fd, base);
	RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, lim, 0, 0, 0);
	return rc == -EMFILE ? dup_within(fd, base) : rc;
}

int shim_fd_raise(int fd)
{
	struct rlimit lim;
	int rc;

	rc = dup_above(fd, HIGH_BASE);
	if (rc == -EINVAL || rc == -EMFILE) {
		rc = (int)RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim, 0, 0);
		if (rc == 0)
			rc = dup_above_limit(fd, &lim);
	}
	raw_close(fd);
	if (rc >= 0)
		mark(rc);
	return rc;
}

/* One number is free, two are needed for a moment. */
static int pair_above_limit(int type, int sv[2])
{
	struct rlimit lim, more;
	int rc;

	rc = (int)RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim, 0, 0);
	if (rc < 0 || lim.rlim_max <= lim.rlim_cur)
		return -EMFILE;
	more = lim;
	more.rlim_cur = lim.rlim_max;
	if (RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, 0, 0, 0) < 0)
		return -EMFILE;
	rc = raw_socketpair(AF_UNIX, type, 0, sv);
	RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, &lim, 0, 0, 0);
	if (rc == 0 && (rlim_t)sv[0] >= lim.rlim_cur) {
		raw_close(sv[0]);
		raw_close(sv[1]);
		rc = -EMFILE;
	}
	return rc;
}

int shim_fd_pair(int type, int sv[2])
{
	int rc = raw_socketpair(AF_UNIX, type, 0, sv);

	if (rc == -EMFILE)
		rc = pair_above_limit(type, sv);
	if (rc < 0)
		return rc;
	rc = shim_fd_raise(sv[1]);
	if (rc < 0) {
		raw_close(sv[0]);
		return rc;
	}
	sv[1] = rc;
	return 0;
}

void shim_fd_lower(int fd)
{
	if (fd < 0)
		return;
	if (fd < MAX_FD)
		bit_set(ours, fd, false);
	raw_close(fd);
}

bool shim_fd_is_ours(int fd)
{
	return fd >= lowest && fd <= highest && bit(ours, fd);
}

int shim_fd_next_ours(int fd)
{
	if (fd < lowest)
		fd = lowest;
	while (fd <= highest) {
		if (!ours[fd / 64]) {
			fd = (fd / 64 + 1) * 64;
			continue;
		}
		if (bit(ours, fd))
			return fd;
		fd++;
	}
	return -1;
}

void shim_fd_protect(int fd)
{
	mark(fd);
	if (fd < MAX_FD)
		bit_set(kept, fd, true);
}

void shim_fd_after_fork(void)
{
	int fd, end;

	for (fd = shim_fd_next_ours(0); fd >= 0;
	     fd = shim_fd_next_ours(end)) {
		end = fd + 1;
		if (bit(kept, fd))
			continue;
		bit_set(ours, fd, false);
		/* whole runs at once: a server may hold thousands */
		while (end <= highest && bit(ours, end) && !bit(kept, end))
			bit_set(ours, end++, false);
		RAW(SYS_close_range, fd, end - 1, 0, 0, 0, 0);
	}
}
