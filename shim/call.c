/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/call.h"

#include <pthread.h>

#include "shim/helper.h"
#include "shim/node.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/signal.h"

struct shim_file *shim_begin(int fd, struct shim_guard *guard)
{
	struct shim_file *file;

	if (!shim_file_maybe(fd))
		return NULL;
	shim_enter(guard);
	shim_net_catch_up();
	file = shim_file_get(fd);
	if (file && file->unknown && !shim_file_learn(file))
		file = NULL;
	if (file)
		return file;
	shim_leave(guard);
	return NULL;
}

struct shim_file *shim_begin_io(int fd, struct shim_guard *guard)
{
	struct shim_file *file = shim_begin(fd, guard);

	if (!file || !file->pumped)
		return file;
	if (file->remote) {
		shim_pump_touch(file);
		/* datagrams have names, which the kernel does not see */
		if (!file->is_stream &&
		    (file->in_node || file->peer.ip.family == 0))
			return file;
		if (file->narrow && !file->listens)
			shim_node_open_out(file, fd);
	}
	shim_end(guard);
	shim_helper_start();
	return NULL;
}

bool shim_is_kernels(int fd)
{
	struct shim_file *file = shim_file_peek(fd);

	if (!file)
		return true;
	/* datagrams have names, which the kernel does not see */
	return file->pumped && !file->unknown &&
	       !(file->in_node && !file->is_stream);
}

bool shim_is_plain(int fd)
{
	struct shim_file *file = shim_file_peek(fd);

	return !file || (file->remote && file->touched && !file->narrow &&
			 shim_is_kernels(fd));
}

void shim_end(struct shim_guard *guard)
{
	shim_leave(guard);
}

int shim_block(struct shim_file *file, uint32_t events, uint64_t timeo_us,
	       uint64_t *deadline_us, struct shim_waiter *w,
	       struct shim_guard *guard)
{
	int rc;

	if (*deadline_us == 0)
		*deadline_us =
			timeo_us ? shim_now_us() + timeo_us : FDNET_NEVER;
	w->file = file;
	w->events = events;
	w->deadline_us = *deadline_us;
	w->guard = guard;
	shim_signal_watch();
	rc = shim_wait(w, NULL, 0);
	if (rc == -ETIMEDOUT)
		return -EAGAIN;
	/* begun again it would not find what a handler has closed */
	if (rc == -EINTR && timeo_us == 0 && shim_signal_restarts())
		return file->fds == 0 ? -EBADF : 0;
	return rc;
}

void shim_cancel_point(int fd)
{
	if (shim_file_maybe(fd))
		pthread_testcancel();
}

/* As libc makes its calls cancellation points: while the kernel has the thread
 * it may be cancelled at any moment. */
ssize_t shim_sleep_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc;
	int type;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	rc = raw_recvmsg(fd, msg, flags);
	pthread_setcanceltype(type, NULL);
	return rc;
}

ssize_t shim_sleep_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t rc;
	int type;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	rc = raw_sendmsg(fd, msg, flags);
	pthread_setcanceltype(type, NULL);
	return rc;
}

void shim_cancel_off(int *state)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, state);
}

void shim_cancel_restore(int state)
{
	pthread_setcancelstate(state, NULL);
}

void shim_raise_sigpipe(void)
{
	long pid = RAW(SYS_getpid, 0, 0, 0, 0, 0, 0);
	long tid = RAW(SYS_gettid, 0, 0, 0, 0, 0, 0);

	RAW(SYS_tgkill, pid, tid, SIGPIPE, 0, 0, 0);
}
