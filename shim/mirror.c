/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/mirror.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "shim/eset.h"
#include "shim/file.h"
#include "shim/highfd.h"
#include "shim/raw.h"
#include "shim/wait.h"

/* The kernel raises lower values to its minimum, 4608 bytes, which a handful
 * of one-byte messages exceeds (each is charged its whole buffer). */
#define SNDBUF_MIN 1
#define SNDBUF_OPEN (1 << 20)
#define FILLERS_MAX 64

static struct shim_file *dirty;
static bool any;

static bool is_shown(const struct shim_file *file, uint32_t event)
{
	return (file->shown & event) != 0;
}

/*
 * A is reached through any fd that refers to it; the caller's may be gone by
 * the time a mirror is corrected, so look for one that is left.
 */
static int fd_of(const struct shim_file *file)
{
	int fd;

	if (file->fd_hint >= 0 && shim_file_peek(file->fd_hint) == file)
		return file->fd_hint;
	for (fd = shim_file_next_fd(0); fd >= 0; fd = shim_file_next_fd(fd + 1))
		if (shim_file_peek(fd) == file)
			return fd;
	return -1;
}

static void show_in(struct shim_file *file)
{
	if (raw_send(file->peer_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return;
	file->shown |= FDNET_EV_IN;
	file->tokens++;
}

static void hide_in(struct shim_file *file)
{
	int fd = fd_of(file);
	char buf[512];
	unsigned int n;
	ssize_t rc;

	file->shown &= ~FDNET_EV_IN;
	/* what cannot be taken back now is taken by the next one */
	while (fd >= 0 && file->tokens) {
		rc = raw_recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		n = rc > 0 && file->is_stream ? (unsigned int)rc : 1;
		file->tokens = rc > 0 && n < file->tokens ? file->tokens - n :
							     0;
	}
}

static void set_sndbuf(int fd, int size)
{
	raw_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void fill(struct shim_file *file, int fd)
{
	int i;

	if (file->filled)
		return;
	file->filled = true;
	for (i = 0; i < FILLERS_MAX; i++)
		if (raw_send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
			break;
}

static void show_out(struct shim_file *file, bool on)
{
	int fd = fd_of(file);

	if (fd < 0)
		return;
	set_sndbuf(fd, on ? SNDBUF_OPEN : SNDBUF_MIN);
	if (!on)
		fill(file, fd);
	if (on)
		file->shown |= FDNET_EV_OUT;
	else
		file->shown &= ~FDNET_EV_OUT;
}

static void show_error(struct shim_file *file)
{
	int fd = fd_of(file);

	file->shown |= FDNET_EV_ERR | FDNET_EV_HUP | FDNET_EV_RDHUP |
		       FDNET_EV_IN;
	if (fd >= 0) {
		/* something unread makes the close an error */
		set_sndbuf(fd, SNDBUF_OPEN);
		raw_send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	shim_fd_lower(file->peer_fd);
	file->peer_fd = -1;
}

/* Brings what A shows to what is true; @again: new arrivals, for edges. */
static void correct(struct shim_file *file, uint32_t again)
{
	uint32_t now;

	if (!file->so || file->peer_fd < 0)
		return;
	now = fdnet_sock_poll(file->so);
	if ((now & FDNET_EV_ERR) && file->is_stream) {
		show_error(file);
		return;
	}
	if (now & FDNET_EV_ERR)
		now |= FDNET_EV_IN; /* fetched by the next receive */
	if ((now & FDNET_EV_HUP) && !is_shown(file, FDNET_EV_HUP) &&
	    file->joined) {
		raw_shutdown(file->peer_fd, SHUT_RDWR);
		file->shown |= FDNET_EV_HUP | FDNET_EV_RDHUP;
	} else if ((now & FDNET_EV_RDHUP) && !is_shown(file, FDNET_EV_RDHUP)) {
		raw_shutdown(file->peer_fd, SHUT_WR);
		file->shown |= FDNET_EV_RDHUP;
	}
	if ((now & (FDNET_EV_IN | FDNET_EV_PRI)) &&
	    (!is_shown(file, FDNET_EV_IN) ||
	     (file->edge && (again & FDNET_EV_IN))))
		show_in(file);
	else if (!(now & (FDNET_EV_IN | FDNET_EV_PRI)) &&
		 is_shown(file, FDNET_EV_IN))
		hide_in(file);
	if ((file->watch_mask & EPOLLOUT) &&
	    !(now & FDNET_EV_OUT) == is_shown(file, FDNET_EV_OUT))
		show_out(file, (now & FDNET_EV_OUT) != 0);
}

void shim_mirror_watch(struct shim_file *file, int fd, uint32_t events)
{
	any = true;
	if (file->pumped)
		return; /* the kernel sees the data themselves */
	file->watched = true;
	file->watch_mask |= events;
	file->edge = file->edge || (events & EPOLLET);
	file->fd_hint = fd;
	correct(file, 0);
}

void shim_mirror_event(struct shim_file *file, uint32_t events)
{
	if (file->members)
		shim_eset_event(file, events);
	if (!file->watched)
		return;
	correct(file, events);
	shim_wait_news();
}

void shim_mirror_touch(struct shim_file *file)
{
	if (file->members)
		shim_eset_touch(file);
	if (!file->watched || file->dirty)
		return;
	file->dirty = true;
	file->dirty_next = dirty;
	dirty = file;
}

void shim_mirror_settle(void)
{
	struct shim_file *file;

	while ((file = dirty)) {
		dirty = file->dirty_next;
		file->dirty = false;
		correct(file, 0);
	}
}

void shim_mirror_forget(struct shim_file *file)
{
	struct shim_file **at;

	if (!file->dirty)
		return;
	for (at = &dirty; *at; at = &(*at)->dirty_next)
		if (*at == file) {
			*at = file->dirty_next;
			break;
		}
	file->dirty = false;
}

void shim_mirror_undo(struct shim_file *file)
{
	int fd = fd_of(file);
	char buf[512];

	shim_mirror_forget(file);
	shim_eset_release(file);
	if (is_shown(file, FDNET_EV_IN))
		hide_in(file);
	while (file->filled && raw_recv(file->peer_fd, buf, sizeof(buf),
					MSG_DONTWAIT) > 0)
		continue;
	file->filled = false;
	file->watched = false;
	if (fd >= 0)
		set_sndbuf(fd, SNDBUF_OPEN);
}

void shim_mirror_error_read(struct shim_file *file, int fd)
{
	socklen_t len = sizeof(int);
	int error;

	if (is_shown(file, FDNET_EV_ERR))
		raw_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

void shim_mirror_joined(void)
{
	any = true;
}

bool shim_mirror_any(void)
{
	return any;
}
