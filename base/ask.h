/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions and answers over a SEQPACKET socket, with fds. Every message has
 * a u32 at offset 4, the question's number, which its answer repeats.
 *
 * The two system calls are the caller's, so that the preload library can give
 * ones that do not come back into itself.
 */
#ifndef BASE_ASK_H
#define BASE_ASK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Most fds in one message. */
#define FDNET_ASK_FDS 4

/* As the kernel: a count, or a negative errno. */
struct fdnet_ask_calls {
	ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
	ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
};

/**
 * fdnet_msg_send - one message
 * @fds, @nfds:  go along; borrowed; FDNET_ASK_FDS at most
 * @flags:       MSG_DONTWAIT or 0
 *
 * Returns 0 or a negative errno; -EINTR is tried again.
 */
int fdnet_msg_send(const struct fdnet_ask_calls *calls, int fd,
		   const void *data, size_t len, const int *fds,
		   unsigned int nfds, int flags);

/**
 * fdnet_msg_recv - one message
 * @ret_fds:  room for FDNET_ASK_FDS, -1 where none came; the caller's,
 *            close-on-exec. NULL: fds are not taken
 * @flags:    MSG_DONTWAIT or 0
 *
 * Returns its length, 0 at the end, a negative errno; -EBADMSG: it was longer
 * than @size, or had more fds (those that came are in @ret_fds all the same).
 * -EINTR is tried again.
 */
ssize_t fdnet_msg_recv(const struct fdnet_ask_calls *calls, int fd,
		       void *data, size_t size, int *ret_fds, int flags);

/**
 * fdnet_ask - send a question and wait for its answer
 * @req, @len:   the question; its number is at offset 4
 * @ans, @size:  the answer
 *
 * Answers to other questions are dropped: one asker a socket.
 * Returns the answer's length, -EPIPE (nobody answers any more), another
 * negative errno.
 */
ssize_t fdnet_ask(const struct fdnet_ask_calls *calls, int fd, const void *req,
		  size_t len, const int *fds, unsigned int nfds, void *ans,
		  size_t size);

#endif
