/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a socket of the program is connected to one of the host that --unix
 * names, and how the host's connections to listeners of the program come in:
 * never directly, always by way of sockets of ours (join.h).
 */
#ifndef SANDBOX_OUTSIDE_H
#define SANDBOX_OUTSIDE_H

#include "sandbox/notify.h"

/**
 * outside_open - make what outside_connect() needs
 *
 * Before the supervisor gives up making files. Without it, --unix reaches
 * nothing. Returns 0 or a negative errno.
 */
int outside_open(struct supervisor *sup);

/**
 * outside_connect - the caller's socket to a service of the host
 * @call:   @call->fd is an AF_UNIX stream or SEQPACKET socket, and
 *          @call->spare_fd the service's inode (O_PATH)
 * Returns 0, -EAGAIN (its backlog is full) or what the kernel said.
 */
int outside_connect(struct call *call);

/**
 * outside_accepted - a connection that a listener of the program got
 * @call:  @call->fd is the listener
 * @fd:    taken
 * Returns the descriptor that the program gets: @fd, if a process of the
 * sandbox is at the other end, or one joined with it; or a negative errno.
 */
int outside_accepted(struct call *call, int fd);

/** outside_send - the datagram in @call->data, by @fd, to the socket whose
 * inode (O_PATH) is @call->spare_fd, as the caller; not waited for. Bytes sent,
 * or a negative errno. */
ssize_t outside_send(struct call *call, int fd);

/** outside_end - close what outside_open() made */
void outside_end(struct supervisor *sup);

#endif
