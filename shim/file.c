/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/file.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/socket.h>

#include "shim/claim.h"
#include "shim/eset.h"
#include "shim/highfd.h"
#include "shim/lock.h"
#include "shim/mem.h"
#include "shim/mirror.h"
#include "shim/net.h"
#include "shim/netlink.h"
#include "shim/node.h"
#include "shim/pump.h"
#include "shim/raw.h"

#define CHUNK 512
#define CHUNKS 2048 /* fd numbers up to a million */

static struct shim_file **table[CHUNKS];
static int table_end; /* no chunk has this number, or a higher one */
/* No question may be asked about an fd: confine.h. */
static bool trusting;
static struct shim_file *all;
/* Counts ends of handovers and namings; and who sleeps until the next. */
static uint32_t turns;
static unsigned int waiting;

static struct shim_file **slot(int fd)
{
	struct shim_file **chunk;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	chunk = __atomic_load_n(&table[fd / CHUNK], __ATOMIC_ACQUIRE);
	return chunk ? &chunk[fd % CHUNK] : NULL;
}

struct shim_file *shim_file_peek(int fd)
{
	struct shim_file **s = slot(fd);

	return s ? __atomic_load_n(s, __ATOMIC_RELAXED) : NULL;
}

bool shim_file_maybe(int fd)
{
	return shim_file_peek(fd) != NULL;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (raw_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
		return 0;
	return cookie;
}

bool shim_file_is_at(int fd, const struct shim_file *file)
{
	return cookie_of(fd) == file->cookie;
}

static void file_unlink(struct shim_file *file)
{
	if (file->prev)
		file->prev->next = file->next;
	else
		all = file->next;
	if (file->next)
		file->next->prev = file->prev;
}

/* No fd of any process refers to the placeholder any more. */
static void file_end(struct shim_file *file)
{
	struct fdnet_sock *so = file->so;

	shim_mirror_forget(file);
	shim_eset_gone(file);
	file_unlink(file);
	if (so) {
		fdnet_sock_set_user(so, NULL);
		fdnet_sock_close(so);
	}
	shim_claim_put(file->claim);
	shim_netlink_free(file);
	shim_fd_lower(file->peer_fd);
	fdnet_mem_free(shim_mem(), file, sizeof(*file));
}

/* Does nobody hold A any more? */
static bool is_hung_up(struct shim_file *file)
{
	struct pollfd p = { .fd = file->peer_fd };
	struct timespec now = { 0 };

	if (file->peer_fd < 0)
		return true; /* closed to show an error: only we counted */
	if (!file->hung_up)
		file->hung_up = raw_ppoll(&p, 1, &now, NULL) == 1 &&
				(p.revents & POLLHUP);
	return file->hung_up;
}

static void file_check(struct shim_file *file)
{
	if (file->fds > 0 || file->users > 0 || !is_hung_up(file))
		return;
	if (file->pumped && file->so && file->is_stream && !file->out_closed &&
	    !file->ending) {
		/* what the last holder wrote before it went */
		file->ending = true;
		shim_pump_move(file);
		file->ending = false;
		if (fdnet_sock_state(file->so) == FDNET_TCP_ESTABLISHED &&
		    !file->out_closed)
			return;
	}
	file_end(file);
}

void shim_file_trust(void)
{
	trusting = true;
}

bool shim_file_trusts(void)
{
	return trusting;
}

struct shim_file *shim_file_get(int fd)
{
	struct shim_file *file = shim_file_peek(fd);

	if (!file || trusting || cookie_of(fd) == file->cookie)
		return file;
	shim_file_forget(fd);
	return NULL;
}

int shim_file_install(int fd, struct shim_file *file)
{
	struct shim_file **s;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return -EMFILE;
	s = slot(fd);
	if (!s) {
		struct shim_file **chunk;

		chunk = fdnet_mem_alloc(shim_mem(), CHUNK * sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		__atomic_store_n(&table[fd / CHUNK], chunk, __ATOMIC_RELEASE);
		if (fd >= table_end)
			__atomic_store_n(&table_end,
					 (fd / CHUNK + 1) * CHUNK,
					 __ATOMIC_RELEASE);
		s = slot(fd);
	}
	if (*s)
		shim_file_forget(fd);
	file->fds++;
	__atomic_store_n(s, file, __ATOMIC_RELEASE);
	return 0;
}

int shim_file_new(int domain, int type, struct fdnet_sock *so,
		  struct shim_file **ret_file)
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	int kind = (type & 0xf) == SOCK_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
	struct shim_file *file;
	int rc, sv[2];

	file = fdnet_mem_alloc(shim_mem(), sizeof(*file));
	if (!file)
		return -ENOMEM;
	rc = shim_fd_pair(kind | flags, sv);
	if (rc < 0)
		goto no_pair;
	file->peer_fd = sv[1];
	file->cookie = cookie_of(sv[0]);
	file->nonblock = (flags & SOCK_NONBLOCK) != 0;
	file->domain = domain;
	file->is_stream = kind == SOCK_STREAM;
	file->fd_hint = sv[0];
	file->shown = FDNET_EV_OUT;
	file->owner_fd = -1;
	rc = shim_file_install(sv[0], file);
	if (rc < 0)
		goto no_slot;
	file->so = so;
	if (so)
		fdnet_sock_set_user(so, file);
	file->next = all;
	if (all)
		all->prev = file;
	all = file;
	if (ret_file)
		*ret_file = file;
	return sv[0];

no_slot:
	shim_fd_lower(file->peer_fd);
	raw_close(sv[0]);
no_pair:
	fdnet_mem_free(shim_mem(), file, sizeof(*file));
	return rc;
}

void shim_file_forget(int fd)
{
	struct shim_file **s = slot(fd);
	struct shim_file *file;

	if (!s || !*s)
		return;
	file = *s;
	__atomic_store_n(s, NULL, __ATOMIC_RELAXED);
	if (--file->fds > 0)
		return;
	shim_file_hold(file);
	if (!file->remote && !is_hung_up(file))
		shim_pump_begin(file); /* others hold it: for them */
	shim_file_put(file);
}

struct shim_file *shim_file_find(uint64_t cookie)
{
	struct shim_file *file;

	for (file = all; file; file = file->next)
		if (file->cookie == cookie)
			break;
	return file;
}

/* A placeholder whose socket is elsewhere. */
static struct shim_file *new_remote(int fd, uint64_t cookie)
{
	struct shim_file *file;

	file = fdnet_mem_alloc(shim_mem(), sizeof(*file));
	if (!file)
		return NULL;
	file->cookie = cookie;
	file->peer_fd = -1;
	file->owner_fd = -1;
	file->fd_hint = fd;
	file->pumped = file->remote = file->touched = true;
	file->nonblock = raw_fcntl(fd, F_GETFL, 0) & O_NONBLOCK;
	if (shim_file_install(fd, file) < 0) {
		fdnet_mem_free(shim_mem(), file, sizeof(*file));
		return NULL;
	}
	file->next = all;
	if (all)
		all->prev = file;
	all = file;
	return file;
}

int shim_file_adopt(int fd, uint64_t cookie, int domain,
		    const struct fdnet_name *local,
		    const struct fdnet_name *peer)
{
	struct shim_file *file = shim_file_find(cookie);

	if (file)
		return shim_file_install(fd, file);
	file = new_remote(fd, cookie);
	if (!file)
		return -EMFILE;
	file->domain = domain;
	file->is_stream = file->joined = true;
	file->type = SOCK_STREAM;
	file->proto = 6;
	file->in_node = shim_net_has_relay();
	file->local = *local;
	file->peer = *peer;
	return 0;
}

void shim_file_suspect(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);
	struct shim_file *file;
	uint64_t cookie;

	if (raw_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    domain != AF_UNIX ||
	    raw_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    (type != SOCK_STREAM && type != SOCK_SEQPACKET))
		return;
	cookie = cookie_of(fd);
	file = shim_file_peek(fd);
	if (file && file->cookie == cookie)
		return;
	file = shim_file_find(cookie);
	if (file) {
		shim_file_install(fd, file);
		return;
	}
	file = new_remote(fd, cookie);
	if (file)
		file->unknown = true;
}

