/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile() reads straight into the send buffer; splice() is refused in the
 * way that makes programs fall back to read and write. */
#include "config.h"

#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "shim/call.h"
#include "shim/helper.h"
#include "shim/mirror.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

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

static ssize_t send_file(struct shim_file *file, int in, off_t *offset,
			 size_t count, struct shim_guard *guard)
{
	struct shim_waiter w = { 0 };
	uint64_t deadline = 0;
	size_t done = 0;
	ssize_t rc = 0;

	while (done < count) {
		size_t want = count - done < STEP ? count - done : STEP;

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
	return done > 0 ? (ssize_t)done : rc;
}

ssize_t shim_sendfile(int out, int in, off_t *offset, size_t count)
{
	struct shim_guard guard;
	struct shim_file *file;
	struct stat st;
	ssize_t rc;

	if (!shim_is_kernels(in)) /* what is wrong, the kernel says */
		return LIBC(sendfile)(out, in, offset, count);
	file = shim_begin_io(out, &guard);
	if (!file)
		return LIBC(sendfile)(out, in, offset, count);
	if (fstat(in, &st) < 0)
		rc = -EBADF;
	else if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		rc = -EINVAL;
	else if (!file->is_stream)
		rc = -EINVAL;
	else if (offset && !shim_can_write(offset, sizeof(*offset)))
		rc = -EFAULT;
	else
		rc = 0;
	if (count > INT_MAX - 4096)
		count = INT_MAX - 4096;
	shim_file_hold(file);
	if (rc == 0)
		rc = send_file(file, in, offset, count, &guard);
	if (!file->nonblock)
		shim_helper_want();
	shim_file_put(file);
	shim_end(&guard);
	shim_helper_start();
	if (rc == -EPIPE)
		shim_raise_sigpipe();
	return shim_ret(rc);
}
SHIM_EXPORT(sendfile);
SHIM_EXPORT_AS(sendfile64, sendfile);

ssize_t shim_splice(int in, off64_t *in_off, int out, off64_t *out_off,
		    size_t len, unsigned int flags)
{
	if (!shim_is_kernels(in) || !shim_is_kernels(out))
		return shim_ret(-EINVAL);
	return LIBC(splice)(in, in_off, out, out_off, len, flags);
}
SHIM_EXPORT(splice);
