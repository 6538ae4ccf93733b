/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile(): into a stream straight into its send buffer, and as one datagram
 * by way of a buffer. */
#include "config.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "shim/call.h"
#include "shim/helper.h"
#include "shim/mirror.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

#define DATAGRAM_MAX 65507
/* Bytes moved before other threads get the lock. */
#define STEP (256 * 1024)

/* One step: as much as the send buffer has room for. */
static ssize_t step(struct shim_file *file, int in, off_t *offset, size_t len)
{
	struct iovec iov[8];
	ssize_t n;
	int cnt, i;
	size_t room = 0;

	cnt = fdnet_sock_send_reserve(file->so, iov, 8);
	if (cnt < 0)
		return cnt;
	for (i = 0; i < cnt; i++) {
		if (room + iov[i].iov_len >= len) {
			iov[i].iov_len = len - room;
			room = len;
			cnt = i + 1;
			break;
		}
		room += iov[i].iov_len;
	}
	if (offset)
		n = RAW(SYS_preadv, in, iov, cnt, *offset, 0, 0);
	else
		n = RAW(SYS_readv, in, iov, cnt, 0, 0, 0);
	if (n <= 0) {
		fdnet_sock_send_commit(file->so, 0);
		return n;
	}
	fdnet_sock_send_commit(file->so, (size_t)n);
	if (offset)
		*offset += n;
	return n;
}

/* Until all is sent, or -ESTALE: the kernel has the socket now. */
static ssize_t send_file(struct shim_file *file, int in, off_t *offset,
			 size_t count, struct shim_guard *guard,
			 size_t *ret_done)
{
	struct shim_waiter w = { 0 };
	uint64_t deadline = 0;
	size_t done = 0;
	ssize_t rc = 0;

	while (done < count) {
		size_t want = count - done < STEP ? count - done : STEP;

		if (file->pumped) {
			rc = -ESTALE;
			break;
		}
		rc = file->so ? step(file, in, offset, want) : -ECONNRESET;
		if (rc > 0) {
			done += (size_t)rc;
			shim_net_flush();
			continue;
		}
		if (rc != -EAGAIN)
			break;
		shim_net_drive();
		if (file->so && (fdnet_sock_poll(file->so) & FDNET_EV_OUT))
			continue;
		if (file->nonblock)
			break;
		rc = shim_block(file, FDNET_EV_OUT, file->sndtimeo_us,
				&deadline, &w, guard);
		if (rc < 0)
			break;
	}
	shim_wait_end(&w);
	shim_mirror_touch(file);
	shim_net_flush();
	*ret_done = done;
	return done > 0 && rc != -ESTALE ? (ssize_t)done : rc;
}

/* What is left when the relay has taken the socket over: @offset and the
 * file's own have moved on. */
static ssize_t send_rest(int out, int in, off_t *offset, size_t count,
			 size_t done)
{
	ssize_t n = LIBC(sendfile)(out, in, offset, count - done);

	return n < 0 && !done ? n : (ssize_t)done + (n > 0 ? n : 0);
}

/* All of it is one datagram, as far as one may be. */
static ssize_t send_as_datagram(int out, int in, off_t *offset, size_t count)
{
	size_t room = count < DATAGRAM_MAX ? count : DATAGRAM_MAX + 1;
	ssize_t n, rc;
	void *buf;

	rc = RAW(SYS_mmap, 0, room, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rc < 0 && rc > -4096)
		return rc;
	buf = (void *)rc;
	if (offset)
		n = RAW(SYS_pread64, in, buf, room, *offset, 0, 0);
	else
		n = RAW(SYS_read, in, buf, room, 0, 0, 0);
	rc = n > 0 ? shim_send(out, buf, (size_t)n, 0) : n;
	if (n > 0 && rc < 0)
		rc = -errno;
	if (rc > 0 && offset)
		*offset += rc;
	else if (n > 0 && rc < 0 && !offset)
		RAW(SYS_lseek, in, -n, SEEK_CUR, 0, 0, 0);
	RAW(SYS_munmap, buf, room, 0, 0, 0, 0);
	return rc;
}

/* From a socket only into a pipe: that is a splice(). */
static ssize_t send_from_socket(int out, int in, off_t *offset, size_t count)
{
	int mode = raw_fcntl(out, F_GETFL, 0) & O_ACCMODE;
	struct stat st;

	/* in the kernel's order */
	if (offset)
		return shim_ret(-ESPIPE);
	if (fstat(out, &st) < 0 || mode == O_RDONLY)
		return shim_ret(-EBADF);
	if (!S_ISFIFO(st.st_mode))
		return shim_ret(-EINVAL);
	return shim_splice(in, NULL, out, NULL, count, 0);
}

static int check(int in, const off_t *offset)
{
	struct stat st;

	if (fstat(in, &st) < 0)
		return -EBADF;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	return offset && !shim_can_write(offset, sizeof(*offset)) ? -EFAULT :
								    0;
}

ssize_t shim_sendfile(int out, int in, off_t *offset, size_t count)
{
	struct shim_guard guard;
	struct shim_file *file;
	bool is_stream;
	size_t done = 0;
	ssize_t rc;

	if (!shim_is_kernels(in))
		return send_from_socket(out, in, offset, count);
	file = shim_begin_io(out, &guard);
	if (!file) /* what is wrong, the kernel says */
		return LIBC(sendfile)(out, in, offset, count);
	rc = check(in, offset);
	if (count > INT_MAX - 4096)
		count = INT_MAX - 4096;
	is_stream = file->is_stream;
	if (rc < 0 || !is_stream) {
		shim_end(&guard);
		return shim_ret(rc < 0 ? rc :
					 send_as_datagram(out, in, offset,
							  count));
	}
	shim_file_hold(file);
	rc = send_file(file, in, offset, count, &guard, &done);
	if (!file->nonblock)
		shim_helper_want();
	shim_file_put(file);
	shim_end(&guard);
	shim_helper_start();
	if (rc == -ESTALE)
		return send_rest(out, in, offset, count, done);
	if (rc == -EPIPE)
		shim_raise_sigpipe();
	return shim_ret(rc);
}
SHIM_EXPORT(sendfile);
SHIM_EXPORT_AS(sendfile64, sendfile);
