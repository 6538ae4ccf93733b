/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mirror (D5): a socket's readiness shown on its placeholder, so that the
 * kernel's epoll sees it.
 *
 * How it works, with A the placeholder and B its peer:
 *   IN     a token byte written to B; read back from A when nothing is left
 *   OUT    A carries a filler that B never reads; SO_SNDBUF of A is lowered to
 *          the minimum to block OUT, and raised to give it (and an edge)
 *   RDHUP  B is shut down for writing; HUP: in both directions
 *   ERR    B is closed with unread data: A reports it until SO_ERROR is read
 * Only sockets in an epoll set that others may look at are mirrored; eset.h has
 * the rest. Arrivals are shown at once; what
 * became untrue is corrected before the next epoll_wait() looks, so that
 * receive-and-wait-again costs no system call when more data have come.
 */
#ifndef SHIM_MIRROR_H
#define SHIM_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

struct shim_file;

/** shim_mirror_watch - @file (fd number @fd) joins an epoll set that asks for
 * @events (EPOLL* bits) */
void shim_mirror_watch(struct shim_file *file, int fd, uint32_t events);

/** shim_mirror_event - @events arrived for @file */
void shim_mirror_event(struct shim_file *file, uint32_t events);

/** shim_mirror_touch - a call may have changed what is true of @file */
void shim_mirror_touch(struct shim_file *file);

/** shim_mirror_settle - correct all that is out of date */
void shim_mirror_settle(void);

/** shim_mirror_forget - @file is about to be freed */
void shim_mirror_forget(struct shim_file *file);

/** shim_mirror_undo - @file's placeholder is to carry data from now on: token
 * and filler are taken back */
void shim_mirror_undo(struct shim_file *file);

/** shim_mirror_error_read - SO_ERROR of @file was fetched through @fd */
void shim_mirror_error_read(struct shim_file *file, int fd);

/** shim_mirror_joined - a socket joined a set without being mirrored */
void shim_mirror_joined(void);

/** shim_mirror_any - has any socket ever joined an epoll set? */
bool shim_mirror_any(void);

#endif
