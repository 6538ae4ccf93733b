/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor hygiene: what a program may find open.
 *
 * An inherited socket of the host is a way out that no filter on socket()
 * sees. So everything but 0 to 2, the link's channel and what --inherit names
 * is closed, and what stays is looked at.
 */
#ifndef SANDBOX_FDS_H
#define SANDBOX_FDS_H

#include <stdbool.h>
#include <stddef.h>

/** fds_open_stdio - open 0 to 2 on /dev/null where they are closed, so that
 * no fd of ours lands there. Returns 0 or a negative errno. */
int fds_open_stdio(void);

/**
 * fds_is_socket - does this fd lead past the fence?
 *
 * A socket of the network does, whoever is at the other end of an AF_UNIX one
 * may be a service, and over that more descriptors could come.
 */
bool fds_is_socket(int fd);

/**
 * fds_move_high - move an fd out of the program's way
 * @fd:  taken on success; the new one is not close-on-exec
 *
 * Programs expect the lowest numbers for themselves. 1000 if the limit
 * allows, else the highest possible.
 * Returns the new fd or a negative errno.
 */
int fds_move_high(int fd);

/**
 * fds_close_but - close everything from 3 on, except what is kept
 * @keep:   fds, in any order, -1 for none; sorted by this call
 * @count:  entries in @keep
 */
int fds_close_but(int *keep, size_t count);

#endif
