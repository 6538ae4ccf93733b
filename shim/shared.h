/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that the relay holds (doc/handover.md): what a program may ask of
 * the descriptor that the kernel's AF_UNIX socket would not answer as TCP.
 */
#ifndef SHIM_SHARED_H
#define SHIM_SHARED_H

#include <sys/socket.h>
#include <sys/types.h>

#include "shim/file.h"

/** shim_shared_at_mark - sockatmark(): 1, 0, or a negative errno
 * @fd:  A of @file */
int shim_shared_at_mark(const struct shim_file *file, int fd);

/** shim_shared_ended - has the connection ended both ways?
 * @fd:  A of @file */
bool shim_shared_ended(const struct shim_file *file, int fd);

/**
 * shim_shared_recv - a receive with flags that AF_UNIX takes otherwise
 * @fd:     any fd; not under the lock
 * @flags:  MSG_TRUNC: a stream's bytes are thrown away; MSG_ERRQUEUE: there is
 *          none
 * @ret_rc: what the call gives
 *
 * Returns false when the call is the kernel's as it is.
 */
bool shim_shared_recv(int fd, const struct msghdr *hdr, int flags,
		      ssize_t *ret_rc);

/**
 * shim_shared_narrow - A of a stream that is not connected cannot be written to
 *
 * What it is filled with is thrown away when it is connected.
 */
void shim_shared_narrow(int fd);

/**
 * shim_shared_renew - a new pair for a stream whose connect() has failed
 *
 * All descriptors of this process that refer to @file refer to the new A;
 * those of others stay as they are. Under the lock.
 * Returns 0, -EMFILE, -ENFILE, -ENOMEM, or what the relay said.
 */
int shim_shared_renew(struct shim_file *file, int fd);

#endif
