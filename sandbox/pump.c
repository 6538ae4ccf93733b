/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input and output that are sockets of the host; see pump.h. */
#include "config.h"

#include "sandbox/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Once: while bytes wait for the other side nothing is to be heard, not even
 * a hang-up. */
#define FROM_READY (EPOLLIN | EPOLLONESHOT)

static struct pump *pump_of_from(struct watch *watch)
{
	return (struct pump *)((char *)watch - offsetof(struct pump, from));
}

static struct pump *pump_of_to(struct watch *watch)
{
	return (struct pump *)((char *)watch - offsetof(struct pump, to));
}

static void end_side(struct pump *pump, struct watch *side)
{
	int fd = side->fd;

	if (fd < 0)
		return;
	watch_remove(pump->loop, side);
	close(fd);
}

static void on_from(struct watch *watch, uint32_t events);
static void on_to(struct watch *watch, uint32_t events);

int pump_open(struct pump *pump, int fd)
{
	int pipefd[2], socket_fd;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	socket_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (socket_fd < 0)
		return -errno;
	pump->used = true;
	pump->fd = fd;
	pump->theirs = pipefd[fd != STDIN_FILENO];
	pump->from.fd = fd == STDIN_FILENO ? socket_fd : pipefd[0];
	pump->to.fd = fd == STDIN_FILENO ? pipefd[1] : socket_fd;
	pump->from.ready = on_from;
	pump->to.ready = on_to;
	return 0;
}

void pump_child(struct pump *pump)
{
	if (pump->used)
		dup2(pump->theirs, pump->fd);
}

int pump_start(struct pump *pump, struct watch_loop *loop)
{
	int rc;

	if (!pump->used)
		return 0;
	close(pump->theirs);
	pump->loop = loop;
	/* our end of the pipe is ours alone; the socket's flags are shared
	 * with whoever else holds it, so it is asked for readiness instead */
	fcntl(pump->fd == STDIN_FILENO ? pump->to.fd : pump->from.fd, F_SETFL,
	      O_NONBLOCK);
	rc = watch_add(loop, &pump->from, FROM_READY);
	return rc == 0 ? watch_add(loop, &pump->to, 0) : rc;
}

static ssize_t fill(struct pump *pump)
{
	ssize_t len;

	if (pump->fd == STDIN_FILENO)
		len = recv(pump->from.fd, pump->room, sizeof(pump->room),
			   MSG_DONTWAIT);
	else
		len = read(pump->from.fd, pump->room, sizeof(pump->room));
	return len < 0 ? -errno : len;
}

static ssize_t drain(struct pump *pump, int flags)
{
	const char *at = pump->room + pump->at;
	size_t len = pump->end - pump->at;
	ssize_t rc;

	if (pump->fd == STDIN_FILENO)
		rc = write(pump->to.fd, at, len);
	else
		rc = send(pump->to.fd, at, len, flags | MSG_NOSIGNAL);
	return rc < 0 ? -errno : rc;
}

static void on_from(struct watch *watch, uint32_t events)
{
	struct pump *pump = pump_of_from(watch);
	ssize_t len = fill(pump);

	if (len == -EAGAIN || len == -EINTR) {
		watch_change(pump->loop, &pump->from, FROM_READY);
		return;
	}
	if (len <= 0) {
		/* the end is passed on, in each direction */
		if (pump->fd != STDIN_FILENO && pump->to.fd >= 0)
			shutdown(pump->to.fd, SHUT_WR);
		end_side(pump, &pump->from);
		end_side(pump, &pump->to);
		return;
	}
	pump->at = 0;
	pump->end = len;
	watch_change(pump->loop, &pump->to, EPOLLOUT);
}

static void on_to(struct watch *watch, uint32_t events)
{
	struct pump *pump = pump_of_to(watch);
	ssize_t len;

	if (pump->at == pump->end) {
		/* only an error or the other's end comes unasked */
		end_side(pump, &pump->from);
		end_side(pump, &pump->to);
		return;
	}
	len = drain(pump, MSG_DONTWAIT);
	if (len == -EAGAIN || len == -EINTR)
		return;
	if (len < 0) {
		end_side(pump, &pump->from);
		end_side(pump, &pump->to);
		return;
	}
	pump->at += len;
	if (pump->at < pump->end)
		return;
	watch_change(pump->loop, &pump->to, 0);
	watch_change(pump->loop, &pump->from, FROM_READY);
}

void pump_finish(struct pump *pump)
{
	ssize_t len = 1;

	if (!pump->used || pump->fd == STDIN_FILENO || pump->to.fd < 0)
		return;
	for (;;) {
		while (pump->at < pump->end && (len = drain(pump, 0)) > 0)
			pump->at += len;
		if (len < 0)
			break;
		len = fill(pump);
		if (len <= 0)
			break;
		pump->at = 0;
		pump->end = len;
	}
	shutdown(pump->to.fd, SHUT_WR);
}
