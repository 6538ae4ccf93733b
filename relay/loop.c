/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/loop.h"

#include "relay/sys.h"

int loop_open(struct loop *loop)
{
	loop->dead = NULL;
	loop->shared = false;
	loop->max_fd = 0;
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epfd < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	loop_sweep(loop);
	if (loop->epfd >= 0)
		close(loop->epfd);
	loop->epfd = -1;
}

static int control(struct loop *loop, int op, struct source *src,
		   uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	return epoll_ctl(loop->epfd, op, src->fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, struct source *src, uint32_t events)
{
	if (src->fd > loop->max_fd)
		loop->max_fd = src->fd;
	return control(loop, EPOLL_CTL_ADD, src, events);
}

void loop_change(struct loop *loop, struct source *src, uint32_t events)
{
	control(loop, EPOLL_CTL_MOD, src, events);
}

void loop_remove(struct loop *loop, struct source *src)
{
	if (src->fd >= 0)
		control(loop, EPOLL_CTL_DEL, src, 0);
}

void loop_forget(struct loop *loop, struct source *src)
{
	if (loop->shared)
		loop_remove(loop, src);
}

void loop_bury(struct loop *loop, struct source *src,
	       void (*free_fn)(struct source *src))
{
	src->type = SOURCE_DEAD;
	src->free = free_fn;
	src->next_dead = loop->dead;
	loop->dead = src;
}

void loop_sweep(struct loop *loop)
{
	while (loop->dead) {
		struct source *src = loop->dead;

		loop->dead = src->next_dead;
		src->free(src);
	}
}
