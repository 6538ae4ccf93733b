/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2) and epoll(7) over the stack's sockets. Pipes are the kernel's, and
 * splice(2), which would have to join both, is refused. */
#include "config.h"

#include "tests/packetdrill/adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static uint64_t timeout_of(int ms)
{
	return ms < 0 ? FDNET_NEVER : (uint64_t)ms * 1000;
}

/* ---- poll ---- */

struct poll_call {
	struct pollfd *fds;
	nfds_t n;
};

static ssize_t try_poll(struct pd *pd, void *arg)
{
	struct poll_call *c = arg;
	ssize_t ready = 0;

	for (nfds_t i = 0; i < c->n; i++) {
		struct pollfd *p = &c->fds[i];
		struct pd_file *f = pd_file(pd, p->fd, PD_SOCK);
		uint32_t ev;

		p->revents = 0;
		if (p->fd < 0)
			continue;
		if (!f) {
			p->revents = POLLNVAL;
		} else {
			ev = fdnet_sock_poll(f->so);
			if (ev & EPOLLOUT)
				ev |= POLLWRNORM;
			if (ev & EPOLLIN)
				ev |= POLLRDNORM;
			p->revents = (short)(ev & ((uint32_t)p->events |
						   POLLERR | POLLHUP));
		}
		ready += p->revents != 0;
	}
	return ready ? ready : -EAGAIN;
}

static int c_poll(void *ud, struct pollfd *fds, nfds_t n, int timeout)
{
	struct poll_call c = {fds, n};
	struct pd *pd = ud;
	ssize_t rc;

	pd_lock(pd);
	rc = pd_block(pd, timeout_of(timeout), try_poll, &c);
	return (int)pd_unlock(pd, rc == -EAGAIN ? 0 : rc);
}

/* ---- epoll ---- */

static int c_epoll_create(void *ud, int size)
{
	struct pd *pd = ud;

	if (size <= 0) {
		errno = EINVAL;
		return -1;
	}
	pd_lock(pd);
	return (int)pd_unlock(pd, pd_file_new(pd, PD_EPOLL));
}

static struct pd_watch **find_watch(struct pd_file *ep, int fd)
{
	struct pd_watch **link = &ep->watches;

	while (*link && (*link)->fd != fd)
		link = &(*link)->next;
	return link;
}

static int epoll_change(struct pd *pd, struct pd_file *ep, int op, int fd,
			const struct epoll_event *event)
{
	struct pd_file *f = pd_file(pd, fd, PD_SOCK);
	struct pd_watch **link = find_watch(ep, fd), *w = *link;

	if (!f)
		return -EBADF;
	if (op == EPOLL_CTL_DEL) {
		if (!w)
			return -ENOENT;
		*link = w->next;
		free(w);
		return 0;
	}
	if (op == EPOLL_CTL_ADD) {
		if (w)
			return -EEXIST;
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		w->fd = fd;
		*link = w;
	} else if (op != EPOLL_CTL_MOD) {
		return -EINVAL;
	} else if (!w) {
		return -ENOENT;
	}
	w->events = event->events;
	w->data = event->data;
	w->fired = fdnet_sock_poll(f->so);
	w->spent = false;
	return 0;
}

static int c_epoll_ctl(void *ud, int epfd, int op, int fd,
		       struct epoll_event *event)
{
	struct pd *pd = ud;
	struct pd_file *ep;

	pd_lock(pd);
	pd_pump(pd); /* edges from before count no more */
	ep = pd_file(pd, epfd, PD_EPOLL);
	return (int)pd_unlock(pd, ep ? epoll_change(pd, ep, op, fd, event)
				     : -EBADF);
}

struct epoll_call {
	struct pd_file *ep;
	struct epoll_event *events;
	int max;
};

static uint32_t watch_ready(struct pd *pd, struct pd_watch *w)
{
	uint32_t want = w->events | EPOLLERR | EPOLLHUP, now;

	if (w->spent)
		return 0;
	now = fdnet_sock_poll(pd->files[w->fd].so) & want;
	if (w->events & EPOLLET) {
		if (!(w->fired & want))
			return 0;
		w->fired = 0;
	}
	if (now && w->events & EPOLLONESHOT)
		w->spent = true;
	return now;
}

static ssize_t try_epoll(struct pd *pd, void *arg)
{
	struct epoll_call *c = arg;
	ssize_t n = 0;

	for (struct pd_watch *w = c->ep->watches; w && n < c->max; w = w->next) {
		uint32_t ready = watch_ready(pd, w);

		if (ready) {
			c->events[n].events = ready;
			c->events[n++].data = w->data;
		}
	}
	return n ? n : -EAGAIN;
}

static int c_epoll_wait(void *ud, int epfd, struct epoll_event *events,
			int max, int timeout)
{
	struct epoll_call c = {.events = events, .max = max};
	struct pd *pd = ud;
	ssize_t rc;

	pd_lock(pd);
	c.ep = pd_file(pd, epfd, PD_EPOLL);
	if (!c.ep)
		return (int)pd_unlock(pd, -EBADF);
	pd_pump(pd);
	rc = pd_block(pd, timeout_of(timeout), try_epoll, &c);
	return (int)pd_unlock(pd, rc == -EAGAIN ? 0 : rc);
}

/* ---- pipes ---- */

static int c_pipe(void *ud, int fds[2])
{
	(void)ud;
	return pipe(fds);
}

static int c_splice(void *ud, int fd_in, loff_t *off_in, int fd_out,
		    loff_t *off_out, size_t n, unsigned int flags)
{
	(void)ud, (void)fd_in, (void)off_in, (void)fd_out, (void)off_out;
	(void)n, (void)flags;
	errno = EINVAL;
	return -1;
}

void pd_fill_watch(struct packetdrill_interface *ifc)
{
	ifc->poll = c_poll;
	ifc->epoll_create = c_epoll_create;
	ifc->epoll_ctl = c_epoll_ctl;
	ifc->epoll_wait = c_epoll_wait;
	ifc->pipe = c_pipe;
	ifc->splice = c_splice;
}
