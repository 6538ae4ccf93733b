/* SPDX-License-Identifier: Apache-2.0 */
/* Sending and receiving on one of our files; see io.c. */
#ifndef SHIM_IO_H
#define SHIM_IO_H

#include <sys/socket.h>

#include "shim/file.h"
#include "shim/lock.h"

/** shim_do_send, shim_do_recv - one message; called locked with @file held.
 * @hdr's name, control and flags are as in sendmsg(2) and recvmsg(2). */
ssize_t shim_do_send(struct shim_file *file, const struct msghdr *hdr,
		     int flags, struct shim_guard *guard);
ssize_t shim_do_recv(struct shim_file *file, struct msghdr *hdr, int flags,
		     struct shim_guard *guard);

#endif
