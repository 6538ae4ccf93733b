/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loopback inside the process by one copy: from the writer's memory straight
 * into the reader's (stack/tcp_direct.h).
 *
 * How it works: a thread that writes much to a socket of this same process, and
 * may block, lends its memory to the other end and waits awake for a moment
 * until a reader has taken it. What is not taken in time is queued as always.
 * While it is lent it counts as arrived: the other end is readable. Whoever
 * wants more than to read, to peek or to count, has it queued first.
 *
 * The writer cannot leave meanwhile: it does not sleep, and where the program
 * has signal handlers its signals are blocked.
 *
 * All under the shim's lock.
 */
#ifndef SHIM_DIRECT_H
#define SHIM_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct shim_file;
struct shim_loan;

/**
 * shim_direct_send - lend what is to be written
 * @file:   the writer's; its call may block
 * @iov:    what is left
 * @flags:  of the call
 *
 * May release the lock. Returns the bytes that were taken; 0: the data are to
 * be queued.
 */
size_t shim_direct_send(struct shim_file *file, const struct iovec *iov,
			int iovcnt, int flags);

/** shim_direct_recv - take what is lent to @file, whose queue is empty; returns
 * the bytes, 0: nothing is lent */
size_t shim_direct_recv(struct shim_file *file, const struct iovec *iov,
			int iovcnt);

/** shim_direct_settle - have what is lent to @file queued */
void shim_direct_settle(struct shim_file *file);

/** shim_direct_poll - fdnet_sock_poll() of @file's socket, and what is lent */
uint32_t shim_direct_poll(const struct shim_file *file);

#endif
