/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/bell.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>

#include "shim/highfd.h"
#include "shim/lock.h"
#include "shim/raw.h"

#define BELLS_KEPT 64

static int fds[BELLS_KEPT];
static unsigned int nfds;

int shim_bell_open(struct shim_bell *bell, bool with_fd)
{
	int fd;

	*bell = (struct shim_bell){ .fd = -1 };
	if (!with_fd)
		return 0;
	if (nfds > 0) {
		bell->fd = fds[--nfds];
		return 0;
	}
	fd = (int)RAW(SYS_eventfd2, 0, EFD_NONBLOCK | EFD_CLOEXEC, 0, 0, 0, 0);
	if (fd >= 0)
		fd = shim_fd_raise(fd);
	if (fd < 0)
		return fd;
	bell->fd = fd;
	return 0;
}

void shim_bell_close(struct shim_bell *bell)
{
	uint64_t n;

	if (bell->fd < 0)
		return;
	if (bell->rung)
		raw_read(bell->fd, &n, sizeof(n));
	if (nfds < BELLS_KEPT)
		fds[nfds++] = bell->fd;
	else
		shim_fd_lower(bell->fd);
	bell->fd = -1;
}

void shim_bell_ring(struct shim_bell *bell)
{
	uint64_t one = 1;

	if (bell->fd < 0) {
		__atomic_store_n(&bell->word, 1, __ATOMIC_RELEASE);
		shim_wake_later(&bell->word);
		return;
	}
	bell->rung = true;
	raw_write(bell->fd, &one, sizeof(one));
}

int shim_bell_sleep(struct shim_bell *bell, const struct timespec *timeout)
{
	long rc;
	int type;

	/* as libc does in its calls */
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	rc = raw_futex(&bell->word, FUTEX_WAIT, 0, timeout);
	pthread_setcanceltype(type, NULL);
	return rc == -ETIMEDOUT || rc == -EINTR ? (int)rc : 0;
}

void shim_bell_after_fork(void)
{
	nfds = 0;
}
