/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's loop; see watch.h. */
#include "config.h"

#include "sandbox/watch.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ROUND 32

int watch_loop_init(struct watch_loop *loop)
{
	loop->stop = false;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void watch_loop_done(struct watch_loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

static int control(struct watch_loop *loop, int op, struct watch *watch,
		   uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(loop->epoll_fd, op, watch->fd, &event) < 0 ? -errno
								    : 0;
}

int watch_add(struct watch_loop *loop, struct watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, watch, events);
}

int watch_change(struct watch_loop *loop, struct watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, watch, events);
}

void watch_remove(struct watch_loop *loop, struct watch *watch)
{
	if (watch->fd < 0)
		return;
	control(loop, EPOLL_CTL_DEL, watch, 0);
	watch->fd = -1;
}

int watch_run(struct watch_loop *loop, int (*timeout)(void *arg),
	      void (*round)(void *arg), void *arg)
{
	struct epoll_event events[ROUND];
	int count, i;

	while (!loop->stop) {
		count = epoll_wait(loop->epoll_fd, events, ROUND,
				   timeout ? timeout(arg) : -1);
		if (count < 0 && errno != EINTR)
			return -errno;
		for (i = 0; i < count; i++) {
			struct watch *watch = events[i].data.ptr;

			/* removed by one that came before it */
			if (watch->fd >= 0)
				watch->ready(watch, events[i].events);
		}
		if (round)
			round(arg);
	}
	return 0;
}
