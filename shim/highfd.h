/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fds of our own, kept at high numbers so that the application's stay the
 * lowest free ones, and protected from its closing loops.
 */
#ifndef SHIM_HIGHFD_H
#define SHIM_HIGHFD_H

#include <stdbool.h>

/**
 * shim_fd_raise - move an fd to a high number, close-on-exec
 * @fd:  taken, also on failure
 *
 * Where the soft RLIMIT_NOFILE leaves no room above the application's range
 * it is raised for the moment of the call, if the hard limit allows.
 * Returns the new number or a negative errno.
 */
int shim_fd_raise(int fd);

/**
 * shim_fd_pair - an AF_UNIX pair, one end the application's, one ours
 * @type:  SOCK_STREAM or SOCK_SEQPACKET, with SOCK_NONBLOCK, SOCK_CLOEXEC
 * @sv:    [0] the lowest free number, [1] a high one
 *
 * The application's limit counts for [0] alone. Returns 0 or a negative errno.
 */
int shim_fd_pair(int type, int sv[2]);

/** shim_fd_lower - forget and close one of our fds (or -1) */
void shim_fd_lower(int fd);

/** shim_fd_is_ours - may the application not touch it? Lock-free. */
bool shim_fd_is_ours(int fd);

/** shim_fd_next_ours - the first fd of ours >= @fd, or -1 */
int shim_fd_next_ours(int fd);

/** shim_fd_protect - an fd that came from outside (the attach channel) */
void shim_fd_protect(int fd);

/** shim_fd_after_fork - in the child: close them all but protected ones */
void shim_fd_after_fork(void);

#endif
