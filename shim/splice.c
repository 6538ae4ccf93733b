/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice() between a pipe and a socket of ours. A stream's bytes go between
 * the pipe and the engine's buffers, under the lock and without waiting there;
 * a datagram goes by way of a buffer, as the kernel's own does.
 */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "shim/call.h"
#include "shim/helper.h"
#include "shim/mirror.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8
#endif
#define PARTS 8
/* Largest datagram; what a pipe holds. */
#define BUFFER 65536
/* As much goes into a pipe that is writable at all. */
#define ALWAYS_FITS 4096
#define KNOWN_FLAGS                                                            \
	(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

static bool is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static bool pipe_is(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	struct timespec now = { 0 };

	return raw_ppoll(&p, 1, &now, NULL) == 1;
}

/* Not under the lock. 0, -EAGAIN, -EINTR. */
static int wait_for_pipe(int fd, short events, unsigned int flags)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc;

	if (flags & SPLICE_F_NONBLOCK ||
	    raw_fcntl(fd, F_GETFL, 0) & O_NONBLOCK)
		return -EAGAIN;
	rc = LIBC(poll)(&p, 1, -1);
	return rc < 0 ? -errno : 0;
}

/* The first @len bytes of @iov; entries left. */
static int cut(struct iovec *iov, int cnt, size_t len)
{
	int i;

	for (i = 0; i < cnt; i++) {
		if (iov[i].iov_len >= len) {
			iov[i].iov_len = len;
			return i + 1;
		}
		len -= iov[i].iov_len;
	}
	return cnt;
}

/* Never waits: @call is SYS_preadv2 or SYS_pwritev2, on a pipe. */
static ssize_t move(long call, int fd, struct iovec *iov, int cnt)
{
	ssize_t rc = RAW(call, fd, iov, cnt, -1, -1, RWF_NOWAIT);

	if (rc != -EOPNOTSUPP)
		return rc;
	/* a kernel whose pipes do not know RWF_NOWAIT */
	if (!pipe_is(fd, call == SYS_preadv2 ? POLLIN : POLLOUT))
		return -EAGAIN;
	if (call == SYS_pwritev2)
		cnt = cut(iov, cnt, ALWAYS_FITS);
	return RAW(call, fd, iov, cnt, -1, -1, 0);
}

/* ---- streams ---- */

/* One step, under the lock: -EAGAIN with *ret_pipe, the pipe is full. */
static ssize_t stream_out(struct shim_file *file, int out, size_t len,
			  bool *ret_pipe)
{
	struct iovec iov[PARTS];
	ssize_t rc;
	int cnt;

	cnt = file->so ? fdnet_sock_recv_peek(file->so, iov, PARTS) :
			 -ECONNRESET;
	*ret_pipe = cnt > 0;
	if (cnt <= 0)
		return cnt;
	rc = move(SYS_pwritev2, out, iov, cut(iov, cnt, len));
	if (rc > 0)
		fdnet_sock_recv_consume(file->so, (size_t)rc);
	return rc;
}

static ssize_t stream_in(struct shim_file *file, int in, size_t len,
			 bool *ret_pipe)
{
	struct iovec iov[PARTS];
	ssize_t rc;
	int cnt;

	cnt = file->so ? fdnet_sock_send_reserve(file->so, iov, PARTS) :
			 -EPIPE;
	*ret_pipe = cnt > 0;
	if (cnt <= 0)
		return cnt;
	rc = move(SYS_preadv2, in, iov, cut(iov, cnt, len));
	fdnet_sock_send_commit(file->so, rc > 0 ? (size_t)rc : 0);
	return rc;
}

/* Until something has moved. -ESTALE: the kernel has the socket now. */
static ssize_t move_stream(struct shim_file *file, int fd, bool to_pipe,
			   size_t len, bool *ret_pipe,
			   struct shim_guard *guard)
{
	uint32_t event = to_pipe ? FDNET_EV_IN : FDNET_EV_OUT;
	struct shim_waiter w = { 0 };
	uint64_t deadline = 0;
	ssize_t rc;

	for (;;) {
		*ret_pipe = false;
		if (file->pumped) {
			rc = -ESTALE;
			break;
		}
		rc = to_pipe ? stream_out(file, fd, len, ret_pipe) :
			       stream_in(file, fd, len, ret_pipe);
		if (rc != -EAGAIN || *ret_pipe)
			break;
		shim_net_drive();
		if (file->so && fdnet_sock_poll(file->so) & event)
			continue;
		if (file->nonblock)
			break;
		rc = shim_block(file, event,
				to_pipe ? file->rcvtimeo_us :
					  file->sndtimeo_us,
				&deadline, &w, guard);
		if (rc < 0)
			break;
	}
	shim_mirror_touch(file);
	shim_net_flush();
	shim_wait_end(&w);
	return rc;
}

