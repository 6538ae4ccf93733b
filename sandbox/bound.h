/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inodes that sockets of this sandbox are bound to. Each is kept open, so
 * that its number cannot become another's.
 */
#ifndef SANDBOX_BOUND_H
#define SANDBOX_BOUND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct supervisor;

/** bound_has_room - for one more, when those whose names are gone have left */
bool bound_has_room(struct supervisor *sup);

/**
 * bound_add - an inode is the sandbox's
 * @fd:      O_PATH; taken on success
 * @cookie:  of the socket that made it
 * Returns 0, -ENOBUFS, -ENOMEM, or what fstat() says.
 */
int bound_add(struct supervisor *sup, int fd, uint64_t cookie);

/** bound_find - is it one of them? And the cookie of its socket */
bool bound_find(const struct supervisor *sup, const struct stat *st,
		uint64_t *ret_cookie);

void bound_end(struct supervisor *sup);

#endif
