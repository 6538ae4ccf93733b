/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that sleep in epoll_wait() when the first socket of ours joins their
 * set: they wait for the kernel alone, which knows nothing of it, and nobody
 * looks at the link. They are counted, by the number of the set, and woken by
 * an eventfd that is a member of the set until they have gone, so that they
 * wait again, with us (tokio's workers sleep before the first socket is made).
 */
#ifndef SHIM_KICK_H
#define SHIM_KICK_H

#include <stdbool.h>
#include <sys/epoll.h>

/** shim_kick_enter - this thread is about to wait for @epfd in the kernel;
 * lock-free */
void shim_kick_enter(int epfd);

/** shim_kick_leave - it has returned; may take the lock */
void shim_kick_leave(int epfd);

/** shim_kick - a socket has joined @epfd; under the lock */
void shim_kick(int epfd);

/**
 * shim_kick_strip - take what is ours out of what the kernel told
 * @events:  of @n elements
 *
 * Returns how many are left. Lock-free.
 */
int shim_kick_strip(struct epoll_event *events, int n);

/** shim_kick_seen - somebody who waits with us was told of one, and will look
 * again soon: gives up those whose threads never go; under the lock */
void shim_kick_seen(void);

/** shim_kick_forget - @epfd was closed; under the lock */
void shim_kick_forget(int epfd);

/** shim_kick_after_fork - in the child: nobody else waits */
void shim_kick_after_fork(void);

#endif
