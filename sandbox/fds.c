/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor hygiene; see fds.h. */
#include "config.h"

#include "sandbox/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS_HIGH 1000

int fds_open_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

bool fds_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int fds_move_high(int fd)
{
	struct rlimit limit;
	rlim_t floor = FDS_HIGH;
	int high;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	/* room for those that come after it */
	if (limit.rlim_cur <= floor)
		floor = limit.rlim_cur - (limit.rlim_cur > 16 ? 8 : 1);
	high = fcntl(fd, F_DUPFD, (int)floor);
	if (high < 0)
		return -errno;
	close(fd);
	return high;
}

static int compare_fds(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

int fds_close_but(int *keep, size_t count)
{
	unsigned int from = STDERR_FILENO + 1;
	size_t i;

	qsort(keep, count, sizeof(*keep), compare_fds);
	for (i = 0; i < count; i++) {
		unsigned int fd = keep[i];

		if (keep[i] < 0 || fd < from)
			continue;
		if (fd > from && close_range(from, fd - 1, 0) < 0)
			return -errno;
		from = fd + 1;
	}
	return close_range(from, UINT_MAX, 0) < 0 ? -errno : 0;
}