/* ---- datagrams ---- */

static ssize_t datagram_out(int in, int out, void *buf, size_t len,
			    unsigned int flags)
{
	ssize_t rc;

	while (!pipe_is(out, POLLOUT)) {
		rc = wait_for_pipe(out, POLLOUT, flags);
		if (rc < 0)
			return shim_ret(rc);
	}
	rc = shim_recv(in, buf, len < BUFFER ? len : BUFFER, 0);
	return rc > 0 ? LIBC(write)(out, buf, (size_t)rc) : rc;
}

static ssize_t datagram_in(int in, int out, void *buf, size_t len,
			   unsigned int flags)
{
	ssize_t rc;

	while (!pipe_is(in, POLLIN)) {
		rc = wait_for_pipe(in, POLLIN, flags);
		if (rc < 0)
			return shim_ret(rc);
	}
	rc = LIBC(read)(in, buf, len < BUFFER ? len : BUFFER);
	return rc > 0 ? shim_send(out, buf, (size_t)rc, 0) : rc;
}

static ssize_t move_datagram(int in, int out, bool to_pipe, size_t len,
			     unsigned int flags)
{
	ssize_t rc = RAW(SYS_mmap, 0, BUFFER, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *buf = (void *)rc;

	if (rc < 0 && rc > -4096)
		return shim_ret(rc);
	rc = to_pipe ? datagram_out(in, out, buf, len, flags) :
		       datagram_in(in, out, buf, len, flags);
	RAW(SYS_munmap, buf, BUFFER, 0, 0, 0, 0);
	return rc;
}

/* ---- all ---- */

/* The kernel's order. */
static int check(int in, off64_t *in_off, int out, off64_t *out_off,
		 bool to_pipe, unsigned int flags)
{
	int pipe = to_pipe ? out : in;
	long mode = raw_fcntl(pipe, F_GETFL, 0);

	if (flags & ~(unsigned int)KNOWN_FLAGS)
		return -EINVAL;
	if (mode < 0 || (mode & O_ACCMODE) != (to_pipe ? O_WRONLY : O_RDONLY))
		return is_pipe(pipe) || mode < 0 ? -EBADF : -EINVAL;
	if (!is_pipe(pipe))
		return -EINVAL;
	if (to_pipe ? out_off != NULL : in_off != NULL)
		return -ESPIPE;
	return (to_pipe ? in_off : out_off) ? -EINVAL : 0;
}

static ssize_t splice_ours(int in, int out, bool to_pipe, size_t len,
			   unsigned int flags)
{
	int fd = to_pipe ? in : out, pipe = to_pipe ? out : in;
	struct shim_guard guard;
	struct shim_file *file;
	bool at_pipe, blocks;
	ssize_t rc;

	for (;;) {
		shim_cancel_point(fd);
		file = shim_begin_io(fd, &guard);
		if (!file)
			return LIBC(splice)(in, NULL, out, NULL, len, flags);
		if (!file->is_stream) {
			shim_end(&guard);
			return move_datagram(in, out, to_pipe, len, flags);
		}
		shim_file_hold(file);
		rc = move_stream(file, pipe, to_pipe, len, &at_pipe, &guard);
		blocks = !file->nonblock;
		if (blocks && !to_pipe)
			shim_helper_want();
		shim_file_put(file);
		shim_end(&guard);
		shim_helper_start();
		if (rc == -ESTALE)
			continue;
		if (rc != -EAGAIN || !at_pipe)
			break;
		rc = wait_for_pipe(pipe, to_pipe ? POLLOUT : POLLIN, flags);
		if (rc < 0)
			break;
	}
	if (rc == -EPIPE && !to_pipe)
		shim_raise_sigpipe();
	return shim_ret(rc);
}

/* Is it for us to do? One of our parent's is asked for first. */
static bool is_ours(int fd)
{
	struct shim_guard guard;

	if (!shim_begin_io(fd, &guard))
		return false;
	shim_end(&guard);
	return true;
}

ssize_t shim_splice(int in, off64_t *in_off, int out, off64_t *out_off,
		    size_t len, unsigned int flags)
{
	bool to_pipe = is_ours(in);
	int rc;

	if ((!to_pipe && !is_ours(out)) || len == 0)
		return LIBC(splice)(in, in_off, out, out_off, len, flags);
	rc = check(in, in_off, out, out_off, to_pipe, flags);
	if (rc < 0)
		return shim_ret(rc);
	return splice_ours(in, out, to_pipe, len, flags);
}
SHIM_EXPORT(splice);
