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
