/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's loop: fds and who is told when they are ready. */
#ifndef SANDBOX_WATCH_H
#define SANDBOX_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch;

typedef void watch_fn(struct watch *watch, uint32_t events);

/**
 * struct watch - one fd; embedded in its owner
 * @fd:     -1 while it is not watched
 * @ready:  called with epoll's events; may remove this watch or others, whose
 *          memory must stay until the round is over
 */
struct watch {
	int fd;
	watch_fn *ready;
};

struct watch_loop {
	int epoll_fd;
	bool stop;
};

/** watch_loop_init - 0 or a negative errno */
int watch_loop_init(struct watch_loop *loop);
void watch_loop_done(struct watch_loop *loop);

/** watch_add - level-triggered; @watch's fd is borrowed */
int watch_add(struct watch_loop *loop, struct watch *watch, uint32_t events);
int watch_change(struct watch_loop *loop, struct watch *watch, uint32_t events);
/** watch_remove - does nothing if it is not watched; the fd stays open */
void watch_remove(struct watch_loop *loop, struct watch *watch);

/**
 * watch_run - until somebody sets @loop->stop
 * @timeout:  asked before each wait: ms until it wants to be called, or -1
 * @round:    called after each round and when the time is up
 * @arg:      for both
 */
int watch_run(struct watch_loop *loop, int (*timeout)(void *arg),
	      void (*round)(void *arg), void *arg);

#endif
