/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets with a path, and who may come to them. */
#ifndef RELAY_UNIXSOCK_H
#define RELAY_UNIXSOCK_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * unixsock_listen - listen at @path, mode 0600
 * @type:  SOCK_SEQPACKET or SOCK_STREAM
 *
 * A name that a killed relay left behind is taken over, a living one's not.
 * Returns the fd, -ENAMETOOLONG, -EADDRINUSE, or what the system said.
 */
int unixsock_listen(const char *path, int type, int backlog);

/** unixsock_is_ours - is the peer of our own user, or root? A path's
 * permissions may say otherwise. */
bool unixsock_is_ours(int fd);

/**
 * unixsock_recv - one message, and the fd that came with it
 * @ret_fd:  the caller's, or -1
 *
 * Returns its length, -EBADMSG (too long, or more fds than one), -EAGAIN ...
 */
ssize_t unixsock_recv(int fd, void *data, size_t size, int *ret_fd);

/** unixsock_is_later - does this error of a receive pass? The message is still
 * there then: nothing to read yet, or no descriptors or memory for it */
static inline bool unixsock_is_later(ssize_t rc)
{
	return rc == -EAGAIN || rc == -EMFILE || rc == -ENFILE ||
	       rc == -ENOMEM || rc == -ENOBUFS;
}

/** unixsock_send - a message with the fd @pass (borrowed), or -1 */
ssize_t unixsock_send(int fd, const char *text, int pass);

#endif
