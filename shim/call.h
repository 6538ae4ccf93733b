/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame around every call on one of our sockets: find it, lock, do it,
 * wait if it blocks, unlock, set errno.
 */
#ifndef SHIM_CALL_H
#define SHIM_CALL_H

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "shim/file.h"
#include "shim/libc.h"
#include "shim/lock.h"
#include "shim/net.h"
#include "shim/wait.h"

/** shim_ret - the one place that writes errno: -E becomes -1 */
static inline ssize_t shim_ret(ssize_t rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

/**
 * shim_begin - start a call on an fd
 * @guard:  for shim_end()
 *
 * Returns the file, locked, its socket present or not; NULL (and not locked)
 * when the fd is not ours: then libc's function is to be called.
 */
struct shim_file *shim_begin(int fd, struct shim_guard *guard);

/**
 * shim_begin_io - shim_begin(), for a call that moves data
 *
 * Returns NULL (not locked) also for a pumped socket: the call is the
 * kernel's, on the placeholder. A socket of our parent's becomes pumped here.
 */
struct shim_file *shim_begin_io(int fd, struct shim_guard *guard);

/** shim_is_kernels - is @fd either not ours or pumped? Lock-free */
bool shim_is_kernels(int fd);

/** shim_is_plain - likewise, and nothing of ours is left to be done before a
 * wait on it. Lock-free */
bool shim_is_plain(int fd);

/** shim_end - the call is over */
void shim_end(struct shim_guard *guard);

/**
 * shim_block - wait until a call is worth trying again
 * @file:    held by the caller (shim_file_hold())
 * @events:  FDNET_EV_* that it waits for
 * @timeo_us:  SO_RCVTIMEO or SO_SNDTIMEO, 0 for none
 * @deadline_us:  computed at the first call from @timeo_us, 0 before
 *
 * Returns 0, -EAGAIN when the time is over, -EINTR.
 */
int shim_block(struct shim_file *file, uint32_t events, uint64_t timeo_us,
	       uint64_t *deadline_us, struct shim_waiter *w,
	       struct shim_guard *guard);

/** shim_cancel_point - a call that POSIX makes a cancellation point begins: if
 * @fd is one of ours; others are libc's. Not under the lock */
void shim_cancel_point(int fd);

/** shim_sleep_recvmsg, shim_sleep_sendmsg - the kernel's call on A of a socket
 * of ours; it may wait, and be cancelled. Not under the lock; negative errno */
ssize_t shim_sleep_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t shim_sleep_sendmsg(int fd, const struct msghdr *msg, int flags);

/** shim_cancel_off, shim_cancel_restore - around code that must finish */
void shim_cancel_off(int *state);
void shim_cancel_restore(int state);

/**
 * shim_is_borrowed - is this a vfork() child, running in its parent's memory?
 *
 * Its fd table is its own, ours is the parent's: such a child's close() and
 * dup2() are the kernel's business alone.
 */
bool shim_is_borrowed(void);

/** shim_settle - the process's memory is about to go: send what the sockets
 * still hold, for a bounded time; not under the lock */
void shim_settle(void);

/** shim_raise_sigpipe - as the kernel does for this thread */
void shim_raise_sigpipe(void);

#endif
