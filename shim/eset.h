/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll sets that nobody but this process looks at: their sockets' readiness
 * stays in memory, and costs no system call.
 *
 * How it works: the kernel's set has a member for each socket as always, but
 * asks nothing of it; what the program asked for stands here, as a member of
 * the socket's file and of the set. What comes for a socket puts its members
 * into their sets' queues, from which epoll_wait() takes them by the kernel's
 * rules: level-triggered ones go back to the end of the queue for as long as
 * they are ready, edge-triggered ones when something new has come, and
 * one-shot ones wait to be armed again.
 *
 * As soon as somebody else can look, a set's members become the kernel's, and
 * are mirrored (mirror.h): when the set is polled, added to another set or
 * passed on, and be it before it has a member. A set that the shim did not see
 * being made may be looked at by anybody. A duplicate is another number of the
 * same set (tokio adds by one and waits by the other). A socket that becomes
 * pumped does so alone. What the kernel has to share out, EPOLLEXCLUSIVE, is
 * the kernel's at once. A child of a fork has the sockets handed over when it
 * first uses the set.
 *
 * All under the shim's lock, but for shim_eset_made(), _maybe() and _any().
 */
#ifndef SHIM_ESET_H
#define SHIM_ESET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct shim_eset;
struct shim_file;

/** shim_eset_made - @fd is a new set; lock-free */
void shim_eset_made(int fd);

/** shim_eset_maybe - is @fd a set that we saw being made? Lock-free */
bool shim_eset_maybe(int fd);

/** shim_eset_between - is there one among @first..@last? Lock-free */
bool shim_eset_between(unsigned int first, unsigned int last);

/** shim_eset_get - the set behind @epfd, or NULL: it is the kernel's alone. May
 * release the lock */
struct shim_eset *shim_eset_get(int epfd);

/**
 * shim_eset_ctl - epoll_ctl() for one of our sockets
 * @file:   of @fd
 * @event:  readable, unless @op is EPOLL_CTL_DEL
 *
 * May release the lock. Returns 0 or a negative errno; -EOPNOTSUPP when the kernel is to do it, and
 * the socket to be mirrored.
 */
int shim_eset_ctl(int epfd, int op, int fd, struct shim_file *file,
		  const struct epoll_event *event);

/** shim_eset_collect - what is ready, at most @max; returns how many */
int shim_eset_collect(struct shim_eset *set, struct epoll_event *events,
		      int max);

/** shim_eset_is_ready - is anything? */
bool shim_eset_is_ready(struct shim_eset *set);

/** shim_eset_look - is it time to ask the kernel too, though there is something
 * ready? */
bool shim_eset_look(struct shim_eset *set);

/** shim_eset_event - @events came for @file */
void shim_eset_event(struct shim_file *file, uint32_t events);

/** shim_eset_touch - a call may have changed what is true of @file */
void shim_eset_touch(struct shim_file *file);

/** shim_eset_release - @file's members are the kernel's: its placeholder is to
 * carry data */
void shim_eset_release(struct shim_file *file);

/** shim_eset_gone - @file is about to be freed */
void shim_eset_gone(struct shim_file *file);

/** shim_eset_expose - somebody else may look at the set from now on */
void shim_eset_expose(int epfd);

/** shim_eset_dup - @fd is another number of the set @of, whatever it was
 * before */
void shim_eset_dup(int of, int fd);

/** shim_eset_forget - the fds @first..@last were closed */
void shim_eset_forget(unsigned int first, unsigned int last);

/** shim_eset_after_fork - in the child: the sets are shared */
void shim_eset_after_fork(void);

#endif
