/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pumped sockets (D2): what more than one process, stdio or a raw system call
 * can see.
 *
 * How it works: a pumped socket's placeholder A carries the data. With a relay
 * the socket is handed over (handover.h) and the relay moves bytes between
 * end B and its engine. Without one (FDNET_FD) the process that made the
 * socket does so, here: inline whenever it drives the stack, and by its helper
 * thread while it does not. For the holders of A everything is the kernel's:
 * read, write, poll, epoll, dup, fork, exec, last close. A pumped listener
 * passes each accepted connection's A over B (SCM_RIGHTS), with both names as
 * data; accept() is a recvmsg().
 *
 * A socket becomes pumped when it is put on 0, 1 or 2, when a stream is opened
 * on it, when the process closes it while others hold it, when a fork child
 * first touches it (it says so over the touch channel), and when a program is
 * executed that inherits it. It never goes back.
 *
 * All under the shim's lock.
 */
#ifndef SHIM_PUMP_H
#define SHIM_PUMP_H

#include <poll.h>
#include <stdbool.h>

#include "shim/file.h"

/** shim_pump_begin - from now on @file is pumped; idempotent. Datagram
 * sockets without a peer stay as they are (their A has no room for names). */
void shim_pump_begin(struct shim_file *file);

/** shim_pump_move - move what can be moved; after events of @file */
void shim_pump_move(struct shim_file *file);

/** shim_pump_any - is any socket pumped, or may a child ask for one? */
bool shim_pump_any(void);

/** shim_pump_here - does this process pump for itself? */
bool shim_pump_here(void);

/**
 * shim_pump_poll - the fds that the helper is to wait for
 * @max:  room in @fds
 *
 * Returns how many were written; more files than fit are looked at in turn.
 */
unsigned int shim_pump_poll(struct pollfd *fds, unsigned int max);

/** shim_pump_run - children's touches, then every pumped file */
void shim_pump_run(void);

/** shim_pump_fork_prepare - before a fork: children will be able to touch */
void shim_pump_fork_prepare(void);
/** shim_pump_fork_child - in the child: the files are the parent's */
void shim_pump_fork_child(void);

/** shim_pump_touch - in a child: ask the owner to pump @file. 0 or
 * -ECONNRESET when the owner cannot be reached */
int shim_pump_touch(struct shim_file *file);

/** shim_pump_outlives - will a program that a vfork() child starts have @file at
 * @fd, or elsewhere? By the child's own descriptors */
bool shim_pump_outlives(int fd, const struct shim_file *file);

/** shim_pump_inherited - a program is executed: what it inherits is pumped
 * @replaces:  it takes this process's place */
void shim_pump_inherited(bool replaces);

/**
 * shim_pump_accept - accept() on a pumped listener
 * @fd:  the listener's A
 * @flags:  SOCK_NONBLOCK, SOCK_CLOEXEC
 * @ret_local, @ret_peer:  names of the new connection
 * @ret_cookie:  identity of the new A
 *
 * Not under the lock; blocks as the fd's flags say.
 * Returns the new fd or a negative errno.
 */
int shim_pump_accept(int fd, int flags, struct fdnet_name *ret_local,
		     struct fdnet_name *ret_peer, uint64_t *ret_cookie);

#endif
