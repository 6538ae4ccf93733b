/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sandbox/bound.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <utlist.h>

#include "sandbox/notify.h"

#define BOUND_MAX 1024

/* An inode of this sandbox. */
struct bound {
	struct bound *next;
	int fd; /* O_PATH */
	dev_t dev;
	ino_t ino;
	uint64_t cookie; /* of the socket that made it */
};

/* Names that are gone lead nowhere: their inodes need not be kept. */
static void forget_unlinked(struct supervisor *sup)
{
	struct bound *bound, *next;
	struct stat st;

	LL_FOREACH_SAFE(sup->bound, bound, next) {
		if (fstat(bound->fd, &st) == 0 && st.st_nlink)
			continue;
		LL_DELETE(sup->bound, bound);
		sup->bound_count--;
		close(bound->fd);
		free(bound);
	}
}

bool bound_has_room(struct supervisor *sup)
{
	if (sup->bound_count >= BOUND_MAX)
		forget_unlinked(sup);
	return sup->bound_count < BOUND_MAX;
}

int bound_add(struct supervisor *sup, int fd, uint64_t cookie)
{
	struct bound *bound;
	struct stat st;

	if (!bound_has_room(sup))
		return -ENOBUFS;
	if (fstat(fd, &st) < 0)
		return -errno;
	bound = malloc(sizeof(*bound));
	if (!bound)
		return -ENOMEM;
	*bound = (struct bound){NULL, fd, st.st_dev, st.st_ino, cookie};
	LL_PREPEND(sup->bound, bound);
	sup->bound_count++;
	return 0;
}

bool bound_find(const struct supervisor *sup, const struct stat *st,
		uint64_t *ret_cookie)
{
	const struct bound *bound;

	for (bound = sup->bound; bound; bound = bound->next) {
		if (bound->dev != st->st_dev || bound->ino != st->st_ino)
			continue;
		*ret_cookie = bound->cookie;
		return true;
	}
	return false;
}

void bound_end(struct supervisor *sup)
{
	struct bound *bound, *next;

	LL_FOREACH_SAFE(sup->bound, bound, next) {
		close(bound->fd);
		free(bound);
	}
	sup->bound = NULL;
}