bool shim_file_learn(struct shim_file *file)
{
	int fd;

	file->unknown = false;
	if (shim_node_names(file) == 0) {
		file->in_node = true;
		return true;
	}
	for (fd = shim_file_next_fd(0); fd >= 0; fd = shim_file_next_fd(fd + 1))
		if (shim_file_peek(fd) == file) {
			bool last = file->fds == 1;

			shim_file_forget(fd);
			if (last)
				break;
		}
	return false;
}

int shim_file_next_fd(int fd)
{
	int end = __atomic_load_n(&table_end, __ATOMIC_ACQUIRE);

	for (; fd < end; fd++) {
		if (!table[fd / CHUNK]) {
			fd = (fd / CHUNK + 1) * CHUNK - 1;
			continue;
		}
		if (shim_file_peek(fd))
			return fd;
	}
	return -1;
}

void shim_file_forget_range(unsigned int first, unsigned int last)
{
	int fd;

	if (first >= CHUNK * CHUNKS)
		return;
	for (fd = shim_file_next_fd((int)first);
	     fd >= 0 && (unsigned int)fd <= last;
	     fd = shim_file_next_fd(fd + 1))
		shim_file_forget(fd);
}

void shim_file_hold(struct shim_file *file)
{
	file->users++;
}

void shim_file_put(struct shim_file *file)
{
	if (--file->users == 0)
		file_check(file);
}

void shim_file_await(struct shim_file *file)
{
	while (file->moving || file->naming) {
		uint32_t seen = turns;

		waiting++;
		shim_unlock_only();
		raw_futex(&turns, FUTEX_WAIT, seen, NULL);
		shim_lock_only();
		waiting--;
	}
}

void shim_file_free_again(struct shim_file *file)
{
	file->moving = file->naming = false;
	__atomic_add_fetch(&turns, 1, __ATOMIC_RELEASE);
	if (waiting)
		raw_futex(&turns, FUTEX_WAKE, INT_MAX, NULL);
}

void shim_file_reap(void)
{
	struct shim_file *file, *next;

	for (file = all; file; file = next) {
		next = file->next;
		file_check(file);
	}
}

struct shim_file *shim_file_first(void)
{
	return all;
}

void shim_file_after_fork(void)
{
	struct shim_file *file;

	waiting = 0;
	/* the parent's engine is gone from here with its memory; the fds
	 * stay known, so that calls on them get an honest error */
	for (file = all; file; file = file->next) {
		file->so = NULL;
		file->peer_fd = -1;
		file->claim = NULL;
		file->users = 0;
		file->pollers = 0;
		file->loan = NULL;
		file->watched = false;
		file->moving = file->naming = file->shared = false;
		file->asked = false;
		file->dirty = false;
	}
}
