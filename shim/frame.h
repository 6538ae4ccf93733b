/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagram sockets that the relay holds: a message on A is one datagram. On an
 * unconnected socket those sent have a name in front, those received one
 * beside them (doc/handover.md).
 */
#ifndef SHIM_FRAME_H
#define SHIM_FRAME_H

#include <sys/socket.h>

#include "shim/file.h"
#include "shim/lock.h"

/**
 * shim_frame_send, shim_frame_recv - sendmsg() and recvmsg() on such a socket
 * @fd:     A
 * @guard:  of the call; ended here, the kernel waits without the lock
 *
 * Return bytes or a negative errno.
 */
ssize_t shim_frame_send(int fd, struct shim_file *file,
			const struct msghdr *hdr, int flags,
			struct shim_guard *guard);
ssize_t shim_frame_recv(int fd, struct shim_file *file, struct msghdr *hdr,
			int flags, struct shim_guard *guard);

/** shim_frame_inq - bytes of the next datagram, for FIONREAD */
int shim_frame_inq(int fd);

#endif
